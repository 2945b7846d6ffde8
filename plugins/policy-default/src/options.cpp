#include "options.hpp"

#include "genie/plan/json.hpp"

namespace genie::policy {

namespace {

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

}  // namespace

std::string_view name(Objective objective) {
  switch (objective) {
    case Objective::memory:
      return "memory";
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
    if (key != "objective") {
      errors.push_back(wrong(at, "policy-default has no option `" + std::string(key) + "`",
                             did_you_mean(key, {"objective"})));
      continue;
    }
    const std::string_view word = value.is(plan::json::Kind::string) ? value.string() : std::string_view();
    if (word == "latency")
      options.objective = Objective::latency;
    else if (word == "memory")
      options.objective = Objective::memory;
    else if (word == "bytes")
      options.objective = Objective::bytes;
    else if (word == "throughput")
      errors.push_back(
          wrong(at, "this version of policy-default does not optimise throughput",
                "use `latency`: the time of one call; stages of several calls do not overlap yet"));
    else
      errors.push_back(wrong(
          at, "`objective` is " + (word.empty() ? std::string("not a word") : "`" + std::string(word) + "`"),
          did_you_mean(word, {"latency", "memory", "bytes"})));
  }
  if (!errors.empty()) return errors;
  return options;
}

}  // namespace genie::policy
