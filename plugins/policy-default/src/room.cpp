#include "room.hpp"

#include <algorithm>
#include <limits>

namespace genie::policy {

namespace {

/// Nodes looked at by all estimates: bounds the work, not the time, so that results are reproducible.
constexpr std::uint64_t kWork = 4'000'000;
/// Descents from one start; each begins at the best so far, shaken.
constexpr int kDescents = 24;
constexpr std::uint64_t kUnreachable = std::numeric_limits<std::uint64_t>::max();

/// When a value counts on the device that receives it, and until when on the one that sends it.
enum class Account : std::uint8_t {
  early,  ///< from its making, until it is read: devices that work side by side may need as much
  late,  ///< while the reader's stage runs: the search's own estimate, which is right where they work one after the other
};

/// Units that move together.
using Group = std::vector<Index>;

class Room {
 public:
  Room(const Task& task, Estimator& estimator, Account account)
      : task_(task),
        estimator_(estimator),
        account_(account),
        limit_(kWork / std::max<std::uint64_t>(64, task.method->count)),
        last_(task.method->values.size() * task.problem->device_count),
        freed_(task.method->count) {
    const MethodGraph& m = *task.method;
    std::vector<Group> by_blob(task.problem->blobs.size());
    Group units;
    for (Index n = 0; n < m.count; ++n) {
      units.push_back(task.unit(n));
      for (const Index b : task.problem->node_blobs[m.global(n)])
        by_blob[b].push_back(task.unit(n));
    }
    const auto unique = [](Group& group) {
      std::ranges::sort(group);
      group.erase(std::unique(group.begin(), group.end()), group.end());
    };
    for (Group& group : by_blob) {
      unique(group);
      if (!group.empty()) groups_.push_back(std::move(group));
    }
    weights_ = groups_.size();
    unique(units);
    for (const Index unit : units)
      groups_.push_back({unit});
  }

  /// False when it found none from there.
  bool make(Assignment& assignment) {
    std::uint64_t best = overflow(assignment);
    Assignment tried = assignment;
    std::uint64_t now = best;
    for (int descent = 0; descent < kDescents && best > 0 && within(); ++descent) {
      if (descent > 0) {
        tried = assignment;
        for (std::size_t moves = 2 + draw(4); moves > 0; --moves)
          (void)put(groups_[draw(groups_.size())],
                    static_cast<DeviceNumber>(draw(task_.problem->device_count)), tried);
        now = overflow(tried);
      }
      descend(tried, now);
      if (now >= best) continue;
      best = now;
      assignment = tried;
      descent = 0;
    }
    return best == 0;
  }

 private:
  /// Bytes that are too many, summed over the nodes during which they are: unlike the excess of the fullest moment, it tells of
  /// every step towards a placement that fits. 0: it fits.
  std::uint64_t overflow(const Assignment& assignment) {
    ++tries_;
    return account_ == Account::early ? overflow_early(assignment) : overflow_late(assignment);
  }

  [[nodiscard]] std::uint64_t overflow_late(const Assignment& assignment) {
    const std::vector<StageNodes> stages = listed_stages(*task_.problem, *task_.method, assignment);
    const Estimate& estimate = estimator_.of_stages(stages);
    if (!estimate.reachable) return kUnreachable;
    std::uint64_t sum = estimate.excess(task_.memory);
    for (std::size_t s = 0; s < stages.size(); ++s)
      sum +=
          beyond(stages[s].device, estimate.resident_bytes[stages[s].device] + estimate.stage_live_bytes[s]);
    return sum;
  }

  [[nodiscard]] std::uint64_t overflow_early(const Assignment& assignment) {
    if (!reachable(assignment)) return kUnreachable;
    const Problem& p = *task_.problem;
    const MethodGraph& m = *task_.method;
    find_uses(assignment);
    Resident after = *task_.resident;
    make_resident(p, m, assignment, {}, after);
    std::vector<std::uint64_t>& held = after.bytes;  // also what waits for a node still to come
    std::uint64_t sum = 0;
    for (std::size_t d = 0; d < p.device_count; ++d) {
      sum += beyond(d, held[d] + after.most_live[d]);
      for (Index v = 0; v < m.values.size(); ++v)
        if (m.values[v].producer == kNone && last(v, d) != kNone) held[d] += m.values[v].bytes;
    }
    for (std::vector<Index>& list : freed_)
      list.clear();
    for (Index v = 0; v < m.values.size(); ++v)
      for (std::size_t d = 0; d < p.device_count; ++d)
        if (last(v, d) != kNone) freed_[last(v, d)].push_back(static_cast<Index>(v * p.device_count + d));
    for (Index n = 0; n < m.count; ++n) {
      const std::size_t d = assignment[n];
      for (const Index v : m.makes[n])
        if (own(v)) held[d] += m.values[v].bytes;
      sum += beyond(d, held[d] + m.scratch[n]);
      for (const Index v : m.makes[n])
        for (std::size_t to = 0; to < p.device_count; ++to)
          if (to != d && last(v, to) != kNone) held[to] += m.values[v].bytes;
      for (const Index key : freed_[n]) {
        const Index v = key / static_cast<Index>(p.device_count);
        const std::size_t at = key % p.device_count;
        const Index maker = m.values[v].producer;
        if (maker == kNone || assignment[maker] != at || own(v)) held[at] -= m.values[v].bytes;
      }
    }
    return sum;
  }

  [[nodiscard]] std::uint64_t beyond(std::size_t device, std::uint64_t bytes) const {
    return bytes > task_.memory[device] ? bytes - task_.memory[device] : 0;
  }
  /// Takes memory where it is made: no view, and nothing that a weight or a state has.
  [[nodiscard]] bool own(Index v) const {
    const ValueUse& value = task_.method->values[v];
    return !value.resident && (value.storage == kNone || value.storage == v);
  }
  Index& last(Index v, std::size_t device) { return last_[v * task_.problem->device_count + device]; }

  bool reachable(const Assignment& assignment) const {
    const Problem& p = *task_.problem;
    for (const ValueUse& value : task_.method->values) {
      const std::size_t from = value.producer == kNone ? p.client() : assignment[value.producer];
      if (value.is_output && value.producer != kNone && !p.path(from, p.client()).ok) return false;
      for (const Index c : value.consumers)
        if (from != assignment[c] && !p.path(from, assignment[c]).ok) return false;
    }
    return true;
  }

  /// Until which node each device holds each value: its last reader there, of it or of a view made there, and where it was made
  /// the first reader on every other device, by when it has arrived.
  void find_uses(const Assignment& assignment) {
    const MethodGraph& m = *task_.method;
    std::ranges::fill(last_, kNone);
    const auto until = [&](Index v, std::size_t d, Index n) {
      for (Index maker = m.values[v].producer; maker != kNone && assignment[maker] == d && !own(v);
           maker = m.values[v].producer) {
        const Index viewed = m.values[v].storage;
        if (viewed == kNone || viewed == v) break;
        const Index first = m.values[viewed].producer;
        if (first == kNone || assignment[first] != d) break;
        v = viewed;
      }
      Index& at = last(v, d);
      at = at == kNone ? n : std::max(at, n);
    };
    for (Index n = 0; n < m.count; ++n) {
      for (const Index v : m.makes[n])
        if (own(v)) until(v, assignment[n], n);
      for (const Index v : m.reads[n])
        if (v != kNone) until(v, assignment[n], n);
    }
    for (Index v = 0; v < m.values.size(); ++v) {
      const Index maker = m.values[v].producer;
      if (maker == kNone) continue;
      DeviceSet seen = only(assignment[maker]);
      for (const Index c : m.values[v].consumers)
        if (!has(seen, assignment[c])) {
          seen |= only(assignment[c]);
          until(v, assignment[maker], c);
        }
    }
  }

  [[nodiscard]] bool within() const { return tries_ < limit_; }

  std::size_t draw(std::size_t below) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::size_t>(state_ >> 33) % below;
  }

  bool put(const Group& group, DeviceNumber device, Assignment& assignment) const {
    const MethodGraph& m = *task_.method;
    for (const Index unit : group)
      if (!has(task_.allowed[unit], device)) return false;
    for (const Index unit : group)
      for (const Index g : task_.units->members[unit])
        if (g >= m.first && g < m.first + m.count) assignment[g - m.first] = device;
    return true;
  }

  [[nodiscard]] DeviceNumber device_of(const Group& group, const Assignment& assignment) const {
    const MethodGraph& m = *task_.method;
    for (const Index g : task_.units->members[group.front()])
      if (g >= m.first && g < m.first + m.count) return assignment[g - m.first];
    return kNowhere;
  }

  bool attempt(Assignment&& changed, Assignment& assignment, std::uint64_t& now) {
    if (changed == assignment) return false;
    const std::uint64_t then = overflow(changed);
    if (then >= now) return false;
    assignment = std::move(changed);
    now = then;
    return true;
  }

  void descend(Assignment& assignment, std::uint64_t& now) {
    bool better = true;
    while (better && now > 0 && within()) {
      better = move(assignment, now);
      if (!better) better = exchange(assignment, now);
    }
  }

  bool move(Assignment& assignment, std::uint64_t& now) {
    bool better = false;
    for (const Group& group : groups_)
      for (std::size_t d = 0; d < task_.problem->device_count && now > 0 && within(); ++d) {
        Assignment changed = assignment;
        if (put(group, static_cast<DeviceNumber>(d), changed))
          better = attempt(std::move(changed), assignment, now) || better;
      }
    return better;
  }

  /// Two weights, with all that uses them, change places.
  bool exchange(Assignment& assignment, std::uint64_t& now) {
    bool better = false;
    for (std::size_t i = 0; i < weights_; ++i)
      for (std::size_t j = i + 1; j < weights_ && now > 0 && within(); ++j) {
        const DeviceNumber a = device_of(groups_[i], assignment), b = device_of(groups_[j], assignment);
        Assignment changed = assignment;
        if (a != b && put(groups_[i], b, changed) && put(groups_[j], a, changed))
          better = attempt(std::move(changed), assignment, now) || better;
      }
    return better;
  }

  const Task& task_;
  Estimator& estimator_;
  Account account_;
  std::uint64_t limit_;
  std::uint64_t tries_ = 0;
  std::vector<Index> last_;  ///< value × device: the node until which it is held there, kNone if it is not
  std::vector<std::vector<Index>> freed_;  ///< per node: places in last_ that end with it
  std::vector<Group> groups_;              ///< of one weight each, then the single units
  std::size_t weights_ = 0;                ///< how many are of a weight
  std::uint64_t state_ = 1;                ///< of the numbers drawn
};

}  // namespace

std::optional<Candidate> make_room(const Task& task, Estimator& estimator,
                                   const std::vector<Assignment>& starts) {
  for (const Account account : {Account::early, Account::late})
    for (const Assignment& start : starts) {
      Assignment assignment = start;
      if (!Room(task, estimator, account).make(assignment)) continue;
      const Score found =
          score(task, estimator.of_stages(listed_stages(*task.problem, *task.method, assignment)));
      if (found.feasible()) return Candidate{std::move(assignment), found};
    }
  return std::nullopt;
}

}  // namespace genie::policy
