// One element of any type as a number and back: what literals, random numbers and comparisons need.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "genie/plan/dtype.hpp"

namespace genie::tensors {

/// A floating-point format of at most 16 bits: sign, exponent, mantissa.
struct SmallFloat {
  int exponent_bits;
  int mantissa_bits;
  int bias;
  enum class Specials : std::uint8_t {
    ieee,      ///< the largest exponent holds infinities and NaNs
    nan_only,  ///< "fn": no infinity; all ones is NaN
    fnuz,      ///< no infinity, no negative zero: its pattern is the one NaN
    scale,     ///< e8m0: a power of two, no sign, no zero; all ones is NaN
  } specials;
};

/// The format of f16, bf16 and the 8-bit floats; nothing for other types.
[[nodiscard]] std::optional<SmallFloat> small_float(plan::DType dtype);

[[nodiscard]] double decode(SmallFloat format, std::uint32_t bits);
/// Rounds to nearest, ties to even. Beyond the range: infinity where the format has one, else NaN.
[[nodiscard]] std::uint32_t encode(SmallFloat format, double value);

/// Of real types (bool reads as 0 or 1). Exact except for integers beyond 2^53.
[[nodiscard]] double load_real(plan::DType dtype, const std::byte* from);
/// Of any type; the imaginary part of a real is 0.
[[nodiscard]] std::complex<double> load_complex(plan::DType dtype, const std::byte* from);
/// Of integer types and bool. u64 wraps as C++ casts do.
[[nodiscard]] std::int64_t load_integer(plan::DType dtype, const std::byte* from);

/// Into floating and complex types, rounded to nearest even.
void store_real(plan::DType dtype, std::byte* into, double value);
/// Into integer types and bool (not 0 is true); the value must fit.
void store_integer(plan::DType dtype, std::byte* into, std::int64_t value);

/// Smallest and largest value of an integer type or bool that an int64 can say.
struct IntegerBounds {
  std::int64_t min;
  std::int64_t max;
};
[[nodiscard]] IntegerBounds integer_bounds(plan::DType dtype);

/// For messages, with the digits that tell it from its neighbours.
[[nodiscard]] std::string element_text(plan::DType dtype, const std::byte* from);

}  // namespace genie::tensors
