#include "serve/serve.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <thread>

#include "genie/plan/json.hpp"
#include "plugin/catalogue.hpp"
#include "runtime/instance.hpp"
#include "services/call.hpp"
#include "services/completion.hpp"

namespace genie::serve {
namespace {

using runtime::Category;
using runtime::failure;
using runtime::KernelsInstance;
using ServiceInstance = runtime::Instance<genie_service_v1, genie_service>;

/// As services expect them: a list of topology devices that name their kernels.
std::string devices_json(const config::WorkerConfig& config, const std::vector<std::string>& all_kernels) {
  plan::json::Writer json;
  json.begin_array();
  for (const plan::Device& device : config.devices) {
    json.begin_object().key("id").value(device.id).key("kind").value(device.kind);
    json.key("memory_bytes").value(device.memory_bytes).key("speed").value(device.speed);
    if (!device.host.empty()) json.key("host").value(device.host);
    json.key("kernels").begin_array();
    for (const std::string& id : device.kernels.empty() ? all_kernels : device.kernels)
      json.value(id);
    json.end_array().key("compute").begin_object();
    json.key("flops_per_s").value(device.compute.flops_per_s);
    json.key("memory_bytes_per_s").value(device.compute.memory_bytes_per_s);
    json.key("op_overhead_ns").value(device.compute.op_overhead_ns).end_object().end_object();
  }
  json.end_array();
  return json.take();
}

/// Looks for the wish to stop, which comes from a signal handler, and hands it on.
class StopWatch {
 public:
  StopWatch(const runtime::CancelToken& token, std::function<void()> stop)
      : thread_([this, &token, stop = std::move(stop)] {
          while (!ended_.load()) {
            if (token.cancelled()) return stop();
            std::this_thread::sleep_for(std::chrono::milliseconds(runtime::CancelToken::kPollMs));
          }
        }) {}
  StopWatch(const StopWatch&) = delete;
  ~StopWatch() {
    ended_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace

runtime::Status serve(const config::WorkerConfig& config, const ServeOptions& options) {
  plugin::CatalogueOptions search;
  search.paths = options.plugin_paths;
  search.config_paths = config.plugins.paths;
  search.allow = config.plugins.allow;
  search.host_executable = options.host_executable;
  plugin::Catalogue catalogue = plugin::Catalogue::discover(std::move(search), options.log);
  if (auto wrong = catalogue.check_named(); !wrong.empty())
    return failure(Category::plugin, std::move(wrong), GENIE_FAILED_PRECONDITION);

  std::vector<config::PluginUse> uses = config.kernels;
  if (uses.empty())
    if (const auto found = catalogue.ids_of_kind("kernels"); !found.empty())
      uses.push_back({found.front(), "{}"});
  if (uses.empty())
    return failure(Category::plugin, GENIE_NOT_FOUND, "GE0145", "the worker has no kernels to compute with",
                   "no kernels plug-in was found: name its folder with --plugin or in /plugins/paths");
  std::vector<std::string> ids;
  for (const config::PluginUse& use : uses)
    ids.push_back(use.plugin);
  if (options.set_environment) {
    std::vector<std::string> used = ids;
    used.push_back(config.service.plugin);
    catalogue.set_environment(used);
  }
  for (std::size_t d = 0; d < config.devices.size(); ++d)
    for (const std::string& id : config.devices[d].kernels)
      if (std::ranges::find(ids, id) == ids.end())
        return runtime::in_section(failure(Category::config, GENIE_INVALID_ARGUMENT, "GE0013",
                                           "device " + config.devices[d].id + " names kernels " + id +
                                               ", which the worker does not load",
                                           "add them to /kernels"),
                                   config.file, "/devices/" + std::to_string(d) + "/kernels");

  // Members are destroyed bottom up: the service before the kernels that it uses.
  auto services = std::make_shared<services::Services>(options.log);
  std::vector<std::unique_ptr<KernelsInstance>> kernels;
  const auto located = [&](runtime::Failure failed, const std::string& section) {
    return runtime::in_section(std::move(failed), config.file, section);
  };
  for (std::size_t k = 0; k < uses.size(); ++k) {
    const std::string section = "/kernels/" + std::to_string(k);
    auto library = catalogue.load(uses[k].plugin);
    if (!library)
      return located(failure(Category::plugin, std::move(library).errors(), GENIE_NOT_FOUND), section);
    auto instance = KernelsInstance::create(services, **library, GENIE_KERNELS_V1, uses[k].options);
    if (!instance) return located(std::move(instance).failure(), section);
    services->kernels.add(uses[k].plugin, {&(*instance)->table(), (*instance)->self()});
    kernels.push_back(*std::move(instance));
  }
  auto library = catalogue.load(config.service.plugin);
  if (!library)
    return located(failure(Category::plugin, std::move(library).errors(), GENIE_NOT_FOUND), "/service");
  auto service = ServiceInstance::create(services, **library, GENIE_SERVICE_V1, config.service.options);
  if (!service) return located(std::move(service).failure(), "/service");

  ServiceInstance& running = **service;
  const services::CallContext call(nullptr, {});
  const std::string devices = devices_json(config, ids);
  const StopWatch watch(*options.stop, [&] {
    running.table().stop(running.self(), services::monotonic_ns() + config.drain_ms * 1'000'000);
  });
  const auto ready = [](void* ctx, genie_str json) noexcept {
    static_cast<const ServeOptions*>(ctx)->ready(services::view(json));
  };
  const services::StatusPtr ended(running.call().serve(call.get(), running.self(), services::str(devices),
                                                       ready, const_cast<ServeOptions*>(&options)));
  if (!ended.ok())
    return located(runtime::failure_of({running.id(), "serve", Category::execution, "GE0659"}, ended),
                   "/service");
  return runtime::Unit{};
}

}  // namespace genie::serve
