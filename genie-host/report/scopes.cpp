#include "scopes.hpp"

#include <map>
#include <set>

namespace genie::report {

namespace {

/// Up to `parts` segments of a path.
std::string_view leading(std::string_view path, std::size_t parts) {
  std::size_t end = 0;
  while (parts > 0 && end != std::string_view::npos) {
    end = path.find('.', end == 0 ? 0 : end + 1);
    --parts;
  }
  return path.substr(0, end);
}

std::size_t segments(std::string_view path) {
  std::size_t count = path.empty() ? 0 : 1;
  for (const char c : path)
    count += c == '.' ? 1 : 0;
  return count;
}

}  // namespace

Scopes::Scopes(const plan::Graph& graph) {
  std::string_view shared;
  bool first = true;
  for (const plan::Node& node : graph.nodes) {
    scopes_[node.id] = node.scope;
    if (node.scope.empty()) continue;
    if (first) {
      shared = node.scope;
      first = false;
    }
    while (!shared.empty() && node.scope != shared &&
           !(node.scope.starts_with(shared) && node.scope[shared.size()] == '.')) {
      const std::size_t dot = shared.rfind('.');
      shared = dot == std::string_view::npos ? std::string_view() : shared.substr(0, dot);
    }
  }
  prefix_ = shared.empty() ? 0 : shared.size() + 1;
}

std::string Scopes::describe(const std::vector<std::string>& nodes) const {
  std::string_view first;
  std::string_view last;
  for (const std::string& id : nodes) {
    const auto found = scopes_.find(id);
    if (found == scopes_.end() || found->second.size() <= prefix_) continue;
    const std::string_view scope = std::string_view(found->second).substr(prefix_);
    if (first.empty()) first = scope;
    last = scope;
  }
  if (first.empty()) return "";
  if (first == last) return std::string(first);
  // What both have in common is said once, and then one segment more of each.
  std::size_t common = 0;
  while (leading(first, common + 1) == leading(last, common + 1) && common < segments(first) &&
         common < segments(last))
    ++common;
  if (common == segments(first) || common == segments(last))
    return std::string(leading(first, common));  // one holds the other
  const std::string_view from = leading(first, common + 1);
  std::string_view to = leading(last, common + 1);
  if (const std::size_t shared = leading(first, common).size(); shared > 0 && to.size() > shared)
    to.remove_prefix(shared + 1);
  return std::string(from) + " … " + std::string(to);
}

std::string Scopes::whole_module(const std::vector<std::string>& nodes) const {
  const std::set<std::string_view> mine(nodes.begin(), nodes.end());
  std::map<std::string_view, std::pair<std::size_t, std::size_t>>
      counts;  // path → nodes among these, nodes in all
  for (const auto& [id, scope] : scopes_)
    for (std::size_t parts = 1; parts <= segments(scope); ++parts) {
      auto& [inside, all] = counts[leading(scope, parts)];
      ++all;
      if (mine.contains(id)) ++inside;
    }
  std::string_view best;
  std::size_t best_size = 0;
  for (const auto& [path, count] : counts)
    if (count.first == count.second && path.size() >= prefix_ &&
        (count.first > best_size || (count.first == best_size && path.size() < best.size()))) {
      best = path;
      best_size = count.first;
    }
  return std::string(best);
}

}  // namespace genie::report
