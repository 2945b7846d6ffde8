#include "genie/exec/session.hpp"

#include <algorithm>

namespace genie::exec {

namespace {

std::string_view root_of(const plan::Plan& plan, std::string_view state) {
  for (std::size_t steps = 0; steps <= plan.states.size(); ++steps) {
    const auto at = plan.states.find(state);
    if (at == plan.states.end() || at->second.alias_of.empty()) break;
    state = at->second.alias_of;
  }
  return state;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t d = 0; d < shape.size(); ++d)
    text += (d == 0 ? "" : ", ") + std::to_string(shape[d]);
  return text + "]";
}

}  // namespace

genie::Expected<std::shared_ptr<Session>> Session::open(genie::Host host, const genie::Call& call,
                                                        std::shared_ptr<Program> program,
                                                        std::uint64_t seed) {
  std::shared_ptr<Session> session(new Session(std::move(program), seed));
  if (auto made = session->make_states(host, call); !made) return std::move(made).error();
  return session;
}

genie::Outcome Session::make_states(genie::Host host, const genie::Call& call) {
  for (const auto& [name, state] : program_->plan().states) {
    if (!state.alias_of.empty() || !program_->device(program_->state_device(name)).here()) continue;
    if (state.scope == "program") {
      const std::lock_guard hold(program_->states_lock);
      auto& shared = program_->program_states[name];
      if (!shared) {
        auto made = make_state(host, call, name, state);
        if (!made) return std::move(made).error();
        shared = *std::move(made);
      }
      states_.emplace(name, shared);
      continue;
    }
    auto made = make_state(host, call, name, state);
    if (!made) return std::move(made).error();
    states_.emplace(name, *std::move(made));
  }
  return genie::Done{};
}

genie::Expected<std::shared_ptr<Storage>> Session::make_state(genie::Host host, const genie::Call& call,
                                                              const std::string& name,
                                                              const plan::State& state) {
  Device& device = program_->device(program_->state_device(name));
  const std::uint64_t bytes = plan::state_bytes(state);
  auto claim = device.budget().take("state " + name, bytes);
  if (!claim) return std::move(claim).error();
  if (program_->imagined()) return Storage::imagined(*std::move(claim));
  auto storage = Storage::allocate(device.any_kernels(), bytes, *std::move(claim));
  if (!storage) return storage;
  Tensor tensor;
  tensor.storage = *storage;
  tensor.kernels = (*storage)->kernels();
  tensor.device_kind = tensor.kernels != nullptr ? tensor.kernels->memory_kind() : GENIE_DEVICE_CPU;
  tensor.data = (*storage)->data();
  tensor.dtype = dtype_of(state.dtype);
  tensor.shape = state.shape;
  tensor.strides = state.strides.empty() ? contiguous(state.shape) : state.strides;
  if (auto ready = initialise(host, call, tensor, state); !ready) return std::move(ready).error();
  return storage;
}

genie::Outcome Session::initialise(genie::Host host, const genie::Call& call, const Tensor& to,
                                   const plan::State& state) {
  // All bytes first: strides may leave gaps.
  std::uint8_t zero = 0;
  Tensor bytes = to;
  bytes.dtype = {static_cast<std::uint8_t>(GENIE_TYPE_UINT), 8, 1};
  bytes.shape = {static_cast<std::int64_t>(span_bytes(to))};
  bytes.strides = {1};
  Tensor zeros;
  zeros.data = &zero;
  zeros.dtype = bytes.dtype;
  zeros.shape = bytes.shape;
  zeros.strides = {0};
  if (auto done = copy(host, call, bytes, zeros); !done) return done;
  if (state.init.weight.empty()) return genie::Done{};

  const auto at = program_->plan().weights.find(state.init.weight);
  if (at == program_->plan().weights.end())
    return problem(GENIE_INVALID_ARGUMENT, "GE0601",
                   "a state starts as weight " + state.init.weight + ", which the plan lacks");
  const plan::Weight& weight = at->second;
  auto blob = program_->blobs()(call, weight.blob);
  if (!blob) return std::move(blob).error();
  Tensor from;
  from.data = const_cast<void*>(blob->bytes.data);  // read only
  from.byte_offset = weight.offset_bytes;
  from.dtype = dtype_of(weight.dtype);
  from.shape = weight.shape;
  from.strides = weight.strides.empty() ? contiguous(weight.shape) : weight.strides;
  if (from.shape != to.shape || from.byte_offset + span_bytes(from) > blob->bytes.size)
    return problem(GENIE_INVALID_ARGUMENT, "GE0601",
                   "weight " + state.init.weight + " does not fit the state that starts as it");
  return copy(host, call, to, from);
}

Tensor Session::state(std::string_view name) const {
  const plan::State& state = program_->plan().states.find(name)->second;
  const auto& storage = states_.find(root_of(program_->plan(), name))->second;
  Tensor tensor;
  tensor.storage = storage;
  tensor.kernels = storage->kernels();
  tensor.device_kind = tensor.kernels != nullptr ? tensor.kernels->memory_kind() : GENIE_DEVICE_CPU;
  tensor.data = storage->data();
  tensor.byte_offset = state.alias_of.empty() ? 0 : state.offset_bytes;
  tensor.dtype = dtype_of(state.dtype);
  tensor.shape = state.shape;
  tensor.strides = state.strides.empty() ? contiguous(state.shape) : state.strides;
  tensor.in_state = true;
  return tensor;
}

genie::Expected<const plan::State*> Session::find(std::string_view name) const {
  const auto at = program_->plan().states.find(name);
  if (at != program_->plan().states.end()) return &at->second;
  std::vector<std::string_view> known;
  for (const auto& [id, state] : program_->plan().states)
    known.push_back(id);
  const std::string_view near = plan::json::nearest(name, known);
  return problem(
      GENIE_NOT_FOUND, "GE0604", "the program has no state " + std::string(name),
      near.empty() ? "`genie-host plan show` lists the states" : "did you mean " + std::string(near) + "?");
}

genie::Outcome Session::idle(std::string_view what) const {
  if (under_way.load() == 0) return genie::Done{};
  return problem(GENIE_FAILED_PRECONDITION, "GE0605", "a step of the session is under way",
                 "wait for its completion, then " + std::string(what));
}

genie::Expected<genie_tensor*> Session::read_state(genie::Host host, const genie::Call& call,
                                                   std::string_view name) const {
  auto state_ = find(name);
  if (!state_) return std::move(state_).error();
  if (auto may = idle("read the state"); !may) return std::move(may).error();
  const bool imagined = program_->imagined();
  auto tensor = make_host_tensor(dtype_of((*state_)->dtype), (*state_)->shape, {}, imagined);
  if (!tensor || imagined) return tensor;
  if (auto done = copy(host, call, describe((*tensor)->view), state(name)); !done) {
    (*tensor)->deleter(*tensor);
    return std::move(done).error();
  }
  return tensor;
}

genie::Outcome Session::write_state(genie::Host host, const genie::Call& call, std::string_view name,
                                    const genie_tensor_view& from) {
  auto known = find(name);
  if (!known) return std::move(known).error();
  if (auto may = idle("write the state"); !may) return may;
  const Tensor source = describe(from);
  const genie_dtype dtype = dtype_of((*known)->dtype);
  if (source.shape != (*known)->shape || source.dtype.code != dtype.code || source.dtype.bits != dtype.bits ||
      source.dtype.lanes != 1)
    return problem(GENIE_INVALID_ARGUMENT, "GE0606",
                   "state " + std::string(name) + " is " + std::string(plan::name((*known)->dtype)) + " " +
                       shape_text((*known)->shape) + ", the tensor is of shape " + shape_text(source.shape) +
                       " or of another element type",
                   "write a tensor of the state's own type");
  if (!program_->imagined())
    if (auto done = copy(host, call, state(name), source); !done) return done;
  const std::lock_guard hold(lock_);
  restored_.emplace(name);
  const bool whole = std::ranges::all_of(program_->plan().states, [&](const auto& entry) {
    return !entry.second.alias_of.empty() || !states_.contains(entry.first) ||
           restored_.contains(entry.first);
  });
  if (whole) {
    lost_.reset();
    restored_.clear();
  }
  return genie::Done{};
}

genie::Outcome Session::usable() const {
  const std::lock_guard hold(lock_);
  if (lost_) return *lost_;
  return genie::Done{};
}

void Session::lose(std::uint64_t step, std::string_view method, const genie::Error& why) {
  const std::lock_guard hold(lock_);
  restored_.clear();
  lost_ = problem(GENIE_DATA_LOSS, "GE0621",
                  "the session's states are lost: step " + std::to_string(step) + " (" + std::string(method) +
                      ") ended after it had begun to write them: " + why.message,
                  "write every state back, or open a new session and repeat its steps");
}

}  // namespace genie::exec
