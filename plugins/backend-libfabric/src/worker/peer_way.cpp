#include "worker/peer_way.hpp"

#include <future>
#include <mutex>
#include <optional>

#include "genie/exec/budget.hpp"

namespace genie::remote {

namespace {

/// The other end says within its own limits what came of a request; this only keeps a thread from waiting for ever.
constexpr auto kPatience = 2 * kMeetingLimit;

/// One request at a time over a connection, and what comes of the connection's end.
class Asking : public std::enable_shared_from_this<Asking> {
 public:
  Asking(std::shared_ptr<Connection> connection, std::function<void(genie::Error)> lost)
      : connection_(std::move(connection)), lost_(std::move(lost)) {}

  /// On the io thread.
  void listen() {
    connection_->replace_handlers(
        [self = shared_from_this()](Frame frame) { self->heard(std::move(frame)); },
        [self = shared_from_this()](genie::Error why) { self->over(std::move(why)); });
  }
  [[nodiscard]] bool alive() {
    const std::lock_guard hold(lock_);
    return !ended_;
  }
  genie::Expected<Frame> ask(Outgoing frame) {
    std::future<genie::Expected<Frame>> answer;
    {
      const std::lock_guard hold(lock_);
      if (ended_) return *ended_;
      frame.id = ++asked_;
      answer = open_.emplace().get_future();
    }
    connection_->send(std::move(frame));
    if (answer.wait_for(kPatience) != std::future_status::ready) {
      const std::lock_guard hold(lock_);
      if (open_) open_.reset();
      return exec::problem(GENIE_DEADLINE_EXCEEDED, "GE0852", "the other worker did not answer");
    }
    auto got = answer.get();
    if (!got || got->type() == Type::done) return got;
    auto failed = decode<Failed>(got->message);
    if (failed) return std::move(failed->error);
    return exec::problem(GENIE_INTERNAL, "GE0811", "a worker answered with a malformed failure");
  }
  /// From now on the end of the connection is the owner's matter.
  void settled() {
    std::optional<genie::Error> ended;
    {
      const std::lock_guard hold(lock_);
      settled_ = true;
      ended = ended_;
    }
    if (ended) lost_(*std::move(ended));
  }

 private:
  void heard(Frame frame) {
    if (frame.type() == Type::refused) {
      auto refused = decode<Failed>(frame.message);
      return connection_->close(refused ? std::move(refused->error) : genie::cancelled());
    }
    if (frame.type() != Type::done && frame.type() != Type::failed) return;
    const std::lock_guard hold(lock_);
    if (!open_ || frame.id() != asked_) return;
    open_->set_value(std::move(frame));
    open_.reset();
  }
  void over(genie::Error why) {
    bool settled = false;
    {
      const std::lock_guard hold(lock_);
      ended_ = why;
      settled = settled_;
      if (open_) open_->set_value(why);
      open_.reset();
    }
    if (settled) lost_(std::move(why));
  }

  const std::shared_ptr<Connection> connection_;
  const std::function<void(genie::Error)> lost_;
  std::mutex lock_;  // guards the members below
  std::uint64_t asked_ = 0;
  std::optional<std::promise<genie::Expected<Frame>>> open_;
  std::optional<genie::Error> ended_;
  bool settled_ = false;
};

}  // namespace

void find_way(std::shared_ptr<Connection> connection, PathWish wish, Asides& asides,
              std::function<void(genie::Expected<PeerWay>)> answer, std::function<void(genie::Error)> lost) {
  const auto asking = std::make_shared<Asking>(connection, std::move(lost));
  asking->listen();
  wish.local_address = connection->local_address();
  asides.run(
      [asking, connection = std::move(connection), wish = std::move(wish), answer = std::move(answer)] {
        auto found = find_data_path(
            *connection, wish, [&](Outgoing frame) { return asking->ask(std::move(frame)); },
            [&] { return asking->alive(); });
        if (found) {
          answer(PeerWay{connection, *std::move(found)});
        } else {
          connection->close(found.error());
          answer(std::move(found).error());
        }
        asking->settled();
      });
}

}  // namespace genie::remote
