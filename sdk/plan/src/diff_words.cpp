// How plan diff says arguments, times and sizes.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "diff_internal.hpp"
#include "memory.hpp"
#include "messages.hpp"

namespace genie::plan::detail {
namespace {

constexpr std::size_t kListed = 3;

std::string number_words(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "infinity" : "-infinity";
  return json::Writer().value(value).take();
}

std::string words(const Arg& argument) {
  struct Visitor {
    std::string operator()(const arg::Null&) const { return "null"; }
    std::string operator()(const arg::Value& a) const { return a.id; }
    std::string operator()(const arg::Weight& a) const { return "weight " + a.name; }
    std::string operator()(const arg::State& a) const { return "state " + a.name; }
    std::string operator()(std::int64_t a) const { return std::to_string(a); }
    std::string operator()(double a) const { return number_words(a); }
    std::string operator()(bool a) const { return a ? "true" : "false"; }
    std::string operator()(const arg::Complex& a) const {
      return "(" + number_words(a.real) + ", " + number_words(a.imag) + ")";
    }
    std::string operator()(const arg::Str& a) const { return quoted(a.text); }
    std::string operator()(DType a) const { return std::string(name(a)); }
    std::string operator()(const arg::Layout& a) const { return a.name; }
    std::string operator()(const arg::MemoryFormat& a) const { return a.name; }
    std::string operator()(const arg::Device&) const { return "local"; }
    std::string operator()(const arg::Dim& a) const { return a.expr.to_text(); }
    std::string operator()(const arg::Graph& a) const { return "sub-graph " + a.name; }
    std::string operator()(const arg::List& a) const {
      std::vector<std::string> items;
      for (const Arg& item : a.items)
        items.push_back(words(item));
      return "[" + joined(items) + "]";
    }
  };
  return std::visit(Visitor{}, argument.is);
}

}  // namespace

Said said(const Arg& argument) {
  return {written(argument, write_arg), words(argument)};
}

Said said_ns(std::uint64_t ns) {
  const std::string exact = std::to_string(ns) + " ns";
  constexpr std::array<const char*, 3> kUnits{"µs", "ms", "s"};
  constexpr std::uint64_t kStep = 1000;
  if (ns < kStep) return {exact, exact};
  double value = static_cast<double>(ns) / kStep;
  std::size_t unit = 0;
  while (value >= kStep && unit + 1 < kUnits.size())
    value /= kStep, ++unit;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f %s", value, kUnits[unit]);
  return {exact, text.data()};
}

Said said_bytes(std::uint64_t bytes) {
  return {std::to_string(bytes) + " bytes", bytes_text(bytes)};
}

Said said_digest(const std::string& digest) {
  constexpr std::size_t kShownDigest = std::string_view("sha256:0123456789ab").size();
  return {digest, digest.size() <= kShownDigest ? digest : digest.substr(0, kShownDigest)};
}

std::pair<std::string, std::string> shown(const std::string& before, const std::string& after) {
  const auto brief = [](std::string_view text) {
    return text.empty() ? std::string("nothing") : shortened(text);
  };
  if (brief(before) != brief(after)) return {brief(before), brief(after)};
  // Both begin alike for longer than is shown: from a little before where they part.
  constexpr std::size_t kLead = 16;
  const auto [x, y] = std::mismatch(before.begin(), before.end(), after.begin(), after.end());
  auto start = static_cast<std::size_t>(x - before.begin());
  start -= std::min(start, kLead);
  const auto inside_character = [](char c) { return (static_cast<unsigned char>(c) & 0xc0u) == 0x80u; };
  while (start > 0 && (start >= before.size() || inside_character(before[start])))
    --start;
  return {"…" + shortened(std::string_view(before).substr(start)),
          "…" + shortened(std::string_view(after).substr(start))};
}

std::string listed(const std::vector<std::string>& items) {
  if (items.size() <= kListed + 1) return joined(items);
  return joined(std::vector(items.begin(), items.begin() + kListed)) + " and " +
         std::to_string(items.size() - kListed) + " more";
}

}  // namespace genie::plan::detail
