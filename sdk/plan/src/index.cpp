// A graph by dense numbers.
#include "genie/plan/index.hpp"

#include <algorithm>

namespace genie::plan {
namespace {

constexpr std::uint32_t kAhead = 8;  ///< nodes, far enough that memory answers in time

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

void GraphIndex::Lists::close_as_set() {
  const auto first = numbers.begin() + static_cast<std::ptrdiff_t>(begin(ends.size()));
  std::sort(first, numbers.end());
  numbers.erase(std::unique(first, numbers.end()), numbers.end());
  close();
}

GraphIndex::Lists GraphIndex::Lists::inverse(std::size_t count) const {
  Lists result;
  result.ends.assign(count, 0);
  for (const std::uint32_t number : numbers)
    ++result.ends[number];
  std::size_t end = 0;
  for (std::size_t& length : result.ends)
    length = end += length;
  // Filled from behind: ends move to their beginnings.
  result.numbers.resize(numbers.size());
  std::vector<std::size_t> next = result.ends;
  for (std::size_t i = ends.size(); i-- > 0;)
    for (const std::uint32_t number : of(i))
      result.numbers[--next[number]] = static_cast<std::uint32_t>(i);
  return result;
}

GraphIndex::GraphIndex(const Graph& graph) : graph_(&graph) {
  index_values();
  index_arguments();
  index_storage();
}

void GraphIndex::index_values() {
  const Graph& graph = *graph_;
  values_.reserve(graph.values.size() + graph.inputs.size());
  value_numbers_.reserve(graph.values.size() + graph.inputs.size());
  node_numbers_.reserve(graph.nodes.size());
  const auto number = [this](const std::string& id) {
    const auto [at, fresh] = value_numbers_.add(id, static_cast<std::uint32_t>(values_.size()));
    if (fresh) {
      values_.emplace_back();
      values_.back().id = &id;
      values_.back().storage = at;
    }
    return at;
  };
  auto soon = graph.values.begin();
  for (std::uint32_t i = 0; i < kAhead && soon != graph.values.end(); ++i)
    ++soon;
  for (const auto& [id, value] : graph.values) {
    if (soon != graph.values.end()) value_numbers_.prefetch(soon++->first);
    values_[number(id)].value = &value;
  }
  for (std::uint32_t i = 0; i < graph.inputs.size(); ++i)
    if (const auto* value = std::get_if<arg::Value>(&graph.inputs[i].value.is))
      values_[number(value->id)].input = i;
  makes_.ends.reserve(graph.nodes.size());
  makes_.numbers.reserve(graph.nodes.size());
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    if (n + kAhead < graph.nodes.size()) {
      const Node& later = graph.nodes[n + kAhead];
      node_numbers_.prefetch(later.id);
      for (const std::string& result : later.results)
        value_numbers_.prefetch(result);
    }
    if (!node_numbers_.add(graph.nodes[n].id, n).second) repeated_nodes_.push_back(n);
    for (const std::string& result : graph.nodes[n].results) {
      const std::uint32_t v = result.empty() ? kNone : number(result);
      makes_.numbers.push_back(v);
      if (v != kNone && values_[v].producer == kNone) values_[v].producer = n;
    }
    makes_.close();
  }
}

/// After all values are known, so that a reference to a later node's result is found, too.
void GraphIndex::index_arguments() {
  const std::vector<Node>& nodes = graph_->nodes;
  for (Lists* lists : {&arguments_, &reads_, &predecessors_}) {
    lists->ends.reserve(nodes.size());
    lists->numbers.reserve(nodes.size() * 2);
  }
  for (std::uint32_t n = 0; n < nodes.size(); ++n) {
    if (n + kAhead < nodes.size())
      for_each_arg(nodes[n + kAhead], [&](const Arg& argument) {
        if (const auto* read = std::get_if<arg::Value>(&argument.is)) value_numbers_.prefetch(read->id);
      });
    for_each_arg(nodes[n], [&](const Arg& argument) {
      if (const auto* read = std::get_if<arg::Value>(&argument.is))
        arguments_.numbers.push_back(value(read->id));
    });
    arguments_.close();
    for (const std::uint32_t v : arguments_.of(n)) {
      if (v == kNone) continue;
      reads_.numbers.push_back(v);
      if (values_[v].producer != kNone && values_[v].producer != n)
        predecessors_.numbers.push_back(values_[v].producer);
    }
    reads_.close_as_set();
    for (const std::string& id : nodes[n].after)
      if (const std::uint32_t before = node(id); before != kNone && before != n)
        predecessors_.numbers.push_back(before);
    predecessors_.close_as_set();
  }
  successors_ = predecessors_.inverse(nodes.size());
  consumers_ = reads_.inverse(values_.size());
  for (std::size_t v = 0; v < values_.size(); ++v)
    values_[v].consumers = consumers_.of(v);
}

void GraphIndex::index_storage() {
  const auto known = [&](const std::string& id) -> ValueInfo* {
    const std::uint32_t v = value(id);
    return v == kNone ? nullptr : &values_[v];
  };
  for (const Port& port : graph_->outputs)
    if (const auto* output = std::get_if<arg::Value>(&port.value.is))
      if (ValueInfo* info = known(output->id)) info->is_output = true;
  for (const StateWrite& write : graph_->writes)
    if (ValueInfo* info = known(write.value)) info->is_write = true;

  // Alias chains lead to their root. Each value is visited once, however long the chains are.
  std::vector<std::uint32_t> visited_from(values_.size(), kNone);
  std::vector<std::uint32_t> chain;
  for (std::uint32_t v = 0; v < values_.size(); ++v) {
    chain.clear();
    std::uint32_t at = v;
    while (visited_from[at] == kNone) {
      visited_from[at] = v;
      chain.push_back(at);
      const Value* const here = values_[at].value;
      const std::uint32_t target = here == nullptr || here->alias_of.empty() ? kNone : value(here->alias_of);
      if (target == kNone) break;
      at = target;
    }
    if (chain.empty()) continue;
    // Back at a value of this very chain: a circle, unless the chain ended there.
    const bool circle = visited_from[at] == v && at != chain.back();
    const bool self =
        at == chain.back() && values_[at].value != nullptr && values_[at].value->alias_of == *values_[at].id;
    const bool rootless = circle || self || values_[at].in_circle;
    for (const std::uint32_t member : chain) {
      values_[member].storage = rootless ? member : values_[at].storage;
      values_[member].in_circle = rootless;
    }
  }
}

std::uint32_t GraphIndex::value(std::string_view id) const {
  return value_numbers_.find(id);
}

std::uint32_t GraphIndex::node(std::string_view id) const {
  return node_numbers_.find(id);
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
