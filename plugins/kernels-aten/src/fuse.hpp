// Fewer and faster operators for a block, for runs that may differ from torch in the last bits (`"results": "close"`).
//
// What is computed together is found by who reads what and by what operators mean, never by names. Left as it is: what leaves the
// stage, what several nodes read, what an operator between may write to, element types without such a kernel, random operators.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataflow.hpp"
#include "genie/plan/model.hpp"
#include "packing.hpp"

namespace genie::kernels_aten {

struct FuseContext {
  PackedWeights& packed;
  std::uint64_t spare_bytes;                           ///< for copies of weights; what is taken is subtracted
  std::unordered_map<const void*, std::string> blobs;  ///< storage → what its bytes are
};

/// A block, with what the plan declares of its slots.
struct Fusible {
  Block& block;
  std::vector<const plan::Value*> types;  ///< by slot; null where nothing is declared
};

/// Before lifetimes are settled. Packed weights and counts go to the program.
void fuse(Fusible fusible, FuseContext& context, Program& program);

/// Several elementwise operators that together are one activation become its operator. How many nodes were saved.
std::uint64_t fuse_activations(Dataflow& flow, const std::vector<const plan::Value*>& types);

/// Products with a weight: the weight is packed, and an activation or a sum behind the product is computed with it. How many
/// nodes were saved.
std::uint64_t fuse_products(Dataflow& flow, const std::vector<const plan::Value*>& types,
                            FuseContext& context, Program& program);

}  // namespace genie::kernels_aten
