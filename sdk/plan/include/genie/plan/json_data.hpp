// The cells behind json::Document: one per value, in document order, 16 bytes each. Of use to json.hpp alone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace genie::plan::json {

enum class Kind : std::uint8_t { null, boolean, integer, real, string, array, object };

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

/// All cells of a document, in pieces that never move. A piece is small enough for allocators to keep it when it is freed, so
/// that what is made of the document next need not ask the system for memory again.
class Cells {
 public:
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] Cell& operator[](std::size_t i) { return pieces_[i / kPiece][i % kPiece]; }
  [[nodiscard]] const Cell& operator[](std::size_t i) const { return pieces_[i / kPiece][i % kPiece]; }

  /// Expects so many: a small document's only piece is no larger.
  void expect(std::size_t cells) { first_ = std::clamp<std::size_t>(cells, 1, kPiece); }
  Cell& add() {
    if (size_ == room_) grow();
    return (*this)[size_++];
  }

 private:
  static constexpr std::size_t kPiece = 4096;  // 64 KiB

  void grow() {
    if (room_ == 0 || room_ >= kPiece) {
      const std::size_t piece = room_ == 0 ? first_ : kPiece;
      pieces_.push_back(std::make_unique_for_overwrite<Cell[]>(piece));
      room_ += piece;
      return;
    }
    const std::size_t larger = std::min(room_ * 2, kPiece);
    auto piece = std::make_unique_for_overwrite<Cell[]>(larger);
    std::copy_n(pieces_.front().get(), size_, piece.get());
    pieces_.front() = std::move(piece);
    room_ = larger;
  }

  std::vector<std::unique_ptr<Cell[]>> pieces_;
  std::size_t size_ = 0;
  std::size_t room_ = 0;   ///< in all pieces
  std::size_t first_ = 1;  ///< cells of the first piece, at first
};

/// Where a value stands: in which container, and as which of its children.
struct Place {
  std::uint32_t parent;
  std::uint32_t number;
};

struct DocumentData {
  std::string owned;  ///< empty when the source is borrowed
  std::string_view source;
  std::string unescaped;
  Cells cells;

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
