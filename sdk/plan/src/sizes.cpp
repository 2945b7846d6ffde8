#include "sizes.hpp"

#include <algorithm>

#include "genie/plan/index.hpp"

namespace genie::plan::detail {

Bindings complete_sizes(const Plan& plan, const Bindings& sizes) {
  Bindings out = sizes;
  for (const auto& [id, symbol] : plan.symbols)
    out.try_emplace(id, symbol.max.value_or(1));
  return out;
}

std::uint64_t bytes_of(const Value* value, const Bindings& sizes) {
  return value == nullptr ? 0 : value_bytes(*value, sizes).value_or(0);
}

std::uint64_t amount_of(const Expr& expr, const Bindings& sizes) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, expr.evaluate(sizes).value_or(0)));
}

}  // namespace genie::plan::detail
