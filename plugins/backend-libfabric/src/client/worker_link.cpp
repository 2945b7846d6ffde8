#include "client/worker_link.hpp"

#include <algorithm>
#include <chrono>

#include "genie/exec/program.hpp"
#include "protocol/secret.hpp"

namespace genie::remote {

namespace {

constexpr std::chrono::milliseconds kTick{20};
/// How long a cancelled call may go unnoticed: genie_call can only be asked.
constexpr std::chrono::milliseconds kPoll{10};

/// Waits for a future with the call's deadline and wish to stop in view.
template <class T>
genie::Outcome wait(const genie::Call& call, std::future<T>& future) {
  for (;;) {
    if (future.wait_for(kPoll) == std::future_status::ready) return genie::Done{};
    if (call.cancelled()) return genie::cancelled();
    if (call.deadline_ns() != GENIE_NO_DEADLINE && monotonic_ns() >= call.deadline_ns())
      return exec::problem(GENIE_DEADLINE_EXCEEDED, "GE0620",
                           "the deadline passed while a worker was waited for");
  }
}

}  // namespace

genie::Expected<Frame> successful(genie::Expected<Frame> answer) {
  if (!answer || answer->type() == Type::done) return answer;
  auto failed = decode<Failed>(answer->message);
  if (failed) return std::move(failed->error);
  return exec::problem(GENIE_INTERNAL, "GE0811", "a worker answered with a malformed failure");
}

genie::Expected<Dial> how_to_dial(const ClientOptions& options) {
  Dial how;
  how.limit = std::chrono::milliseconds(options.connect_ms);
  if (options.keys.given()) {
    auto tls = tls_context(options.keys);
    if (!tls) return std::move(tls).error();
    how.tls = *std::move(tls);
  }
  if (!options.token_file.empty()) {
    auto token = read_token(options.token_file);
    if (!token) return std::move(token).error();
    how.secret = *std::move(token);
  }
  return how;
}

Io::Io() : work_(boost::asio::make_work_guard(io_)), timer_(io_), thread_([this] { io_.run(); }) {}

void Io::every_tick(std::function<void()> look) {
  boost::asio::post(io_, [this, look = std::move(look)]() mutable {
    look_ = std::move(look);
    tick();
  });
}

void Io::tick() {
  timer_.expires_after(kTick);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    look_();
    tick();
  });
}

void Io::stop() {
  work_.reset();
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

genie::Outcome WorkerLink::connect(const genie::Call& call, Dial how) {
  if (alive_) return genie::Done{};
  const bool was_known = known_;
  how.to = at_;
  const auto result = std::make_shared<std::promise<genie::Outcome>>();
  auto future = result->get_future();
  encrypted_ = how.tls != nullptr;
  dial(io_.context(), std::move(how), [self = shared_from_this(), result](genie::Expected<Greeted> met) {
    if (!met) return result->set_value(std::move(met).error());
    auto topology = plan::decode_topology(met->welcome.topology, {}, "worker " + self->at_.text());
    if (!topology) {
      met->connection->close(genie::cancelled());
      return result->set_value(exec::error_of(GENIE_INVALID_ARGUMENT, topology.errors()));
    }
    self->welcome_ = std::move(met->welcome);
    self->software_ = std::move(met->software);
    self->topology_ = *std::move(topology);
    self->local_address_ = met->connection->local_address();
    const std::shared_ptr<Connection> connection = std::move(met->connection);
    if (self->checked_) connection->check_values();
    const auto region = [link = std::weak_ptr(self)](bool planned) {
      const auto owner = link.lock();
      if (!owner) return;
      const std::lock_guard hold(owner->lock_);
      ++(planned ? owner->earlier_.arenas_planned : owner->earlier_.arenas_grown);
    };
    connection->count({.region = region, .copy = nullptr});
    const std::weak_ptr<Connection> weak = connection;
    connection->replace_handlers(
        [self, weak](Frame frame) {
          if (const auto from = weak.lock()) self->heard(from, std::move(frame));
        },
        [self, weak](genie::Error why) { self->lost(weak.lock(), std::move(why)); });
    {
      const std::lock_guard hold(self->lock_);
      self->connection_ = connection;
      self->why_lost_.reset();
    }
    self->known_ = true;
    self->alive_ = true;
    result->set_value(genie::Done{});
  });
  if (auto waited = wait(call, future); !waited) return waited;
  if (auto connected = future.get(); !connected) return connected;
  auto found = find_data_path(call);
  if (!found) {
    known_ = was_known;
    close();
  }
  return found;
}

genie::Outcome WorkerLink::find_data_path(const genie::Call& call) {
  std::shared_ptr<Connection> connection;
  {
    const std::lock_guard hold(lock_);
    connection = connection_;
  }
  if (!connection)
    return exec::problem(GENIE_UNAVAILABLE, "GE0810", "worker " + at_.text() + " is not connected");
  const PathWish wish{provider_, provider_ != "auto" || !encrypted_, local_address_};
  auto found = remote::find_data_path(
      *connection, wish, [&](Outgoing frame) { return ask(call, std::move(frame)); },
      [&] { return alive(); });
  if (!found) return std::move(found).error();
  path_ = *std::move(found);
  return genie::Done{};
}

genie::Expected<std::vector<datapath::Finding>> WorkerLink::all_paths(const genie::Call& call) {
  return remote::all_paths({provider_, provider_ != "auto" || !encrypted_, local_address_}, path_,
                           [&](Outgoing frame) { return ask(call, std::move(frame)); });
}

std::string WorkerLink::name() const {
  std::string devices;
  for (const plan::Device& device : topology_.devices)
    devices += (devices.empty() ? "" : ", ") + device.id;
  return at_.text() + (devices.empty() ? "" : " (" + devices + ")");
}

std::uint64_t WorkerLink::request(Outgoing frame, Answer answer) {
  std::shared_ptr<Connection> connection;
  std::optional<genie::Error> gone;
  {
    const std::lock_guard hold(lock_);
    frame.id = next_++;
    if (connection_) {
      connection = connection_;
      pending_.emplace(frame.id, std::move(answer));
    } else {
      gone = why_lost_.value_or(
          exec::problem(GENIE_UNAVAILABLE, "GE0810", "worker " + at_.text() + " is not connected"));
    }
  }
  const std::uint64_t id = frame.id;
  if (gone)
    boost::asio::post(io_.context(),
                      [answer = std::move(answer), error = *std::move(gone)] { answer(error); });
  else
    connection->send(std::move(frame));
  return id;
}

WorkerLink::Waiting WorkerLink::begin(Outgoing frame) {
  const auto result = std::make_shared<std::promise<genie::Expected<Frame>>>();
  auto future = result->get_future();
  request(std::move(frame),
          [result](genie::Expected<Frame> answer) { result->set_value(std::move(answer)); });
  return future;
}

genie::Expected<Frame> WorkerLink::answer(const genie::Call& call, Waiting waiting) {
  if (auto waited = wait(call, waiting); !waited) return std::move(waited).error();
  return successful(waiting.get());
}

genie::Expected<Frame> WorkerLink::ask(const genie::Call& call, Outgoing frame) {
  return answer(call, begin(std::move(frame)));
}

void WorkerLink::plan(std::vector<std::uint64_t> payload_bytes) {
  std::shared_ptr<Connection> connection;
  {
    const std::lock_guard hold(lock_);
    connection = connection_;
  }
  if (connection) connection->plan(std::move(payload_bytes));
}

void WorkerLink::tell(Outgoing frame) {
  std::shared_ptr<Connection> connection;
  {
    const std::lock_guard hold(lock_);
    connection = connection_;
  }
  if (connection) connection->send(std::move(frame));
}

void WorkerLink::heard(const std::shared_ptr<Connection>& from, Frame frame) {
  switch (frame.type()) {
    case Type::pong:
      return;
    case Type::value:
    case Type::event:
      return on_news_(std::move(frame));
    case Type::refused: {
      auto refused = decode<Failed>(frame.message);
      return from->close(refused ? std::move(refused->error)
                                 : exec::problem(GENIE_UNAVAILABLE, "GE0811", "the worker refused to go on"));
    }
    case Type::done:
    case Type::failed:
      break;
    default:
      return from->close(exec::problem(GENIE_INVALID_ARGUMENT, "GE0811",
                                       "the worker sent " + std::string(remote::name(frame.type())) +
                                           ", which is no message of a worker"));
  }
  Answer answer;
  {
    const std::lock_guard hold(lock_);
    const auto at = pending_.find(frame.id());
    if (at == pending_.end()) return;  // nobody waits any more
    answer = std::move(at->second);
    pending_.erase(at);
  }
  answer(std::move(frame));
}

void WorkerLink::count(const Connection& connection) {
  const Traffic& traffic = connection.traffic();
  earlier_.bytes += traffic.sent_bytes + traffic.received_bytes;
  earlier_.messages += traffic.sent_frames + traffic.received_frames;
}

void WorkerLink::lost(const std::shared_ptr<Connection>& which, genie::Error why) {
  alive_ = false;
  std::map<std::uint64_t, Answer> pending;
  genie::Error error =
      exec::problem(GENIE_UNAVAILABLE, code_of_loss(why), "worker " + name() + " was lost: " + why.message,
                    "see the worker's own output; `run.on_worker_loss: replan` goes on without it");
  {
    const std::lock_guard hold(lock_);
    if (which) count(*which);
    connection_.reset();
    pending.swap(pending_);
    why_lost_ = error;
  }
  for (auto& [id, answer] : pending)
    answer(error);
}

void WorkerLink::look_after() {
  if (!alive_) return;
  std::shared_ptr<Connection> connection;
  {
    const std::lock_guard hold(lock_);
    connection = connection_;
  }
  if (!connection) return;
  const std::uint64_t now = monotonic_ns();
  const std::uint64_t lease = welcome_.lease_ms * 1'000'000;
  if (now - std::min(now, connection->heard_ns()) > lease)
    return connection->close(exec::problem(
        GENIE_UNAVAILABLE, "GE0813",
        "nothing was heard of it for its lease of " + std::to_string(welcome_.lease_ms) + " ms"));
  if (now - pinged_ns_ < lease / 4) return;
  pinged_ns_ = now;
  connection->send({Type::ping, 0, {}, {}});
}

void WorkerLink::close() {
  std::shared_ptr<Connection> connection;
  {
    const std::lock_guard hold(lock_);
    connection = connection_;
  }
  if (connection) {
    connection->send({Type::goodbye, 0, {}, {}});
    connection->close_after_sending(genie::cancelled());
  }
}

std::optional<genie::Error> WorkerLink::why_lost() const {
  const std::lock_guard hold(lock_);
  return connection_ ? std::nullopt : why_lost_;
}

WorkerLink::Use WorkerLink::use() const {
  const std::lock_guard hold(lock_);
  Use use = earlier_;
  if (connection_) {
    const Traffic& traffic = connection_->traffic();
    use.bytes += traffic.sent_bytes + traffic.received_bytes;
    use.messages += traffic.sent_frames + traffic.received_frames;
  }
  return use;
}

}  // namespace genie::remote
