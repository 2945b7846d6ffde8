// The ladder: each level runs when those below found no error.
#include "genie/plan/validate.hpp"

#include "genie/plan/json.hpp"
#include "validate_internal.hpp"

namespace genie::plan {

Validation validate(const Plan& plan, const ValidateContext& context) {
  Validation result;
  const auto passed = [&](Level level) {
    if (has_errors(result.diagnostics)) return false;
    result.reached = level;
    return true;
  };
  if (context.up_to < Level::v2) return result;
  detail::Indices indices;
  detail::check_structure(plan, indices, result.diagnostics);
  if (!passed(Level::v2) || context.up_to < Level::v3) return result;
  detail::check_types(plan, indices, result.diagnostics, result.unchecked);
  if (!passed(Level::v3) || context.up_to < Level::v4) return result;
  if (context.topology == nullptr || !plan.schedule) return result;
  detail::check_schedule(plan, *context.topology, result.diagnostics);
  if (!passed(Level::v4) || context.up_to < Level::v5) return result;
  detail::check_constraints(plan, *context.topology, context.hints, result.diagnostics);
  passed(Level::v5);
  return result;
}

namespace detail {

Diagnostic node_diagnostic(const Node& node, std::string_view code, std::string message, std::string pointer,
                           std::string help) {
  Diagnostic diagnostic{.code = std::string(code),
                        .message = std::move(message),
                        .pointer = std::move(pointer),
                        .node = node.id,
                        .scope = node.scope,
                        .help = std::move(help)};
  if (node.source) diagnostic.source = node.source->file + ":" + std::to_string(node.source->line);
  return diagnostic;
}

std::string node_pointer(std::string_view method, std::string_view graph, std::size_t number) {
  std::string pointer = "/methods" + json::pointer_token(method);
  if (!graph.empty()) pointer += "/graphs" + json::pointer_token(graph);
  return pointer + "/nodes/" + std::to_string(number);
}

}  // namespace detail

}  // namespace genie::plan
