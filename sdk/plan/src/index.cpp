// A graph by dense numbers.
#include "genie/plan/index.hpp"

#include <algorithm>

namespace genie::plan {
namespace {

void sort_unique(std::vector<std::uint32_t>& numbers) {
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
}

/// Bytes from the first to the last element that sizes and strides reach; nothing when they do not fit in 64 bits.
std::optional<std::uint64_t> extent_bytes(std::span<const std::int64_t> shape,
                                          std::span<const std::int64_t> strides,
                                          std::uint64_t element_bytes) {
  std::uint64_t last = 0;  // elements between the first and the last
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) return 0;
    if (shape[i] < 0 || i >= strides.size() || strides[i] < 0) return std::nullopt;
    std::uint64_t reach = 0;
    if (__builtin_mul_overflow(static_cast<std::uint64_t>(shape[i] - 1),
                               static_cast<std::uint64_t>(strides[i]), &reach) ||
        __builtin_add_overflow(last, reach, &last))
      return std::nullopt;
  }
  std::uint64_t bytes = 0;
  if (__builtin_add_overflow(last, std::uint64_t{1}, &last) ||
      __builtin_mul_overflow(last, element_bytes, &bytes))
    return std::nullopt;
  return bytes;
}

}  // namespace

GraphIndex::GraphIndex(const Graph& graph) : graph_(&graph) {
  values_.reserve(graph.values.size() + graph.inputs.size());
  value_numbers_.reserve(graph.values.size() + graph.inputs.size());
  node_numbers_.reserve(graph.nodes.size());
  reads_.resize(graph.nodes.size());
  makes_.resize(graph.nodes.size());
  predecessors_.resize(graph.nodes.size());
  successors_.resize(graph.nodes.size());

  const auto number = [this](const std::string& id) {
    const auto [at, fresh] = value_numbers_.try_emplace(id, static_cast<std::uint32_t>(values_.size()));
    if (fresh) {
      values_.emplace_back();
      values_.back().id = &id;
      values_.back().storage = at->second;
    }
    return at->second;
  };
  for (const auto& [id, value] : graph.values)
    values_[number(id)].value = &value;
  for (std::uint32_t i = 0; i < graph.inputs.size(); ++i)
    if (const auto* value = std::get_if<arg::Value>(&graph.inputs[i].value.is))
      values_[number(value->id)].input = i;

  // Results first, so that a reference to a later node's result is found, too.
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    node_numbers_.try_emplace(node.id, n);
    for (const std::string& result : node.results) {
      makes_[n].push_back(result.empty() ? kNone : number(result));
      if (!result.empty() && values_[makes_[n].back()].producer == kNone)
        values_[makes_[n].back()].producer = n;
    }
  }
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    for_each_arg(graph.nodes[n], [&](const Arg& argument) {
      if (const auto* read = std::get_if<arg::Value>(&argument.is)) {
        const std::uint32_t v = value(read->id);
        if (v != kNone) reads_[n].push_back(v);
      }
    });
    sort_unique(reads_[n]);
    for (const std::uint32_t v : reads_[n]) {
      values_[v].consumers.push_back(n);
      if (values_[v].producer != kNone && values_[v].producer != n)
        predecessors_[n].push_back(values_[v].producer);
    }
    for (const std::string& id : graph.nodes[n].after)
      if (const std::uint32_t before = node(id); before != kNone && before != n)
        predecessors_[n].push_back(before);
    sort_unique(predecessors_[n]);
    for (const std::uint32_t before : predecessors_[n])
      successors_[before].push_back(n);
  }

  const auto known = [&](const std::string& id) -> ValueInfo* {
    const std::uint32_t v = value(id);
    return v == kNone ? nullptr : &values_[v];
  };
  for (const Port& port : graph.outputs)
    if (const auto* output = std::get_if<arg::Value>(&port.value.is))
      if (ValueInfo* info = known(output->id)) info->is_output = true;
  for (const StateWrite& write : graph.writes)
    if (ValueInfo* info = known(write.value)) info->is_write = true;

  // Alias chains lead to their root; a broken plan's cycle ends after as many steps as there are values.
  for (ValueInfo& info : values_) {
    const Value* at = info.value;
    for (std::size_t steps = 0; at != nullptr && !at->alias_of.empty() && steps < values_.size(); ++steps) {
      const std::uint32_t target = value(at->alias_of);
      if (target == kNone) break;
      info.storage = target;
      at = values_[target].value;
    }
  }
}

std::uint32_t GraphIndex::value(std::string_view id) const {
  const auto found = value_numbers_.find(id);
  return found == value_numbers_.end() ? kNone : found->second;
}

std::uint32_t GraphIndex::node(std::string_view id) const {
  const auto found = node_numbers_.find(id);
  return found == node_numbers_.end() ? kNone : found->second;
}

std::optional<std::uint64_t> value_bytes(const Value& value, const Bindings& sizes) {
  const auto shape = evaluate(value.shape, sizes);
  const auto strides = evaluate(value.strides, sizes);
  if (!shape || !strides) return std::nullopt;
  return extent_bytes(*shape, *strides, size_bytes(value.dtype));
}

std::uint64_t weight_bytes(const Weight& weight) {
  return extent_bytes(weight.shape, weight.strides, size_bytes(weight.dtype)).value_or(0);
}

std::uint64_t state_bytes(const State& state) {
  return extent_bytes(state.shape, state.strides, size_bytes(state.dtype)).value_or(0);
}

}  // namespace genie::plan
