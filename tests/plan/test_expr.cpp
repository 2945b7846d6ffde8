// Expressions: the normal form changes no value, is unique for what it promises, and is a fixed point.
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <random>

#include "genie/plan/expr.hpp"

using namespace genie::plan;
using Op = Expr::Op;

namespace {

const Expr a = Expr::symbol("a");
const Expr b = Expr::symbol("b");
const Expr c = Expr::symbol("c");

Expr fdiv(const Expr& x, const Expr& y) {
  return Expr::make(Op::floordiv, x, y);
}
Expr mod(const Expr& x, const Expr& y) {
  return Expr::make(Op::mod, x, y);
}
Expr min(const Expr& x, const Expr& y) {
  return Expr::make(Op::min, x, y);
}
Expr max(const Expr& x, const Expr& y) {
  return Expr::make(Op::max, x, y);
}

/// An expression as written, beside its normal form.
struct Pair {
  std::function<std::optional<std::int64_t>(const Bindings&)> written;
  Expr normal;
};

std::int64_t python_floordiv(std::int64_t x, std::int64_t y) {
  const std::int64_t q = x / y;
  return q * y != x && (x < 0) != (y < 0) ? q - 1 : q;
}

Pair random_pair(std::mt19937& random, int depth) {
  const auto pick = [&](int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); };
  if (depth == 0 || pick(4) == 0) {
    if (pick(2) == 0) {
      const std::int64_t n = pick(25) - 12;
      return {[n](const Bindings&) { return n; }, Expr(n)};
    }
    const std::string id(1, static_cast<char>('a' + pick(3)));
    return {[id](const Bindings& bindings) { return bindings.at(id); }, Expr::symbol(id)};
  }
  const Op op = static_cast<Op>(pick(6));
  Pair x = random_pair(random, depth - 1);
  Pair y = random_pair(random, depth - 1);
  const auto written = [op, x, y](const Bindings& bindings) -> std::optional<std::int64_t> {
    const auto p = x.written(bindings);
    const auto q = y.written(bindings);
    if (!p || !q) return std::nullopt;
    switch (op) {
      case Op::add:
        return *p + *q;
      case Op::mul:
        return *p * *q;
      case Op::floordiv:
        return *q == 0 ? std::nullopt : std::optional(python_floordiv(*p, *q));
      case Op::mod:
        return *q == 0 ? std::nullopt : std::optional(*p - python_floordiv(*p, *q) * *q);
      case Op::min:
        return std::min(*p, *q);
      case Op::max:
        return std::max(*p, *q);
    }
    return std::nullopt;
  };
  return {written, Expr::make(op, x.normal, y.normal)};
}

bool is_fixed_point(const Expr& e) {
  if (!e.is_operation()) return true;
  const Expr::Operation& o = e.as_operation();
  return is_fixed_point(o.a) && is_fixed_point(o.b) && Expr::make(o.op, o.a, o.b) == e;
}

}  // namespace

TEST_CASE("P4 a normal form has the value of what was written, wherever that has one") {
  std::mt19937 random(7);
  int compared = 0;
  for (int round = 0; round < 20000; ++round) {
    const Pair pair = random_pair(random, 4);
    REQUIRE_MESSAGE(is_fixed_point(pair.normal), pair.normal.to_text());
    for (int i = 0; i < 4; ++i) {
      std::uniform_int_distribution<std::int64_t> size(1, 40);
      const Bindings bindings{{"a", size(random)}, {"b", size(random)}, {"c", size(random)}};
      const auto expected = pair.written(bindings);
      const auto got = pair.normal.evaluate(bindings);
      if (!expected || !got) continue;  // a division by zero; or terms beyond the limit
      ++compared;
      REQUIRE_MESSAGE(*got == *expected, pair.normal.to_text());
    }
  }
  CHECK(compared > 40000);
}

TEST_CASE("P4 equal expressions written differently are equal values") {
  CHECK(a + b == b + a);
  CHECK(a * 2 + b - a == a + b);
  CHECK((a + 1) * (a - 1) == a * a - 1);
  CHECK(a * b * 4 == Expr(4) * b * a);
  CHECK(min(a, min(b, a)) == min(b, a));
  CHECK(min(a + 3, a) == a);
  CHECK(max(a + 3, a) == a + 3);
  CHECK(min(a, Expr(std::numeric_limits<std::int64_t>::max())) == a);
  CHECK(a - a == Expr(0));
  CHECK_FALSE(a == b);
}

TEST_CASE("division folds where it is exact") {
  CHECK(fdiv(a * 384, a) == Expr(384));
  CHECK(fdiv(a * b * 12, b * 4) == a * 3);
  CHECK(fdiv((a + 1) * 4, a + 1) == Expr(4));
  CHECK(fdiv((a + b) * (a - b), a + b) == a - b);
  CHECK(fdiv(a * 8 + 3, Expr(4)) == a * 2);
  CHECK(fdiv(a * 4 + 6, Expr(8)) == fdiv(a * 2 + 3, Expr(4)));
  CHECK(fdiv(a * 4 + 1, Expr(8)) == fdiv(a, Expr(2)));
  CHECK(fdiv(fdiv(a, Expr(2)), Expr(3)) == fdiv(a, Expr(6)));
  CHECK(mod(a * 8 + 3, Expr(4)) == Expr(3));
  CHECK(mod(a * 5, Expr(4)) == mod(a, Expr(4)));
  CHECK(mod(a * 6, Expr(4)) == mod(a, Expr(2)) * 2);
  CHECK(mod(mod(a, Expr(12)), Expr(4)) == mod(a, Expr(4)));
  CHECK(fdiv(Expr(-7), Expr(2)) == Expr(-4));
  CHECK(mod(Expr(-7), Expr(2)) == Expr(1));
  CHECK(mod(Expr(7), Expr(-2)) == Expr(-1));
  CHECK(fdiv(a, Expr(1)) == a);
}

TEST_CASE("what does not fit in 64 bits or divides by zero evaluates to nothing") {
  const Expr large(std::numeric_limits<std::int64_t>::max());
  CHECK_FALSE((large + 1).evaluate({}).has_value());
  CHECK_FALSE((large * a * 2).evaluate({{"a", 1}}).has_value());
  CHECK_FALSE((large * a).evaluate({{"a", 2}}).has_value());
  CHECK_FALSE(fdiv(a, Expr(0)).evaluate({{"a", 2}}).has_value());
  CHECK_FALSE((fdiv(a, Expr(0)) + b).evaluate({{"a", 2}, {"b", 1}}).has_value());
  CHECK_FALSE(fdiv(Expr(std::numeric_limits<std::int64_t>::min()), Expr(-1)).evaluate({}).has_value());
  CHECK_FALSE(a.evaluate({}).has_value());
  CHECK(mod(Expr(std::numeric_limits<std::int64_t>::min()), Expr(-1)).evaluate({}) == 0);
}

TEST_CASE("substitution is simultaneous and normalises") {
  const Expr e = a * 2 + b;
  CHECK(e.substitute({{"a", b}, {"b", a}}) == b * 2 + a);
  CHECK(e.substitute({{"a", Expr(3)}, {"b", Expr(1)}}) == Expr(7));
  std::set<std::string, std::less<>> symbols;
  min(e, c).collect_symbols(symbols);
  CHECK(symbols == std::set<std::string, std::less<>>{"a", "b", "c"});
}

TEST_CASE("text for people") {
  CHECK((a * 4 + 1).to_text() == "a*4 + 1");
  CHECK((Expr(1) - a).to_text() == "-a + 1");
  CHECK((a * b - a * 2 - 3).to_text() == "-a*2 + a*b - 3");
  CHECK(fdiv(a + 1, Expr(2)).to_text() == "(a + 1)//2");
  CHECK(mod(a, b).to_text() == "a%b");
  CHECK(min(a, b * 2).to_text() == "min(a, b*2)");
  CHECK((fdiv(a, Expr(2)) * 3).to_text() == "(a//2)*3");
  CHECK(to_text(Shape{Expr(1), a * 2}) == "[1, a*2]");
}

TEST_CASE("strides and counts of shapes") {
  CHECK(contiguous_strides({Expr(2), a, Expr(3)}) == Exprs{a * 3, Expr(3), Expr(1)});
  CHECK(contiguous_strides({Expr(2), Expr(0), Expr(3)}) == Exprs{Expr(3), Expr(3), Expr(1)});
  CHECK(contiguous_strides({}).empty());
  CHECK(element_count({Expr(2), a}) == a * 2);
  CHECK(element_count({}) == Expr(1));
  CHECK(evaluate(Shape{a, Expr(3)}, {{"a", 5}}) == std::vector<std::int64_t>{5, 3});
  CHECK_FALSE(evaluate(Shape{a, b}, {{"a", 5}}).has_value());
}

TEST_CASE("a product of more factors than a document can nest evaluates to nothing, and costs nothing") {
  const Shape many(100'000, Expr::symbol("s"));
  CHECK_FALSE(element_count(many).evaluate({{"s", 1}}));
  CHECK_FALSE(contiguous_strides(many).front().evaluate({{"s", 1}}));
  CHECK(element_count(Shape(32, Expr::symbol("s"))).evaluate({{"s", 1}}) == 1);
}
