#include "doctor/doctor.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>

#include "genie/plan/json.hpp"
#include "genie/plan/topology.hpp"
#include "plugin/catalogue.hpp"
#include "report/format.hpp"
#include "runtime/instance.hpp"
#include "services/call.hpp"

namespace genie::doctor {
namespace {

using plugin::Candidate;
using runtime::Category;
using runtime::KernelsInstance;
using ServiceInstance = runtime::Instance<genie_service_v1, genie_service>;

constexpr std::string_view kPlugins = "plug-ins";
constexpr std::string_view kMachine = "this machine";
constexpr std::string_view kKernels = "kernels";
constexpr std::string_view kConfig = "the config";

std::optional<std::uint64_t> available_memory() {
  std::ifstream in("/proc/meminfo");
  std::string word;
  std::uint64_t kib = 0;
  while (in >> word)
    if (word == "MemAvailable:" && in >> kib) return kib * 1024;
  return std::nullopt;
}

/// One look at everything, in the order in which a person wants to read it.
class Doctor {
 public:
  Doctor(const Options& options, const config::Plugins& plugins, bool config_given)
      : options_(options),
        config_given_(config_given),
        services_(std::make_shared<services::Services>(options.log)),
        catalogue_(plugin::Catalogue::discover(search(options, plugins), options.log)) {}

  /// Before anything is loaded: what others have to find as it is.
  void look_at_plugins(const std::vector<std::string>& used) {
    for (const plan::Diagnostic& wrong : catalogue_.check_named())
      fault(kPlugins, wrong.file.empty() ? "a file that is named" : wrong.file, wrong, Category::plugin);
    catalogue_.probe_all();
    catalogue_.set_environment(used);
    for (const Candidate& candidate : catalogue_.candidates())
      look_at(candidate);
    if (catalogue_.candidates().empty())
      add({std::string(kPlugins),
           "none",
           State::warning,
           "no plug-in was found",
           "name their folder with --plugin, in /plugins/paths, or in GENIE_PLUGIN_PATH",
           {}});
  }

  void look_at_memory(std::uint64_t promised) {
    const auto available = available_memory();
    const unsigned cores = std::thread::hardware_concurrency();
    std::string detail = report::counted(cores, "core");
    if (available) detail += ", " + report::bytes_text(*available) + " of memory available";
    if (available && promised > *available)
      add({std::string(kMachine),
           "cores, memory",
           State::warning,
           detail + fmt::format("; the devices offer {}", report::bytes_text(promised)),
           "lower `memory_bytes` of the devices, or free memory",
           {}});
    else
      add({std::string(kMachine), "cores, memory", State::ok, detail, {}, {}});
  }

  /// Loads them, as whoever runs would. `needed`: without them nothing runs.
  void look_at_kernels(const std::vector<config::PluginUse>& named, bool needed) {
    std::vector<config::PluginUse> uses = named;
    if (uses.empty())
      for (const std::string& id : catalogue_.ids_of_kind("kernels"))
        uses.push_back({id, "{}"});
    if (uses.empty() && needed)
      return fault(kKernels, "none", "GE0145", "there are no kernels to compute with",
                   "name the folder of a kernels plug-in with --plugin or in /plugins/paths",
                   Category::plugin);
    for (const config::PluginUse& use : uses) {
      auto library = catalogue_.load(use.plugin);
      if (!library) {
        faults(kKernels, use.plugin, std::move(library).errors(), Category::plugin, !named.empty());
        continue;
      }
      auto kernels = KernelsInstance::create(services_, **library, GENIE_KERNELS_V1, use.options);
      if (!kernels) {
        faults(kKernels, use.plugin, kernels.failure().diagnostics, kernels.failure().category,
               !named.empty());
        continue;
      }
      describe(**kernels);
      services_->kernels.add(use.plugin, {&(*kernels)->table(), (*kernels)->self()});
      kernels_.push_back(*std::move(kernels));
    }
  }

  /// A plug-in that the config uses and that nothing more can be asked.
  void look_at_use(std::string_view part, const std::string& id) {
    if (auto library = catalogue_.load(id); !library)
      faults(kConfig, std::string(part), std::move(library).errors(), Category::plugin, true);
    else
      add({std::string(kConfig), std::string(part), State::ok, id, {}, {}});
  }

  /// code: what a run would say if it cannot be read.
  void look_at_file(std::string_view part, const std::string& file, std::string_view code) {
    if (file.empty() || file.find("://") != std::string::npos) return;
    std::error_code error;
    if (std::filesystem::is_regular_file(file, error) && ::access(file.c_str(), R_OK) == 0)
      return add({std::string(kConfig), std::string(part), State::ok, file, {}, {}});
    fault(kConfig, std::string(part), std::string(code), file + " cannot be read, or is no file",
          "check the path, which is relative to the config, and your rights", Category::config);
  }

  /// What a backend or service says of itself: with its options where it can be made with them, else of the machine alone.
  template <class Instance, class Table>
  void look_at_instance(std::string_view part, std::string_view interface, const config::PluginUse& use) {
    auto library = catalogue_.load(use.plugin);
    if (!library)
      return faults(kConfig, std::string(part), std::move(library).errors(), Category::plugin, true);
    {
      auto instance = Instance::create(services_, **library, interface, use.options);
      if (!instance) {
        faults(kConfig, std::string(part), instance.failure().diagnostics, instance.failure().category, true);
        diagnose<Table>(**library, interface, "");
        return;
      }
      add({std::string(kConfig), std::string(part), State::ok, use.plugin, {}, {}});
      if constexpr (std::is_same_v<Table, genie_backend_v1>)
        if (!has_diagnose<Table>(**library, interface)) return look_at_devices(**instance);
    }
    diagnose<Table>(**library, interface, use.options);
  }

  /// What plug-ins of a kind say of the machine, when nobody chose among them.
  void ask_all_backends() {
    for (const std::string& id : catalogue_.ids_of_kind("backend"))
      if (auto library = catalogue_.load(id); library && (*library)->interface(GENIE_BACKEND_V1) != nullptr)
        diagnose<genie_backend_v1>(**library, GENIE_BACKEND_V1, "");
  }

  [[nodiscard]] Examination take() { return std::move(done_); }

 private:
  static plugin::CatalogueOptions search(const Options& options, const config::Plugins& plugins) {
    plugin::CatalogueOptions search;
    search.paths = options.plugin_paths;
    search.config_paths = plugins.paths;
    search.allow = plugins.allow;
    search.host_executable = options.host_executable;
    return search;
  }

  void add(Finding finding) { done_.findings.push_back(std::move(finding)); }

  void fault(std::string_view about, std::string subject, std::string code, std::string detail,
             std::string help, Category category) {
    if (!done_.fails) done_.fails = category;
    add({std::string(about), std::move(subject), State::fault, std::move(detail), std::move(help),
         std::move(code)});
  }
  void fault(std::string_view about, std::string subject, const plan::Diagnostic& why, Category category) {
    fault(about, std::move(subject), why.code, why.message, why.help, category);
  }
  /// `needed`: or else they are warnings.
  void faults(std::string_view about, const std::string& subject, const plan::Diagnostics& why,
              Category category, bool needed) {
    for (const plan::Diagnostic& each : why)
      if (needed && each.severity == plan::Severity::error)
        fault(about, subject, each, category);
      else
        add({std::string(about), subject, State::warning, each.message, each.help, each.code});
  }

  void look_at(const Candidate& candidate) {
    const std::string id =
        candidate.manifest.id.empty() ? candidate.manifest_path.string() : candidate.manifest.id;
    const std::string path =
        candidate.library.empty() ? candidate.manifest_path.string() : candidate.library.string();
    switch (candidate.state) {
      case Candidate::State::usable:
      case Candidate::State::loaded:
        add({std::string(kPlugins),
             id,
             State::ok,
             fmt::format("{}, ABI {}.{}, {}", candidate.manifest.version, candidate.manifest.abi_major,
                         candidate.manifest.abi_minor, path),
             {},
             {}});
        return;
      case Candidate::State::found:
      case Candidate::State::skipped:
        add({std::string(kPlugins),
             id,
             State::absent,
             candidate.diagnostics.empty() ? fmt::format("{}: {}", plugin::name(candidate.state), path)
                                           : candidate.diagnostics.front().message,
             {},
             {}});
        return;
      case Candidate::State::refused:
      case Candidate::State::failed:
      case Candidate::State::quarantined:
        // Whether somebody needs it shows where it is used.
        faults(kPlugins, id, candidate.diagnostics, Category::plugin, false);
    }
  }

  void describe(KernelsInstance& kernels) {
    runtime::TextSink json;
    const services::StatusPtr status(kernels.call().describe(kernels.self(), json.sink()));
    if (!status.ok()) {
      const auto failed =
          runtime::failure_of({kernels.id(), "describe itself", Category::plugin, "GE0122"}, status);
      return faults(kKernels, kernels.id(), failed.diagnostics, failed.category, config_given_);
    }
    std::string detail;
    const auto document = plan::json::Document::parse(json.value);
    const auto versions = document && document->root().is(plan::json::Kind::object)
                              ? document->root().find("versions")
                              : std::nullopt;
    if (versions && versions->is(plan::json::Kind::object))
      for (const auto& [name, version] : versions->items())
        if (version.is(plan::json::Kind::string))
          detail += fmt::format("{}{} {}", detail.empty() ? "" : ", ", name, version.string());
    add({std::string(kKernels), kernels.id(), State::ok, detail.empty() ? "loaded" : detail, {}, {}});
  }

  /// Of a backend that cannot say more.
  void look_at_devices(runtime::BackendInstance& backend) {
    runtime::TextSink json;
    const services::CallContext call(options_.stop, {});
    const services::StatusPtr status(backend.call().topology(call.get(), backend.self(), json.sink()));
    if (!status.ok()) {
      const auto failed =
          runtime::failure_of({backend.id(), "describe its devices", Category::execution, "GE0122"}, status);
      return faults("devices", "topology", failed.diagnostics, failed.category, true);
    }
    const auto topology = plan::decode_topology(json.value, {}, backend.id() + "'s topology");
    if (!topology) return faults("devices", "topology", topology.errors(), Category::plugin, true);
    for (const plan::Device& device : topology->devices)
      add({"devices",
           device.id,
           State::ok,
           fmt::format("{}, {}", device.kind, report::bytes_text(device.memory_bytes)),
           {},
           {}});
  }

  template <class Table>
  [[nodiscard]] static bool has_diagnose(const plugin::Library& library, std::string_view interface) {
    const auto* const raw = static_cast<const Table*>(library.interface(interface));
    return raw != nullptr && GENIE_HAS(raw, Table, diagnose) && raw->diagnose != nullptr;
  }

  template <class Table>
  void diagnose(const plugin::Library& library, std::string_view interface, std::string_view options) {
    const void* const raw = library.interface(interface);
    const auto table = raw != nullptr ? plugin::copy_table<Table>(raw) : std::nullopt;
    if (!table || !has_diagnose<Table>(library, interface)) return;
    const std::string& id = library.description().id;
    const services::HostTable host(services_, id);
    const services::CallContext call(options_.stop, {});
    runtime::TextSink json;
    const services::StatusPtr status(
        table->diagnose(call.get(), host.get(), services::str(options), json.sink()));
    if (!status.ok()) {
      const auto failed =
          runtime::failure_of({id, "find out what is here", Category::execution, "GE0122"}, status);
      return faults(kConfig, id, failed.diagnostics, failed.category, config_given_);
    }
    auto findings = decode_findings(json.value, id);
    if (!findings) return faults(kConfig, id, findings.errors(), Category::plugin, config_given_);
    for (Finding& finding : *findings) {
      if (finding.state == State::fault && !done_.fails) done_.fails = Category::execution;
      add(std::move(finding));
    }
  }

  const Options& options_;
  bool config_given_;
  Examination done_;
  // Destroyed bottom up: kernels before what they were given.
  std::shared_ptr<services::Services> services_;
  plugin::Catalogue catalogue_;
  std::vector<std::unique_ptr<KernelsInstance>> kernels_;
};

std::vector<std::string> ids_of(const std::vector<config::PluginUse>& uses, std::vector<std::string> more) {
  for (const config::PluginUse& use : uses)
    more.push_back(use.plugin);
  return more;
}

}  // namespace

Examination examine_machine(const Options& options) {
  Doctor doctor(options, {}, false);
  doctor.look_at_plugins({});
  doctor.look_at_kernels({}, false);
  doctor.look_at_memory(0);
  doctor.ask_all_backends();
  return doctor.take();
}

Examination examine(const config::RunConfig& config, const Options& options) {
  Doctor doctor(options, config.plugins, true);
  doctor.look_at_plugins(
      ids_of(config.kernels, {config.source.frontend.plugin, config.policy.plugin, config.backend.plugin}));
  doctor.look_at_kernels(config.kernels, false);
  doctor.look_at_memory(0);
  doctor.look_at_file("source", config.source.uri, "GE0201");
  doctor.look_at_file("source", config.source.plan, "GE0141");
  if (config.source.plan.empty()) {
    if (!config.source.frontend.plugin.empty()) doctor.look_at_use("frontend", config.source.frontend.plugin);
    doctor.look_at_use("policy", config.policy.plugin);
  }
  doctor.look_at_instance<runtime::BackendInstance, genie_backend_v1>("backend", GENIE_BACKEND_V1,
                                                                      config.backend);
  return doctor.take();
}

Examination examine(const config::WorkerConfig& config, const Options& options) {
  Doctor doctor(options, config.plugins, true);
  doctor.look_at_plugins(ids_of(config.kernels, {config.service.plugin}));
  doctor.look_at_kernels(config.kernels, true);
  std::uint64_t promised = 0;
  for (const plan::Device& device : config.devices)
    promised += device.memory_bytes;
  doctor.look_at_memory(promised);
  doctor.look_at_instance<ServiceInstance, genie_service_v1>("service", GENIE_SERVICE_V1, config.service);
  return doctor.take();
}

}  // namespace genie::doctor
