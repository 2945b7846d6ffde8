#include "client/upload.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>

#include "genie/exec/budget.hpp"
#include "protocol/messages.hpp"

namespace genie::remote {

namespace {

constexpr std::uint64_t kPieceBytes = std::uint64_t{4} << 20;
/// Unanswered per worker: enough for the network and the hashing of several blobs to be busy at once.
constexpr std::size_t kPieces = 8;
/// Blobs of a worker that take turns, because each is hashed by one thread.
constexpr std::size_t kTogether = 4;
constexpr std::chrono::milliseconds kLook{20};

}  // namespace

void Upload::add(const std::shared_ptr<WorkerLink>& worker, std::string digest, genie::MappedBlob blob) {
  auto lane = std::ranges::find(lanes_, worker, &Lane::worker);
  if (lane == lanes_.end()) {
    lanes_.emplace_back().worker = worker;
    lane = lanes_.end() - 1;
  }
  const auto bytes = std::make_shared<const genie::MappedBlob>(std::move(blob));
  total_ += bytes->bytes().size;
  ++open_;
  lane->blobs.push_back({std::move(digest), bytes, 0});
}

genie::Outcome Upload::run(const genie::Call& call, Io& io) {
  if (open_ == 0) return genie::Done{};
  const std::uint64_t began = monotonic_ns();
  counters_.add("blobs_sent", open_);
  boost::asio::post(io.context(), [self = shared_from_this()] {
    for (Lane& lane : self->lanes_)
      self->send_more(lane);
  });
  auto watched = watch(call);
  counters_.add("weight_send_ns", monotonic_ns() - began);
  return watched;
}

genie::Outcome Upload::watch(const genie::Call& call) {
  const std::uint64_t began = monotonic_ns();
  std::unique_lock hold(lock_);
  genie::Outcome outcome = genie::Done{};
  while (open_ != 0 && !failed_) {
    if (call.cancelled()) {
      outcome = genie::cancelled();
      break;
    }
    const std::uint64_t now = monotonic_ns();
    if (call.deadline_ns() != GENIE_NO_DEADLINE && now >= call.deadline_ns()) {
      outcome = exec::problem(GENIE_DEADLINE_EXCEEDED, "GE0620",
                              "the deadline passed while weights were sent: " + exec::bytes_text(there_) +
                                  " of " + exec::bytes_text(total_) + " were there",
                              "allow it more time");
      break;
    }
    const double seconds = static_cast<double>(now - began) / 1e9;
    const auto rate = static_cast<std::uint64_t>(seconds > 0 ? static_cast<double>(there_) / seconds : 0);
    const std::uint64_t there = there_;
    hold.unlock();
    call.progress(there, total_,
                  "sending weights, " + exec::bytes_text(there) + " of " + exec::bytes_text(total_) + ", " +
                      exec::bytes_text(rate) + "/s");
    hold.lock();
    if (open_ == 0 || failed_) break;
    changed_.wait_for(hold, kLook);
  }
  stopped_ = true;
  if (failed_) return *failed_;
  return outcome;
}

void Upload::send_more(Lane& lane) {
  {
    const std::lock_guard hold(lock_);
    if (failed_ || stopped_) return;
  }
  while (lane.unanswered < kPieces && !lane.blobs.empty()) {
    const std::size_t at = lane.turn++ % std::min(kTogether, lane.blobs.size());
    Blob& blob = lane.blobs[at];
    send_piece(lane, blob);
    if (blob.sent == blob.bytes->bytes().size)
      lane.blobs.erase(lane.blobs.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

void Upload::send_piece(Lane& lane, Blob& blob) {
  const genie_bytes all = blob.bytes->bytes();
  const std::uint64_t bytes = std::min(kPieceBytes, all.size - blob.sent);
  Outgoing frame{Type::blob, 0, encode(BlobChunk{blob.digest, all.size, blob.sent}), {}};
  if (bytes != 0)
    frame.payload.push_back({static_cast<const std::byte*>(all.data) + blob.sent,
                             static_cast<std::size_t>(bytes), 0, blob.bytes});
  blob.sent += bytes;
  const bool last = blob.sent == all.size;
  ++lane.unanswered;
  counters_.add("weight_bytes_sent", bytes);
  lane.worker->request(std::move(frame),
                       [self = shared_from_this(), &lane, bytes, last](genie::Expected<Frame> answer) {
                         auto got = successful(std::move(answer));
                         genie::Outcome outcome = genie::Done{};
                         if (!got) outcome = std::move(got).error();
                         const bool fine = outcome.ok();
                         self->answered(lane, bytes, std::move(outcome));
                         if (fine && last) {
                           const std::lock_guard hold(self->lock_);
                           --self->open_;
                           self->changed_.notify_all();
                         }
                       });
}

void Upload::answered(Lane& lane, std::uint64_t bytes, genie::Outcome outcome) {
  --lane.unanswered;
  {
    const std::lock_guard hold(lock_);
    if (outcome)
      there_ += bytes;
    else if (!failed_)
      failed_ = std::move(outcome).error();
    changed_.notify_all();
  }
  send_more(lane);
}

}  // namespace genie::remote
