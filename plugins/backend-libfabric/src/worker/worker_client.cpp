#include "worker/worker_client.hpp"

#include <algorithm>

#include "genie/plan/codec.hpp"
#include "genie/plan/json.hpp"

namespace genie::remote {

namespace {

constexpr std::size_t kMostEarly = 4096;  ///< values that may come before their step

genie::Error no_such(std::string_view what, std::uint64_t number) {
  return exec::problem(GENIE_INVALID_ARGUMENT, "GE0812",
                       "there is no " + std::string(what) + " " + std::to_string(number) + " of this client",
                       "this is a defect of the client; report it");
}

}  // namespace

WorkerClient::WorkerClient(Worker& worker, std::string identity, std::shared_ptr<Connection> connection,
                           ReachPeer reach)
    : worker_(worker),
      identity_(std::move(identity)),
      connection_(std::move(connection)),
      reach_(std::move(reach)),
      data_meeting_(std::make_shared<DataMeeting>(connection_, worker_.provider, worker_.asides)),
      kernels_before_(kernels_counters()) {}

/// What the kernels of all devices count since they were opened.
std::map<std::string, std::uint64_t> WorkerClient::kernels_counters() const {
  std::map<std::string, std::uint64_t> counts;
  for (const auto& device : worker_.devices)
    for (const std::string& text : device->kernels_stats(worker_.host))
      if (const auto document = plan::json::Document::parse(text);
          document && document->root().is(plan::json::Kind::object))
        for (const std::string_view name :
             {"state_bytes_copied", "kernel_calls", "fused_nodes", "packed_bytes", "packed_weights"})
          if (const auto value = document->root().find(name);
              value && value->is(plan::json::Kind::integer) && value->integer() > 0)
            counts[std::string(name)] += static_cast<std::uint64_t>(value->integer());
  return counts;
}

void WorkerClient::done(std::uint64_t id, std::string message) {
  connection_->send({Type::done, id, std::move(message), {}});
}

void WorkerClient::failed(std::uint64_t id, genie::Error error) {
  connection_->send({Type::failed, id, encode(Failed{std::move(error), false}), {}});
}

/// Memory or threads were wanted that the system does not give. Half-done work of this client goes with its connection.
void WorkerClient::overwhelmed(const std::exception& why) {
  worker_.host.log(GENIE_LOG_WARNING, "worker", "a client is given up: " + std::string(why.what()));
  connection_->refuse(exec::problem(GENIE_RESOURCE_EXHAUSTED, "GE0662",
                                    "the worker cannot go on with this client: " + std::string(why.what()),
                                    "leave more memory to the worker's process, or use smaller sizes"));
}

/// The peer does not keep to the protocol: nothing it says can be trusted to mean anything.
void WorkerClient::broken(std::string_view what) {
  worker_.host.log(GENIE_LOG_WARNING, "worker", "a client broke the protocol: " + std::string(what));
  genie::Error error =
      exec::problem(GENIE_INVALID_ARGUMENT, "GE0811", "the worker refused to go on: " + std::string(what),
                    "client and worker do not agree on the protocol; this is a defect of one of them");
  connection_->refuse(std::move(error));
}

void WorkerClient::begin() {
  connection_->count({.region = counts_regions(), .copy = nullptr});
}

DataLink::OnRegion WorkerClient::counts_regions() {
  return [weak = weak_from_this()](bool planned) {
    if (const auto self = weak.lock()) self->counters_.add(planned ? "arenas_planned" : "arenas_grown", 1);
  };
}

void WorkerClient::frame(Frame frame) {
  switch (frame.type()) {
    case Type::ping:
      connection_->send({Type::pong, frame.id(), {}, {}});
      return;
    case Type::goodbye:
      connection_->close(genie::Error{GENIE_CANCELLED, "the client said goodbye"});
      return;
    case Type::refused: {
      auto refused = decode<Failed>(frame.message);
      return connection_->close(refused ? std::move(refused->error) : genie::cancelled());
    }
    case Type::blob:
      return take_blob(std::move(frame));
    case Type::stats:
      return stats(frame);
    case Type::cancel: {
      const std::lock_guard hold(cancels_lock_);
      if (const auto at = running_.find(frame.id()); at != running_.end()) {
        at->second.cancelled = true;
        if (auto step = at->second.step.lock()) {
          step->cancel();
          // Moved: what the step holds (a session, a program) may only go on the executor.
          worker_.executor.post(
              [self = shared_from_this(), step = std::move(step)] { self->guarded([&] { step->wake(); }); });
        }
      }
      return;
    }
    case Type::data_paths:
    case Type::data_open:
    case Type::data_use:
      return data_meeting_->frame(std::move(frame));
    case Type::prepare:
    case Type::compile:
    case Type::release_program:
    case Type::open_session:
    case Type::close_session:
    case Type::step:
    case Type::value:
    case Type::release_value:
    case Type::read_state:
    case Type::write_state:
    case Type::watch:
    case Type::go_on:
    case Type::look:
    case Type::describe:
      if (frame.type() == Type::step) {
        ++busy_;
        const std::lock_guard hold(cancels_lock_);
        running_.try_emplace(frame.id()).first->second.came_ns = monotonic_ns();
      }
      worker_.executor.post([self = shared_from_this(), frame = std::make_shared<Frame>(std::move(frame))] {
        if (!self->gone_) self->guarded([&] { self->on_executor(std::move(*frame)); });
      });
      return;
    default:
      return broken("message " + std::string(name(frame.type())) + " is not one of a client");
  }
}

void WorkerClient::value_from_peer(Frame frame) {
  counters_.add("values_received_directly", 1);
  this->frame(std::move(frame));
}

void WorkerClient::on_executor(Frame frame) {
  switch (frame.type()) {
    case Type::prepare:
      return prepare(frame);
    case Type::compile:
      return compile(frame);
    case Type::open_session:
      return open_session(frame);
    case Type::step:
      return step(std::move(frame));
    case Type::value:
      return value(std::move(frame));
    case Type::read_state:
      return read_state(frame);
    case Type::write_state:
      return write_state(frame);
    case Type::watch:
      return watch(frame);
    case Type::go_on:
      return go_on(frame);
    case Type::look:
      return look(frame);
    case Type::describe:
      return describe(frame);
    default:
      break;
  }
  const auto number = decode_number(frame.message);
  if (!number) return broken(std::string(name(frame.type())) + " is malformed");
  if (frame.type() == Type::release_program) forget_program(*number);
  if (frame.type() == Type::close_session) forget_session(*number);
  if (frame.type() == Type::release_value) kept_.erase(*number);
}

void WorkerClient::gone() {
  gone_ = true;
  uploads_.clear();
  worker_.executor.post([self = shared_from_this()] {
    for (auto& [number, session] : self->sessions_)
      if (session.step) session.step->abandon();
    self->kept_.clear();
    self->sessions_.clear();
    while (!self->programs_.empty())
      self->forget_program(self->programs_.begin()->first);
    self->busy_ = 0;
  });
}

// --- sessions ---

void WorkerClient::open_session(const Frame& frame) {
  const auto message = decode<OpenSession>(frame.message);
  if (!message) return broken("open_session is malformed");
  const auto program = programs_.find(message->program);
  if (program == programs_.end() || !program->second.ready)
    return failed(frame.id(), no_such("program", message->program));
  if (sessions_.contains(message->session)) return broken("a session's number is used twice");
  const OwnCall call;
  auto session =
      exec::Session::open(worker_.host, call.call(), program->second.ready->program, message->seed);
  if (!session) return failed(frame.id(), std::move(session).error());
  OpenSessionState state;
  state.session = *std::move(session);
  state.program = program->second.ready;
  state.program_number = message->program;
  sessions_.emplace(message->session, std::move(state));
  done(frame.id());
}

void WorkerClient::forget_session(std::uint64_t number) {
  const auto at = sessions_.find(number);
  if (at == sessions_.end()) return;
  if (at->second.step) at->second.step->abandon();
  std::erase_if(kept_, [&](const auto& entry) { return entry.second.session == at->second.session; });
  sessions_.erase(at);
}

void WorkerClient::step(Frame frame) {
  auto message = decode<Step>(frame.message, frame.header.payload_bytes);
  if (!message) return broken("step is malformed");
  const std::uint64_t request = frame.id();
  const auto refuse = [&](genie::Error error) {
    --busy_;
    {
      const std::lock_guard hold(cancels_lock_);
      running_.erase(request);
    }
    failed(request, std::move(error));
  };
  if (worker_.draining)
    return refuse(exec::problem(GENIE_UNAVAILABLE, "GE0608", "the worker is draining: it takes no more work",
                                "use another worker"));
  const auto at = sessions_.find(message->session);
  if (at == sessions_.end()) return refuse(no_such("session", message->session));
  OpenSessionState& session = at->second;
  if (session.step && !session.step->over())
    return refuse(exec::problem(GENIE_FAILED_PRECONDITION, "GE0605", "a step of the session is under way",
                                "wait for its completion"));
  if (message->index < session.next_index)
    return refuse(exec::problem(GENIE_INVALID_ARGUMENT, "GE0812",
                                "step " + std::to_string(message->index) + " of the session was run already",
                                "this is a defect of the client; report it"));
  session.next_index = message->index + 1;

  const std::uint64_t program = session.program_number;
  StepLinks links;
  links.host = worker_.host;
  links.counters = &counters_;
  links.yield = [this] { return worker_.executor.wanted(); };
  links.later = [this](std::function<void()> work) {
    worker_.executor.post([self = shared_from_this(), work = std::move(work)] { self->guarded(work); });
  };
  links.to_device = [this, program](std::string_view device, Outgoing out) {
    send_value(program, device, std::move(out));
  };
  links.reserve = [this, program](std::string_view device, std::uint64_t bytes) {
    const PeerWay* const way = way_to(program, device);
    return way == nullptr ? nullptr : way->connection->reserve(bytes);
  };
  links.answer = [this, request](Outgoing out) {
    {
      const std::lock_guard hold(cancels_lock_);
      running_.erase(request);
    }
    if (busy_ != 0) --busy_;
    out.id = request;
    connection_->send(std::move(out));
  };
  links.kept = [this](std::uint64_t kept) -> const Kept* {
    const auto found = kept_.find(kept);
    return found == kept_.end() ? nullptr : &found->second;
  };
  links.keep = [this](std::uint64_t kept, Kept value) -> genie::Outcome {
    if (!kept_.emplace(kept, std::move(value)).second) return no_such("free number for a kept value:", kept);
    return genie::Done{};
  };
  if (session.watched)
    links.event = [this](const StepEvent& event) { connection_->send({Type::event, 0, encode(event), {}}); };
  const std::uint64_t index = message->index;
  {
    const std::lock_guard hold(cancels_lock_);
    Running& entry = running_[request];
    session.step = std::make_shared<RemoteStep>(std::move(links), session.program, session.session,
                                                *std::move(message), entry.came_ns);
    entry.step = session.step;
    if (entry.cancelled) session.step->cancel();
  }
  const std::shared_ptr<RemoteStep> running = session.step;
  auto early = std::move(session.early);
  session.early.clear();
  running->start(frame.payload);
  for (auto& [value, payload] : early)
    if (value.index == index) running->arrive(value, payload);
  if (const auto lost = std::exchange(session.lost_between, std::nullopt)) running->lost_way_from_peer(*lost);
}

void WorkerClient::value(Frame frame) {
  auto value = decode<Value>(frame.message, frame.header.payload_bytes);
  if (!value) return broken("value is malformed");
  const auto at = sessions_.find(value->session);
  if (at == sessions_.end()) return;  // closed meanwhile
  OpenSessionState& session = at->second;
  if (value->index < session.next_index) {
    if (session.step && value->index + 1 == session.next_index) session.step->arrive(*value, frame.payload);
    return;
  }
  if (session.early.size() >= kMostEarly) return broken("values came for steps that do not");
  session.early.emplace_back(*std::move(value), frame.payload);
}

void WorkerClient::read_state(const Frame& frame) {
  const auto message = decode<StateAccess>(frame.message, frame.header.payload_bytes);
  if (!message) return broken("read_state is malformed");
  const auto at = sessions_.find(message->session);
  if (at == sessions_.end()) return failed(frame.id(), no_such("session", message->session));
  const exec::Session& session = *at->second.session;
  const auto& states = session.program().plan().states;
  if (!states.contains(message->name) ||
      !session.program().device(session.program().state_device(message->name)).here())
    return failed(frame.id(),
                  exec::problem(GENIE_NOT_FOUND, "GE0604", "this worker has no state " + message->name));
  const OwnCall call;
  auto tensor = session.read_state(worker_.host, call.call(), message->name);
  if (!tensor) return failed(frame.id(), std::move(tensor).error());
  answer_tensor(frame.id(), {message->session, message->name, {}}, exec::describe((*tensor)->view));
  (*tensor)->deleter(*tensor);
}

/// A copy of its present content.
void WorkerClient::answer_tensor(std::uint64_t request, StateAccess answer, const exec::Tensor& tensor) {
  const OwnCall call;
  Outgoing out{Type::done, request, {}, {}};
  auto sent = append(out, tensor, true, worker_.host, call.call());
  if (!sent) return failed(request, std::move(sent).error());
  answer.tensor = *std::move(sent);
  out.message = encode(answer);
  connection_->send(std::move(out));
}

void WorkerClient::write_state(const Frame& frame) {
  const auto message = decode<StateAccess>(frame.message, frame.header.payload_bytes);
  if (!message || !message->tensor.present) return broken("write_state is malformed");
  const auto at = sessions_.find(message->session);
  if (at == sessions_.end()) return failed(frame.id(), no_such("session", message->session));
  exec::Session& session = *at->second.session;
  if (session.program().plan().states.contains(message->name) &&
      !session.program().device(session.program().state_device(message->name)).here())
    return failed(frame.id(),
                  exec::problem(GENIE_NOT_FOUND, "GE0604", "this worker has no state " + message->name));
  const OwnCall call;
  const exec::Tensor tensor = received(message->tensor, frame.payload, exec::Claim());
  const genie_tensor_view view = tensor.view();
  if (auto written = session.write_state(worker_.host, call.call(), message->name, view); !written)
    return failed(frame.id(), std::move(written).error());
  done(frame.id());
}

void WorkerClient::stats(const Frame& frame) {
  plan::json::Writer json;
  json.begin_object().key("devices").begin_object();
  for (const auto& device : worker_.devices)
    json.key(device->spec().id)
        .begin_object()
        .key("peak_bytes")
        .value(device->budget().peak())
        .key("used_bytes")
        .value(device->budget().used())
        .end_object();
  json.end_object().key("counters").begin_object();
  std::map<std::string, std::uint64_t> counts = counters_.all();
  for (const auto& [name, value] : kernels_counters()) {
    const auto before = kernels_before_.find(name);
    counts[name] += value - std::min(value, before == kernels_before_.end() ? 0 : before->second);
  }
  for (const auto& [name, value] : counts)
    json.key(name).value(value);
  json.end_object().end_object();
  done(frame.id(), json.take());
}

}  // namespace genie::remote
