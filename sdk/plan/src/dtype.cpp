// Element types: one table, in the order of the enumeration.
#include "genie/plan/dtype.hpp"

#include <array>
#include <cstddef>

namespace genie::plan {
namespace {

enum class Class : std::uint8_t { boolean, integral, floating, complex };

struct Entry {
  std::string_view name;
  std::uint8_t size_bytes;
  Class klass;
  DlpackType dlpack;
};

// DLPack 1.1 type codes: kDLInt 0, kDLUInt 1, kDLFloat 2, kDLBfloat 4, kDLComplex 5, kDLBool 6, kDLFloat8_* 7…14.
constexpr std::array<Entry, 21> kEntries{{
    {"bool", 1, Class::boolean, {6, 8}},         {"u8", 1, Class::integral, {1, 8}},
    {"i8", 1, Class::integral, {0, 8}},          {"u16", 2, Class::integral, {1, 16}},
    {"i16", 2, Class::integral, {0, 16}},        {"u32", 4, Class::integral, {1, 32}},
    {"i32", 4, Class::integral, {0, 32}},        {"u64", 8, Class::integral, {1, 64}},
    {"i64", 8, Class::integral, {0, 64}},        {"f8e4m3fn", 1, Class::floating, {10, 8}},
    {"f8e5m2", 1, Class::floating, {12, 8}},     {"f8e4m3fnuz", 1, Class::floating, {11, 8}},
    {"f8e5m2fnuz", 1, Class::floating, {13, 8}}, {"f8e8m0fnu", 1, Class::floating, {14, 8}},
    {"f16", 2, Class::floating, {2, 16}},        {"bf16", 2, Class::floating, {4, 16}},
    {"f32", 4, Class::floating, {2, 32}},        {"f64", 8, Class::floating, {2, 64}},
    {"c32", 4, Class::complex, {5, 32}},         {"c64", 8, Class::complex, {5, 64}},
    {"c128", 16, Class::complex, {5, 128}},
}};

const Entry& entry(DType dtype) {
  return kEntries[static_cast<std::size_t>(dtype)];
}

}  // namespace

std::string_view name(DType dtype) {
  return entry(dtype).name;
}

std::optional<DType> dtype_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kEntries.size(); ++i)
    if (kEntries[i].name == name) return static_cast<DType>(i);
  return std::nullopt;
}

std::uint32_t size_bytes(DType dtype) {
  return entry(dtype).size_bytes;
}
bool is_floating(DType dtype) {
  return entry(dtype).klass == Class::floating;
}
bool is_complex(DType dtype) {
  return entry(dtype).klass == Class::complex;
}
bool is_integral(DType dtype) {
  return entry(dtype).klass == Class::integral;
}
DlpackType dlpack_type(DType dtype) {
  return entry(dtype).dlpack;
}

std::optional<DType> dtype_from_dlpack(std::uint8_t code, std::uint8_t bits, std::uint16_t lanes) {
  if (lanes != 1) return std::nullopt;
  for (std::size_t i = 0; i < kEntries.size(); ++i)
    if (kEntries[i].dlpack.code == code && kEntries[i].dlpack.bits == bits) return static_cast<DType>(i);
  return std::nullopt;
}

}  // namespace genie::plan
