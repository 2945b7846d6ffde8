#include "inputs.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>
#include <type_traits>

#include "element.hpp"
#include "genie/plan/json.hpp"
#include "genie/plan/optional_members.hpp"
#include "literal.hpp"
#include "npy.hpp"
#include "random.hpp"

namespace genie::tensors {

using plan::Diagnostic;
using plan::Diagnostics;

namespace {

constexpr std::string_view kSafetensorsEnding = ".safetensors";

Diagnostic problem(std::string_view code, std::string message, std::string help) {
  Diagnostic diagnostic;
  diagnostic.code = code;
  diagnostic.message = std::move(message);
  diagnostic.help = std::move(help);
  return diagnostic;
}

std::string near_or_list(std::string_view wrong, const std::vector<std::string_view>& known,
                         std::string_view what) {
  const std::string_view near = plan::json::nearest(wrong, known);
  const std::string list = known.empty() ? fmt::format("it has no {}", what)
                                         : fmt::format("its {}: `{}`", what, fmt::join(known, "`, `"));
  return near.empty() ? list : fmt::format("did you mean `{}`? {}", near, list);
}

class Loader {
 public:
  Loader(const config::RunConfig& config, const config::Inputs& inputs, const plan::Plan& plan,
         const plan::Method& method, FileCache& files)
      : config_(config), inputs_(inputs), plan_(plan), method_(method), files_(files) {}

  plan::Result<StepInputs> load() {
    check_names();
    // A file that all inputs come from is wrong once, not once for each of them.
    if (!inputs_.file.empty() && inputs_.file.ends_with(kSafetensorsEnding)) {
      if (auto file = files_.safetensors(inputs_.file); !file) {
        Diagnostic wrong = file.errors().front();
        wrong.message = fmt::format("{}: {}", inputs_.file, wrong.message);
        wrong.file = config_.file;
        wrong.pointer = inputs_.pointer;
        found_.push_back(std::move(wrong));
        return std::move(found_);
      }
    }
    for (const plan::Port& port : method_.inputs)
      load_one(port);
    if (!found_.empty()) return std::move(found_);
    return std::move(result_);
  }

 private:
  void report(Diagnostic diagnostic, std::string_view name, const std::string& pointer) {
    // A problem inside a tensor file names that file in the message; the place to change is the config's.
    diagnostic.message = fmt::format(
        "input `{}`: {}{}", name, diagnostic.file.empty() ? "" : diagnostic.file + ": ", diagnostic.message);
    diagnostic.file = config_.file;
    diagnostic.pointer = pointer;
    found_.push_back(std::move(diagnostic));
  }

  void check_names() {
    std::vector<std::string_view> names;
    for (const plan::Port& port : method_.inputs)
      names.push_back(port.name);
    for (const auto& [name, input] : inputs_.by_name) {
      bool known = false;
      for (const std::string_view one : names)
        known = known || one == name;
      if (known) continue;
      Diagnostic diagnostic = problem("GE0712", fmt::format("the method has no input `{}`", name),
                                      near_or_list(name, names, "inputs"));
      diagnostic.file = config_.file;
      diagnostic.pointer = input.pointer;
      found_.push_back(std::move(diagnostic));
    }
  }

  void load_one(const plan::Port& port) {
    const auto type = port_type(plan_, method_, port);
    if (!type) return;  // a graph whose input has no type does not pass validation
    std::string pointer = inputs_.pointer;
    plan::Result<Tensor> tensor = Diagnostic{};
    if (!inputs_.file.empty()) {
      tensor = files_.tensor(inputs_.file, port.name, port.name);
      // A number that the export fixed need not be in the file.
      if (!tensor && is_absent(tensor.errors()))
        if (auto recorded = constant_tensor(port, *type)) tensor = std::move(*recorded);
    } else {
      const auto input = inputs_.by_name.find(port.name);
      if (input == inputs_.by_name.end()) {
        if (auto recorded = constant_tensor(port, *type)) {
          result_.tensors.emplace(port.name, std::move(*recorded));
          return;
        }
        Diagnostic missing = problem(
            "GE0711",
            fmt::format("the method's input `{}`, {}, is given no value", port.name,
                        declared_type_text(plan_, *type)),
            fmt::format("add it to the inputs: \"{}\": {{\"file\": \"{}.npy\"}}", port.name, port.name));
        missing.file = config_.file;
        missing.pointer = inputs_.pointer;
        found_.push_back(std::move(missing));
        return;
      }
      pointer = input->second.pointer;
      if (const auto* reference = std::get_if<config::OutputInput>(&input->second.from)) {
        result_.references.emplace(port.name, *reference);
        return;
      }
      tensor = make(input->second, port.name, *type);
    }
    if (!tensor) {
      for (const Diagnostic& diagnostic : tensor.errors())
        report(diagnostic, port.name, pointer + diagnostic.pointer);
    } else if (auto wrong = mismatch(*tensor, *type)) {
      report(std::move(*wrong), port.name, pointer);
    } else {
      result_.tensors.emplace(port.name, std::move(*tensor));
    }
  }

  static bool is_absent(const Diagnostics& errors) {
    return errors.size() == 1 && errors.front().code == "GE0704";
  }

  /// The number that the input was fixed at when the model was exported.
  static std::optional<Tensor> constant_tensor(const plan::Port& port, const plan::Value& type) {
    const auto number = plan::constant(port);
    if (!number) return std::nullopt;
    auto tensor = Tensor::make(type.dtype, {}, [&](std::span<std::byte> bytes) {
      std::visit(
          [&](const auto& value) {
            using T = std::decay_t<decltype(value)>;
            if constexpr (std::is_arithmetic_v<T>)
              if (bytes.size() == sizeof value) std::memcpy(bytes.data(), &value, sizeof value);
          },
          number->is);
    });
    if (!tensor) return std::nullopt;
    return std::move(*tensor);
  }

  plan::Result<Tensor> make(const config::Input& input, const std::string& name, const plan::Value& type) {
    if (const auto* file = std::get_if<config::FileInput>(&input.from))
      return files_.tensor(file->path, file->tensor, name);
    if (const auto* value = std::get_if<config::ValueInput>(&input.from)) {
      auto tensor = literal_tensor(value->json, value->dtype.value_or(type.dtype));
      if (tensor) return tensor;
      Diagnostics errors = std::move(tensor).errors();
      for (Diagnostic& error : errors)
        error.pointer = "/value" + error.pointer;
      return errors;
    }
    const auto& random = std::get<config::RandomInput>(input.from);
    RandomSpec spec{random.seed, random.dtype.value_or(type.dtype), {}, random.low, random.high};
    if (random.shape) {
      spec.shape = *random.shape;
    } else if (auto fixed = plan::evaluate(type.shape, {})) {
      spec.shape = std::move(*fixed);
    } else {
      return problem("GE0706",
                     fmt::format("its shape is open: the method takes {}", declared_type_text(plan_, type)),
                     "say which: \"random\": {\"seed\": 0, \"shape\": [1, 16]}");
    }
    return random_tensor(spec);
  }

  std::optional<Diagnostic> mismatch(const Tensor& tensor, const plan::Value& type) const {
    const std::string wanted = declared_type_text(plan_, type);
    if (tensor.dtype() != type.dtype)
      return problem("GE0713", fmt::format("it is {}, and the method takes {}", tensor.type_text(), wanted),
                     fmt::format("save it as {}, or export the model with an input of type {}",
                                 plan::name(type.dtype), plan::name(tensor.dtype())));
    bool fits = tensor.shape().size() == type.shape.size();
    for (std::size_t i = 0; fits && i < type.shape.size(); ++i)
      fits = !type.shape[i].is_int() || type.shape[i].as_int() == tensor.shape()[i];
    if (fits) return std::nullopt;
    return problem("GE0714", fmt::format("it is {}, and the method takes {}", tensor.type_text(), wanted),
                   "give it that shape, or export the model with this size left open (torch.export.Dim)");
  }

  const config::RunConfig& config_;
  const config::Inputs& inputs_;
  const plan::Plan& plan_;
  const plan::Method& method_;
  FileCache& files_;
  StepInputs result_;
  Diagnostics found_;
};

}  // namespace

plan::Result<const Safetensors*> FileCache::safetensors(const std::string& path) {
  if (const auto known = files_.find(path); known != files_.end()) return &known->second;
  auto opened = Safetensors::open(path);
  if (!opened) return std::move(opened).errors();
  return &files_.emplace(path, std::move(*opened)).first->second;
}

plan::Result<Tensor> FileCache::tensor(const std::string& path, const std::string& name,
                                       const std::string& fallback_name) {
  if (path.ends_with(".npy")) {
    if (!name.empty() && name != fallback_name)
      return problem(
          "GE0704",
          fmt::format("{} holds one array, without names; `{}` cannot be picked from it", path, name),
          "leave `tensor` out");
    return read_npy(path);
  }
  if (!path.ends_with(kSafetensorsEnding))
    return problem("GE0731", fmt::format("{} is neither .npy nor .safetensors by its name", path),
                   "save it with numpy.save or safetensors' save_file");
  auto file = safetensors(path);
  if (!file) return std::move(file).errors();
  return (*file)->get(name.empty() ? fallback_name : name);
}

plan::Result<StepInputs> load_inputs(const config::RunConfig& config, const config::Inputs& inputs,
                                     const plan::Plan& plan, std::string_view method, FileCache& files) {
  auto found = find_method(plan, method);
  if (!found) return std::move(found).errors();
  return Loader(config, inputs, plan, **found, files).load();
}

plan::Result<const plan::Method*> find_method(const plan::Plan& plan, std::string_view name) {
  const auto found = plan.methods.find(name);
  if (found != plan.methods.end()) return &found->second;
  std::vector<std::string_view> names;
  for (const auto& [known, method] : plan.methods)
    names.push_back(known);
  return problem("GE0710", fmt::format("the program has no method `{}`", name),
                 near_or_list(name, names, "methods"));
}

std::optional<plan::Value> port_type(const plan::Plan& plan, const plan::Graph& graph,
                                     const plan::Port& port) {
  const auto fixed = [](plan::DType dtype, const std::vector<std::int64_t>& shape) {
    plan::Value value;
    value.dtype = dtype;
    value.shape.assign(shape.begin(), shape.end());
    return value;
  };
  const auto number = [&](plan::ScalarKind kind, plan::DType dtype) {
    plan::Value value = fixed(dtype, {});
    value.scalar = kind;
    return value;
  };
  if (const auto* value = std::get_if<plan::arg::Value>(&port.value.is)) {
    const auto found = graph.values.find(value->id);
    return found == graph.values.end() ? std::nullopt : std::optional(found->second);
  }
  if (const auto* weight = std::get_if<plan::arg::Weight>(&port.value.is)) {
    const auto found = plan.weights.find(weight->name);
    return found == plan.weights.end() ? std::nullopt
                                       : std::optional(fixed(found->second.dtype, found->second.shape));
  }
  if (const auto* state = std::get_if<plan::arg::State>(&port.value.is)) {
    const auto found = plan.states.find(state->name);
    return found == plan.states.end() ? std::nullopt
                                      : std::optional(fixed(found->second.dtype, found->second.shape));
  }
  if (std::holds_alternative<std::int64_t>(port.value.is) ||
      std::holds_alternative<plan::arg::Dim>(port.value.is))
    return number(plan::ScalarKind::integer, plan::DType::i64);
  if (std::holds_alternative<double>(port.value.is))
    return number(plan::ScalarKind::floating, plan::DType::f64);
  if (std::holds_alternative<bool>(port.value.is))
    return number(plan::ScalarKind::boolean, plan::DType::boolean);
  return std::nullopt;
}

double number_of(const Tensor& tensor) {
  return load_real(tensor.dtype(), tensor.bytes().data());
}

std::string declared_type_text(const plan::Plan& plan, const plan::Value& value) {
  if (value.scalar)
    return *value.scalar == plan::ScalarKind::integer    ? "int"
           : *value.scalar == plan::ScalarKind::floating ? "float"
                                                         : "bool";
  std::map<std::string, plan::Expr, std::less<>> names;
  for (const auto& [id, symbol] : plan.symbols)
    if (symbol.name) names.emplace(id, plan::Expr::symbol(*symbol.name));
  std::vector<std::string> dims;
  for (const plan::Expr& dim : value.shape)
    dims.push_back(dim.substitute(names).to_text());
  return fmt::format("{}[{}]", plan::name(value.dtype), fmt::join(dims, ", "));
}

}  // namespace genie::tensors
