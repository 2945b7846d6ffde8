#include "genie/exec/program.hpp"

#include <algorithm>

#include "genie/plan/codec.hpp"
#include "genie/plan/validate.hpp"

namespace genie::exec {

namespace {

constexpr std::size_t kMaxSizes = 256;  ///< sets of sizes remembered per program

std::string root_state(const plan::Plan& plan, std::string_view state) {
  for (std::size_t steps = 0; steps <= plan.states.size(); ++steps) {
    const auto at = plan.states.find(state);
    if (at == plan.states.end() || at->second.alias_of.empty()) break;
    state = at->second.alias_of;
  }
  return std::string(state);
}

}  // namespace

genie::Error error_of(std::uint32_t code, const plan::Diagnostics& diagnostics) {
  genie::Error error{code, diagnostics.front().message};
  if (!diagnostics.front().help.empty()) error.message += ": " + diagnostics.front().help;
  error.node = diagnostics.front().node;
  error.diagnostics = plan::to_json(diagnostics);
  return error;
}

genie::Expected<std::shared_ptr<Program>> Program::make(genie::Host host, const genie::Call& call,
                                                        Surroundings around, Counters& counters,
                                                        std::string_view document) {
  std::shared_ptr<Program> program(new Program(std::move(around)));
  if (auto built = program->build(host, call, counters, document); !built) return std::move(built).error();
  return program;
}

Program::~Program() {
  methods_.clear();
  // What executables kept goes with them; to hold less is never refused.
  for (const auto& device : around_.devices)
    if (const auto less = device->claim_copies(); !less) break;
}

genie::Outcome Program::build(genie::Host host, const genie::Call& call, Counters& counters,
                              std::string_view document) {
  auto plan = plan::decode(document, {}, "plan");
  if (!plan) return error_of(GENIE_INVALID_ARGUMENT, plan.errors());
  plan_ = *std::move(plan);
  if (auto checked = check_schedule(); !checked) return checked;
  if (!imagined())
    if (auto placed = place_weights(call); !placed) return placed;
  methods_.reserve(plan_.methods.size());
  std::uint64_t done = 0;
  for (const auto& [name, schedule] : plan_.schedule->methods) {
    call.progress(done++, plan_.schedule->methods.size(), "compiling " + name);
    if (auto compiled = compile_method(host, call, counters, name); !compiled) return compiled;
  }
  return genie::Done{};
}

/// Enough that nothing below meets a dangling name. The host runs the whole ladder before it prepares.
genie::Outcome Program::check_schedule() const {
  if (plan_.stage != "scheduled" || !plan_.schedule)
    return problem(GENIE_FAILED_PRECONDITION, "GE0601", "the plan is " + plan_.stage + ", not scheduled",
                   "let a policy place it first");
  const plan::Validation structure = plan::validate(plan_, {.up_to = plan::Level::v2});
  if (!structure.ok()) return error_of(GENIE_INVALID_ARGUMENT, structure.diagnostics);
  const auto known = [&](std::string_view id) -> genie::Outcome {
    if (topology().device(id) != nullptr) return genie::Done{};
    std::string all;
    for (const plan::Device& device : topology().devices)
      all += (all.empty() ? "" : ", ") + device.id;
    return problem(GENIE_FAILED_PRECONDITION, "GE0602",
                   "the plan is scheduled on device " + std::string(id) +
                       ", which this topology lacks (it has " + all + ")",
                   "schedule the plan anew for this topology");
  };
  for (const auto& [name, devices] : plan_.schedule->residence.weights)
    for (const std::string& id : devices)
      if (auto ok = known(id); !ok) return ok;
  for (const auto& [name, id] : plan_.schedule->residence.states)
    if (auto ok = known(id); !ok) return ok;
  for (const auto& [name, schedule] : plan_.schedule->methods) {
    if (!plan_.methods.contains(name))
      return problem(GENIE_INVALID_ARGUMENT, "GE0601",
                     "the schedule has a method " + name + ", which the plan lacks");
    const plan::Method& method = plan_.methods.find(name)->second;
    std::map<std::string_view, bool> placed;
    for (const plan::Node& node : method.nodes)
      placed.emplace(node.id, false);
    for (const plan::Stage& stage : schedule.stages) {
      if (auto ok = known(stage.device); !ok) return ok;
      for (const std::string& node : stage.nodes) {
        const auto at = placed.find(node);
        if (at == placed.end() || at->second)
          return problem(GENIE_INVALID_ARGUMENT, "GE0601",
                         "stage " + stage.id + " of method " + name + " names node " + node +
                             (at == placed.end() ? ", which the method lacks" : ", which another stage has"));
        at->second = true;
      }
    }
    for (const auto& [node, is] : placed)
      if (!is)
        return problem(GENIE_INVALID_ARGUMENT, "GE0601",
                       "node " + std::string(node) + " of method " + name + " is in no stage");
  }
  return genie::Done{};
}

std::optional<Index> Program::device_number(std::string_view id) const {
  const auto at = device_numbers_.find(id);
  if (at == device_numbers_.end()) return std::nullopt;
  return at->second;
}

bool Program::crosses_link(Index from, Index to) {
  const auto [at, added] = crosses_.try_emplace({from, to}, false);
  const auto id = [this](Index d) {
    return d == kNone ? std::string_view() : std::string_view(device(d).spec().id);
  };
  if (added) at->second = !router_.find(id(from), id(to)).links.empty();
  return at->second;
}

Index Program::state_device(std::string_view state) const {
  const auto& residence = plan_.schedule->residence.states;
  auto at = residence.find(state);
  if (at == residence.end()) at = residence.find(root_state(plan_, state));
  return at == residence.end() ? 0 : device_number(at->second).value_or(0);
}

genie::Outcome Program::place_weights(const genie::Call& call) {
  std::uint64_t total = 0, done = 0;
  std::vector<std::tuple<Index, std::string, std::string>> wanted;
  for (const auto& [name, devices] : plan_.schedule->residence.weights) {
    const auto weight = plan_.weights.find(name);
    if (weight == plan_.weights.end()) continue;
    for (const std::string& id : devices) {
      if (!device(*device_number(id)).here()) continue;
      const auto blob = plan_.blobs.find(weight->second.blob);
      total += blob == plan_.blobs.end() ? 0 : blob->second.size_bytes;
      wanted.emplace_back(*device_number(id), weight->second.blob, name);
    }
  }
  for (const auto& [device_index, digest, name] : wanted) {
    if (call.cancelled()) return genie::cancelled();
    if (weights_.contains({device_index, digest})) continue;
    auto resident = device(device_index).weight(blobs(), call, digest, name);
    if (!resident) return std::move(resident).error();
    weights_.emplace(std::pair{device_index, digest}, *std::move(resident));
    const auto blob = plan_.blobs.find(digest);
    done += blob == plan_.blobs.end() ? 0 : blob->second.size_bytes;
    call.progress(done, total, "placing weights");
  }
  return genie::Done{};
}

genie::Outcome Program::compile_method(genie::Host host, const genie::Call& call, Counters& counters,
                                       const std::string& name) {
  const std::vector<plan::Plan> documents = plan::stage_plans(plan_, name);
  std::vector<Index> stage_devices;
  for (const plan::Stage& stage : plan_.schedule->methods.find(name)->second.stages)
    stage_devices.push_back(*device_number(stage.device));
  auto laid_out = lay_out(plan_, name, documents, stage_devices);
  if (!laid_out) return std::move(laid_out).error();
  methods_.push_back(*std::move(laid_out));
  if (imagined()) return genie::Done{};
  for (CompiledStage& stage : methods_.back().stages) {
    if (!device(stage.device).here()) continue;
    if (call.cancelled()) return genie::cancelled();
    if (auto compiled = compile_stage(host, call, counters, documents[stage.number], stage); !compiled)
      return compiled;
  }
  return genie::Done{};
}

genie::Outcome Program::compile_stage(genie::Host host, const genie::Call& call, Counters& counters,
                                      const plan::Plan& document, CompiledStage& stage) {
  auto kernels = device(stage.device).open(host, call, stage.stage->kernels);
  if (!kernels) return std::move(kernels).error();
  stage.kernels = *kernels;
  std::vector<genie_named_weight> weights;
  for (const auto& [digest, blob] : document.blobs) {
    auto& resident = weights_[{stage.device, digest}];
    if (!resident) {  // not in the plan's residence: it is needed here all the same
      auto made = device(stage.device).weight(blobs(), call, digest, digest);
      if (!made) return std::move(made).error();
      resident = *std::move(made);
    }
    auto weight = resident->put(call, **kernels, counters);
    if (!weight) return std::move(weight).error();
    weights.push_back({genie::str(digest), *weight});
  }
  const std::string options = (*kernels)->copies_weights()
                                  ? "{\"spare_bytes\": " + std::to_string(spare_bytes(stage.device)) + "}"
                                  : "{}";
  const std::string bytes = plan::encode(document);
  genie_executable* executable = nullptr;
  if (genie_status* status =
          (*kernels)->table().compile(call.get(), (*kernels)->device(), genie::str(bytes), weights.data(),
                                      weights.size(), genie::str(options), &executable)) {
    genie::Error error = host.take(status);
    error.message = "stage " + stage.stage->id + " on " + stage.stage->device + ": " + error.message;
    return error;
  }
  stage.executable = {executable, CompiledStage::Release{&(*kernels)->table()}};
  return (*kernels)->copies_weights() ? device(stage.device).claim_copies() : genie::Done{};
}

std::uint64_t Program::spare_bytes(Index number) {
  if (!foreseen_) {
    foreseen_.emplace();
    const plan::Bindings sizes = complete({});
    const plan::Costs costs = plan::model_costs(plan_, topology(), sizes);
    for (const auto& [name, schedule] : plan_.schedule->methods)
      // A method that cannot be simulated is refused when it is to run.
      if (const auto timeline = plan::simulate(plan_, name, topology(), costs))
        for (const auto& [id, bytes] : timeline->predicted.peak_bytes)
          (*foreseen_)[id] = std::max((*foreseen_)[id], bytes);
  }
  Device& device = this->device(number);
  const auto foreseen = foreseen_->find(device.spec().id);
  const std::uint64_t needed = (foreseen == foreseen_->end() ? 0 : foreseen->second) + device.copied_bytes();
  const std::uint64_t limit = device.budget().limit();
  return limit - std::min(limit, std::max(needed, device.budget().used()));
}

genie::Expected<const CompiledMethod*> Program::method(std::string_view name) const {
  std::string all;
  for (const CompiledMethod& m : methods_) {
    if (*m.name == name) return &m;
    all += (all.empty() ? "" : ", ") + *m.name;
  }
  return problem(GENIE_NOT_FOUND, "GE0603", "the program has no method " + std::string(name),
                 "its methods are " + all);
}

plan::Bindings Program::complete(const plan::Bindings& bound) const {
  plan::Bindings sizes = bound;
  for (const auto& [id, size] : plan_.schedule->assumes)
    sizes.try_emplace(id, size);
  for (const auto& [id, symbol] : plan_.symbols)
    sizes.try_emplace(id, symbol.max.value_or(1));
  return sizes;
}

genie::Expected<plan::Timeline> Program::timeline(const CompiledMethod& method, const plan::Bindings& sizes,
                                                  const plan::StageTime& stage_time,
                                                  std::uint32_t micro_batches) const {
  auto timeline = plan::simulate(plan_, *method.name, topology(), sizes, stage_time, micro_batches);
  if (!timeline) return error_of(GENIE_FAILED_PRECONDITION, timeline.errors());
  return *std::move(timeline);
}

genie::Expected<std::shared_ptr<const Sized>> Program::sized(const CompiledMethod& method,
                                                             const plan::Bindings& bound,
                                                             std::uint32_t micro_batches) {
  const std::lock_guard hold(sizes_lock_);
  const auto known = sizes_.find({&method, micro_batches, bound});
  if (known != sizes_.end()) return known->second;

  auto sized = std::make_shared<Sized>();
  sized->sizes = complete(bound);
  const plan::Costs costs = plan::model_costs(plan_, topology(), sized->sizes);
  auto timeline = plan::simulate(plan_, *method.name, topology(), costs, micro_batches);
  if (!timeline) return error_of(GENIE_FAILED_PRECONDITION, timeline.errors());
  if (auto fits =
          plan::check_memory(plan_, topology(), *method.name, sized->sizes, timeline->predicted.peak_bytes);
      !fits)
    return error_of(GENIE_RESOURCE_EXHAUSTED, fits.errors());
  sized->timeline = *std::move(timeline);
  if (sizes_.size() >= kMaxSizes) sizes_.clear();
  sizes_.emplace(std::tuple{&method, micro_batches, bound}, sized);
  return std::shared_ptr<const Sized>(sized);
}

}  // namespace genie::exec
