#include "runtime/job_steps.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "genie/plan/json.hpp"
#include "genie/plan/validate.hpp"
#include "runtime/step_check.hpp"

namespace genie::runtime {

namespace {

using plan::Diagnostic;
using plan::Diagnostics;

Diagnostic problem(const config::RunConfig& config, std::string_view code, std::string pointer,
                   std::string message, std::string help) {
  Diagnostic diagnostic;
  diagnostic.code = code;
  diagnostic.file = config.file;
  diagnostic.pointer = std::move(pointer);
  diagnostic.message = std::move(message);
  diagnostic.help = std::move(help);
  return diagnostic;
}

/// Outputs that are tensors: a constant None or text among a model's outputs has no content to fetch.
std::vector<std::string_view> tensor_outputs(const plan::Plan& plan, const plan::Method& method) {
  std::vector<std::string_view> names;
  for (const plan::Port& port : method.outputs)
    if (tensors::port_type(plan, method, port)) names.push_back(port.name);
  return names;
}

std::string known_outputs(std::string_view wrong, const std::vector<std::string_view>& names) {
  const std::string list =
      names.empty() ? std::string("it has none") : fmt::format("its outputs: `{}`", fmt::join(names, "`, `"));
  const std::string_view near = plan::json::nearest(wrong, names);
  return near.empty() ? list : fmt::format("did you mean `{}`? {}", near, list);
}

/// "3/logits" → 3 and "logits"; "logits" → nothing and "logits".
std::pair<std::optional<std::uint64_t>, std::string_view> split_name(std::string_view name) {
  const std::size_t slash = name.find('/');
  std::uint64_t step = 0;
  if (slash == std::string_view::npos) return {std::nullopt, name};
  const auto [end, error] = std::from_chars(name.data(), name.data() + slash, step);
  if (error != std::errc{} || end != name.data() + slash) return {std::nullopt, name};
  return {step, name.substr(slash + 1)};
}

class Preparer {
 public:
  Preparer(const config::RunConfig& config, const plan::Plan& plan,
           const std::set<std::string, std::less<>>& wanted)
      : config_(config), plan_(plan), wanted_(wanted) {}

  plan::Result<std::vector<PreparedStep>> prepare() {
    std::uint64_t first = 0;
    for (const config::Step& step : config_.run.steps) {
      PreparedStep& prepared = steps_.emplace_back();
      prepared.config = &step;
      prepared.first = first;
      first += step.repeat;
      load(prepared);
    }
    if (!found_.empty()) return std::move(found_);
    for (PreparedStep& step : steps_)
      check_references(step);
    choose_outputs();
    if (!found_.empty()) return std::move(found_);
    for (PreparedStep& step : steps_)
      for (const auto& [name, tensor] : step.inputs.tensors)
        step.views.emplace_back(name, tensor.view());
    return std::move(steps_);
  }

 private:
  void load(PreparedStep& step) {
    auto inputs = tensors::load_inputs(config_, step.config->inputs, plan_, step.config->method, files_);
    if (inputs) {
      step.inputs = std::move(*inputs);
      return;
    }
    for (Diagnostic diagnostic : std::move(inputs).errors()) {
      if (diagnostic.file.empty()) {  // an unknown method: the config's, beside its inputs
        diagnostic.file = config_.file;
        const std::string& pointer = step.config->inputs.pointer;
        diagnostic.pointer =
            pointer.empty() ? "/run/method" : pointer.substr(0, pointer.rfind('/')) + "/method";
      }
      found_.push_back(std::move(diagnostic));
    }
  }

  [[nodiscard]] const PreparedStep& step_at(std::uint64_t number) const {
    const auto after =
        std::upper_bound(steps_.begin(), steps_.end(), number,
                         [](std::uint64_t wanted, const PreparedStep& step) { return wanted < step.first; });
    return *(after - 1);
  }

  void check_references(const PreparedStep& step) {
    const plan::Method& method = plan_.methods.find(step.config->method)->second;
    for (const auto& [name, reference] : step.inputs.references) {
      // Later repetitions refer to this step itself, so these cover every step that is ever meant.
      const auto back = static_cast<std::uint64_t>(reference.step < 0 ? -reference.step : 0);
      const std::uint64_t repetitions = std::min<std::uint64_t>(step.config->repeat, back + 1);
      for (std::uint64_t i = 0; i < repetitions; ++i) {
        const PreparedStep& source = step_at(referenced_step(reference, step.first + i));
        if (!check_reference(step, method, name, reference, source)) break;
      }
    }
  }

  bool check_reference(const PreparedStep& step, const plan::Method& method, const std::string& name,
                       const config::OutputInput& reference, const PreparedStep& source) {
    const std::string& pointer = step.config->inputs.by_name.find(name)->second.pointer;
    const plan::Method& from = plan_.methods.find(source.config->method)->second;
    const auto named = [](const std::vector<plan::Port>& ports, const std::string& wanted) {
      return std::find_if(ports.begin(), ports.end(),
                          [&](const plan::Port& port) { return port.name == wanted; });
    };
    const auto output = named(from.outputs, reference.output);
    if (output == from.outputs.end()) {
      found_.push_back(
          problem(config_, "GE0715", pointer + "/output",
                  fmt::format("the method `{}` has no output `{}`", source.config->method, reference.output),
                  known_outputs(reference.output, tensor_outputs(plan_, from))));
      return false;
    }
    const auto given = tensors::port_type(plan_, from, *output);
    const auto taken = tensors::port_type(plan_, method, *named(method.inputs, name));
    if (given && taken && given->dtype == taken->dtype && given->shape.size() == taken->shape.size())
      return true;
    found_.push_back(
        problem(config_, "GE0713", pointer + "/output",
                fmt::format("output `{}` is {}, and input `{}` takes {}", reference.output,
                            given ? tensors::declared_type_text(plan_, *given) : "no tensor", name,
                            taken ? tensors::declared_type_text(plan_, *taken) : "no tensor"),
                "use an output of the input's element type and rank"));
    return false;
  }

  /// Fetches what `only` names, or everything; and what is expected, where the step has it.
  void choose_outputs() {
    std::set<std::string, std::less<>> matched;
    for (PreparedStep& step : steps_) {
      const plan::Method& method = plan_.methods.find(step.config->method)->second;
      for (const std::string_view output : tensor_outputs(plan_, method)) {
        bool fetch = !config_.outputs.only.has_value();
        if (config_.outputs.only)
          for (const std::string& name : *config_.outputs.only)
            if (means(name, step, output)) {
              fetch = true;
              matched.insert(name);
            }
        fetch = fetch || std::any_of(wanted_.begin(), wanted_.end(),
                                     [&](const std::string& name) { return means(name, step, output); });
        if (fetch) step.fetch.emplace_back(output);
      }
    }
    if (!config_.outputs.only) return;
    for (std::size_t i = 0; i < config_.outputs.only->size(); ++i) {
      const std::string& name = (*config_.outputs.only)[i];
      if (!matched.contains(name)) report_unmatched(name, fmt::format("/outputs/only/{}", i));
    }
  }

  [[nodiscard]] bool means(std::string_view name, const PreparedStep& step, std::string_view output) const {
    if (name == output) return true;
    if (!config_.run.has_steps) return false;
    const auto [number, rest] = split_name(name);
    return number && rest == output && *number >= step.first && *number < step.first + step.config->repeat;
  }

  void report_unmatched(std::string_view name, std::string pointer) {
    std::vector<std::string_view> names;
    for (const PreparedStep& step : steps_)
      for (const std::string_view output :
           tensor_outputs(plan_, plan_.methods.find(step.config->method)->second))
        if (std::find(names.begin(), names.end(), output) == names.end()) names.push_back(output);
    found_.push_back(problem(config_, "GE0715", std::move(pointer),
                             fmt::format("no step has an output `{}`", name),
                             known_outputs(split_name(name).second, names)));
  }

  const config::RunConfig& config_;
  const plan::Plan& plan_;
  const std::set<std::string, std::less<>>& wanted_;
  tensors::FileCache files_;
  std::vector<PreparedStep> steps_;
  Diagnostics found_;
};

/// Calls f(user step, its step number) for every later step that uses an output of step `number`.
template <class F>
void each_use(const std::vector<PreparedStep>& steps, std::uint64_t number, F f) {
  for (const PreparedStep& step : steps) {
    const std::uint64_t end = step.first + step.config->repeat;
    for (const auto& [name, reference] : step.inputs.references) {
      if (reference.step >= 0) {
        if (static_cast<std::uint64_t>(reference.step) == number) f(reference.output, end - 1);
      } else {
        const std::uint64_t user = number + static_cast<std::uint64_t>(-reference.step);
        if (user >= step.first && user < end) f(reference.output, user);
      }
    }
  }
}

}  // namespace

plan::Result<std::vector<PreparedStep>> prepare_steps(const config::RunConfig& config, const plan::Plan& plan,
                                                      const std::set<std::string, std::less<>>& wanted) {
  return Preparer(config, plan, wanted).prepare();
}

std::vector<MethodSizes> step_sizes(const plan::Plan& plan, const std::vector<PreparedStep>& steps) {
  std::vector<MethodSizes> all;
  std::vector<plan::Bindings> bindings;
  for (const PreparedStep& step : steps) {
    MethodSizes sizes{step.config->method, {}};
    const plan::Method& method = plan.methods.find(step.config->method)->second;
    for (const auto& [name, tensor] : step.inputs.tensors) {
      plan::InputShape shape{name, tensor.shape(), std::nullopt};
      const auto port = std::find_if(method.inputs.begin(), method.inputs.end(),
                                     [&wanted = name](const plan::Port& one) { return one.name == wanted; });
      const auto type = tensors::port_type(plan, method, *port);
      if (type && type->scalar) shape.number = tensors::number_of(tensor);
      sizes.inputs.push_back(std::move(shape));
    }
    for (const auto& [name, reference] : step.inputs.references) {
      const std::uint64_t source = referenced_step(reference, step.first);
      std::size_t index = 0;
      while (index + 1 < steps.size() && steps[index + 1].first <= source)
        ++index;
      if (index >= bindings.size()) continue;
      if (auto shape = output_shape(plan, steps[index].config->method, reference.output, bindings[index]))
        sizes.inputs.push_back({name, std::move(*shape), std::nullopt});
    }
    // A step whose sizes do not fit the plan is refused when it is scheduled or run, with the reason.
    plan::Bindings bound;
    if (const auto shapes = complete_shapes(method, sizes.inputs))
      if (auto known = plan::bind_symbols(plan, method, *shapes)) bound = std::move(*known);
    bindings.push_back(std::move(bound));
    all.push_back(std::move(sizes));
  }
  return all;
}

std::uint64_t referenced_step(const config::OutputInput& reference, std::uint64_t number) {
  return reference.step >= 0 ? static_cast<std::uint64_t>(reference.step)
                             : number - static_cast<std::uint64_t>(-reference.step);
}

std::vector<std::string> kept_outputs(const std::vector<PreparedStep>& steps, std::uint64_t number) {
  std::set<std::string, std::less<>> names;
  each_use(steps, number, [&](const std::string& output, std::uint64_t) { names.insert(output); });
  return {names.begin(), names.end()};
}

std::uint64_t last_use_of(const std::vector<PreparedStep>& steps, std::uint64_t number,
                          std::string_view output) {
  std::uint64_t last = number;
  each_use(steps, number, [&](const std::string& used, std::uint64_t user) {
    if (used == output) last = std::max(last, user);
  });
  return last;
}

}  // namespace genie::runtime
