#include "operators.hpp"

#include <ATen/core/enum_tag.h>

#include <algorithm>
#include <vector>

#include "genie/plan/json.hpp"

namespace genie::kernels_aten {

namespace {

/// "aten.add.Tensor" → {"aten::add", "Tensor"}; nothing if it is not of that form.
std::optional<c10::OperatorName> dispatcher_name(std::string_view name) {
  const std::size_t first = name.find('.');
  const std::size_t last = name.rfind('.');
  if (first == std::string_view::npos || first == last || first == 0) return std::nullopt;
  std::string base =
      std::string(name.substr(0, first)) + "::" + std::string(name.substr(first + 1, last - first - 1));
  const std::string_view overload = name.substr(last + 1);
  return c10::OperatorName(std::move(base), overload == "default" ? "" : std::string(overload));
}

bool writes(const c10::Argument& argument) {
  return argument.alias_info() != nullptr && argument.alias_info()->isWrite();
}

}  // namespace

std::optional<c10::OperatorHandle> find_operator(std::string_view name) {
  const auto wanted = dispatcher_name(name);
  return wanted ? c10::Dispatcher::singleton().findSchema(*wanted) : std::nullopt;
}

bool runs_on_cpu(const c10::OperatorHandle& op) {
  return op.hasComputedKernelForDispatchKey(c10::DispatchKey::CPU);
}

bool is_random(const c10::OperatorHandle& op) {
  return op.hasTag(at::Tag::nondeterministic_seeded);
}

bool is_functional(const c10::FunctionSchema& schema) {
  return std::none_of(schema.arguments().begin(), schema.arguments().end(), writes);
}

std::string alternatives(std::string_view name) {
  const auto wanted = dispatcher_name(name);
  if (!wanted) return "Operator names have the form domain.operator.overload";
  std::vector<std::string> overloads;
  std::vector<std::string> bases;
  for (const c10::OperatorName& known : c10::Dispatcher::singleton().getAllOpNames()) {
    if (known.name == wanted->name)
      overloads.push_back(known.overload_name.empty() ? "default" : known.overload_name);
    bases.push_back(known.name);
  }
  if (!overloads.empty()) {
    std::ranges::sort(overloads);
    std::string text = "This operator has the overloads";
    for (const std::string& overload : overloads)
      text += (overload == overloads.front() ? " " : ", ") + overload;
    return text;
  }
  std::ranges::sort(bases);
  bases.erase(std::unique(bases.begin(), bases.end()), bases.end());
  std::string near(plan::json::nearest(wanted->name, {bases.begin(), bases.end()}));
  if (const std::size_t colons = near.find("::"); colons != std::string::npos) near.replace(colons, 2, ".");
  return near.empty() ? "" : "Did you mean " + near + "?";
}

std::optional<c10::OperatorHandle> in_place_twin(const c10::OperatorHandle& op) {
  const c10::FunctionSchema& schema = op.schema();
  if (!is_functional(schema) || schema.returns().size() != 1 || schema.arguments().empty())
    return std::nullopt;
  // A view's twin changes the tensor's geometry, not its content.
  if (schema.returns()[0].alias_info() != nullptr) return std::nullopt;
  const auto twin = c10::Dispatcher::singleton().findSchema({schema.name() + "_", schema.overload_name()});
  if (!twin || twin->hasTag(at::Tag::inplace_view) || !runs_on_cpu(*twin)) return std::nullopt;
  const auto& mine = schema.arguments();
  const auto& its = twin->schema().arguments();
  if (mine.size() != its.size() || !writes(its[0])) return std::nullopt;
  for (std::size_t i = 0; i < mine.size(); ++i)
    if (mine[i].name() != its[i].name() || *mine[i].real_type() != *its[i].real_type() ||
        (i > 0 && writes(its[i])))
      return std::nullopt;
  return twin;
}

}  // namespace genie::kernels_aten
