// Steps that the client looks at: the worker tells it of each part, and goes no further until it is told to.
#include <algorithm>

#include "genie/plan/json.hpp"
#include "worker/worker_client.hpp"

namespace genie::remote {

namespace {

genie::Error not_there(std::string_view device, std::string_view value) {
  return exec::problem(
      GENIE_NOT_FOUND, "GE0629",
      "device " + std::string(device) + " does not have value " + std::string(value) + " now",
      "look at it after the node that makes it, and before the last one that uses it");
}

}  // namespace

void RemoteStep::note(StepEvent::Kind kind, Index number, std::uint64_t bytes) {
  if (links_.event)
    news_.push_back(
        {message_.session, message_.index, kind, static_cast<std::uint32_t>(number), now_ns(), bytes});
}

bool RemoteStep::waits_for_client() {
  if (told_) return true;
  if (news_.empty()) return false;
  const StepEvent event = news_.front();
  news_.pop_front();
  told_ = true;
  links_.event(event);
  return true;
}

void RemoteStep::go_on() {
  told_ = false;
  advance();
}

genie::Expected<exec::Tensor> RemoteStep::look(std::string_view device, std::string_view value) const {
  const Index number = method_ == nullptr ? kNone : method_->index->value(value);
  const auto on = program_->program->device_number(device);
  if (number == kNone || !on) return not_there(device, value);
  for (Index s = 0; s < slots_.size(); ++s)
    if (method_->slots[s].value == number && method_->slots[s].device == *on && slots_[s].here)
      return slots_[s].tensor;
  return not_there(device, value);
}

std::string RemoteStep::describe() const {
  const exec::Program& program = *program_->program;
  plan::json::Writer writer;
  writer.begin_object().key("devices").begin_object();
  for (Index d = 0; d < program.devices().size(); ++d) {
    if (!here(d)) continue;
    exec::Device& device = program.device(d);
    writer.key(device.spec().id).begin_object();
    writer.key("used_bytes").value(device.budget().used());
    writer.key("limit_bytes").value(device.budget().limit());
    writer.key("holds").begin_array();
    for (const auto& [name, bytes] : device.budget().holdings())
      writer.begin_object().key("name").value(name).key("bytes").value(bytes).end_object();
    writer.end_array().key("queue").begin_array();
    if (const auto own = next_.find(d); own != next_.end() && !over_) {
      const std::vector<Index>& places = routes_->own.find(d)->second;
      for (std::size_t i = own->second; i < places.size(); ++i)
        writer.value(method_->stages[places[i]].stage->id);
    }
    writer.end_array();
    if (begun_ != nullptr && begun_->device == d) {
      writer.key("runs").value(begun_->stage->id);
    } else {
      const auto last = std::find_if(times_.rbegin(), times_.rend(), [&](const StageTime& time) {
        return method_->stages[method_->places[time.stage]].device == d;
      });
      if (last != times_.rend()) writer.key("idle_since_ns").value(last->begin_ns + last->duration_ns);
    }
    writer.end_object();
  }
  writer.end_object().end_object();
  return writer.take();
}

// --- what the client says ---

void WorkerClient::watch(const Frame& frame) {
  const auto message = decode<Watch>(frame.message);
  if (!message) return broken("watch is malformed");
  if (const auto at = sessions_.find(message->session); at != sessions_.end())
    at->second.watched = message->on;
}

void WorkerClient::go_on(const Frame& frame) {
  const auto message = decode<GoOn>(frame.message);
  if (!message) return broken("go_on is malformed");
  const auto at = sessions_.find(message->session);
  if (at == sessions_.end()) return;  // closed meanwhile
  const std::shared_ptr<RemoteStep> step = at->second.step;
  if (step && step->index() == message->index && !step->over()) step->go_on();
}

void WorkerClient::look(const Frame& frame) {
  const auto message = decode<Look>(frame.message);
  if (!message) return broken("look is malformed");
  const auto at = sessions_.find(message->session);
  const std::shared_ptr<RemoteStep> step = at == sessions_.end() ? nullptr : at->second.step;
  if (!step || step->index() != message->index || step->over())
    return failed(frame.id(), not_there(message->device, message->value));
  auto tensor = step->look(message->device, message->value);
  if (!tensor) return failed(frame.id(), std::move(tensor).error());
  answer_tensor(frame.id(), {message->session, message->value, {}}, *tensor);
}

void WorkerClient::describe(const Frame& frame) {
  const auto message = decode<GoOn>(frame.message);
  if (!message) return broken("describe is malformed");
  const auto at = sessions_.find(message->session);
  const std::shared_ptr<RemoteStep> step = at == sessions_.end() ? nullptr : at->second.step;
  const bool there = step && step->index() == message->index;
  done(frame.id(), there ? step->describe() : std::string("{\"devices\":{}}"));
}

}  // namespace genie::remote
