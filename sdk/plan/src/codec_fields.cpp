#include "codec_fields.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <memory>

#include "messages.hpp"

namespace genie::plan::detail {
namespace {

constexpr std::size_t kMostProblems = 100;

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::null:
      return "null";
    case Kind::boolean:
      return "a boolean";
    case Kind::integer:
      return "an integer";
    case Kind::real:
      return "a number";
    case Kind::string:
      return "a string";
    case Kind::array:
      return "an array";
    case Kind::object:
      return "an object";
  }
  return "a value";
}

/// The value itself when it is short, else its kind.
std::string shown(const View& view) {
  if (view.is(Kind::array) || view.is(Kind::object)) return std::string(kind_name(view.kind()));
  return quoted_value(view.canonical());
}

void wrong_kind(Problems& problems, const View& view, std::string_view wanted) {
  std::string help = "write " + std::string(wanted) + " here";
  // Sizes with a unit are what people write most.
  if (view.is(Kind::string) && view.pointer().ends_with("_bytes"))
    help += ", without a unit: 64 MiB are 67108864 bytes";
  problems.add(view, "GE0310", "expected " + std::string(wanted) + ", found " + shown(view), std::move(help));
}

std::string json_number(double value) {
  return json::Writer().value(value).take();
}

void sort_keys(Extra& extra) {
  std::sort(extra.begin(), extra.end(),
            [](const auto& a, const auto& b) { return utf16_less(a.first, b.first); });
}

/// Codes are given out by level: GE0301…GE0309 V0, GE0310…GE0339 V1, then V2.
int level(const Diagnostic& diagnostic) {
  return diagnostic.code < "GE0310" ? 0 : diagnostic.code < "GE0340" ? 1 : 2;
}

}  // namespace

bool Problems::full() const {
  return errors_.size() >= kMostProblems;
}

void Problems::add(const View& at, std::string_view code, std::string message, std::string help) {
  Diagnostic error{
      .code = std::string(code), .message = std::move(message), .file = file_, .help = std::move(help)};
  if (full()) {
    // A lower level still has to be seen, because it decides what is reported.
    const auto higher = std::find_if(errors_.begin(), errors_.end(),
                                     [&](const Diagnostic& e) { return level(e) > level(error); });
    ++dropped_;
    if (higher == errors_.end()) return;
    error.pointer = at.pointer();
    *higher = std::move(error);
    return;
  }
  error.pointer = at.pointer();
  errors_.push_back(std::move(error));
}

Expr Problems::symbol(std::string_view id) {
  const std::uint32_t known = symbol_numbers_.find(id);
  if (known != kNone) return symbols_[known];
  symbols_.push_back(Expr::symbol(std::string(id)));
  symbol_numbers_.add(symbols_.back().as_symbol(), static_cast<std::uint32_t>(symbols_.size() - 1));
  return symbols_.back();
}

void Problems::locate(std::size_t first, const Node& node) {
  for (std::size_t i = first; i < errors_.size(); ++i) {
    errors_[i].node = node.id;
    errors_[i].scope = node.scope;
    if (node.source) errors_[i].source = node.source->file + ":" + std::to_string(node.source->line);
  }
}

Diagnostics Problems::take() {
  int lowest = 2;
  for (const Diagnostic& error : errors_)
    lowest = std::min(lowest, level(error));
  std::erase_if(errors_, [&](const Diagnostic& error) { return level(error) != lowest; });
  if (dropped_ != 0 && !errors_.empty())
    errors_.push_back({.code = errors_.front().code,
                       .severity = Severity::note,
                       .message = "and " + std::to_string(dropped_) + " more problems in this document",
                       .file = file_});
  return std::move(errors_);
}

Fields::Fields(Problems& problems, const View& object, std::span<const std::string_view> known)
    : problems_(&problems), object_(object), known_(known) {
  assert(known.size() <= kMost);
  if (!expect(problems, object, Kind::object)) return;
  for (const auto& [key, value] : object.items()) {
    for (std::size_t i = 0; i < known.size(); ++i) {
      if (known[i].size() != key.size() || known[i].front() != key.front() || known[i] != key) continue;
      std::construct_at(&found_[i], value);
      present_ |= 1u << i;
      ++found_count_;
      break;
    }
  }
}

const View* Fields::find(std::string_view key) const {
  for (std::size_t step = 0; step < known_.size(); ++step, ++asked_) {
    if (asked_ >= known_.size()) asked_ = 0;
    // Most often the very same literal.
    if (known_[asked_].data() == key.data() || known_[asked_] == key) return found(asked_++);
  }
  assert(false && "asked for a key that is not in the list of known ones");
  return nullptr;
}

const View* Fields::need(std::string_view key) const {
  const View* const value = find(key);
  if (value == nullptr && is_object()) {
    std::vector<std::string_view> unknown;
    for (const auto& [name, member] : object_.items())
      if (!known(name)) unknown.push_back(name);
    const std::string_view meant = json::nearest(key, unknown);
    problems_->add(object_, "GE0311", "the key \"" + std::string(key) + "\" is missing",
                   meant.empty() ? "add it"
                                 : "did you mean \"" + std::string(key) + "\" where it says \"" +
                                       std::string(meant) + "\"?");
  }
  return value;
}

bool Fields::known(std::string_view key) const {
  return std::find(known_.begin(), known_.end(), key) != known_.end();
}

void Fields::keep_unknown(Extra& into) const {
  if (!has_unknown()) return;
  for (const auto& [key, value] : object_.items())
    if (!known(key)) into.emplace_back(std::string(key), value.canonical());
  sort_keys(into);
}

void Fields::refuse_unknown(Extra* vendors) const {
  if (!has_unknown()) return;
  for (const auto& [key, value] : object_.items()) {
    if (known(key)) continue;
    if (vendors != nullptr && key.find('.') != std::string_view::npos) {
      vendors->emplace_back(std::string(key), value.canonical());
      continue;
    }
    const std::string_view meant =
        problems_->full() ? std::string_view() : json::nearest(key, {known_.begin(), known_.end()});
    problems_->add(
        value, "GE0312", "the key \"" + std::string(key) + "\" is not known here",
        meant.empty() ? "known keys: " + joined(known_) : "did you mean \"" + std::string(meant) + "\"?");
  }
  if (vendors != nullptr) sort_keys(*vendors);
}

bool expect(Problems& problems, const View& view, Kind kind) {
  if (view.is(kind)) return true;
  wrong_kind(problems, view, kind_name(kind));
  return false;
}

std::string read_text(Problems& problems, const View& view) {
  return expect(problems, view, Kind::string) ? std::string(view.string()) : std::string();
}

std::string read_id(Problems& problems, const View& view) {
  std::string id = read_text(problems, view);
  if (id.empty() && view.is(Kind::string)) problems.add(view, "GE0319", "an empty string names nothing");
  return id;
}

bool read_boolean(Problems& problems, const View& view) {
  return expect(problems, view, Kind::boolean) && view.boolean();
}

std::int64_t read_integer(Problems& problems, const View& view, std::int64_t least, std::int64_t most) {
  if (view.is(Kind::real)) {
    const double value = view.real();
    if (std::abs(value) > static_cast<double>(json::kLargestInteger))
      problems.add(view, "GE0304",
                   "the integer " + shown(view) + " is beyond 2^53, where readers of JSON lose digits");
    else if (value == std::floor(value))
      problems.add(view, "GE0309", "an integer is written with a fraction or an exponent",
                   "write " + view.canonical());
    else
      wrong_kind(problems, view, "an integer");
    return least;
  }
  if (!expect(problems, view, Kind::integer)) return least;
  const std::int64_t value = view.integer();
  if (value >= least && value <= most) return value;
  const std::string range = most == json::kLargestInteger
                                ? "at least " + std::to_string(least)
                                : std::to_string(least) + " to " + std::to_string(most);
  problems.add(view, "GE0314", "the integer " + std::to_string(value) + " is out of range",
               "allowed: " + range);
  return least;
}

std::uint64_t read_count(Problems& problems, const View& view) {
  return static_cast<std::uint64_t>(read_integer(problems, view, 0));
}

double read_real(Problems& problems, const View& view, double least, double most) {
  if (!view.is(Kind::real) && !view.is(Kind::integer)) {
    wrong_kind(problems, view, "a number");
    return least;
  }
  const double value = view.real();
  if (value >= least && value <= most) return value;
  const bool positive = least > 0 && least <= std::numeric_limits<double>::min();
  problems.add(view, "GE0314", "the number " + shown(view) + " is out of range",
               positive ? "allowed: above 0" : "allowed: " + json_number(least) + " to " + json_number(most));
  return least;
}

std::string read_choice(Problems& problems, const View& view, std::span<const std::string_view> choices) {
  if (!expect(problems, view, Kind::string)) return {};
  const std::string_view text = view.string();
  for (const std::string_view choice : choices)
    if (choice.size() == text.size() && choice == text) return std::string(choice);
  const std::string_view meant = json::nearest(text, {choices.begin(), choices.end()});
  problems.add(
      view, "GE0313", shown(view) + " is not one of the values allowed here",
      meant.empty() ? "allowed: " + joined(choices) : "did you mean \"" + std::string(meant) + "\"?");
  return std::string(choices.front());
}

bool is_digest(std::string_view text) {
  constexpr std::string_view kPrefix = "sha256:";
  constexpr std::size_t kHexDigits = 64;
  return text.size() == kPrefix.size() + kHexDigits && text.substr(0, kPrefix.size()) == kPrefix &&
         text.find_first_not_of("0123456789abcdef", kPrefix.size()) == std::string_view::npos;
}

std::string read_digest(Problems& problems, const View& view) {
  std::string text = read_text(problems, view);
  if (view.is(Kind::string) && !is_digest(text))
    problems.add(view, "GE0319", shown(view) + " is not a digest",
                 "a digest is \"sha256:\" and 64 lower-case hex digits");
  return text;
}

void check_digest_key(Problems& problems, const json::Member& member) {
  if (!is_digest(member.key))
    problems.add(member.value, "GE0319", "the key " + quoted(member.key) + " is not a digest",
                 "a digest is \"sha256:\" and 64 lower-case hex digits");
}

void check_id_key(Problems& problems, const json::Member& member) {
  if (member.key.empty()) problems.add(member.value, "GE0319", "an empty key names nothing");
}

DType read_dtype(Problems& problems, const View& view) {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all;
    for (int i = 0; i <= static_cast<int>(DType::c128); ++i)
      all.push_back(name(static_cast<DType>(i)));
    return all;
  }();
  if (!view.is(Kind::string)) {
    wrong_kind(problems, view, "a dtype");
    return DType::f32;
  }
  if (const auto dtype = dtype_from_name(view.string())) return *dtype;
  problems.add(view, "GE0313", shown(view) + " is not a dtype", "known: " + joined(names));
  return DType::f32;
}

std::vector<std::string> read_ids(Problems& problems, const View& view) {
  return read_list<std::string>(problems, view, [&](const View& item) { return read_id(problems, item); });
}

}  // namespace genie::plan::detail
