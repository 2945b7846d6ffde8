#include "in_place.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "arguments.hpp"
#include "genie/plan/index.hpp"
#include "operators.hpp"

namespace genie::kernels_aten {

namespace {

namespace arg = plan::arg;
using Roots =
    std::set<std::string, std::less<>>;  // contents a tensor may share memory with: "state:K" or "value:V"

std::string state_root(const plan::Plan& plan, std::string_view name) {
  // Names that view one storage are one content.
  for (std::size_t hops = 0; hops < plan.states.size(); ++hops) {
    const auto found = plan.states.find(name);
    if (found == plan.states.end() || found->second.alias_of.empty()) break;
    name = found->second.alias_of;
  }
  return "state:" + std::string(name);
}

/// The view operator whose region a scatter writes.
std::optional<std::string_view> region_view(std::string_view op) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kRegions{{
      {"aten.slice_scatter.default", "aten.slice.Tensor"},
      {"aten.select_scatter.default", "aten.select.int"},
      {"aten.diagonal_scatter.default", "aten.diagonal.default"},
  }};
  for (const auto& [scatter, view] : kRegions)
    if (scatter == op) return view;
  return std::nullopt;
}

class Analysis {
 public:
  Analysis(const plan::Plan& plan, const plan::Graph& graph,
           const std::vector<std::optional<c10::OperatorHandle>>& handles)
      : plan_(plan), graph_(graph), handles_(handles), index_(graph) {
    for (const plan::Port& input : graph_.inputs)
      if (const auto* value = std::get_if<arg::Value>(&input.value.is)) define(value->id, {});
    for (std::size_t n = 0; n < graph_.nodes.size(); ++n)
      trace(n);
  }

  /// Rewrites the chain of operators that turns the old content into the new one, or nothing at all.
  void rewrite(const plan::StateWrite& write, std::unordered_map<std::size_t, Rewrite>& into) {
    const auto state = plan_.states.find(write.state);
    if (state == plan_.states.end() || !write.in_place) return;
    const std::string root = state_root(plan_, write.state);
    for (const plan::StateWrite& other : graph_.writes)
      if (&other != &write && state_root(plan_, other.state) == root) return;

    std::vector<std::pair<std::size_t, Rewrite>> chain;
    std::string_view current = write.value;
    for (;;) {
      const std::uint32_t number = index_.value(current);
      if (number == plan::kNone || index_.values()[number].producer == plan::kNone) return;
      const std::size_t n = index_.values()[number].producer;
      if (!handles_[n] || into.contains(n) || !same_geometry(current, state->second)) return;
      auto found = form(n);
      if (!found) return;
      found->state = state->first;
      std::string why;
      const auto actuals = in_schema_order(handles_[n]->schema(), graph_.nodes[n], why);
      if (!why.empty() || actuals[0] == nullptr || graph_.nodes[n].results[0] != current) return;

      const auto* old_state = std::get_if<arg::State>(&actuals[0]->is);
      const auto* old_value = std::get_if<arg::Value>(&actuals[0]->is);
      if (old_state != nullptr ? old_state->name != write.state : old_value == nullptr) return;
      const std::string old_content = old_state != nullptr ? root : "value:" + old_value->id;
      if (!dead_from(n, old_content, actuals)) return;
      chain.emplace_back(n, *std::move(found));
      if (old_state != nullptr) break;
      current = old_value->id;
    }
    for (auto& [n, how] : chain)
      into.emplace(n, std::move(how));
  }

 private:
  void define(const std::string& value, Roots roots) {
    if (const auto declared = graph_.values.find(value); declared != graph_.values.end()) {
      const std::string& of = declared->second.alias_of;
      if (of.starts_with("state:"))
        roots.insert(state_root(plan_, std::string_view(of).substr(6)));
      else if (const auto known = roots_.find(of); known != roots_.end())
        roots.insert(known->second.begin(), known->second.end());
    }
    roots.insert("value:" + value);
    roots_[value] = std::move(roots);
  }

  Roots roots_of(const plan::Arg& argument) const {
    Roots roots;
    plan::for_each_arg(argument, [&](const plan::Arg& item) {
      if (const auto* state = std::get_if<arg::State>(&item.is)) roots.insert(state_root(plan_, state->name));
      if (const auto* value = std::get_if<arg::Value>(&item.is))
        if (const auto known = roots_.find(value->id); known != roots_.end())
          roots.insert(known->second.begin(), known->second.end());
    });
    return roots;
  }

  bool reads(const plan::Arg& argument, std::string_view content) const {
    bool found = false;
    plan::for_each_arg(argument, [&](const plan::Arg& item) {
      if (const auto* state = std::get_if<arg::State>(&item.is))
        found = found || state_root(plan_, state->name) == content;
      if (const auto* value = std::get_if<arg::Value>(&item.is))
        if (const auto known = roots_.find(value->id); known != roots_.end())
          found = found || known->second.contains(content);
    });
    return found;
  }

  /// What the results of a node may share memory with. Schemas tell, except those of operators composed of others, some of
  /// which return an argument as it is (dropout in evaluation).
  void trace(std::size_t n) {
    const plan::Node& node = graph_.nodes[n];
    Roots roots;
    const auto& handle = handles_[n];
    const bool composed =
        !handle || handle->hasKernelForDispatchKey(c10::DispatchKey::CompositeImplicitAutograd);
    const auto marked = [&](const c10::Argument& formal) { return formal.alias_info() != nullptr; };
    const bool tells = handle && std::ranges::any_of(handle->schema().returns(), marked);
    if (composed || tells) {
      const auto add = [&](const plan::Arg& actual) { roots.merge(roots_of(actual)); };
      for (const plan::Arg& actual : node.args)
        add(actual);
      for (const auto& [name, actual] : node.kwargs)
        add(actual);
    }
    for (const std::string& result : node.results)
      if (!result.empty()) define(result, roots);
  }

  bool same_geometry(std::string_view value, const plan::State& state) const {
    const auto declared = graph_.values.find(value);
    if (declared == graph_.values.end() || declared->second.scalar || declared->second.dtype != state.dtype)
      return false;
    const auto equal = [](const plan::Expr& a, std::int64_t b) { return a.is_int() && a.as_int() == b; };
    return std::ranges::equal(declared->second.shape, state.shape, equal) &&
           std::ranges::equal(declared->second.strides, state.strides, equal);
  }

  std::optional<Rewrite> form(std::size_t n) const {
    if (const auto view = region_view(graph_.nodes[n].op))
      return Rewrite{Rewrite::Form::scatter, find_operator(*view), {}};
    if (auto twin = in_place_twin(*handles_[n])) return Rewrite{Rewrite::Form::twin, std::move(twin), {}};
    return std::nullopt;
  }

  /// No one but node n's first argument reads that content at node n or later.
  bool dead_from(std::size_t n, const std::string& content,
                 const std::vector<const plan::Arg*>& actuals) const {
    for (std::size_t i = 1; i < actuals.size(); ++i)
      if (actuals[i] != nullptr && reads(*actuals[i], content)) return false;
    const auto reads_it = [&](const plan::Arg& argument) { return reads(argument, content); };
    for (std::size_t later = n + 1; later < graph_.nodes.size(); ++later) {
      const plan::Node& node = graph_.nodes[later];
      if (std::ranges::any_of(node.args, reads_it)) return false;
      for (const auto& [name, argument] : node.kwargs)
        if (reads_it(argument)) return false;
    }
    for (const plan::Port& output : graph_.outputs)
      if (!std::holds_alternative<arg::State>(output.value.is) && reads_it(output.value)) return false;
    for (const plan::StateWrite& write : graph_.writes)
      if (const auto known = roots_.find(write.value);
          known != roots_.end() && known->second.contains(content))
        return false;
    return true;
  }

  const plan::Plan& plan_;
  const plan::Graph& graph_;
  const std::vector<std::optional<c10::OperatorHandle>>& handles_;
  plan::GraphIndex index_;
  std::unordered_map<std::string, Roots> roots_;
};

}  // namespace

std::unordered_map<std::size_t, Rewrite> plan_in_place(
    const plan::Plan& plan, const plan::Graph& graph,
    const std::vector<std::optional<c10::OperatorHandle>>& handles) {
  std::unordered_map<std::size_t, Rewrite> rewrites;
  const bool any = std::ranges::any_of(graph.writes, &plan::StateWrite::in_place);
  if (!any) return rewrites;
  Analysis analysis(plan, graph, handles);
  for (const plan::StateWrite& write : graph.writes)
    analysis.rewrite(write, rewrites);
  return rewrites;
}

}  // namespace genie::kernels_aten
