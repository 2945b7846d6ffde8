// Changes of placement: what moved, which stages were split or merged, which transfers came, went, grew or shrank.
#include <algorithm>
#include <map>
#include <set>

#include "diff_internal.hpp"
#include "genie/plan/index.hpp"
#include "messages.hpp"

namespace genie::plan::detail {
namespace {

constexpr std::size_t kListed = 3;  ///< so many nodes are named one by one when they move together

class ScheduleDiff {
 public:
  ScheduleDiff(Changes& changes, std::string base, const Method& method_a, const Method& method_b,
               const MethodSchedule& a, const MethodSchedule& b)
      : changes_(changes),
        base_(std::move(base)),
        method_b_(method_b),
        a_(a),
        b_(b),
        alignment_(align(method_a, method_b)),
        names_(renaming(method_a, method_b, alignment_)) {
    for (const Stage& stage : a.stages)
      for (const std::string& node : stage.nodes)
        stage_a_.emplace(names_.node(node), &stage);
    for (const Stage& stage : b.stages)
      for (const std::string& node : stage.nodes)
        stage_b_.emplace(node, &stage);
  }

  void run() {
    moves();
    stages();
    transfers();
    predicted();
    compare_text(changes_, "schedule-changed", base_, base_ + ": micro-batches of a call",
                 std::to_string(a_.micro_batches), std::to_string(b_.micro_batches));
    compare_text(changes_, "schedule-changed", base_, base_ + ": unknown keys", written(a_.extra),
                 written(b_.extra));
  }

 private:
  void moves() {
    std::map<std::pair<std::string, std::string>, std::vector<const Node*>> groups;
    std::vector<std::pair<std::string, std::string>> order;
    for (const Node& node : method_b_.nodes) {
      const auto before = stage_a_.find(node.id);
      const auto after = stage_b_.find(node.id);
      if (before == stage_a_.end() || after == stage_b_.end() ||
          before->second->device == after->second->device)
        continue;
      auto& group = groups[{before->second->device, after->second->device}];
      if (group.empty()) order.emplace_back(before->second->device, after->second->device);
      group.push_back(&node);
    }
    for (const auto& key : order) {
      const auto& nodes = groups[key];
      const std::string ending = " moved from " + key.first + " to " + key.second;
      if (nodes.size() <= kListed) {
        for (const Node* node : nodes)
          changes_.add("moved", node->id, key.first, key.second, node->id + " " + node->op + ending);
        continue;
      }
      std::vector<std::string> ids;
      for (const Node* node : nodes)
        ids.push_back(node->id);
      changes_.add("moved", joined(ids), key.first, key.second,
                   std::to_string(nodes.size()) + " nodes (" + nodes.front()->id + " " + nodes.front()->op +
                       " … " + nodes.back()->id + " " + nodes.back()->op + ")" + ending);
    }
  }

  [[nodiscard]] static std::set<std::string> names_of(const std::vector<const Stage*>& stages) {
    std::set<std::string> names;
    for (const Stage* stage : stages)
      names.insert(stage->id);
    return names;
  }

  /// Stages of the other schedule that hold this one's nodes, in order of first node.
  [[nodiscard]] static std::vector<const Stage*> partners(
      const Stage& stage, const std::map<std::string_view, const Stage*, std::less<>>& other,
      const Renaming* names) {
    std::vector<const Stage*> found;
    for (const std::string& node : stage.nodes) {
      const auto at = other.find(names != nullptr ? names->node(node) : std::string_view(node));
      if (at != other.end() && std::find(found.begin(), found.end(), at->second) == found.end())
        found.push_back(at->second);
    }
    return found;
  }

  void stages() {
    for (const Stage& stage : a_.stages) {
      const auto into = partners(stage, stage_b_, &names_);
      if (into.empty())
        changes_.add("stage-removed", stage.id, stage.device, "",
                     "stage " + stage.id + " on " + stage.device + " removed");
      else if (into.size() > 1)
        changes_.add("stage-split", stage.id, stage.id, joined(names_of(into)),
                     "stage " + stage.id + " split into " + joined(names_of(into)));
    }
    std::size_t number = 0;
    for (const Stage& stage : b_.stages) {
      const auto from = partners(stage, stage_a_, nullptr);
      if (from.empty()) {
        changes_.add("stage-added", stage.id, "", stage.device,
                     "stage " + stage.id + " on " + stage.device + " added (" +
                         std::to_string(stage.nodes.size()) + " nodes)");
      } else if (from.size() > 1) {
        changes_.add("stage-merged", stage.id, joined(names_of(from)), stage.id,
                     "stages " + joined(names_of(from)) + " merged into " + stage.id);
      } else if (partners(*from.front(), stage_b_, &names_).size() == 1) {
        stage_pair(*from.front(), stage);
        const auto position = static_cast<std::size_t>(from.front() - a_.stages.data());
        if (position != number && a_.stages.size() == b_.stages.size())
          changes_.add("stage-reordered", stage.id, std::to_string(position), std::to_string(number),
                       "stage " + stage.id + " stands at another place in the order");
      }
      ++number;
    }
  }

  void stage_pair(const Stage& a, const Stage& b) {
    const auto compare = [&](std::string_view kind, const std::string& what, const std::string& before,
                             const std::string& after) {
      compare_text(changes_, kind, b.id, "stage " + b.id + ": " + what, before, after);
    };
    compare("stage-renamed", "id", a.id, b.id);
    compare("kernels-changed", "kernels", a.kernels, b.kernels);
    stage_nodes(b.id, "node", renamed_nodes(a.nodes), b.nodes);
    stage_nodes(b.id, "recomputed node", renamed_nodes(a.recomputes), b.recomputes);
    compare("stage-changed", "stages that run before", joined(a.after), joined(b.after));
    compare("stage-changed", "unknown keys", written(a.extra), written(b.extra));
  }

  /// What came and what went; when neither, the order.
  void stage_nodes(const std::string& stage, const std::string& noun, const std::vector<std::string>& before,
                   const std::vector<std::string>& after) {
    if (before == after) return;
    const auto without = [](const std::vector<std::string>& list, const std::vector<std::string>& others) {
      const std::set<std::string_view> known(others.begin(), others.end());
      std::vector<std::string> rest;
      for (const std::string& one : list)
        if (!known.contains(one)) rest.push_back(one);
      return rest;
    };
    std::vector<std::string> parts;
    const auto part = [&](const std::vector<std::string>& nodes, const char* what) {
      if (!nodes.empty()) parts.push_back(noun + (nodes.size() == 1 ? " " : "s ") + listed(nodes) + what);
    };
    part(without(before, after), " removed");
    part(without(after, before), " added");
    changes_.add(
        "stage-changed", stage, joined(before), joined(after),
        "stage " + stage + ": " + (parts.empty() ? "order of " + noun + "s changed" : joined(parts)));
  }

  [[nodiscard]] std::vector<std::string> renamed_nodes(const std::vector<std::string>& nodes) const {
    std::vector<std::string> result;
    for (const std::string& node : nodes)
      result.emplace_back(names_.node(node));
    return result;
  }

  /// The device a transfer ends on, or "input:NAME"/"output:NAME".
  [[nodiscard]] static std::string place(const MethodSchedule& schedule, const std::string& end) {
    const auto stage = std::find_if(schedule.stages.begin(), schedule.stages.end(),
                                    [&](const Stage& s) { return s.id == end; });
    return stage == schedule.stages.end() ? end : stage->device;
  }

  struct Key {
    std::string value, from, to;
    auto operator<=>(const Key&) const = default;
    [[nodiscard]] std::string text() const { return "transfer of " + value + " from " + from + " to " + to; }
  };

  using Grouped = std::map<Key, std::vector<const Transfer*>>;

  void transfers() {
    Grouped before;
    Grouped after;
    for (const Transfer& t : a_.transfers)
      before[{std::string(names_.value(t.value)), place(a_, t.from), place(a_, t.to)}].push_back(&t);
    for (const Transfer& t : b_.transfers)
      after[{t.value, place(b_, t.from), place(b_, t.to)}].push_back(&t);
    for (const auto& [key, list] : before) {
      const auto found = after.find(key);
      const std::size_t kept = found == after.end() ? 0 : found->second.size();
      for (std::size_t i = 0; i < list.size(); ++i) {
        if (i < kept)
          transfer_pair(key, *list[i], *found->second[i]);
        else
          changes_.add("transfer-removed", key.value, bytes(*list[i]).exact, "",
                       key.text() + " removed (" + bytes(*list[i]).words + ")");
      }
    }
    for (const auto& [key, list] : after) {
      const auto found = before.find(key);
      for (std::size_t i = found == before.end() ? 0 : found->second.size(); i < list.size(); ++i)
        changes_.add("transfer-added", key.value, "", bytes(*list[i]).exact,
                     key.text() + " added (" + bytes(*list[i]).words + ")");
    }
  }

  [[nodiscard]] static Said bytes(const Transfer& transfer) { return said_bytes(transfer.size_bytes); }

  void transfer_pair(const Key& key, const Transfer& a, const Transfer& b) {
    if (a.size_bytes != b.size_bytes) {
      const bool grew = a.size_bytes < b.size_bytes;
      const Said before = bytes(a);
      const Said after = bytes(b);
      const bool told = before.words != after.words;
      changes_.add(grew ? "transfer-grew" : "transfer-shrank", key.value, before.exact, after.exact,
                   key.text() + (grew ? " grew from " : " shrank from ") +
                       (told ? before.words : before.exact) + " to " + (told ? after.words : after.exact));
    }
    const auto rest = [](const Transfer& t) {
      return t.klass + (t.slack_ns ? ", slack " + std::to_string(*t.slack_ns) + " ns" : "") +
             written(t.extra);
    };
    compare_text(changes_, "transfer-changed", key.value, key.text(), rest(a), rest(b));
    compare_text(changes_, "transfer-renamed", key.value, key.text() + ": id and stages",
                 a.id + " " + a.from + " " + a.to, b.id + " " + b.from + " " + b.to);
  }

  void predicted() {
    if (a_.predicted.has_value() != b_.predicted.has_value()) {
      changes_.add(b_.predicted ? "prediction-added" : "prediction-removed", base_ + "/predicted", "", "",
                   b_.predicted ? "prediction added" : "prediction removed");
      return;
    }
    if (!a_.predicted) return;
    const Predicted& a = *a_.predicted;
    const Predicted& b = *b_.predicted;
    const auto compare = [&](const std::string& what, Said before, Said after) {
      if (before.exact != after.exact)
        changes_.changed("prediction-changed", base_ + "/predicted", "predicted " + what, std::move(before),
                         std::move(after));
    };
    compare("makespan", said_ns(a.makespan_ns), said_ns(b.makespan_ns));
    compare("traffic over links", said_bytes(a.wire_bytes), said_bytes(b.wire_bytes));
    const auto tables = [&](const std::string& what, Said (*say)(std::uint64_t),
                            const Table<std::uint64_t>& before, const Table<std::uint64_t>& after) {
      std::set<std::string> devices;
      for (const auto& [device, number] : before)
        devices.insert(device);
      for (const auto& [device, number] : after)
        devices.insert(device);
      const auto text = [&](const Table<std::uint64_t>& table, const std::string& device) {
        const auto found = table.find(device);
        return found == table.end() ? Said{} : say(found->second);
      };
      for (const std::string& device : devices)
        compare(what + " of " + device, text(before, device), text(after, device));
    };
    tables("busy time", said_ns, a.device_busy_ns, b.device_busy_ns);
    tables("peak memory", said_bytes, a.peak_bytes, b.peak_bytes);
    compare_text(changes_, "prediction-changed", base_ + "/predicted", "prediction: unknown keys",
                 written(a.extra), written(b.extra));
  }

  Changes& changes_;
  std::string base_;
  const Method& method_b_;
  const MethodSchedule& a_;
  const MethodSchedule& b_;
  Alignment alignment_;
  Renaming names_;
  std::map<std::string_view, const Stage*, std::less<>> stage_a_;  // by the second plan's node ids
  std::map<std::string_view, const Stage*, std::less<>> stage_b_;
};

/// The schedule without the parts that are compared one by one.
std::string remains(Schedule schedule) {
  schedule.methods.clear();
  schedule.decisions.clear();
  schedule.policy = {};
  schedule.topology.clear();
  schedule.profile.reset();
  schedule.assumes.clear();
  schedule.residence.weights.clear();
  schedule.residence.states.clear();
  return written(schedule, write_schedule);
}

std::string only_decision(const Decision& decision) {
  Schedule schedule;
  schedule.decisions.push_back(decision);
  return written(schedule, write_schedule);
}

void diff_decisions(Changes& changes, const Schedule& a, const Schedule& b) {
  const auto find = [](const Schedule& schedule, const std::string& subject) {
    return std::find_if(schedule.decisions.begin(), schedule.decisions.end(),
                        [&](const Decision& d) { return d.subject == subject; });
  };
  for (const Decision& decision : a.decisions)
    if (find(b, decision.subject) == b.decisions.end())
      changes.add("decision-removed", decision.subject, decision.chose, "",
                  "decision on " + decision.subject + " removed");
  for (const Decision& decision : b.decisions) {
    const auto other = find(a, decision.subject);
    if (other == a.decisions.end()) {
      changes.add("decision-added", decision.subject, "", decision.chose,
                  "decision on " + decision.subject + " added: " + decision.chose);
      continue;
    }
    const std::size_t before = changes.size();
    const std::string who = "decision on " + decision.subject;
    compare_text(changes, "decision-changed", decision.subject, who, other->chose, decision.chose);
    compare_text(changes, "decision-changed", decision.subject, who + ": reason", other->because,
                 decision.because);
    compare_text(changes, "decision-changed", decision.subject, who + ": detail", other->detail,
                 decision.detail);
    if (changes.size() == before)
      compare_text(changes, "decision-changed", decision.subject, who, only_decision(*other),
                   only_decision(decision));
  }
}

}  // namespace

void diff_method_schedules(Changes& changes, const std::string& name, const Method& method_a,
                           const Method& method_b, const MethodSchedule& a, const MethodSchedule& b) {
  ScheduleDiff(changes, "/schedule/methods" + json::pointer_token(name), method_a, method_b, a, b).run();
}

void diff_schedules(Changes& changes, const Schedule& a, const Schedule& b) {
  const auto policy = [](const Schedule& s) {
    return s.policy.plugin + " " + s.policy.version + " " + s.policy.objective + written(s.policy.extra);
  };
  compare_text(changes, "policy-changed", "/schedule/policy", "policy", policy(a), policy(b));
  const auto digests = [&](const char* kind, const char* what, const std::string& before,
                           const std::string& after) {
    if (before != after)
      changes.changed(kind, std::string("/schedule/") + what, what, said_digest(before), said_digest(after));
  };
  digests("topology-changed", "topology", a.topology, b.topology);
  digests("profile-changed", "profile", a.profile.value_or(""), b.profile.value_or(""));
  const auto sizes = [](const Schedule& s) {
    std::vector<std::string> all;
    for (const auto& [symbol, size] : s.assumes)
      all.push_back(symbol + "=" + std::to_string(size));
    return joined(all);
  };
  compare_text(changes, "assumes-changed", "/schedule/assumes", "assumed sizes", sizes(a), sizes(b));

  const auto residence = [&](const std::string& noun, const auto& before, const auto& after,
                             const auto& text) {
    std::set<std::string> names;
    for (const auto& [name, place] : before)
      names.insert(name);
    for (const auto& [name, place] : after)
      names.insert(name);
    for (const std::string& name : names) {
      const auto x = before.find(name);
      const auto y = after.find(name);
      const std::string from = x == before.end() ? "" : text(x->second);
      const std::string to = y == after.end() ? "" : text(y->second);
      if (from != to)
        changes.add(noun + "-moved", name, from, to,
                    noun + " " + name + " moved from " + (from.empty() ? "nowhere" : from) + " to " +
                        (to.empty() ? "nowhere" : to));
    }
  };
  residence("weight", a.residence.weights, b.residence.weights,
            [](const std::vector<std::string>& devices) { return joined(devices); });
  residence("state", a.residence.states, b.residence.states,
            [](const std::string& device) { return device; });
  for (const auto& [name, method] : a.methods)
    if (!b.methods.contains(name))
      changes.add("method-unscheduled", name, name, "", "method " + name + " is no longer scheduled");
  for (const auto& [name, method] : b.methods)
    if (!a.methods.contains(name))
      changes.add("method-scheduled", name, "", name, "method " + name + " is scheduled now");
  diff_decisions(changes, a, b);
  compare_text(changes, "schedule-changed", "/schedule", "schedule: unknown keys", remains(a), remains(b));
}

}  // namespace genie::plan::detail
