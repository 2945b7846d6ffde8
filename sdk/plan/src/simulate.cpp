// The event simulator: one call of a scheduled method on the virtual clock.
//
// Events of one instant are handled in rounds: messages that end, then stages that end, then whatever can start. A round may
// make new events of the same instant (free transfers, empty stages); time moves only when none is left. A disturbance
// (disturbance.hpp) may change how long things take, have messages sent again, and halt the call.
#include <algorithm>
#include <deque>
#include <map>
#include <queue>
#include <set>
#include <tuple>

#include "genie/plan/disturbance.hpp"
#include "ledger.hpp"
#include "network.hpp"
#include "placement.hpp"
#include "sizes.hpp"
#include "transfers.hpp"

namespace genie::plan {

namespace {

using detail::Placement;

class Simulator {
 public:
  Simulator(const Placement& placement, const Schedule& schedule, const Topology& topology,
            const Bindings& sizes, Disturbance* disturbance = nullptr)
      : disturbance_(disturbance),
        placement_(placement),
        schedule_(schedule),
        sizes_(sizes),
        network_(topology),
        ledger_(placement, schedule, sizes_),
        stages_(placement.stages().size()),
        transfers_(placement.schedule().transfers.size()) {}

  Result<DisturbedTimeline> run(const std::function<std::uint64_t(const Stage&)>& stage_time) {
    if (Diagnostics problems = prepare(); !problems.empty()) return problems;
    left_ = stages_.size() + transfers_.size();
    find_gone();
    for (std::uint32_t t = 0; t < transfers_.size(); ++t)
      if (transfers_[t].after == kNone) start_transfer(t);
    check_gone();
    start_stages(stage_time);
    ledger_.close_instant(0);
    while (!out_.halt && step(stage_time)) {
    }
    if (!out_.halt && finished_ != stages_.size()) return stuck();
    return finish();
  }

 private:
  struct StageRun {
    std::uint32_t waits = 0;  ///< values and stages it still waits for
    bool running = false, done = false;
    std::uint64_t start_ns = 0, end_ns = 0;
    std::vector<std::uint32_t> frees_stages;     ///< that wait for its end
    std::vector<std::uint32_t> frees_transfers;  ///< that start at its end
  };
  struct TransferRun {
    std::uint32_t after = kNone;  ///< the stage whose end starts it
    std::uint32_t value = kNone;
    std::string_view from, to;  ///< devices, "" for the client
    std::uint64_t bytes = 0;
    std::uint64_t start_ns = 0, end_ns = 0;
    const detail::Network::Path* path = nullptr;
    std::vector<std::uint32_t> frees_stages;
    bool begun = false, done = false;
    std::uint32_t attempts = 0;
  };
  /// One copy of a transfer's bytes on its way.
  struct Copy {
    std::uint32_t transfer = kNone;
    std::uint32_t attempt = 0;
    std::uint64_t sent_ns = 0;
    bool again = false;  ///< the network made it: nobody waits for it
  };
  /// What is done about something that did not come in time.
  struct Patience {
    std::uint64_t at_ns;
    bool is_stage;
    std::uint32_t number;
    bool give_up;
    bool operator>(const Patience& other) const {
      return std::tie(at_ns, is_stage, number) > std::tie(other.at_ns, other.is_stage, other.number);
    }
  };
  struct Arrival {
    std::uint64_t at_ns;
    std::uint32_t transfer;
    bool operator>(const Arrival& other) const {
      return std::tie(at_ns, transfer) > std::tie(other.at_ns, other.transfer);
    }
  };
  struct End {
    std::uint64_t at_ns;
    std::uint32_t stage;
    bool operator>(const End& other) const {
      return std::tie(at_ns, stage) > std::tie(other.at_ns, other.stage);
    }
  };
  template <class T>
  using Earliest = std::priority_queue<T, std::vector<T>, std::greater<T>>;

  Diagnostic problem(std::string code, std::string message, std::string help) const {
    Diagnostic d;
    d.code = std::move(code);
    d.message = std::move(message);
    d.help = std::move(help);
    return d;
  }

  Diagnostics prepare() {
    Diagnostics problems;
    const std::vector<Stage>& stages = placement_.schedule().stages;
    for (std::uint32_t s = 0; s < stages.size(); ++s) {
      queues_[stages[s].device].push_back(s);
    }
    std::map<std::pair<std::uint32_t, std::string_view>, std::uint32_t> carried;  // value, device → transfer
    for (std::uint32_t t = 0; t < transfers_.size(); ++t) {
      const Transfer& transfer = placement_.schedule().transfers[t];
      TransferRun& run = transfers_[t];
      run.value = placement_.index().value(transfer.value);
      run.from = detail::device_of_end(placement_, &schedule_.residence, transfer.from);
      run.to = detail::device_of_end(placement_, &schedule_.residence, transfer.to);
      run.bytes = transfer_bytes(transfer, run.value);
      run.path = &network_.path(run.from, run.to);
      if (!run.path->ok)
        problems.push_back(problem("GE0510",
                                   "nothing connects " + place(run.from) + " to " + place(run.to) +
                                       ", which transfer " + transfer.id + " of " + transfer.value + " needs",
                                   "add a link to the topology, or place both ends where a link exists"));
      if (const std::uint32_t maker = placement_.stage_number(transfer.from); maker != kNone) {
        run.after = maker;
      } else if (transfer.from.starts_with("state:")) {
        run.after = last_user(transfer.from.substr(6));
      }
      if (run.after != kNone) stages_[run.after].frees_transfers.push_back(t);
      carried.emplace(std::pair{run.value, run.to}, t);
    }
    for (std::uint32_t s = 0; s < stages.size(); ++s) {
      for (const std::uint32_t v : placement_.stages()[s].inputs) {
        const std::uint32_t maker = placement_.maker(v);
        if (maker != kNone && stages[maker].device == stages[s].device) {
          wait_for_stage(s, maker);
        } else if (const auto at = carried.find({v, stages[s].device}); at != carried.end()) {
          ++stages_[s].waits;
          transfers_[at->second].frees_stages.push_back(s);
        } else {
          problems.push_back(
              problem("GE0508",
                      "stage " + stages[s].id + " on " + stages[s].device + " takes " + placement_.id(v) +
                          ", which no transfer brings there",
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
    return problems;
  }

  void wait_for_stage(std::uint32_t stage, std::uint32_t before) {
    if (before == kNone || before == stage) return;
    ++stages_[stage].waits;
    stages_[before].frees_stages.push_back(stage);
  }

  std::uint32_t last_user(std::string_view state) const {
    const std::string_view root = detail::root_state(placement_.plan(), state);
    for (std::uint32_t s = static_cast<std::uint32_t>(stages_.size()); s-- > 0;)
      for (const std::string& name : placement_.stages()[s].states)
        if (detail::root_state(placement_.plan(), name) == root) return s;
    return kNone;
  }

  std::uint64_t transfer_bytes(const Transfer& transfer, std::uint32_t value) const {
    if (transfer.value.starts_with("state:")) return transfer.size_bytes;
    return value == kNone ? 0 : detail::bytes_of(placement_.index().values()[value].value, sizes_);
  }

  static std::string place(std::string_view device) {
    return device.empty() ? "the client" : std::string(device);
  }

  void happens(Event::Kind kind, bool ends, std::uint32_t number) {
    out_.timeline.moments.push_back({kind, ends, number, now_});
  }

  void start_transfer(std::uint32_t t) {
    TransferRun& run = transfers_[t];
    run.begun = true;
    run.start_ns = now_;
    happens(Event::Kind::transfer, false, t);
    if (run.value != kNone) ledger_.send_starts(run.value, run.to);
    if (run.path->free)
      arrivals_.push({now_, t});
    else
      send({t, run.attempts++, now_, false});
  }

  void send(const Copy& copy) {
    const TransferRun& run = transfers_[copy.transfer];
    const Transfer& transfer = placement_.schedule().transfers[copy.transfer];
    for (const std::string& where : run.path->places)
      begin_message(where);
    const auto flow =
        network_.shares().start(now_, run.bytes, run.path->resources, transfer.klass == "control");
    if (flow_copy_.size() <= flow) flow_copy_.resize(flow + 1);
    flow_copy_[flow] = copy;
  }

  /// The last byte of a copy has left.
  void end_sending(const Copy& copy) {
    const TransferRun& run = transfers_[copy.transfer];
    if (disturbance_ == nullptr) {
      arrivals_.push({now_ + run.path->latency_ns, copy.transfer});
      return;
    }
    endings_.push({now_ + run.path->latency_ns, copy.transfer});
    if (copy.again) return;
    const SendingOutcome fate =
        disturbance_->sending({&placement_.schedule().transfers[copy.transfer], run.from, run.to,
                               run.path->places, copy.attempt, copy.sent_ns, now_, run.path->latency_ns});
    if (fate.arrives_ns) arrivals_.push({*fate.arrives_ns, copy.transfer});
    if (fate.again_ns) patience_.push({*fate.again_ns, false, copy.transfer, fate.give_up});
    if (fate.twice) send({copy.transfer, copy.attempt, now_, true});
  }

  void end_messages(std::uint32_t t) {
    const TransferRun& run = transfers_[t];
    for (const std::string& where : run.path->places)
      end_message(where, run.bytes);
    if (run.path->wire) out_.timeline.predicted.wire_bytes += run.bytes;
  }

  void begin_message(const std::string& place) {
    LinkUse& use = link_use_[place];
    if (use.under_way++ == 0) use.since_ns = now_;
  }
  void end_message(const std::string& place, std::uint64_t bytes) {
    LinkUse& use = link_use_[place];
    if (--use.under_way == 0) use.busy_ns += now_ - use.since_ns;
    use.bytes += bytes;
    ++use.messages;
  }

  void end_transfer(std::uint32_t t) {
    TransferRun& run = transfers_[t];
    const Transfer& transfer = placement_.schedule().transfers[t];
    if (run.done) return;  // it came before
    run.done = true;
    --left_;
    run.end_ns = ended_ns_ = now_;
    happens(Event::Kind::transfer, true, t);
    if (disturbance_ == nullptr) end_messages(t);
    if (run.value != kNone) ledger_.send_ends(run.value, run.from);
    out_.timeline.events.push_back({Event::Kind::transfer, transfer.id,
                                    run.path->places.empty() ? std::string() : run.path->places.front(),
                                    run.start_ns, now_, run.bytes});
    for (const std::uint32_t s : run.frees_stages)
      --stages_[s].waits;
  }

  void start_stages(const std::function<std::uint64_t(const Stage&)>& stage_time) {
    for (auto& [device, queue] : queues_) {
      if (queue.empty()) continue;
      const std::uint32_t s = queue.front();
      StageRun& run = stages_[s];
      if (run.running || run.waits != 0) continue;
      run.running = true;
      run.start_ns = now_;
      happens(Event::Kind::stage, false, s);
      ledger_.stage_starts(s);
      const Stage& stage = placement_.schedule().stages[s];
      const std::uint64_t duration = stage_time(stage);
      if (disturbance_ == nullptr) {
        ends_.push({now_ + duration, s});
        continue;
      }
      const StageOutcome fate = disturbance_->stage(stage, now_, duration);
      ends_.push({fate.end_ns, s});
      if (fate.given_up_ns) patience_.push({*fate.given_up_ns, true, s, true});
    }
  }

  void end_stage(std::uint32_t s) {
    StageRun& run = stages_[s];
    const Stage& stage = placement_.schedule().stages[s];
    run.end_ns = ended_ns_ = now_;
    run.done = true;
    --left_;
    happens(Event::Kind::stage, true, s);
    ++finished_;
    queues_.find(stage.device)->second.pop_front();
    out_.timeline.events.push_back({Event::Kind::stage, stage.id, stage.device, run.start_ns, now_, 0});
    out_.timeline.predicted.device_busy_ns[stage.device] += now_ - run.start_ns;
    ledger_.stage_ends(s);
    for (const std::uint32_t other : run.frees_stages)
      --stages_[other].waits;
    for (const std::uint32_t t : run.frees_transfers)
      start_transfer(t);
  }

  /// One instant; false when nothing is left to happen.
  bool step(const std::function<std::uint64_t(const Stage&)>& stage_time) {
    std::optional<std::uint64_t> next = network_.shares().next_end();
    if (!arrivals_.empty()) next = std::min(next.value_or(arrivals_.top().at_ns), arrivals_.top().at_ns);
    if (!ends_.empty()) next = std::min(next.value_or(ends_.top().at_ns), ends_.top().at_ns);
    if (disturbance_ != nullptr) {
      // Copies that nobody waits for are the network's own affair.
      if (left_ == 0) return false;
      if (!endings_.empty()) next = std::min(next.value_or(endings_.top().at_ns), endings_.top().at_ns);
      if (!patience_.empty()) next = std::min(next.value_or(patience_.top().at_ns), patience_.top().at_ns);
      if (!gone_.empty()) next = std::min(next.value_or(gone_.front().first), gone_.front().first);
    }
    if (!next) return false;
    now_ = *next;
    while (network_.shares().next_end() == now_) {
      const Copy copy = flow_copy_[network_.shares().finish_next()];
      end_sending(copy);
    }
    for (; !endings_.empty() && endings_.top().at_ns == now_; endings_.pop())
      end_messages(endings_.top().transfer);
    while (!arrivals_.empty() && arrivals_.top().at_ns == now_) {
      const std::uint32_t t = arrivals_.top().transfer;
      arrivals_.pop();
      end_transfer(t);
    }
    while (!ends_.empty() && ends_.top().at_ns == now_) {
      const std::uint32_t s = ends_.top().stage;
      ends_.pop();
      end_stage(s);
    }
    lose_patience();
    check_gone();
    if (!out_.halt) start_stages(stage_time);
    ledger_.close_instant(now_);
    return true;
  }

  // --- what a disturbance halts ---

  void lose_patience() {
    while (!out_.halt && !patience_.empty() && patience_.top().at_ns == now_) {
      const Patience late = patience_.top();
      patience_.pop();
      if (late.is_stage ? stages_[late.number].done : transfers_[late.number].done) continue;
      if (!late.give_up)
        send({late.number, transfers_[late.number].attempts++, now_, false});
      else if (late.is_stage)
        halt_at_stage(Halt::Why::stage_given_up, late.number);
      else
        halt_at_transfer(late.number, std::string(transfers_[late.number].to), Halt::Why::transfer_given_up);
    }
  }

  void find_gone() {
    if (disturbance_ == nullptr) return;
    std::set<std::string_view> devices;
    for (const auto& [device, queue] : queues_)
      devices.insert(device);
    for (const TransferRun& run : transfers_) {
      devices.insert(run.from);
      devices.insert(run.to);
    }
    for (const std::string_view device : devices)
      if (const auto at = device.empty() ? std::nullopt : disturbance_->gone_ns(device))
        gone_.emplace_back(*at, device);
    std::ranges::sort(gone_);
  }

  /// A device that is gone halts the call if anything was still to be done there.
  void check_gone() {
    while (!out_.halt && !gone_.empty() && gone_.front().first <= now_) {
      const std::string_view device = gone_.front().second;
      gone_.pop_front();
      if (const auto queue = queues_.find(std::string(device));
          queue != queues_.end() && !queue->second.empty()) {
        halt_at_stage(Halt::Why::device_gone, queue->second.front());
        return;
      }
      for (std::uint32_t t = 0; t < transfers_.size(); ++t)
        if (!transfers_[t].done && (transfers_[t].from == device || transfers_[t].to == device)) {
          halt_at_transfer(t, std::string(device), Halt::Why::device_gone);
          return;
        }
    }
  }

  void halt_at_stage(Halt::Why why, std::uint32_t s) {
    const Stage& stage = placement_.schedule().stages[s];
    out_.halt = Halt{why, now_, stage.device, stage.id, {}};
  }

  void halt_at_transfer(std::uint32_t t, std::string device, Halt::Why why) {
    const Transfer& transfer = placement_.schedule().transfers[t];
    // The stage that waits for it, or else the one whose result it was.
    std::string stage;
    if (placement_.stage_number(transfer.to) != kNone)
      stage = transfer.to;
    else if (placement_.stage_number(transfer.from) != kNone)
      stage = transfer.from;
    else if (transfers_[t].after != kNone)
      stage = placement_.schedule().stages[transfers_[t].after].id;
    out_.halt = Halt{why, now_, std::move(device), std::move(stage), transfer.id};
  }

  void cut_off() {
    const auto& schedule = placement_.schedule();
    for (std::uint32_t s = 0; s < stages_.size(); ++s)
      if (stages_[s].running && !stages_[s].done) {
        out_.interrupted.push_back({Event::Kind::stage, schedule.stages[s].id, schedule.stages[s].device,
                                    stages_[s].start_ns, now_, 0});
        out_.timeline.predicted.device_busy_ns[schedule.stages[s].device] += now_ - stages_[s].start_ns;
      }
    for (std::uint32_t t = 0; t < transfers_.size(); ++t)
      if (transfers_[t].begun && !transfers_[t].done && !transfers_[t].path->free)
        out_.interrupted.push_back({Event::Kind::transfer, schedule.transfers[t].id,
                                    transfers_[t].path->places.front(), transfers_[t].start_ns, now_,
                                    transfers_[t].bytes});
  }

  Diagnostics stuck() const {
    Diagnostics out;
    for (const auto& [device, queue] : queues_) {
      if (queue.empty()) continue;
      const std::string id = placement_.schedule().stages[queue.front()].id;
      const StateWrite* write = awaited_write(queue.front());
      out.push_back(
          write == nullptr
              ? problem("GE0507",
                        "stage " + id + " on " + std::string(device) +
                            " never starts: it waits for stages that wait for it",
                        "order the stages of each device so that what a stage needs is computed before it")
              : problem("GE0507",
                        "stage " + id + " on " + std::string(device) +
                            " never starts: as the last user of state " + write->state +
                            " there it must store its new content " + write->value +
                            ", which is made by a stage that waits for it",
                        "place the node that makes " + write->value + " on " + std::string(device) +
                            ", where the state lives, in this stage or a later one"));
    }
    return out;
  }

  /// The state write for whose value this stage waits.
  const StateWrite* awaited_write(std::uint32_t stage) const {
    for (const StateWrite* write : placement_.stages()[stage].writes) {
      const std::uint32_t value = placement_.index().value(write->value);
      const std::uint32_t maker = value == kNone ? kNone : placement_.maker(value);
      if (maker != kNone && maker != stage && stages_[maker].end_ns == 0 && !stages_[maker].running)
        return write;
    }
    return nullptr;
  }

  /// How much later each transfer could have arrived, everything else lasting as long as it did.
  void fill_slack() {
    std::vector<std::uint64_t> stage_latest(stages_.size(), now_), transfer_latest(transfers_.size(), now_);
    std::map<std::string_view, std::uint64_t> device_latest;  // latest start of the device's next stage
    const auto latest_start = [&](std::uint32_t s) {
      return stage_latest[s] - (stages_[s].end_ns - stages_[s].start_ns);
    };
    for (auto at = out_.timeline.moments.rbegin(); at != out_.timeline.moments.rend(); ++at) {
      if (!at->ends) continue;
      if (at->kind == Event::Kind::stage) {
        const std::uint32_t s = at->number;
        std::uint64_t& latest = stage_latest[s];
        for (const std::uint32_t other : stages_[s].frees_stages)
          latest = std::min(latest, latest_start(other));
        for (const std::uint32_t t : stages_[s].frees_transfers)
          latest = std::min(latest, transfer_latest[t] - (transfers_[t].end_ns - transfers_[t].start_ns));
        const auto [next, first] = device_latest.try_emplace(placement_.schedule().stages[s].device, now_);
        latest = std::min(latest, next->second);
        next->second = latest_start(s);
      } else {
        for (const std::uint32_t s : transfers_[at->number].frees_stages)
          transfer_latest[at->number] = std::min(transfer_latest[at->number], latest_start(s));
      }
    }
    for (std::uint32_t t = 0; t < transfers_.size(); ++t)
      out_.timeline.slack_ns[placement_.schedule().transfers[t].id] =
          transfer_latest[t] - transfers_[t].end_ns;
  }

  DisturbedTimeline finish() {
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
      return std::tie(a.start_ns, a.id) < std::tie(b.start_ns, b.id);
    });
    return std::move(out_);
  }

  struct LinkUse {
    std::uint32_t under_way = 0;
    std::uint64_t since_ns = 0, busy_ns = 0, bytes = 0, messages = 0;
  };

  Disturbance* disturbance_;  // null: none
  const Placement& placement_;
  const Schedule& schedule_;
  const Bindings& sizes_;
  detail::Network network_;
  detail::Ledger ledger_;
  std::vector<StageRun> stages_;
  std::vector<TransferRun> transfers_;
  std::map<std::string, std::deque<std::uint32_t>> queues_;  // device → stages not yet done
  std::vector<Copy> flow_copy_;
  Earliest<Arrival> arrivals_;
  Earliest<Arrival> endings_;  // disturbed: a copy's last byte would be there, whether it is or not
  Earliest<End> ends_;
  std::map<std::string, LinkUse> link_use_;
  Earliest<Patience> patience_;
  std::deque<std::pair<std::uint64_t, std::string_view>> gone_;  // when, device: earliest first
  std::uint64_t now_ = 0;
  std::uint64_t ended_ns_ = 0;  // when something that was waited for ended last
  std::size_t finished_ = 0;
  std::size_t left_ = 0;  // stages and transfers not done
  DisturbedTimeline out_;
};

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
                          const Bindings& sizes, const StageTime& stage_time) {
  const Result<const MethodSchedule*> schedule = schedule_of(scheduled, method);
  if (!schedule) return schedule.errors();
  const Bindings complete = detail::complete_sizes(scheduled, sizes);
  const Placement placement(scheduled, scheduled.methods.find(method)->second, **schedule,
                            &scheduled.schedule->residence);
  auto run = Simulator(placement, *scheduled.schedule, topology, complete).run([&](const Stage& stage) {
    return stage_time(method, stage);
  });
  if (!run) return std::move(run).errors();
  return std::move(run->timeline);
}

Result<Timeline> simulate(const Plan& scheduled, std::string_view method, const Topology& topology,
                          const Costs& costs) {
  return simulate(scheduled, method, topology, costs.assumes, detail::cost_of_stage(costs, method));
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
  return Simulator(placement, *scheduled.schedule, topology, complete, &disturbance)
      .run([&](const Stage& stage) { return stage_time(method, stage); });
}

}  // namespace genie::plan
