// Reading a schema's structs and unions from JSON with one error for the first thing that is wrong.
//
// A JsonCursor is sticky: after the first failure every accessor returns a neutral value, so that readers stay free of
// error plumbing; who loops checks failed().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "error.hpp"
#include "genie/plan/json.hpp"

namespace genie::pytorch {

class JsonCursor {
 public:
  using View = plan::json::View;
  using Kind = plan::json::Kind;

  /// `file` and `part` name the source in errors: "model.pt2" and "models/model.json".
  JsonCursor(std::string file, std::string part) : file_(std::move(file)), part_(std::move(part)) {}

  [[nodiscard]] bool failed() const { return error_.has_value(); }
  [[nodiscard]] Diagnostic error() && { return std::move(*error_); }

  /// Records the first failure, located at `at`.
  void fail(const View& at, std::string what, std::string_view code = "GE0230");
  /// The same without a place.
  void fail(Diagnostic diagnostic) {
    if (!error_) error_ = std::move(diagnostic);
  }

  /// A member that must be there; null kind never counts as missing.
  [[nodiscard]] std::optional<View> member(const View& object, std::string_view key);
  /// A member that may be absent or null.
  [[nodiscard]] std::optional<View> optional_member(const View& object, std::string_view key);
  /// The one member of a union object.
  [[nodiscard]] std::optional<std::pair<std::string_view, View>> union_member(const View& object);

  [[nodiscard]] std::string_view text(const View& view);
  [[nodiscard]] std::int64_t integer(const View& view);
  [[nodiscard]] bool boolean(const View& view);
  /// A number, or one of the strings "NaN", "Infinity", "-Infinity".
  [[nodiscard]] double real(const View& view);
  /// False (and a failure) unless the value is an array, an object.
  [[nodiscard]] bool is_array(const View& view);
  [[nodiscard]] bool is_object(const View& view);

  [[nodiscard]] std::string_view text(const View& object, std::string_view key);
  [[nodiscard]] std::int64_t integer(const View& object, std::string_view key);

 private:
  std::string file_;
  std::string part_;
  std::optional<Diagnostic> error_;
};

}  // namespace genie::pytorch
