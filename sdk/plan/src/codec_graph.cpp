// Values, ports and graphs.
#include "codec_parts.hpp"
#include "messages.hpp"
#include "optional_keys.hpp"

namespace genie::plan::detail {
namespace {

constexpr std::string_view kTensorKeys[] = {"dtype", "shape", "strides", "alias_of", "residency"};
constexpr std::string_view kNumberKeys[] = {"scalar", "alias_of", "residency"};
constexpr std::string_view kScalars[] = {"int", "float", "bool"};
constexpr DType kScalarTypes[] = {DType::i64, DType::f64, DType::boolean};

void read_common(const Fields& fields, Value& value) {
  if (const View* alias = fields.find("alias_of")) value.alias_of = read_id(fields.problems(), *alias);
  if (const View* residency = fields.find("residency"))
    value.residency = read_id(fields.problems(), *residency);
  fields.keep_unknown(value.extra);
}

void read_value(Problems& problems, const View& view, Value& value) {
  if (view.find("scalar")) {
    const Fields fields(problems, view, kNumberKeys);
    const std::string kind = read_choice(problems, *fields.need("scalar"), kScalars);
    for (std::size_t i = 0; i < std::size(kScalars); ++i) {
      if (kScalars[i] != kind) continue;
      value.scalar = static_cast<ScalarKind>(i);
      value.dtype = kScalarTypes[i];
    }
    for (const std::string_view key : {"dtype", "shape", "strides"})
      if (const auto member = view.find(key))
        problems.add(*member, "GE0312", "a number has no \"" + std::string(key) + "\"",
                     "remove it: a number crosses as a 0-d tensor of i64, f64 or bool");
    read_common(fields, value);
    return;
  }
  const Fields fields(problems, view, kTensorKeys);
  const auto size = [&](const View& item) { return read_size(problems, item); };
  if (const View* dtype = fields.need("dtype")) value.dtype = read_dtype(problems, *dtype);
  if (const View* shape = fields.need("shape")) value.shape = read_list<Expr, Exprs>(problems, *shape, size);
  if (const View* strides = fields.find("strides"))
    value.strides = read_list<Expr, Exprs>(problems, *strides, size);
  else
    value.strides = contiguous_strides(value.shape);
  read_common(fields, value);
}

void write_sizes(json::Writer& writer, const Exprs& sizes) {
  writer.begin_array();
  for (const Expr& size : sizes)
    write_expr(writer, size);
  writer.end_array();
}

void write_value(json::Writer& writer, const Value& value) {
  ObjectWriter object(writer, &value.extra);
  object.text_unless_empty("alias_of", value.alias_of);
  if (!value.scalar) object.key("dtype").value(name(value.dtype));
  object.text_unless_empty("residency", value.residency);
  if (value.scalar) {
    object.key("scalar").value(kScalars[static_cast<std::size_t>(*value.scalar)]);
    return;
  }
  write_sizes(object.key("shape"), value.shape);
  if (value.strides != contiguous_strides(value.shape)) write_sizes(object.key("strides"), value.strides);
}

constexpr std::string_view kPortKeys[] = {"name", "value"};
constexpr std::string_view kOutputTags[] = {"weight", "state", "dim",     "int",
                                            "float",  "bool",  "complex", "str"};

Arg read_output_value(Problems& problems, const View& view) {
  if (view.is(Kind::string)) return {arg::Value{read_id(problems, view)}};
  if (view.is(Kind::object) && view.size() == 1) {
    const std::string_view tag = (*view.items().begin()).key;
    if (std::find(std::begin(kOutputTags), std::end(kOutputTags), tag) == std::end(kOutputTags)) {
      problems.add(view, "GE0320", "an output cannot be a " + quoted(tag),
                   "an output is a value id, null, or one of " + joined(kOutputTags));
      return {};
    }
  }
  Arg value;
  read_arg(problems, view, value);
  return value;
}

Port read_port(Problems& problems, const View& view, bool output) {
  const Fields fields(problems, view, kPortKeys);
  Port port;
  if (const View* name = fields.need("name")) port.name = read_id(problems, *name);
  if (const View* value = fields.need("value")) {
    if (output)
      port.value = read_output_value(problems, *value);
    else
      port.value = {arg::Value{read_id(problems, *value)}};
  }
  if (!output && fields.has_unknown()) {
    check_member(view, kConstant, [&](const View& number) { (void)read_number(problems, number); });
    check_member(view, kRequiresGrad, [&](const View& flag) { (void)read_boolean(problems, flag); });
  }
  fields.keep_unknown(port.extra);
  return port;
}

void write_port(json::Writer& writer, const Port& port) {
  ObjectWriter object(writer, &port.extra);
  object.key("name").value(port.name);
  object.key("value");
  if (const auto* value = std::get_if<arg::Value>(&port.value.is))
    writer.value(value->id);
  else
    write_arg(writer, port.value);
}

void write_ports(json::Writer& writer, const std::vector<Port>& ports) {
  writer.begin_array();
  for (const Port& port : ports)
    write_port(writer, port);
  writer.end_array();
}

constexpr std::string_view kWriteKeys[] = {"state", "value", "in_place"};

StateWrite read_write(Problems& problems, const View& view) {
  const Fields fields(problems, view, kWriteKeys);
  StateWrite write;
  if (const View* state = fields.need("state")) write.state = read_id(problems, *state);
  if (const View* value = fields.need("value")) write.value = read_id(problems, *value);
  if (const View* in_place = fields.find("in_place")) write.in_place = read_boolean(problems, *in_place);
  fields.keep_unknown(write.extra);
  return write;
}

void write_write(json::Writer& writer, const StateWrite& write) {
  ObjectWriter object(writer, &write.extra);
  if (write.in_place) object.key("in_place").value(true);
  object.key("state").value(write.state);
  object.key("value").value(write.value);
}

constexpr std::string_view kGraphKeys[] = {"inputs", "outputs", "values", "nodes", "writes"};
constexpr std::string_view kMethodKeys[] = {"inputs", "outputs", "values", "nodes", "writes", "graphs"};

void read_graph_members(const Fields& fields, Graph& graph) {
  Problems& problems = fields.problems();
  if (const View* inputs = fields.need("inputs"))
    graph.inputs = read_list<Port>(problems, *inputs,
                                   [&](const View& item) { return read_port(problems, item, false); });
  if (const View* outputs = fields.need("outputs"))
    graph.outputs = read_list<Port>(problems, *outputs,
                                    [&](const View& item) { return read_port(problems, item, true); });
  if (const View* values = fields.need("values"))
    read_table_in_place<Value>(problems, *values, graph.values,
                               [&](const View& item, Value& value) { read_value(problems, item, value); });
  if (const View* nodes = fields.need("nodes"); nodes != nullptr && expect(problems, *nodes, Kind::array)) {
    graph.nodes.reserve(nodes->size());
    for (const json::Member& item : nodes->items())
      read_node(problems, item.value, graph.nodes.emplace_back());  // in place: nodes are large
  }
  if (const View* writes = fields.find("writes"))
    graph.writes = read_list<StateWrite>(problems, *writes,
                                         [&](const View& item) { return read_write(problems, item); });
  fields.keep_unknown(graph.extra);
}

void write_members(ObjectWriter& object, json::Writer& writer, const Graph& graph) {
  write_ports(object.key("inputs"), graph.inputs);
  object.key("nodes").begin_array();
  for (const Node& node : graph.nodes)
    write_node(writer, node);
  writer.end_array();
  write_ports(object.key("outputs"), graph.outputs);
  write_table(object.key("values"), graph.values, [&](const Value& value) { write_value(writer, value); });
  if (graph.writes.empty()) return;
  object.key("writes").begin_array();
  for (const StateWrite& write : graph.writes)
    write_write(writer, write);
  writer.end_array();
}

}  // namespace

Graph read_graph(Problems& problems, const View& view) {
  const Fields fields(problems, view, kGraphKeys);
  Graph graph;
  read_graph_members(fields, graph);
  return graph;
}

Method read_method(Problems& problems, const View& view) {
  const Fields fields(problems, view, kMethodKeys);
  Method method;
  read_graph_members(fields, method);
  if (const View* graphs = fields.find("graphs"))
    read_table<Graph>(problems, *graphs, method.graphs,
                      [&](const View& item) { return read_graph(problems, item); });
  return method;
}

void write_graph(json::Writer& writer, const Graph& graph) {
  ObjectWriter object(writer, &graph.extra);
  write_members(object, writer, graph);
}

void write_method(json::Writer& writer, const Method& method) {
  ObjectWriter object(writer, &method.extra);
  if (!method.graphs.empty())
    write_table(object.key("graphs"), method.graphs, [&](const Graph& graph) { write_graph(writer, graph); });
  write_members(object, writer, method);
}

}  // namespace genie::plan::detail
