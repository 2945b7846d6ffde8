#include "shape_rules.hpp"

#include <vector>

#include "genie/plan/name_table.hpp"

namespace genie::plan::detail {

namespace {

struct Rules {
  NameTable numbers;
  std::vector<ShapeRule> rules;
};

Rules all_rules() {
  Rules all;
  for (const auto family :
       {elementwise_rules(), reduction_rules(), view_rules(), reshape_rules(), indexing_rules(), join_rules(),
        matmul_rules(), window_rules(), norm_rules(), create_rules(), linalg_rules(), loss_rules(),
        contraction_rules(), counting_rules()})
    for (const NamedRule& rule : family)
      if (all.numbers.add(rule.name, static_cast<std::uint32_t>(all.rules.size())).second)
        all.rules.push_back(rule.rule);
  return all;
}

}  // namespace

ShapeRule find_shape_rule(std::string_view name) {
  static const Rules all = all_rules();
  const std::uint32_t number = all.numbers.find(name);
  return number == kNone ? nullptr : all.rules[number];
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
