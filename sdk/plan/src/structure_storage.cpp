// What lies outside the graphs: weights in their blobs, states, locations, symbols, guards, constraints.
#include <algorithm>
#include <limits>

#include "structure.hpp"

namespace genie::plan::detail {
namespace {

/// Bytes that sizes and strides reach, from the first element to the end of the last; nothing when they do not fit.
std::optional<std::uint64_t> reach_bytes(const std::vector<std::int64_t>& shape,
                                         const std::vector<std::int64_t>& strides, DType dtype) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  std::uint64_t elements = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    std::uint64_t reach = 0;
    if (__builtin_mul_overflow(static_cast<std::uint64_t>(shape[i] - 1),
                               static_cast<std::uint64_t>(strides[i]), &reach) ||
        __builtin_add_overflow(elements, reach, &elements))
      return std::nullopt;
  }
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(elements, std::uint64_t{size_bytes(dtype)}, &bytes)) return std::nullopt;
  return bytes;
}

bool strides_match(const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& strides,
                   const std::string& at, Findings& findings) {
  if (shape.size() == strides.size()) return true;
  findings.add(at + "/strides", "GE0346",
               "the shape has " + std::to_string(shape.size()) + " dimensions and there are " +
                   std::to_string(strides.size()) + " strides",
               "give one stride per dimension, or none for a contiguous tensor whose size fits in 64 bits");
  return false;
}

/// `offset` and the tensor's reach lie within `size` bytes of what `storage` names.
void check_within(std::uint64_t offset, const std::vector<std::int64_t>& shape,
                  const std::vector<std::int64_t>& strides, DType dtype, std::uint64_t size,
                  const std::string& storage, const std::string& at, Findings& findings) {
  const auto reach = reach_bytes(shape, strides, dtype);
  std::uint64_t end = 0;
  if (!reach || __builtin_add_overflow(offset, *reach, &end)) {
    findings.add(at, "GE0346", "the tensor's size does not fit in 64 bits", "check shape and strides");
  } else if (end > size) {
    findings.add(at, "GE0346",
                 "the tensor reaches to byte " + std::to_string(end) + " of " + storage + ", which has " +
                     std::to_string(size),
                 "check shape, strides, dtype and offset_bytes");
  }
}

void check_weights(const Plan& plan, Findings& findings) {
  for (const auto& [name, weight] : plan.weights) {
    const std::string at = "/weights" + json::pointer_token(name);
    const auto blob = plan.blobs.find(weight.blob);
    if (blob == plan.blobs.end())
      findings.add(at + "/blob", "GE0343",
                   "the weight's blob " + weight.blob + " is not among the plan's blobs");
    if (strides_match(weight.shape, weight.strides, at, findings) && blob != plan.blobs.end())
      check_within(weight.offset_bytes, weight.shape, weight.strides, weight.dtype, blob->second.size_bytes,
                   "its blob", at, findings);
  }
  for (const auto& [digest, location] : plan.locations)
    if (!plan.blobs.contains(digest))
      findings.add("/locations" + json::pointer_token(digest), "GE0343",
                   "a location is given for " + digest + ", which is no blob of the plan");
}

void check_states(const Plan& plan, Findings& findings) {
  for (const auto& [name, state] : plan.states) {
    const std::string at = "/states" + json::pointer_token(name);
    const bool strides = strides_match(state.shape, state.strides, at, findings);
    if (strides && !reach_bytes(state.shape, state.strides, state.dtype))
      findings.add(at, "GE0346", "the state's size does not fit in 64 bits", "check shape and strides");
    if (!state.init.weight.empty()) {
      const auto weight = plan.weights.find(state.init.weight);
      if (weight == plan.weights.end())
        findings.add(at + "/init", "GE0343", "there is no weight " + quoted(state.init.weight),
                     did_you_mean(state.init.weight, plan.weights));
      else if (weight->second.dtype != state.dtype || weight->second.shape != state.shape)
        findings.add(
            at + "/init", "GE0346",
            "the state starts as weight " + quoted(state.init.weight) + ", which has another dtype or shape");
    }
    if (state.alias_of.empty()) {
      if (state.offset_bytes != 0)
        findings.add(at + "/offset_bytes", "GE0346", "a state that owns its storage starts at its beginning",
                     "name the state whose storage this one views in alias_of, or remove the offset");
      continue;
    }
    const auto owner = plan.states.find(state.alias_of);
    if (owner == plan.states.end()) {
      findings.add(at + "/alias_of", "GE0343", "there is no state " + quoted(state.alias_of),
                   did_you_mean(state.alias_of, plan.states));
    } else if (!owner->second.alias_of.empty()) {
      findings.add(at + "/alias_of", "GE0349",
                   "the state " + quoted(state.alias_of) + " views another state's storage itself",
                   "name the state that owns the storage");
    } else if (strides && owner->second.strides.size() == owner->second.shape.size()) {
      const auto size = reach_bytes(owner->second.shape, owner->second.strides, owner->second.dtype);
      if (size)
        check_within(state.offset_bytes, state.shape, state.strides, state.dtype, *size,
                     "state " + quoted(state.alias_of), at, findings);
      if (owner->second.scope != state.scope)
        findings.add(at + "/scope", "GE0346",
                     "the state lives as long as its " + state.scope +
                         " and views one that lives as long as its " + owner->second.scope);
    }
  }
}

}  // namespace

void check_storage(const Plan& plan, Findings& findings) {
  check_weights(plan, findings);
  check_states(plan, findings);
}

void check_symbols_declared(const Plan& plan, const Expr& expr, std::string pointer, Findings& findings) {
  std::set<std::string, std::less<>> symbols;
  expr.collect_symbols(symbols);
  for (const std::string& symbol : symbols)
    if (!plan.symbols.contains(symbol))
      findings.add(pointer, "GE0343", "the symbol " + quoted(symbol) + " is not declared",
                   did_you_mean(symbol, plan.symbols));
}

void check_symbols(const Plan& plan, const PlanNames& names, Findings& findings) {
  for (const auto& [id, symbol] : plan.symbols) {
    const std::string at = "/symbols" + json::pointer_token(id);
    if (symbol.min && symbol.max && *symbol.min > *symbol.max)
      findings.add(at, "GE0351",
                   "the symbol " + quoted(id) + " is at least " + std::to_string(*symbol.min) +
                       " and at most " + std::to_string(*symbol.max));
    if (!symbol.from) continue;
    const SymbolFrom& from = *symbol.from;
    if (!from.node.empty()) {
      if (!names.has_node(from.node))
        findings.add(at + "/from/node", "GE0343", "there is no node " + quoted(from.node));
      continue;
    }
    bool found = false;
    bool fits = true;
    std::set<std::string, std::less<>> inputs;
    for (const auto& [method_name, method] : plan.methods) {
      for (const Port& port : method.inputs) {
        inputs.insert(port.name);
        if (port.name != from.input) continue;
        found = true;
        const auto* ref = std::get_if<arg::Value>(&port.value.is);
        const auto value = ref == nullptr ? method.values.end() : method.values.find(ref->id);
        if (value == method.values.end() || value->second.scalar) continue;
        fits = fits && from.dim < static_cast<std::int64_t>(value->second.shape.size());
      }
    }
    if (!found)
      findings.add(at + "/from/input", "GE0343", "no method has an input " + quoted(from.input),
                   did_you_mean(from.input, inputs));
    else if (!fits)
      findings.add(at + "/from/dim", "GE0343",
                   "the input " + quoted(from.input) + " has no dimension " + std::to_string(from.dim));
  }
  for (std::size_t i = 0; i < plan.guards.size(); ++i) {
    const std::string at = "/guards/" + std::to_string(i);
    check_declared(
        plan, plan.guards[i].a, [&] { return at + "/1"; }, findings);
    check_declared(
        plan, plan.guards[i].b, [&] { return at + "/2"; }, findings);
  }
}

void check_constraints_listed(const Plan& plan, Findings& findings) {
  std::set<std::string_view> ids;
  for (std::size_t i = 0; i < plan.constraints.size(); ++i) {
    const std::string& id = plan.constraints[i].id;
    const std::string at = "/constraints/" + std::to_string(i);
    if (id.empty())
      findings.add(at, "GE0342", "the constraint has no id",
                   "give it one: decisions name the constraints that they honour");
    else if (!ids.insert(id).second)
      findings.add(at + "/id", "GE0342", "two constraints have the id " + quoted(id));
  }
}

}  // namespace genie::plan::detail
