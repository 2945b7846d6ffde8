#include "torch/graph_reader.hpp"

#include <utility>

#include "torch/enums.hpp"
#include "torch/metadata.hpp"

namespace genie::pytorch {
namespace {

/// An enumeration as a number, or as a name in files of older writers.
template <class F>
auto enumerated(JsonCursor& cursor, const plan::json::View& view, F read) {
  return view.is(plan::json::Kind::string) ? read(view.string()) : read(cursor.integer(view));
}

}  // namespace

template <class F>
argument::List GraphReader::list(const View& view, F read) {
  argument::List list;
  if (!cursor_.is_array(view)) return list;
  list.items.reserve(view.size());
  for (const auto& [unused, item] : view.items()) {
    list.items.push_back({read(item)});
    if (cursor_.failed()) break;
  }
  return list;
}

template <class Symbolic, class F>
Argument GraphReader::symbolic(const View& view, F plain) {
  const auto member = cursor_.union_member(view);
  if (!member) return {};
  const auto& [key, value] = *member;
  if (key == "as_name") return {Symbolic{std::string(cursor_.text(value))}};
  return {plain(value)};
}

std::string GraphReader::name(const View& view) {
  return std::string(cursor_.text(view, "name"));
}

plan::DType GraphReader::dtype(const View& view) {
  const auto type = enumerated(cursor_, view, [](auto value) { return scalar_type(value); });
  if (!type && !cursor_.failed())
    cursor_.fail(view, "element type " + view.canonical() + " is one that no plan has (quantised or unknown)",
                 "GE0246");
  return type.value_or(plan::DType::f32);
}

plan::Expr GraphReader::size(const View& view) {
  const auto member = cursor_.union_member(view);
  if (!member) return 0;
  const auto& [key, value] = *member;
  if (key == "as_int") return cursor_.integer(value);
  if (key != "as_expr") {
    cursor_.fail(view, "'" + std::string(key) + "' is no kind of symbolic integer that is known here",
                 "GE0233");
    return 0;
  }
  const std::string_view text = cursor_.text(value, "expr_str");
  if (cursor_.failed()) return 0;
  if (auto expression = parse_expression(text)) return *expression;
  const auto [at, inserted] = opaque_.try_emplace(std::string(text), "x" + std::to_string(opaque_.size()));
  return plan::Expr::symbol(at->second);
}

TensorMeta GraphReader::tensor_meta(const View& view) {
  TensorMeta meta;
  if (const auto type = cursor_.member(view, "dtype")) meta.dtype = dtype(*type);
  const auto sizes = cursor_.member(view, "sizes");
  const auto strides = cursor_.member(view, "strides");
  if (!sizes || !strides || !cursor_.is_array(*sizes) || !cursor_.is_array(*strides)) return meta;
  for (const auto& [unused, item] : sizes->items())
    meta.sizes.push_back(size(item));
  for (const auto& [unused, item] : strides->items())
    meta.strides.push_back(size(item));
  if (const auto kind = cursor_.optional_member(view, "layout")) {
    const auto known = enumerated(cursor_, *kind, [](auto value) { return layout(value); });
    meta.layout = known ? std::string(*known) : "unknown";
  }
  if (const auto tracked = cursor_.optional_member(view, "requires_grad"))
    meta.requires_grad = cursor_.boolean(*tracked);
  if (meta.sizes.size() != meta.strides.size() && meta.layout == "strided")
    cursor_.fail(view, "a tensor has " + std::to_string(meta.sizes.size()) + " sizes and " +
                           std::to_string(meta.strides.size()) + " strides");
  return meta;
}

Argument GraphReader::argument(const View& view) {
  const auto member = cursor_.union_member(view);
  if (!member) return {};
  const std::string_view key = member->first;
  const View value = member->second;
  const auto integer = [&](const View& v) { return cursor_.integer(v); };
  const auto real = [&](const View& v) { return cursor_.real(v); };
  const auto boolean = [&](const View& v) { return cursor_.boolean(v); };
  const auto string = [&](const View& v) { return std::string(cursor_.text(v)); };
  const auto tensor = [&](const View& v) { return argument::Tensor{name(v)}; };
  const auto sym_int = [&](const View& v) { return symbolic<argument::SymInt>(v, integer); };
  const auto sym_float = [&](const View& v) { return symbolic<argument::SymFloat>(v, real); };
  const auto sym_bool = [&](const View& v) { return symbolic<argument::SymBool>(v, boolean); };
  // List items that are Arguments already.
  const auto items = [&](auto read) {
    argument::List result;
    if (!cursor_.is_array(value)) return result;
    for (const auto& [unused, item] : value.items()) {
      result.items.push_back(read(item));
      if (cursor_.failed()) break;
    }
    return result;
  };

  if (key == "as_none") return {argument::None{}};
  if (key == "as_tensor") return {tensor(value)};
  if (key == "as_tensors") return {list(value, tensor)};
  if (key == "as_int") return {integer(value)};
  if (key == "as_ints") return {list(value, integer)};
  if (key == "as_float") return {real(value)};
  if (key == "as_floats") return {list(value, real)};
  if (key == "as_bool") return {boolean(value)};
  if (key == "as_bools") return {list(value, boolean)};
  if (key == "as_string") return {string(value)};
  if (key == "as_strings") return {list(value, string)};
  if (key == "as_sym_int") return sym_int(value);
  if (key == "as_sym_ints") return {items(sym_int)};
  if (key == "as_sym_float") return sym_float(value);
  if (key == "as_sym_floats") return {items(sym_float)};
  if (key == "as_sym_bool") return sym_bool(value);
  if (key == "as_sym_bools") return {items(sym_bool)};
  if (key == "as_scalar_type") return {dtype(value)};
  if (key == "as_device") return {argument::Device{}};
  if (key == "as_optional_tensor") return argument(value);
  if (key == "as_optional_tensors") return {items([&](const View& v) { return argument(v); })};
  if (key == "as_nested_tensors") return {list(value, [&](const View& v) { return list(v, tensor); })};
  if (key == "as_int_lists") return {list(value, [&](const View& v) { return list(v, integer); })};
  if (key == "as_float_lists") return {list(value, [&](const View& v) { return list(v, real); })};
  if (key == "as_complex") {
    const auto re = cursor_.member(value, "real");
    const auto im = cursor_.member(value, "imag");
    return re && im ? Argument{argument::Complex{real(*re), real(*im)}} : Argument{};
  }
  if (key == "as_layout") {
    const auto known = enumerated(cursor_, value, [](auto v) { return layout(v); });
    return known ? Argument{argument::Layout{std::string(*known)}}
                 : Argument{argument::Unsupported{"an unknown layout"}};
  }
  if (key == "as_memory_format") {
    const auto known = enumerated(cursor_, value, [](auto v) { return memory_format(v); });
    return known ? Argument{argument::MemoryFormat{std::string(*known)}}
                 : Argument{argument::Unsupported{"an unknown memory format"}};
  }
  if (key == "as_graph") {
    const auto nested = cursor_.member(value, "graph");
    if (!nested) return {};
    return {argument::SubGraph{name(value), std::make_shared<const Graph>(graph(*nested))}};
  }
  if (key == "as_custom_obj") return {argument::Unsupported{"a custom object"}};
  if (key == "as_operator") return {argument::Operator{string(value)}};
  if (key == "as_string_to_argument") return {argument::Unsupported{"a dictionary"}};
  cursor_.fail(view, "'" + std::string(key) + "' is no kind of argument that is known here", "GE0233");
  return {};
}

Node GraphReader::node(const View& view) {
  Node node;
  node.target = cursor_.text(view, "target");
  const auto inputs = cursor_.member(view, "inputs");
  const auto outputs = cursor_.member(view, "outputs");
  if (!inputs || !outputs || !cursor_.is_array(*inputs) || !cursor_.is_array(*outputs)) return node;
  for (const auto& [unused, item] : inputs->items()) {
    NamedArgument input;
    input.name = name(item);
    if (const auto arg = cursor_.member(item, "arg")) input.arg = argument(*arg);
    constexpr std::int64_t kKeyword = 2;
    if (const auto kind = cursor_.optional_member(item, "kind"))
      input.keyword = kind->is(plan::json::Kind::string) ? kind->string() == "KEYWORD"
                                                         : cursor_.integer(*kind) == kKeyword;
    node.inputs.push_back(std::move(input));
    if (cursor_.failed()) return node;
  }
  for (const auto& [unused, item] : outputs->items())
    node.outputs.push_back(argument(item));
  if (const auto given = cursor_.optional_member(view, "name")) node.name = cursor_.text(*given);
  if (const auto metadata = cursor_.optional_member(view, "metadata")) {
    if (const auto stack = cursor_.optional_member(*metadata, "nn_module_stack"))
      node.scope = module_scope(cursor_.text(*stack));
    if (const auto trace = cursor_.optional_member(*metadata, "stack_trace"))
      node.source = source_line(cursor_.text(*trace));
  }
  return node;
}

Graph GraphReader::graph(const View& view) {
  Graph graph;
  const auto arguments = [&](std::string_view key, std::vector<Argument>& into) {
    const auto array = cursor_.member(view, key);
    if (!array || !cursor_.is_array(*array)) return;
    for (const auto& [unused, item] : array->items())
      into.push_back(argument(item));
  };
  arguments("inputs", graph.inputs);
  arguments("outputs", graph.outputs);
  if (const auto nodes = cursor_.member(view, "nodes"); nodes && cursor_.is_array(*nodes)) {
    graph.nodes.reserve(nodes->size());
    for (const auto& [unused, item] : nodes->items()) {
      graph.nodes.push_back(node(item));
      if (cursor_.failed()) return graph;
      // Early writers of schema 8 left the name out.
      if (graph.nodes.back().name.empty())
        graph.nodes.back().name = "node_" + std::to_string(graph.nodes.size() - 1);
    }
  }
  if (const auto tensors = cursor_.member(view, "tensor_values"); tensors && cursor_.is_object(*tensors)) {
    graph.tensors.reserve(tensors->size());
    for (const auto& [key, item] : tensors->items()) {
      graph.tensors.emplace(std::string(key), tensor_meta(item));
      if (cursor_.failed()) return graph;
    }
  }
  if (const auto ints = cursor_.optional_member(view, "sym_int_values"); ints && cursor_.is_object(*ints))
    for (const auto& [key, item] : ints->items()) {
      const auto member = cursor_.union_member(item);
      if (!member) return graph;
      auto& slot = graph.sym_ints[std::string(key)];
      if (member->first == "as_int") slot.emplace(cursor_.integer(member->second));
      if (member->first == "as_expr") slot = parse_expression(cursor_.text(member->second, "expr_str"));
    }
  if (const auto bools = cursor_.optional_member(view, "sym_bool_values"); bools && cursor_.is_object(*bools))
    for (const auto& [key, item] : bools->items()) {
      const auto member = cursor_.union_member(item);
      if (!member) return graph;
      auto& slot = graph.sym_bools[std::string(key)];
      if (member->first == "as_expr") slot = parse_condition(cursor_.text(member->second, "expr_str"));
    }
  return graph;
}

}  // namespace genie::pytorch
