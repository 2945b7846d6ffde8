#include "runtime/step_check.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "genie/plan/dtype.hpp"
#include "genie/plan/json.hpp"
#include "genie/plan/optional_members.hpp"

namespace genie::runtime {
namespace {

Failure wrong(std::string code, std::string message, std::string help) {
  return failure(Category::config, GENIE_INVALID_ARGUMENT, std::move(code), std::move(message),
                 std::move(help));
}

std::string list(const std::vector<std::string_view>& names) {
  std::string text;
  for (const std::string_view name : names)
    text += (text.empty() ? "" : ", ") + std::string(name);
  return text.empty() ? "none" : text;
}

std::string did_you_mean(std::string_view given, const std::vector<std::string_view>& known) {
  const std::string_view near = plan::json::nearest(given, known);
  return (near.empty() ? std::string() : "did you mean '" + std::string(near) + "'? ") +
         "there are: " + list(known);
}

std::vector<std::string_view> names_of(const std::vector<plan::Port>& ports) {
  std::vector<std::string_view> names;
  for (const plan::Port& port : ports)
    names.push_back(port.name);
  return names;
}

const plan::Value* value_of(const plan::Method& method, const plan::Port& port) {
  const auto* id = std::get_if<plan::arg::Value>(&port.value.is);
  const auto found = id ? method.values.find(id->id) : method.values.end();
  return found == method.values.end() ? nullptr : &found->second;
}

// A number in a 0-d tensor, for symbols that inputs' values decide.
std::optional<double> number(const genie_tensor_view& view) {
  const auto* at = static_cast<const char*>(view.data) + view.byte_offset;
  const auto read = [at](auto zero) {
    std::memcpy(&zero, at, sizeof zero);
    return static_cast<double>(zero);
  };
  if (view.rank != 0 || !view.data) return std::nullopt;
  if (view.dtype.code == GENIE_TYPE_INT && view.dtype.bits == 64) return read(std::int64_t{});
  if (view.dtype.code == GENIE_TYPE_FLOAT && view.dtype.bits == 64) return read(double{});
  if (view.dtype.code == GENIE_TYPE_BOOL && view.dtype.bits == 8) return read(std::uint8_t{});
  return std::nullopt;
}

Status check_tensor(const std::string& method, const std::string& name, const genie_tensor_view& view,
                    const plan::Value& value) {
  const std::string place = "input '" + name + "' of '" + method + "'";
  if (view.device_kind != GENIE_DEVICE_CPU && view.device_kind != GENIE_DEVICE_CUDA_HOST) {
    Failure device =
        wrong("GE0654", place + " lies on a device (DLPack kind " + std::to_string(view.device_kind) + ")",
              "inputs are given in host memory");
    device.code = GENIE_UNIMPLEMENTED;
    return device;
  }
  const auto dtype = plan::dtype_from_dlpack(view.dtype.code, view.dtype.bits, view.dtype.lanes);
  if (!dtype || *dtype != value.dtype)
    return wrong("GE0654",
                 place + " must be " + std::string(plan::name(value.dtype)) + ", not " +
                     (dtype ? std::string(plan::name(*dtype)) : "an element type that no plan has"),
                 "convert it before the call");
  if (view.rank < 0 || static_cast<std::size_t>(view.rank) != value.shape.size())
    return wrong("GE0654",
                 place + " must have " + std::to_string(value.shape.size()) + " dimensions, not " +
                     std::to_string(view.rank),
                 "its shape is " + plan::to_text(value.shape));
  return Unit{};
}

/// An input that the export fixed takes that number alone: the graph has it inside. Equal bits; any NaN is NaN.
Status check_constant(const std::string& method, const plan::Port& port, const genie_tensor_view& view) {
  const auto fixed = plan::constant(port);
  if (!fixed || view.rank != 0 || view.data == nullptr) return Unit{};
  const auto* at = static_cast<const char*>(view.data) + view.byte_offset;
  const auto differs = [&](auto wanted, const auto& text) -> Status {
    auto given = wanted;
    std::memcpy(&given, at, sizeof given);
    if (std::memcmp(&given, &wanted, sizeof given) == 0 || (given != given && wanted != wanted))
      return Unit{};
    return wrong(
        "GE0664",
        "input '" + port.name + "' of '" + method + "' was fixed at " + text(wanted) +
            " when the model was exported, and is given as " + text(given),
        "leave the input out, or export the model with that number (or with the number as a tensor)");
  };
  if (const auto* whole = std::get_if<std::int64_t>(&fixed->is))
    return differs(*whole, [](std::int64_t n) { return std::to_string(n); });
  if (const auto* real = std::get_if<double>(&fixed->is))
    return differs(*real, [](double n) {
      plan::json::Writer writer;
      if (std::isfinite(n))
        writer.value(n);
      else
        writer.value(std::isnan(n) ? "NaN" : n > 0 ? "Infinity" : "-Infinity");
      return writer.take();
    });
  if (const auto* flag = std::get_if<bool>(&fixed->is))
    return differs(*flag, [](bool b) { return std::string(b ? "true" : "false"); });
  return Unit{};
}

}  // namespace

std::optional<std::vector<plan::InputShape>> complete_shapes(const plan::Method& method,
                                                             const std::vector<plan::InputShape>& given) {
  std::vector<plan::InputShape> complete = given;
  for (const plan::Port& port : method.inputs) {
    const bool there = std::any_of(given.begin(), given.end(),
                                   [&port](const plan::InputShape& g) { return g.name == port.name; });
    if (there) continue;
    const plan::Value* value = value_of(method, port);
    const auto fixed = value ? plan::evaluate(value->shape, {}) : std::nullopt;
    if (!fixed) return std::nullopt;
    complete.push_back({port.name, *fixed, std::nullopt});
  }
  return complete;
}

std::optional<std::vector<std::int64_t>> output_shape(const plan::Plan& plan, std::string_view method,
                                                      std::string_view output, const plan::Bindings& sizes) {
  const auto found = plan.methods.find(method);
  if (found == plan.methods.end()) return std::nullopt;
  for (const plan::Port& port : found->second.outputs) {
    const plan::Value* value = port.name == output ? value_of(found->second, port) : nullptr;
    if (value) return plan::evaluate(value->shape, sizes);
  }
  return std::nullopt;
}

Result<plan::Bindings> check_step(const plan::Plan& plan, const plan::Topology& topology,
                                  const StepRequest& request, const std::vector<KnownShape>& inputs) {
  const auto found = plan.methods.find(request.method);
  if (found == plan.methods.end()) {
    std::vector<std::string_view> known;
    for (const auto& [name, method] : plan.methods)
      known.push_back(name);
    return wrong("GE0651", "the plan has no method '" + request.method + "'",
                 did_you_mean(request.method, known));
  }
  const plan::Method& method = found->second;
  const std::vector<std::string_view> known_inputs = names_of(method.inputs);
  std::vector<plan::InputShape> shapes;
  bool complete = true;
  for (const KnownShape& input : inputs) {
    const auto port = std::find_if(method.inputs.begin(), method.inputs.end(),
                                   [&input](const plan::Port& p) { return p.name == input.name; });
    if (port == method.inputs.end())
      return wrong("GE0652", "method '" + request.method + "' has no input '" + input.name + "'",
                   did_you_mean(input.name, known_inputs));
    if (std::count_if(inputs.begin(), inputs.end(),
                      [&input](const KnownShape& i) { return i.name == input.name; }) != 1)
      return wrong("GE0652", "input '" + input.name + "' is given more than once", "give each input once");
    const plan::Value* value = value_of(method, *port);
    if (!value)
      return failure(Category::bug, GENIE_INTERNAL, "GE0901",
                     "input '" + input.name + "' of a checked plan names no value");
    plan::InputShape shape{input.name, {}, std::nullopt};
    if (input.tensor) {
      if (auto fits = check_tensor(request.method, input.name, *input.tensor, *value); !fits)
        return std::move(fits).failure();
      if (auto fits = check_constant(request.method, *port, *input.tensor); !fits)
        return std::move(fits).failure();
      shape.shape.assign(input.tensor->shape, input.tensor->shape + input.tensor->rank);
      if (value->scalar) shape.number = number(*input.tensor);
    } else if (input.kept_shape) {
      shape.shape = *input.kept_shape;
    } else {
      complete = false;  // data decided the size of a kept value: only the backend knows it
      continue;
    }
    shapes.push_back(std::move(shape));
  }
  for (const plan::Port& port : method.inputs)
    if (std::none_of(inputs.begin(), inputs.end(),
                     [&port](const KnownShape& i) { return i.name == port.name; }))
      return wrong("GE0653", "input '" + port.name + "' of method '" + request.method + "' is missing",
                   "the method takes: " + list(known_inputs));
  const std::vector<std::string_view> known_outputs = names_of(method.outputs);
  for (const StepOutput& output : request.outputs)
    if (std::find(known_outputs.begin(), known_outputs.end(), output.name) == known_outputs.end())
      return wrong("GE0655", "method '" + request.method + "' has no output '" + output.name + "'",
                   did_you_mean(output.name, known_outputs));
  if (!complete) return plan::Bindings{};
  auto sizes = plan::bind_symbols(plan, method, shapes);
  if (!sizes) return failure(Category::config, std::move(sizes).errors());
  if (plan.schedule && *sizes != plan.schedule->assumes) {
    // At the assumed sizes V4 has looked already.
    if (auto fits = plan::check_memory(plan, topology, request.method, *sizes); !fits)
      return failure(Category::execution, std::move(fits).errors(), GENIE_RESOURCE_EXHAUSTED);
  }
  return std::move(sizes).value();
}

}  // namespace genie::runtime
