#include "random.hpp"

#include <fmt/format.h>

#include <cmath>

#include "element.hpp"

namespace genie::tensors {

namespace {

__extension__ using Wide = unsigned __int128;

std::uint64_t number(std::uint64_t seed, std::uint64_t element) {
  std::uint64_t z = seed + (element + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

double fraction(std::uint64_t x) {
  return static_cast<double>(x >> 11) * 0x1p-53;
}

plan::Diagnostic bad_range(const RandomSpec& spec, double low, double high, std::string help) {
  plan::Diagnostic diagnostic;
  diagnostic.code = "GE0706";
  diagnostic.message = fmt::format("no random {} lies from {} up to {}", plan::name(spec.dtype), low, high);
  diagnostic.help = std::move(help);
  return diagnostic;
}

}  // namespace

plan::Result<Tensor> random_tensor(const RandomSpec& spec) {
  const bool integral = plan::is_integral(spec.dtype) || spec.dtype == plan::DType::boolean;
  const double low = spec.low.value_or(0);
  const double high = spec.high.value_or(integral ? 2 : 1);
  if (!std::isfinite(low) || !std::isfinite(high) || low >= high)
    return bad_range(spec, low, high, "write a `low` below `high`");
  const std::size_t size = plan::size_bytes(spec.dtype);
  if (!integral) {
    const bool complex = plan::is_complex(spec.dtype);
    const plan::DType part = !complex    ? spec.dtype
                             : size == 4 ? plan::DType::f16
                             : size == 8 ? plan::DType::f32
                                         : plan::DType::f64;
    return Tensor::make(spec.dtype, spec.shape, [&](std::span<std::byte> into) {
      std::uint64_t element = 0;
      for (std::size_t at = 0; at < into.size(); at += plan::size_bytes(part))
        store_real(part, into.data() + at, low + (high - low) * fraction(number(spec.seed, element++)));
    });
  }
  const IntegerBounds bounds = integer_bounds(spec.dtype);
  const auto max = static_cast<double>(bounds.max);
  if (low != std::floor(low) || high != std::floor(high) || low < static_cast<double>(bounds.min) ||
      high > max + 1 || high > 0x1p63)
    return bad_range(spec, low, high, fmt::format("write integers from {} to {}", bounds.min, bounds.max));
  const auto first = static_cast<std::int64_t>(low);
  const auto count = static_cast<Wide>(high - low);
  return Tensor::make(spec.dtype, spec.shape, [&](std::span<std::byte> into) {
    std::uint64_t element = 0;
    for (std::size_t at = 0; at < into.size(); at += size) {
      const auto offset =
          static_cast<std::uint64_t>((static_cast<Wide>(number(spec.seed, element++)) * count) >> 64);
      store_integer(spec.dtype, into.data() + at,
                    static_cast<std::int64_t>(static_cast<std::uint64_t>(first) + offset));
    }
  });
}

}  // namespace genie::tensors
