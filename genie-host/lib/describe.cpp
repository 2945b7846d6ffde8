#include "lib/describe.hpp"

#include <variant>

#include "genie/plan/dtype.hpp"
#include "genie/plan/json.hpp"

namespace genie::lib {
namespace {

using plan::json::Writer;

void write_shape(Writer& writer, const plan::Shape& shape) {
  writer.key("shape").begin_array();
  for (const plan::Expr& size : shape) {
    if (size.is_int())
      writer.value(size.as_int());
    else
      writer.value(size.to_text());
  }
  writer.end_array();
}

template <class Tensor>
void write_fixed(Writer& writer, const Tensor& tensor) {
  writer.key("dtype").value(plan::name(tensor.dtype));
  writer.key("shape").begin_array();
  for (const std::int64_t size : tensor.shape)
    writer.value(size);
  writer.end_array();
}

// What a port is: the type of the value, weight or state it names, or the number it stands for (a 0-d tensor).
void write_type(Writer& writer, const plan::Plan& plan, const plan::Method& method, const plan::Port& port) {
  if (const auto* value = std::get_if<plan::arg::Value>(&port.value.is)) {
    const auto found = method.values.find(value->id);
    if (found == method.values.end()) return;
    writer.key("dtype").value(plan::name(found->second.dtype));
    write_shape(writer, found->second.shape);
    if (found->second.scalar) writer.key("number").value(true);
  } else if (const auto* weight = std::get_if<plan::arg::Weight>(&port.value.is)) {
    if (const auto found = plan.weights.find(weight->name); found != plan.weights.end())
      write_fixed(writer, found->second);
  } else if (const auto* state = std::get_if<plan::arg::State>(&port.value.is)) {
    if (const auto found = plan.states.find(state->name); found != plan.states.end())
      write_fixed(writer, found->second);
  } else if (std::holds_alternative<std::int64_t>(port.value.is) ||
             std::holds_alternative<plan::arg::Dim>(port.value.is)) {
    writer.key("dtype").value("i64").key("shape").begin_array().end_array().key("number").value(true);
  } else if (std::holds_alternative<double>(port.value.is)) {
    writer.key("dtype").value("f64").key("shape").begin_array().end_array().key("number").value(true);
  } else if (std::holds_alternative<bool>(port.value.is)) {
    writer.key("dtype").value("bool").key("shape").begin_array().end_array().key("number").value(true);
  }
}

void write_ports(Writer& writer, const char* key, const plan::Plan& plan, const plan::Method& method,
                 const std::vector<plan::Port>& ports) {
  writer.key(key).begin_array();
  for (const plan::Port& port : ports) {
    writer.begin_object().key("name").value(port.name);
    write_type(writer, plan, method, port);
    writer.end_object();
  }
  writer.end_array();
}

}  // namespace

std::string describe_methods(const plan::Plan& plan, const std::string& plan_id) {
  Writer writer;
  writer.begin_object().key("plan").value(plan_id).key("stage").value(plan.stage);
  writer.key("methods").begin_object();
  for (const auto& [name, method] : plan.methods) {
    writer.key(name).begin_object();
    write_ports(writer, "inputs", plan, method, method.inputs);
    write_ports(writer, "outputs", plan, method, method.outputs);
    writer.end_object();
  }
  writer.end_object();
  writer.key("states").begin_object();
  for (const auto& [name, state] : plan.states) {
    writer.key(name).begin_object();
    write_fixed(writer, state);
    writer.end_object();
  }
  writer.end_object();
  writer.key("symbols").begin_object();
  for (const auto& [id, symbol] : plan.symbols) {
    writer.key(id).begin_object();
    if (symbol.name) writer.key("name").value(*symbol.name);
    if (symbol.min) writer.key("min").value(*symbol.min);
    if (symbol.max) writer.key("max").value(*symbol.max);
    writer.end_object();
  }
  writer.end_object().end_object();
  return writer.take();
}

}  // namespace genie::lib
