#include "options.hpp"

#include <unistd.h>

#include <algorithm>

#include <thread>

#include "genie/plan/file.hpp"
#include "genie/plan/json.hpp"

namespace genie::emulation {

namespace {

using plan::json::Kind;
using plan::json::View;

plan::Diagnostic wrong(std::string pointer, std::string message, std::string help) {
  plan::Diagnostic d;
  d.code = "GE0600";
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

/// One of the words of an enumeration, in its order; the default stays when the option is wrong, which is reported.
template <class E>
void read_word(View value, std::string_view key, const std::vector<std::string_view>& words, E& into,
               plan::Diagnostics& errors) {
  const std::string_view word = value.is(Kind::string) ? value.string() : std::string_view();
  const auto at = std::ranges::find(words, word);
  if (at != words.end())
    into = static_cast<E>(at - words.begin());
  else
    errors.push_back(wrong(
        plan::json::pointer_token(key),
        "`" + std::string(key) + "` is " + (word.empty() ? "not a word" : "`" + std::string(word) + "`"),
        did_you_mean(word, words)));
}

/// For each step an object of stages and their nanoseconds.
void read_durations(View value, Options& options, plan::Diagnostics& errors) {
  const auto malformed = [&](const std::string& pointer) {
    errors.push_back(wrong(pointer,
                           "`durations` is a list of objects, one for each step: stage and nanoseconds",
                           "leave it as `genie-host run --record` wrote it"));
  };
  if (!value.is(Kind::array)) return malformed("/durations");
  for (const auto [index, step] : value.items()) {
    if (!step.is(Kind::object)) return malformed("/durations");
    auto& durations = options.durations.emplace_back();
    for (const auto [stage, ns] : step.items()) {
      if (!ns.is(Kind::integer) || ns.integer() < 0) return malformed("/durations");
      durations.emplace(stage, static_cast<std::uint64_t>(ns.integer()));
    }
  }
}

/// A document that an option names or holds. `what` is what a person calls it.
template <class Decode>
auto read_document(View value, std::string_view key, std::string_view what, Decode decode)
    -> decltype(decode(std::string_view(), plan::json::ReadOptions(), std::string_view())) {
  const std::string pointer = plan::json::pointer_token(key);
  if (value.is(Kind::object)) return decode(value.canonical(), {}, "backend options, " + pointer);
  if (!value.is(Kind::string))
    return wrong(pointer, "`" + std::string(key) + "` is neither a path nor an object",
                 "name a " + std::string(what) + " file, or write the document itself");
  const std::string path(value.string());
  const auto text = plan::read_file(path);
  if (!text)
    return wrong(pointer, "the " + std::string(what) + " " + path + ": " + text.errors().front().message,
                 "check the path; it is relative to the file that names it");
  return decode(*text, {.comments = true}, path);
}

/// What a fault script names must be there; its problems say in which file.
void check_script(View value, const Options& options, plan::Diagnostics& errors) {
  plan::Diagnostics problems = plan::check_faults(*options.faults, options.topology);
  for (plan::Diagnostic& problem : problems) {
    if (value.is(Kind::string))
      problem.file = value.string();
    else
      problem.pointer = "/faults" + problem.pointer;
  }
  errors.insert(errors.end(), problems.begin(), problems.end());
}

}  // namespace

plan::Topology local_topology() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_bytes = ::sysconf(_SC_PAGESIZE);
  plan::Device device;
  device.id = device.host = "local";
  device.kind = "cpu";
  device.memory_bytes = pages > 0 && page_bytes > 0
                            ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes)
                            : std::uint64_t{1} << 32;
  // Orders of magnitude of one present-day core; `costs: measured` replaces them by what was seen.
  const double cores = std::max(1u, std::thread::hardware_concurrency());
  device.compute = {3e10 * cores, 1e10, 2000};
  plan::Topology topology;
  topology.devices.push_back(std::move(device));
  return topology;
}

plan::Result<Options> read_options(std::string_view json) {
  Options options;
  options.topology = local_topology();
  if (json.empty()) return options;
  auto document = plan::json::Document::parse(json, {.comments = true}, "backend options");
  if (!document) return std::move(document).errors();
  const View root = document->root();
  if (!root.is(Kind::object))
    return wrong("", "the backend's options must be an object", "write {\"topology\": \"cluster.json\"}");
  plan::Diagnostics errors;
  for (const auto [key, value] : root.items()) {
    if (key == "topology") {
      auto topology = read_document(value, key, "topology", plan::decode_topology);
      if (topology)
        options.topology = *std::move(topology);
      else
        errors.insert(errors.end(), topology.errors().begin(), topology.errors().end());
    } else if (key == "faults") {
      auto script = read_document(value, key, "fault script", plan::decode_faults);
      if (script)
        options.faults = *std::move(script);
      else
        errors.insert(errors.end(), script.errors().begin(), script.errors().end());
    } else if (key == "timing") {
      read_word(value, key, {"virtual", "wall"}, options.timing, errors);
    } else if (key == "costs") {
      read_word(value, key, {"model", "measured", "recorded"}, options.costs, errors);
    } else if (key == "durations") {
      read_durations(value, options, errors);
    } else if (key == "compute") {
      read_word(value, key, {"real", "none"}, options.compute, errors);
    } else {
      errors.push_back(
          wrong(plan::json::pointer_token(key), "backend-emulation has no option `" + std::string(key) + "`",
                did_you_mean(key, {"topology", "timing", "costs", "compute", "faults", "durations"})));
    }
  }
  if (errors.empty() && options.compute == Compute::none && options.costs == Costs::measured)
    errors.push_back(wrong("/costs",
                           "`costs: measured` needs kernels to measure, and `compute: none` runs none",
                           "use `costs: model`"));
  if (errors.empty() && (options.costs == Costs::recorded) != (root.find("durations").has_value()))
    errors.push_back(
        wrong("/costs", "`costs: recorded` and `durations` go together", "give both or neither"));
  if (errors.empty() && options.faults && options.costs != Costs::model)
    errors.push_back(
        wrong("/costs",
              "`costs: measured` and `faults` do not go together: when a fault strikes must not depend "
              "on how long something took here",
              "use `costs: model`"));
  if (errors.empty() && options.faults) check_script(*root.find("faults"), options, errors);
  if (errors.empty() && options.topology.devices.empty())
    errors.push_back(wrong("/topology", "the topology has no devices", "describe at least one"));
  if (!errors.empty()) return errors;
  if (options.compute == Compute::none)
    options.topology.kernels.try_emplace(std::string(plan::kOtherKernels));  // they can do anything
  else
    options.topology.kernels.clear();  // they compute here, and know best what they can
  return options;
}

}  // namespace genie::emulation
