// Element types, named as they appear in plans.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace genie::plan {

enum class DType : std::uint8_t {
  boolean,
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  u64,
  i64,
  f8e4m3fn,
  f8e5m2,
  f8e4m3fnuz,
  f8e5m2fnuz,
  f8e8m0fnu,
  f16,
  bf16,
  f32,
  f64,
  c32,
  c64,
  c128,
};

/// "f32", "i64", "bool", "bf16", …: the plan's spelling.
[[nodiscard]] std::string_view name(DType dtype);
/// The inverse of name(); nothing for an unknown spelling.
[[nodiscard]] std::optional<DType> dtype_from_name(std::string_view name);
/// Bytes of one element.
[[nodiscard]] std::uint32_t size_bytes(DType dtype);
[[nodiscard]] bool is_floating(DType dtype);
[[nodiscard]] bool is_complex(DType dtype);
/// Integers without bool.
[[nodiscard]] bool is_integral(DType dtype);

/// DLPack's (code, bits) of one lane, as used by the ABI's tensors.
struct DlpackType {
  std::uint8_t code;
  std::uint8_t bits;
};
[[nodiscard]] DlpackType dlpack_type(DType dtype);
/// The inverse; nothing for a type the plan has no name for, or lanes != 1.
[[nodiscard]] std::optional<DType> dtype_from_dlpack(std::uint8_t code, std::uint8_t bits,
                                                     std::uint16_t lanes);

}  // namespace genie::plan
