// The event simulator: one call of a scheduled method on the virtual clock, of one micro-batch or of several that overlap.
//
// Events of one instant are handled in rounds: messages that end, then stages that end, then whatever can start. A round may
// make new events of the same instant (free transfers, empty stages); time moves only when none is left. A disturbance
// (disturbance.hpp) may change how long things take, have messages sent again, and halt the call. Private to the library.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "genie/plan/disturbance.hpp"
#include "ledger.hpp"
#include "network.hpp"
#include "placement.hpp"

namespace genie::plan::detail {

class Simulator {
 public:
  using Duration = std::function<std::uint64_t(const Stage&, std::uint32_t micro_batch)>;

  Simulator(const Placement& placement, const Schedule& schedule, const Topology& topology,
            const Bindings& sizes, std::uint32_t micro_batches, Disturbance* disturbance = nullptr);

  [[nodiscard]] Result<DisturbedTimeline> run(const Duration& duration);

 private:
  // What is the same for all micro-batches. Numbers are those of the schedule.
  struct StagePlan {
    std::uint32_t waits = 0;                     ///< values and stages it waits for
    std::vector<std::uint32_t> frees_stages;     ///< that wait for its end
    std::vector<std::uint32_t> frees_transfers;  ///< that can start at its end
  };
  struct TransferPlan {
    std::uint32_t after = kNone;  ///< the stage whose end starts it
    std::uint32_t value = kNone;
    std::string_view from, to;  ///< devices, "" for the client
    std::uint64_t bytes = 0;
    const Network::Path* path = nullptr;
    std::uint32_t engines[2] = {kNone, kNone};  ///< of the sender and of the receiver, where they are limited
    std::vector<std::uint32_t> frees_stages;
  };
  /// Copy engines of a device that has so many and no more.
  struct Engines {
    std::uint32_t free = 0;
  };
  struct Queue {
    std::vector<std::uint32_t> stages;  ///< in order
    std::vector<std::uint32_t> next;    ///< per micro-batch: place of its first stage that has not begun
    std::uint32_t first = 0;            ///< micro-batches before it have all begun
    std::uint32_t left = 0;             ///< not ended, of all micro-batches
    bool busy = false;
  };

  // What happens to each micro-batch's own. A run's number is `micro_batch * count + number`.
  struct StageRun {
    std::uint32_t waits = 0;
    bool running = false, done = false;
    std::uint64_t start_ns = 0, end_ns = 0;
  };
  struct TransferRun {
    bool begun = false, done = false;
    std::uint32_t attempts = 0;
    std::uint64_t start_ns = 0, end_ns = 0;
  };
  /// One copy of a transfer's bytes on its way.
  struct Copy {
    std::uint32_t transfer = kNone;  ///< a run
    std::uint32_t attempt = 0;
    std::uint64_t sent_ns = 0;
    bool again = false;  ///< the network made it: nobody waits for it
  };
  /// What is done about something that did not come in time.
  struct Patience {
    std::uint64_t at_ns;
    bool is_stage;
    std::uint32_t number;  ///< a run
    bool give_up;
    bool operator>(const Patience& other) const {
      return std::tie(at_ns, is_stage, number) > std::tie(other.at_ns, other.is_stage, other.number);
    }
  };
  /// Something ends, or arrives, by itself.
  struct Due {
    std::uint64_t at_ns;
    std::uint32_t number;  ///< a run
    bool operator>(const Due& other) const {
      return std::tie(at_ns, number) > std::tie(other.at_ns, other.number);
    }
  };
  template <class T>
  using Earliest = std::priority_queue<T, std::vector<T>, std::greater<T>>;
  struct LinkUse {
    std::uint32_t under_way = 0;
    std::uint64_t since_ns = 0, busy_ns = 0, bytes = 0, messages = 0;
  };

  [[nodiscard]] std::uint32_t stage_count() const { return static_cast<std::uint32_t>(stage_plans_.size()); }
  [[nodiscard]] std::uint32_t transfer_count() const {
    return static_cast<std::uint32_t>(transfer_plans_.size());
  }
  [[nodiscard]] const StagePlan& stage_plan(std::uint32_t run) const {
    return stage_plans_[run % stage_count()];
  }
  [[nodiscard]] const TransferPlan& transfer_plan(std::uint32_t run) const {
    return transfer_plans_[run % transfer_count()];
  }
  [[nodiscard]] const Stage& stage(std::uint32_t run) const {
    return placement_.schedule().stages[run % stage_count()];
  }
  [[nodiscard]] const Transfer& transfer(std::uint32_t run) const {
    return placement_.schedule().transfers[run % transfer_count()];
  }

  // simulate_waits.cpp: what waits for what, and why something waits for ever.
  [[nodiscard]] Diagnostics prepare(const Topology& topology);
  void prepare_transfers(Diagnostics& problems);
  void prepare_stages(Diagnostics& problems);
  void wait_for_stage(std::uint32_t stage, std::uint32_t before);
  [[nodiscard]] std::uint32_t last_user(std::string_view state) const;
  [[nodiscard]] std::uint64_t transfer_bytes(const Transfer& transfer, std::uint32_t value) const;
  [[nodiscard]] Diagnostics stuck() const;
  [[nodiscard]] const StateWrite* awaited_write(std::uint32_t run) const;

  // simulate.cpp: the clock.
  void happens(Event::Kind kind, bool ends, std::uint32_t run);
  [[nodiscard]] bool step(const Duration& duration);
  void start_transfer(std::uint32_t run);
  void offer(const Copy& copy);
  [[nodiscard]] bool limited(std::uint32_t run) const;
  void start_waiting();
  void send(const Copy& copy);
  void end_sending(const Copy& copy);
  void end_messages(std::uint32_t run);
  void begin_message(const std::string& place);
  void end_message(const std::string& place, std::uint64_t bytes);
  void end_transfer(std::uint32_t run);
  void start_stages(const Duration& duration);
  void start_stage(std::uint32_t run, const Duration& duration);
  void end_stage(std::uint32_t run);
  void fill_slack();
  [[nodiscard]] DisturbedTimeline finish();

  // simulate_halt.cpp: what a disturbance ends.
  void lose_patience();
  void find_gone();
  void check_gone();
  void halt_at_stage(Halt::Why why, std::uint32_t run);
  void halt_at_transfer(std::uint32_t run, std::string device, Halt::Why why);
  void cut_off();

  Disturbance* disturbance_;  // null: none
  const Placement& placement_;
  const Schedule& schedule_;
  const Topology& topology_;
  const Bindings& sizes_;
  std::uint32_t micro_batches_;
  Network network_;
  Ledger ledger_;
  std::vector<StagePlan> stage_plans_;
  std::vector<TransferPlan> transfer_plans_;
  std::vector<StageRun> stages_;
  std::vector<TransferRun> transfers_;
  std::map<std::string, Queue, std::less<>> queues_;  // by device
  std::vector<Engines> engines_;
  std::deque<Copy> waiting_;  // for engines: control before bulk, then as they became ready
  std::vector<Copy> flow_copy_;
  Earliest<Due> arrivals_;  // of transfers
  Earliest<Due> endings_;   // disturbed: a copy's last byte would be there, whether it is or not
  Earliest<Due> ends_;      // of stages
  std::map<std::string, LinkUse> link_use_;
  Earliest<Patience> patience_;
  std::deque<std::pair<std::uint64_t, std::string_view>> gone_;  // when, device: earliest first
  std::uint64_t now_ = 0;
  std::uint64_t ended_ns_ = 0;  // when something that was waited for ended last
  std::size_t finished_ = 0;    // stages
  std::size_t left_ = 0;        // stages and transfers not done
  DisturbedTimeline out_;
};

}  // namespace genie::plan::detail
