#include "op_lookup.hpp"

#include <algorithm>

#include "genie/plan/index.hpp"

namespace genie::plan::detail {

const OpSchema* OpLookup::find(std::string_view op) const {
  const std::string_view domain = op.substr(0, op.find('.'));
  const auto version = plan_->opsets.find(domain);
  if (version == plan_->opsets.end()) return nullptr;
  const OpTable* table = OpTable::find(domain, version->second);
  return table == nullptr ? nullptr : table->op(op);
}

namespace {

template <class T>
auto in(const Table<T>& table) {
  return [&table](std::string_view id) {
    const auto at = table.find(id);
    return at == table.end() ? nullptr : &at->second;
  };
}

}  // namespace

TypeScope scope_of(const Plan& plan, const Graph& graph) {
  return {in(graph.values), in(plan.weights), in(plan.states), &plan};
}

TypeScope scope_of(const Plan& plan, const GraphIndex& index) {
  const auto value = [&index](std::string_view id) {
    const std::uint32_t v = index.value(id);
    return v == kNone ? nullptr : index.values()[v].value;
  };
  return {value, in(plan.weights), in(plan.states), &plan};
}

Cost node_cost(const Plan& plan, const Method& method, const Graph& graph, const Node& node,
               const OpLookup& ops) {
  Cost total = infer_cost(ops.find(node.op), node, scope_of(plan, graph));
  // One branch of a condition runs: the larger one counts, part by part.
  const bool one_of = node.op.find("cond") != std::string::npos;
  Expr flops(0), read(0), written(0);
  const auto join = [one_of](Expr& into, const Expr& with) {
    into = one_of ? Expr::make(Expr::Op::max, into, with) : into + with;
  };
  for_each_arg(node, [&](const Arg& a) {
    const auto* name = std::get_if<arg::Graph>(&a.is);
    const auto inner = name == nullptr ? method.graphs.end() : method.graphs.find(name->name);
    if (inner == method.graphs.end() || &inner->second == &graph) return;
    Expr branch_flops(0), branch_read(0), branch_written(0);
    for (const Node& child : inner->second.nodes) {
      const Cost cost = child.cost ? *child.cost : node_cost(plan, method, inner->second, child, ops);
      branch_flops = branch_flops + cost.flops;
      branch_read = branch_read + cost.read_bytes;
      branch_written = branch_written + cost.written_bytes;
    }
    join(flops, branch_flops);
    join(read, branch_read);
    join(written, branch_written);
  });
  total.flops = total.flops + flops;
  total.read_bytes = total.read_bytes + read;
  total.written_bytes = total.written_bytes + written;
  return total;
}

}  // namespace genie::plan::detail
