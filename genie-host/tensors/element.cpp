#include "element.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace genie::tensors {

using plan::DType;

namespace {

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
void store(std::byte* into, T value) {
  std::memcpy(into, &value, sizeof value);
}

std::uint32_t load_bits(DType dtype, const std::byte* from) {
  return plan::size_bytes(dtype) == 1 ? load<std::uint8_t>(from) : load<std::uint16_t>(from);
}

/// The type of a complex number's parts.
DType part_type(DType dtype) {
  if (dtype == DType::c32) return DType::f16;
  return dtype == DType::c64 ? DType::f32 : DType::f64;
}

}  // namespace

std::optional<SmallFloat> small_float(DType dtype) {
  using Specials = SmallFloat::Specials;
  switch (dtype) {
    case DType::f16:
      return SmallFloat{5, 10, 15, Specials::ieee};
    case DType::bf16:
      return SmallFloat{8, 7, 127, Specials::ieee};
    case DType::f8e5m2:
      return SmallFloat{5, 2, 15, Specials::ieee};
    case DType::f8e4m3fn:
      return SmallFloat{4, 3, 7, Specials::nan_only};
    case DType::f8e4m3fnuz:
      return SmallFloat{4, 3, 8, Specials::fnuz};
    case DType::f8e5m2fnuz:
      return SmallFloat{5, 2, 16, Specials::fnuz};
    case DType::f8e8m0fnu:
      return SmallFloat{8, 0, 127, Specials::scale};
    default:
      return std::nullopt;
  }
}

double decode(SmallFloat format, std::uint32_t bits) {
  using Specials = SmallFloat::Specials;
  const std::uint32_t exponent_max = (1u << format.exponent_bits) - 1;
  const std::uint32_t exponent = (bits >> format.mantissa_bits) & exponent_max;
  const std::uint32_t mantissa = bits & ((1u << format.mantissa_bits) - 1);
  const std::uint32_t sign = (bits >> (format.mantissa_bits + format.exponent_bits)) & 1u;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  if (format.specials == Specials::scale)
    return exponent == exponent_max ? nan : std::ldexp(1.0, static_cast<int>(exponent) - format.bias);
  if (format.specials == Specials::fnuz && sign == 1 && exponent == 0 && mantissa == 0) return nan;
  if (format.specials == Specials::nan_only && exponent == exponent_max &&
      mantissa == (1u << format.mantissa_bits) - 1)
    return nan;
  double value = 0;
  if (format.specials == Specials::ieee && exponent == exponent_max)
    value = mantissa == 0 ? std::numeric_limits<double>::infinity() : nan;
  else if (exponent == 0)
    value = std::ldexp(static_cast<double>(mantissa), 1 - format.bias - format.mantissa_bits);
  else
    value = std::ldexp(static_cast<double>(mantissa + (1u << format.mantissa_bits)),
                       static_cast<int>(exponent) - format.bias - format.mantissa_bits);
  return sign == 1 ? -value : value;
}

std::uint32_t encode(SmallFloat format, double value) {
  using Specials = SmallFloat::Specials;
  const int mantissa_bits = format.mantissa_bits;
  const std::uint32_t exponent_max = (1u << format.exponent_bits) - 1;
  const std::uint32_t sign_bit =
      format.specials == Specials::scale ? 0 : 1u << (format.exponent_bits + mantissa_bits);
  const std::uint32_t infinity = exponent_max << mantissa_bits;
  std::uint32_t nan = 0;
  switch (format.specials) {
    case Specials::ieee:
      nan = infinity | (1u << (mantissa_bits - 1));
      break;
    case Specials::nan_only:
      nan = sign_bit - 1;
      break;
    case Specials::fnuz:
      nan = sign_bit;
      break;
    case Specials::scale:
      nan = exponent_max;
      break;
  }
  if (std::isnan(value)) return nan;
  const std::uint32_t sign = std::signbit(value) ? sign_bit : 0;
  const double magnitude = std::fabs(value);
  const std::uint32_t overflow = format.specials == Specials::ieee ? sign | infinity : nan;
  if (std::isinf(value)) return overflow;
  if (format.specials == Specials::scale) {
    if (value <= 0) return 0;  // the smallest power; the format has neither zero nor sign
    const double power = std::nearbyint(std::log2(magnitude)) + format.bias;
    return power < 0 ? 0 : power >= exponent_max ? nan : static_cast<std::uint32_t>(power);
  }
  int exponent = 0;
  (void)std::frexp(magnitude, &exponent);  // magnitude = m · 2^exponent with m in [0.5, 1)
  const int lowest = 1 - format.bias;
  const int scale = std::max(exponent - 1, lowest) - mantissa_bits;
  // In units of the last place; nearbyint rounds ties to even. Rounding up into the next binade needs no special case:
  // the carry moves into the exponent field.
  const auto units = static_cast<std::uint32_t>(std::nearbyint(std::ldexp(magnitude, -scale)));
  if (units == 0) return format.specials == Specials::fnuz ? 0 : sign;
  const std::uint32_t hidden = 1u << mantissa_bits;
  const auto binade = static_cast<std::uint32_t>(scale + mantissa_bits - lowest);
  const std::uint32_t bits = units < hidden ? units : ((binade + 1) << mantissa_bits) + (units - hidden);
  const std::uint32_t largest = format.specials == Specials::ieee       ? infinity - 1
                                : format.specials == Specials::nan_only ? nan - 1
                                                                        : sign_bit - 1;
  return bits > largest ? overflow : sign | bits;
}

double load_real(DType dtype, const std::byte* from) {
  if (dtype == DType::f32) return static_cast<double>(load<float>(from));
  if (dtype == DType::f64) return load<double>(from);
  if (const auto format = small_float(dtype)) return decode(*format, load_bits(dtype, from));
  if (dtype == DType::u64) return static_cast<double>(load<std::uint64_t>(from));
  return static_cast<double>(load_integer(dtype, from));
}

std::complex<double> load_complex(DType dtype, const std::byte* from) {
  if (!plan::is_complex(dtype)) return {load_real(dtype, from), 0.0};
  const DType part = part_type(dtype);
  return {load_real(part, from), load_real(part, from + plan::size_bytes(part))};
}

std::int64_t load_integer(DType dtype, const std::byte* from) {
  switch (dtype) {
    case DType::boolean:
      return load<std::uint8_t>(from) != 0 ? 1 : 0;
    case DType::u8:
      return load<std::uint8_t>(from);
    case DType::i8:
      return load<std::int8_t>(from);
    case DType::u16:
      return load<std::uint16_t>(from);
    case DType::i16:
      return load<std::int16_t>(from);
    case DType::u32:
      return load<std::uint32_t>(from);
    case DType::i32:
      return load<std::int32_t>(from);
    default:
      return load<std::int64_t>(from);
  }
}

void store_real(DType dtype, std::byte* into, double value) {
  if (dtype == DType::f32) return store(into, static_cast<float>(value));
  if (dtype == DType::f64) return store(into, value);
  if (plan::is_complex(dtype)) {
    const DType part = part_type(dtype);
    store_real(part, into, value);
    return store_real(part, into + plan::size_bytes(part), 0.0);
  }
  const std::uint32_t bits = encode(*small_float(dtype), value);
  if (plan::size_bytes(dtype) == 1) return store(into, static_cast<std::uint8_t>(bits));
  store(into, static_cast<std::uint16_t>(bits));
}

void store_integer(DType dtype, std::byte* into, std::int64_t value) {
  switch (plan::size_bytes(dtype)) {
    case 1:
      return store(into, static_cast<std::uint8_t>(dtype == DType::boolean ? value != 0 : value));
    case 2:
      return store(into, static_cast<std::uint16_t>(value));
    case 4:
      return store(into, static_cast<std::uint32_t>(value));
    default:
      return store(into, value);
  }
}

IntegerBounds integer_bounds(DType dtype) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  switch (dtype) {
    case DType::boolean:
      return {0, 1};
    case DType::u8:
      return {0, 0xff};
    case DType::i8:
      return {-0x80, 0x7f};
    case DType::u16:
      return {0, 0xffff};
    case DType::i16:
      return {-0x8000, 0x7fff};
    case DType::u32:
      return {0, 0xffffffff};
    case DType::i32:
      return {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
    case DType::u64:
      return {0, kMax};
    default:
      return {std::numeric_limits<std::int64_t>::min(), kMax};
  }
}

namespace {

/// The sign of a NaN says nothing.
template <class Real>
std::string real_text(Real value, bool signs = false) {
  if (std::isnan(value)) return signs ? "+nan" : "nan";
  return signs ? fmt::format("{:+}", value) : fmt::format("{}", value);
}

}  // namespace

std::string element_text(DType dtype, const std::byte* from) {
  if (dtype == DType::boolean) return load_integer(dtype, from) != 0 ? "true" : "false";
  if (dtype == DType::u64) return fmt::format("{}", load<std::uint64_t>(from));
  if (plan::is_integral(dtype)) return fmt::format("{}", load_integer(dtype, from));
  if (dtype == DType::f32) return real_text(load<float>(from));
  if (dtype == DType::c64)
    return real_text(load<float>(from)) + real_text(load<float>(from + sizeof(float)), true) + "i";
  if (plan::is_complex(dtype)) {
    const auto value = load_complex(dtype, from);
    return real_text(value.real()) + real_text(value.imag(), true) + "i";
  }
  return real_text(load_real(dtype, from));
}

}  // namespace genie::tensors
