// Arithmetic of shapes and strides that several view rules need. Private to the library.
#pragma once

#include <optional>
#include <vector>

#include "op_call.hpp"

namespace genie::plan::detail {

/// Python's slice of `size` elements; `end` absent or beyond the size means to the end. unknown_dim() when it is not decided.
[[nodiscard]] Expr slice_size(const Facts& facts, const Expr& size, const Expr& start,
                              const std::optional<Expr>& end, std::int64_t step);

/// Replaces one -1 by what the element count leaves; fails when counts provably differ.
[[nodiscard]] Shape resolve_size(Call& call, const Shape& from, Exprs size);

/// Row-major, sizes of 1 aside.
[[nodiscard]] bool is_contiguous(const Shape& shape, const Exprs& strides);

/// Strides of a view with another shape; empty when they do not follow (or sizes are symbolic).
[[nodiscard]] Exprs view_strides(const Shape& shape, const Exprs& strides, const Shape& to);

/// a / b where b divides a; nothing when that cannot be seen.
[[nodiscard]] std::optional<Expr> exact_quotient(const Exprs& factors, const Exprs& divisors);

}  // namespace genie::plan::detail
