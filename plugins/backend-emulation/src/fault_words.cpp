// What a person reads of faults: what ended a step (stage, device or link, module, time, what to do), and what did not.
#include <algorithm>

#include "faults.hpp"

namespace genie::emulation {

namespace {

using plan::Halt;

const CompiledStage* stage_of(const CompiledMethod& method, std::string_view id) {
  const auto at = std::ranges::find(method.stages, id,
                                    [](const CompiledStage& s) -> std::string_view { return s.stage->id; });
  return at == method.stages.end() ? nullptr : &*at;
}

/// The module that a stage computes; of several without a common one, the first.
std::string module_of(const CompiledMethod& method, const CompiledStage* stage) {
  if (stage == nullptr) return {};
  if (!stage->scope.empty()) return stage->scope;
  for (const std::string& id : stage->stage->nodes)
    if (const Index n = method.index->node(id); n != kNone && !method.index->graph().nodes[n].scope.empty())
      return method.index->graph().nodes[n].scope;
  return {};
}

std::string in_stage(std::string_view stage, std::string_view module) {
  if (stage.empty()) return {};
  return " stage " + std::string(stage) + (module.empty() ? "" : " (" + std::string(module) + ")");
}

std::string end_name(std::string_view device) {
  return device.empty() ? "the client" : std::string(device);
}

constexpr std::string_view kReplan =
    "set /run/on_worker_loss to \"replan\" to go on with what is left, or take ";

}  // namespace

genie::Error halt_error(const Faults& faults, const Forecast& forecast, const CompiledMethod& method,
                        const plan::Plan& plan) {
  const Halt& halt = *forecast.run.halt;
  const plan::Fault* fault = forecast.culprit ? &faults.all()[*forecast.culprit] : nullptr;
  const std::string by = fault == nullptr ? "" : " by fault " + fault->id;
  const std::string take =
      (fault == nullptr ? std::string("the fault") : fault->id) + " out of the fault script";
  const CompiledStage* stage = stage_of(method, halt.stage);
  const std::string module = module_of(method, stage);
  const std::string at = " at " + std::to_string(forecast.clock_ns + halt.at_ns) + " ns";
  genie::Error error;
  if (halt.why == Halt::Why::device_gone) {
    error = problem(GENIE_UNAVAILABLE, "GE0611",
                    "device " + halt.device + " is lost" + by + ": the step ended" + at +
                        (halt.transfer.empty() ? " in" + in_stage(halt.stage, module)
                                               : " with transfer " + halt.transfer + " of" +
                                                     in_stage(halt.stage, module) + " under way"),
                    std::string(kReplan) + take, halt.stage, module);
    return error;
  }
  if (halt.why == Halt::Why::stage_given_up) {
    return problem(GENIE_DEADLINE_EXCEEDED, "GE0614",
                   "device " + halt.device + " makes no progress in" + in_stage(halt.stage, module) + by +
                       ": it was given up" + at + ", after " + std::to_string(faults.delivery().patience_ns) +
                       " ns without any",
                   std::string(kReplan) + take + ", or raise its /delivery/patience_ns", halt.stage, module);
  }
  const auto& transfers = plan.schedule->methods.find(*method.name)->second.transfers;
  const auto transfer = std::ranges::find(transfers, halt.transfer, &plan::Transfer::id);
  const std::string value = transfer == transfers.end() ? halt.transfer : transfer->value;
  std::string over;
  for (const plan::Event& event : forecast.run.interrupted)
    if (event.id == halt.transfer) over = event.place;
  if (fault != nullptr && !fault->link.empty()) over = fault->link;
  const CompiledStage* maker = transfer == transfers.end() ? nullptr : stage_of(method, transfer->from);
  const std::string from = maker != nullptr ? maker->stage->device : "";
  const std::size_t tries = [&] {
    const auto sent = forecast.messages.find(halt.transfer);
    return sent == forecast.messages.end() ? std::size_t{0} : sent->second.size();
  }();
  const bool damaged = fault != nullptr && fault->kind == plan::FaultKind::corrupt;
  const std::string what = "value " + value + " (transfer " + halt.transfer + ", from " + end_name(from) +
                           " to " + end_name(halt.device) + (over.empty() ? "" : " over " + over) + ")";
  const std::string times = std::to_string(tries) + (tries == 1 ? " sending" : " sendings");
  return problem(damaged ? GENIE_DATA_LOSS : GENIE_UNAVAILABLE, damaged ? "GE0613" : "GE0612",
                 what + (damaged ? " arrived damaged, as its checksum shows," : " did not arrive") + by +
                     ": given up" + at + " after " + times + ", for" + in_stage(halt.stage, module),
                 damaged && !fault->retry ? "let it be sent again (\"then\": \"retry\"), or take " + take
                                          : std::string(kReplan) + take + ", or allow more /delivery/retries",
                 halt.stage, module);
}

genie::Error theft_error(const Faults& faults, std::size_t f, const genie::Error& why,
                         const CompiledStage& stage, const CompiledMethod& method, std::uint64_t at_ns) {
  const plan::Fault& fault = faults.all()[f];
  const std::string module = module_of(method, &stage);
  return problem(GENIE_RESOURCE_EXHAUSTED, "GE0615",
                 "stage " + stage.stage->id + (module.empty() ? "" : " (" + module + ")") + " on " +
                     stage.stage->device + " ended at " + std::to_string(at_ns) +
                     " ns for want of memory while fault " + fault.id + " holds " + bytes_text(fault.bytes) +
                     " of it: " + why.message,
                 std::string(kReplan) + fault.id + " out of the fault script", stage.stage->id, module);
}

void announce(genie::Host host, const genie::Call& call, const Faults& faults, const Forecast& forecast,
              const CompiledMethod& method, std::uint64_t step, std::uint64_t end_ns) {
  struct Said {
    const Hit* first = nullptr;
    std::uint64_t hits = 0;
  };
  std::map<std::size_t, Said> said;
  for (const Hit& hit : forecast.hits) {
    if (hit.at_ns > end_ns) continue;
    Said& fault = said[hit.fault];
    if (fault.first == nullptr) fault.first = &hit;
    ++fault.hits;
    const std::string module = module_of(method, stage_of(method, hit.subject));
    const std::string name = faults.all()[hit.fault].id + (hit.subject.empty() ? "" : ": " + hit.subject);
    genie_trace_event event{};
    event.struct_size = sizeof event;
    event.kind = GENIE_TRACE_INSTANT;
    event.step = static_cast<std::uint32_t>(step);
    event.process = genie::str(hit.place);
    event.queue = genie::str("faults");
    event.name = genie::str(name);
    event.scope = genie::str(module);
    event.t_ns = forecast.clock_ns + hit.at_ns;
    host.trace(call, event);
  }
  for (const auto& [number, fault] : said) {
    const plan::Fault& one = faults.all()[number];
    host.log(GENIE_LOG_WARNING, "emulation",
             "step " + std::to_string(step) + ": fault " + one.id + " (" + std::string(plan::name(one.kind)) +
                 ") struck " + fault.first->place +
                 (fault.first->subject.empty() ? "" : " in " + fault.first->subject) + " at " +
                 std::to_string(forecast.clock_ns + fault.first->at_ns) + " ns" +
                 (fault.hits == 1 ? "" : ", " + std::to_string(fault.hits) + " times in all"));
  }
}

genie::Error gone_error(std::string_view what, std::string_view device, std::string_view fault) {
  return problem(GENIE_UNAVAILABLE, "GE0611",
                 std::string(what) + " is on device " + std::string(device) + ", which is lost by fault " +
                     std::string(fault),
                 "open another session on the devices that are left");
}

}  // namespace genie::emulation
