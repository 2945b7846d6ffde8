#include "memory.hpp"

#include <cinttypes>
#include <cstdio>

#include "genie/plan/json.hpp"
#include "genie/plan/schedule.hpp"
#include "genie/plan/validate.hpp"
#include "ledger.hpp"

namespace genie::plan {

namespace detail {

std::string bytes_text(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " bytes";
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits))
    value /= 1024, ++unit;
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %s", value, kUnits[unit]);
  return text;
}

Diagnostics memory_problems(const Plan& plan, const Topology& topology, std::string_view method,
                            const Bindings& sizes, const Table<std::uint64_t>& peak_bytes) {
  Diagnostics out;
  const auto resident = resident_bytes(plan, *plan.schedule);
  std::string at_sizes;
  for (const auto& [id, symbol] : plan.symbols)
    if (const auto size = sizes.find(id); size != sizes.end())
      at_sizes += (at_sizes.empty() ? " with " : ", ") + (symbol.name ? *symbol.name + " (" + id + ")" : id) +
                  " = " + std::to_string(size->second);
  for (const auto& [device, bytes] : peak_bytes) {
    const Device* known = topology.device(device);
    if (known == nullptr || bytes <= known->memory_bytes) continue;
    const auto fixed = resident.find(device);
    Diagnostic d;
    d.code = "GE0511";
    d.node = device;
    d.message = device + " needs " + bytes_text(bytes) + " for method " + std::string(method) + at_sizes +
                " and has " + bytes_text(known->memory_bytes) + "; " +
                bytes_text(fixed == resident.end() ? 0 : fixed->second) + " of it are weights and states";
    d.pointer = "/schedule/methods" + json::pointer_token(method);
    d.help = "move " + bytes_text(bytes - known->memory_bytes) + " elsewhere, use smaller sizes, or give " +
             device + " more memory in the topology";
    out.push_back(std::move(d));
  }
  return out;
}

}  // namespace detail

Status check_memory(const Plan& plan, const Topology& topology, std::string_view method,
                    const Bindings& sizes) {
  const Result<Timeline> timeline = simulate(plan, method, topology, model_costs(plan, topology, sizes));
  if (!timeline) return timeline.errors();
  return check_memory(plan, topology, method, sizes, timeline->predicted.peak_bytes);
}

Status check_memory(const Plan& plan, const Topology& topology, std::string_view method,
                    const Bindings& sizes, const Table<std::uint64_t>& peak_bytes) {
  Diagnostics problems = detail::memory_problems(plan, topology, method, sizes, peak_bytes);
  if (!problems.empty()) return problems;
  return Unit{};
}

}  // namespace genie::plan
