// P4: numbers go through plans bit for bit, however they are written.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "genie/plan/codec.hpp"
#include "plans.hpp"

using namespace genie::plan;
using genie::plan::testing::kCaptured;
using genie::plan::testing::replaced;

namespace {

constexpr int kExponents = 2047;  ///< finite ones, that of the subnormals included

/// A literal of JSON and the double it stands for, by the C library.
struct Literal {
  std::string text;
  double value;
};

class Draw {
 public:
  /// The exponents take turns, the rest is random: spellings from shortest to far longer than a double is exact.
  Literal next() {
    const auto exponent = static_cast<std::uint64_t>(number_++ % kExponents);
    const std::uint64_t bits = random_();
    const double value = std::bit_cast<double>((bits & 0x800fffffffffffffu) | exponent << 52);
    switch (bits >> 60 & 7) {
      case 0:
        return printed("%.16e", value);
      case 1:
        return printed("%.17E", value);
      case 2:
        return printed("%.30e", value);
      case 3:
        return printed("%.767e", value);  // every digit of the smallest
      case 4:
        return short_decimal();
      case 5:
        return printed("%.2e", value);
      default:
        return printed("%.16e", std::bit_cast<double>(bits & 0x800fffffffffffffu));  // subnormal
    }
  }

 private:
  template <class... T>
  static Literal printed(const char* format, T... values) {
    char text[800];
    std::snprintf(text, sizeof text, format, values...);
    return {text, std::strtod(text, nullptr)};
  }

  Literal short_decimal() {
    const auto digits = static_cast<unsigned>(random_() % 100000);
    return printed("%s%u.%02ue%d", random_() % 2 == 0 ? "" : "-", digits / 100, digits % 100,
                   static_cast<int>(random_() % 600) - 310);
  }

  std::mt19937_64 random_{17};
  std::uint64_t number_ = 0;
};

Plan with_floats(const std::vector<Literal>& literals) {
  std::string list;
  for (const Literal& literal : literals)
    list += (list.empty() ? "" : ",") + ("{\"float\":" + literal.text + "}");
  auto plan = decode(replaced(kCaptured, R"("args": [{"value": "v0"}])", "\"args\": [" + list + "]"));
  REQUIRE_MESSAGE(plan.ok(), to_text(plan.ok() ? Diagnostic{} : plan.errors()[0]));
  return std::move(*plan);
}

std::uint64_t bits_of(const Arg& argument) {
  return std::bit_cast<std::uint64_t>(std::get<double>(argument.is));
}

}  // namespace

TEST_CASE("P4 a million doubles of all exponents and spellings survive decode and encode bit for bit") {
  constexpr int kDocuments = 500;
  constexpr int kPerDocument = 2000;
  Draw draw;
  for (int document = 0; document < kDocuments; ++document) {
    std::vector<Literal> literals(kPerDocument);
    for (Literal& literal : literals)
      do
        literal = draw.next();
      while (!std::isfinite(literal.value));  // a rounded spelling of the largest
    const Plan plan = with_floats(literals);
    const auto& args = plan.methods.at("forward").nodes[0].args;
    const std::string bytes = encode(plan);
    const auto again = decode(bytes);
    REQUIRE(again.ok());
    REQUIRE((encode(*again) == bytes));
    const auto& back = again->methods.at("forward").nodes[0].args;
    for (std::size_t i = 0; i < literals.size(); ++i) {
      // JSON numbers have no negative zero; arguments write it as text.
      const double expected = literals[i].value == 0 ? 0.0 : literals[i].value;
      if (bits_of(args[i]) == std::bit_cast<std::uint64_t>(expected) && bits_of(back[i]) == bits_of(args[i]))
        continue;
      FAIL_CHECK(literals[i].text << " was read as " << std::get<double>(args[i].is) << ", then as "
                                  << std::get<double>(back[i].is));
    }
  }
}
