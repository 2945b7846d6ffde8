// Compares outputs with what was expected of them.
//
// Element by element: |actual − expected| ≤ atol + rtol · |expected|. Both tolerances 0 ask for equal bits (0 and −0 differ).
// NaN equals NaN, an infinity equals itself, and both differ from every number without bound.
#pragma once

#include <map>
#include <string>

#include "report/report.hpp"
#include "tensor.hpp"

namespace genie::tensors {

/// How two tensors of one shape and type differ.
struct Difference {
  std::uint64_t beyond = 0;  ///< elements outside the tolerance
  double max_abs = 0;        ///< of all elements; infinite when NaN or an infinity met a number
  double max_rel = 0;        ///< of elements whose expected value is not 0
  std::uint64_t worst =
      0;  ///< element that exceeds the tolerance most, else the one with the largest difference
  double worst_excess = 0;  ///< its difference as a multiple of its tolerance; infinite where that is 0
  bool any = false;         ///< whether any element's bits differ (NaNs are equal)
};

/// Shapes and types must agree.
[[nodiscard]] Difference compare(const Tensor& actual, const Tensor& expected, double rtol, double atol);

using TensorTable = std::map<std::string, Tensor, std::less<>>;

/// Every expected tensor must be among the outputs, with its type and shape; outputs that nothing is expected of are named
/// and do not fail.
[[nodiscard]] report::Verification verify(const TensorTable& outputs, const TensorTable& expected,
                                          double rtol, double atol);

/// What a failed verification says to a person (GE0720 to GE0722); empty when it passed.
[[nodiscard]] plan::Diagnostics verification_diagnostics(const report::Verification& verification,
                                                         const std::string& expected_file);

}  // namespace genie::tensors
