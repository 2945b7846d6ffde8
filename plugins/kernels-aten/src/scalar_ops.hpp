// Arithmetic on numbers: the `python.*` operators of a plan (sizes, comparisons, conversions), with Python's meaning.
#pragma once

#include <ATen/core/ivalue.h>

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>

namespace genie::kernels_aten {

enum class ScalarOp : std::uint8_t {
  add,
  sub,
  mul,
  truediv,
  floordiv,
  mod,
  pow,
  neg,
  pos,
  abs,
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  bit_and,
  bit_or,
  bit_xor,
  invert,
  logical_not,
  lshift,
  rshift,
  max,
  min,
  sum,
  select,
  to_int,
  to_float,
  to_bool,
  ceil,
  floor,
  trunc,
  round,
  sqrt,
  log2,
  exp,
  sin,
  cos,
  tan,
  sinh,
  cosh,
  tanh,
  asin,
  acos,
  atan,
};

/// A number that Python would refuse or that does not fit: division by zero, overflow of 64 bits.
struct ArithmeticError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The operator of a plan's name: "python.floordiv", "python.sym_max", "python.and_". Nothing if it is none.
[[nodiscard]] std::optional<ScalarOp> scalar_op(std::string_view name);
/// How many arguments it takes: {fewest, most}.
struct Arity {
  std::size_t least;
  std::size_t most;
};
[[nodiscard]] Arity arity(ScalarOp op);

/// Arguments are int, double or bool. Throws ArithmeticError.
[[nodiscard]] c10::IValue evaluate(ScalarOp op, std::span<const c10::IValue> arguments);

}  // namespace genie::kernels_aten
