#include "damage.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <utility>
#include <vector>

namespace genie::fuzz {
namespace {

constexpr std::size_t kTruncationStep = 64;
constexpr std::size_t kDepth = 100'000;

using Random = std::mt19937_64;

/// A number below `limit`, the same with every standard library.
std::size_t below(Random& random, std::size_t limit) {
  return static_cast<std::size_t>(random() % limit);
}

/// At most `count` of these, picked at random, in order.
template <class T>
std::vector<T> some(std::vector<T> all, std::uint64_t seed, int count) {
  Random random(seed);
  while (all.size() > static_cast<std::size_t>(count))
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(below(random, all.size())));
  return all;
}

using Range = std::pair<std::size_t, std::size_t>;  // begin, length

std::string replaced(std::string_view document, Range range, std::string_view by) {
  std::string text(document.substr(0, range.first));
  text += by;
  text += document.substr(range.first + range.second);
  return text;
}

/// The end of the string that begins at this quote: after its closing quote.
std::size_t end_of_string(std::string_view document, std::size_t begin) {
  std::size_t end = begin + 1;
  while (end < document.size() && document[end] != '"')
    end += document[end] == '\\' ? 2 : 1;
  return std::min(end + 1, document.size());
}

/// Where one of these characters stands, outside of strings.
std::vector<std::size_t> places_of(std::string_view document, std::string_view characters) {
  std::vector<std::size_t> found;
  for (std::size_t at = 0; at < document.size(); ++at) {
    if (document[at] == '"')
      at = end_of_string(document, at) - 1;
    else if (characters.find(document[at]) != std::string_view::npos)
      found.push_back(at);
  }
  return found;
}

std::vector<Range> numbers(std::string_view document) {
  std::vector<Range> found;
  constexpr std::string_view kDigits = "-+.0123456789eE";
  for (const std::size_t at : places_of(document, ":[,(")) {
    const std::size_t begin = std::min(document.find_first_not_of(' ', at + 1), document.size());
    const std::size_t end = std::min(document.find_first_not_of(kDigits, begin), document.size());
    if (end > begin) found.emplace_back(begin, end - begin);
  }
  return found;
}

/// Contents of strings, without their quotes.
std::vector<Range> strings(std::string_view document) {
  std::vector<Range> found;
  for (std::size_t begin = document.find('"'); begin != std::string_view::npos;) {
    const std::size_t end = end_of_string(document, begin);
    if (document[end - 1] != '"' || end < begin + 2) break;
    found.emplace_back(begin + 1, end - begin - 2);
    begin = document.find('"', end);
  }
  return found;
}

/// The first item of the array that begins here; empty when it has none.
std::string_view first_item(std::string_view document, std::size_t bracket) {
  int depth = 0;
  for (std::size_t at = bracket + 1; at < document.size(); ++at) {
    const char c = document[at];
    if (c == '"') at = end_of_string(document, at) - 1;
    if (c == '[' || c == '{') ++depth;
    if (depth == 0 && (c == ',' || c == ']')) return document.substr(bracket + 1, at - bracket - 1);
    if (c == ']' || c == '}') --depth;
  }
  return {};
}

std::string repeated(std::string_view text, std::size_t count) {
  std::string all;
  all.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i)
    all += text;
  return all;
}

}  // namespace

void truncate(std::string_view document, const Take& take) {
  for (std::size_t size = 0; size < document.size(); size += kTruncationStep)
    take(std::string(document.substr(0, size)));
}

void flip_bits(std::string_view document, std::uint64_t seed, int count, const Take& take) {
  if (document.empty()) return;
  Random random(seed);
  for (int i = 0; i < count; ++i) {
    std::string damaged(document);
    for (std::size_t bits = 1 + below(random, 3); bits > 0; --bits) {
      char& byte = damaged[below(random, damaged.size())];
      byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1u << below(random, 8)));
    }
    take(damaged);
  }
}

void replace_numbers(std::string_view document, std::uint64_t seed, int places, const Take& take) {
  constexpr std::array<std::string_view, 14> kHard = {"-1",
                                                      "9007199254740991",
                                                      "9007199254740992",
                                                      "9223372036854775807",
                                                      "-9223372036854775808",
                                                      "9223372036854775808",
                                                      "18446744073709551616",
                                                      "4611686018427387904",
                                                      "1e308",
                                                      "1e309",
                                                      "-0",
                                                      "0.1",
                                                      "1e-400",
                                                      "null"};
  for (const Range& range : some(numbers(document), seed, places))
    for (const std::string_view number : kHard)
      take(replaced(document, range, number));
}

void overflow_numbers(std::string_view document, std::uint64_t seed, int places, const Take& take) {
  const std::array<std::string, 2> digits = {"1e999", repeated("9", kDepth)};
  for (const Range& range : some(numbers(document), seed, places))
    for (const std::string& number : digits)
      take(replaced(document, range, number));
}

void break_strings(std::string_view document, std::uint64_t seed, int places, const Take& take) {
  constexpr std::array<std::string_view, 6> kBroken = {
      "\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\\ud800"};
  for (const Range& range : some(strings(document), seed, places))
    for (const std::string_view bytes : kBroken)
      take(replaced(document, {range.first, 0}, bytes));
}

void exchange_strings(std::string_view document, std::uint64_t seed, int count, const Take& take) {
  const std::vector<Range> all = strings(document);
  if (all.empty()) return;
  Random random(seed);
  for (int i = 0; i < count; ++i) {
    const Range other = all[below(random, all.size())];
    take(replaced(document, all[below(random, all.size())], document.substr(other.first, other.second)));
  }
}

void lengthen_strings(std::string_view document, std::uint64_t seed, int places, const Take& take) {
  constexpr std::size_t kLong = 1'000'000;
  // Control characters move a terminal's cursor and take six bytes each when they are written as JSON.
  const std::array<std::string, 2> texts = {repeated("long.", kLong / 5),
                                            repeated("\\u001b", kLong / 6) + "\\u0000"};
  for (const Range& range : some(strings(document), seed, places))
    for (const std::string& text : texts)
      take(replaced(document, range, text));
}

void repeat_keys(std::string_view document, std::uint64_t seed, int places, const Take& take) {
  std::vector<std::string> keys;
  std::vector<std::size_t> objects;
  for (const std::size_t at : places_of(document, "{")) {
    const std::size_t key = document.find_first_not_of(" \n", at + 1);
    if (key != std::string_view::npos && document[key] == '"') objects.push_back(at);
  }
  for (const std::size_t at : some(objects, seed, places)) {
    const std::size_t key = document.find('"', at);
    const std::string twice(document.substr(key, end_of_string(document, key) - key));
    take(replaced(document, {at + 1, 0}, twice + ":0,"));
  }
}

void nest_deeply(std::string_view document, std::uint64_t seed, int places, const Take& take) {
  for (const std::size_t at : some(places_of(document, "[:"), seed, places)) {
    take(replaced(document, {at + 1, 0}, repeated("[", kDepth)));
    take(replaced(document, {at + 1, 0}, repeated("{\"a\":", kDepth)));
    take(replaced(document, {at + 1, 0}, repeated("[", kDepth) + repeated("]", kDepth) + ","));
  }
}

void fill(std::string_view document, std::uint64_t seed, int places, std::size_t many, const Take& take) {
  constexpr std::size_t kMostBytes = std::size_t{16} << 20;
  constexpr std::string_view kOfEveryKind = "0,\"a\",null,[],{},";
  const std::string numbers = repeated("0,", many);
  const std::string mixed = repeated(kOfEveryKind, many / 5);
  for (const std::size_t at : some(places_of(document, "[("), seed, places)) {
    take(replaced(document, {at + 1, 0}, numbers));
    take(replaced(document, {at + 1, 0}, mixed));
    const std::string item = std::string(first_item(document, at)) + ",";
    if (item.size() > 1)
      take(replaced(document, {at + 1, 0}, repeated(item, std::min(many, kMostBytes / item.size()))));
  }
  std::string members;
  for (std::size_t i = 0; i < many; ++i)
    members += "\"k" + std::to_string(i) + "\":0,";
  for (const std::size_t at : some(places_of(document, "{"), seed, places))
    take(replaced(document, {at + 1, 0}, members));
}

}  // namespace genie::fuzz
