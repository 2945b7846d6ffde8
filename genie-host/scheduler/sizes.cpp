#include "scheduler/sizes.hpp"

#include <algorithm>

#include "genie/plan/validate.hpp"
#include "runtime/step_check.hpp"

namespace genie::scheduler {
namespace {

void take_largest(plan::Bindings& into, const plan::Bindings& from) {
  for (const auto& [symbol, size] : from) {
    const auto [at, fresh] = into.emplace(symbol, size);
    if (!fresh) at->second = std::max(at->second, size);
  }
}

// What inputs that are given bind when others are unknown: dimensions that are a symbol alone.
plan::Bindings bind_what_is_plain(const plan::Method& method, const std::vector<plan::InputShape>& given) {
  plan::Bindings bound;
  for (const plan::InputShape& input : given)
    for (const plan::Port& port : method.inputs) {
      const auto* id = port.name == input.name ? std::get_if<plan::arg::Value>(&port.value.is) : nullptr;
      const auto value = id ? method.values.find(id->id) : method.values.end();
      if (value == method.values.end() || value->second.shape.size() != input.shape.size()) continue;
      for (std::size_t d = 0; d < input.shape.size(); ++d)
        if (value->second.shape[d].is_symbol())
          bound.emplace(value->second.shape[d].as_symbol(), input.shape[d]);
    }
  return bound;
}

}  // namespace

runtime::Result<plan::Bindings> assumed_sizes(const plan::Plan& plan,
                                              std::span<const runtime::MethodSizes> sizes) {
  plan::Bindings assumed;
  for (const runtime::MethodSizes& one : sizes) {
    const auto method = plan.methods.find(one.method);
    if (method == plan.methods.end()) {
      std::string names;
      for (const auto& [name, unused] : plan.methods)
        names += (names.empty() ? "" : ", ") + name;
      return runtime::failure(runtime::Category::config, GENIE_INVALID_ARGUMENT, "GE0651",
                              "the plan has no method '" + one.method + "'", "its methods are: " + names);
    }
    const auto complete = runtime::complete_shapes(method->second, one.inputs);
    if (!complete) {
      take_largest(assumed, bind_what_is_plain(method->second, one.inputs));
      continue;
    }
    auto bound = plan::bind_symbols(plan, method->second, *complete);
    if (!bound) return runtime::failure(runtime::Category::config, std::move(bound).errors());
    take_largest(assumed, *bound);
  }
  for (const auto& [id, symbol] : plan.symbols)
    if (symbol.max) assumed.emplace(id, *symbol.max);
  return assumed;
}

}  // namespace genie::scheduler
