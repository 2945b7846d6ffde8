// Flops of operators that choose how to contract their operands. Private to the library.
#pragma once

#include "op_call.hpp"

namespace genie::plan::detail {

/// Pairs of operands from the left; each pair is one batched product if anything is summed over.
[[nodiscard]] Expr einsum_flops(Call& call);
/// A chain of matrices in the cheapest order (from the left where sizes are symbolic).
[[nodiscard]] Expr chain_flops(Call& call);
[[nodiscard]] Expr tensordot_flops(Call& call);
/// The gradients that `output_mask` asks for.
[[nodiscard]] Expr convolution_backward_flops(Call& call);

}  // namespace genie::plan::detail
