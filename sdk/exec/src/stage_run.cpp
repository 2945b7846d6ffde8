#include "genie/exec/stage_run.hpp"

#include <algorithm>
#include <limits>

namespace genie::exec {

namespace {

/// The seed of a step: the session's for the first one, then well-mixed ones (SplitMix64, Steele et al., "Fast splittable
/// pseudorandom number generators", 2014). All stages of a step have it, so placement decides nothing; the kernels give every
/// node that draws a sequence of its own.
std::uint64_t step_seed(std::uint64_t seed, std::uint64_t step) {
  if (step == 0) return seed;
  std::uint64_t z = seed + step * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

void drop(std::vector<genie_stage_output>& results) {
  for (genie_stage_output& r : results)
    if (r.tensor != nullptr && r.tensor->deleter != nullptr)
      r.tensor->deleter(std::exchange(r.tensor, nullptr));
}

}  // namespace

struct StageRun::Placing {
  StageRun* run;
  std::vector<std::shared_ptr<Storage>> storages;  // per output
  std::uint64_t placed = 0;
  std::optional<genie::Error> failed;
};

std::string StageRun::name_of(Index value) const {
  const std::string& id = *method.index->values()[value].id;
  const Index node = method.index->values()[value].producer;
  const std::string scope = node == kNone ? std::string() : method.index->graph().nodes[node].scope;
  return "value " + id + (scope.empty() ? "" : " of " + scope);
}

void* StageRun::place(void* ctx, std::uint64_t output, genie_dtype dtype, std::int32_t rank,
                      const std::int64_t* shape, const std::int64_t* strides) noexcept {
  auto& placing = *static_cast<Placing*>(ctx);
  StageRun& run = *placing.run;
  if (output >= placing.storages.size() || placing.failed) return nullptr;
  try {
    Tensor t;
    t.dtype = dtype;
    if (rank > 0) {
      t.shape.assign(shape, shape + rank);
      if (strides != nullptr) t.strides.assign(strides, strides + rank);
    }
    if (t.strides.size() != t.shape.size()) t.strides = contiguous(t.shape);
    const std::uint64_t bytes = span_bytes(t);
    const Index value = run.stage.outputs[output].value;
    const std::uint64_t free = run.room.limit() - std::min(run.room.limit(), run.room.used());
    // The stage's claim covers what was foreseen; sizes that data decides may go beyond.
    const std::uint64_t room = run.claimed + free - std::min(run.claimed + free, placing.placed);
    if (bytes > room) {
      placing.failed = run.room.over(run.name_of(value), bytes, room);
      return nullptr;
    }
    const plan::Value* declared = run.declared(value);
    const bool number = declared != nullptr && declared->scalar.has_value();
    std::shared_ptr<Storage> storage =
        run.lend && !number ? run.lend(run.stage.outputs[output], bytes) : nullptr;
    if (!storage) {
      auto made = Storage::allocate(number ? nullptr : run.stage.kernels, bytes, Claim());
      if (!made) {
        placing.failed = std::move(made).error();
        return nullptr;
      }
      storage = *std::move(made);
    }
    placing.placed += bytes;
    placing.storages[output] = storage;
    return storage->data();
  } catch (...) {
    return nullptr;  // out of memory: the executable then allocates, or fails, itself
  }
}

genie::Outcome StageRun::execute() {
  std::vector<genie_tensor_view> inputs;
  for (const StageInput& in : stage.inputs) {
    if (!slots[in.slot].here)
      return problem(GENIE_UNIMPLEMENTED, "GE0609",
                     "stage " + stage.stage->id + " takes a value that its operator did not return (None)",
                     {}, stage.stage->id);
    inputs.push_back(slots[in.slot].tensor.view());
  }
  std::vector<Tensor> state_tensors;
  for (const std::string& name : stage.states)
    state_tensors.push_back(session.state(name));
  std::vector<genie_tensor_view> states;
  for (const Tensor& t : state_tensors)
    states.push_back(t.view());
  std::vector<std::int64_t> dims;
  for (const std::string& symbol : stage.symbols) {
    const auto at = sizes.find(symbol);
    dims.push_back(at == sizes.end() ? std::numeric_limits<std::int64_t>::min() : at->second);
  }
  std::vector<genie_stage_output> results(stage.outputs.size());
  Placing placing{this, std::vector<std::shared_ptr<Storage>>(stage.outputs.size()), 0, std::nullopt};

  genie_run_args args{};
  args.struct_size = sizeof args;
  args.inputs = inputs.data();
  args.input_count = inputs.size();
  args.states = states.data();
  args.state_count = states.size();
  args.dims = dims.data();
  args.dim_count = dims.size();
  args.seed = step_seed(session.seed(), step);
  args.outputs = results.data();
  args.output_count = results.size();
  args.place = &StageRun::place;
  args.place_ctx = &placing;
  counters.add("abi_calls", 1);
  if (genie_status* status = stage.kernels->table().run(call.get(), stage.executable.get(), &args, nullptr)) {
    genie::Error error = host.take(status);
    drop(results);
    if (placing.failed) return *std::move(placing.failed);
    error.message = "stage " + stage.stage->id + " on " + stage.stage->device + ": " + error.message;
    if (error.node.empty()) error.node = stage.stage->id;
    return error;
  }
  if (placing.failed) {
    drop(results);
    return *std::move(placing.failed);
  }
  genie::Outcome taken = take(results, placing);
  if (!taken) drop(results);
  return taken;
}

genie::Outcome StageRun::take(std::vector<genie_stage_output>& results, Placing& placing) {
  const auto broken = [&](std::size_t i, const std::string& what) {
    return problem(GENIE_INTERNAL, "GE0609",
                   "the kernels " + stage.stage->kernels + " " + what + " as output " +
                       *method.index->values()[stage.outputs[i].value].id + " of stage " + stage.stage->id,
                   "this is a defect of the kernels plug-in; report it to its author", stage.stage->id);
  };
  for (std::size_t i = 0; i < results.size(); ++i) {
    genie_stage_output& result = results[i];
    Held& held = slots[stage.outputs[i].slot];
    held = {};
    if (result.origin == GENIE_OUTPUT_ABSENT) continue;
    if (result.tensor == nullptr) return broken(i, "returned nothing");
    held.tensor = describe(result.tensor->view);
    held.tensor.kernels = stage.kernels;
    switch (result.origin) {
      case GENIE_OUTPUT_PLACED:
        if (!placing.storages[i]) return broken(i, "claims to have used memory that was not given");
        held.tensor.storage = placing.storages[i];
        break;
      case GENIE_OUTPUT_OWNED:
        held.tensor.storage = Storage::adopt(std::exchange(result.tensor, nullptr), Claim());
        break;
      case GENIE_OUTPUT_VIEW_INPUT:
        if (result.source >= stage.inputs.size())
          return broken(i, "returned a view of an input that does not exist");
        held.tensor.storage = slots[stage.inputs[result.source].slot].tensor.storage;
        held.tensor.in_state = slots[stage.inputs[result.source].slot].tensor.in_state;
        break;
      case GENIE_OUTPUT_VIEW_STATE:
        if (result.source >= stage.states.size())
          return broken(i, "returned a view of a state that does not exist");
        held.tensor.storage = session.state(stage.states[result.source]).storage;
        held.tensor.in_state = true;
        break;
      case GENIE_OUTPUT_VIEW_WEIGHT:
        break;  // weights outlive the step
      case GENIE_OUTPUT_VIEW_OUTPUT:
        if (result.source >= i) return broken(i, "returned a view of an output that is not made yet");
        held.tensor.storage = slots[stage.outputs[result.source].slot].tensor.storage;
        held.tensor.in_state = slots[stage.outputs[result.source].slot].tensor.in_state;
        break;
      default:
        return broken(i, "returned origin " + std::to_string(result.origin));
    }
    if (result.tensor != nullptr && result.tensor->deleter != nullptr)
      result.tensor->deleter(std::exchange(result.tensor, nullptr));
    const plan::Value* type = declared(stage.outputs[i].value);
    if (result.origin == GENIE_OUTPUT_PLACED && type != nullptr && type->scalar)
      held.tensor.kernels = nullptr;  // a number, in host memory
    held.here = true;
    learn_symbols(stage.outputs[i].value, held.tensor);
  }
  return genie::Done{};
}

void StageRun::learn_symbols(Index value, const Tensor& tensor) {
  const plan::Value* type = declared(value);
  if (type == nullptr) return;
  for (std::size_t d = 0; d < type->shape.size() && d < tensor.shape.size(); ++d)
    if (type->shape[d].is_symbol()) sizes.try_emplace(type->shape[d].as_symbol(), tensor.shape[d]);
  if (type->scalar != plan::ScalarKind::integer || tensor.device_kind != GENIE_DEVICE_CPU ||
      tensor.dtype.bits != 64)
    return;
  const Index node = method.index->values()[value].producer;
  if (node == kNone) return;
  for (const auto& [id, symbol] : session.program().plan().symbols)
    if (symbol.from && symbol.from->node == method.index->graph().nodes[node].id)
      sizes.try_emplace(id, *reinterpret_cast<const std::int64_t*>(
                                static_cast<const std::byte*>(tensor.data) + tensor.byte_offset));
}

genie::Outcome StageRun::account() {
  std::vector<const Storage*> seen;
  for (const StageOutput& output : stage.outputs) {
    Held& held = slots[output.slot];
    if (!held.here || !held.tensor.storage || held.tensor.in_state) continue;
    Storage* storage = held.tensor.storage.get();
    const bool made_here = std::ranges::none_of(
        stage.inputs, [&](const StageInput& in) { return slots[in.slot].tensor.storage.get() == storage; });
    if (!made_here || std::ranges::find(seen, storage) != seen.end()) continue;
    seen.push_back(storage);
    auto claim = room.take(name_of(output.value), held.tensor.byte_offset + span_bytes(held.tensor));
    if (!claim) return std::move(claim).error();
    storage->set_claim(*std::move(claim));
  }
  return genie::Done{};
}

genie::Outcome StageRun::imagine() {
  std::map<Index, std::shared_ptr<Storage>> inner;  // of values that stay in the stage but for views of them
  for (const StageOutput& output : stage.outputs) {
    Held& held = slots[output.slot];
    held = {};
    const plan::Value* type = declared(output.value);
    if (type == nullptr) continue;
    held.here = true;
    Tensor& t = held.tensor;
    t.dtype = dtype_of(type->dtype);
    t.shape = plan::evaluate(type->shape, planned).value_or(std::vector<std::int64_t>(type->shape.size(), 0));
    t.strides = plan::evaluate(type->strides, planned).value_or(contiguous(t.shape));
    if (t.strides.size() != t.shape.size()) t.strides = contiguous(t.shape);
    const auto viewed = std::ranges::find_if(
        output.viewed, [&](Index slot) { return slots[slot].here && slots[slot].tensor.storage; });
    if (viewed != output.viewed.end()) {
      t.storage = slots[*viewed].tensor.storage;
      continue;
    }
    const Index root = method.index->values()[output.value].storage;
    const plan::Value* owner = root == kNone ? type : declared(root);
    if (owner != nullptr && (owner->alias_of.starts_with("state:") || owner->alias_of.starts_with("weight:")))
      continue;
    std::shared_ptr<Storage>& storage = inner[output.holder];
    if (!storage) {
      const plan::Value* held_whole = declared(output.holder);
      const std::uint64_t bytes = output.holder == output.value || held_whole == nullptr
                                      ? span_bytes(t)
                                      : plan::value_bytes(*held_whole, planned).value_or(span_bytes(t));
      auto claim = room.take(name_of(output.value), bytes);
      if (!claim) return std::move(claim).error();
      storage = Storage::imagined(*std::move(claim));
    }
    t.storage = storage;
  }
  return genie::Done{};
}

}  // namespace genie::exec
