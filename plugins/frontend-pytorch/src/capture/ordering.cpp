#include "capture/ordering.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "genie/plan/index.hpp"

namespace genie::pytorch {
namespace {

constexpr std::uint32_t kNobody = 0xffffffffu;

class Orderer {
 public:
  Orderer(plan::Graph& graph, std::size_t roots)
      : graph_(graph), predecessors_(graph.nodes.size()), uses_(roots) {
    std::unordered_map<std::string_view, std::uint32_t> producers;
    for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
      plan::for_each_arg(graph.nodes[n], [&](const plan::Arg& arg) {
        if (const auto* value = std::get_if<plan::arg::Value>(&arg.is))
          if (const auto at = producers.find(value->id); at != producers.end())
            predecessors_[n].push_back(at->second);
      });
      for (const std::string& result : graph.nodes[n].results)
        if (!result.empty()) producers.emplace(result, n);
    }
  }

  void access(std::uint32_t node, const NodeAccess& access, const std::vector<bool>& mutated) {
    const auto writes = [&](std::uint32_t root) {
      return std::binary_search(access.writes.begin(), access.writes.end(), root);
    };
    for (const std::uint32_t root : access.reads) {
      if (!mutated[root] || writes(root)) continue;
      require(uses_[root].writer, node);
      uses_[root].readers.push_back(node);
    }
    for (const std::uint32_t root : access.writes) {
      // After the readers, latest first: an earlier one often follows from it.
      for (auto reader = uses_[root].readers.rbegin(); reader != uses_[root].readers.rend(); ++reader)
        require(*reader, node);
      require(uses_[root].writer, node);
      uses_[root] = {node, {}};
    }
  }

 private:
  struct Uses {
    std::uint32_t writer = kNobody;
    std::vector<std::uint32_t> readers;  ///< since the last write
  };

  void require(std::uint32_t before, std::uint32_t node) {
    if (before == kNobody || before == node || reaches(before, node)) return;
    predecessors_[node].push_back(before);
    graph_.nodes[node].after.push_back(graph_.nodes[before].id);
  }

  /// Whether `node` depends on `before`. Nodes stand in an order that runs, so only those in between can be on the way.
  bool reaches(std::uint32_t before, std::uint32_t node) {
    stack_.assign(1, node);
    seen_.assign(node - before + 1, false);
    while (!stack_.empty()) {
      const std::uint32_t at = stack_.back();
      stack_.pop_back();
      for (const std::uint32_t next : predecessors_[at]) {
        if (next == before) return true;
        if (next < before || seen_[next - before]) continue;
        seen_[next - before] = true;
        stack_.push_back(next);
      }
    }
    return false;
  }

  plan::Graph& graph_;
  std::vector<std::vector<std::uint32_t>> predecessors_;
  std::vector<Uses> uses_;
  std::vector<std::uint32_t> stack_;
  std::vector<bool> seen_;
};

}  // namespace

void add_orderings(plan::Graph& graph, const std::vector<NodeAccess>& access,
                   const std::vector<bool>& mutated) {
  if (std::none_of(mutated.begin(), mutated.end(), [](bool m) { return m; })) return;
  Orderer orderer(graph, mutated.size());
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n)
    orderer.access(n, access[n], mutated);
}

}  // namespace genie::pytorch
