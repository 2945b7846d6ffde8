// Seeded random tensors: the same seed gives the same bits on every machine and in every version.
//
// Element i (row-major, from 0) is made from x = mix(seed + (i + 1) · 0x9E3779B97F4A7C15) modulo 2^64, where mix is the
// finaliser of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014):
//   z = (z ^ z >> 30) · 0xBF58476D1CE4E5B9;  z = (z ^ z >> 27) · 0x94D049BB133111EB;  mix = z ^ z >> 31
// Floating types: low + (high − low) · (x >> 11) / 2^53 in double precision, rounded to the type; the parts of a complex
// number are elements 2i and 2i + 1. Integers: low + (x · (high − low)) >> 64. bool: x >> 63.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tensor.hpp"

namespace genie::tensors {

/// Uniform numbers from low (inclusive) to high (exclusive; rounding to a narrow type may reach it).
struct RandomSpec {
  std::uint64_t seed = 0;
  plan::DType dtype = plan::DType::f32;
  std::vector<std::int64_t> shape;
  std::optional<double> low;   ///< default 0
  std::optional<double> high;  ///< default 1; of integers 2, so that 0 and 1 are drawn
};

/// GE0706 when the range does not suit the type.
[[nodiscard]] plan::Result<Tensor> random_tensor(const RandomSpec& spec);

}  // namespace genie::tensors
