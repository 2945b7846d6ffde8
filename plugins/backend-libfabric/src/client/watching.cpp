#include "client/watching.hpp"

#include <algorithm>
#include <set>

#include "genie/plan/json.hpp"
#include "protocol/values.hpp"

namespace genie::remote {

Watching::Watching(genie::Host host, const genie::Call& call, const ClientSession& session,
                   const exec::CompiledMethod& method, std::uint64_t step)
    : host_(host),
      call_(call),
      session_(session),
      program_(*session.program),
      method_(method),
      step_(step),
      observer_(session.observer) {}

/// Where it happened; nothing for numbers that the plan lacks.
std::optional<Index> Watching::device_of(const StepEvent& event) const {
  if (event.kind != StepEvent::Kind::arrived) {
    if (event.number >= method_.places.size()) return std::nullopt;
    return method_.stages[method_.places[event.number]].device;
  }
  if (event.number >= method_.messages.size() || method_.messages[event.number].to == kNone)
    return std::nullopt;
  return method_.slots[method_.messages[event.number].to].device;
}

void Watching::happened(const StepEvent& event) {
  if (event.index != step_ || !device_of(event)) return;
  {
    const std::lock_guard hold(lock_);
    if (stopped_) return;
    events_.push_back(event);
  }
  changed_.notify_one();
}

void Watching::stop() {
  const std::lock_guard hold(lock_);
  stopped_ = true;
  events_.clear();
}

void Watching::end() {
  {
    const std::lock_guard hold(lock_);
    ended_ = true;
  }
  changed_.notify_one();
}

void Watching::attend(const std::function<void(genie::Error)>& failed) {
  for (;;) {
    StepEvent event;
    {
      std::unique_lock hold(lock_);
      changed_.wait(hold, [this] { return ended_ || !events_.empty(); });
      if (ended_) return;
      event = events_.front();
      events_.pop_front();
    }
    if (auto seen = tell(event); !seen) {
      failed(std::move(seen).error());
      continue;
    }
    program_.workers[program_.worker_of[*device_of(event)]]->tell(
        {Type::go_on, 0, encode(GoOn{session_.number, step_}), {}});
  }
}

genie::Outcome Watching::tell(const StepEvent& event) {
  const std::string& device = program_.program->device(*device_of(event)).spec().id;
  genie_step_event out{};
  out.struct_size = sizeof out;
  out.step = step_;
  out.method = genie::str(*method_.name);
  out.device = genie::str(device);
  out.t_ns = event.at_ns;
  if (event.kind == StepEvent::Kind::arrived) {
    const exec::Message& message = method_.messages[event.number];
    out.kind = GENIE_STEP_TRANSFER;
    out.value = genie::str(*method_.index->values()[method_.slots[message.to].value].id);
    if (message.from != kNone)
      out.from = genie::str(program_.program->device(method_.slots[message.from].device).spec().id);
    out.bytes = event.bytes;
  } else {
    out.kind = event.kind == StepEvent::Kind::stage_begin ? GENIE_STEP_STAGE_BEGIN : GENIE_STEP_STAGE_END;
    out.stage = genie::str(method_.stages[method_.places[event.number]].stage->id);
  }
  genie_step_view view{};
  view.struct_size = sizeof view;
  view.ctx = this;
  view.read_value = [](void* ctx, genie_str where, genie_str id,
                       genie_tensor** read) noexcept -> genie_status* {
    const auto& me = *static_cast<const Watching*>(ctx);
    return genie::detail::guarded(me.host_, [&]() -> genie::Outcome {
      auto tensor = me.value(genie::view(where), genie::view(id));
      if (!tensor) return std::move(tensor).error();
      *read = *tensor;
      return genie::Done{};
    });
  };
  view.read_state = [](void* ctx, genie_str name, genie_tensor** read) noexcept -> genie_status* {
    const auto& me = *static_cast<const Watching*>(ctx);
    return genie::detail::guarded(me.host_, [&]() -> genie::Outcome {
      auto tensor = me.state(genie::view(name));
      if (!tensor) return std::move(tensor).error();
      *read = *tensor;
      return genie::Done{};
    });
  };
  view.describe = [](void* ctx, genie_sink sink) noexcept -> genie_status* {
    const auto& me = *static_cast<const Watching*>(ctx);
    return genie::detail::guarded(me.host_, [&]() -> genie::Outcome {
      auto json = me.describe();
      if (!json) return std::move(json).error();
      return genie::detail::write(me.host_, sink, *json);
    });
  };
  if (genie_status* status = observer_->event(observer_->ctx, &out, &view)) return host_.take(status);
  return genie::Done{};
}

genie::Expected<genie_tensor*> Watching::ask(Index device, Type type, std::string message) const {
  auto answer = program_.workers[program_.worker_of[device]]->ask(call_, {type, 0, std::move(message), {}});
  if (!answer) return std::move(answer).error();
  const auto read = decode<StateAccess>(answer->message, answer->header.payload_bytes);
  if (!read || !read->tensor.present)
    return exec::problem(GENIE_INTERNAL, "GE0811",
                         "the worker answered " + std::string(remote::name(type)) + " with nonsense");
  return to_owned(read->tensor, answer->payload);
}

genie::Expected<genie_tensor*> Watching::value(std::string_view device, std::string_view id) const {
  const auto number = program_.program->device_number(device);
  if (!number)
    return exec::problem(GENIE_NOT_FOUND, "GE0629", "the plan has no device " + std::string(device),
                         "`genie-host plan show` lists the devices");
  return ask(*number, Type::look, encode(Look{session_.number, step_, std::string(device), std::string(id)}));
}

genie::Expected<genie_tensor*> Watching::state(std::string_view name) const {
  if (!program_.program->plan().states.contains(name))
    return exec::problem(GENIE_NOT_FOUND, "GE0604", "the program has no state " + std::string(name),
                         "`genie-host plan show` lists the states");
  return ask(program_.program->state_device(name), Type::read_state,
             encode(StateAccess{session_.number, std::string(name), {}}));
}

genie::Expected<std::string> Watching::describe() const {
  plan::json::Writer writer;
  writer.begin_object().key("devices").begin_object();
  for (const auto& worker : program_.workers) {
    auto answer = worker->ask(call_, {Type::describe, 0, encode(GoOn{session_.number, step_}), {}});
    if (!answer) return std::move(answer).error();
    const auto document = plan::json::Document::parse(answer->message);
    if (!document || !document->root().is(plan::json::Kind::object)) continue;
    const auto devices = document->root().find("devices");
    if (!devices || !devices->is(plan::json::Kind::object)) continue;
    for (const auto& [id, device] : devices->items()) {
      const auto number = program_.program->device_number(id);
      if (number && program_.workers[program_.worker_of[*number]] == worker)
        writer.key(id).raw(device.canonical());
    }
  }
  return writer.end_object().end_object().take();
}

}  // namespace genie::remote
