#include "options.hpp"

#include "genie/plan/json.hpp"
#include "genie/plan/model.hpp"

namespace genie::policy {

namespace {

constexpr std::uint32_t kMicroBatches = 8;  ///< of throughput, unless the options say

plan::Diagnostic wrong(std::string pointer, std::string message, std::string help) {
  plan::Diagnostic d;
  d.code = "GE0560";
  d.pointer = std::move(pointer);
  d.message = std::move(message);
  d.help = std::move(help);
  return d;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known) {
  std::string all;
  for (const std::string_view k : known)
    all += (all.empty() ? "`" : ", `") + std::string(k) + "`";
  const std::string_view near = plan::json::nearest(word, known);
  return near.empty() ? "known: " + all : "did you mean `" + std::string(near) + "`? Known: " + all;
}

void read_objective(plan::json::View value, const std::string& at, Options& options,
                    plan::Diagnostics& errors) {
  const std::string_view word = value.is(plan::json::Kind::string) ? value.string() : std::string_view();
  for (const Objective objective :
       {Objective::latency, Objective::throughput, Objective::memory, Objective::bytes})
    if (word == name(objective)) {
      options.objective = objective;
      return;
    }
  errors.push_back(wrong(
      at, "`objective` is " + (word.empty() ? std::string("not a word") : "`" + std::string(word) + "`"),
      did_you_mean(word, {"latency", "throughput", "memory", "bytes"})));
}

void read_micro_batches(plan::json::View value, const std::string& at, Options& options,
                        plan::Diagnostics& errors) {
  if (value.is(plan::json::Kind::integer) && value.integer() >= 1 &&
      value.integer() <= std::int64_t{plan::kMaxMicroBatches})
    options.micro_batches = static_cast<std::uint32_t>(value.integer());
  else
    errors.push_back(wrong(at, "`micro_batches` is " + value.canonical(),
                           "give a whole number from 1 to " + std::to_string(plan::kMaxMicroBatches)));
}

}  // namespace

std::string_view name(Objective objective) {
  switch (objective) {
    case Objective::memory:
      return "memory";
    case Objective::throughput:
      return "throughput";
    case Objective::bytes:
      return "bytes";
    case Objective::latency:
      break;
  }
  return "latency";
}

plan::Result<Options> read_options(std::string_view json) {
  Options options;
  if (json.empty()) return options;
  auto document = plan::json::Document::parse(json, {.comments = true}, "policy options");
  if (!document) return std::move(document).errors();
  const plan::json::View root = document->root();
  if (!root.is(plan::json::Kind::object))
    return wrong("", "the policy's options must be an object", "write {\"objective\": \"latency\"}");
  plan::Diagnostics errors;
  for (const auto [key, value] : root.items()) {
    const std::string at = plan::json::pointer_token(key);
    if (key == "objective")
      read_objective(value, at, options, errors);
    else if (key == "micro_batches")
      read_micro_batches(value, at, options, errors);
    else
      errors.push_back(wrong(at, "policy-default has no option `" + std::string(key) + "`",
                             did_you_mean(key, {"objective", "micro_batches"})));
  }
  const bool given = root.find("micro_batches").has_value();
  if (options.objective == Objective::throughput && !given) options.micro_batches = kMicroBatches;
  if (options.objective != Objective::throughput && given && errors.empty())
    errors.push_back(wrong("/micro_batches", "`micro_batches` goes with the objective `throughput`",
                           "add \"objective\": \"throughput\", or leave it out"));
  if (!errors.empty()) return errors;
  return options;
}

}  // namespace genie::policy
