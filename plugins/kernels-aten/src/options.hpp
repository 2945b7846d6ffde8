// Options of the plug-in, as the run config passes them through.
#pragma once

#include <optional>
#include <string_view>

#include "genie/cpp/core.hpp"

namespace genie::kernels_aten {

struct Options {
  /// Threads of one operator. Absent: as torch decides (physical cores, or OMP_NUM_THREADS, or what an embedding Python
  /// program chose). A setting of the whole process, because torch has one pool.
  std::optional<int> threads;
  /// Threads for independent operators; nothing here uses them. Absent: untouched.
  std::optional<int> interop_threads;
  /// Refuse operators that may give other bits on the next run.
  bool deterministic = false;
  /// Not torch's bits, but near them: nodes are computed together and weights are kept in a layout of their own as well.
  bool close = false;
};

/// INVALID_ARGUMENT for unknown keys (names the nearest known one), wrong types and impossible values.
[[nodiscard]] Expected<Options> read_options(std::string_view json);

/// Options of a device: there are none yet, so anything but {} is refused.
[[nodiscard]] Outcome refuse_options(std::string_view json, std::string_view of);

/// Options of a stage: how many bytes of the device copies of weights may take (`spare_bytes`; absent: any number).
[[nodiscard]] Expected<std::uint64_t> read_spare_bytes(std::string_view json);

}  // namespace genie::kernels_aten
