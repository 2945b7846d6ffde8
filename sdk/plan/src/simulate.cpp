// The clock of the event simulator, and what the library offers of it.
#include <algorithm>
#include <set>

#include "simulator.hpp"
#include "sizes.hpp"

namespace genie::plan {

namespace detail {

Simulator::Simulator(const Placement& placement, const Schedule& schedule, const Topology& topology,
                     const Bindings& sizes, std::uint32_t micro_batches, Disturbance* disturbance)
    : disturbance_(disturbance),
      placement_(placement),
      schedule_(schedule),
      topology_(topology),
      sizes_(sizes),
      micro_batches_(micro_batches),
      network_(topology),
      ledger_(placement, schedule, sizes_, micro_batches),
      stage_plans_(placement.stages().size()),
      transfer_plans_(placement.schedule().transfers.size()) {}

Result<DisturbedTimeline> Simulator::run(const Duration& duration) {
  if (Diagnostics problems = prepare(topology_); !problems.empty()) return problems;
  left_ = stages_.size() + transfers_.size();
  find_gone();
  for (std::uint32_t t = 0; t < transfers_.size(); ++t)
    if (transfer_plan(t).after == kNone) start_transfer(t);
  start_waiting();
  check_gone();
  start_stages(duration);
  ledger_.close_instant(0);
  while (!out_.halt && step(duration)) {
  }
  if (!out_.halt && finished_ != stages_.size()) return stuck();
  return finish();
}

void Simulator::happens(Event::Kind kind, bool ends, std::uint32_t run) {
  const std::uint32_t count = kind == Event::Kind::stage ? stage_count() : transfer_count();
  out_.timeline.moments.push_back({kind, ends, run % count, now_, run / count});
}

/// One instant; false when nothing is left to happen.
bool Simulator::step(const Duration& duration) {
  std::optional<std::uint64_t> next = network_.shares().next_end();
  const auto come = [&next](std::uint64_t at_ns) { next = std::min(next.value_or(at_ns), at_ns); };
  if (!arrivals_.empty()) come(arrivals_.top().at_ns);
  if (!ends_.empty()) come(ends_.top().at_ns);
  if (disturbance_ != nullptr) {
    // Copies that nobody waits for are the network's own affair.
    if (left_ == 0) return false;
    if (!endings_.empty()) come(endings_.top().at_ns);
    if (!patience_.empty()) come(patience_.top().at_ns);
    if (!gone_.empty()) come(gone_.front().first);
  }
  if (!next) return false;
  now_ = *next;
  while (network_.shares().next_end() == now_) {
    const Copy copy = flow_copy_[network_.shares().finish_next()];
    end_sending(copy);
  }
  for (; !endings_.empty() && endings_.top().at_ns == now_; endings_.pop())
    end_messages(endings_.top().number);
  while (!arrivals_.empty() && arrivals_.top().at_ns == now_) {
    const std::uint32_t run = arrivals_.top().number;
    arrivals_.pop();
    end_transfer(run);
  }
  while (!ends_.empty() && ends_.top().at_ns == now_) {
    const std::uint32_t run = ends_.top().number;
    ends_.pop();
    end_stage(run);
  }
  lose_patience();
  start_waiting();
  check_gone();
  if (!out_.halt) start_stages(duration);
  ledger_.close_instant(now_);
  return true;
}

// --- messages ---

void Simulator::start_transfer(std::uint32_t run) {
  offer({run, transfers_[run].attempts++, now_, false});
}

bool Simulator::limited(std::uint32_t run) const {
  const TransferPlan& plan = transfer_plan(run);
  return plan.engines[0] != kNone || plan.engines[1] != kNone;
}

/// Sends at once, or lines up for the copy engines that it takes.
void Simulator::offer(const Copy& copy) {
  if (!limited(copy.transfer)) return send(copy);
  const auto urgent = [this](const Copy& c) { return transfer(c.transfer).klass == "control"; };
  const auto at = !urgent(copy)
                      ? waiting_.end()
                      : std::ranges::find_if(waiting_, [&](const Copy& other) { return !urgent(other); });
  waiting_.insert(at, copy);
}

/// Whoever finds its engines free takes them; nobody waits behind one whose other end is busy.
void Simulator::start_waiting() {
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const TransferPlan& plan = transfer_plan(at->transfer);
    const auto free = [this](std::uint32_t engines) {
      return engines == kNone || engines_[engines].free > 0;
    };
    if (!free(plan.engines[0]) || !free(plan.engines[1])) {
      ++at;
      continue;
    }
    for (const std::uint32_t engines : plan.engines)
      if (engines != kNone) --engines_[engines].free;
    Copy copy = *at;
    copy.sent_ns = now_;
    at = waiting_.erase(at);
    send(copy);
  }
}

void Simulator::send(const Copy& copy) {
  TransferRun& run = transfers_[copy.transfer];
  const TransferPlan& plan = transfer_plan(copy.transfer);
  if (!run.begun) {
    run.begun = true;
    run.start_ns = now_;
    happens(Event::Kind::transfer, false, copy.transfer);
    if (plan.value != kNone) ledger_.send_starts(plan.value, plan.to, copy.transfer / transfer_count());
  }
  if (plan.path->free) {
    arrivals_.push({now_, copy.transfer});
    return;
  }
  for (const std::string& where : plan.path->places)
    begin_message(where);
  const auto flow = network_.shares().start(now_, plan.bytes, plan.path->resources,
                                            transfer(copy.transfer).klass == "control");
  if (flow_copy_.size() <= flow) flow_copy_.resize(flow + 1);
  flow_copy_[flow] = copy;
}

/// The last byte of a copy has left.
void Simulator::end_sending(const Copy& copy) {
  const TransferPlan& plan = transfer_plan(copy.transfer);
  for (const std::uint32_t engines : plan.engines)
    if (engines != kNone) ++engines_[engines].free;
  if (disturbance_ == nullptr) {
    arrivals_.push({now_ + plan.path->latency_ns, copy.transfer});
    return;
  }
  endings_.push({now_ + plan.path->latency_ns, copy.transfer});
  if (copy.again) return;
  const SendingOutcome fate =
      disturbance_->sending({&transfer(copy.transfer), plan.from, plan.to, plan.path->places, copy.attempt,
                             copy.sent_ns, now_, plan.path->latency_ns});
  if (fate.arrives_ns) arrivals_.push({*fate.arrives_ns, copy.transfer});
  if (fate.again_ns) patience_.push({*fate.again_ns, false, copy.transfer, fate.give_up});
  if (fate.twice) offer({copy.transfer, copy.attempt, now_, true});
}

void Simulator::end_messages(std::uint32_t run) {
  const TransferPlan& plan = transfer_plan(run);
  for (const std::string& where : plan.path->places)
    end_message(where, plan.bytes);
  if (plan.path->wire) out_.timeline.predicted.wire_bytes += plan.bytes;
}

void Simulator::begin_message(const std::string& place) {
  LinkUse& use = link_use_[place];
  if (use.under_way++ == 0) use.since_ns = now_;
}

void Simulator::end_message(const std::string& place, std::uint64_t bytes) {
  LinkUse& use = link_use_[place];
  if (--use.under_way == 0) use.busy_ns += now_ - use.since_ns;
  use.bytes += bytes;
  ++use.messages;
}

void Simulator::end_transfer(std::uint32_t number) {
  TransferRun& run = transfers_[number];
  const TransferPlan& plan = transfer_plan(number);
  if (run.done) return;  // it came before
  const std::uint32_t micro_batch = number / transfer_count();
  run.done = true;
  --left_;
  run.end_ns = ended_ns_ = now_;
  happens(Event::Kind::transfer, true, number);
  if (disturbance_ == nullptr) end_messages(number);
  if (plan.value != kNone) ledger_.send_ends(plan.value, plan.from, micro_batch);
  out_.timeline.events.push_back({Event::Kind::transfer, transfer(number).id,
                                  plan.path->places.empty() ? std::string() : plan.path->places.front(),
                                  run.start_ns, now_, plan.bytes, micro_batch});
  for (const std::uint32_t s : plan.frees_stages)
    --stages_[micro_batch * stage_count() + s].waits;
}

// --- stages ---

/// A device that is free takes its next stage of the earliest micro-batch that is ready.
void Simulator::start_stages(const Duration& duration) {
  for (auto& [device, queue] : queues_) {
    if (queue.busy) continue;
    while (queue.first < micro_batches_ && queue.next[queue.first] == queue.stages.size())
      ++queue.first;
    for (std::uint32_t m = queue.first; m < micro_batches_; ++m) {
      if (queue.next[m] == queue.stages.size()) continue;
      const std::uint32_t run = m * stage_count() + queue.stages[queue.next[m]];
      if (stages_[run].waits != 0) continue;
      ++queue.next[m];
      queue.busy = true;
      start_stage(run, duration);
      break;
    }
  }
}

void Simulator::start_stage(std::uint32_t number, const Duration& duration) {
  StageRun& run = stages_[number];
  run.running = true;
  run.start_ns = now_;
  happens(Event::Kind::stage, false, number);
  ledger_.stage_starts(number % stage_count());
  const std::uint64_t work_ns = duration(stage(number), number / stage_count());
  if (disturbance_ == nullptr) {
    ends_.push({now_ + work_ns, number});
    return;
  }
  const StageOutcome fate = disturbance_->stage(stage(number), now_, work_ns);
  ends_.push({fate.end_ns, number});
  if (fate.given_up_ns) patience_.push({*fate.given_up_ns, true, number, true});
}

void Simulator::end_stage(std::uint32_t number) {
  StageRun& run = stages_[number];
  const std::string& device = stage(number).device;
  const std::uint32_t micro_batch = number / stage_count();
  run.end_ns = ended_ns_ = now_;
  run.done = true;
  --left_;
  ++finished_;
  happens(Event::Kind::stage, true, number);
  Queue& queue = queues_.find(device)->second;
  queue.busy = false;
  --queue.left;
  out_.timeline.events.push_back(
      {Event::Kind::stage, stage(number).id, device, run.start_ns, now_, 0, micro_batch});
  out_.timeline.predicted.device_busy_ns[device] += now_ - run.start_ns;
  ledger_.stage_ends(number % stage_count(), micro_batch);
  for (const std::uint32_t other : stage_plan(number).frees_stages)
    --stages_[micro_batch * stage_count() + other].waits;
  for (const std::uint32_t t : stage_plan(number).frees_transfers)
    start_transfer(micro_batch * transfer_count() + t);
}

// --- the end ---

/// How much later each transfer could have arrived, everything else lasting as long as it did.
void Simulator::fill_slack() {
  std::vector<std::uint64_t> stage_latest(stages_.size(), now_), transfer_latest(transfers_.size(), now_);
  std::map<std::string_view, std::uint64_t> device_latest;  // latest start of the device's next stage
  const auto latest_start = [&](std::uint32_t run) {
    return stage_latest[run] - (stages_[run].end_ns - stages_[run].start_ns);
  };
  for (auto at = out_.timeline.moments.rbegin(); at != out_.timeline.moments.rend(); ++at) {
    if (!at->ends) continue;
    const std::uint32_t first_stage = at->micro_batch * stage_count();
    const std::uint32_t first_transfer = at->micro_batch * transfer_count();
    if (at->kind == Event::Kind::stage) {
      const StagePlan& plan = stage_plans_[at->number];
      std::uint64_t& latest = stage_latest[first_stage + at->number];
      for (const std::uint32_t other : plan.frees_stages)
        latest = std::min(latest, latest_start(first_stage + other));
      for (const std::uint32_t t : plan.frees_transfers) {
        const TransferRun& run = transfers_[first_transfer + t];
        latest = std::min(latest, transfer_latest[first_transfer + t] - (run.end_ns - run.start_ns));
      }
      const auto [next, first] =
          device_latest.try_emplace(placement_.schedule().stages[at->number].device, now_);
      latest = std::min(latest, next->second);
      next->second = latest_start(first_stage + at->number);
    } else {
      std::uint64_t& latest = transfer_latest[first_transfer + at->number];
      for (const std::uint32_t s : transfer_plans_[at->number].frees_stages)
        latest = std::min(latest, latest_start(first_stage + s));
    }
  }
  for (std::uint32_t run = 0; run < transfers_.size(); ++run) {
    const std::uint64_t slack = transfer_latest[run] - transfers_[run].end_ns;
    const auto [at, first] = out_.timeline.slack_ns.try_emplace(transfer(run).id, slack);
    if (!first) at->second = std::min(at->second, slack);
  }
}

DisturbedTimeline Simulator::finish() {
  if (out_.halt)
    cut_off();
  else
    fill_slack();
  Timeline& timeline = out_.timeline;
  timeline.predicted.makespan_ns = disturbance_ != nullptr && !out_.halt ? ended_ns_ : now_;
  timeline.predicted.peak_bytes = ledger_.peaks();
  timeline.stage_peak_bytes = ledger_.stage_peaks();
  timeline.memory = std::move(ledger_).curves();
  for (auto& [place, use] : link_use_) {
    if (use.under_way > 0) use.busy_ns += now_ - std::min(now_, use.since_ns);
    timeline.link_bytes[place] = use.bytes;
    timeline.link_messages[place] = use.messages;
    timeline.link_busy_ns[place] = use.busy_ns;
  }
  std::ranges::sort(timeline.events, [](const Event& a, const Event& b) {
    return std::tie(a.start_ns, a.id, a.micro_batch) < std::tie(b.start_ns, b.id, b.micro_batch);
  });
  return std::move(out_);
}

}  // namespace detail

namespace {

using detail::Placement;
using detail::Simulator;

/// The method's schedule, or the problem that there is none.
Result<const MethodSchedule*> schedule_of(const Plan& plan, std::string_view method) {
  if (plan.schedule && plan.methods.contains(method))
    if (const auto at = plan.schedule->methods.find(method); at != plan.schedule->methods.end())
      return &at->second;
  Diagnostic d;
  d.code = "GE0520";
  d.message = "the plan has no schedule of a method " + std::string(method);
  d.help = "schedule the plan first, or name one of its methods";
  return d;
}

}  // namespace

Result<Timeline> simulate(const Plan& scheduled, std::string_view method, const Topology& topology,
                          const Bindings& sizes, const StageTime& stage_time,
                          std::optional<std::uint32_t> micro_batches) {
  const Result<const MethodSchedule*> schedule = schedule_of(scheduled, method);
  if (!schedule) return schedule.errors();
  const Bindings complete = detail::complete_sizes(scheduled, sizes);
  const Placement placement(scheduled, scheduled.methods.find(method)->second, **schedule,
                            &scheduled.schedule->residence);
  const std::uint32_t count = std::max(1u, micro_batches.value_or((*schedule)->micro_batches));
  auto run =
      Simulator(placement, *scheduled.schedule, topology, complete, count)
          .run([&](const Stage& stage, std::uint32_t number) { return stage_time(method, stage, number); });
  if (!run) return std::move(run).errors();
  return std::move(run->timeline);
}

Result<Timeline> simulate(const Plan& scheduled, std::string_view method, const Topology& topology,
                          const Costs& costs, std::optional<std::uint32_t> micro_batches) {
  return simulate(scheduled, method, topology, costs.assumes, detail::cost_of_stage(costs, method),
                  micro_batches);
}

Result<DisturbedTimeline> simulate_disturbed(const Plan& scheduled, std::string_view method,
                                             const Topology& topology, const Costs& costs,
                                             Disturbance& disturbance) {
  const Result<const MethodSchedule*> schedule = schedule_of(scheduled, method);
  if (!schedule) return schedule.errors();
  const Bindings complete = detail::complete_sizes(scheduled, costs.assumes);
  const Placement placement(scheduled, scheduled.methods.find(method)->second, **schedule,
                            &scheduled.schedule->residence);
  const StageTime stage_time = detail::cost_of_stage(costs, method);
  return Simulator(placement, *scheduled.schedule, topology, complete, 1, &disturbance)
      .run([&](const Stage& stage, std::uint32_t number) { return stage_time(method, stage, number); });
}

}  // namespace genie::plan
