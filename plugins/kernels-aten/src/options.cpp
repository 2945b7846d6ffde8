#include "options.hpp"

#include <limits>
#include <string>
#include <vector>

#include "failure.hpp"
#include "genie/plan/json.hpp"

namespace genie::kernels_aten {

namespace {

constexpr std::int64_t kMostThreads = 4096;

Error wrong(std::string pointer, std::string message, std::string help) {
  plan::Diagnostic diagnostic;
  diagnostic.code = code::kOption;
  diagnostic.pointer = std::move(pointer);
  diagnostic.message = std::move(message);
  diagnostic.help = std::move(help);
  return error_of(GENIE_INVALID_ARGUMENT, std::move(diagnostic));
}

Error unknown(std::string_view key, const std::vector<std::string_view>& known) {
  std::string help;
  if (known.empty()) {
    help = "Remove it: there are no options here";
  } else {
    const std::string_view near = plan::json::nearest(key, known);
    help = near.empty() ? "Known options:" : "Did you mean \"" + std::string(near) + "\"? Known options:";
    for (const std::string_view name : known)
      help += (name == known.front() ? " " : ", ") + std::string(name);
  }
  return wrong(plan::json::pointer_token(key), "kernels-aten has no option \"" + std::string(key) + "\"",
               std::move(help));
}

Expected<int> threads(std::string_view key, plan::json::View value) {
  if (!value.is(plan::json::Kind::integer) || value.integer() < 1 || value.integer() > kMostThreads)
    return wrong(plan::json::pointer_token(key),
                 "option \"" + std::string(key) + "\" is " + value.canonical(),
                 "Give a whole number from 1 to " + std::to_string(kMostThreads));
  return static_cast<int>(value.integer());
}

}  // namespace

Expected<Options> read_options(std::string_view json) {
  static const std::vector<std::string_view> kKnown{"threads", "interop_threads", "deterministic", "results"};
  Options options;
  if (json.empty()) return options;
  const auto document = plan::json::Document::parse(json, {}, "options of kernels-aten");
  if (!document) return error_of(GENIE_INVALID_ARGUMENT, document.errors());
  if (!document->root().is(plan::json::Kind::object))
    return wrong("", "the options of kernels-aten are no JSON object",
                 "Give an object, such as {\"threads\": 2}");
  for (const auto& [key, value] : document->root().items()) {
    if (key == "threads" || key == "interop_threads") {
      auto count = threads(key, value);
      if (!count) return std::move(count).error();
      (key == "threads" ? options.threads : options.interop_threads) = *count;
    } else if (key == "deterministic") {
      if (!value.is(plan::json::Kind::boolean))
        return wrong("/deterministic", "option \"deterministic\" is " + value.canonical(),
                     "Give true or false");
      options.deterministic = value.boolean();
    } else if (key == "results") {
      if (!value.is(plan::json::Kind::string) || (value.string() != "exact" && value.string() != "close"))
        return wrong("/results", "option \"results\" is " + value.canonical(), "Give \"exact\" or \"close\"");
      options.close = value.string() == "close";
    } else {
      return unknown(key, kKnown);
    }
  }
  return options;
}

Outcome refuse_options(std::string_view json, std::string_view of) {
  if (json.empty()) return Done{};
  const auto document = plan::json::Document::parse(json, {}, "options of " + std::string(of));
  if (!document) return error_of(GENIE_INVALID_ARGUMENT, document.errors());
  if (!document->root().is(plan::json::Kind::object))
    return wrong("", "the options of " + std::string(of) + " are no JSON object", "Give {}");
  for (const auto& [key, value] : document->root().items())
    return unknown(key, {});
  return Done{};
}

Expected<std::uint64_t> read_spare_bytes(std::string_view json) {
  auto spare = std::numeric_limits<std::uint64_t>::max();
  if (json.empty()) return spare;
  const auto document = plan::json::Document::parse(json, {}, "options of a stage");
  if (!document) return error_of(GENIE_INVALID_ARGUMENT, document.errors());
  if (!document->root().is(plan::json::Kind::object))
    return wrong("", "the options of a stage are no JSON object", "Give {}");
  for (const auto& [key, value] : document->root().items()) {
    if (key != "spare_bytes") return unknown(key, {"spare_bytes"});
    if (!value.is(plan::json::Kind::integer) || value.integer() < 0)
      return wrong("/spare_bytes", "option \"spare_bytes\" is " + value.canonical(),
                   "Give a number of bytes");
    spare = static_cast<std::uint64_t>(value.integer());
  }
  return spare;
}

}  // namespace genie::kernels_aten
