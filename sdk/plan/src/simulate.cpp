// The event simulator: one call of a scheduled method on the virtual clock.
//
// Events of one instant are handled in rounds: messages that end, then stages that end, then whatever can start. A round may
// make new events of the same instant (free transfers, empty stages); time moves only when none is left.
#include <algorithm>
#include <deque>
#include <map>
#include <queue>
#include <tuple>

#include "genie/plan/schedule.hpp"
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
            const Bindings& sizes)
      : placement_(placement),
        schedule_(schedule),
        sizes_(sizes),
        network_(topology),
        ledger_(placement, schedule, sizes_),
        stages_(placement.stages().size()),
        transfers_(placement.schedule().transfers.size()) {}

  Result<Timeline> run(const std::function<std::uint64_t(const Stage&)>& stage_time) {
    if (Diagnostics problems = prepare(); !problems.empty()) return problems;
    for (std::uint32_t t = 0; t < transfers_.size(); ++t)
      if (transfers_[t].after == kNone) start_transfer(t);
    start_stages(stage_time);
    ledger_.close_instant(0);
    while (step(stage_time)) {
    }
    if (finished_ != stages_.size()) return stuck();
    return finish();
  }

 private:
  struct StageRun {
    std::uint32_t waits = 0;  ///< values and stages it still waits for
    bool running = false;
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
    timeline_.moments.push_back({kind, ends, number, now_});
  }

  void start_transfer(std::uint32_t t) {
    TransferRun& run = transfers_[t];
    const Transfer& transfer = placement_.schedule().transfers[t];
    run.start_ns = now_;
    happens(Event::Kind::transfer, false, t);
    if (run.value != kNone) ledger_.send_starts(run.value, run.to);
    if (run.path->free) {
      arrivals_.push({now_, t});
      return;
    }
    for (const std::string& where : run.path->places)
      begin_message(where);
    const auto flow =
        network_.shares().start(now_, run.bytes, run.path->resources, transfer.klass == "control");
    if (flow_transfer_.size() <= flow) flow_transfer_.resize(flow + 1, kNone);
    flow_transfer_[flow] = t;
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
    run.end_ns = now_;
    happens(Event::Kind::transfer, true, t);
    for (const std::string& where : run.path->places)
      end_message(where, run.bytes);
    if (run.path->wire) timeline_.predicted.wire_bytes += run.bytes;
    if (run.value != kNone) ledger_.send_ends(run.value, run.from);
    timeline_.events.push_back({Event::Kind::transfer, transfer.id,
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
      const std::uint64_t duration = stage_time(placement_.schedule().stages[s]);
      ends_.push({now_ + duration, s});
    }
  }

  void end_stage(std::uint32_t s) {
    StageRun& run = stages_[s];
    const Stage& stage = placement_.schedule().stages[s];
    run.end_ns = now_;
    happens(Event::Kind::stage, true, s);
    ++finished_;
    queues_.find(stage.device)->second.pop_front();
    timeline_.events.push_back({Event::Kind::stage, stage.id, stage.device, run.start_ns, now_, 0});
    timeline_.predicted.device_busy_ns[stage.device] += now_ - run.start_ns;
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
    if (!next) return false;
    now_ = *next;
    while (network_.shares().next_end() == now_) {
      const std::uint32_t t = flow_transfer_[network_.shares().finish_next()];
      arrivals_.push({now_ + transfers_[t].path->latency_ns, t});
    }
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
    start_stages(stage_time);
    ledger_.close_instant(now_);
    return true;
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
    for (auto at = timeline_.moments.rbegin(); at != timeline_.moments.rend(); ++at) {
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
      timeline_.slack_ns[placement_.schedule().transfers[t].id] = transfer_latest[t] - transfers_[t].end_ns;
  }

  Timeline finish() {
    fill_slack();
    timeline_.predicted.makespan_ns = now_;
    timeline_.predicted.peak_bytes = ledger_.peaks();
    timeline_.stage_peak_bytes = ledger_.stage_peaks();
    timeline_.memory = std::move(ledger_).curves();
    for (const auto& [place, use] : link_use_) {
      timeline_.link_bytes[place] = use.bytes;
      timeline_.link_messages[place] = use.messages;
      timeline_.link_busy_ns[place] = use.busy_ns;
    }
    std::ranges::sort(timeline_.events, [](const Event& a, const Event& b) {
      return std::tie(a.start_ns, a.id) < std::tie(b.start_ns, b.id);
    });
    return std::move(timeline_);
  }

  struct LinkUse {
    std::uint32_t under_way = 0;
    std::uint64_t since_ns = 0, busy_ns = 0, bytes = 0, messages = 0;
  };

  const Placement& placement_;
  const Schedule& schedule_;
  const Bindings& sizes_;
  detail::Network network_;
  detail::Ledger ledger_;
  std::vector<StageRun> stages_;
  std::vector<TransferRun> transfers_;
  std::map<std::string, std::deque<std::uint32_t>> queues_;  // device → stages not yet done
  std::vector<std::uint32_t> flow_transfer_;
  Earliest<Arrival> arrivals_;
  Earliest<End> ends_;
  std::map<std::string, LinkUse> link_use_;
  std::uint64_t now_ = 0;
  std::size_t finished_ = 0;
  Timeline timeline_;
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
  return Simulator(placement, *scheduled.schedule, topology, complete).run([&](const Stage& stage) {
    return stage_time(method, stage);
  });
}

Result<Timeline> simulate(const Plan& scheduled, std::string_view method, const Topology& topology,
                          const Costs& costs) {
  const auto entries = costs.methods.find(method);
  return simulate(scheduled, method, topology, costs.assumes, [&](std::string_view, const Stage& stage) {
    std::uint64_t total = 0;
    const auto column = costs.column(stage.device);
    if (entries == costs.methods.end() || !column) return total;
    const std::size_t number = *column;
    const auto add = [&](const std::string& node) {
      const auto at = entries->second.find(node);
      if (at != entries->second.end() && number < at->second.ns.size()) total += at->second.ns[number];
    };
    for (const std::string& node : stage.nodes)
      add(node);
    for (const std::string& node : stage.recomputes)
      add(node);
    return total;
  });
}

std::uint64_t stage_peak_bytes(const Plan& plan, std::string_view method, const Stage& stage,
                               const Bindings& sizes) {
  const auto at = plan.methods.find(method);
  if (at == plan.methods.end()) return 0;
  const detail::StageContext context(plan, method, at->second, stage);
  const Placement placement(plan, at->second, *context.schedule, context.residence);
  return detail::peak_of_stage(placement, context.stage, detail::complete_sizes(plan, sizes));
}

}  // namespace genie::plan
