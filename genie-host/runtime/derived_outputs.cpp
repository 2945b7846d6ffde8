#include "runtime/derived_outputs.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <utility>

#include "genie/plan/json.hpp"
#include "genie/plan/opset.hpp"

namespace genie::runtime {
namespace {

plan::Diagnostic wrong(const config::AddedOutput& added, std::string message, std::string help) {
  plan::Diagnostic diagnostic;
  diagnostic.code = "GE0144";
  diagnostic.message = std::move(message);
  diagnostic.pointer = added.pointer;
  diagnostic.help = std::move(help);
  return diagnostic;
}

// A name beginning with `base` that is not taken.
std::string fresh(const std::string& base, const std::function<bool(const std::string&)>& taken) {
  std::string name = base;
  for (int n = 1; taken(name); ++n)
    name = base + "_" + std::to_string(n);
  return name;
}

bool has_node(const plan::Plan& plan, const std::string& id) {
  const auto in = [&id](const plan::Graph& graph) {
    return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                       [&id](const plan::Node& node) { return node.id == id; });
  };
  for (const auto& [name, method] : plan.methods) {
    if (in(method)) return true;
    for (const auto& [graph_name, graph] : method.graphs)
      if (in(graph)) return true;
  }
  return false;
}

const plan::Port* output(const plan::Method& method, const std::string& name) {
  const auto found = std::find_if(method.outputs.begin(), method.outputs.end(),
                                  [&name](const plan::Port& port) { return port.name == name; });
  return found == method.outputs.end() ? nullptr : &*found;
}

// Declares a result of the shape that remains.
std::string declare(plan::Method& method, const std::string& base, plan::DType dtype,
                    const plan::Shape& shape) {
  const std::string id =
      fresh(base, [&method](const std::string& name) { return method.values.contains(name); });
  plan::Value value;
  value.dtype = dtype;
  value.shape = shape;
  value.strides = plan::contiguous_strides(shape);
  value.residency = "external_output";
  method.values.emplace(id, std::move(value));
  return id;
}

plan::Status add_to(plan::Plan& plan, const std::string& method_name, plan::Method& method,
                    const config::AddedOutput& added) {
  const plan::Port& of = *output(method, added.of);
  const auto* source = std::get_if<plan::arg::Value>(&of.value.is);
  const auto declared = source ? method.values.find(source->id) : method.values.end();
  if (declared == method.values.end() || declared->second.scalar)
    return wrong(
        added,
        "output '" + added.of + "' of method '" + method_name + "' is no tensor that the method computes",
        "argmax and topk need a tensor");
  const plan::Value of_value = declared->second;
  const auto rank = static_cast<std::int64_t>(of_value.shape.size());
  const std::int64_t dim = added.dim < 0 ? added.dim + rank : added.dim;
  if (dim < 0 || dim >= rank)
    return wrong(added,
                 "output '" + added.of + "' has " + std::to_string(rank) +
                     " dimensions; there is no dimension " + std::to_string(added.dim),
                 "dim counts from 0, or back from -1");
  const bool topk = added.kind == config::AddedOutput::Kind::topk;
  const std::vector<std::string> names =
      topk ? std::vector<std::string>{added.output + ".values", added.output + ".indices"}
           : std::vector<std::string>{added.output};
  for (const std::string& name : names)
    if (output(method, name))
      return wrong(added, "method '" + method_name + "' has an output '" + name + "' already",
                   "choose another name");

  plan::Node node;
  const std::string base = topk ? "genie_topk" : "genie_argmax";
  node.id = fresh(base, [&plan](const std::string& name) { return has_node(plan, name); });
  node.op = topk ? "aten.topk.default" : "aten.argmax.default";
  node.semantics.phase = plan::Annotation{"sampling", "user", {}, {}};
  node.args.push_back({plan::arg::Value{source->id}});
  plan::Shape shape = of_value.shape;
  if (topk) {
    node.args.insert(node.args.end(), {{added.k}, {dim}, {true}, {true}});
    shape[static_cast<std::size_t>(dim)] = plan::Expr(added.k);
    node.results = {declare(method, node.id + "_values", of_value.dtype, shape),
                    declare(method, node.id + "_indices", plan::DType::i64, shape)};
  } else {
    node.args.insert(node.args.end(), {{dim}, {false}});
    shape.erase(shape.begin() + dim);
    node.results = {declare(method, node.id, plan::DType::i64, shape)};
  }
  for (std::size_t i = 0; i < names.size(); ++i)
    method.outputs.push_back({names[i], {plan::arg::Value{node.results[i]}}, {}});
  method.nodes.push_back(std::move(node));
  return plan::Unit{};
}

}  // namespace

plan::Status add_outputs(plan::Plan& plan, const std::vector<config::AddedOutput>& added) {
  plan::Diagnostics errors;
  for (const config::AddedOutput& one : added) {
    bool found = false;
    std::set<std::string> known;
    for (auto& [name, method] : plan.methods) {
      for (const plan::Port& port : method.outputs)
        known.insert(port.name);
      if (!output(method, one.of)) continue;
      found = true;
      if (auto result = add_to(plan, name, method, one); !result)
        errors.insert(errors.end(), result.errors().begin(), result.errors().end());
    }
    if (found) continue;
    const std::string_view near = plan::json::nearest(one.of, {known.begin(), known.end()});
    errors.push_back(wrong(one, "no method has an output '" + one.of + "'",
                           near.empty() ? "`genie-host plan show` lists the outputs"
                                        : "did you mean '" + std::string(near) + "'?"));
  }
  if (!errors.empty()) return errors;
  plan.opsets.emplace("aten", 1);
  plan::annotate_costs(plan);
  return plan::Unit{};
}

}  // namespace genie::runtime
