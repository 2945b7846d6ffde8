#include "scheduler/topology.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "genie/plan/json.hpp"

namespace genie::scheduler {
namespace {

using plan::json::Kind;
using runtime::Category;
using runtime::failure;
using runtime::KernelsInstance;
using runtime::Result;

// {"kinds", "ops", "dtypes", "versions"}: versions go to the report, because the same devices with a newer library are still
// the same topology.
Result<plan::KernelsInfo> describe(runtime::EngineCore& core, KernelsInstance& kernels) {
  runtime::TextSink json;
  const services::StatusPtr status(kernels.call().describe(kernels.self(), json.sink()));
  if (!status.ok())
    return runtime::failure_of({kernels.id(), "describe itself", Category::plugin, "GE0122"}, status);
  const auto malformed = [&](const std::string& why) {
    return failure(Category::plugin, GENIE_INTERNAL, "GE0133",
                   kernels.id() + "'s description of itself is malformed: " + why);
  };
  auto document = plan::json::Document::parse(json.value, {}, kernels.id());
  if (!document) return malformed(document.errors().front().message);
  const plan::json::View root = document->root();
  if (!root.is(Kind::object)) return malformed("it is no JSON object");
  plan::KernelsInfo info;
  for (const auto& [key, value] : root.items()) {
    if (key == "versions") {
      if (!value.is(Kind::object)) return malformed("'versions' must be an object");
      for (const auto& [name, text] : value.items())
        if (text.is(Kind::string)) core.versions[std::string(name)] = std::string(text.string());
    } else if (key == "kinds" || key == "dtypes" || (key == "ops" && value.is(Kind::array))) {
      if (!value.is(Kind::array)) return malformed("'" + std::string(key) + "' must be a list");
      std::vector<std::string> names;
      for (const auto& item : value.items()) {
        if (!item.value.is(Kind::string))
          return malformed("'" + std::string(key) + "' must be a list of texts");
        names.emplace_back(item.value.string());
      }
      if (key == "kinds")
        info.kinds = std::move(names);
      else if (key == "ops")
        info.ops = std::move(names);
      else
        // An element type that this host does not know cannot be in a plan either.
        for (const std::string& name : names)
          if (const auto dtype = plan::dtype_from_name(name)) info.dtypes.push_back(*dtype);
    } else if (key == "ops") {
      if (!value.is(Kind::string) || value.string() != "*") return malformed("'ops' must be \"*\" or a list");
    } else {
      info.extra.emplace_back(key, value.canonical());
    }
  }
  std::sort(info.extra.begin(), info.extra.end());
  return info;
}

// What a device without kernels of its own gets. `computes`: they are going to be used; else a name does.
std::vector<std::string> default_kernels(const runtime::EngineCore& core, bool computes) {
  std::vector<std::string> ids;
  for (const config::PluginUse& use : core.config.kernels)
    ids.push_back(use.plugin);
  if (ids.empty()) {
    const std::vector<std::string> found = core.catalogue.ids_of_kind("kernels");
    if (!found.empty())
      ids.push_back(found.front());
    else if (!computes)
      ids.emplace_back(config::kDefaultKernels);
  }
  return ids;
}

}  // namespace

Result<plan::Topology> make_topology(runtime::EngineCore& core) {
  runtime::BackendInstance& backend = *core.backend;
  runtime::TextSink json;
  const services::CallContext call = core.context();
  const services::StatusPtr status(backend.call().topology(call.get(), backend.self(), json.sink()));
  if (!status.ok())
    return runtime::failure_of({backend.id(), "describe its devices", Category::execution, "GE0122"}, status);
  auto decoded = plan::decode_topology(json.value, {}, backend.id() + "'s topology");
  if (!decoded) return failure(Category::plugin, std::move(decoded).errors(), GENIE_INTERNAL);
  plan::Topology topology = std::move(decoded).value();

  // A backend that computes nothing says what kernels can do, so that none are loaded only to be asked.
  std::optional<plan::KernelsInfo> others;
  if (const auto entry = topology.kernels.find(plan::kOtherKernels); entry != topology.kernels.end()) {
    others = std::move(entry->second);
    topology.kernels.erase(entry);
  }
  const std::vector<std::string> defaults = default_kernels(core, !others);
  plan::Diagnostics unusable;  // kernels that devices name and that cannot be had
  std::set<std::string> bad;
  for (plan::Device& device : topology.devices) {
    if (device.kernels.empty()) device.kernels = defaults;
    bool any = false;
    for (const std::string& id : device.kernels) {
      if (others && !core.kernels.contains(id)) topology.kernels.try_emplace(id, *others);
      if (!topology.kernels.contains(id) && !bad.contains(id)) {
        auto kernels = core.use_kernels(id);
        auto info = kernels ? describe(core, **kernels) : Result<plan::KernelsInfo>(kernels.failure());
        if (info) {
          topology.kernels.insert_or_assign(id, *std::move(info));
        } else {
          bad.insert(id);
          unusable.insert(unusable.end(), info.failure().diagnostics.begin(),
                          info.failure().diagnostics.end());
        }
      }
      any = any || topology.kernels.contains(id);
    }
    if (any) continue;
    runtime::Failure none =
        failure(Category::plugin, GENIE_NOT_FOUND, "GE0145",
                "device '" + device.id + "' has no kernels to compute with",
                device.kernels.empty()
                    ? "no kernels plug-in was found: name its folder with --plugin or in /plugins/paths"
                    : "none of the kernels that the topology names for it can be used");
    none.diagnostics.insert(none.diagnostics.end(), unusable.begin(), unusable.end());
    return none;
  }
  for (plan::Diagnostic& why : unusable) {
    why.severity = plan::Severity::warning;
    core.warnings.push_back(std::move(why));
  }
  return topology;
}

}  // namespace genie::scheduler
