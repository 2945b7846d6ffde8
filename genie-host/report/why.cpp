#include "why.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "decision_text.hpp"
#include "genie/plan/index.hpp"
#include "genie/plan/json.hpp"
#include "genie/plan/validate.hpp"
#include "plan_summary.hpp"
#include "scopes.hpp"
#include "stage_weights.hpp"

namespace genie::report {

namespace {

using plan::json::Writer;
/// Method and node.
using NodeName = std::pair<std::string, std::string>;

std::string hint_text(const plan::Constraint& hint) {
  std::string text = fmt::format("{}: {} {}", hint.id, hint.strength, hint.kind);
  if (!hint.select.empty()) text += " " + hint.select;
  if (!hint.device.empty()) text += " on " + hint.device;
  if (!hint.value.empty()) text += " " + hint.value;
  if (hint.bytes) text += ", " + bytes_text(*hint.bytes);
  return hint.origin.empty() ? text : text + fmt::format(" ({})", hint.origin);
}

class Finder {
 public:
  explicit Finder(const plan::Plan& plan) : plan_(plan), schedule_(*plan.schedule) {}

  plan::Result<Why> find(const std::string& subject) {
    why_.subject = subject;
    if (!add_stage_named(subject)) {
      plan::Selection selection;
      if (find_exact(subject, selection) || find_hint(subject, selection)) {
      } else if (auto selected = plan::select(plan_, subject)) {
        selection = std::move(*selected);
      } else {
        return std::move(selected).errors();
      }
      add_selection(selection);
    }
    for (const plan::Decision& decision : schedule_.decisions)
      if (decision.subject == subject && !is_stage(subject)) why_.decisions.push_back(&decision);
    return std::move(why_);
  }

 private:
  [[nodiscard]] bool is_stage(std::string_view id) const {
    for (const auto& [name, scheduled] : schedule_.methods)
      for (const plan::Stage& stage : scheduled.stages)
        if (stage.id == id) return true;
    return false;
  }

  bool add_stage_named(const std::string& id) {
    bool found = false;
    for (const auto& [name, scheduled] : schedule_.methods)
      for (const plan::Stage& stage : scheduled.stages)
        if (stage.id == id) {
          add_stage(name, scheduled, stage, stage.nodes.size());
          found = true;
        }
    return found;
  }

  /// A node's id, or the name of a weight or a state.
  bool find_exact(const std::string& subject, plan::Selection& selection) const {
    for (const auto& [name, method] : plan_.methods)
      for (const plan::Node& node : method.nodes)
        if (node.id == subject) selection.nodes.emplace_back(name, node.id);
    if (plan_.weights.find(subject) != plan_.weights.end()) selection.weights.push_back(subject);
    if (plan_.states.find(subject) != plan_.states.end()) selection.states.push_back(subject);
    return !selection.empty();
  }

  bool find_hint(const std::string& subject, plan::Selection& selection) const {
    for (const plan::Constraint& hint : plan_.constraints)
      if (hint.id == subject) {
        if (!hint.select.empty())
          if (auto selected = plan::select(plan_, hint.select)) selection = std::move(*selected);
        return true;
      }
    return false;
  }

  void add_selection(const plan::Selection& selection) {
    for (const std::string& name : selection.weights)
      if (const auto at = schedule_.residence.weights.find(name); at != schedule_.residence.weights.end())
        why_.holdings.push_back(
            {"weight", name, plan::weight_bytes(plan_.weights.find(name)->second), at->second});
    for (const std::string& name : selection.states)
      if (const auto at = schedule_.residence.states.find(name); at != schedule_.residence.states.end())
        why_.holdings.push_back(
            {"state", name, plan::state_bytes(plan_.states.find(name)->second), {at->second}});
    std::set<NodeName> nodes(selection.nodes.begin(), selection.nodes.end());
    if (nodes.empty()) nodes = users(selection);
    for (const auto& [name, scheduled] : schedule_.methods)
      for (const plan::Stage& stage : scheduled.stages) {
        const auto mine = static_cast<std::size_t>(
            std::ranges::count_if(stage.nodes, [&, &method = name](const std::string& id) {
              return nodes.contains({method, id});
            }));
        if (mine > 0) add_stage(name, scheduled, stage, mine);
      }
  }

  /// Nodes that use a weight or a state.
  [[nodiscard]] std::set<NodeName> users(const plan::Selection& selection) const {
    const std::set<std::string_view> weights(selection.weights.begin(), selection.weights.end());
    const std::set<std::string_view> states(selection.states.begin(), selection.states.end());
    std::set<NodeName> nodes;
    for (const auto& [name, method] : plan_.methods)
      for (const plan::Node& node : method.nodes)
        plan::for_each_arg(node, [&, &of = name](const plan::Arg& argument) {
          const auto* weight = std::get_if<plan::arg::Weight>(&argument.is);
          const auto* state = std::get_if<plan::arg::State>(&argument.is);
          if ((weight != nullptr && weights.contains(weight->name)) ||
              (state != nullptr && states.contains(state->name)))
            nodes.emplace(of, node.id);
        });
    return nodes;
  }

  void add_stage(const std::string& method, const plan::MethodSchedule& scheduled, const plan::Stage& stage,
                 std::size_t mine) {
    WhyStage one;
    one.method = method;
    one.stage = &stage;
    one.mine = mine;
    if (const auto graph = plan_.methods.find(method); graph != plan_.methods.end()) {
      one.modules = Scopes(graph->second).describe(stage.nodes);
      one.weight_bytes = stage_weight_bytes(graph->second, plan_, stage);
    }
    std::set<std::string_view> honoured;
    for (const plan::Decision& decision : schedule_.decisions)
      if (decision.subject == stage.id) {
        one.decisions.push_back(&decision);
        honoured.insert(decision.honours.begin(), decision.honours.end());
      }
    for (const plan::Constraint& hint : plan_.constraints)
      if (honoured.contains(hint.id) || touches(hint, method, stage)) one.hints.push_back(&hint);
    for (const plan::Transfer& transfer : scheduled.transfers) {
      if (transfer.to == stage.id) one.takes.push_back(&transfer);
      if (transfer.from == stage.id) one.gives.push_back(&transfer);
    }
    why_.stages.push_back(std::move(one));
  }

  [[nodiscard]] bool touches(const plan::Constraint& hint, const std::string& method,
                             const plan::Stage& stage) {
    if (hint.select.empty()) return hint.kind == "budget" && hint.device == stage.device;
    auto known = selected_.find(&hint);
    if (known == selected_.end()) {
      std::set<NodeName> nodes;
      if (auto selection = plan::select(plan_, hint.select))
        nodes = {selection->nodes.begin(), selection->nodes.end()};
      known = selected_.emplace(&hint, std::move(nodes)).first;
    }
    return std::ranges::any_of(stage.nodes, [&](const std::string& id) {
      return known->second.contains({method, id});
    });
  }

  const plan::Plan& plan_;
  const plan::Schedule& schedule_;
  Why why_;
  std::map<const plan::Constraint*, std::set<NodeName>> selected_;  ///< nodes by hint
};

/// "s0 on w0", "input ids".
std::string end_text(const plan::Plan& plan, const std::string& method, const std::string& end) {
  const std::size_t colon = end.find(':');
  if (colon != std::string::npos)
    return fmt::format("{} {}", std::string_view(end).substr(0, colon),
                       std::string_view(end).substr(colon + 1));
  const auto scheduled = plan.schedule->methods.find(method);
  if (scheduled != plan.schedule->methods.end())
    for (const plan::Stage& stage : scheduled->second.stages)
      if (stage.id == end) return fmt::format("{} on {}", end, stage.device);
  return end;
}

class Text {
 public:
  Text(const plan::Plan& plan, const Why& why, const Style& style) : plan_(plan), why_(why), style_(style) {}

  std::string write() {
    out_ = painted(style_, Paint::bold, why_.subject) + "\n";
    for (const plan::Decision* decision : why_.decisions)
      out_ += decision_text(*decision, style_);
    for (const WhyHolding& holding : why_.holdings)
      line(fmt::format("  {} {}, {}, lives on {}", holding.kind, holding.name, bytes_text(holding.bytes),
                       fmt::join(holding.devices, ", ")));
    for (const WhyStage& stage : why_.stages)
      write_stage(stage);
    if (why_.stages.empty() && why_.holdings.empty() && why_.decisions.empty())
      line("  the policy decided nothing about it: no stage runs it and nothing is kept for it");
    return std::move(out_);
  }

 private:
  void line(std::string_view text) { out_ += fitted(text, style_.width) + "\n"; }

  /// Over as many lines as it takes.
  void paragraph(std::string_view label, std::string_view text) {
    std::string before = fmt::format("  {} ", painted(style_, Paint::dim, label));
    for (const std::string& part : wrapped(text, style_.width - label.size() - 3)) {
      out_ += before + part + "\n";
      before.assign(label.size() + 3, ' ');
    }
  }

  void write_stage(const WhyStage& one) {
    const plan::Stage& stage = *one.stage;
    out_ += "\n";
    line(fmt::format("{} on {} · {} · {}{}", painted(style_, Paint::bold, "stage " + stage.id),
                     painted(style_, Paint::cyan, stage.device), "method " + one.method,
                     one.mine == stage.nodes.size()
                         ? counted(stage.nodes.size(), "node")
                         : fmt::format("{} of its {}", one.mine, counted(stage.nodes.size(), "node")),
                     one.weight_bytes > 0 ? " · weights " + bytes_text(one.weight_bytes) : ""));
    if (!one.modules.empty()) line("  computes " + one.modules);
    if (one.decisions.empty()) line("  the policy gave no reason");
    for (const plan::Decision* decision : one.decisions)
      out_ += decision_text(*decision, style_);
    for (const plan::Constraint* hint : one.hints)
      paragraph("hint", hint_text(*hint));
    transfers("takes", "from", one.method, one.takes, &plan::Transfer::from);
    transfers("gives", "to", one.method, one.gives, &plan::Transfer::to);
  }

  void transfers(std::string_view verb, std::string_view preposition, const std::string& method,
                 const std::vector<const plan::Transfer*>& list, std::string plan::Transfer::*end) {
    constexpr std::size_t kShown = 6;
    Table table({Table::Align::left, Table::Align::left, Table::Align::right, Table::Align::left,
                 Table::Align::left});
    for (std::size_t i = 0; i < std::min(list.size(), kShown); ++i) {
      const plan::Transfer& transfer = *list[i];
      std::string slack;
      if (transfer.slack_ns)
        slack = *transfer.slack_ns == 0 ? "critical" : "slack " + duration_text(*transfer.slack_ns);
      table.row({painted(style_, Paint::dim, verb), transfer.value, bytes_text(transfer.size_bytes),
                 fmt::format("{} {}", preposition, end_text(plan_, method, transfer.*end)), slack});
    }
    out_ += table.text("  ");
    if (list.size() > kShown) line(fmt::format("  … {} more", list.size() - kShown));
  }

  const plan::Plan& plan_;
  const Why& why_;
  const Style& style_;
  std::string out_;
};

void write_decision(Writer& writer, const plan::Decision& decision) {
  writer.begin_object().key("subject").value(decision.subject).key("chose").value(decision.chose);
  writer.key("because").value(decision.because).key("detail").value(decision.detail);
  writer.key("alternatives").begin_array();
  for (const plan::Alternative& alternative : decision.alternatives) {
    writer.begin_object().key("device").value(alternative.device);
    if (!alternative.refused.empty()) writer.key("refused").value(alternative.refused);
    if (alternative.makespan_ns) writer.key("makespan_ns").value(*alternative.makespan_ns);
    if (!alternative.detail.empty()) writer.key("detail").value(alternative.detail);
    writer.end_object();
  }
  writer.end_array().key("honours").begin_array();
  for (const std::string& hint : decision.honours)
    writer.value(hint);
  writer.end_array().end_object();
}

void write_transfers(Writer& writer, std::string_view key, const std::vector<const plan::Transfer*>& list) {
  writer.key(key).begin_array();
  for (const plan::Transfer* transfer : list) {
    writer.begin_object().key("id").value(transfer->id).key("value").value(transfer->value);
    writer.key("from").value(transfer->from).key("to").value(transfer->to);
    writer.key("size_bytes").value(transfer->size_bytes);
    if (transfer->slack_ns) writer.key("slack_ns").value(*transfer->slack_ns);
    writer.end_object();
  }
  writer.end_array();
}

}  // namespace

plan::Result<Why> why(const plan::Plan& plan, const std::string& subject) {
  if (!plan.schedule) {
    plan::Diagnostic diagnostic;
    diagnostic.code = "GE0019";
    diagnostic.message = "the plan is captured, not scheduled: nothing was decided yet";
    diagnostic.help =
        "name the run config, which says on which devices to place it, or write a scheduled plan with "
        "`genie-host plan schedule`";
    return diagnostic;
  }
  return Finder(plan).find(subject);
}

std::string why_text(const plan::Plan& plan, const Why& why, const Style& style) {
  return Text(plan, why, style).write();
}

std::string why_json(const Why& why) {
  Writer writer(2);
  writer.begin_object().key("subject").value(why.subject);
  writer.key("decisions").begin_array();
  for (const plan::Decision* decision : why.decisions)
    write_decision(writer, *decision);
  writer.end_array().key("holdings").begin_array();
  for (const WhyHolding& holding : why.holdings) {
    writer.begin_object().key("kind").value(holding.kind).key("name").value(holding.name);
    writer.key("bytes").value(holding.bytes).key("devices").begin_array();
    for (const std::string& device : holding.devices)
      writer.value(device);
    writer.end_array().end_object();
  }
  writer.end_array().key("stages").begin_array();
  for (const WhyStage& one : why.stages) {
    writer.begin_object().key("id").value(one.stage->id).key("method").value(one.method);
    writer.key("device").value(one.stage->device).key("kernels").value(one.stage->kernels);
    writer.key("nodes").value(static_cast<std::uint64_t>(one.stage->nodes.size()));
    writer.key("nodes_of_subject").value(static_cast<std::uint64_t>(one.mine));
    writer.key("modules").value(one.modules).key("weight_bytes").value(one.weight_bytes);
    writer.key("decisions").begin_array();
    for (const plan::Decision* decision : one.decisions)
      write_decision(writer, *decision);
    writer.end_array().key("hints").begin_array();
    for (const plan::Constraint* hint : one.hints)
      writer.value(hint->id);
    writer.end_array();
    write_transfers(writer, "takes", one.takes);
    write_transfers(writer, "gives", one.gives);
    writer.end_object();
  }
  writer.end_array().end_object();
  return writer.take() + "\n";
}

}  // namespace genie::report
