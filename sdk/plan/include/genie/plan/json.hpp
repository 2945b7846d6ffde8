// JSON as Genie reads and writes it: strict where a document is hashed, lenient where a person types it.
//
// A Document is a compact, read-only tree built in one pass over the bytes (Boost.JSON's push parser underneath; our own
// number conversion, duplicate-key check and limits). It exists so that every decoder can name the JSON pointer of what is
// wrong and report all errors of a level, which a pure streaming decoder cannot.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/json_data.hpp"
#include "genie/plan/result.hpp"

namespace genie::plan::json {

/// Enforced while parsing; each violation is its own V0 diagnostic.
struct Limits {
  std::size_t bytes = std::size_t{1} << 30;
  std::size_t depth = 64;
  std::size_t values = 50'000'000;      ///< all values of a document together
  std::size_t string_bytes = 1u << 20;  ///< one string
};

struct ReadOptions {
  bool comments = false;  ///< accept // comments and trailing commas (files that people write)
  /// Documents of other programs: integers up to 64 bits are integers whatever their size, and -0.0 keeps its sign.
  bool exact_numbers = false;
  bool borrow = false;  ///< the bytes outlive the document, which then keeps no copy of them
  Limits limits;
};

class Document;

/// A borrowed view of one value; valid while its Document lives. Accessors assert on the wrong kind: ask first.
class View {
 public:
  [[nodiscard]] Kind kind() const { return data_->kind(index_); }
  [[nodiscard]] bool is(Kind kind) const { return this->kind() == kind; }
  [[nodiscard]] bool boolean() const;
  /// A number without fraction and exponent, within ±2^53 (beyond only with ReadOptions::exact_numbers); larger literals
  /// are refused at V0.
  [[nodiscard]] std::int64_t integer() const;
  /// Of a real or an integer.
  [[nodiscard]] double real() const;
  [[nodiscard]] std::string_view string() const {
    assert(is(Kind::string));
    return data_->text(cell().string);
  }
  /// Items of an array or members of an object.
  [[nodiscard]] std::size_t size() const {
    assert(data_->container(index_));
    return cell().extent.count;
  }

  class Iterator;
  /// Over items or members, in document order: `for (auto [key, value] : view.members())`; key is empty for arrays.
  struct Range;
  [[nodiscard]] Range items() const;
  /// The member of that name, if this is an object that has it.
  [[nodiscard]] std::optional<View> find(std::string_view key) const;
  /// RFC 6901 pointer from the document's root (computed on demand, for diagnostics).
  [[nodiscard]] std::string pointer() const;
  /// Canonical bytes (RFC 8785) of this value.
  [[nodiscard]] std::string canonical() const;

 private:
  friend class Document;
  friend class Iterator;
  View(const DocumentData* data, std::uint32_t index) : data_(data), index_(index) {}
  [[nodiscard]] const Cell& cell() const { return data_->cells[index_]; }
  const DocumentData* data_;
  std::uint32_t index_;
};

struct Member {
  std::string_view key;
  View value;
};

class View::Iterator {
 public:
  Member operator*() const {
    return {object_ ? data_->key(data_->cells[index_]) : std::string_view(), View(data_, index_)};
  }
  Iterator& operator++() {
    index_ = data_->after(index_);
    return *this;
  }
  bool operator!=(const Iterator& other) const { return index_ != other.index_; }

 private:
  friend class View;
  friend struct Range;
  Iterator(const DocumentData* data, std::uint32_t index, bool object)
      : data_(data), index_(index), object_(object) {}
  const DocumentData* data_;
  std::uint32_t index_;
  bool object_;
};

struct View::Range {
  Iterator first;
  Iterator last;
  [[nodiscard]] Iterator begin() const { return first; }
  [[nodiscard]] Iterator end() const { return last; }
};

inline View::Range View::items() const {
  assert(data_->container(index_));
  const bool object = is(Kind::object);
  return {Iterator(data_, index_ + 1, object), Iterator(data_, cell().extent.end, object)};
}

/// An owned, parsed document. Movable; views stay valid across a move.
class Document {
 public:
  /// V0: bytes, UTF-8, duplicate keys, limits, numbers. `file` only names the document in diagnostics.
  [[nodiscard]] static Result<Document> parse(std::string_view bytes, const ReadOptions& options = {},
                                              std::string_view file = {});
  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  [[nodiscard]] View root() const;

 private:
  explicit Document(std::unique_ptr<DocumentData> data);
  std::unique_ptr<DocumentData> data_;
};

/// Streams JSON text. Keys and values in call order; the caller nests correctly (asserted).
class Writer {
 public:
  /// indent 0: compact.
  explicit Writer(unsigned indent = 0) : indent_(indent) {}
  Writer& begin_object();
  Writer& end_object();
  Writer& begin_array();
  Writer& end_array();
  Writer& key(std::string_view name);
  Writer& null();
  Writer& value(bool value);
  Writer& value(std::int64_t value);
  Writer& value(std::uint64_t value);
  Writer& value(int value) { return this->value(static_cast<std::int64_t>(value)); }
  /// ECMAScript number form; the value must be finite.
  Writer& value(double value);
  Writer& value(std::string_view value);
  Writer& value(const char* value) { return this->value(std::string_view(value)); }
  /// Inserts text that is JSON already.
  Writer& raw(std::string_view json);
  /// The finished text.
  [[nodiscard]] std::string take();

 private:
  void before_value();
  void line();
  std::string out_;
  std::vector<bool> first_;  // one per open container: nothing written yet
  bool after_key_ = false;
  unsigned indent_;
};

/// RFC 8785 bytes of any JSON text that passes V0.
[[nodiscard]] Result<std::string> canonicalize(std::string_view json);

/// The known key nearest to a mistyped one (edit distance), or empty; empty too among more than 20,000 known ones.
[[nodiscard]] std::string_view nearest(std::string_view key, const std::vector<std::string_view>& known);

/// One key or index, escaped for a JSON pointer and prefixed by '/'.
[[nodiscard]] std::string pointer_token(std::string_view key);

}  // namespace genie::plan::json
