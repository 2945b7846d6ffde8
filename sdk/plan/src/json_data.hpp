// The cells behind json::Document: one per value, in document order, 16 bytes each.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/json.hpp"

namespace genie::plan::json {

/// A piece of the text: offsets below the source's size point into it, the rest into the unescaped strings.
struct Slice {
  std::uint32_t offset;
  std::uint32_t length;
};

/// `count` direct children; the cells of this value end before `end`.
struct Extent {
  std::uint32_t count;
  std::uint32_t end;
};

inline constexpr std::uint32_t kLongestKeyBytes = (1u << 28) - 1;

struct Cell {
  std::uint32_t key_offset;
  std::uint32_t key_length : 28;
  std::uint32_t kind : 4;
  union {
    bool boolean;
    std::int64_t integer;
    double real;
    Slice string;
    Extent extent;
  };
};
static_assert(sizeof(Cell) == 16);

/// Where a value stands: in which container, and as which of its children.
struct Place {
  std::uint32_t parent;
  std::uint32_t number;
};

struct DocumentData {
  std::string owned;  ///< empty when the source is borrowed
  std::string_view source;
  std::string unescaped;
  std::vector<Cell> cells;

  [[nodiscard]] std::string_view text(Slice slice) const {
    if (slice.offset < source.size()) return {source.data() + slice.offset, slice.length};
    return {unescaped.data() + (slice.offset - source.size()), slice.length};
  }
  [[nodiscard]] std::string_view key(const Cell& cell) const {
    return text({cell.key_offset, cell.key_length});
  }
  [[nodiscard]] Kind kind(std::uint32_t index) const { return static_cast<Kind>(cells[index].kind); }
  [[nodiscard]] bool container(std::uint32_t index) const { return kind(index) >= Kind::array; }
  /// The cell after this value and everything inside it.
  [[nodiscard]] std::uint32_t after(std::uint32_t index) const {
    return container(index) ? cells[index].extent.end : index + 1;
  }

  /// One for each cell. Made when the first pointer is asked for: only a document with a fault in it needs them, and one
  /// with a million faults must not be searched a million times.
  [[nodiscard]] const std::vector<Place>& places() const;

 private:
  mutable std::once_flag places_made_;
  mutable std::vector<Place> places_;
};

}  // namespace genie::plan::json
