// Reads JSON objects that people write, and collects everything that is wrong with them instead of stopping at the first.
//
// Every function that finds a value unusable reports it and returns nothing; the caller carries on, so that one run shows
// all errors of a document.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/json.hpp"
#include "genie/plan/result.hpp"

namespace genie::config {

using plan::json::View;

/// Where diagnostics of one document go. Bounded: a broken writer makes the same mistake a million times.
class Findings {
 public:
  /// `set_pointers`: what --set wrote; problems below them are the command line's, and say so.
  Findings(std::string_view file, std::vector<std::string> set_pointers)
      : file_(file), set_pointers_(std::move(set_pointers)) {}

  void report(std::string_view code, std::string pointer, std::string message, std::string help);
  [[nodiscard]] bool any() const { return !diagnostics_.empty(); }
  /// Further ones are only counted.
  [[nodiscard]] bool full() const;
  [[nodiscard]] plan::Diagnostics take();

 private:
  std::string file_;
  std::vector<std::string> set_pointers_;
  plan::Diagnostics diagnostics_;
  std::size_t dropped_ = 0;
};

struct IntegerRange {
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};

/// Of a value whose kind must be right. `what` is the key's meaning in words ("a path"), for the message.
[[nodiscard]] std::optional<std::string> read_text(Findings& findings, View view);
[[nodiscard]] std::optional<std::int64_t> read_integer(Findings& findings, View view,
                                                       IntegerRange range = {});
[[nodiscard]] std::optional<double> read_number(Findings& findings, View view);
/// One of a closed set of words; the index of the word.
[[nodiscard]] std::optional<std::size_t> read_word(Findings& findings, View view,
                                                   std::span<const std::string_view> words);
/// Reports and returns false when the value is of another kind.
[[nodiscard]] bool expect_kind(Findings& findings, View view, plan::json::Kind kind);

/// One object with a closed set of keys; unknown ones are reported at construction, with the nearest known key.
class ObjectReader {
 public:
  ObjectReader(Findings& findings, View view, std::initializer_list<std::string_view> known);

  /// False when the value is no object at all (reported).
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool has(std::string_view key) const { return member(key).has_value(); }
  [[nodiscard]] std::optional<View> member(std::string_view key) const;
  /// Reports a missing key; `why` completes the help.
  [[nodiscard]] std::optional<View> required(std::string_view key, std::string_view why) const;
  [[nodiscard]] std::string pointer(std::string_view key = {}) const;

  void text(std::string_view key, std::string& into) const;
  void number(std::string_view key, double& into) const;
  template <class Integer>
  void integer(std::string_view key, Integer& into, IntegerRange range) const {
    if (const auto view = member(key))
      if (const auto value = read_integer(*findings_, *view, range)) into = static_cast<Integer>(*value);
  }

 private:
  Findings* findings_;
  View view_;
  bool ok_;
};

/// Reports keys of which at most one may be present; returns how many are.
std::size_t at_most_one(Findings& findings, const ObjectReader& reader,
                        std::initializer_list<std::string_view> keys, std::string_view help);

/// The words for a kind: "a string", "an object".
[[nodiscard]] std::string_view in_words(plan::json::Kind kind);

/// "`a`, `b` or `c`".
[[nodiscard]] std::string choices(std::span<const std::string_view> words);

}  // namespace genie::config
