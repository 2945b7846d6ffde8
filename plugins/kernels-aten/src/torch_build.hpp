// Which torch this plug-in was built for, which one it runs in, and what that one computes with.
#pragma once

#include <optional>
#include <string>

#include "genie/cpp/core.hpp"

namespace genie::kernels_aten {

struct TorchFacts {
  std::string version;  ///< "2.13.0", of the library that is loaded
  std::string library;  ///< its path
  std::string blas;     ///< "Intel(R) oneAPI Math Kernel Library Version 2024.2…", or the build's BLAS name
  std::string onednn;   ///< "v3.12.0", or "none"
  std::string openmp;   ///< "201511", or "none"
  std::string cpu_capability;  ///< "AVX512": the vector kernels that torch chose for this machine
};

/// Asks the loaded torch.
[[nodiscard]] TorchFacts loaded_torch();

/// The error when the loaded torch is not the one that this plug-in was built for: a library's name says no version, so the
/// loader binds to whatever torch the process has already.
[[nodiscard]] std::optional<Error> torch_mismatch(const TorchFacts& loaded);

}  // namespace genie::kernels_aten
