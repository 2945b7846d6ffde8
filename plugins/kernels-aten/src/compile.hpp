// From a stage document to a Program: every name resolved, every operator looked up, every constant argument in place.
#pragma once

#include <c10/core/Storage.h>

#include <cstdint>
#include <functional>
#include <string_view>

#include "fuse.hpp"
#include "genie/cpp/core.hpp"
#include "program.hpp"

namespace genie::kernels_aten {

/// The bytes of a blob as torch sees them.
struct BlobStorage {
  c10::Storage storage;
  const void* data = nullptr;
  std::uint64_t size = 0;
};

struct CompileContext {
  /// The resident blob of a digest; null if the caller gave none.
  std::function<const BlobStorage*(std::string_view digest)> blob;
  /// Counts bytes of weights that could not be used in place.
  std::function<void(std::uint64_t bytes)> copied;
  /// Null: every node is computed by its own operator, to torch's bits.
  FuseContext* fuse = nullptr;
};

/// All problems are found before any is reported: UNIMPLEMENTED when operators are missing, else INVALID_ARGUMENT.
[[nodiscard]] Expected<Program> compile_stage(std::string_view document, const CompileContext& context);

}  // namespace genie::kernels_aten
