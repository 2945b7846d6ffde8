// SmallVector: a vector whose first elements lie in itself.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "genie/plan/expr.hpp"
#include "genie/plan/small_vector.hpp"

using genie::plan::Expr;
using genie::plan::Exprs;
using genie::plan::SmallVector;

namespace {

using Texts = SmallVector<std::string, 2>;

std::string long_text(int i) {
  return "a text too long to lie in the string itself, number " + std::to_string(i);
}

}  // namespace

TEST_CASE("a small vector does what std::vector does, inside itself and outside") {
  for (const int count : {0, 1, 2, 3, 9}) {
    CAPTURE(count);
    Texts texts;
    std::vector<std::string> expected;
    const auto check = [&] {
      REQUIRE(texts.size() == expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i)
        CHECK(texts[i] == expected[i]);
    };
    for (int i = 0; i < count; ++i) {
      texts.push_back(long_text(i));
      expected.push_back(long_text(i));
    }
    check();
    texts.insert(texts.begin(), long_text(-1));
    expected.insert(expected.begin(), long_text(-1));
    check();
    texts.insert(texts.begin() + 1, {long_text(-2), long_text(-3)});
    expected.insert(expected.begin() + 1, {long_text(-2), long_text(-3)});
    check();
    texts.erase(texts.begin() + 1);
    expected.erase(expected.begin() + 1);
    check();
    texts.resize(texts.size() + 2, texts.front());
    expected.resize(expected.size() + 2, std::string(expected.front()));
    check();
    texts.erase(texts.begin(), texts.end() - 1);
    expected.erase(expected.begin(), expected.end() - 1);
    check();
    texts.assign(3, texts.back());
    expected.assign(3, std::string(expected.back()));
    check();
    texts.clear();
    CHECK(texts.empty());
  }
}

TEST_CASE("a small vector that grows may be given one of its own elements") {
  Texts texts = {long_text(0), long_text(1)};
  for (int i = 0; i < 20; ++i)
    texts.push_back(texts.front());
  CHECK(texts.size() == 22);
  CHECK(texts.back() == long_text(0));
}

TEST_CASE("copies of a small vector are its equals, and what it was moved to is what it was") {
  for (const std::size_t count : {0u, 2u, 3u, 7u}) {
    CAPTURE(count);
    const Texts original(count, long_text(1));
    Texts copy = original;
    CHECK(copy == original);
    Texts other = {long_text(5), long_text(6), long_text(7)};
    other = copy;
    CHECK(other == original);
    other.push_back(long_text(2));
    CHECK_FALSE(other == copy);
    Texts moved = std::move(copy);
    CHECK(moved == original);
    other = std::move(moved);
    CHECK(other == original);
    const Texts& itself = other;
    other = itself;
    CHECK(other == original);
  }
}

TEST_CASE("expressions share symbols and operations until the last one goes") {
  Exprs many;
  {
    const Expr symbol = Expr::symbol("s0");
    for (int i = 0; i < 9; ++i)
      many.push_back(symbol * Expr(i + 2));
  }
  Exprs copy = many;
  many.clear();
  CHECK(copy.back().to_text() == "s0*10");
  copy.erase(copy.begin(), copy.end() - 1);
  const Expr last = std::move(copy.back());
  CHECK(copy.back() == Expr(0));
  copy.clear();
  CHECK(last.evaluate({{"s0", 4}}) == 40);
}
