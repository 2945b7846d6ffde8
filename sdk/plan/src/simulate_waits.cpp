// Before the clock starts: what each stage and transfer waits for. And afterwards, when something waited for ever: why.
#include <map>

#include "simulator.hpp"
#include "sizes.hpp"
#include "transfers.hpp"

namespace genie::plan::detail {

namespace {

Diagnostic problem(std::string code, std::string message, std::string help) {
  Diagnostic d;
  d.code = std::move(code);
  d.message = std::move(message);
  d.help = std::move(help);
  return d;
}

std::string place(std::string_view device) {
  return device.empty() ? "the client" : std::string(device);
}

}  // namespace

Diagnostics Simulator::prepare(const Topology& topology) {
  Diagnostics problems;
  const std::vector<Stage>& stages = placement_.schedule().stages;
  for (std::uint32_t s = 0; s < stages.size(); ++s)
    queues_[stages[s].device].stages.push_back(s);
  for (auto& [device, queue] : queues_) {
    queue.next.assign(micro_batches_, 0);
    queue.left = static_cast<std::uint32_t>(queue.stages.size()) * micro_batches_;
  }
  prepare_transfers(problems);
  prepare_stages(problems);
  std::map<std::string_view, std::uint32_t> limited;
  const auto engines_of = [&](std::string_view id) {
    const Device* device = topology.device(id);
    if (device == nullptr || device->copy_engines == 0) return kNone;
    const auto [at, added] = limited.try_emplace(id, static_cast<std::uint32_t>(engines_.size()));
    if (added) engines_.push_back({device->copy_engines});
    return at->second;
  };
  for (TransferPlan& plan : transfer_plans_)
    if (!plan.path->free) {
      plan.engines[0] = engines_of(plan.from);
      plan.engines[1] = engines_of(plan.to);
    }
  stages_.resize(std::size_t{stage_count()} * micro_batches_);
  transfers_.resize(std::size_t{transfer_count()} * micro_batches_);
  for (std::uint32_t run = 0; run < stages_.size(); ++run)
    stages_[run].waits = stage_plan(run).waits;
  return problems;
}

void Simulator::prepare_transfers(Diagnostics& problems) {
  for (std::uint32_t t = 0; t < transfer_count(); ++t) {
    const Transfer& transfer = placement_.schedule().transfers[t];
    TransferPlan& plan = transfer_plans_[t];
    plan.value = placement_.index().value(transfer.value);
    plan.from = device_of_end(placement_, &schedule_.residence, transfer.from);
    plan.to = device_of_end(placement_, &schedule_.residence, transfer.to);
    plan.bytes = transfer_bytes(transfer, plan.value);
    plan.path = &network_.path(plan.from, plan.to);
    if (!plan.path->ok)
      problems.push_back(problem("GE0510",
                                 "nothing connects " + place(plan.from) + " to " + place(plan.to) +
                                     ", which transfer " + transfer.id + " of " + transfer.value + " needs",
                                 "add a link to the topology, or place both ends where a link exists"));
    if (const std::uint32_t maker = placement_.stage_number(transfer.from); maker != kNone)
      plan.after = maker;
    else if (transfer.from.starts_with("state:"))
      plan.after = last_user(transfer.from.substr(6));
    if (plan.after != kNone) stage_plans_[plan.after].frees_transfers.push_back(t);
  }
}

void Simulator::prepare_stages(Diagnostics& problems) {
  std::map<std::pair<std::uint32_t, std::string_view>, std::uint32_t> carried;  // value, device → transfer
  for (std::uint32_t t = 0; t < transfer_count(); ++t)
    carried.emplace(std::pair{transfer_plans_[t].value, transfer_plans_[t].to}, t);
  const std::vector<Stage>& stages = placement_.schedule().stages;
  for (std::uint32_t s = 0; s < stages.size(); ++s) {
    for (const std::uint32_t v : placement_.stages()[s].inputs) {
      const std::uint32_t maker = placement_.maker(v);
      if (maker != kNone && stages[maker].device == stages[s].device) {
        wait_for_stage(s, maker);
      } else if (const auto at = carried.find({v, stages[s].device}); at != carried.end()) {
        ++stage_plans_[s].waits;
        transfer_plans_[at->second].frees_stages.push_back(s);
      } else {
        problems.push_back(problem("GE0508",
                                   "stage " + stages[s].id + " on " + stages[s].device + " takes " +
                                       placement_.id(v) + ", which no transfer brings there",
                                   "leave the transfers out and let the host derive them, or add this one"));
      }
    }
    for (const std::string& id : stages[s].after)
      wait_for_stage(s, placement_.stage_number(id));
    for (const std::uint32_t n : placement_.stages()[s].nodes)
      for (const std::string& id : placement_.method().nodes[n].after)
        if (const std::uint32_t before = placement_.index().node(id); before != kNone)
          wait_for_stage(s, placement_.home(before));
  }
}

void Simulator::wait_for_stage(std::uint32_t stage, std::uint32_t before) {
  if (before == kNone || before == stage) return;
  ++stage_plans_[stage].waits;
  stage_plans_[before].frees_stages.push_back(stage);
}

std::uint32_t Simulator::last_user(std::string_view state) const {
  const std::string_view root = root_state(placement_.plan(), state);
  for (std::uint32_t s = stage_count(); s-- > 0;)
    for (const std::string& name : placement_.stages()[s].states)
      if (root_state(placement_.plan(), name) == root) return s;
  return kNone;
}

std::uint64_t Simulator::transfer_bytes(const Transfer& transfer, std::uint32_t value) const {
  if (transfer.value.starts_with("state:")) return transfer.size_bytes;
  return value == kNone ? 0 : bytes_of(placement_.index().values()[value].value, sizes_);
}

Diagnostics Simulator::stuck() const {
  Diagnostics out;
  for (const auto& [device, queue] : queues_) {
    if (queue.left == 0) continue;
    const std::uint32_t m = queue.first;
    const std::uint32_t run = m * stage_count() + queue.stages[queue.next[m]];
    const std::string id = stage(run).id;
    const StateWrite* write = awaited_write(run);
    out.push_back(
        write == nullptr
            ? problem("GE0507",
                      "stage " + id + " on " + device + " never starts: it waits for stages that wait for it",
                      "order the stages of each device so that what a stage needs is computed before it")
            : problem("GE0507",
                      "stage " + id + " on " + device + " never starts: as the last user of state " +
                          write->state + " there it must store its new content " + write->value +
                          ", which is made by a stage that waits for it",
                      "place the node that makes " + write->value + " on " + device +
                          ", where the state lives, in this stage or a later one"));
  }
  return out;
}

/// The state write for whose value this stage waits.
const StateWrite* Simulator::awaited_write(std::uint32_t run) const {
  const std::uint32_t number = run % stage_count();
  for (const StateWrite* write : placement_.stages()[number].writes) {
    const std::uint32_t value = placement_.index().value(write->value);
    const std::uint32_t maker = value == kNone ? kNone : placement_.maker(value);
    if (maker == kNone || maker == number) continue;
    const StageRun& made = stages_[run - number + maker];
    if (!made.done && !made.running) return write;
  }
  return nullptr;
}

}  // namespace genie::plan::detail
