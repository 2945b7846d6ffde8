// The programs of a client: admitted, compiled, connected with the workers that share them, and forgotten.
#include <algorithm>

#include "genie/plan/codec.hpp"
#include "worker/worker_client.hpp"

namespace genie::remote {

namespace {

genie::Error no_such(std::string_view what, std::uint64_t number) {
  return exec::problem(GENIE_INVALID_ARGUMENT, "GE0812",
                       "there is no " + std::string(what) + " " + std::to_string(number) + " of this client",
                       "this is a defect of the client; report it");
}

}  // namespace

genie::Outcome WorkerClient::admit(const Prepare& message, Preparing& into) {
  const genie::Host host = worker_.host;
  const OwnCall call;
  genie::Text diagnostics;
  if (genie_status* status =
          host.get()->plan_check(host.get(), call.call().get(), genie::str(message.plan),
                                 genie::str(message.topology), GENIE_CHECK_V5, diagnostics.sink()))
    return host.take(status);
  auto decoded = plan::decode(message.plan, {}, "plan");
  auto topology = plan::decode_topology(message.topology, {}, "topology");
  if (!decoded) return exec::error_of(GENIE_INVALID_ARGUMENT, decoded.errors());
  if (!topology) return exec::error_of(GENIE_INVALID_ARGUMENT, topology.errors());
  if (!decoded->schedule)
    return exec::problem(GENIE_FAILED_PRECONDITION, "GE0601", "the plan is not scheduled",
                         "let a policy place it first");
  for (const plan::Device& device : topology->devices) {
    const auto mine =
        std::ranges::find_if(worker_.devices, [&](const auto& own) { return own->spec().id == device.id; });
    if (mine == worker_.devices.end()) {
      into.devices.push_back(std::make_shared<exec::Device>(device, false));
      continue;
    }
    const plan::Device& own = (*mine)->spec();
    if (device.memory_bytes > own.memory_bytes || device.kind != own.kind)
      return exec::problem(GENIE_FAILED_PRECONDITION, "GE0602",
                           "the topology has device " + device.id + " larger than it is, or of another kind",
                           "ask the worker anew what it has");
    into.devices.push_back(*mine);
  }
  const auto device_of = [&](std::string_view id) -> exec::Device* {
    const auto at = std::ranges::find_if(into.devices, [&](const auto& d) { return d->spec().id == id; });
    return at == into.devices.end() || !(*at)->here() ? nullptr : at->get();
  };
  // By device: what weights it must hold. All is known before a byte moves.
  std::map<exec::Device*, std::uint64_t> bytes;
  std::set<std::pair<exec::Device*, std::string>> counted;
  std::map<std::string, std::uint64_t> needed;
  const auto need = [&](exec::Device* device, const std::string& digest) {
    const auto blob = decoded->blobs.find(digest);
    if (blob == decoded->blobs.end()) return;
    needed.emplace(digest, blob->second.size_bytes);
    if (device != nullptr && counted.emplace(device, digest).second) bytes[device] += blob->second.size_bytes;
  };
  for (const auto& [name, devices] : decoded->schedule->residence.weights)
    for (const std::string& id : devices)
      if (exec::Device* device = device_of(id))
        if (const auto weight = decoded->weights.find(name); weight != decoded->weights.end())
          need(device, weight->second.blob);
  for (const auto& [name, schedule] : decoded->schedule->methods) {
    const std::vector<plan::Plan> documents = plan::stage_plans(*decoded, name);
    for (std::size_t s = 0; s < documents.size(); ++s) {
      exec::Device* device = device_of(schedule.stages[s].device);
      if (device == nullptr) continue;
      for (const auto& [digest, blob] : documents[s].blobs)
        need(device, digest);
    }
  }
  for (const auto& [name, id] : decoded->schedule->residence.states)
    if (device_of(id) != nullptr)
      if (const auto state = decoded->states.find(name);
          state != decoded->states.end() && !state->second.init.weight.empty())
        if (const auto weight = decoded->weights.find(state->second.init.weight);
            weight != decoded->weights.end())
          need(nullptr, weight->second.blob);
  for (const auto& [device, wanted] : bytes) {
    const exec::Budget& budget = device->budget();
    const std::uint64_t room = budget.limit() - std::min(budget.limit(), budget.used());
    if (wanted > room) return budget.over("the weights of the plan", wanted, room);
  }
  for (const auto& [digest, size] : needed)
    if (!worker_.blobs.visible(digest, identity_)) {
      into.missing.push_back(digest);
      const std::lock_guard hold(uploads_lock_);
      expected_[digest] = size;
    }
  into.plan = message.plan;
  into.topology = *std::move(topology);
  return genie::Done{};
}

void WorkerClient::prepare(const Frame& frame) {
  const auto message = decode<Prepare>(frame.message);
  if (!message) return broken("prepare is malformed");
  if (programs_.contains(message->program)) return broken("a program's number is used twice");
  if (worker_.draining)
    return failed(frame.id(),
                  exec::problem(GENIE_UNAVAILABLE, "GE0608", "the worker is draining: it takes no more work",
                                "use another worker"));
  auto preparing = std::make_shared<Preparing>();
  if (auto admitted = admit(*message, *preparing); !admitted)
    return failed(frame.id(), std::move(admitted).error());
  ProgramState state;
  state.ticket = to_hex(random_bytes(16));
  const std::string secret = to_hex(random_bytes(32));
  {
    const std::lock_guard hold(worker_.invitations_lock);
    worker_.invitations.emplace(state.ticket, Worker::Invitation{weak_from_this(), secret});
  }
  Needs needs{preparing->missing, state.ticket, secret};
  state.preparing = std::move(preparing);
  programs_.emplace(message->program, std::move(state));
  done(frame.id(), encode(needs));
}

void WorkerClient::compile(const Frame& frame) {
  const auto message = decode<Compile>(frame.message);
  if (!message) return broken("compile is malformed");
  const auto at = programs_.find(message->program);
  if (at == programs_.end() || !at->second.preparing)
    return failed(frame.id(), no_such("program to compile with number", message->program));
  const std::shared_ptr<Preparing> preparing = std::move(at->second.preparing);
  auto made = std::make_shared<RemoteProgram>();
  {
    const OwnCall call;
    auto program = exec::Program::make(
        worker_.host, call.call(),
        {preparing->topology, preparing->devices, worker_.blobs.seen_by(identity_), false}, counters_,
        preparing->plan);
    if (!program) {
      forget_program(message->program);
      return failed(frame.id(), std::move(program).error());
    }
    made->program = *std::move(program);
  }
  for (const auto& [name, schedule] : made->program->plan().schedule->methods) {
    const auto method = made->program->method(name);
    if (!method) continue;
    for (const exec::CompiledStage& stage : (*method)->stages)
      for (const std::string& state : stage.states)
        if (made->program->device(stage.device).here() &&
            !made->program->device(made->program->state_device(state)).here()) {
          forget_program(message->program);
          return failed(frame.id(), exec::problem(GENIE_INVALID_ARGUMENT, "GE0601",
                                                  "stage " + stage.stage->id + " uses state " + state +
                                                      ", which lives on another worker",
                                                  "keep a state with the nodes that use it"));
        }
    made->routes.emplace(name, Routes(**method, *made->program));
  }
  at->second.ready = std::move(made);
  // Answered once the ways to the other workers are known, so that no value takes a longer one.
  const auto open = std::make_shared<std::size_t>(message->peers.size());
  if (*open == 0) return done(frame.id());
  for (const Peer& peer : message->peers) {
    const auto post = [weak = weak_from_this()](std::function<void(WorkerClient&)> work) {
      if (const auto self = weak.lock())
        self->worker_.executor.post([self, work = std::move(work)] { work(*self); });
    };
    reach_(
        peer,
        [post, open, request = frame.id(), number = message->program,
         device = peer.device](std::shared_ptr<Connection> way) {
          post([open, request, number, device, way = std::move(way)](WorkerClient& self) {
            const auto program = self.programs_.find(number);
            if (program != self.programs_.end())
              program->second.peers[device] = way;
            else if (way)
              way->close(genie::cancelled());
            if (--*open == 0) self.done(request);
          });
        },
        [post, number = message->program, device = peer.device] {
          post([number, device](WorkerClient& self) { self.peer_lost(number, device); });
        });
  }
}

/// What was on its way over the connection may be gone: steps that sent something there cannot be trusted to end.
void WorkerClient::peer_lost(std::uint64_t number, const std::string& device) {
  const auto program = programs_.find(number);
  if (program == programs_.end() || program->second.peers.erase(device) == 0) return;
  for (auto& [id, session] : sessions_)
    if (session.program_number == number && session.step)
      session.step->interrupt(exec::problem(
          GENIE_UNAVAILABLE, "GE0810",
          "the connection between two workers, to device " + device + ", is over", "run the step again"));
}

void WorkerClient::forget_program(std::uint64_t number) {
  const auto at = programs_.find(number);
  if (at == programs_.end()) return;
  std::erase_if(sessions_, [&](const auto& entry) { return entry.second.program_number == number; });
  {
    const std::lock_guard hold(worker_.invitations_lock);
    worker_.invitations.erase(at->second.ticket);
  }
  const auto peers = std::move(at->second.peers);
  programs_.erase(at);
  for (const auto& [device, way] : peers)
    if (way) way->close(genie::cancelled());
}

}  // namespace genie::remote
