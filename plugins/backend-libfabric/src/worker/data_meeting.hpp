// The worker's half of finding a data path with a client: what both have, an end of the path that the client tries, the meeting.
//
// Opening an end and meeting take time, so they happen on a thread of their own, which ends within the meeting's limit.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "net/connection.hpp"
#include "protocol/messages.hpp"

namespace genie::remote {

/// How long two ends may take to meet.
inline constexpr std::chrono::seconds kMeetingLimit{5};

class DataMeeting : public std::enable_shared_from_this<DataMeeting> {
 public:
  /// provider: what this worker allows; "auto", a name, or "none".
  DataMeeting(std::shared_ptr<Connection> control, std::string provider)
      : control_(std::move(control)), provider_(std::move(provider)) {}

  /// data_paths, data_open and data_use of the client. On the io thread.
  void frame(Frame frame);

 private:
  using Path = genie::Expected<std::unique_ptr<datapath::Connection>>;

  void choose(std::uint64_t id, const DataPaths& theirs);
  void open(std::uint64_t id, const DataOpen& wanted, const std::string& local_address);
  void begin_to_use(std::uint64_t id);
  void failed(std::uint64_t id, genie::Error error) const;
  void settle();

  const std::shared_ptr<Connection> control_;
  const std::string provider_;

  std::mutex lock_;  // guards the members below
  bool busy_ = false;
  std::optional<Path> met_;
  std::optional<std::uint64_t> asked_;  // the request that waits for the end of the meeting
};

}  // namespace genie::remote
