// Little-endian bytes in and out. Reading never goes past the end: the first thing that does not fit makes the reader bad, and
// whatever it is asked after that reads as nothing.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace genie::remote {

class Encoder {
 public:
  template <class Integer>
  Encoder& number(Integer value) {
    static_assert(std::is_integral_v<Integer> && std::endian::native == std::endian::little);
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    out_.append(raw, sizeof value);
    return *this;
  }
  /// Its length as u32, then the bytes.
  Encoder& text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    out_.append(value);
    return *this;
  }
  Encoder& raw(std::string_view bytes) {
    out_.append(bytes);
    return *this;
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : rest_(bytes) {}

  template <class Integer>
  Integer number() {
    Integer value{};
    if (rest_.size() < sizeof value) return fail<Integer>();
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  std::string_view text() {
    const auto size = number<std::uint32_t>();
    if (rest_.size() < size) return fail<std::string_view>();
    const std::string_view value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }
  std::string_view raw(std::size_t size) {
    if (rest_.size() < size) return fail<std::string_view>();
    const std::string_view value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }
  /// How many items of at least `item_bytes` follow; a count that the bytes cannot hold is bad, so nobody reserves for it.
  std::uint32_t count(std::size_t item_bytes) {
    const auto n = number<std::uint32_t>();
    if (n > rest_.size() / item_bytes) return fail<std::uint32_t>();
    return n;
  }
  /// A number below `limit`.
  template <class Integer>
  Integer below(Integer limit) {
    const auto value = number<Integer>();
    if (value >= limit) return fail<Integer>();
    return value;
  }
  [[nodiscard]] bool ok() const { return ok_; }
  /// Everything was read, and nothing was wrong.
  [[nodiscard]] bool complete() const { return ok_ && rest_.empty(); }
  void reject() { (void)fail<int>(); }

 private:
  template <class T>
  T fail() {
    ok_ = false;
    rest_ = {};
    return T{};
  }
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace genie::remote
