// Which node is which: sequences of nodes aligned by what the nodes do.
//
// The shortest edit script of E. W. Myers, "An O(ND) Difference Algorithm and Its Variations" (1986), first over strong
// signatures (op, module, literal arguments), then in the gaps over the op alone. Nodes left over are matched by id.
#include <algorithm>

#include "diff_internal.hpp"
#include "genie/plan/index.hpp"

namespace genie::plan::detail {
namespace {

/// Beyond this many edits two graphs are different ones, and ids are as good a guide.
constexpr std::int64_t kMostEdits = 1500;

using Keys = std::vector<std::string>;

std::string strong_key(const Node& node) {
  std::string key = node.op + '\n' + node.scope + '\n';
  for_each_arg(node, [&key](const Arg& argument) {
    const bool reference = std::holds_alternative<arg::Value>(argument.is);
    const bool list = std::holds_alternative<arg::List>(argument.is);
    key += reference ? "v" : list ? "[" : written(argument, write_arg);
    key += ' ';
  });
  return key;
}

struct Range {
  std::int64_t begin;
  std::int64_t end;
  [[nodiscard]] std::int64_t size() const { return end - begin; }
};

/// Calls match(i, j) for pairs of a longest common subsequence; gives up silently beyond the limit of edits.
template <class Equal, class Match>
void common_subsequence(Range a, Range b, Equal&& equal, Match&& match) {
  while (a.size() > 0 && b.size() > 0 && equal(a.begin, b.begin))
    match(a.begin++, b.begin++);
  while (a.size() > 0 && b.size() > 0 && equal(a.end - 1, b.end - 1))
    match(--a.end, --b.end);
  const std::int64_t n = a.size();
  const std::int64_t m = b.size();
  if (n == 0 || m == 0) return;
  const std::int64_t limit = std::min(n + m, kMostEdits);
  // furthest[k + limit]: how far along a the furthest path on diagonal k has come; one copy per number of edits.
  std::vector<std::vector<std::int64_t>> trace;
  std::vector<std::int64_t> furthest(static_cast<std::size_t>(2 * limit + 3), 0);
  const auto at = [limit](std::int64_t k) { return static_cast<std::size_t>(k + limit + 1); };
  for (std::int64_t edits = 0; edits <= limit; ++edits) {
    trace.emplace_back(furthest.begin() + static_cast<std::ptrdiff_t>(at(-edits - 1)),
                       furthest.begin() + static_cast<std::ptrdiff_t>(at(edits + 1) + 1));
    for (std::int64_t k = -edits; k <= edits; k += 2) {
      const bool down = k == -edits || (k != edits && furthest[at(k - 1)] < furthest[at(k + 1)]);
      std::int64_t x = down ? furthest[at(k + 1)] : furthest[at(k - 1)] + 1;
      std::int64_t y = x - k;
      while (x < n && y < m && equal(a.begin + x, b.begin + y))
        ++x, ++y;
      furthest[at(k)] = x;
      if (x < n || y < m) continue;
      // Walk back along the copies, which start at diagonal -edits - 1.
      for (std::int64_t step = edits; step > 0; --step) {
        const auto& before = trace[static_cast<std::size_t>(step)];
        const auto was = [&before, step](std::int64_t diagonal) {
          return before[static_cast<std::size_t>(diagonal + step + 1)];
        };
        const std::int64_t diagonal = x - y;
        const bool from_above =
            diagonal == -step || (diagonal != step && was(diagonal - 1) < was(diagonal + 1));
        const std::int64_t last = from_above ? diagonal + 1 : diagonal - 1;
        const std::int64_t last_x = was(last);
        const std::int64_t last_y = last_x - last;
        while (x > last_x && y > last_y)
          match(a.begin + --x, b.begin + --y);
        x = last_x;
        y = last_y;
      }
      while (x > 0 && y > 0)
        match(a.begin + --x, b.begin + --y);
      return;
    }
  }
}

}  // namespace

Alignment align(const Graph& a, const Graph& b) {
  Alignment result;
  result.to_b.assign(a.nodes.size(), kNone);
  result.to_a.assign(b.nodes.size(), kNone);
  const auto match = [&](std::int64_t i, std::int64_t j) {
    result.to_b[static_cast<std::size_t>(i)] = static_cast<std::uint32_t>(j);
    result.to_a[static_cast<std::size_t>(j)] = static_cast<std::uint32_t>(i);
  };
  const auto keys = [](const Graph& graph) {
    Keys all;
    all.reserve(graph.nodes.size());
    for (const Node& node : graph.nodes)
      all.push_back(strong_key(node));
    return all;
  };
  const Keys left = keys(a);
  const Keys right = keys(b);
  const auto n = static_cast<std::int64_t>(a.nodes.size());
  const auto m = static_cast<std::int64_t>(b.nodes.size());
  common_subsequence(
      {0, n}, {0, m},
      [&](std::int64_t i, std::int64_t j) {
        return left[static_cast<std::size_t>(i)] == right[static_cast<std::size_t>(j)];
      },
      match);

  // Gaps between matched nodes: the same op is the same node with other arguments.
  std::int64_t i = 0;
  std::int64_t j = 0;
  while (i < n || j < m) {
    const std::int64_t start_i = i;
    const std::int64_t start_j = j;
    while (i < n && result.to_b[static_cast<std::size_t>(i)] == kNone)
      ++i;
    j = i < n ? static_cast<std::int64_t>(result.to_b[static_cast<std::size_t>(i)]) : m;
    common_subsequence(
        {start_i, i}, {start_j, j},
        [&](std::int64_t x, std::int64_t y) {
          return a.nodes[static_cast<std::size_t>(x)].op == b.nodes[static_cast<std::size_t>(y)].op;
        },
        match);
    if (i < n) ++i, ++j;
  }

  std::unordered_map<std::string_view, std::uint32_t> left_over;
  for (std::uint32_t y = 0; y < b.nodes.size(); ++y)
    if (result.to_a[y] == kNone) left_over.emplace(b.nodes[y].id, y);
  for (std::uint32_t x = 0; x < a.nodes.size(); ++x) {
    if (result.to_b[x] != kNone) continue;
    if (const auto found = left_over.find(a.nodes[x].id); found != left_over.end()) match(x, found->second);
  }
  return result;
}

Renaming renaming(const Graph& a, const Graph& b, const Alignment& alignment) {
  Renaming names;
  for (std::size_t i = 0; i < a.nodes.size(); ++i) {
    if (alignment.to_b[i] == kNone) continue;
    const Node& x = a.nodes[i];
    const Node& y = b.nodes[alignment.to_b[i]];
    names.nodes.emplace(x.id, y.id);
    for (std::size_t r = 0; r < std::min(x.results.size(), y.results.size()); ++r)
      if (!x.results[r].empty() && !y.results[r].empty()) names.values.emplace(x.results[r], y.results[r]);
  }
  for (const Port& left : a.inputs) {
    const auto right = std::find_if(b.inputs.begin(), b.inputs.end(),
                                    [&](const Port& port) { return port.name == left.name; });
    const auto* x = std::get_if<arg::Value>(&left.value.is);
    const auto* y = right == b.inputs.end() ? nullptr : std::get_if<arg::Value>(&right->value.is);
    if (x != nullptr && y != nullptr) names.values.emplace(x->id, y->id);
  }
  return names;
}

}  // namespace genie::plan::detail
