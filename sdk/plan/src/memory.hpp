// Whether what a method needs fits its devices. Private to the library.
#pragma once

#include <cstdint>
#include <string>

#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"
#include "genie/plan/topology.hpp"

namespace genie::plan::detail {

/// "12.5 MiB", "640 bytes".
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);

/// One GE0511 per device whose memory the peaks exceed.
[[nodiscard]] Diagnostics memory_problems(const Plan& plan, const Topology& topology, std::string_view method,
                                          const Bindings& sizes, const Table<std::uint64_t>& peak_bytes);

}  // namespace genie::plan::detail
