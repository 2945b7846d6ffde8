#include "worker/service.hpp"

#include "genie/plan/topology.hpp"

namespace genie::remote {

namespace {

struct Described {
  std::string topology;
  std::string versions;
};

/// The devices with what their kernels say of themselves, as a topology document, and the versions behind them.
genie::Expected<Described> describe(genie::Host host, const genie::Call& call, std::string_view devices) {
  auto list = plan::json::Document::parse(devices);
  if (!list || !list->root().is(plan::json::Kind::array))
    return exec::problem(GENIE_INVALID_ARGUMENT, "GE0800", "the devices are no JSON list");
  plan::json::Writer topology, versions;
  topology.begin_object()
      .key("schema")
      .value("genie.topology")
      .key("version")
      .raw(R"({"major":0,"minor":1})");
  topology.key("devices").raw(devices).key("links").raw("[]").key("kernels").begin_object();
  versions.begin_object();
  std::set<std::string> seen;
  for (const auto& [index, device] : list->root().items()) {
    const auto kernels = device.is(plan::json::Kind::object) ? device.find("kernels") : std::nullopt;
    if (!kernels || !kernels->is(plan::json::Kind::array)) continue;
    for (const auto& [number, id] : kernels->items()) {
      if (!id.is(plan::json::Kind::string) || !seen.emplace(id.string()).second) continue;
      auto ref = host.kernels(call, id.string());
      if (!ref) return std::move(ref).error();
      genie::Text text;
      if (genie_status* status = ref->table->describe(ref->instance, text.sink())) return host.take(status);
      auto said = plan::json::Document::parse(text.value);
      if (!said || !said->root().is(plan::json::Kind::object))
        return exec::problem(GENIE_INTERNAL, "GE0133",
                             std::string(id.string()) + " describes itself in no JSON object");
      topology.key(id.string()).begin_object();
      for (const auto& [key, value] : said->root().items()) {
        if (key != "versions") {
          topology.key(key).raw(value.canonical());
        } else if (value.is(plan::json::Kind::object)) {
          for (const auto& [name, version] : value.items())
            if (version.is(plan::json::Kind::string)) versions.key(name).value(version.string());
        }
      }
      topology.end_object();
    }
  }
  topology.end_object().end_object();
  versions.end_object();
  return Described{topology.take(), versions.take()};
}

}  // namespace

WorkerService::WorkerService(genie::Host host, std::string_view options) : host_(host) {
  auto read = read_service_options(options);
  if (!read) throw std::move(read).error();
  options_ = *std::move(read);
}

genie::Outcome WorkerService::serve(const genie::Call& call, std::string_view devices,
                                    const std::function<void(std::string_view)>& ready) {
  auto described = describe(host_, call, devices);
  if (!described) return std::move(described).error();
  auto topology = plan::decode_topology(described->topology, {}, "worker config");
  if (!topology) return exec::error_of(GENIE_INVALID_ARGUMENT, topology.errors());
  exec::Devices own;
  std::uint64_t memory = 0;
  for (const plan::Device& device : topology->devices) {
    own.push_back(std::make_shared<exec::Device>(device));
    memory += device.memory_bytes;
  }
  Worker worker(host_, std::move(own), options_.blob_bytes.value_or(memory));
  worker.provider = options_.provider;
  worker.encrypted = options_.keys.given();
  if (!options_.cache_folder.empty()) {
    auto cache = BlobCache::open(options_.cache_folder, options_.cache_bytes);
    if (!cache) return std::move(cache).error();
    worker.cache = *std::move(cache);
  }
  Server server(worker, options_, described->topology, described->versions);
  {
    const std::lock_guard hold(lock_);
    server_ = &server;
    if (stopped_) server.stop(*stopped_);
  }
  genie::Outcome outcome =
      server.serve(call, [&](const std::string& address, std::uint16_t port, const std::string& fingerprint) {
        plan::json::Writer json;
        json.begin_object().key("ready").value(true).key("address").value(address);
        json.key("port").value(std::uint64_t{port}).key("fingerprint").value(fingerprint).end_object();
        ready(json.take());
      });
  const std::lock_guard hold(lock_);
  server_ = nullptr;
  return outcome;
}

void WorkerService::stop(std::uint64_t deadline_ns) noexcept {
  const std::lock_guard hold(lock_);
  stopped_ = deadline_ns;
  if (server_ != nullptr) server_->stop(deadline_ns);
}

}  // namespace genie::remote
