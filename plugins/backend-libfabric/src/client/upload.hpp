// Weights on their way to workers: pieces of several blobs to all workers at once, so many unanswered at a time, so that
// neither side waits for the other and neither holds more than that.
//
// Threads: everything is sent on the io thread, where answers come; whoever wants the weights there waits.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "client/worker_link.hpp"
#include "genie/exec/device.hpp"

namespace genie::remote {

class Upload : public std::enable_shared_from_this<Upload> {
 public:
  explicit Upload(exec::Counters& counters) : counters_(counters) {}

  /// Before it begins.
  void add(const std::shared_ptr<WorkerLink>& worker, std::string digest, genie::MappedBlob blob);
  /// Sends everything, and waits until it is there. The first failure; CANCELLED and DEADLINE_EXCEEDED with the call.
  [[nodiscard]] genie::Outcome run(const genie::Call& call, Io& io);

 private:
  struct Blob {
    std::string digest;
    std::shared_ptr<const genie::MappedBlob> bytes;
    std::uint64_t sent = 0;
  };
  struct Lane {
    std::shared_ptr<WorkerLink> worker;
    std::deque<Blob> blobs;  ///< not wholly sent; the first few take turns
    std::size_t turn = 0;
    std::size_t unanswered = 0;
  };
  void send_more(Lane& lane);
  void send_piece(Lane& lane, Blob& blob);
  void answered(Lane& lane, std::uint64_t bytes, genie::Outcome outcome);
  [[nodiscard]] genie::Outcome watch(const genie::Call& call);

  exec::Counters& counters_;
  std::deque<Lane> lanes_;  // the io thread's, once it began; a worker each
  std::uint64_t total_ = 0;

  std::mutex lock_;  // guards the members below
  std::condition_variable changed_;
  std::size_t open_ = 0;  ///< blobs that are not wholly there
  std::uint64_t there_ = 0;
  std::optional<genie::Error> failed_;
  bool stopped_ = false;
};

}  // namespace genie::remote
