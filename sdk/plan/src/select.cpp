// Selectors: which nodes, states and weights a hint means.
#include <algorithm>
#include <numeric>
#include <set>

#include "genie/plan/validate.hpp"
#include "messages.hpp"

namespace genie::plan {

namespace {

std::vector<std::string_view> segments(std::string_view text) {
  std::vector<std::string_view> out;
  for (;;) {
    const std::size_t dot = text.find('.');
    out.push_back(text.substr(0, dot));
    if (dot == std::string_view::npos) return out;
    text.remove_prefix(dot + 1);
  }
}

/// `*` stands for any part of one segment.
bool matches_segment(std::string_view pattern, std::string_view text) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (std::size_t at = star; at <= text.size(); ++at)
    if (matches_segment(rest, text.substr(at))) return true;
  return false;
}

/// A pattern that matches a beginning of a dotted name matches the name: a module stands for all that is in it.
bool matches(std::span<const std::string_view> pattern, std::span<const std::string_view> name) {
  if (pattern.empty()) return true;
  if (pattern.front() == "**") {
    for (std::size_t skip = 0; skip <= name.size(); ++skip)
      if (matches(pattern.subspan(1), name.subspan(skip))) return true;
    return false;
  }
  return !name.empty() && matches_segment(pattern.front(), name.front()) &&
         matches(pattern.subspan(1), name.subspan(1));
}

struct Pattern {
  std::vector<std::string_view> parts;
  explicit Pattern(std::string_view text) : parts(segments(text)) {}
  [[nodiscard]] bool operator()(std::string_view name) const {
    return !name.empty() && matches(parts, segments(name));
  }
};

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j)
      diagonal = std::exchange(
          row[j], std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)}));
  }
  return row.back();
}

/// The three names nearest to what was written; dotted names are compared at the pattern's own depth.
std::vector<std::string> near_misses(std::string_view pattern, const std::set<std::string_view>& names) {
  const std::size_t depth = segments(pattern).size();
  std::set<std::string_view> cut;
  for (const std::string_view name : names) {
    std::size_t end = 0;
    for (std::size_t i = 0; i < depth && end != std::string_view::npos; ++i)
      end = name.find('.', end + (i == 0 ? 0 : 1));
    cut.insert(name.substr(0, end));
  }
  std::vector<std::pair<std::size_t, std::string_view>> ranked;
  for (const std::string_view name : cut)
    ranked.emplace_back(edit_distance(pattern, name), name);
  std::ranges::sort(ranked);
  std::vector<std::string> out;
  for (const auto& [distance, name] : ranked)
    if (out.size() < 3 && distance <= std::max<std::size_t>(pattern.size() / 2, 3)) out.emplace_back(name);
  return out;
}

/// The pattern below the shortest beginnings of names where it would match: listings leave out the path that all nodes share.
std::vector<std::string> completions(const Pattern& pattern, std::string_view text,
                                     const std::set<std::string_view>& names) {
  std::set<std::pair<std::size_t, std::string>> found;  // shortest first
  for (const std::string_view name : names) {
    const std::vector<std::string_view> parts = segments(name);
    for (std::size_t skip = 1; skip < parts.size(); ++skip) {
      if (!matches(pattern.parts, std::span(parts).subspan(skip))) continue;
      const auto length = static_cast<std::size_t>(parts[skip].data() - name.data());
      found.emplace(skip, std::string(name.substr(0, length)) + std::string(text));
      break;
    }
  }
  std::vector<std::string> out;
  for (const auto& [skip, completed] : found)
    if (out.size() < 3) out.push_back(completed);
  return out;
}

const Boxed<Annotation>* annotation(const Node& node, std::string_view kind) {
  if (kind == "role") return &node.semantics.role;
  if (kind == "phase") return &node.semantics.phase;
  if (kind == "modality") return &node.semantics.modality;
  return nullptr;
}

/// The text of a node that a selector of this kind looks at; empty where it has none.
std::string_view looked_at(const Node& node, std::string_view kind) {
  if (kind == "node") return node.id;
  if (kind == "op") return node.op;
  if (const auto* noted = annotation(node, kind))
    return *noted ? std::string_view((*noted)->is) : std::string_view();
  return node.scope;
}

Diagnostic problem(std::string code, std::string message, std::string help) {
  Diagnostic d;
  d.code = std::move(code);
  d.message = std::move(message);
  d.help = std::move(help);
  return d;
}

}  // namespace

Result<Selection> select(const Plan& plan, std::string_view selector) {
  constexpr std::string_view kKinds[] = {"node", "op", "role", "phase", "modality", "state", "weight"};
  std::string_view kind = "scope";
  std::string_view text = selector;
  if (const std::size_t colon = selector.find(':'); colon != std::string_view::npos) {
    kind = selector.substr(0, colon);
    text = selector.substr(colon + 1);
    if (std::ranges::find(kKinds, kind) == std::end(kKinds))
      return problem("GE0538",
                     "selector " + detail::quoted(selector) + " has an unknown kind " + detail::quoted(kind),
                     "write a module path, or one of node: op: role: phase: modality: state: weight:");
  }
  if (text.empty())
    return problem("GE0538", "selector " + detail::quoted(selector) + " is empty", "write what it means");

  const Pattern pattern(text);
  Selection found;
  std::set<std::string_view> names;
  const auto matched = [&](std::string_view name) {
    if (!name.empty()) names.insert(name);
    return pattern(name);
  };
  if (kind == "state") {
    for (const auto& [name, state] : plan.states)
      if (matched(name)) found.states.push_back(name);
  } else if (kind == "weight") {
    for (const auto& [name, weight] : plan.weights)
      if (matched(name)) found.weights.push_back(name);
  } else {
    for (const auto& [method, graph] : plan.methods)
      for (const Node& node : graph.nodes)
        if (matched(looked_at(node, kind))) found.nodes.emplace_back(method, node.id);
  }
  if (!found.empty()) return found;
  std::vector<std::string> near = completions(pattern, text, names);
  if (near.empty()) near = near_misses(text, names);
  const std::string prefix = kind == "scope" ? std::string() : std::string(kind) + ":";
  std::string help;
  for (const std::string& name : near)
    help += (help.empty() ? "did you mean " : ", ") + prefix + name;
  help += help.empty() ? "`genie-host plan show` lists what a selector can name" : "?";
  return problem("GE0537", "selector " + detail::quoted(selector) + " matches nothing in the plan", help);
}

}  // namespace genie::plan
