#include "safetensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <optional>
#include <system_error>
#include <tuple>
#include <vector>

#include "file_map.hpp"
#include "genie/plan/json.hpp"

namespace genie::tensors {

using plan::DType;
using plan::json::Kind;
using plan::json::View;

namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr std::string_view kMetadata = "__metadata__";

struct Name {
  std::string_view text;
  DType dtype;
};
constexpr std::array kNames = {
    Name{"BOOL", DType::boolean},
    Name{"U8", DType::u8},
    Name{"I8", DType::i8},
    Name{"U16", DType::u16},
    Name{"I16", DType::i16},
    Name{"U32", DType::u32},
    Name{"I32", DType::i32},
    Name{"U64", DType::u64},
    Name{"I64", DType::i64},
    Name{"F16", DType::f16},
    Name{"BF16", DType::bf16},
    Name{"F32", DType::f32},
    Name{"F64", DType::f64},
    Name{"C64", DType::c64},
    Name{"F8_E4M3", DType::f8e4m3fn},
    Name{"F8_E5M2", DType::f8e5m2},
    Name{"F8_E8M0", DType::f8e8m0fnu},
    Name{"F8_E4M3FNUZ", DType::f8e4m3fnuz},
    Name{"F8_E5M2FNUZ", DType::f8e5m2fnuz},
};

plan::Diagnostic problem(std::string_view code, const std::filesystem::path& path, std::string message,
                         std::string help) {
  plan::Diagnostic diagnostic;
  diagnostic.code = code;
  diagnostic.file = path.string();
  diagnostic.message = std::move(message);
  diagnostic.help = std::move(help);
  return diagnostic;
}

plan::Diagnostic malformed(const std::filesystem::path& path, std::string message) {
  return problem("GE0703", path, std::move(message),
                 "write the file anew with safetensors' save_file; a download may be incomplete");
}

struct Entry {
  std::string name;
  std::string type;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// One member of the header, or what is wrong with it.
std::optional<std::string> read_entry(View view, Entry& entry) {
  if (!view.is(Kind::object)) return "its entry is no object";
  for (const auto [key, value] : view.items())
    if (key != "dtype" && key != "shape" && key != "data_offsets")
      return fmt::format("its entry has the unknown key `{}`", key);
  const auto dtype = view.find("dtype");
  const auto shape = view.find("shape");
  const auto offsets = view.find("data_offsets");
  if (!dtype || !dtype->is(Kind::string)) return "it has no dtype";
  if (!shape || !shape->is(Kind::array)) return "it has no shape";
  if (!offsets || !offsets->is(Kind::array) || offsets->size() != 2) return "it has no two data_offsets";
  entry.type = dtype->string();
  for (const auto [key, size] : shape->items()) {
    if (!size.is(Kind::integer) || size.integer() < 0) return "its shape is no list of sizes";
    entry.shape.push_back(size.integer());
  }
  std::uint64_t* into = &entry.begin;
  for (const auto [key, offset] : offsets->items()) {
    if (!offset.is(Kind::integer) || offset.integer() < 0) return "its data_offsets are no offsets";
    *into = static_cast<std::uint64_t>(offset.integer());
    into = &entry.end;
  }
  if (entry.begin > entry.end)
    return fmt::format("its data ends at {}, before it begins at {}", entry.end, entry.begin);
  return std::nullopt;
}

/// Data must fill the file without gaps and overlaps: then no byte belongs to two tensors or to none.
std::optional<std::string> check_layout(std::vector<Entry>& entries, std::uint64_t data_bytes) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.end > data_bytes)
      return fmt::format("tensor `{}` ends at byte {} of the data, which has {}", entry.name, entry.end,
                         data_bytes);
    if (entry.begin < at)
      return fmt::format("tensor `{}` begins at byte {}, within the one before it (up to {})", entry.name,
                         entry.begin, at);
    if (entry.begin > at)
      return fmt::format("bytes {} to {}, before tensor `{}`, belong to no tensor", at, entry.begin,
                         entry.name);
    at = entry.end;
  }
  if (at != data_bytes) return fmt::format("the last {} bytes belong to no tensor", data_bytes - at);
  return std::nullopt;
}

std::string_view name_of(DType dtype) {
  const auto found =
      std::find_if(kNames.begin(), kNames.end(), [&](const Name& name) { return name.dtype == dtype; });
  return found == kNames.end() ? std::string_view() : found->text;
}

}  // namespace

plan::Result<Safetensors> Safetensors::open(const std::filesystem::path& path) {
  auto map = FileMap::open(path);
  if (!map) return std::move(map).errors();
  const std::span<const std::byte> file = (*map)->bytes();
  if (file.size() < kLengthBytes)
    return malformed(path, fmt::format("not a .safetensors file: it has {} bytes", file.size()));
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  if (length > kMaxHeaderBytes || length > file.size() - kLengthBytes)
    return malformed(path,
                     fmt::format("the header claims {} bytes of a file that has {}", length, file.size()));
  const std::string_view header(reinterpret_cast<const char*>(file.data()) + kLengthBytes,
                                static_cast<std::size_t>(length));
  if (!header.starts_with('{')) return malformed(path, "the header is no JSON object");
  auto document = plan::json::Document::parse(header);
  if (!document)
    return malformed(path, fmt::format("the header is no valid JSON: {}", document.errors().front().message));
  const std::span<const std::byte> data = file.subspan(kLengthBytes + header.size());

  std::vector<Entry> entries;
  for (const auto [name, member] : document->root().items()) {
    if (name == kMetadata) continue;
    Entry& entry = entries.emplace_back();
    entry.name = name;
    if (const auto wrong = read_entry(member, entry))
      return malformed(path, fmt::format("tensor `{}`: {}", name, *wrong));
  }
  if (const auto wrong = check_layout(entries, data.size())) return malformed(path, *wrong);

  Safetensors result;
  result.path_ = path;
  for (Entry& entry : entries) {
    const auto known =
        std::find_if(kNames.begin(), kNames.end(), [&](const Name& name) { return name.text == entry.type; });
    if (known == kNames.end()) {
      result.unsupported_.emplace(std::move(entry.name), std::move(entry.type));
      continue;
    }
    const auto bytes = dense_bytes(known->dtype, entry.shape);
    if (!bytes || *bytes != entry.end - entry.begin)
      return malformed(path,
                       fmt::format("tensor `{}` is {} but has {} bytes", entry.name,
                                   tensors::type_text(known->dtype, entry.shape), entry.end - entry.begin));
    const auto span = data.subspan(static_cast<std::size_t>(entry.begin), static_cast<std::size_t>(*bytes));
    result.tensors_.emplace(std::move(entry.name), Tensor(known->dtype, std::move(entry.shape), span, *map));
  }
  return result;
}

plan::Result<Tensor> Safetensors::get(std::string_view name) const {
  if (const auto found = tensors_.find(name); found != tensors_.end()) return found->second;
  if (const auto found = unsupported_.find(name); found != unsupported_.end())
    return problem(
        "GE0705", path_,
        fmt::format("tensor `{}` has the element type {}, which plans have not", name, found->second),
        "convert it before it is saved");
  std::vector<std::string_view> names;
  std::string list;
  for (const auto& [known, tensor] : tensors_) {
    names.push_back(known);
    if (names.size() <= 8) list += fmt::format("{}`{}`", list.empty() ? "" : ", ", known);
  }
  if (names.size() > 8) list += fmt::format(" and {} more", names.size() - 8);
  const std::string_view near = plan::json::nearest(name, names);
  return problem("GE0704", path_, fmt::format("the file has no tensor `{}`", name),
                 near.empty() ? fmt::format("it holds {}", names.empty() ? "no tensors" : list)
                              : fmt::format("did you mean `{}`? It holds {}", near, list));
}

plan::Status write_safetensors(const std::filesystem::path& path,
                               std::span<const std::pair<std::string, Tensor>> tensors) {
  // Wide elements first, as other writers do: then every tensor lies at a multiple of its element's size.
  std::vector<std::pair<std::string, Tensor>> ordered(tensors.begin(), tensors.end());
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
    return plan::size_bytes(a.second.dtype()) > plan::size_bytes(b.second.dtype());
  });
  plan::json::Writer writer;
  writer.begin_object();
  std::uint64_t at = 0;
  for (const auto& [name, tensor] : ordered) {
    const std::string_view type = name_of(tensor.dtype());
    if (type.empty())
      return problem("GE0705", path,
                     fmt::format("output `{}` is {}, an element type .safetensors files cannot hold", name,
                                 tensor.type_text()),
                     "leave it out with `outputs.only`, or cast it in the model");
    writer.key(name).begin_object().key("dtype").value(type).key("shape").begin_array();
    for (const std::int64_t size : tensor.shape())
      writer.value(size);
    writer.end_array()
        .key("data_offsets")
        .begin_array()
        .value(at)
        .value(at + tensor.bytes().size())
        .end_array()
        .end_object();
    at += tensor.bytes().size();
  }
  std::string header = writer.end_object().take();
  header.append((kLengthBytes - header.size() % kLengthBytes) % kLengthBytes, ' ');  // data begins aligned

  const std::filesystem::path unfinished = path.string() + ".part";
  std::error_code error;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  std::ofstream file(unfinished, std::ios::binary | std::ios::trunc);
  const std::uint64_t length = header.size();
  file.write(reinterpret_cast<const char*>(&length), kLengthBytes);
  file.write(header.data(), static_cast<std::streamsize>(header.size()));
  for (const auto& [name, tensor] : ordered)
    file.write(reinterpret_cast<const char*>(tensor.bytes().data()),
               static_cast<std::streamsize>(tensor.bytes().size()));
  file.close();
  if (file) std::filesystem::rename(unfinished, path, error);
  if (file && !error) return plan::Unit{};
  std::error_code ignored;
  std::filesystem::remove(unfinished, ignored);
  return problem(
      "GE0707", path,
      fmt::format("the file cannot be written: {}", error ? error.message() : "the device refused"),
      "check that the folder exists, is writable and has room");
}

}  // namespace genie::tensors
