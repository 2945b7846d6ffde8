// Which values must move, given a placement.
#include <algorithm>
#include <map>

#include "genie/plan/schedule.hpp"
#include "placement.hpp"
#include "sizes.hpp"
#include "transfers.hpp"

namespace genie::plan {

namespace detail {

std::vector<Transfer> implied_transfers(const Placement& placement, const Bindings& assumes) {
  const Bindings sizes = complete_sizes(placement.plan(), assumes);
  const GraphIndex& index = placement.index();
  const std::vector<Stage>& stages = placement.schedule().stages;
  std::vector<Transfer> out;
  const auto add = [&](std::uint32_t v, std::string from, std::string to) {
    const Value* value = index.values()[v].value;
    Transfer t;
    t.id = "t" + std::to_string(out.size());
    t.value = placement.id(v);
    t.from = std::move(from);
    t.to = std::move(to);
    t.klass = value != nullptr && value->scalar ? "control" : "bulk";
    t.size_bytes = bytes_of(value, sizes);
    out.push_back(std::move(t));
  };
  const auto source = [&](std::uint32_t v) -> std::string {
    const std::uint32_t maker = placement.maker(v);
    if (maker != kNone) return stages[maker].id;
    const std::uint32_t input = index.values()[v].input;
    return input == kNone ? std::string() : "input:" + placement.method().inputs[input].name;
  };

  std::set<std::pair<std::uint32_t, std::string_view>> sent;  // value, device
  for (std::uint32_t s = 0; s < stages.size(); ++s)
    for (const std::uint32_t v : placement.stages()[s].inputs) {
      const std::uint32_t maker = placement.maker(v);
      if (maker != kNone && stages[maker].device == stages[s].device) continue;
      if (maker == kNone && index.values()[v].input == kNone) continue;  // an unplaced node: V4 says so
      if (sent.emplace(v, stages[s].device).second) add(v, source(v), stages[s].id);
    }

  std::set<std::uint32_t> returned;
  Names returned_states;
  for (const Port& port : placement.method().outputs) {
    if (const auto* value = std::get_if<arg::Value>(&port.value.is)) {
      const std::uint32_t v = index.value(value->id);
      if (v != kNone && placement.maker(v) != kNone && returned.insert(v).second)
        add(v, source(v), "output:" + port.name);
    } else if (const auto* state = std::get_if<arg::State>(&port.value.is)) {
      const auto at = placement.plan().states.find(state->name);
      if (at == placement.plan().states.end() || !returned_states.insert(state->name).second) continue;
      Transfer t;
      t.id = "t" + std::to_string(out.size());
      t.value = t.from = "state:" + state->name;
      t.to = "output:" + port.name;
      t.size_bytes = state_bytes(at->second);
      out.push_back(std::move(t));
    }
  }
  return out;
}

std::string_view device_of_end(const Placement& placement, const Residence* residence, std::string_view end) {
  if (end.starts_with("input:") || end.starts_with("output:")) return "";
  if (end.starts_with("state:")) {
    if (residence == nullptr) return "";
    auto at = residence->states.find(end.substr(6));
    if (at == residence->states.end())
      at = residence->states.find(root_state(placement.plan(), end.substr(6)));
    return at == residence->states.end() ? std::string_view() : std::string_view(at->second);
  }
  const std::uint32_t stage = placement.stage_number(end);
  return stage == kNone ? std::string_view() : std::string_view(placement.schedule().stages[stage].device);
}

}  // namespace detail

std::vector<Transfer> derive_transfers(const Plan& plan, std::string_view method,
                                       const MethodSchedule& schedule, const Bindings& assumes) {
  const auto at = plan.methods.find(method);
  if (at == plan.methods.end()) return {};
  const Residence* residence = plan.schedule ? &plan.schedule->residence : nullptr;
  return detail::implied_transfers(detail::Placement(plan, at->second, schedule, residence), assumes);
}

}  // namespace genie::plan
