// The three spellings of symbolic integers, and what is not one.
#include <doctest/doctest.h>

#include <string>

#include "torch/symbolic.hpp"

using genie::plan::Bindings;
using genie::plan::Expr;
using genie::pytorch::InputTerm;
using genie::pytorch::parse_condition;
using genie::pytorch::parse_expression;

namespace {

std::int64_t value(const char* text, const Bindings& at = {{"s1", 7}, {"s2", 3}}) {
  const auto expression = parse_expression(text);
  REQUIRE_MESSAGE(expression.has_value(), text);
  const auto result = expression->evaluate(at);
  REQUIRE_MESSAGE(result.has_value(), text);
  return *result;
}

}  // namespace

TEST_CASE("srepr as torch writes sizes") {
  CHECK(value("Symbol('s1', positive=True, integer=True)") == 7);
  CHECK(value("Integer(-4)") == -4);
  CHECK(value("Add(Symbol('s1', integer=True), Integer(-2))") == 5);
  CHECK(value("Mul(Integer(2), Symbol('s1', integer=True), Symbol('s2', integer=True))") == 42);
  CHECK(value("FloorDiv(Symbol('s1', integer=True), Integer(2))") == 3);
  CHECK(value("CleanDiv(Mul(Integer(6), Symbol('s1', integer=True)), Integer(3))") == 14);
  CHECK(value("Mod(Symbol('s1', integer=True), Integer(4))") == 3);
  CHECK(value("PythonMod(Integer(-7), Integer(4))") == 1);
  CHECK(value("Max(Integer(1), Symbol('s1', integer=True), Integer(9))") == 9);
  CHECK(value("Min(Symbol('s1', integer=True), Symbol('s2', integer=True))") == 3);
  CHECK(value("Pow(Symbol('s2', integer=True), Integer(3))") == 27);
  CHECK(value("PowByNatural(Symbol('s2', integer=True), Integer(2))") == 9);
  CHECK(value("ModularIndexing(Symbol('s1', integer=True), Integer(2), Integer(2))") == 1);
  CHECK(value("LShift(Symbol('s2', integer=True), Integer(2))") == 12);
}

TEST_CASE("printed expressions as in the keys of range_constraints") {
  CHECK(value("2*s1") == 14);
  CHECK(value("s1*s2 - 1") == 20);
  CHECK(value("-s1 + (s2 // 2)*4") == -3);
  CHECK(value("s1 % s2") == 1);
  CHECK(value("s2**2 + 1") == 10);
  CHECK(value("max(1, s1 - 5)") == 2);
  CHECK(*parse_expression("2*s1") == *parse_expression("Mul(Integer(2), Symbol('s1', integer=True))"));
}

TEST_CASE("what is no integer expression is nothing, never a guess") {
  for (const char* text : {"", "s1 +", "Symbol('zuf0')", "Float('1.0', precision=53)", "1.5", "s1 / 2",
                           "TruncToInt(ToFloat(s1))", "f(s1)", "Pow(s1, Integer(-1))", "Pow(s1, s2)",
                           "Rational(1, 2)", "s1 s2", "(s1", "Add(s1", "__import__('os')", "s1.real",
                           "lambda: 1", "L['x'].size()[0]", "99999999999999999999"})
    CHECK_MESSAGE(!parse_expression(text).has_value(), text);
  CHECK_FALSE(parse_expression(std::string(100'000, '(')).has_value());
  CHECK_FALSE(parse_expression(std::string(100'000, '-')).has_value());
}

TEST_CASE("Python conditions over inputs become relations") {
  const auto resolve = [](const InputTerm& term) -> std::optional<Expr> {
    if (term.path == "['ids']" && term.dim == 1) return Expr::symbol("s1");
    if (term.path == "['d']['k'][0]" && term.dim == 0) return Expr::symbol("s2");
    if (term.path == "['n']" && !term.dim) return Expr(4);
    return std::nullopt;
  };
  const auto same = parse_condition("L['ids'].size()[1] == L['d']['k'][0].size()[0]", resolve);
  REQUIRE(same.has_value());
  REQUIRE(same->size() == 1);
  CHECK(same->front().relation == "eq");
  CHECK(same->front().a == Expr::symbol("s1"));
  CHECK(same->front().b == Expr::symbol("s2"));

  const auto chain = parse_condition("2 <= L['ids'].size()[1] < 100 and L['n'] != 0", resolve);
  REQUIRE(chain.has_value());
  REQUIRE(chain->size() == 3);
  CHECK((*chain)[0].relation == "le");
  CHECK((*chain)[1].relation == "lt");
  CHECK((*chain)[1].b == Expr(100));
  CHECK((*chain)[2].relation == "ne");
  CHECK((*chain)[2].a == Expr(4));

  CHECK(parse_condition("((-2) + L['ids'].size()[1]) != 1", resolve).has_value());
  CHECK(parse_condition("(L['ids'].size()[1] >= 1 and L['n'] == 4)", resolve).has_value());
}

TEST_CASE("conditions that are not understood are nothing") {
  for (const char* text : {"L['x'].size()[0] == 1", "L['ids'].stride()[0] == 1", "1", "1 == 1 and",
                           "1 == 1 or", "not", "not 1", "x is None", "Not(Eq(1, 1)", "1 / 2 == 0 or 1 == 1"})
    CHECK_MESSAGE(!parse_condition(text).has_value(), text);
}

TEST_CASE("or, not and parentheses become relations that hold exactly when Python's condition does") {
  const auto resolve = [](const InputTerm& term) -> std::optional<Expr> {
    return Expr::symbol(term.stride ? "stride" : term.path == "['a']" ? "a" : "b");
  };
  const auto holds = [&](const char* text, std::int64_t a, std::int64_t b) {
    const auto conditions = parse_condition(text, resolve);
    REQUIRE_MESSAGE(conditions.has_value(), text);
    bool all = true;
    for (const auto& [relation, left, right] : *conditions) {
      const std::int64_t x = left.evaluate({{"a", a}, {"b", b}, {"stride", b}}).value();
      const std::int64_t y = right.evaluate({{"a", a}, {"b", b}, {"stride", b}}).value();
      all = all && (relation == "eq"   ? x == y
                    : relation == "ne" ? x != y
                    : relation == "lt" ? x < y
                    : relation == "le" ? x <= y
                    : relation == "gt" ? x > y
                                       : x >= y);
    }
    return all;
  };
  for (std::int64_t a = 0; a < 5; ++a)
    for (std::int64_t b = 0; b < 5; ++b) {
      CHECK(holds("L['a'].size()[1] == 1 or L['b'].size()[1] == L['a'].size()[1]", a, b) ==
            (a == 1 || b == a));
      CHECK(holds("not L['a'].size()[0] == 2", a, b) == (a != 2));
      CHECK(holds("not (L['a'].size()[0] < 2 and L['b'].size()[0] >= 3)", a, b) == !(a < 2 && b >= 3));
      CHECK(holds("not (L['a'].size()[0] < 2 or L['b'].size()[0] >= 3)", a, b) == !(a < 2 || b >= 3));
      CHECK(holds("(L['a'].size()[0] > 3 or L['b'].size()[0] != 1) and L['a'].size()[0] <= 4", a, b) ==
            ((a > 3 || b != 1) && a <= 4));
      CHECK(holds("L['a'].size()[0] % 2 == 0 or 0 <= L['b'].size()[0] < 2", a, b) == (a % 2 == 0 || b < 2));
      CHECK(holds("L['x'].stride()[0] == 1 or L['x'].storage_offset() != 0", a, b) == (b == 1));
      CHECK(
          holds(
              "Or(Eq(L['a'].size()[0], 1), Not(And(LessThan(L['b'].size()[0], 2), Ne(L['a'].size()[0], 3))))",
              a, b) == (a == 1 || !(b <= 2 && a != 3)));
    }
}

TEST_CASE("relations in srepr") {
  const auto relation = parse_condition("GreaterThan(Symbol('u0', integer=True), Integer(0))");
  REQUIRE(relation.has_value());
  CHECK(relation->front().relation == "ge");
  const auto both = parse_condition(
      "And(LessThan(Symbol('u0', integer=True), Integer(6)), Unequality(Symbol('u0', integer=True), "
      "Integer(1)))");
  REQUIRE(both.has_value());
  REQUIRE(both->size() == 2);
  CHECK((*both)[0].relation == "le");
  CHECK((*both)[1].relation == "ne");
}
