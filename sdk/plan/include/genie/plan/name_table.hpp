// Names to numbers, for the many look-ups of checks over a large graph.
//
// Open addressing with linear probing. A short name lies in its slot, so that a look-up touches one cache line where a map
// of strings touches several.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace genie::plan {

inline constexpr std::uint32_t kNone = 0xffffffffu;

/// Borrows the names that are added: they outlive the table.
class NameTable {
 public:
  /// Room for so many names without growing.
  void reserve(std::size_t names) {
    std::size_t slots = kFewestSlots;
    while (slots < names * 2)
      slots *= 2;
    if (slots > slots_.size()) rehash(slots);
  }

  /// Adds a name unless it is there; returns its number, and whether it is new.
  std::pair<std::uint32_t, bool> add(std::string_view name, std::uint32_t number) {
    if ((size_ + 1) * 2 > slots_.size()) rehash(slots_.empty() ? kFewestSlots : slots_.size() * 2);
    const Slot wanted(name, number);
    Slot& slot = slots_[position(wanted)];
    if (slot.number != kNone) return {slot.number, false};
    slot = wanted;
    ++size_;
    return {number, true};
  }

  /// Asks for the memory of a name that will be looked up soon. In a large table, waiting for it is most of a look-up.
  void prefetch(std::string_view name) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[Slot(name, kNone).hash & (slots_.size() - 1)]);
  }

  /// kNone when it was not added.
  [[nodiscard]] std::uint32_t find(std::string_view name) const {
    return slots_.empty() ? kNone : slots_[position(Slot(name, kNone))].number;
  }

 private:
  static constexpr std::size_t kFewestSlots = 16;

  struct Slot {
    static constexpr std::size_t kInline = 16;

    Slot() = default;
    Slot(std::string_view name, std::uint32_t its_number) : number(its_number), length(name.size()) {
      const char* const start = name.data();
      if (length <= kInline) {
        std::copy_n(start, length, text);
        hash = hash_of(text, length);
      } else {
        std::memcpy(text, &start, sizeof start);
        hash = static_cast<std::uint32_t>(std::hash<std::string_view>()(name));
      }
    }
    /// Of a short name and its padding: two words, multiplied out and folded.
    [[nodiscard]] static std::uint32_t hash_of(const char* padded, std::size_t length) {
      std::uint64_t words[2];
      std::memcpy(words, padded, sizeof words);
      constexpr std::uint64_t kOdd[] = {0x9e3779b97f4a7c15u, 0xd6e8feb86659fd93u};
      __extension__ using Wide = unsigned __int128;
      Wide product = static_cast<Wide>(words[0] ^ kOdd[0]) * (words[1] ^ kOdd[1] ^ length);
      const std::uint64_t folded =
          static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
      product = static_cast<Wide>(folded) * kOdd[0];
      return static_cast<std::uint32_t>(static_cast<std::uint64_t>(product >> 64) ^
                                        static_cast<std::uint64_t>(product));
    }
    [[nodiscard]] bool same(const Slot& other) const {
      if (hash != other.hash || length != other.length) return false;
      if (length <= kInline) return std::memcmp(text, other.text, kInline) == 0;
      return std::memcmp(far(), other.far(), length) == 0;
    }
    [[nodiscard]] const char* far() const {
      const char* start = nullptr;
      std::memcpy(&start, text, sizeof start);
      return start;
    }

    std::uint32_t hash = 0;
    std::uint32_t number = kNone;  ///< kNone: an empty slot
    std::size_t length = 0;
    char text[kInline] = {};  ///< the name, padded with zeros, or the address of a longer one
  };
  static_assert(sizeof(Slot) == 32);

  /// Of the slot that has the name, or of the empty one where it belongs.
  [[nodiscard]] std::size_t position(const Slot& wanted) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = wanted.hash & mask;
    while (slots_[at].number != kNone && !slots_[at].same(wanted))
      at = (at + 1) & mask;
    return at;
  }

  void rehash(std::size_t count) {
    std::vector<Slot> old(count);
    old.swap(slots_);
    for (const Slot& slot : old)
      if (slot.number != kNone) slots_[position(slot)] = slot;
  }

  std::vector<Slot> slots_;  // a power of two of them, at most half in use
  std::size_t size_ = 0;
};

}  // namespace genie::plan
