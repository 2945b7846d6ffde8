// The topology document.
#include "genie/plan/topology.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "codec_parts.hpp"
#include "genie/plan/codec.hpp"
#include "messages.hpp"

namespace genie::plan {

using namespace detail;

namespace {

constexpr double kLeastRate = std::numeric_limits<double>::denorm_min();  // rates divide: they are above 0
constexpr double kMostRate = std::numeric_limits<double>::max();

double read_rate(Problems& problems, const View& view) {
  return read_real(problems, view, kLeastRate, kMostRate);
}

constexpr std::string_view kComputeKeys[] = {"flops_per_s", "memory_bytes_per_s", "op_overhead_ns"};

Device::Compute read_compute(Problems& problems, const View& view) {
  const Fields fields(problems, view, kComputeKeys);
  Device::Compute compute;
  if (const View* flops = fields.need("flops_per_s")) compute.flops_per_s = read_rate(problems, *flops);
  if (const View* bytes = fields.need("memory_bytes_per_s"))
    compute.memory_bytes_per_s = read_rate(problems, *bytes);
  if (const View* overhead = fields.find("op_overhead_ns"))
    compute.op_overhead_ns = read_count(problems, *overhead);
  fields.refuse_unknown();
  return compute;
}

constexpr std::string_view kDeviceKeys[] = {"id",   "kind",    "memory_bytes", "speed",
                                            "host", "kernels", "compute",      "copy_engines"};
constexpr std::int64_t kMaxCopyEngines = 1024;

Device read_device(Problems& problems, const View& view) {
  const Fields fields(problems, view, kDeviceKeys);
  Device device;
  if (const View* id = fields.need("id")) device.id = read_id(problems, *id);
  if (const View* kind = fields.need("kind")) device.kind = read_id(problems, *kind);
  if (const View* memory = fields.need("memory_bytes")) device.memory_bytes = read_count(problems, *memory);
  if (const View* speed = fields.find("speed")) device.speed = read_rate(problems, *speed);
  if (const View* host = fields.find("host"))
    device.host = read_id(problems, *host);
  else
    device.host = device.id;
  if (const View* engines = fields.find("copy_engines"))
    device.copy_engines = static_cast<std::uint32_t>(read_integer(problems, *engines, 1, kMaxCopyEngines));
  if (const View* kernels = fields.find("kernels")) device.kernels = read_ids(problems, *kernels);
  if (const View* compute = fields.need("compute")) device.compute = read_compute(problems, *compute);
  fields.refuse_unknown(&device.extra);
  return device;
}

constexpr std::string_view kLinkKeys[] = {"id", "ends", "bandwidth_bytes_per_s", "latency_ns", "shared"};

Link read_link(Problems& problems, const View& view) {
  const Fields fields(problems, view, kLinkKeys);
  Link link;
  if (const View* id = fields.need("id")) link.id = read_id(problems, *id);
  if (const View* ends = fields.need("ends")) {
    if (!ends->is(Kind::array) || ends->size() != 2) {
      problems.add(*ends, "GE0322", "a link has two ends",
                   "write [\"a\", \"b\"] with ids of hosts or devices");
    } else {
      std::size_t number = 0;
      for (const auto& [key, end] : ends->items())
        link.ends[number++] = read_id(problems, end);
    }
  }
  if (const View* bandwidth = fields.need("bandwidth_bytes_per_s"))
    link.bandwidth_bytes_per_s = read_rate(problems, *bandwidth);
  if (const View* latency = fields.find("latency_ns")) link.latency_ns = read_count(problems, *latency);
  if (const View* shared = fields.find("shared")) link.shared = read_id(problems, *shared);
  fields.refuse_unknown(&link.extra);
  return link;
}

constexpr std::string_view kClientKeys[] = {"host"};

std::string read_client(Problems& problems, const View& view) {
  const Fields fields(problems, view, kClientKeys);
  std::string host;
  if (const View* id = fields.find("host")) host = read_id(problems, *id);
  fields.refuse_unknown();
  return host;
}

constexpr std::string_view kKernelsKeys[] = {"kinds", "ops", "dtypes"};

/// A description comes from a plug-in, which may say more than this version knows.
KernelsInfo read_kernels(Problems& problems, const View& view) {
  const Fields fields(problems, view, kKernelsKeys);
  KernelsInfo kernels;
  if (const View* kinds = fields.need("kinds")) kernels.kinds = read_ids(problems, *kinds);
  if (const View* ops = fields.need("ops");
      ops != nullptr && !(ops->is(Kind::string) && ops->string() == "*"))
    kernels.ops = read_ids(problems, *ops);
  if (const View* dtypes = fields.need("dtypes"))
    kernels.dtypes =
        read_list<DType>(problems, *dtypes, [&](const View& item) { return read_dtype(problems, item); });
  fields.keep_unknown(kernels.extra);
  return kernels;
}

constexpr std::string_view kTopologyKeys[] = {"schema", "version", "devices", "links", "client", "kernels"};

/// What the schema cannot say: ids are unique, and links end somewhere.
void check(Problems& problems, const View& root, const Topology& topology) {
  std::set<std::string_view, std::less<>> places;
  if (!topology.client_host.empty()) places.insert(topology.client_host);
  std::vector<std::string_view> names;
  for (const Device& device : topology.devices) {
    places.insert(device.id);
    places.insert(device.host);
    names.push_back(device.id);
    names.push_back(device.host);
  }
  std::set<std::string_view> ids;
  for (const auto& [key, device] : root.find("devices")->items())
    if (const View id = *device.find("id"); !ids.insert(id.string()).second)
      problems.add(id, "GE0342", "two devices have the id " + quoted(id.string()),
                   "give each device its own id");
  ids.clear();
  const auto links = root.find("links");
  if (!links) return;
  std::map<std::string_view, int> uses;
  for (const Link& link : topology.links)
    for (const std::string& end : link.ends)
      ++uses[end];
  for (const auto& [key, link] : links->items()) {
    if (const View id = *link.find("id"); !ids.insert(id.string()).second)
      problems.add(id, "GE0342", "two links have the id " + quoted(id.string()), "give each link its own id");
    for (const json::Member& member : link.find("ends")->items()) {
      const View& end = member.value;
      // A host may also be known by its links alone: a switch, or a client that names no device.
      if (places.contains(end.string())) continue;
      if (uses[end.string()] > 1) continue;
      const std::string_view meant =
          problems.full() ? std::string_view() : json::nearest(end.string(), names);
      problems.add(end, "GE0343",
                   "the link ends at " + quoted(end.string()) +
                       ", which is no device, no host and no other link's end",
                   meant.empty() ? "name a device, the host of one, or the client's host"
                                 : "did you mean \"" + std::string(meant) + "\"?");
    }
  }
}

void write_device(json::Writer& writer, const Device& device) {
  ObjectWriter object(writer, &device.extra);
  object.key("compute");
  {
    ObjectWriter compute(writer);
    compute.key("flops_per_s").value(device.compute.flops_per_s);
    compute.key("memory_bytes_per_s").value(device.compute.memory_bytes_per_s);
    if (device.compute.op_overhead_ns != 0)
      compute.key("op_overhead_ns").value(device.compute.op_overhead_ns);
  }
  if (device.copy_engines != 0) object.key("copy_engines").value(std::uint64_t{device.copy_engines});
  if (device.host != device.id) object.text_unless_empty("host", device.host);
  object.key("id").value(device.id);
  if (!device.kernels.empty()) write_ids(object.key("kernels"), device.kernels);
  object.key("kind").value(device.kind);
  object.key("memory_bytes").value(device.memory_bytes);
  if (device.speed != 1.0) object.key("speed").value(device.speed);
}

void write_link(json::Writer& writer, const Link& link) {
  ObjectWriter object(writer, &link.extra);
  object.key("bandwidth_bytes_per_s").value(link.bandwidth_bytes_per_s);
  object.key("ends").begin_array().value(link.ends[0]).value(link.ends[1]).end_array();
  object.key("id").value(link.id);
  if (link.latency_ns != 0) object.key("latency_ns").value(link.latency_ns);
  object.text_unless_empty("shared", link.shared);
}

void write_kernels(json::Writer& writer, const KernelsInfo& kernels) {
  ObjectWriter object(writer, &kernels.extra);
  object.key("dtypes").begin_array();
  for (const DType dtype : kernels.dtypes)
    writer.value(name(dtype));
  writer.end_array();
  write_ids(object.key("kinds"), kernels.kinds);
  object.key("ops");
  if (kernels.ops)
    write_ids(writer, *kernels.ops);
  else
    writer.value("*");
}

}  // namespace

const Device* Topology::device(std::string_view id) const {
  const auto found =
      std::find_if(devices.begin(), devices.end(), [&](const Device& d) { return d.id == id; });
  return found == devices.end() ? nullptr : &*found;
}

Result<Topology> decode_topology(std::string_view bytes, const json::ReadOptions& options,
                                 std::string_view file) {
  const auto document = json::Document::parse(bytes, options, file);
  if (!document) return document.errors();
  Problems problems(file);
  Topology topology;
  const Fields fields(problems, document->root(), kTopologyKeys);
  if (const View* schema = fields.need("schema"))
    if (read_text(problems, *schema) != "genie.topology" && schema->is(Kind::string))
      problems.add(*schema, "GE0315",
                   "this is a " + quoted(schema->string()) + " document, not a \"genie.topology\"",
                   "name a file that describes devices and links, with \"schema\": \"genie.topology\"");
  if (const View* version = fields.need("version"))
    topology.version = read_version(problems, *version, "topology");
  if (!problems.empty()) return problems.take();

  if (const View* devices = fields.need("devices")) {
    topology.devices =
        read_list<Device>(problems, *devices, [&](const View& item) { return read_device(problems, item); });
    if (devices->is(Kind::array) && devices->size() == 0)
      problems.add(*devices, "GE0322", "a topology has at least one device");
  }
  if (const View* links = fields.find("links"))
    topology.links =
        read_list<Link>(problems, *links, [&](const View& item) { return read_link(problems, item); });
  if (const View* client = fields.find("client")) topology.client_host = read_client(problems, *client);
  if (const View* kernels = fields.find("kernels"))
    read_table<KernelsInfo>(problems, *kernels, topology.kernels,
                            [&](const View& item) { return read_kernels(problems, item); });
  fields.refuse_unknown(&topology.extra);
  if (problems.empty()) check(problems, document->root(), topology);
  if (!problems.empty()) return problems.take();
  return topology;
}

std::string encode_topology(const Topology& topology, unsigned indent) {
  json::Writer writer(indent);
  {
    ObjectWriter object(writer, &topology.extra);
    if (!topology.client_host.empty()) {
      object.key("client");
      ObjectWriter(writer).key("host").value(topology.client_host);
    }
    object.key("devices").begin_array();
    for (const Device& device : topology.devices)
      write_device(writer, device);
    writer.end_array();
    if (!topology.kernels.empty())
      write_table(object.key("kernels"), topology.kernels,
                  [&](const KernelsInfo& kernels) { write_kernels(writer, kernels); });
    if (!topology.links.empty()) {
      object.key("links").begin_array();
      for (const Link& link : topology.links)
        write_link(writer, link);
      writer.end_array();
    }
    object.key("schema").value("genie.topology");
    write_version(object.key("version"), topology.version);
  }
  return writer.take();
}

std::string topology_id(const Topology& topology) {
  Topology described = topology;
  described.kernels.clear();
  return digest(encode_topology(described));
}

}  // namespace genie::plan
