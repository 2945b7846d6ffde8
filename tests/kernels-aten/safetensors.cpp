#include "safetensors.hpp"

#include <array>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "genie/plan/json.hpp"

namespace kernels_test {

namespace {

using genie::plan::DType;
constexpr std::array<std::pair<std::string_view, DType>, 16> kNames{{
    {"BOOL", DType::boolean},
    {"U8", DType::u8},
    {"I8", DType::i8},
    {"U16", DType::u16},
    {"I16", DType::i16},
    {"U32", DType::u32},
    {"I32", DType::i32},
    {"U64", DType::u64},
    {"I64", DType::i64},
    {"F8_E4M3", DType::f8e4m3fn},
    {"F8_E5M2", DType::f8e5m2},
    {"F16", DType::f16},
    {"BF16", DType::bf16},
    {"F32", DType::f32},
    {"F64", DType::f64},
    {"C64", DType::c64},
}};

DType dtype_of(std::string_view name) {
  for (const auto& [text, dtype] : kNames)
    if (text == name) return dtype;
  throw std::runtime_error("unknown element type " + std::string(name));
}

std::string_view name_of(DType wanted) {
  for (const auto& [text, dtype] : kNames)
    if (dtype == wanted) return text;
  throw std::runtime_error("safetensors has no element type " + std::string(genie::plan::name(wanted)));
}

}  // namespace

Tensors read_safetensors(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::uint64_t header = 0;
  if (all.size() < sizeof header) throw std::runtime_error(path + ": no safetensors file");
  std::memcpy(&header, all.data(), sizeof header);
  if (header > all.size() - sizeof header) throw std::runtime_error(path + ": truncated");
  const auto document =
      genie::plan::json::Document::parse({all.data() + sizeof header, static_cast<std::size_t>(header)});
  if (!document) throw std::runtime_error(path + ": " + document.errors().front().message);
  const char* const data = all.data() + sizeof header + header;
  Tensors tensors;
  for (const auto& [name, entry] : document->root().items()) {
    if (name == "__metadata__") continue;
    DenseTensor tensor;
    tensor.dtype = dtype_of(entry.find("dtype")->string());
    for (const auto& [none, size] : entry.find("shape")->items())
      tensor.shape.push_back(size.integer());
    std::vector<std::int64_t> ends;
    for (const auto& [none, end] : entry.find("data_offsets")->items())
      ends.push_back(end.integer());
    tensor.bytes.assign(data + ends.at(0), data + ends.at(1));
    tensors.emplace(name, std::move(tensor));
  }
  return tensors;
}

void write_safetensors(const std::string& path, const Tensors& tensors) {
  genie::plan::json::Writer writer;
  writer.begin_object();
  std::int64_t at = 0;
  for (const auto& [name, tensor] : tensors) {
    writer.key(name).begin_object().key("dtype").value(name_of(tensor.dtype)).key("shape").begin_array();
    for (const std::int64_t size : tensor.shape)
      writer.value(size);
    const auto end = at + static_cast<std::int64_t>(tensor.bytes.size());
    writer.end_array().key("data_offsets").begin_array().value(at).value(end).end_array().end_object();
    at = end;
  }
  writer.end_object();
  std::string header = writer.take();
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const std::uint64_t size = header.size();
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&size), sizeof size);
  file << header;
  for (const auto& [name, tensor] : tensors)
    file.write(tensor.bytes.data(), static_cast<std::streamsize>(tensor.bytes.size()));
  if (!file) throw std::runtime_error(path + ": cannot be written");
}

}  // namespace kernels_test
