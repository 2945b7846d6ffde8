#include <fmt/format.h>

#include <set>
#include <system_error>

#include "decode_internal.hpp"
#include "genie/plan/file.hpp"
#include "worker_config.hpp"

namespace genie::config {

using plan::json::Document;
using plan::json::Kind;

namespace {

void read_rate(Context& context, const ObjectReader& reader, std::string_view key, double& into) {
  const auto view = reader.member(key);
  if (!view) return;
  const auto number = read_number(context.findings, *view);
  if (!number) return;
  into = *number;
  if (into <= 0)
    context.findings.report("GE0013", view->pointer(), fmt::format("{} is no rate", into),
                            "write a number above 0");
}

plan::Device decode_device(Context& context, View view) {
  plan::Device device;
  device.kind = "cpu";
  device.compute = kDeclaredCompute;
  const ObjectReader reader(context.findings, view,
                            {"id", "kind", "memory_bytes", "speed", "host", "kernels", "compute"});
  if (reader.required("id", "the device's name in topologies and plans, such as w0"))
    reader.text("id", device.id);
  reader.text("kind", device.kind);
  if (reader.required("memory_bytes", "how many bytes clients may use on it"))
    reader.integer("memory_bytes", device.memory_bytes, {1});
  read_rate(context, reader, "speed", device.speed);
  reader.text("host", device.host);
  if (const auto kernels = reader.member("kernels");
      kernels && expect_kind(context.findings, *kernels, Kind::array))
    for (const auto [key, item] : kernels->items())
      if (auto id = read_text(context.findings, item)) device.kernels.push_back(*std::move(id));
  if (const auto compute = reader.member("compute")) {
    const ObjectReader rates(context.findings, *compute,
                             {"flops_per_s", "memory_bytes_per_s", "op_overhead_ns"});
    read_rate(context, rates, "flops_per_s", device.compute.flops_per_s);
    read_rate(context, rates, "memory_bytes_per_s", device.compute.memory_bytes_per_s);
    rates.integer("op_overhead_ns", device.compute.op_overhead_ns, {0});
  }
  return device;
}

void decode_devices(Context& context, View view, std::vector<plan::Device>& into) {
  if (!expect_kind(context.findings, view, Kind::array)) return;
  std::set<std::string> seen;
  for (const auto [key, item] : view.items()) {
    plan::Device device = decode_device(context, item);
    if (!device.id.empty() && !seen.insert(device.id).second)
      context.findings.report("GE0017", item.pointer() + "/id",
                              fmt::format("two devices have the id `{}`", device.id),
                              "give each device an id of its own");
    into.push_back(std::move(device));
  }
  if (view.size() == 0)
    context.findings.report("GE0011", view.pointer(), "the worker offers no device",
                            R"(describe at least one: {"id": "w0", "memory_bytes": 1073741824})");
}

}  // namespace

plan::Result<WorkerConfig> decode_worker(std::string_view bytes, std::string_view file,
                                         const std::filesystem::path& folder, std::span<const Edit> edits) {
  auto text = apply_edits(bytes, edits, file);
  if (!text) return std::move(text).errors();
  auto document = Document::parse(*text, {.comments = true, .limits = {}}, file);
  if (!document) return std::move(document).errors();

  WorkerConfig config;
  config.file = file;
  std::error_code ignored;  // absolute() fails only without a working directory; the path then stays relative
  config.folder = folder.is_absolute() ? folder : std::filesystem::absolute(folder, ignored);
  std::vector<std::string> set_pointers;
  for (const Edit& edit : edits)
    set_pointers.push_back(edit.pointer);
  Findings findings(file, std::move(set_pointers));
  Context context{findings, config.file, config.folder};

  if (is_foreign(context, document->root(), "genie.worker", "worker config")) return findings.take();
  const ObjectReader root(findings, document->root(),
                          {"schema", "version", "plugins", "service", "kernels", "devices", "drain_ms"});
  decode_schema(context, root, "worker config");
  if (const auto view = root.member("plugins")) decode_plugins(context, *view, config.plugins);
  if (const auto view = root.member("service"))
    context.read_plugin(ObjectReader(findings, *view, {"plugin", "options"}), config.service);
  if (const auto view = root.member("kernels")) decode_kernels(context, *view, config.kernels);
  if (const auto view = root.required("devices", "what the worker computes on"))
    decode_devices(context, *view, config.devices);
  root.integer("drain_ms", config.drain_ms, {0, 3'600'000});
  if (findings.any()) return findings.take();
  return config;
}

plan::Result<WorkerConfig> read_worker(const std::filesystem::path& path, std::span<const Edit> edits) {
  const auto bytes = plan::read_file(path);
  if (!bytes) return bytes.errors();
  return decode_worker(*bytes, path.string(), path.parent_path().empty() ? "." : path.parent_path(), edits);
}

}  // namespace genie::config
