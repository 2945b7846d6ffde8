// Work of one node: flops as torch.utils.flop_counter counts them (a multiply-add is two; elementwise work is none), bytes
// as each tensor read or written once.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>

#include "cost_contract.hpp"
#include "genie/plan/index.hpp"
#include "op_call.hpp"
#include "op_lookup.hpp"

namespace genie::plan {

namespace {

using detail::Call;
using detail::Facts;
using detail::Operand;

Expr operator*(const Expr& a, std::int64_t b) {
  return Expr::make(Expr::Op::mul, a, Expr(b));
}

Expr bytes_of(const Operand& operand) {
  return operand.wrapped ? Expr(0) : element_count(operand.shape) * std::int64_t{size_bytes(operand.dtype)};
}

Expr bytes_of(const Value* value) {
  return value == nullptr ? Expr(0) : element_count(value->shape) * std::int64_t{size_bytes(value->dtype)};
}

Expr product(const Shape& shape, std::size_t from, std::size_t to) {
  Expr out(1);
  for (std::size_t i = from; i < std::min(to, shape.size()); ++i)
    out = out * shape[i];
  return out;
}

/// The node's declared results, nulls where unused.
std::vector<const Value*> results_of(const Node& node, const TypeScope& scope) {
  std::vector<const Value*> out;
  for (const std::string& id : node.results)
    out.push_back(id.empty() ? nullptr : scope.value(id));
  return out;
}

/// 2 m k n of a product of matrices: the last dimensions of the left, times the right's columns, over the result's batch.
Expr matmul_flops(Call& call, const char* left, const char* right, const Value* result) {
  const Operand a = call.tensor(left);
  const Operand b = call.tensor(right);
  if (!call.ok() || a.shape.empty() || b.shape.empty()) return 0;
  const Expr inner = a.shape.back();
  if (result != nullptr) return element_count(result->shape) * inner * 2;
  const Expr rows = product(a.shape, 0, a.shape.size() - 1);
  const Expr columns = b.shape.size() < 2 ? Expr(1) : b.shape.back();
  return rows * inner * columns * 2;
}

Expr linear_flops(Call& call) {
  const Operand input = call.tensor("input");
  const Operand weight = call.tensor("weight");
  if (!call.ok() || input.shape.empty()) return 0;
  const Expr outputs = weight.shape.size() < 2 ? Expr(1) : weight.shape.front();
  return element_count(input.shape) * outputs * 2;
}

/// Output positions (input positions when transposed) × filter × channels.
Expr convolution_flops(Call& call, bool transposed, const Value* result) {
  const Operand input = call.tensor("input");
  const Operand weight = call.tensor("weight");
  if (!call.ok() || weight.shape.size() < 3 || (result == nullptr && !transposed)) return 0;
  const std::size_t spatial = weight.shape.size() - 2;
  const Shape& over = transposed ? input.shape : result->shape;
  if (over.size() < spatial + 1) return 0;
  const Expr batch = over.size() > spatial + 1 ? over.front() : Expr(1);
  return batch * product(over, over.size() - spatial, over.size()) * element_count(weight.shape) * 2;
}

Expr attention_flops(Call& call) {
  const Operand q = call.tensor("query");
  const Operand k = call.tensor("key");
  const Operand v = call.tensor("value");
  if (!call.ok() || q.shape.size() < 2 || k.shape.size() < 2 || v.shape.size() < 2) return 0;
  const Expr batch = product(q.shape, 0, q.shape.size() - 2);
  const Expr queries = q.shape[q.shape.size() - 2];
  const Expr keys = k.shape[k.shape.size() - 2];
  return batch * queries * keys * (q.shape.back() + v.shape.back()) * 2;
}

/// A recurrent cell: one product with the input, one with the hidden state.
Expr cell_flops(Call& call) {
  const Operand input = call.tensor("input"), w_ih = call.tensor("w_ih"), w_hh = call.tensor("w_hh");
  if (!call.ok() || input.shape.empty() || w_ih.shape.empty() || w_hh.shape.size() != 2) return 0;
  const Expr rows = product(input.shape, 0, input.shape.size() - 1);
  return rows * w_ih.shape.front() * (input.shape.back() + w_hh.shape.back()) * 2;
}

/// Whole recurrent layers: at each step every matrix of the parameters is used once.
Expr recurrent_flops(Call& call) {
  const Operand input = call.tensor(call.arg("data") != nullptr ? "data" : "input");
  Expr weights(0);
  for (const std::optional<Operand>& parameter : call.tensors("params"))
    if (parameter && parameter->shape.size() == 2) weights = weights + element_count(parameter->shape);
  if (!call.ok() || input.shape.empty()) return 0;
  return product(input.shape, 0, input.shape.size() - 1) * weights * 2;
}

/// Every pair of variables over every observation.
Expr covariance_flops(Call& call) {
  const Operand self = call.tensor(call.arg("self") != nullptr ? "self" : "input");
  if (!call.ok() || self.shape.empty()) return 0;
  return element_count(self.shape) * (self.shape.size() < 2 ? Expr(1) : self.shape.front()) * 2;
}

/// Powers by squaring: a product for each bit after the first and for each further bit that is set.
Expr matrix_power_flops(Call& call) {
  const Operand matrix = call.tensor("self");
  const std::int64_t n = call.constant("n");
  // Negated without a sign: the least integer has no positive counterpart.
  const std::uint64_t exponent = n < 0 ? 0 - static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n);
  if (!call.ok() || matrix.shape.empty() || exponent < 2) return 0;
  const std::int64_t products =
      static_cast<std::int64_t>(std::bit_width(exponent)) + std::popcount(exponent) - 2;
  return element_count(matrix.shape) * matrix.shape.back() * (2 * products);
}

Expr flops_of(const std::string& rule, Call& call, const Value* result) {
  if (rule == "matmul") {
    const bool named_mat = call.arg("mat2") != nullptr;
    return matmul_flops(call, "self",
                        named_mat                       ? "mat2"
                        : call.arg("vec") != nullptr    ? "vec"
                        : call.arg("tensor") != nullptr ? "tensor"
                                                        : "other",
                        result);
  }
  if (rule == "addmm") return matmul_flops(call, "mat1", "mat2", result);
  if (rule == "baddbmm") return matmul_flops(call, "batch1", "batch2", nullptr);
  if (rule == "addmv") return matmul_flops(call, "mat", "vec", result);
  if (rule == "linear") return linear_flops(call);
  if (rule == "convolution")
    return convolution_flops(call, call.arg("transposed") != nullptr && call.flag("transposed"), result);
  if (rule == "conv_transpose") return convolution_flops(call, true, result);
  if (rule == "attention") return attention_flops(call);
  if (rule == "cell") return cell_flops(call);
  if (rule == "recurrent") return recurrent_flops(call);
  if (rule == "covariance") return covariance_flops(call);
  if (rule == "einsum") return detail::einsum_flops(call);
  if (rule == "chain") return detail::chain_flops(call);
  if (rule == "tensordot") return detail::tensordot_flops(call);
  if (rule == "convolution_backward") return detail::convolution_backward_flops(call);
  if (rule == "matrix_power") return matrix_power_flops(call);
  return 0;
}

}  // namespace

Cost infer_cost(const OpSchema* schema, const Node& node, const TypeScope& scope) {
  Cost cost;
  cost.by = "model";
  const std::vector<const Value*> results = results_of(node, scope);
  const std::string rule = schema == nullptr ? std::string() : schema->cost_rule;
  if (rule == "none" || rule == "view") return cost;
  // An operator that may return a view did so when its result says whose storage it shares.
  if (rule == "maybe_view" && !results.empty() && results.front() != nullptr &&
      !results.front()->alias_of.empty())
    return cost;

  for (const Value* result : results)
    cost.written_bytes = cost.written_bytes + bytes_of(result);
  static const OpSchema kNoSchema;
  static const Facts kNoFacts;
  Call call(schema == nullptr ? kNoSchema : *schema, node, scope, kNoFacts);
  std::vector<Arg> counted;
  std::vector<Operand> operands;
  for_each_arg(node, [&](const Arg& a) {
    if (std::ranges::find(counted, a) != counted.end()) return;
    counted.push_back(a);
    if (std::optional<Operand> operand = call.operand(a); operand && !operand->wrapped)
      operands.push_back(std::move(*operand));
  });
  for (const Operand& operand : operands)
    cost.read_bytes = cost.read_bytes + bytes_of(operand);

  if (rule == "rows" && !operands.empty()) {
    // Reads the rows it wants, not the table (its first operand).
    cost.read_bytes = cost.read_bytes - bytes_of(operands.front()) + cost.written_bytes;
  } else if (rule == "write_rows" && operands.size() > 1) {
    // In place: writes what it is given (its last operand) into the first.
    cost.read_bytes = cost.read_bytes - bytes_of(operands.front());
    cost.written_bytes = bytes_of(operands.back());
  } else if (rule == "fill") {
    cost.read_bytes = 0;
  } else if (schema != nullptr) {
    cost.flops = flops_of(rule, call, results.empty() ? nullptr : results.front());
  }
  return cost;
}

void annotate_costs(Plan& plan) {
  const detail::OpLookup ops(plan);
  for (auto& [name, method] : plan.methods) {
    for (auto& [graph_name, graph] : method.graphs)
      for (Node& node : graph.nodes)
        if (!node.cost) node.cost = detail::node_cost(plan, method, graph, node, ops);
    for (Node& node : method.nodes)
      if (!node.cost) node.cost = detail::node_cost(plan, method, method, node, ops);
  }
}

}  // namespace genie::plan
