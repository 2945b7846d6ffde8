#include "shape_rules.hpp"

#include <map>

namespace genie::plan::detail {

namespace {

std::map<std::string_view, ShapeRule> all_rules() {
  std::map<std::string_view, ShapeRule> rules;
  for (const auto family :
       {elementwise_rules(), reduction_rules(), view_rules(), reshape_rules(), indexing_rules(), join_rules(),
        matmul_rules(), window_rules(), norm_rules(), create_rules(), linalg_rules(), loss_rules(),
        contraction_rules(), counting_rules()})
    for (const NamedRule& rule : family)
      rules.emplace(rule.name, rule.rule);
  return rules;
}

}  // namespace

ShapeRule find_shape_rule(std::string_view name) {
  static const std::map<std::string_view, ShapeRule> rules = all_rules();
  const auto at = rules.find(name);
  return at == rules.end() ? nullptr : at->second;
}

Inferred number_result(ScalarKind kind) {
  Inferred out;
  out.scalar = kind;
  out.dtype = kind == ScalarKind::integer    ? DType::i64
              : kind == ScalarKind::floating ? DType::f64
                                             : DType::boolean;
  return out;
}

}  // namespace genie::plan::detail
