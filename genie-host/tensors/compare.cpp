#include "compare.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <complex>
#include <cstring>
#include <limits>

#include "element.hpp"
#include "genie/plan/json.hpp"

namespace genie::tensors {

using plan::DType;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The distance of two numbers and the size of the expected one. Integers are subtracted exactly before they become a double.
struct Distance {
  double abs;
  double magnitude;
};

Distance distance(double actual, double expected) {
  const double magnitude = std::fabs(expected);
  if (actual == expected || (std::isnan(actual) && std::isnan(expected))) return {0, magnitude};
  const double abs = std::fabs(actual - expected);
  return {std::isnan(abs) ? kInfinity : abs, std::isnan(magnitude) ? 0 : magnitude};
}

Distance distance(std::complex<double> actual, std::complex<double> expected) {
  const Distance real = distance(actual.real(), expected.real());
  const Distance imaginary = distance(actual.imag(), expected.imag());
  return {std::hypot(real.abs, imaginary.abs), std::hypot(real.magnitude, imaginary.magnitude)};
}

template <class Integer>
Distance distance_of_integers(Integer actual, Integer expected) {
  const auto wide = [](Integer value) {
    return static_cast<std::uint64_t>(value);
  };  // modulo 2^64: the difference is exact
  const std::uint64_t abs = actual > expected ? wide(actual) - wide(expected) : wide(expected) - wide(actual);
  return {static_cast<double>(abs), std::fabs(static_cast<double>(expected))};
}

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

bool is_nan(DType dtype, const std::byte* at) {
  if (plan::is_complex(dtype)) {
    const auto value = load_complex(dtype, at);
    return std::isnan(value.real()) || std::isnan(value.imag());
  }
  return plan::is_floating(dtype) && std::isnan(load_real(dtype, at));
}

/// `measure(actual, expected)` for each pair of elements whose bits differ: in most comparisons none does.
template <class Measure>
Difference scan(const Tensor& actual, const Tensor& expected, double rtol, double atol, Measure measure) {
  Difference result;
  const std::size_t size = plan::size_bytes(actual.dtype());
  const bool exact = rtol == 0 && atol == 0;
  const std::byte* a = actual.bytes().data();
  const std::byte* e = expected.bytes().data();
  double worst_abs = -1;
  for (std::uint64_t i = 0; i < actual.elements(); ++i, a += size, e += size) {
    if (std::memcmp(a, e, size) == 0) continue;
    const Distance d = measure(a, e);
    if (d.abs == 0 && is_nan(actual.dtype(), a)) continue;  // NaNs of different payload
    result.any = true;
    const double tolerance = atol + rtol * d.magnitude;
    const bool beyond =
        exact || d.abs > tolerance || std::isinf(d.abs);  // an infinite tolerance excuses nothing
    // Bits that differ where equal bits are asked for exceed by definition, even 0 and −0.
    const double excess = !beyond ? 0 : tolerance > 0 && !std::isinf(d.abs) ? d.abs / tolerance : kInfinity;
    if (beyond) ++result.beyond;
    result.max_abs = std::max(result.max_abs, d.abs);
    if (d.magnitude > 0)
      result.max_rel = std::max(result.max_rel, std::isinf(d.abs) ? kInfinity : d.abs / d.magnitude);
    if (excess > result.worst_excess || (excess == result.worst_excess && d.abs > worst_abs)) {
      result.worst = i;
      result.worst_excess = excess;
      worst_abs = d.abs;
    }
  }
  return result;
}

std::string index_text(std::span<const std::int64_t> index) {
  return fmt::format("[{}]", fmt::join(index, ", "));
}

}  // namespace

Difference compare(const Tensor& actual, const Tensor& expected, double rtol, double atol) {
  const DType dtype = actual.dtype();
  if (dtype == DType::f32)
    return scan(actual, expected, rtol, atol, [](const std::byte* a, const std::byte* e) {
      return distance(static_cast<double>(load<float>(a)), static_cast<double>(load<float>(e)));
    });
  if (plan::is_complex(dtype))
    return scan(actual, expected, rtol, atol, [dtype](const std::byte* a, const std::byte* e) {
      return distance(load_complex(dtype, a), load_complex(dtype, e));
    });
  if (dtype == DType::u64)
    return scan(actual, expected, rtol, atol, [](const std::byte* a, const std::byte* e) {
      return distance_of_integers(load<std::uint64_t>(a), load<std::uint64_t>(e));
    });
  if (plan::is_floating(dtype))
    return scan(actual, expected, rtol, atol, [dtype](const std::byte* a, const std::byte* e) {
      return distance(load_real(dtype, a), load_real(dtype, e));
    });
  return scan(actual, expected, rtol, atol, [dtype](const std::byte* a, const std::byte* e) {
    return distance_of_integers(load_integer(dtype, a), load_integer(dtype, e));
  });
}

report::Verification verify(const TensorTable& outputs, const TensorTable& expected, double rtol,
                            double atol) {
  report::Verification result;
  result.rtol = rtol;
  result.atol = atol;
  result.equal_bits = true;
  std::uint64_t beyond = 0;
  double worst_excess = -1;
  double worst_abs = -1;
  for (const auto& [name, wanted] : expected) {
    const auto found = outputs.find(name);
    if (found == outputs.end()) {
      result.missing.push_back(name);
      continue;
    }
    const Tensor& actual = found->second;
    if (actual.dtype() != wanted.dtype() || actual.shape() != wanted.shape()) {
      result.mismatched.push_back(
          fmt::format("`{}` is {}, expected {}", name, actual.type_text(), wanted.type_text()));
      continue;
    }
    ++result.outputs;
    result.elements += actual.elements();
    const Difference difference = compare(actual, wanted, rtol, atol);
    if (!difference.any) continue;
    result.equal_bits = false;
    beyond += difference.beyond;
    result.max_abs = std::max(result.max_abs, difference.max_abs);
    result.max_rel = std::max(result.max_rel, difference.max_rel);
    if (difference.worst_excess < worst_excess ||
        (difference.worst_excess == worst_excess && difference.max_abs <= worst_abs))
      continue;
    worst_excess = difference.worst_excess;
    worst_abs = difference.max_abs;
    const std::size_t at = static_cast<std::size_t>(difference.worst) * plan::size_bytes(actual.dtype());
    result.worst = {name, unravel(difference.worst, actual.shape()),
                    element_text(actual.dtype(), wanted.bytes().data() + at),
                    element_text(actual.dtype(), actual.bytes().data() + at)};
  }
  for (const auto& [name, tensor] : outputs)
    if (!expected.contains(name)) result.not_compared.push_back(name);
  result.beyond = beyond;
  result.equal_bits = result.equal_bits && result.missing.empty() && result.mismatched.empty();
  result.passed = beyond == 0 && result.missing.empty() && result.mismatched.empty();
  return result;
}

plan::Diagnostics verification_diagnostics(const report::Verification& verification,
                                           const std::string& expected_file) {
  plan::Diagnostics diagnostics;
  const auto add = [&](std::string_view code, std::string message, std::string help) {
    plan::Diagnostic& diagnostic = diagnostics.emplace_back();
    diagnostic.code = code;
    diagnostic.file = expected_file;
    diagnostic.message = std::move(message);
    diagnostic.help = std::move(help);
  };
  if (verification.beyond > 0 && verification.worst) {
    const auto& worst = *verification.worst;
    const bool exact = verification.rtol == 0 && verification.atol == 0;
    add("GE0720",
        fmt::format(
            "{} of {} elements differ beyond {}; worst is output `{}` at {}: {}, expected {}",
            verification.beyond, verification.elements,
            exact ? "equal bits" : fmt::format("rtol {} and atol {}", verification.rtol, verification.atol),
            worst.output, index_text(worst.index), worst.actual, worst.expected),
        exact ? fmt::format("the same bits need the same torch, the same number of threads and exact "
                            "`results` of the kernels; to allow "
                            "rounding, set `expect.rtol` "
                            "and `expect.atol` (the largest difference is {:.3g})",
                            verification.max_abs)
              : fmt::format("the largest difference is {:.3g}; if that is rounding, raise `expect.atol`",
                            verification.max_abs));
  }
  for (const std::string& sentence : verification.mismatched)
    add("GE0722", fmt::format("output {}", sentence),
        "compare with outputs of the same export, run on inputs of the same sizes");
  for (const std::string& name : verification.missing) {
    std::vector<std::string_view> names(verification.not_compared.begin(), verification.not_compared.end());
    const std::string_view near = plan::json::nearest(name, names);
    add("GE0721", fmt::format("an output `{}` is expected, but the run has none of that name", name),
        near.empty()
            ? fmt::format("the run's other outputs: {}",
                          names.empty() ? std::string("none") : fmt::format("`{}`", fmt::join(names, "`, `")))
            : fmt::format("did you mean `{}`?", near));
  }
  return diagnostics;
}

}  // namespace genie::tensors
