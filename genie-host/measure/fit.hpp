// From times to the parameters that the cost model and the simulator use (docs/scheduling.md). Pure arithmetic.
//
// Both fits are least squares of log(foretold / measured): twice too long is as wrong as half as long, of 20 µs as of 20 ms.
// Parameters are never negative.
#pragma once

#include <optional>
#include <span>

namespace genie::measure {

/// One message on an otherwise idle link.
struct LinkSample {
  double bytes = 0;
  double ns = 0;
};
struct LinkFit {
  double latency_ns = 0;
  double bandwidth_bytes_per_s = 0;
  double error = 0;  ///< mean of |fitted − measured| / measured
};
/// latency + bytes / bandwidth. Nothing with fewer than two sizes, or where larger messages are not slower.
[[nodiscard]] std::optional<LinkFit> fit_link(std::span<const LinkSample> samples);

/// One node of a kind.
struct ComputeSample {
  double flops = 0;
  double bytes = 0;  ///< read and written
  double ns = 0;
};
struct ComputeFit {
  double flops_per_s = 0;
  double memory_bytes_per_s = 0;
  double op_overhead_ns = 0;
  double error = 0;  ///< mean of |fitted − measured| / measured
};
/// overhead + max(flops / flops_per_s, bytes / memory_bytes_per_s). Which samples computing bounds, and which memory, is found by
/// fitting in turns until it no longer changes. Nothing without samples of both kinds (with flops, and with bytes only).
[[nodiscard]] std::optional<ComputeFit> fit_compute(std::span<const ComputeSample> samples);

/// How many times as fast as the reference something is: the median of reference / measured, pair by pair (of as many as both
/// have), so that one disturbed pair changes little. Pairs with a time that is not above 0 say nothing. 1 without any.
[[nodiscard]] double relative_speed(std::span<const double> reference_ns,
                                    std::span<const double> measured_ns);

/// What a quarter of the values do not exceed: what else runs on a machine only ever adds time, and often for a while. There is at
/// least one value.
[[nodiscard]] double lower_quartile(std::span<const double> values);

}  // namespace genie::measure
