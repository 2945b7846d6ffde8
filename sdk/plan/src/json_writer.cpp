// JSON text out: streamed by Writer, or canonical (RFC 8785) from a parsed document.
#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

#include "genie/plan/json.hpp"
#include "json_numbers.hpp"
#include "utf8.hpp"

namespace genie::plan::json {
namespace {

void append_string(std::string& out, std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0;  // start of what needs no escape and is not copied yet
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    out += '\\';
    switch (c) {
      case '"':
      case '\\':
        out += c;
        break;
      case '\b':
        out += 'b';
        break;
      case '\f':
        out += 'f';
        break;
      case '\n':
        out += 'n';
        break;
      case '\r':
        out += 'r';
        break;
      case '\t':
        out += 't';
        break;
      default:
        out += "u00";
        out += kHex[static_cast<unsigned char>(c) >> 4];
        out += kHex[static_cast<unsigned char>(c) & 15];
    }
  }
  out.append(text, plain);
  out += '"';
}

void append_canonical(std::string& out, const View& view) {
  switch (view.kind()) {
    case Kind::null:
      out += "null";
      break;
    case Kind::boolean:
      out += view.boolean() ? "true" : "false";
      break;
    case Kind::integer:
      out += std::to_string(view.integer());
      break;
    case Kind::real:
      append_number(out, view.real());
      break;
    case Kind::string:
      append_string(out, view.string());
      break;
    case Kind::array: {
      out += '[';
      const char* separator = "";
      for (const auto& [key, item] : view.items()) {
        out += separator;
        separator = ",";
        append_canonical(out, item);
      }
      out += ']';
      break;
    }
    case Kind::object: {
      std::vector<Member> members;
      members.reserve(view.size());
      for (const Member& member : view.items())
        members.push_back(member);
      const auto before = [](const Member& a, const Member& b) { return utf16_less(a.key, b.key); };
      if (!std::is_sorted(members.begin(), members.end(), before))
        std::sort(members.begin(), members.end(), before);
      out += '{';
      const char* separator = "";
      for (const auto& [key, value] : members) {
        out += separator;
        separator = ",";
        append_string(out, key);
        out += ':';
        append_canonical(out, value);
      }
      out += '}';
      break;
    }
  }
}

/// Edits (insert, delete, replace, swap neighbours) from a to b.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string View::canonical() const {
  std::string out;
  append_canonical(out, *this);
  return out;
}

Result<std::string> canonicalize(std::string_view json) {
  const Result<Document> document = Document::parse(json);
  if (!document) return document.errors();
  return document->root().canonical();
}

std::string_view nearest(std::string_view key, const std::vector<std::string_view>& known) {
  constexpr std::size_t kLongestKey = 64;     // beyond, nobody mistyped a key
  constexpr std::size_t kMostKnown = 20'000;  // a search among more takes longer than it helps
  if (key.size() > kLongestKey || known.size() > kMostKnown) return {};
  std::string_view best;
  std::size_t fewest = std::max<std::size_t>(1, key.size() / 3) + 1;
  for (const std::string_view candidate : known) {
    if (candidate.size() > kLongestKey) continue;
    const std::size_t edits = distance(key, candidate);
    if (edits < fewest && edits < candidate.size()) {
      fewest = edits;
      best = candidate;
    }
  }
  // A word left out at the end ("memory" for "memory_bytes") is no typing error, but as near.
  constexpr std::size_t kShortestWord = 3;
  for (const std::string_view candidate : known)
    if (best.empty() && key.size() >= kShortestWord && candidate.starts_with(key)) best = candidate;
  return best;
}

std::string pointer_token(std::string_view key) {
  std::string token = "/";
  for (const char c : key) {
    if (c == '~')
      token += "~0";
    else if (c == '/')
      token += "~1";
    else
      token += c;
  }
  return token;
}

void Writer::line() {
  if (indent_ == 0) return;
  out_ += '\n';
  out_.append(indent_ * first_.size(), ' ');
}

void Writer::before_value() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (first_.empty()) return;
  if (!first_.back()) out_ += ',';
  first_.back() = false;
  line();
}

Writer& Writer::begin_object() {
  before_value();
  out_ += '{';
  first_.push_back(true);
  return *this;
}

Writer& Writer::begin_array() {
  before_value();
  out_ += '[';
  first_.push_back(true);
  return *this;
}

Writer& Writer::end_object() {
  assert(!first_.empty() && !after_key_);
  const bool empty = first_.back();
  first_.pop_back();
  if (!empty) line();
  out_ += '}';
  return *this;
}

Writer& Writer::end_array() {
  assert(!first_.empty() && !after_key_);
  const bool empty = first_.back();
  first_.pop_back();
  if (!empty) line();
  out_ += ']';
  return *this;
}

Writer& Writer::key(std::string_view name) {
  assert(!first_.empty() && !after_key_);
  before_value();
  append_string(out_, name);
  out_ += indent_ == 0 ? ":" : ": ";
  after_key_ = true;
  return *this;
}

Writer& Writer::null() {
  return raw("null");
}
Writer& Writer::value(bool value) {
  return raw(value ? "true" : "false");
}
Writer& Writer::value(std::int64_t value) {
  return raw(std::to_string(value));
}
Writer& Writer::value(std::uint64_t value) {
  return raw(std::to_string(value));
}

Writer& Writer::value(double value) {
  assert(std::isfinite(value));
  before_value();
  append_number(out_, value);
  return *this;
}

Writer& Writer::value(std::string_view value) {
  before_value();
  append_string(out_, value);
  return *this;
}

Writer& Writer::raw(std::string_view json) {
  before_value();
  out_ += json;
  return *this;
}

std::string Writer::take() {
  assert(first_.empty());
  return std::exchange(out_, {});
}

}  // namespace genie::plan::json
