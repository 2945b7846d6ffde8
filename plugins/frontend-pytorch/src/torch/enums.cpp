#include "torch/enums.hpp"

#include <array>

namespace genie::pytorch {
namespace {

using plan::DType;

template <class T>
struct Entry {
  std::int64_t number;
  std::string_view name;
  T value;
};

constexpr std::array<Entry<DType>, 21> kScalarTypes = {{
    {1, "BYTE", DType::u8},
    {2, "CHAR", DType::i8},
    {3, "SHORT", DType::i16},
    {4, "INT", DType::i32},
    {5, "LONG", DType::i64},
    {6, "HALF", DType::f16},
    {7, "FLOAT", DType::f32},
    {8, "DOUBLE", DType::f64},
    {9, "COMPLEXHALF", DType::c32},
    {10, "COMPLEXFLOAT", DType::c64},
    {11, "COMPLEXDOUBLE", DType::c128},
    {12, "BOOL", DType::boolean},
    {13, "BFLOAT16", DType::bf16},
    {28, "UINT16", DType::u16},
    {29, "FLOAT8E4M3FN", DType::f8e4m3fn},
    {30, "FLOAT8E5M2", DType::f8e5m2},
    {31, "FLOAT8E4M3FNUZ", DType::f8e4m3fnuz},
    {32, "FLOAT8E5M2FNUZ", DType::f8e5m2fnuz},
    {33, "FLOAT8E8M0FNU", DType::f8e8m0fnu},
    {34, "UINT32", DType::u32},
    {35, "UINT64", DType::u64},
}};

constexpr std::array<Entry<std::string_view>, 7> kLayouts = {{
    {1, "SparseCoo", "sparse_coo"},
    {2, "SparseCsr", "sparse_csr"},
    {3, "SparseCsc", "sparse_csc"},
    {4, "SparseBsr", "sparse_bsr"},
    {5, "SparseBsc", "sparse_bsc"},
    {6, "_mkldnn", "mkldnn"},
    {7, "Strided", "strided"},
}};

constexpr std::array<Entry<std::string_view>, 4> kMemoryFormats = {{
    {1, "ContiguousFormat", "contiguous"},
    {2, "ChannelsLast", "channels_last"},
    {3, "ChannelsLast3d", "channels_last_3d"},
    {4, "PreserveFormat", "preserve"},
}};

template <class T, std::size_t N>
std::optional<T> by_number(const std::array<Entry<T>, N>& table, std::int64_t number) {
  for (const auto& entry : table)
    if (entry.number == number) return entry.value;
  return std::nullopt;
}

template <class T, std::size_t N>
std::optional<T> by_name(const std::array<Entry<T>, N>& table, std::string_view name) {
  for (const auto& entry : table)
    if (entry.name == name) return entry.value;
  return std::nullopt;
}

}  // namespace

std::optional<DType> scalar_type(std::int64_t number) {
  return by_number(kScalarTypes, number);
}
std::optional<DType> scalar_type(std::string_view name) {
  return by_name(kScalarTypes, name);
}
std::optional<std::string_view> layout(std::int64_t number) {
  return by_number(kLayouts, number);
}
std::optional<std::string_view> layout(std::string_view name) {
  return by_name(kLayouts, name);
}
std::optional<std::string_view> memory_format(std::int64_t number) {
  return by_number(kMemoryFormats, number);
}
std::optional<std::string_view> memory_format(std::string_view name) {
  return by_name(kMemoryFormats, name);
}

}  // namespace genie::pytorch
