#include "step_faults.hpp"

#include <algorithm>

namespace genie::emulation {

bool StepFaults::interrupts_a_write() const {
  return std::ranges::any_of(forecast_.run.interrupted, [&](const plan::Event& event) {
    return event.kind == plan::Event::Kind::stage &&
           std::ranges::any_of(method_.stages, [&](const CompiledStage& stage) {
             return stage.writes_state && stage.stage->id == event.id;
           });
  });
}

bool StepFaults::arrives(const std::string& value, Index to) const {
  const auto transfer = method_.transfers.find({value, to});
  if (transfer == method_.transfers.end()) return true;
  return std::ranges::any_of(forecast_.run.timeline.events, [&](const plan::Event& event) {
    return event.kind == plan::Event::Kind::transfer && event.id == transfer->second->id;
  });
}

plan::Timeline StepFaults::seen(std::uint64_t until_ns) const {
  if (halts() && halt_ns() == until_ns) {
    plan::Timeline all = forecast_.run.timeline;
    all.events.insert(all.events.end(), forecast_.run.interrupted.begin(), forecast_.run.interrupted.end());
    return all;
  }
  plan::Timeline part;
  for (const plan::Event& event : forecast_.run.timeline.events)
    if (event.end_ns <= until_ns) part.events.push_back(event);
  part.predicted.makespan_ns = until_ns;
  return part;
}

genie::Outcome StepFaults::meet(const CompiledStage& stage) {
  const plan::Event* event = forecast_.stage(stage.stage->id);
  if (event == nullptr) return genie::Done{};
  if (auto refused = refuse_strays(forecast_.clock_ns + event->start_ns); !refused) return refused;
  thieves_.erase(stage.device);
  if (const auto thief =
          c_.faults->thefts(program_.device(stage.device), forecast_.windows,
                            forecast_.clock_ns + event->start_ns, forecast_.clock_ns + event->end_ns))
    thieves_.emplace(stage.device, *thief);
  return genie::Done{};
}

genie::Outcome StepFaults::refuse_strays(std::uint64_t until_ns) {
  const Wire::Strays strays = c_.wire->receive_strays(until_ns);
  if (strays.refused != 0) c_.counters->add("messages_refused", strays.refused);
  if (!strays.taken) return genie::Done{};
  return problem(GENIE_INTERNAL, "GE0609", "a message that came too late was taken for a new one",
                 "this is a defect of backend-emulation");
}

genie::Outcome StepFaults::short_of_memory(const CompiledStage& stage, genie::Outcome outcome) const {
  const auto thief = thieves_.find(stage.device);
  if (outcome || thief == thieves_.end() || outcome.error().code != GENIE_RESOURCE_EXHAUSTED) return outcome;
  return theft_error(*c_.faults, thief->second, outcome.error(), stage, method_,
                     forecast_.clock_ns + now_ns_);
}

genie::Expected<Tensor> StepFaults::carry(const Tensor& tensor, Index from, Index to,
                                          const std::string& value) {
  const auto transfer = method_.transfers.find({value, to});
  const auto sent = transfer == method_.transfers.end() ? forecast_.messages.end()
                                                        : forecast_.messages.find(transfer->second->id);
  if (sent == forecast_.messages.end()) return tensor;  // nothing is crossed
  auto payload = bytes_of(c_.host, job_.call(), tensor);
  if (!payload) return std::move(payload).error();
  std::vector<std::uint32_t> order(sent->second.size());
  for (std::uint32_t a = 0; a < order.size(); ++a)
    order[a] = a;
  std::ranges::stable_sort(order, {}, [&](std::uint32_t a) { return sent->second[a].arrives_ns; });
  const Wire::Channel channel{from, to};
  const std::uint64_t sequence = c_.wire->next_sequence(channel);
  std::optional<Tensor> there;
  for (const std::uint32_t a : order) {
    const Attempt& attempt = sent->second[a];
    c_.counters->add("messages_sent", 1);
    if (attempt.lost) {
      c_.counters->add("messages_lost", 1);
      continue;
    }
    Frame frame(sequence, a, *payload);
    if (attempt.damaged) frame.damage(plan::fault_draw({sequence, from, to, a}));
    const std::uint64_t arrives_ns = forecast_.clock_ns + attempt.arrives_ns;
    if (attempt.twice) c_.wire->stray(channel, arrives_ns, frame);
    if (there) {
      c_.wire->stray(channel, arrives_ns, std::move(frame));
      continue;
    }
    switch (c_.wire->receive(channel, frame)) {
      case Wire::Verdict::damaged:
        c_.counters->add("messages_damaged", 1);
        break;
      case Wire::Verdict::duplicate:
        c_.counters->add("messages_refused", 1);
        break;
      case Wire::Verdict::accepted: {
        if (tensor.data == nullptr) {
          there = tensor;
          break;
        }
        auto here = arrived(tensor, frame.payload());
        if (!here) return std::move(here).error();
        there = *std::move(here);
      }
    }
  }
  if (there) return *std::move(there);
  return problem(GENIE_INTERNAL, "GE0609",
                 "value " + value + " was not delivered, though nothing kept it back",
                 "this is a defect of backend-emulation");
}

void StepFaults::end(std::uint64_t end_ns) {
  ended_ = true;
  now_ns_ = end_ns;
  announce(c_.host, job_.call(), *c_.faults, forecast_, method_, step_, end_ns);
  c_.faults->commit(forecast_, step_, end_ns);
  if (halts() || end_ns < timeline().predicted.makespan_ns) c_.wire->abandon();
}

genie::Error StepFaults::halted() {
  end(halt_ns());
  return halt_error(*c_.faults, forecast_, method_, program_.plan());
}

}  // namespace genie::emulation
