// The header of a .npy file is the text of a Python dictionary with exactly three keys:
//   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
// Format: numpy.lib.format in NumPy's reference.
#include "npy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "file_map.hpp"

namespace genie::tensors {

using plan::DType;

namespace {

struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
};

/// Reads the one form of dictionary that numpy writes, with the freedom Python's syntax leaves (blanks, quotes, commas).
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : rest_(text) {}

  std::optional<Header> parse() {
    Header header;
    bool seen[3] = {};
    if (!take('{')) return std::nullopt;
    while (!take('}')) {
      const auto key = text();
      if (!key || !take(':')) return std::nullopt;
      const int which = *key == "descr" ? 0 : *key == "fortran_order" ? 1 : *key == "shape" ? 2 : 3;
      if (which == 3 || seen[which]) return std::nullopt;
      seen[which] = true;
      if (!(which == 0 ? descr(header) : which == 1 ? order(header) : shape(header))) return std::nullopt;
      if (!take(',') && !next_is('}')) return std::nullopt;
    }
    skip_blanks();
    if (!rest_.empty() || !seen[0] || !seen[1] || !seen[2]) return std::nullopt;
    return header;
  }

 private:
  void skip_blanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n' || rest_.front() == '\t'))
      rest_.remove_prefix(1);
  }
  bool next_is(char c) {
    skip_blanks();
    return !rest_.empty() && rest_.front() == c;
  }
  bool take(char c) {
    if (!next_is(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool take(std::string_view word) {
    skip_blanks();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  std::optional<std::string> text() {
    skip_blanks();
    if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) return std::nullopt;
    const std::size_t end = rest_.find(rest_.front(), 1);
    if (end == std::string_view::npos) return std::nullopt;
    std::string found(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return found;
  }
  bool descr(Header& header) {
    if (next_is('[')) {  // a structured type: its own message, so keep what it says
      const std::size_t end = rest_.find(']');
      header.descr = rest_.substr(0, end == std::string_view::npos ? rest_.size() : end + 1);
      rest_.remove_prefix(header.descr.size());
      return true;
    }
    auto found = text();
    if (found) header.descr = *found;
    return found.has_value();
  }
  bool order(Header& header) {
    header.fortran_order = take("True");
    return header.fortran_order || take("False");
  }
  bool shape(Header& header) {
    if (!take('(')) return false;
    while (!take(')')) {
      skip_blanks();
      std::int64_t size = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
      if (error != std::errc{} || size < 0) return false;
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      (void)take('L');  // Python 2 wrote long integers so
      header.shape.push_back(size);
      if (!take(',') && !next_is(')')) return false;
    }
    return true;
  }

  std::string_view rest_;
};

struct Element {
  DType dtype;
  bool swapped;  ///< big-endian
};

std::optional<Element> element_of(std::string_view descr) {
  if (descr.size() < 3) return std::nullopt;
  const char order = descr.front();
  const std::string_view type = descr.substr(1);
  struct Known {
    std::string_view type;
    DType dtype;
  };
  constexpr Known kKnown[] = {
      {"b1", DType::boolean}, {"u1", DType::u8},  {"i1", DType::i8},  {"u2", DType::u16},  {"i2", DType::i16},
      {"u4", DType::u32},     {"i4", DType::i32}, {"u8", DType::u64}, {"i8", DType::i64},  {"f2", DType::f16},
      {"f4", DType::f32},     {"f8", DType::f64}, {"c8", DType::c64}, {"c16", DType::c128}};
  for (const Known& known : kKnown) {
    if (known.type != type) continue;
    const bool one_byte = plan::size_bytes(known.dtype) == 1;
    if (order == '<' || order == '=' || (one_byte && (order == '|' || order == '>')))
      return Element{known.dtype, false};
    if (order == '>') return Element{known.dtype, true};
  }
  return std::nullopt;
}

plan::Diagnostic malformed(const std::filesystem::path& path, std::string message) {
  plan::Diagnostic diagnostic;
  diagnostic.code = "GE0702";
  diagnostic.file = path.string();
  diagnostic.message = std::move(message);
  diagnostic.help = "write the file anew with numpy.save(file, array)";
  return diagnostic;
}

/// Fortran order is row-major order of the reversed shape: walk the result, compute where each element was.
void transpose(std::span<const std::byte> from, std::span<std::byte> into,
               std::span<const std::int64_t> shape, std::size_t size) {
  std::vector<std::size_t> index(shape.size(), 0);
  std::vector<std::size_t> strides(shape.size());
  std::size_t stride = size;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    strides[i] = stride;
    stride *= static_cast<std::size_t>(shape[i]);
  }
  std::size_t source = 0;
  for (std::size_t at = 0; at < into.size(); at += size) {
    std::memcpy(into.data() + at, from.data() + source, size);
    for (std::size_t i = shape.size(); i-- > 0;) {
      source += strides[i];
      if (++index[i] < static_cast<std::size_t>(shape[i])) break;
      source -= strides[i] * index[i];
      index[i] = 0;
    }
  }
}

void swap_bytes(std::span<std::byte> bytes, DType dtype) {
  const std::size_t part = plan::is_complex(dtype) ? plan::size_bytes(dtype) / 2 : plan::size_bytes(dtype);
  for (std::size_t at = 0; at < bytes.size(); at += part)
    std::reverse(bytes.data() + at, bytes.data() + at + part);
}

}  // namespace

plan::Result<Tensor> read_npy(const std::filesystem::path& path) {
  auto map = FileMap::open(path);
  if (!map) return std::move(map).errors();
  const std::span<const std::byte> file = (*map)->bytes();
  const auto byte = [&](std::size_t i) { return std::to_integer<std::uint32_t>(file[i]); };
  constexpr std::string_view kMagic = "\x93NUMPY";
  if (file.size() < 10 || std::memcmp(file.data(), kMagic.data(), kMagic.size()) != 0)
    return malformed(path, "not a .npy file: its first bytes are not those of one");
  const std::uint32_t version = byte(6);
  if (version < 1 || version > 3)
    return malformed(path, fmt::format("format version {}.{} is not known; 1 to 3 are", version, byte(7)));
  const std::size_t prefix = version == 1 ? 10 : 12;
  if (file.size() < prefix) return malformed(path, "the file ends within its header");
  const std::size_t length =
      version == 1 ? byte(8) | byte(9) << 8 : byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24;
  if (file.size() - prefix < length) return malformed(path, "the file ends within its header");
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + prefix, length);
  const auto header = HeaderParser(text).parse();
  if (!header) return malformed(path, "the header does not say type, order and shape as numpy writes them");
  const auto element = element_of(header->descr);
  if (!element) {
    plan::Diagnostic diagnostic;
    diagnostic.code = "GE0705";
    diagnostic.file = path.string();
    diagnostic.message =
        fmt::format("the array's element type '{}' has no counterpart in plans", header->descr);
    diagnostic.help = "convert it first: array.astype('float32'); bfloat16 needs a .safetensors file";
    return diagnostic;
  }
  const auto bytes = dense_bytes(element->dtype, header->shape);
  const std::span<const std::byte> data = file.subspan(prefix + length);
  if (!bytes || *bytes != data.size())
    return malformed(
        path,
        fmt::format("{} takes {} bytes, but {} follow the header", type_text(element->dtype, header->shape),
                    bytes ? fmt::format("{}", *bytes) : std::string("more than 2^62"), data.size()));
  const bool in_order = !header->fortran_order || header->shape.size() < 2;
  if (in_order && !element->swapped) return Tensor(element->dtype, header->shape, data, *map);
  return Tensor::make(element->dtype, header->shape, [&](std::span<std::byte> into) {
    if (into.empty()) return;
    if (in_order)
      std::memcpy(into.data(), data.data(), data.size());
    else
      transpose(data, into, header->shape, plan::size_bytes(element->dtype));
    if (element->swapped) swap_bytes(into, element->dtype);
  });
}

}  // namespace genie::tensors
