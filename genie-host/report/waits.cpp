#include "waits.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>

namespace genie::report {

namespace {

using plan::Event;

class Analyser {
 public:
  Analyser(const CallTimeline& call, const plan::MethodSchedule& scheduled) : call_(call) {
    for (const Event& event : call.events)
      (event.kind == Event::Kind::stage ? stages_ : transfers_)[key(event)] = &event;  // the last of several
    for (const plan::Stage& stage : scheduled.stages)
      planned_.emplace(stage.id, &stage);
    for (const plan::Transfer& transfer : scheduled.transfers)
      into_[transfer.to].push_back(&transfer);
    for (const plan::Transfer& transfer : scheduled.transfers)
      from_.emplace(transfer.id, transfer.from);
  }

  CallAnalysis run() {
    std::map<std::string_view, std::vector<const Event*>> by_device;
    for (const Event& event : call_.events)
      if (event.kind == Event::Kind::stage) by_device[event.place].push_back(&event);
    for (const auto& [device, stages] : by_device)
      add_device(std::string(device), stages);
    std::ranges::stable_sort(result_.waits, std::greater<>(),
                             [](const Wait& wait) { return wait.end_ns - wait.start_ns; });
    trace_back();
    return std::move(result_);
  }

 private:
  using Key = std::pair<std::string_view, std::uint32_t>;  ///< id, micro-batch
  using Events = std::map<Key, const Event*>;
  static Key key(const Event& event) { return {event.id, event.micro_batch}; }

  /// What a stage had to wait for last.
  struct Cause {
    const Event* transfer = nullptr;  ///< that brought it, if it was seen to travel
    const plan::Transfer* planned = nullptr;
    const Event* stage = nullptr;  ///< that made it
    std::uint64_t at_ns = 0;       ///< when it was there
  };

  static const Event* find(const Events& events, std::string_view id, std::uint32_t micro_batch) {
    const auto at = events.find({id, micro_batch});
    return at == events.end() ? nullptr : at->second;
  }

  Cause cause_of(const Event& stage) const {
    const std::uint32_t m = stage.micro_batch;
    Cause cause;
    const auto later = [&cause](Cause other) {
      if (other.at_ns >= cause.at_ns) cause = other;
    };
    if (const auto at = into_.find(stage.id); at != into_.end())
      for (const plan::Transfer* transfer : at->second) {
        const Event* carried = find(transfers_, transfer->id, m);
        const Event* maker = find(stages_, transfer->from, m);
        if (carried != nullptr)
          later({carried, transfer, maker, carried->end_ns});
        else if (maker != nullptr)
          later({nullptr, transfer, maker, maker->end_ns});
      }
    if (const auto at = planned_.find(stage.id); at != planned_.end())
      for (const std::string& id : at->second->after)
        if (const Event* before = find(stages_, id, m)) later({nullptr, nullptr, before, before->end_ns});
    return cause;
  }

  void add_device(const std::string& device, const std::vector<const Event*>& stages) {
    DeviceTime time;
    time.device = device;
    std::uint64_t free_at = 0;  // when the device had done what came before
    for (const Event* stage : stages) {
      time.compute_ns += stage->end_ns - std::min(stage->end_ns, std::max(stage->start_ns, free_at));
      previous_.emplace(key(*stage), last_on_[device]);
      last_on_[device] = stage;
      if (stage->start_ns > free_at) time.transfer_ns += add_wait(*stage, free_at);
      free_at = std::max(free_at, stage->end_ns);
    }
    const std::uint64_t accounted = time.compute_ns + time.transfer_ns;
    time.idle_ns = call_.duration_ns > accounted ? call_.duration_ns - accounted : 0;
    time.before_end_ns = free_at > accounted ? free_at - accounted : 0;
    result_.devices.push_back(std::move(time));
  }

  /// The part of the pause in which something was under way.
  std::uint64_t add_wait(const Event& stage, std::uint64_t since_ns) {
    const Cause cause = cause_of(stage);
    Wait wait;
    wait.device = stage.place;
    wait.stage = stage.id;
    wait.start_ns = since_ns;
    wait.end_ns = stage.start_ns;
    if (cause.transfer != nullptr) {
      wait.transfer = cause.transfer->id;
      wait.link = cause.transfer->place;
      const std::uint64_t begin = std::max(since_ns, cause.transfer->start_ns);
      const std::uint64_t end = std::min(stage.start_ns, cause.transfer->end_ns);
      wait.transfer_ns = end > begin ? end - begin : 0;
    }
    if (cause.stage != nullptr) {
      wait.from = cause.stage->id;
      wait.from_device = cause.stage->place;
    }
    result_.waits.push_back(wait);
    return wait.transfer_ns;
  }

  /// From what ended last back to what began the call.
  void trace_back() {
    const auto last = std::ranges::max_element(call_.events, {}, &Event::end_ns);
    if (last == call_.events.end()) return;
    const Event* at = &*last;
    // Each event is passed once at most, whatever a backend reports.
    for (std::size_t steps = 0; at != nullptr && steps <= call_.events.size(); ++steps) {
      const bool is_transfer = at->kind == Event::Kind::transfer;
      if (at->end_ns > at->start_ns) {
        result_.path.push_back({is_transfer, at->id, at->place, at->start_ns, at->end_ns});
        (is_transfer ? result_.path_transfer_ns : result_.path_compute_ns) += at->end_ns - at->start_ns;
      }
      at = is_transfer ? maker_of(*at) : before(*at);
    }
    std::ranges::reverse(result_.path);
  }

  const Event* maker_of(const Event& transfer) const {
    const auto at = from_.find(transfer.id);
    return at == from_.end() ? nullptr : find(stages_, at->second, transfer.micro_batch);
  }

  const Event* before(const Event& stage) const {
    const auto at = previous_.find(key(stage));
    const Event* previous = at == previous_.end() ? nullptr : at->second;
    const Cause cause = cause_of(stage);
    if (previous != nullptr && previous->end_ns >= cause.at_ns) return previous;
    return cause.transfer != nullptr ? cause.transfer : cause.stage;
  }

  const CallTimeline& call_;
  Events stages_, transfers_;
  std::unordered_map<std::string_view, const plan::Stage*> planned_;
  std::unordered_map<std::string_view, std::vector<const plan::Transfer*>> into_;
  std::unordered_map<std::string_view, std::string_view> from_;  ///< transfer → stage, or port
  Events previous_;  ///< stage → the one before it on its device
  std::map<std::string, const Event*> last_on_;
  CallAnalysis result_;
};

}  // namespace

CallAnalysis analyse(const CallTimeline& call, const plan::MethodSchedule& scheduled) {
  return Analyser(call, scheduled).run();
}

}  // namespace genie::report
