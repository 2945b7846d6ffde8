// torch's type promotion. Tensors with dimensions outrank 0-d tensors, which outrank numbers, unless a lower rank's
// category (bool < integer < floating < complex) is higher.
#include <algorithm>

#include "op_call.hpp"

namespace genie::plan::detail {

namespace {

bool is_small_float(DType d) {
  return is_floating(d) && size_bytes(d) == 1;
}
bool is_wide_unsigned(DType d) {
  return d == DType::u16 || d == DType::u32 || d == DType::u64;
}

std::optional<DType> promote_integers(DType a, DType b) {
  if (is_wide_unsigned(a) || is_wide_unsigned(b)) return std::nullopt;
  if (a == DType::u8 || b == DType::u8) {
    const DType other = a == DType::u8 ? b : a;
    return other == DType::i8 ? DType::i16 : other;
  }
  return size_bytes(a) > size_bytes(b) ? a : b;
}

}  // namespace

std::optional<DType> promote(DType a, DType b) {
  if (a == b) return a;
  if (is_small_float(a) || is_small_float(b)) {
    // Only with bool and integers, which give way.
    if (is_small_float(a) && category(b) <= Category::integral) return a;
    if (is_small_float(b) && category(a) <= Category::integral) return b;
    return std::nullopt;
  }
  const Category ca = category(a), cb = category(b);
  if (ca == Category::complex || cb == Category::complex) {
    const DType real_a = ca == Category::complex ? to_real(a) : a;
    const DType real_b = cb == Category::complex ? to_real(b) : b;
    // bf16 has no complex type; torch widens.
    const bool a_counts = category(real_a) == Category::floating,
               b_counts = category(real_b) == Category::floating;
    if (a_counts && b_counts) {
      const std::optional<DType> real = promote(real_a, real_b);
      return real ? std::optional(to_complex(*real)) : std::nullopt;
    }
    return a_counts ? to_complex(real_a) : to_complex(real_b);
  }
  if (ca != cb) return ca > cb ? a : b;
  if (ca == Category::floating) {
    if (size_bytes(a) == size_bytes(b)) return DType::f32;  // f16 with bf16
    return size_bytes(a) > size_bytes(b) ? a : b;
  }
  return promote_integers(a, b);
}

DType to_floating(DType dtype) {
  return category(dtype) >= Category::floating ? dtype : DType::f32;
}

DType to_real(DType dtype) {
  switch (dtype) {
    case DType::c32:
      return DType::f16;
    case DType::c64:
      return DType::f32;
    case DType::c128:
      return DType::f64;
    default:
      return dtype;
  }
}

DType to_complex(DType dtype) {
  switch (dtype) {
    case DType::f16:
      return DType::c32;
    case DType::f64:
      return DType::c128;
    case DType::c32:
    case DType::c64:
    case DType::c128:
      return dtype;
    default:
      return DType::c64;
  }
}

void Promotion::add(const Operand& operand) {
  if (operand.wrapped) return add_number(category(operand.dtype));
  std::optional<DType>& rank = operand.shape.empty() ? zero_dims_ : dims_;
  const std::optional<DType> joined = rank ? promote(*rank, operand.dtype) : operand.dtype;
  if (!joined) refused_ = true;
  rank = joined ? joined : rank;
}

void Promotion::add_number(Category category) {
  DType type = DType::i64;
  if (category == Category::boolean) type = DType::boolean;
  if (category == Category::floating) type = DType::f32;
  if (category == Category::complex) type = DType::c64;
  numbers_ = numbers_ ? promote(*numbers_, type) : type;
}

std::optional<DType> Promotion::result() const {
  if (refused_) return std::nullopt;
  const auto combine = [](const std::optional<DType>& higher,
                          const std::optional<DType>& lower) -> std::optional<DType> {
    if (!higher || !lower) return higher ? higher : lower;
    const Category h = category(*higher), l = category(*lower);
    if (h == Category::complex) return higher;
    if (h == Category::floating) return l == Category::complex ? std::optional(to_complex(*higher)) : higher;
    if (h == Category::boolean || l >= Category::floating) return promote(*higher, *lower);
    return higher;
  };
  return combine(dims_, combine(zero_dims_, numbers_));
}

}  // namespace genie::plan::detail
