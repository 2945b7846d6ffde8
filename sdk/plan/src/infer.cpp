// The public face of the rules.
#include <algorithm>

#include "genie/plan/opset.hpp"
#include "op_call.hpp"

namespace genie::plan {

namespace detail {

Inference infer(const OpSchema& schema, const Node& node, const TypeScope& scope, const Facts& facts) {
  const ShapeRule rule = schema.shape_rule.empty() ? nullptr : find_shape_rule(schema.shape_rule);
  if (rule == nullptr) return {};
  Call call(schema, node, scope, facts);
  std::vector<Inferred> results = rule(call);
  if (!call.error().empty()) return {std::nullopt, call.error()};
  if (call.is_unsure()) return {};
  // A copy chooses its own strides; a view, and what is made to measure, does not.
  for (std::size_t i = 0; i < results.size(); ++i) {
    const OpReturn* declared =
        schema.returns.empty() ? nullptr : &schema.returns[std::min(i, schema.returns.size() - 1)];
    const bool copies = declared == nullptr || declared->alias.empty();
    if (copies && !schema.arguments.empty() && schema.arguments.front().type.starts_with("Tensor"))
      results[i].strides.clear();
  }
  return {std::move(results), {}};
}

}  // namespace detail

Result<std::optional<std::vector<Value>>> infer_types(const OpSchema& schema, const Node& node,
                                                      const TypeScope& scope) {
  const detail::Facts facts = scope.plan == nullptr ? detail::Facts() : detail::Facts(*scope.plan);
  detail::Inference inference = detail::infer(schema, node, scope, facts);
  if (!inference.error.empty()) {
    Diagnostic d;
    d.code = "GE0411";
    d.message = schema.name + ": " + inference.error;
    return d;
  }
  if (!inference.results) return std::optional<std::vector<Value>>();
  std::vector<Value> out;
  for (const detail::Inferred& from : *inference.results) {
    if (!from.dtype_known || !from.shape_known || std::ranges::any_of(from.shape, detail::mentions_unknown))
      return std::optional<std::vector<Value>>();
    Value& value = out.emplace_back();
    value.scalar = from.scalar;
    value.dtype = from.dtype;
    value.shape = from.shape;
    value.strides = from.strides;
  }
  return std::optional(std::move(out));
}

}  // namespace genie::plan
