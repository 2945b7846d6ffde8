// The op table as constant data, written at build time by sdk/schema/tools/opset_to_cpp.py. Private to the library.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace genie::plan::detail {

struct RawDefault {
  enum class Kind : std::uint8_t {
    required,
    null,
    integer,
    real,
    boolean,
    str,
    dtype,
    layout,
    memory_format,
    int_list
  };
  Kind kind = Kind::required;
  std::int64_t integer = 0;  ///< the integer, the boolean, or the length of `list`
  double real = 0;
  std::string_view text{};
  std::int64_t list[4] = {};
};

// Numbers refer to the pools of RawOpset.
struct RawArgument {
  std::uint16_t name, type, default_value, alias;
  std::uint8_t is_write, kwarg_only;
};
struct RawReturn {
  std::uint16_t type, alias;
  std::uint8_t is_write;
};
struct RawOp {
  std::uint16_t name, first_argument, arguments, first_return, returns;
  std::uint8_t core, random, data_dependent, may_mutate;
  std::uint16_t shape_rule, cost_rule;
};

struct RawOpset {
  std::string_view domain;
  int version;
  std::span<const std::string_view> strings;
  std::span<const RawDefault> defaults;
  std::span<const RawArgument> arguments;
  std::span<const RawReturn> returns;
  std::span<const RawOp> ops;
};

extern const RawOpset kOpset_aten_1;

}  // namespace genie::plan::detail
