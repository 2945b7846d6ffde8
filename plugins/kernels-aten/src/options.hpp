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
};

/// INVALID_ARGUMENT for unknown keys (names the nearest known one), wrong types and impossible values.
[[nodiscard]] Expected<Options> read_options(std::string_view json);

/// Options of a device or a stage: there are none yet, so anything but {} is refused.
[[nodiscard]] Outcome refuse_options(std::string_view json, std::string_view of);

}  // namespace genie::kernels_aten
