#include "scalar_ops.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <string>

namespace genie::kernels_aten {

namespace {

using c10::IValue;
using Integer = std::int64_t;

struct Entry {
  std::string_view name;
  ScalarOp op;
  Arity arity;
};

constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();

constexpr std::array kEntries{
    Entry{"add", ScalarOp::add, {2, 2}},
    Entry{"sub", ScalarOp::sub, {2, 2}},
    Entry{"mul", ScalarOp::mul, {2, 2}},
    Entry{"truediv", ScalarOp::truediv, {2, 2}},
    Entry{"floordiv", ScalarOp::floordiv, {2, 2}},
    Entry{"mod", ScalarOp::mod, {2, 2}},
    Entry{"pow", ScalarOp::pow, {2, 2}},
    Entry{"neg", ScalarOp::neg, {1, 1}},
    Entry{"pos", ScalarOp::pos, {1, 1}},
    Entry{"abs", ScalarOp::abs, {1, 1}},
    Entry{"eq", ScalarOp::eq, {2, 2}},
    Entry{"ne", ScalarOp::ne, {2, 2}},
    Entry{"lt", ScalarOp::lt, {2, 2}},
    Entry{"le", ScalarOp::le, {2, 2}},
    Entry{"gt", ScalarOp::gt, {2, 2}},
    Entry{"ge", ScalarOp::ge, {2, 2}},
    Entry{"and", ScalarOp::bit_and, {2, 2}},
    Entry{"or", ScalarOp::bit_or, {2, 2}},
    Entry{"xor", ScalarOp::bit_xor, {2, 2}},
    Entry{"invert", ScalarOp::invert, {1, 1}},
    Entry{"not", ScalarOp::logical_not, {1, 1}},
    Entry{"lshift", ScalarOp::lshift, {2, 2}},
    Entry{"rshift", ScalarOp::rshift, {2, 2}},
    Entry{"max", ScalarOp::max, {1, kAny}},
    Entry{"min", ScalarOp::min, {1, kAny}},
    Entry{"sum", ScalarOp::sum, {0, kAny}},
    Entry{"ite", ScalarOp::select, {3, 3}},
    Entry{"int", ScalarOp::to_int, {1, 1}},
    Entry{"float", ScalarOp::to_float, {1, 1}},
    Entry{"bool", ScalarOp::to_bool, {1, 1}},
    Entry{"ceil", ScalarOp::ceil, {1, 1}},
    Entry{"floor", ScalarOp::floor, {1, 1}},
    Entry{"trunc", ScalarOp::trunc, {1, 1}},
    Entry{"round", ScalarOp::round, {1, 2}},
    Entry{"sqrt", ScalarOp::sqrt, {1, 1}},
    Entry{"log2", ScalarOp::log2, {1, 1}},
    Entry{"exp", ScalarOp::exp, {1, 1}},
    Entry{"sin", ScalarOp::sin, {1, 1}},
    Entry{"cos", ScalarOp::cos, {1, 1}},
    Entry{"tan", ScalarOp::tan, {1, 1}},
    Entry{"sinh", ScalarOp::sinh, {1, 1}},
    Entry{"cosh", ScalarOp::cosh, {1, 1}},
    Entry{"tanh", ScalarOp::tanh, {1, 1}},
    Entry{"asin", ScalarOp::asin, {1, 1}},
    Entry{"acos", ScalarOp::acos, {1, 1}},
    Entry{"atan", ScalarOp::atan, {1, 1}},
};

bool is_float(const IValue& value) {
  return value.isDouble();
}

Integer integer(const IValue& value) {
  return value.isBool() ? static_cast<Integer>(value.toBool()) : value.toInt();
}

double real(const IValue& value) {
  return value.isDouble() ? value.toDouble() : static_cast<double>(integer(value));
}

bool truth(const IValue& value) {
  return value.isDouble() ? value.toDouble() != 0.0 : integer(value) != 0;
}

[[noreturn]] void overflow() {
  throw ArithmeticError("the result does not fit in 64 bits");
}
[[noreturn]] void by_zero() {
  throw ArithmeticError("division by zero");
}

Integer add(Integer a, Integer b) {
  Integer result = 0;
  if (__builtin_add_overflow(a, b, &result)) overflow();
  return result;
}
Integer subtract(Integer a, Integer b) {
  Integer result = 0;
  if (__builtin_sub_overflow(a, b, &result)) overflow();
  return result;
}
Integer multiply(Integer a, Integer b) {
  Integer result = 0;
  if (__builtin_mul_overflow(a, b, &result)) overflow();
  return result;
}

/// Both round toward minus infinity, as Python's do.
Integer floor_divide(Integer a, Integer b) {
  if (b == 0) by_zero();
  if (b == -1) return subtract(0, a);
  const Integer quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}
Integer modulo(Integer a, Integer b) {
  if (b == 0) by_zero();
  if (b == -1) return 0;
  const Integer remainder = a % b;
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}
double modulo(double a, double b) {
  if (b == 0.0) by_zero();
  const double remainder = std::fmod(a, b);
  if (remainder == 0.0) return std::copysign(0.0, b);
  return (remainder < 0.0) != (b < 0.0) ? remainder + b : remainder;
}
double floor_divide(double a, double b) {
  if (b == 0.0) by_zero();
  // From the exact remainder, so that the quotient is not rounded up past the true one.
  const double quotient = (a - modulo(a, b)) / b;
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1.0 : floored;
}

IValue power(const IValue& a, const IValue& b) {
  if (is_float(a) || is_float(b) || integer(b) < 0) {
    if (real(a) == 0.0 && real(b) < 0.0) throw ArithmeticError("0 cannot be raised to a negative power");
    return std::pow(real(a), real(b));
  }
  Integer result = 1;
  Integer base = integer(a);
  for (Integer exponent = integer(b); exponent > 0;) {
    if (exponent % 2 == 1) result = multiply(result, base);
    exponent /= 2;
    if (exponent > 0) base = multiply(base, base);
  }
  return result;
}

Integer to_integer(double value) {
  // 2^63 is the first double beyond the range; NaN fails both comparisons.
  if (!(value >= -0x1p63 && value < 0x1p63)) throw ArithmeticError("a float that is no 64-bit integer");
  return static_cast<Integer>(value);
}

Integer shift_left(Integer value, Integer count) {
  if (count < 0) throw ArithmeticError("negative shift count");
  if (value == 0) return 0;
  if (count > 62) overflow();
  return multiply(value, Integer{1} << count);
}
Integer shift_right(Integer value, Integer count) {
  if (count < 0) throw ArithmeticError("negative shift count");
  return value >> (count > 63 ? 63 : count);
}

IValue round_to(std::span<const IValue> arguments) {
  const IValue& value = arguments[0];
  const bool digits = arguments.size() == 2 && !arguments[1].isNone();
  if (!is_float(value)) {
    if (digits && integer(arguments[1]) < 0)
      throw ArithmeticError("round of an integer to tens is not supported");
    return integer(value);
  }
  if (!digits) return to_integer(std::nearbyint(value.toDouble()));
  const double scale = std::pow(10.0, static_cast<double>(integer(arguments[1])));
  return std::nearbyint(value.toDouble() * scale) / scale;
}

/// -1, 0, 1; 2 when unordered (NaN).
int compare(const IValue& a, const IValue& b) {
  if (!is_float(a) && !is_float(b)) return integer(a) < integer(b) ? -1 : integer(a) > integer(b);
  const double x = real(a);
  const double y = real(b);
  if (std::isnan(x) || std::isnan(y)) return 2;
  return x < y ? -1 : x > y;
}

template <class OnIntegers, class OnReals>
IValue arithmetic(std::span<const IValue> arguments, OnIntegers on_integers, OnReals on_reals) {
  if (is_float(arguments[0]) || is_float(arguments[1]))
    return on_reals(real(arguments[0]), real(arguments[1]));
  return on_integers(integer(arguments[0]), integer(arguments[1]));
}

template <class OnIntegers, class OnBools>
IValue bitwise(std::span<const IValue> arguments, OnIntegers on_integers, OnBools on_bools) {
  if (arguments[0].isBool() && arguments[1].isBool())
    return on_bools(arguments[0].toBool(), arguments[1].toBool());
  if (is_float(arguments[0]) || is_float(arguments[1])) throw ArithmeticError("a bit operation on floats");
  return on_integers(integer(arguments[0]), integer(arguments[1]));
}

/// torch.sym_max and torch.sym_min: a float among the arguments makes the result a float.
IValue best(std::span<const IValue> arguments, int wanted) {
  const IValue* chosen = &arguments[0];
  bool floating = is_float(arguments[0]);
  for (const IValue& candidate : arguments.subspan(1)) {
    floating = floating || is_float(candidate);
    if (compare(candidate, *chosen) == wanted) chosen = &candidate;
  }
  return floating ? IValue(real(*chosen)) : *chosen;
}

}  // namespace

std::optional<ScalarOp> scalar_op(std::string_view name) {
  constexpr std::string_view kDomain = "python.";
  if (!name.starts_with(kDomain)) return std::nullopt;
  name.remove_prefix(kDomain.size());
  if (name.ends_with(".default")) name.remove_suffix(std::string_view(".default").size());
  // torch writes torch.sym_max and torch._sym_sqrt, Python operator.and_ and operator.not_: one meaning, one entry.
  if (name.starts_with("_")) name.remove_prefix(1);
  if (name.starts_with("sym_")) name.remove_prefix(4);
  if (name.ends_with("_")) name.remove_suffix(1);
  for (const Entry& entry : kEntries)
    if (entry.name == name) return entry.op;
  return std::nullopt;
}

Arity arity(ScalarOp op) {
  for (const Entry& entry : kEntries)
    if (entry.op == op) return entry.arity;
  return {0, 0};
}

IValue evaluate(ScalarOp op, std::span<const IValue> arguments) {
  const auto a = [&]() -> const IValue& { return arguments[0]; };
  switch (op) {
    case ScalarOp::add:
      return arithmetic(
          arguments, [](Integer x, Integer y) { return add(x, y); },
          [](double x, double y) { return x + y; });
    case ScalarOp::sub:
      return arithmetic(
          arguments, [](Integer x, Integer y) { return subtract(x, y); },
          [](double x, double y) { return x - y; });
    case ScalarOp::mul:
      return arithmetic(
          arguments, [](Integer x, Integer y) { return multiply(x, y); },
          [](double x, double y) { return x * y; });
    case ScalarOp::truediv:
      if (real(arguments[1]) == 0.0) by_zero();
      return real(a()) / real(arguments[1]);
    case ScalarOp::floordiv:
      return arithmetic(
          arguments, [](Integer x, Integer y) { return floor_divide(x, y); },
          [](double x, double y) { return floor_divide(x, y); });
    case ScalarOp::mod:
      return arithmetic(
          arguments, [](Integer x, Integer y) { return modulo(x, y); },
          [](double x, double y) { return modulo(x, y); });
    case ScalarOp::pow:
      return power(a(), arguments[1]);
    case ScalarOp::neg:
      return is_float(a()) ? IValue(-a().toDouble()) : IValue(subtract(0, integer(a())));
    case ScalarOp::pos:
      return is_float(a()) ? a() : IValue(integer(a()));
    case ScalarOp::abs:
      if (is_float(a())) return std::fabs(a().toDouble());
      return integer(a()) < 0 ? subtract(0, integer(a())) : integer(a());
    case ScalarOp::eq:
      return compare(a(), arguments[1]) == 0;
    case ScalarOp::ne:
      return compare(a(), arguments[1]) != 0;
    case ScalarOp::lt:
      return compare(a(), arguments[1]) == -1;
    case ScalarOp::le:
      return compare(a(), arguments[1]) <= 0;
    case ScalarOp::gt:
      return compare(a(), arguments[1]) == 1;
    case ScalarOp::ge: {
      const int order = compare(a(), arguments[1]);
      return order == 0 || order == 1;
    }
    case ScalarOp::bit_and:
      return bitwise(
          arguments, [](Integer x, Integer y) { return x & y; }, [](bool x, bool y) { return x && y; });
    case ScalarOp::bit_or:
      return bitwise(
          arguments, [](Integer x, Integer y) { return x | y; }, [](bool x, bool y) { return x || y; });
    case ScalarOp::bit_xor:
      return bitwise(
          arguments, [](Integer x, Integer y) { return x ^ y; }, [](bool x, bool y) { return x != y; });
    case ScalarOp::invert:
      if (is_float(a())) throw ArithmeticError("a bit operation on a float");
      return ~integer(a());
    case ScalarOp::logical_not:
      return !truth(a());
    case ScalarOp::lshift:
      return shift_left(integer(a()), integer(arguments[1]));
    case ScalarOp::rshift:
      return shift_right(integer(a()), integer(arguments[1]));
    case ScalarOp::max:
      return best(arguments, 1);
    case ScalarOp::min:
      return best(arguments, -1);
    case ScalarOp::sum: {
      IValue total = Integer{0};
      for (const IValue& item : arguments) {
        const std::array pair{total, item};
        total = evaluate(ScalarOp::add, pair);
      }
      return total;
    }
    case ScalarOp::select:
      return truth(a()) ? arguments[1] : arguments[2];
    case ScalarOp::to_int:
      return is_float(a()) ? to_integer(std::trunc(a().toDouble())) : integer(a());
    case ScalarOp::to_float:
      return real(a());
    case ScalarOp::to_bool:
      return truth(a());
    case ScalarOp::ceil:
      return is_float(a()) ? to_integer(std::ceil(a().toDouble())) : integer(a());
    case ScalarOp::floor:
      return is_float(a()) ? to_integer(std::floor(a().toDouble())) : integer(a());
    case ScalarOp::trunc:
      return is_float(a()) ? to_integer(std::trunc(a().toDouble())) : integer(a());
    case ScalarOp::round:
      return round_to(arguments);
    case ScalarOp::sqrt:
      if (real(a()) < 0.0) throw ArithmeticError("square root of a negative number");
      return std::sqrt(real(a()));
    case ScalarOp::log2:
      if (!(real(a()) > 0.0)) throw ArithmeticError("logarithm of a number that is not positive");
      return std::log2(real(a()));
    case ScalarOp::exp:
      return std::exp(real(a()));
    case ScalarOp::sin:
      return std::sin(real(a()));
    case ScalarOp::cos:
      return std::cos(real(a()));
    case ScalarOp::tan:
      return std::tan(real(a()));
    case ScalarOp::sinh:
      return std::sinh(real(a()));
    case ScalarOp::cosh:
      return std::cosh(real(a()));
    case ScalarOp::tanh:
      return std::tanh(real(a()));
    case ScalarOp::asin:
      return std::asin(real(a()));
    case ScalarOp::acos:
      return std::acos(real(a()));
    case ScalarOp::atan:
      return std::atan(real(a()));
  }
  throw ArithmeticError("not an operator on numbers");
}

}  // namespace genie::kernels_aten
