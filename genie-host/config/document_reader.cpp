#include "document_reader.hpp"

#include <fmt/format.h>

#include <cmath>

namespace genie::config {

using plan::json::Kind;

namespace {

/// Shown in messages: what the user wrote, cut where it stops being helpful.
std::string shown(View view) {
  constexpr std::size_t kShownBytes = 60;
  std::string text = view.canonical();
  if (text.size() <= kShownBytes) return text;
  std::size_t cut = kShownBytes;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0u) == 0x80u)
    --cut;  // not inside a UTF-8 sequence
  return text.substr(0, cut) + "…";
}

bool is_below(std::string_view pointer, std::string_view ancestor) {
  return pointer.starts_with(ancestor) &&
         (pointer.size() == ancestor.size() || pointer[ancestor.size()] == '/');
}

void report_kind(Findings& findings, View view, std::string_view wanted) {
  findings.report("GE0012", view.pointer(),
                  fmt::format("expected {}, found {}: {}", wanted, in_words(view.kind()), shown(view)),
                  fmt::format("write {} here", wanted));
}

}  // namespace

bool Findings::full() const {
  constexpr std::size_t kMostFindings = 100;
  return diagnostics_.size() >= kMostFindings;
}

plan::Diagnostics Findings::take() {
  if (dropped_ != 0)
    diagnostics_.push_back({.code = diagnostics_.front().code,
                            .severity = plan::Severity::note,
                            .message = fmt::format("and {} more problems in this document", dropped_),
                            .file = file_});
  return std::move(diagnostics_);
}

void Findings::report(std::string_view code, std::string pointer, std::string message, std::string help) {
  if (full()) {
    ++dropped_;
    return;
  }
  plan::Diagnostic diagnostic;
  diagnostic.code = code;
  diagnostic.message = std::move(message);
  diagnostic.file = file_;
  for (const std::string& set : set_pointers_)
    if (is_below(pointer, set)) diagnostic.file = fmt::format("--set {}", set);
  diagnostic.pointer = std::move(pointer);
  diagnostic.help = std::move(help);
  diagnostics_.push_back(std::move(diagnostic));
}

std::string_view in_words(Kind kind) {
  switch (kind) {
    case Kind::null:
      return "null";
    case Kind::boolean:
      return "true or false";
    case Kind::integer:
      return "an integer";
    case Kind::real:
      return "a number with a fraction";
    case Kind::string:
      return "a string";
    case Kind::array:
      return "a list";
    case Kind::object:
      return "an object";
  }
  return "a value";
}

std::string choices(std::span<const std::string_view> words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += fmt::format("`{}`", words[i]);
  }
  return text;
}

bool expect_kind(Findings& findings, View view, Kind kind) {
  if (view.is(kind)) return true;
  report_kind(findings, view, in_words(kind));
  return false;
}

std::optional<std::string> read_text(Findings& findings, View view) {
  if (!expect_kind(findings, view, Kind::string)) return std::nullopt;
  if (view.string().empty()) {
    findings.report("GE0013", view.pointer(), "the text is empty", "write a value, or leave the key out");
    return std::nullopt;
  }
  return std::string(view.string());
}

std::optional<std::int64_t> read_integer(Findings& findings, View view, IntegerRange range) {
  constexpr double kLargestExact = 9007199254740991;  // 2^53 - 1
  if (view.is(Kind::real) && view.real() == std::floor(view.real())) {
    if (std::abs(view.real()) > kLargestExact)
      findings.report(
          "GE0304", view.pointer(),
          fmt::format("the integer {} is beyond 2^53, where readers of JSON lose digits", shown(view)),
          "write a smaller integer");
    else
      findings.report("GE0309", view.pointer(), "an integer is written with a fraction or an exponent",
                      fmt::format("write {}", shown(view)));
    return std::nullopt;
  }
  if (!expect_kind(findings, view, Kind::integer)) return std::nullopt;
  const std::int64_t value = view.integer();
  if (value >= range.min && value <= range.max) return value;
  const bool has_max = range.max != std::numeric_limits<std::int64_t>::max();
  findings.report("GE0013", view.pointer(), fmt::format("{} is out of range", value),
                  has_max ? fmt::format("write an integer from {} to {}", range.min, range.max)
                          : fmt::format("write an integer of at least {}", range.min));
  return std::nullopt;
}

std::optional<double> read_number(Findings& findings, View view) {
  if (view.is(Kind::integer) || view.is(Kind::real)) return view.real();
  report_kind(findings, view, "a number");
  return std::nullopt;
}

std::optional<std::size_t> read_word(Findings& findings, View view, std::span<const std::string_view> words) {
  if (!expect_kind(findings, view, Kind::string)) return std::nullopt;
  for (std::size_t i = 0; i < words.size(); ++i)
    if (words[i] == view.string()) return i;
  const std::string_view near = plan::json::nearest(view.string(), {words.begin(), words.end()});
  findings.report("GE0013", view.pointer(), fmt::format("`{}` is not one of the known words", view.string()),
                  near.empty() ? fmt::format("write {}", choices(words))
                               : fmt::format("did you mean `{}`? Known: {}", near, choices(words)));
  return std::nullopt;
}

ObjectReader::ObjectReader(Findings& findings, View view, std::initializer_list<std::string_view> known)
    : findings_(&findings), view_(view), ok_(expect_kind(findings, view, Kind::object)) {
  if (!ok_) return;
  const std::vector<std::string_view> keys(known);
  for (const auto [key, value] : view.items()) {
    bool found = false;
    for (const std::string_view one : keys)
      found = found || one == key;
    if (found) continue;
    const std::string_view near = findings.full() ? std::string_view() : plan::json::nearest(key, keys);
    findings.report("GE0010", value.pointer(), fmt::format("unknown key `{}`", key),
                    near.empty() ? fmt::format("known here: {}", choices(keys))
                                 : fmt::format("did you mean `{}`?", near));
  }
}

std::optional<View> ObjectReader::member(std::string_view key) const {
  return ok_ ? view_.find(key) : std::nullopt;
}

std::optional<View> ObjectReader::required(std::string_view key, std::string_view why) const {
  auto found = member(key);
  if (!found && ok_)
    findings_->report("GE0011", view_.pointer(), fmt::format("the key `{}` is missing", key),
                      fmt::format("add `{}`: {}", key, why));
  return found;
}

std::string ObjectReader::pointer(std::string_view key) const {
  return key.empty() ? view_.pointer() : view_.pointer() + plan::json::pointer_token(key);
}

void ObjectReader::text(std::string_view key, std::string& into) const {
  if (const auto view = member(key))
    if (auto value = read_text(*findings_, *view)) into = std::move(*value);
}

void ObjectReader::number(std::string_view key, double& into) const {
  if (const auto view = member(key))
    if (const auto value = read_number(*findings_, *view)) into = *value;
}

std::size_t at_most_one(Findings& findings, const ObjectReader& reader,
                        std::initializer_list<std::string_view> keys, std::string_view help) {
  std::vector<std::string_view> present;
  for (const std::string_view key : keys)
    if (reader.has(key)) present.push_back(key);
  if (present.size() > 1) {
    std::string text;
    for (std::size_t i = 0; i < present.size(); ++i)
      text += fmt::format("{}`{}`", i == 0 ? "" : " and ", present[i]);
    findings.report("GE0014", reader.pointer(), fmt::format("{} exclude each other", text),
                    std::string(help));
  }
  return present.size();
}

}  // namespace genie::config
