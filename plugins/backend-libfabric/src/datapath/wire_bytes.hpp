// Little-endian numbers in blobs that peers exchange, and a reader that never goes past their end.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace genie::datapath {

static_assert(std::endian::native == std::endian::little, "blobs are written as memory holds them");

/// Appends numbers and bytes.
class Writer {
 public:
  template <class T>
  Writer& number(T value) {
    static_assert(std::is_integral_v<T>);
    const auto* from = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), from, from + sizeof value);
    return *this;
  }
  Writer& bytes(std::span<const std::byte> from) {
    bytes_.insert(bytes_.end(), from.begin(), from.end());
    return *this;
  }
  Writer& text(std::string_view from) { return bytes(std::as_bytes(std::span(from))); }
  [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

/// Reads what a Writer wrote; `good` is false for ever once something was missing, and numbers are then 0.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}

  template <class T>
  [[nodiscard]] T number() {
    static_assert(std::is_integral_v<T>);
    T value{};
    const auto from = bytes(sizeof value);
    if (good_) std::memcpy(&value, from.data(), sizeof value);
    return value;
  }
  [[nodiscard]] std::span<const std::byte> bytes(std::size_t size) {
    if (size > rest_.size()) {
      good_ = false;
      rest_ = {};
    }
    if (!good_) return {};
    const auto part = rest_.first(size);
    rest_ = rest_.subspan(size);
    return part;
  }
  [[nodiscard]] bool good() const { return good_; }
  /// Everything was there, and nothing more.
  [[nodiscard]] bool complete() const { return good_ && rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
  bool good_ = true;
};

}  // namespace genie::datapath
