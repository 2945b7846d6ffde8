#include "observation.hpp"

#include <algorithm>

#include "genie/plan/json.hpp"

namespace genie::emulation {

Observation::Observation(genie::Host host, const genie::Call& call, Session& session,
                         const CompiledMethod& method, const std::vector<Held>& slots, std::uint64_t step)
    : host_(host),
      call_(call),
      session_(session),
      method_(method),
      slots_(slots),
      step_(step),
      observer_(session.observer) {
  if (observer_ == nullptr) return;
  begun_.assign(method_.stages.size(), false);
  lanes_.resize(session_.program().devices().size());
  for (Index s = 0; s < method_.slots.size(); ++s)
    slot_of_.emplace(std::pair(method_.slots[s].value, method_.slots[s].device), s);
}

genie::Outcome Observation::arrived(Index value, std::string_view from, std::string_view device,
                                    std::uint64_t bytes) {
  if (observer_ == nullptr) return genie::Done{};
  const std::string& id = *method_.index->values()[value].id;
  genie_step_event event{};
  event.kind = GENIE_STEP_TRANSFER;
  event.value = genie::str(id);
  event.from = genie::str(from);
  event.device = genie::str(device);
  event.bytes = bytes;
  return tell(event);
}

genie::Outcome Observation::begins(const CompiledStage& stage) {
  if (observer_ == nullptr) return genie::Done{};
  begun_[static_cast<std::size_t>(&stage - method_.stages.data())] = true;
  lanes_[stage.device] = {&stage, std::nullopt};
  genie_step_event event{};
  event.kind = GENIE_STEP_STAGE_BEGIN;
  event.stage = genie::str(stage.stage->id);
  event.device = genie::str(stage.stage->device);
  return tell(event);
}

genie::Outcome Observation::ended(const CompiledStage& stage) {
  if (observer_ == nullptr) return genie::Done{};
  lanes_[stage.device] = {nullptr,
                          now_ns_ == GENIE_STEP_UNKNOWN_TIME ? std::nullopt : std::optional(now_ns_)};
  genie_step_event event{};
  event.kind = GENIE_STEP_STAGE_END;
  event.stage = genie::str(stage.stage->id);
  event.device = genie::str(stage.stage->device);
  return tell(event);
}

genie::Outcome Observation::tell(genie_step_event event) {
  event.struct_size = sizeof event;
  event.t_ns = now_ns_;
  event.step = step_;
  event.method = genie::str(*method_.name);
  genie_step_view view{};
  view.struct_size = sizeof view;
  view.ctx = this;
  view.read_value = [](void* ctx, genie_str device, genie_str id,
                       genie_tensor** out) noexcept -> genie_status* {
    const auto& me = *static_cast<const Observation*>(ctx);
    return genie::detail::guarded(me.host_, [&]() -> genie::Outcome {
      auto tensor = me.value(genie::view(device), genie::view(id));
      if (!tensor) return std::move(tensor).error();
      *out = *tensor;
      return genie::Done{};
    });
  };
  view.read_state = [](void* ctx, genie_str name, genie_tensor** out) noexcept -> genie_status* {
    const auto& me = *static_cast<const Observation*>(ctx);
    return genie::detail::guarded(me.host_, [&]() -> genie::Outcome {
      auto tensor = me.state(genie::view(name));
      if (!tensor) return std::move(tensor).error();
      *out = *tensor;
      return genie::Done{};
    });
  };
  view.describe = [](void* ctx, genie_sink sink) noexcept -> genie_status* {
    const auto& me = *static_cast<const Observation*>(ctx);
    return genie::detail::guarded(
        me.host_, [&]() -> genie::Outcome { return genie::detail::write(me.host_, sink, me.describe()); });
  };
  if (genie_status* status = observer_->event(observer_->ctx, &event, &view)) return host_.take(status);
  return genie::Done{};
}

genie::Expected<genie_tensor*> Observation::copy_of(const Tensor& tensor) const {
  const bool imagined = session_.program().imagined();
  auto out = make_host_tensor(tensor.dtype, tensor.shape, {}, imagined);
  if (!out || imagined) return out;
  if (auto done = copy(host_, call_, emulation::describe((*out)->view), tensor); !done) {
    (*out)->deleter(*out);
    return std::move(done).error();
  }
  return out;
}

genie::Expected<genie_tensor*> Observation::value(std::string_view device, std::string_view id) const {
  const Index number = method_.index->value(id);
  const auto on = session_.program().device_number(device);
  const auto slot =
      number == kNone || !on ? slot_of_.end() : slot_of_.find(std::pair(number, static_cast<Index>(*on)));
  if (slot == slot_of_.end() || !slots_[slot->second].here)
    return problem(GENIE_NOT_FOUND, "GE0629",
                   "device " + std::string(device) + " does not have value " + std::string(id) + " now",
                   "look at it after the node that makes it, and before the last one that uses it");
  return copy_of(slots_[slot->second].tensor);
}

genie::Expected<genie_tensor*> Observation::state(std::string_view name) const {
  if (!session_.program().plan().states.contains(name))
    return problem(GENIE_NOT_FOUND, "GE0604", "the program has no state " + std::string(name),
                   "`genie-host plan show` lists the states");
  return copy_of(session_.state(name));
}

std::string Observation::describe() const {
  const Program& program = session_.program();
  plan::json::Writer writer;
  writer.begin_object().key("devices").begin_object();
  for (Index d = 0; d < lanes_.size(); ++d) {
    EmulatedDevice& device = program.device(d);
    writer.key(device.spec().id).begin_object();
    writer.key("used_bytes").value(device.budget().used());
    writer.key("limit_bytes").value(device.budget().limit());
    writer.key("holds").begin_array();
    for (const auto& [name, bytes] : device.budget().holdings())
      writer.begin_object().key("name").value(name).key("bytes").value(bytes).end_object();
    writer.end_array().key("queue").begin_array();
    for (std::size_t s = 0; s < method_.stages.size(); ++s)
      if (method_.stages[s].device == d && !begun_[s]) writer.value(method_.stages[s].stage->id);
    writer.end_array();
    if (lanes_[d].running != nullptr) writer.key("runs").value(lanes_[d].running->stage->id);
    if (lanes_[d].idle_since_ns) writer.key("idle_since_ns").value(*lanes_[d].idle_since_ns);
    writer.end_object();
  }
  writer.end_object().end_object();
  return writer.take();
}

}  // namespace genie::emulation
