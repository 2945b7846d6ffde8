// What a disturbance ends: patience that runs out, devices that are gone.
#include <algorithm>
#include <set>

#include "simulator.hpp"

namespace genie::plan::detail {

void Simulator::lose_patience() {
  while (!out_.halt && !patience_.empty() && patience_.top().at_ns == now_) {
    const Patience late = patience_.top();
    patience_.pop();
    if (late.is_stage ? stages_[late.number].done : transfers_[late.number].done) continue;
    if (!late.give_up)
      offer({late.number, transfers_[late.number].attempts++, now_, false});
    else if (late.is_stage)
      halt_at_stage(Halt::Why::stage_given_up, late.number);
    else
      halt_at_transfer(late.number, std::string(transfer_plan(late.number).to), Halt::Why::transfer_given_up);
  }
}

void Simulator::find_gone() {
  if (disturbance_ == nullptr) return;
  std::set<std::string_view> devices;
  for (const auto& [device, queue] : queues_)
    devices.insert(device);
  for (const TransferPlan& plan : transfer_plans_) {
    devices.insert(plan.from);
    devices.insert(plan.to);
  }
  for (const std::string_view device : devices)
    if (const auto at = device.empty() ? std::nullopt : disturbance_->gone_ns(device))
      gone_.emplace_back(*at, device);
  std::ranges::sort(gone_);
}

/// A device that is gone halts the call if anything was still to be done there.
void Simulator::check_gone() {
  while (!out_.halt && !gone_.empty() && gone_.front().first <= now_) {
    const std::string_view device = gone_.front().second;
    gone_.pop_front();
    if (const auto queue = queues_.find(device); queue != queues_.end() && queue->second.left != 0) {
      for (std::uint32_t m = 0; m < micro_batches_; ++m)
        for (const std::uint32_t s : queue->second.stages)
          if (!stages_[m * stage_count() + s].done)
            return halt_at_stage(Halt::Why::device_gone, m * stage_count() + s);
    }
    for (std::uint32_t t = 0; t < transfers_.size(); ++t)
      if (!transfers_[t].done && (transfer_plan(t).from == device || transfer_plan(t).to == device))
        return halt_at_transfer(t, std::string(device), Halt::Why::device_gone);
  }
}

void Simulator::halt_at_stage(Halt::Why why, std::uint32_t run) {
  out_.halt = Halt{why, now_, stage(run).device, stage(run).id, {}};
}

void Simulator::halt_at_transfer(std::uint32_t run, std::string device, Halt::Why why) {
  const Transfer& halted = transfer(run);
  // The stage that waits for it, or else the one whose result it was.
  std::string at;
  if (placement_.stage_number(halted.to) != kNone)
    at = halted.to;
  else if (placement_.stage_number(halted.from) != kNone)
    at = halted.from;
  else if (transfer_plan(run).after != kNone)
    at = placement_.schedule().stages[transfer_plan(run).after].id;
  out_.halt = Halt{why, now_, std::move(device), std::move(at), halted.id};
}

/// What was under way ends at the halt.
void Simulator::cut_off() {
  for (std::uint32_t run = 0; run < stages_.size(); ++run)
    if (stages_[run].running && !stages_[run].done) {
      out_.interrupted.push_back({Event::Kind::stage, stage(run).id, stage(run).device, stages_[run].start_ns,
                                  now_, 0, run / stage_count()});
      out_.timeline.predicted.device_busy_ns[stage(run).device] += now_ - stages_[run].start_ns;
    }
  for (std::uint32_t run = 0; run < transfers_.size(); ++run)
    if (transfers_[run].begun && !transfers_[run].done && !transfer_plan(run).path->free)
      out_.interrupted.push_back({Event::Kind::transfer, transfer(run).id,
                                  transfer_plan(run).path->places.front(), transfers_[run].start_ns, now_,
                                  transfer_plan(run).bytes, run / transfer_count()});
}

}  // namespace genie::plan::detail
