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

/// The id of what a plan has a worker do: why it was placed so, and in which file of the client that is written, is left out.
std::string essence_of(plan::Plan plan) {
  plan.constraints.clear();
  plan.schedule->decisions.clear();
  return plan::plan_id(plan);
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
  const auto need = [&](exec::Device* device, const std::string& digest) {
    const auto blob = decoded->blobs.find(digest);
    if (blob == decoded->blobs.end()) return;
    into.needed.emplace(digest, blob->second.size_bytes);
    // What a prepared program has there already is shared.
    if (device != nullptr && !device->holds(digest) && counted.emplace(device, digest).second)
      bytes[device] += blob->second.size_bytes;
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
  into.plan = message.plan;
  into.essence = essence_of(*std::move(decoded));
  into.topology_text = message.topology;
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
  state.secret = to_hex(random_bytes(32));
  {
    const std::lock_guard hold(worker_.invitations_lock);
    worker_.invitations.emplace(state.ticket,
                                Worker::Invitation{weak_from_this(), message->program, state.secret});
  }
  state.preparing = preparing;
  programs_.emplace(message->program, std::move(state));
  std::vector<std::string> on_disk;
  if (worker_.cache)
    for (const auto& [digest, size] : preparing->needed) {
      if (worker_.blobs.visible(digest, identity_))
        worker_.disk.post([cache = worker_.cache.get(), name = digest] { cache->touch(name); });
      else if (worker_.blobs.allows(worker_.cache->seen_by(digest), identity_))
        on_disk.push_back(digest);
    }
  if (on_disk.empty()) return ask_for_missing(frame.id(), message->program);
  load_from_cache(frame.id(), message->program, std::move(on_disk));
}

/// The answer to prepare: what is here is held from now on, the rest is to come.
void WorkerClient::ask_for_missing(std::uint64_t request, std::uint64_t number) {
  const auto at = programs_.find(number);
  if (at == programs_.end() || !at->second.preparing)
    return failed(request, no_such("program", number));  // given back meanwhile
  Preparing& preparing = *at->second.preparing;
  for (const auto& [digest, size] : preparing.needed) {
    if (auto blob = worker_.blobs.get(digest, identity_)) {
      preparing.pins.insert_or_assign(digest, *std::move(blob));
      continue;
    }
    preparing.missing.push_back(digest);
    const std::lock_guard hold(uploads_lock_);
    expected_[digest] = size;
  }
  preparing.asked = true;
  done(request, encode(Needs{preparing.missing, at->second.ticket, at->second.secret}));
}

/// All weights of the program, each one that this client brought or may see: what lies on the worker for others, and is resident
/// for their programs, is none of its business.
genie::Outcome WorkerClient::pin(Preparing& preparing) {
  for (const std::string& digest : preparing.missing) {
    {
      const std::lock_guard hold(uploads_lock_);
      if (auto node = arrived_.extract(digest)) preparing.pins.insert(std::move(node));
    }
    if (preparing.pins.contains(digest)) continue;
    auto blob = worker_.blobs.get(digest, identity_);
    if (!blob) return std::move(blob).error();
    preparing.pins.emplace(digest, *std::move(blob));
  }
  for (const auto& [digest, size] : preparing.needed)
    if (const std::uint64_t has = preparing.pins.find(digest)->second.bytes.size; has != size)
      return exec::problem(GENIE_INVALID_ARGUMENT, "GE0812",
                           "the plan gives blob " + digest + " " + std::to_string(size) + " bytes; it has " +
                               std::to_string(has),
                           "this is a defect of the client; report it");
  return genie::Done{};
}

/// The program that another client has prepared from the same plan, or a new one.
genie::Expected<std::shared_ptr<const RemoteProgram>> WorkerClient::program_for(const Preparing& preparing) {
  std::weak_ptr<const RemoteProgram>& known = worker_.programs[{preparing.essence, preparing.topology_text}];
  if (auto program = known.lock()) {
    counters_.add("programs_shared", 1);
    return program;
  }
  auto made = std::make_shared<RemoteProgram>();
  const OwnCall call;
  // Held as long as the program: the first states of later sessions are made of them, too.
  const exec::BlobSource pinned =
      [pins = preparing.pins](const genie::Call&, std::string_view digest) -> genie::Expected<exec::Blob> {
    const auto at = pins.find(digest);
    if (at != pins.end()) return at->second;
    return exec::problem(GENIE_NOT_FOUND, "GE0671", "the plan did not name blob " + std::string(digest));
  };
  auto program =
      exec::Program::make(worker_.host, call.call(), {preparing.topology, preparing.devices, pinned, false},
                          counters_, preparing.plan);
  if (!program) return std::move(program).error();
  made->program = *std::move(program);
  for (const auto& [name, schedule] : made->program->plan().schedule->methods) {
    const auto method = made->program->method(name);
    if (!method) continue;
    for (const exec::CompiledStage& stage : (*method)->stages)
      for (const std::string& state : stage.states)
        if (made->program->device(stage.device).here() &&
            !made->program->device(made->program->state_device(state)).here())
          return exec::problem(
              GENIE_INVALID_ARGUMENT, "GE0601",
              "stage " + stage.stage->id + " uses state " + state + ", which lives on another worker",
              "keep a state with the nodes that use it");
    made->routes.emplace(name, Routes(**method, *made->program));
  }
  // States of a program are its sessions' own business: such a program is for one client.
  const bool private_states = std::ranges::any_of(
      made->program->plan().states, [](const auto& entry) { return entry.second.scope == "program"; });
  std::shared_ptr<const RemoteProgram> ready = std::move(made);
  if (!private_states) known = ready;
  std::erase_if(worker_.programs, [](const auto& entry) { return entry.second.expired(); });
  return ready;
}

void WorkerClient::compile(const Frame& frame) {
  const auto message = decode<Compile>(frame.message);
  if (!message) return broken("compile is malformed");
  const auto at = programs_.find(message->program);
  if (at == programs_.end() || !at->second.preparing || !at->second.preparing->asked)
    return failed(frame.id(), no_such("program to compile with number", message->program));
  const std::shared_ptr<Preparing> preparing = std::move(at->second.preparing);
  genie::Outcome pinned = pin(*preparing);
  auto made = pinned ? program_for(*preparing) : std::move(pinned).error();
  if (!made) {
    forget_program(message->program);
    return failed(frame.id(), std::move(made).error());
  }
  at->second.ready = *std::move(made);
  meet_peers(frame.id(), *message);
}

void WorkerClient::forget_program(std::uint64_t number) {
  const auto at = programs_.find(number);
  if (at == programs_.end()) return;
  std::erase_if(sessions_, [&](const auto& entry) { return entry.second.program_number == number; });
  if (at->second.preparing) {
    const std::lock_guard hold(uploads_lock_);
    for (const std::string& digest : at->second.preparing->missing)
      arrived_.erase(digest);
  }
  {
    const std::lock_guard hold(worker_.invitations_lock);
    worker_.invitations.erase(at->second.ticket);
  }
  const auto peers = std::move(at->second.peers);
  programs_.erase(at);
  for (const auto& [device, way] : peers)
    if (way.connection) way.connection->close(genie::cancelled());
}

}  // namespace genie::remote
