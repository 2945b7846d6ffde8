// Results of a run, handed to the caller: placed in its memory, owned, or described as views of what it has already.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <unordered_map>
#include <vector>

#include "counters.hpp"
#include "genie/cpp/core.hpp"

namespace genie::kernels_aten {

/// Storages that the caller knows, with what it calls them.
class KnownStorages {
 public:
  struct Origin {
    std::uint32_t kind;  ///< GENIE_OUTPUT_VIEW_…
    std::uint32_t source;
  };
  /// The first name of a storage stays.
  void add(const at::Tensor& tensor, Origin origin);
  [[nodiscard]] const Origin* find(const at::Tensor& tensor) const;
  void clear() { origins_.clear(); }

 private:
  std::unordered_map<const void*, Origin> origins_;
};

/// Fills args.outputs, one for each tensor; undefined tensors are absent. `known` holds inputs, states and weights. On an
/// error nothing is left in args.outputs.
[[nodiscard]] Outcome deliver(genie_run_args& args, std::vector<at::Tensor> tensors,
                              const KnownStorages& known, Counters& counters);

}  // namespace genie::kernels_aten
