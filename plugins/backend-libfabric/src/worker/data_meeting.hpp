// The answering half of finding a data path, with a client or with another worker: what both have, an end of the path that is
// tried, the meeting. The asking half is net/path_search.
//
// Opening an end and meeting take time, so they happen beside the io thread.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "net/asides.hpp"
#include "net/connection.hpp"
#include "net/path_search.hpp"
#include "protocol/messages.hpp"

namespace genie::remote {

class DataMeeting : public std::enable_shared_from_this<DataMeeting> {
 public:
  /// provider: what this worker allows; "auto", a name, or "none". asides: outlives the connection.
  DataMeeting(std::shared_ptr<Connection> control, std::string provider, Asides& asides)
      : control_(std::move(control)), provider_(std::move(provider)), asides_(asides) {}

  /// data_paths, data_open and data_use of the other end. On the io thread.
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
  Asides& asides_;

  std::mutex lock_;  // guards the members below
  bool busy_ = false;
  std::optional<Path> met_;
  std::optional<std::uint64_t> asked_;  // the request that waits for the end of the meeting
};

}  // namespace genie::remote
