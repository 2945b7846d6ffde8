// V0: bytes to cells. Boost.JSON's push parser finds the grammar; numbers, duplicate keys and limits are decided here.
#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <functional>
#include <optional>
#include <unordered_set>
#include <utility>

#include "genie/plan/json.hpp"
#include "json_numbers.hpp"
#include "utf8.hpp"

namespace genie::plan::json {
namespace {

namespace bj = boost::json;

/// Offsets are 32 bits wide, shared by the source and the unescaped strings, which are never longer than the source.
constexpr std::size_t kLargestSourceBytes = (std::size_t{1} << 31) - 1;
constexpr std::size_t kMostCells = 0xfffffffe;
constexpr std::size_t kSmallObject = 12;  ///< up to here comparing all pairs of keys is the fastest check

class Handler {
 public:
  static constexpr std::size_t max_object_size = kMostCells;
  static constexpr std::size_t max_array_size = kMostCells;
  static constexpr std::size_t max_key_size = kLargestSourceBytes;
  static constexpr std::size_t max_string_size = kLargestSourceBytes;

  Handler(DocumentData& data, const ReadOptions& options)
      : data_(data), limits_(options.limits), exact_numbers_(options.exact_numbers) {}

  bool on_document_begin(bj::error_code&) { return true; }
  bool on_document_end(bj::error_code&) { return true; }
  bool on_array_begin(bj::error_code& ec) { return open(Kind::array, ec); }
  bool on_object_begin(bj::error_code& ec) { return open(Kind::object, ec); }
  bool on_array_end(std::size_t, bj::error_code&) {
    close();
    return true;
  }
  bool on_object_end(std::size_t, bj::error_code& ec) { return keys_are_unique(ec) && (close(), true); }

  bool on_key_part(bj::string_view part, std::size_t total, bj::error_code& ec) {
    return append(part, total, ec);
  }
  bool on_key(bj::string_view part, std::size_t total, bj::error_code& ec) {
    key_pending_ =
        finish(part, total, std::min<std::size_t>(limits_.string_bytes, kLongestKeyBytes), key_, ec);
    return key_pending_;
  }
  bool on_string_part(bj::string_view part, std::size_t total, bj::error_code& ec) {
    return append(part, total, ec);
  }
  bool on_string(bj::string_view part, std::size_t total, bj::error_code& ec) {
    Slice slice{};
    if (!finish(part, total, limits_.string_bytes, slice, ec)) return false;
    Cell* const cell = add(Kind::string, ec);
    if (cell != nullptr) cell->string = slice;
    return cell != nullptr;
  }

  bool on_number_part(bj::string_view part, bj::error_code&) {
    literal_.append(part.data(), part.size());
    return true;
  }
  bool on_int64(std::int64_t value, bj::string_view part, bj::error_code& ec) {
    if (!exact_numbers_ && (value > kLargestInteger || value < -kLargestInteger)) return number(part, ec);
    literal_.clear();
    Cell* const cell = add(Kind::integer, ec);
    if (cell != nullptr) cell->integer = value;
    return cell != nullptr;
  }
  bool on_uint64(std::uint64_t, bj::string_view part, bj::error_code& ec) { return number(part, ec); }
  bool on_double(double, bj::string_view part, bj::error_code& ec) { return number(part, ec); }

  bool on_bool(bool value, bj::error_code& ec) {
    Cell* const cell = add(Kind::boolean, ec);
    if (cell != nullptr) cell->boolean = value;
    return cell != nullptr;
  }
  bool on_null(bj::error_code& ec) { return add(Kind::null, ec) != nullptr; }
  bool on_comment_part(bj::string_view, bj::error_code&) { return true; }
  bool on_comment(bj::string_view, bj::error_code&) { return true; }

  /// What this handler objected to, if it stopped the parser.
  [[nodiscard]] std::optional<Diagnostic>& refusal() { return refusal_; }

  /// The place being read.
  [[nodiscard]] std::string pointer() const {
    std::string path;
    for (std::size_t i = 0; i < open_.size(); ++i) {
      const Cell& cell = data_.cells[open_[i]];
      // The child that is being read: the next open container, or a value that is still to come.
      if (i + 1 < open_.size()) {
        path += child_token(cell, data_.cells[open_[i + 1]], cell.extent.count - 1);
      } else if (static_cast<Kind>(cell.kind) == Kind::array) {
        path += "/" + std::to_string(cell.extent.count);
      } else if (key_pending_) {
        path += pointer_token(data_.text(key_));
      }
    }
    return path;
  }

 private:
  [[nodiscard]] std::string child_token(const Cell& parent, const Cell& child, std::uint32_t number) const {
    return static_cast<Kind>(parent.kind) == Kind::array ? "/" + std::to_string(number)
                                                         : pointer_token(data_.key(child));
  }

  bool refuse(bj::error_code& ec, const char* code, std::string message, std::string pointer,
              std::string help) {
    refusal_ = Diagnostic{
        .code = code, .message = std::move(message), .pointer = std::move(pointer), .help = std::move(help)};
    ec = bj::make_error_code(bj::error::test_failure);  // any error stops the parser; refusal_ says which
    return false;
  }

  Cell* add(Kind kind, bj::error_code& ec) {
    if (data_.cells.size() >= std::min(limits_.values, kMostCells)) {
      refuse(ec, "GE0307", "the document has more than " + std::to_string(limits_.values) + " values",
             pointer(), "split the document, or raise the limit on values");
      return nullptr;
    }
    Cell cell{};
    if (key_pending_) {
      cell.key_offset = key_.offset;
      cell.key_length = key_.length & kLongestKeyBytes;
      key_pending_ = false;
    }
    cell.kind = static_cast<std::uint32_t>(kind) & 15u;
    if (!open_.empty()) ++data_.cells[open_.back()].extent.count;
    return &(data_.cells.add() = cell);
  }

  bool open(Kind kind, bj::error_code& ec) {
    Cell* const cell = add(kind, ec);
    if (cell == nullptr) return false;
    cell->extent = {0, 0};
    open_.push_back(static_cast<std::uint32_t>(data_.cells.size() - 1));
    return true;
  }

  void close() {
    data_.cells[open_.back()].extent.end = static_cast<std::uint32_t>(data_.cells.size());
    open_.pop_back();
  }

  bool keys_are_unique(bj::error_code& ec) {
    const std::uint32_t object = open_.back();
    const std::uint32_t count = data_.cells[object].extent.count;
    if (count < 2) return true;
    const auto end = static_cast<std::uint32_t>(data_.cells.size());
    keys_.clear();
    bool ascending = true;  // as in every canonical document, where no further check is needed
    for (std::uint32_t i = object + 1; i < end; i = data_.after(i)) {
      const std::string_view key = data_.key(data_.cells[i]);
      ascending = ascending && (keys_.empty() || keys_.back() < key);
      keys_.push_back(key);
    }
    if (ascending) return true;
    if (count <= kSmallObject) {
      for (std::size_t i = 1; i < keys_.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
          if (keys_[i] == keys_[j]) return duplicate(keys_[i], ec);
      return true;
    }
    std::unordered_set<std::string_view> seen;
    seen.reserve(count);
    for (const std::string_view key : keys_)
      if (!seen.insert(key).second) return duplicate(key, ec);
    return true;
  }

  bool duplicate(std::string_view key, bj::error_code& ec) {
    std::string at = pointer() + pointer_token(key);
    return refuse(ec, "GE0303", "the key \"" + std::string(key) + "\" is given twice in one object",
                  std::move(at), "keep one of the two: readers disagree about which one counts");
  }

  bool append(bj::string_view part, std::size_t total, bj::error_code& ec) {
    if (total > limits_.string_bytes) return too_long(ec);
    if (!in_parts_) begin_ = data_.unescaped.size();
    in_parts_ = true;
    data_.unescaped.append(part.data(), part.size());
    return true;
  }

  bool finish(bj::string_view part, std::size_t total, std::size_t limit, Slice& slice, bj::error_code& ec) {
    if (total > limit) return too_long(ec);
    const std::less<const char*> before;
    const char* const source = data_.source.data();
    const bool inside =
        !before(part.data(), source) && !before(source + data_.source.size(), part.data() + part.size());
    if (!in_parts_ && inside) {
      slice = {static_cast<std::uint32_t>(part.data() - source), static_cast<std::uint32_t>(total)};
    } else {
      if (!append(part, total, ec)) return false;
      slice = {static_cast<std::uint32_t>(data_.source.size() + begin_), static_cast<std::uint32_t>(total)};
    }
    in_parts_ = false;
    return true;
  }

  bool too_long(bj::error_code& ec) {
    return refuse(ec, "GE0308", "a string is longer than " + std::to_string(limits_.string_bytes) + " bytes",
                  pointer(), "data does not belong in this document: name a file that holds it");
  }

  bool number(bj::string_view part, bj::error_code& ec) {
    std::string_view literal(part.data(), part.size());
    if (!literal_.empty()) literal = literal_.append(part.data(), part.size());
    const Number read = read_number(literal);
    if (read.kind == Number::Kind::too_large_integer || read.kind == Number::Kind::too_large_real) {
      const std::string text(literal.substr(0, 40));
      literal_.clear();
      if (read.kind == Number::Kind::too_large_real)
        return refuse(ec, "GE0304", "the number " + text + " is larger than any double", pointer(),
                      "the largest finite number is about 1.8e308");
      return refuse(
          ec, "GE0304", "the integer " + text + " is beyond 2^53, where readers of JSON lose digits",
          pointer(),
          "write a smaller one; only a tagged value of a plan may be that large, as a string: {\"int\": \"" +
              text + "\"}");
    }
    const bool negative_zero =
        exact_numbers_ && read.kind == Number::Kind::real && read.real == 0 && literal.front() == '-';
    literal_.clear();
    const bool integer = read.kind == Number::Kind::integer;
    Cell* const cell = add(integer ? Kind::integer : Kind::real, ec);
    if (cell == nullptr) return false;
    if (integer)
      cell->integer = read.integer;
    else
      cell->real = negative_zero ? -0.0 : read.real;
    return true;
  }

  DocumentData& data_;
  const Limits& limits_;
  bool exact_numbers_;
  std::vector<std::uint32_t> open_;
  std::vector<std::string_view> keys_;
  std::string literal_;
  Slice key_{};
  std::size_t begin_ = 0;
  bool in_parts_ = false;
  bool key_pending_ = false;
  std::optional<Diagnostic> refusal_;
};

std::string place(std::string_view source, std::size_t offset) {
  const std::string_view before = source.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.rfind('\n');
  const std::size_t column = 1 + (start == std::string_view::npos ? offset : offset - start - 1);
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

/// Whether the text ends in the \u escape of a surrogate pair's first half.
bool ends_in_half_a_pair(std::string_view text) {
  constexpr std::size_t kEscapeBytes = 6;  // \ud800
  if (text.size() < kEscapeBytes) return false;
  const std::string_view escape = text.substr(text.size() - kEscapeBytes);
  return escape[0] == '\\' && escape[1] == 'u' && (escape[2] == 'd' || escape[2] == 'D') &&
         std::string_view("89abAB").find(escape[3]) != std::string_view::npos;
}

Diagnostic grammar_error(const bj::error_code& ec, std::string_view source, std::size_t offset,
                         const Limits& limits) {
  Diagnostic error;
  const std::string at = place(source, offset);
  if (ec == bj::error::too_deep) {
    error.code = "GE0306";
    error.message =
        "arrays and objects are nested more than " + std::to_string(limits.depth) + " deep at " + at;
    error.help = "no document of Genie nests this deeply: check the program that wrote it";
  } else if (ec == bj::error::incomplete) {
    error.code = "GE0301";
    error.message = source.empty() ? "the document is empty"
                                   : "the document ends before its JSON value is complete, at " + at;
    error.help = "the file was cut off while it was written or copied: write it again";
  } else if (ec == bj::error::exponent_overflow) {
    error.code = "GE0304";
    error.message = "a number's exponent is out of range at " + at;
    error.help = "the largest finite number is about 1.8e308";
  } else if (ec == bj::error::illegal_leading_surrogate || ec == bj::error::illegal_trailing_surrogate ||
             ec == bj::error::expected_utf16_escape ||
             (ec == bj::error::syntax && ends_in_half_a_pair(source.substr(0, offset)))) {
    error.code = "GE0302";
    error.message = "a \\u escape is half of a surrogate pair at " + at;
    error.help = "write the character itself in UTF-8, or both halves of the pair";
  } else {
    error.code = "GE0301";
    error.message = "this is not JSON at " + at;
    const std::size_t start = std::min(offset, source.size());
    std::string_view rest = source.substr(start, 24);
    rest = rest.substr(0, std::min(rest.find('\n'), rest.size()));
    if (!rest.empty()) error.message += ", near `" + valid_prefix(rest) + "`";
    error.help = source.substr(0, 3) == "\xef\xbb\xbf"
                     ? "remove the byte order mark at the start of the file"
                     : "check quotes, commas and brackets just before this place";
  }
  return error;
}

}  // namespace

Result<Document> Document::parse(std::string_view bytes, const ReadOptions& options, std::string_view file) {
  const auto located = [&](Diagnostic error) {
    error.file = file;
    return error;
  };
  const std::size_t most_bytes = std::min(options.limits.bytes, kLargestSourceBytes);
  if (bytes.size() > most_bytes)
    return located({.code = "GE0305",
                    .message = "the document has " + std::to_string(bytes.size()) +
                               " bytes, more than the limit of " + std::to_string(most_bytes),
                    .help = "a plan names its tensors and holds none: check the program that wrote it"});
  if (const std::size_t bad = first_invalid_utf8(bytes); bad != bytes.size())
    return located({.code = "GE0302",
                    .message = "byte " + std::to_string(bad) + " (" + place(bytes, bad) + ") is not UTF-8",
                    .help = "save the file as UTF-8"});

  auto data = std::make_unique<DocumentData>();
  if (!options.borrow) data->owned.assign(bytes);
  data->source = options.borrow ? bytes : data->owned;
  constexpr std::size_t kTypicalBytesPerValue = 10;
  data->cells.expect(std::min(options.limits.values, bytes.size() / kTypicalBytesPerValue + 8));

  bj::parse_options settings;
  settings.max_depth = options.limits.depth;
  settings.allow_comments = options.comments;
  settings.allow_trailing_commas = options.comments;
  settings.allow_invalid_utf8 = true;  // checked above, with the place
  bj::basic_parser<Handler> parser(settings, *data, options);
  bj::error_code ec;
  std::size_t consumed = parser.write_some(false, data->source.data(), data->source.size(), ec);
  if (!ec && consumed < data->source.size()) ec = bj::error::extra_data;
  if (ec) {
    if (auto& refusal = parser.handler().refusal()) return located(std::move(*refusal));
    if (ec == bj::error::incomplete) consumed = data->source.size();
    Diagnostic error = grammar_error(ec, data->source, consumed, options.limits);
    error.pointer = parser.handler().pointer();
    return located(std::move(error));
  }
  return Document(std::move(data));
}

}  // namespace genie::plan::json
