#include "options.hpp"

#include <unistd.h>

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

/// One of two words; the default stays when the option is wrong, which is reported.
template <class E>
void read_word(View value, std::string_view key, std::string_view zero, std::string_view one, E& into,
               plan::Diagnostics& errors) {
  const std::string_view word = value.is(Kind::string) ? value.string() : std::string_view();
  if (word == zero)
    into = static_cast<E>(0);
  else if (word == one)
    into = static_cast<E>(1);
  else
    errors.push_back(wrong(
        plan::json::pointer_token(key),
        "`" + std::string(key) + "` is " + (word.empty() ? "not a word" : "`" + std::string(word) + "`"),
        did_you_mean(word, {zero, one})));
}

plan::Result<plan::Topology> read_topology(View value) {
  if (value.is(Kind::object))
    return plan::decode_topology(value.canonical(), {}, "backend options, /topology");
  if (!value.is(Kind::string))
    return wrong("/topology", "`topology` is neither a path nor an object",
                 "name a topology file, or write the document itself");
  const std::string path(value.string());
  const auto text = plan::read_file(path);
  if (!text)
    return wrong("/topology", "the topology " + path + ": " + text.errors().front().message,
                 "check the path; it is relative to the file that names it");
  return plan::decode_topology(*text, {.comments = true}, path);
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
      auto topology = read_topology(value);
      if (topology)
        options.topology = *std::move(topology);
      else
        errors.insert(errors.end(), topology.errors().begin(), topology.errors().end());
    } else if (key == "timing") {
      read_word(value, key, "virtual", "wall", options.timing, errors);
    } else if (key == "costs") {
      read_word(value, key, "model", "measured", options.costs, errors);
    } else if (key == "compute") {
      read_word(value, key, "real", "none", options.compute, errors);
    } else {
      errors.push_back(wrong(plan::json::pointer_token(key),
                             "backend-emulation has no option `" + std::string(key) + "`",
                             did_you_mean(key, {"topology", "timing", "costs", "compute"})));
    }
  }
  if (errors.empty() && options.compute == Compute::none && options.costs == Costs::measured)
    errors.push_back(wrong("/costs",
                           "`costs: measured` needs kernels to measure, and `compute: none` runs none",
                           "use `costs: model`"));
  if (errors.empty() && options.topology.devices.empty())
    errors.push_back(wrong("/topology", "the topology has no devices", "describe at least one"));
  if (!errors.empty()) return errors;
  return options;
}

}  // namespace genie::emulation
