// Nanoseconds per node and device: the analytic model and its document.
#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "genie/plan/json.hpp"
#include "genie/plan/opset.hpp"
#include "genie/plan/schedule.hpp"
#include "op_lookup.hpp"
#include "sizes.hpp"

namespace genie::plan {

namespace {

constexpr double kNsPerS = 1e9;
/// Of more devices, those that cost the same are listed once: the table would outgrow the plan.
constexpr std::size_t kMostListed = 64;
/// Costs beyond this are nonsense, and sums of them must not overflow: about a day.
constexpr double kLongestNs = 1e14;

/// Roofline: the slower of arithmetic and memory traffic.
std::uint64_t roofline_ns(const Device& device, double flops, double bytes) {
  const double arithmetic = device.compute.flops_per_s > 0 ? flops / device.compute.flops_per_s : 0;
  const double traffic =
      device.compute.memory_bytes_per_s > 0 ? bytes / device.compute.memory_bytes_per_s : 0;
  const double speed = device.speed > 0 ? device.speed : 1;
  const double work_ns = std::ceil(std::max(arithmetic, traffic) / speed * kNsPerS);
  return device.compute.op_overhead_ns + static_cast<std::uint64_t>(std::clamp(work_ns, 0.0, kLongestNs));
}

Diagnostic broken(std::string message, std::string pointer) {
  Diagnostic d;
  d.code = "GE0549";
  d.message = "costs: " + std::move(message);
  d.pointer = std::move(pointer);
  d.help = "costs come from the host; write them as encode_costs does";
  return d;
}

class Decoder {
 public:
  Result<Costs> run(std::string_view bytes) {
    Result<json::Document> document = json::Document::parse(bytes, {}, "costs");
    if (!document) return document.errors();
    const json::View root = document->root();
    if (!root.is(json::Kind::object)) return broken("an object is wanted", "");
    const auto devices = root.find("devices");
    const auto methods = root.find("methods");
    if (!devices || !devices->is(json::Kind::array)) return broken("a list of devices is wanted", "/devices");
    if (!methods || !methods->is(json::Kind::object))
      return broken("an object by method is wanted", "/methods");
    for (const auto [key, device] : devices->items()) {
      if (!device.is(json::Kind::string)) return broken("a device id is wanted", device.pointer());
      costs_.devices.emplace_back(device.string());
    }
    if (const auto like = root.find("like")) {
      if (!like->is(json::Kind::object)) return broken("a device by device is wanted", "/like");
      for (const auto [device, other] : like->items()) {
        if (!other.is(json::Kind::string)) return broken("a device id is wanted", other.pointer());
        costs_.like.emplace(device, other.string());
      }
    }
    if (const auto assumes = root.find("assumes")) {
      if (!assumes->is(json::Kind::object)) return broken("an object by symbol is wanted", "/assumes");
      for (const auto [symbol, size] : assumes->items()) {
        if (!size.is(json::Kind::integer)) return broken("a size is wanted", size.pointer());
        costs_.assumes.emplace(symbol, size.integer());
      }
    }
    for (const auto [name, nodes] : methods->items()) {
      if (!nodes.is(json::Kind::object)) return broken("an object by node is wanted", nodes.pointer());
      auto& entries = costs_.methods[std::string(name)];
      for (const auto [node, entry] : nodes.items())
        if (auto problem = add_entry(entries[std::string(node)], entry)) return *problem;
    }
    return std::move(costs_);
  }

 private:
  std::optional<Diagnostic> add_entry(Costs::Entry& to, const json::View& from) {
    const auto ns = from.is(json::Kind::object) ? from.find("ns") : std::nullopt;
    if (!ns || !ns->is(json::Kind::array) || ns->size() != costs_.devices.size())
      return broken("one time per device is wanted", from.pointer() + "/ns");
    for (const auto [key, time] : ns->items()) {
      if (!time.is(json::Kind::integer) || time.integer() < 0)
        return broken("nanoseconds are wanted", time.pointer());
      to.ns.push_back(static_cast<std::uint64_t>(time.integer()));
    }
    if (const auto measured = from.find("measured"); measured && measured->is(json::Kind::boolean))
      to.measured = measured->boolean();
    return std::nullopt;
  }

  Costs costs_;
};

}  // namespace

std::optional<std::size_t> Costs::column(std::string_view device) const {
  if (const auto at = like.find(device); at != like.end()) device = at->second;
  const auto found = std::ranges::find(devices, device);
  if (found == devices.end()) return std::nullopt;
  return static_cast<std::size_t>(found - devices.begin());
}

Costs model_costs(const Plan& plan, const Topology& topology, const Bindings& assumes) {
  Costs costs;
  costs.assumes = assumes;
  std::vector<const Device*> listed;
  std::map<std::tuple<double, double, double, std::uint64_t>, const Device*> kinds;
  for (const Device& device : topology.devices) {
    if (topology.devices.size() > kMostListed) {
      const auto [at, added] =
          kinds.try_emplace({device.speed, device.compute.flops_per_s, device.compute.memory_bytes_per_s,
                             device.compute.op_overhead_ns},
                            &device);
      if (!added) {
        costs.like[device.id] = at->second->id;
        continue;
      }
    }
    listed.push_back(&device);
    costs.devices.push_back(device.id);
  }
  const Bindings sizes = detail::complete_sizes(plan, assumes);
  const detail::OpLookup ops(plan);
  for (const auto& [name, method] : plan.methods) {
    auto& entries = costs.methods[name];
    for (const Node& node : method.nodes) {
      const Cost cost = node.cost ? *node.cost : detail::node_cost(plan, method, method, node, ops);
      const double flops = static_cast<double>(detail::amount_of(cost.flops, sizes));
      const double bytes = static_cast<double>(detail::amount_of(cost.read_bytes, sizes)) +
                           static_cast<double>(detail::amount_of(cost.written_bytes, sizes));
      Costs::Entry& entry = entries[node.id];
      for (const Device* device : listed)
        entry.ns.push_back(roofline_ns(*device, flops, bytes));
    }
  }
  return costs;
}

std::string encode_costs(const Costs& costs) {
  json::Writer w;
  w.begin_object().key("schema").value("genie.costs").key("version").begin_object();
  w.key("major").value(kSchemaMajor).key("minor").value(kSchemaMinor).end_object();
  w.key("assumes").begin_object();
  for (const auto& [symbol, size] : costs.assumes)
    w.key(symbol).value(size);
  w.end_object().key("devices").begin_array();
  for (const std::string& device : costs.devices)
    w.value(device);
  w.end_array();
  if (!costs.like.empty()) {
    w.key("like").begin_object();
    for (const auto& [device, other] : costs.like)
      w.key(device).value(other);
    w.end_object();
  }
  w.key("methods").begin_object();
  for (const auto& [name, entries] : costs.methods) {
    w.key(name).begin_object();
    for (const auto& [node, entry] : entries) {
      w.key(node).begin_object().key("ns").begin_array();
      for (const std::uint64_t ns : entry.ns)
        w.value(ns);
      w.end_array().key("measured").value(entry.measured).end_object();
    }
    w.end_object();
  }
  w.end_object().end_object();
  return w.take();
}

Result<Costs> decode_costs(std::string_view bytes) {
  return Decoder().run(bytes);
}

}  // namespace genie::plan

namespace genie::plan::detail {

StageTime cost_of_stage(const Costs& costs, std::string_view method) {
  const auto entries = costs.methods.find(method);
  return [&costs, entries](std::string_view, const Stage& stage, std::uint32_t) {
    std::uint64_t total = 0;
    const auto column = costs.column(stage.device);
    if (entries == costs.methods.end() || !column) return total;
    const std::size_t number = *column;
    const auto add = [&](const std::string& node) {
      const auto at = entries->second.find(node);
      if (at != entries->second.end() && number < at->second.ns.size()) total += at->second.ns[number];
    };
    for (const std::string& node : stage.nodes)
      add(node);
    for (const std::string& node : stage.recomputes)
      add(node);
    return total;
  };
}

}  // namespace genie::plan::detail
