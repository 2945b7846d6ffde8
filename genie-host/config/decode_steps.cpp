// The section `run`: methods, inputs, steps.
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <set>

#include "decode_internal.hpp"

namespace genie::config {

using plan::json::Kind;

namespace {

constexpr std::int64_t kMaxRepeat = 1'000'000;
constexpr std::int64_t kMaxExactInteger = (std::int64_t{1} << 53) - 1;  // what every JSON reader agrees on
constexpr std::int64_t kMaxDeadlineMs = std::int64_t{366} * 24 * 3600 * 1000;
constexpr std::int64_t kMaxRank = 64;

std::optional<plan::DType> decode_dtype(Context& context, View view) {
  if (!expect_kind(context.findings, view, Kind::string)) return std::nullopt;
  const auto dtype = plan::dtype_from_name(view.string());
  if (!dtype)
    context.findings.report("GE0013", view.pointer(), fmt::format("`{}` is no element type", view.string()),
                            "write one of f32, f16, bf16, f64, i64, i32, i16, i8, u8, bool, c64, …; "
                            "docs/run-config.md lists them");
  return dtype;
}

RandomInput decode_random(Context& context, View view) {
  RandomInput random;
  const ObjectReader reader(context.findings, view, {"seed", "shape", "dtype", "low", "high"});
  reader.integer("seed", random.seed, {0, kMaxExactInteger});
  if (const auto shape = reader.member("shape");
      shape && expect_kind(context.findings, *shape, Kind::array)) {
    random.shape.emplace();
    for (const auto [key, item] : shape->items())
      if (const auto size = read_integer(context.findings, item, {0})) random.shape->push_back(*size);
  }
  if (const auto dtype = reader.member("dtype")) random.dtype = decode_dtype(context, *dtype);
  if (const auto low = reader.member("low")) random.low = read_number(context.findings, *low);
  if (const auto high = reader.member("high")) random.high = read_number(context.findings, *high);
  return random;
}

/// Numbers, true, false, the three words JSON has no number for, and lists of these.
void check_literal(Context& context, View view) {
  if (view.is(Kind::array)) {
    for (const auto [key, item] : view.items())
      check_literal(context, item);
  } else if (view.is(Kind::string)) {
    constexpr std::array<std::string_view, 3> kWords = {"NaN", "Infinity", "-Infinity"};
    (void)read_word(context.findings, view, kWords);
  } else if (view.is(Kind::null) || view.is(Kind::object)) {
    context.findings.report(
        "GE0012", view.pointer(),
        fmt::format("expected a number or a list of numbers, found {}", in_words(view.kind())),
        "write 0.5, true, or [[1, 2], [3, 4]]");
  }
}

/// "0/next", "-1/past.0.key": a step and the name of its output.
OutputInput decode_output_reference(Context& context, View view) {
  OutputInput reference;
  if (!expect_kind(context.findings, view, Kind::string)) return reference;
  const std::string_view text = view.string();
  const std::size_t slash = text.find('/');
  const std::string_view step = text.substr(0, slash);
  const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), reference.step);
  const bool canonical =
      error == std::errc{} && end == step.data() + step.size() && std::to_string(reference.step) == step;
  constexpr std::int64_t kMaxStep = kMaxRepeat - 1;
  const bool in_range = reference.step >= -kMaxStep && reference.step <= kMaxStep;
  if (slash == std::string_view::npos || slash + 1 == text.size() || !canonical || !in_range) {
    context.findings.report(
        "GE0013", view.pointer(), fmt::format("`{}` does not name an output of a step", text),
        "write the step's number and the output's name, \"0/next\", or \"-1/next\" for the step before");
    return reference;
  }
  reference.output = text.substr(slash + 1);
  return reference;
}

Input decode_input(Context& context, View view) {
  Input input;
  input.pointer = view.pointer();
  const ObjectReader reader(context.findings, view, {"file", "tensor", "random", "value", "dtype", "output"});
  if (!reader.ok()) return input;
  const std::size_t count = at_most_one(context.findings, reader, {"file", "random", "value", "output"},
                                        "an input comes from one place: leave one key");
  if (count == 0)
    context.findings.report(
        "GE0011", input.pointer, "the input does not say where it comes from",
        "add `file` (.npy or .safetensors), `value`, `random`, or `output` (of an earlier step)");
  for (const auto& [key, owner] : {std::pair{"tensor", "file"}, std::pair{"dtype", "value"}})
    if (reader.has(key) && !reader.has(owner))
      context.findings.report("GE0014", reader.pointer(key), fmt::format("`{}` goes with `{}`", key, owner),
                              fmt::format("leave `{}` out{}", key,
                                          std::string_view(key) == "dtype" && reader.has("random")
                                              ? ", or write it inside `random`"
                                              : ""));
  if (reader.has("file")) {
    FileInput file;
    context.read_path(reader, "file", file.path);
    reader.text("tensor", file.tensor);
    input.from = std::move(file);
  }
  if (const auto random = reader.member("random")) input.from = decode_random(context, *random);
  if (const auto value = reader.member("value")) {
    check_literal(context, *value);
    ValueInput literal{value->canonical(), std::nullopt};
    if (const auto dtype = reader.member("dtype")) literal.dtype = decode_dtype(context, *dtype);
    input.from = std::move(literal);
  }
  if (const auto output = reader.member("output")) input.from = decode_output_reference(context, *output);
  return input;
}

Inputs decode_inputs(Context& context, View view) {
  Inputs inputs;
  inputs.pointer = view.pointer();
  if (view.is(Kind::string)) {
    if (const auto file = read_text(context.findings, view)) inputs.file = context.path(*file);
    return inputs;
  }
  if (!view.is(Kind::object)) {
    context.findings.report(
        "GE0012", view.pointer(),
        fmt::format("expected inputs by name, or one file, found {}", in_words(view.kind())),
        "write {\"input_ids\": {\"file\": \"ids.npy\"}} or \"inputs.safetensors\"");
    return inputs;
  }
  for (const auto [name, item] : view.items())
    inputs.by_name.emplace(std::string(name), decode_input(context, item));
  return inputs;
}

void decode_step(Context& context, const ObjectReader& reader, Step& into) {
  reader.text("method", into.method);
  if (const auto inputs = reader.member("inputs")) into.inputs = decode_inputs(context, *inputs);
  if (into.inputs.pointer.empty()) into.inputs.pointer = reader.pointer("inputs");
}

AddedOutput decode_added(Context& context, View view) {
  AddedOutput added;
  added.pointer = view.pointer();
  const ObjectReader reader(context.findings, view, {"output", "argmax", "topk", "dim", "k"});
  if (reader.required("output", "the name of the new output")) reader.text("output", added.output);
  const std::size_t count =
      at_most_one(context.findings, reader, {"argmax", "topk"}, "ask for one of them in each entry of `add`");
  if (reader.ok() && count == 0)
    context.findings.report("GE0011", added.pointer, "the added output does not say what to compute",
                            "add `argmax` or `topk` with the name of an output of the model");
  added.kind = reader.has("topk") ? AddedOutput::Kind::topk : AddedOutput::Kind::argmax;
  reader.text("argmax", added.of);
  reader.text("topk", added.of);
  reader.integer("dim", added.dim, {-kMaxRank, kMaxRank - 1});
  if (reader.has("k") && !reader.has("topk"))
    context.findings.report("GE0014", reader.pointer("k"), "`k` goes with `topk`", "leave `k` out");
  reader.integer("k", added.k, {1, kMaxExactInteger});
  return added;
}

}  // namespace

std::size_t Run::step_count() const {
  std::size_t count = 0;
  for (const Step& step : steps)
    count += step.repeat;
  return count;
}

void decode_steps(Context& context, View view, Run& into) {
  const ObjectReader reader(
      context.findings, view,
      {"method", "inputs", "steps", "repeat", "warmup", "on_worker_loss", "deadline_ms", "seed", "add"});
  reader.integer("repeat", into.repeat, {1, kMaxRepeat});
  reader.integer("warmup", into.warmup, {0, kMaxRepeat});
  reader.integer("seed", into.seed, {0, kMaxExactInteger});
  if (const auto deadline = reader.member("deadline_ms"))
    if (const auto value = read_integer(context.findings, *deadline, {1, kMaxDeadlineMs}))
      into.deadline_ms = static_cast<std::uint64_t>(*value);
  if (const auto loss = reader.member("on_worker_loss")) {
    constexpr std::array<std::string_view, 2> kWords = {"fail", "replan"};
    if (const auto index = read_word(context.findings, *loss, kWords))
      into.on_worker_loss = *index == 0 ? OnWorkerLoss::fail : OnWorkerLoss::replan;
  }
  if (const auto add = reader.member("add"); add && expect_kind(context.findings, *add, Kind::array))
    for (const auto [key, item] : add->items())
      into.add.push_back(decode_added(context, item));

  const auto steps = reader.member("steps");
  if (!steps) {
    decode_step(context, reader, into.steps.emplace_back());
    return;
  }
  into.has_steps = true;
  for (const std::string_view key : {"method", "inputs"})
    if (reader.has(key))
      context.findings.report("GE0014", reader.pointer(key),
                              fmt::format("`{}` and `steps` exclude each other", key),
                              fmt::format("move `{}` into the steps", key));
  if (!expect_kind(context.findings, *steps, Kind::array)) return;
  if (steps->size() == 0)
    context.findings.report("GE0013", steps->pointer(), "there are no steps",
                            "write at least one: [{\"method\": \"forward\", \"inputs\": …}]");
  for (const auto [key, item] : steps->items()) {
    const ObjectReader step(context.findings, item, {"method", "inputs", "repeat"});
    Step& decoded = into.steps.emplace_back();
    decode_step(context, step, decoded);
    step.integer("repeat", decoded.repeat, {1, kMaxRepeat});
  }
}

void check_steps(Context& context, const Run& run) {
  if (run.step_count() > static_cast<std::size_t>(kMaxRepeat))
    context.findings.report("GE0017", "/run/steps", fmt::format("{} steps in one run", run.step_count()),
                            fmt::format("a run has at most {} steps, repeats counted", kMaxRepeat));
  std::int64_t first = 0;  // number of the step's first repetition
  for (const Step& step : run.steps) {
    for (const auto& [name, input] : step.inputs.by_name) {
      const std::string where = input.pointer;
      if (const auto* random = std::get_if<RandomInput>(&input.from);
          random && random->low && random->high && !(*random->low < *random->high))
        context.findings.report(
            "GE0017", where + "/random",
            fmt::format("no number lies between low {} and high {}", *random->low, *random->high),
            "write a `low` below `high`; `high` itself is not drawn");
      const auto* reference = std::get_if<OutputInput>(&input.from);
      if (!reference) continue;
      const bool runs_before = reference->step >= 0 ? reference->step < first : first + reference->step >= 0;
      if (!runs_before)
        context.findings.report(
            "GE0017", where + "/output",
            fmt::format("step {} cannot use an output of step {}, which has not run by then", first,
                        reference->step >= 0 ? reference->step : first + reference->step),
            first == 0
                ? "the first step takes its inputs from files, values or random numbers"
                : fmt::format("name a step from 0 to {}, or count back from -1 to -{}", first - 1, first));
    }
    first += step.repeat;
  }
  std::set<std::string_view> names;
  for (const AddedOutput& added : run.add)
    if (!names.insert(added.output).second)
      context.findings.report("GE0017", added.pointer + "/output",
                              fmt::format("two added outputs are named `{}`", added.output),
                              "give each a name of its own");
}

}  // namespace genie::config
