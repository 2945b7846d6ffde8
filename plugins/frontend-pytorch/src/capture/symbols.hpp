// Symbols of a method: which its inputs decide, their bounds, names and guards.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "capture/arguments.hpp"
#include "error.hpp"
#include "genie/plan/model.hpp"
#include "torch/program.hpp"

namespace genie::pytorch {

/// The user's names of symbols, by model ("" for the sole model of an archive), then by torch's symbol.
using SymbolNames = std::map<std::string, std::map<std::string, std::string, std::less<>>, std::less<>>;

/// Reads extra/genie.json, which genie.export writes. An unknown or broken text gives no names.
[[nodiscard]] SymbolNames read_symbol_names(std::string_view json);

/// Symbols in the sizes of a program's inputs, and the program's own integer inputs.
[[nodiscard]] SymbolSet bound_symbols(const Program& program);

/// Adds every symbol that a method uses to the plan (bounds, name, where it is bound) and the guards of the program. GE0235
/// warns of a guard that is not understood and so not checked.
void add_symbols(const Program& program, const plan::Method& method,
                 const std::vector<plan::Guard>& assertions, const SymbolNames& names,
                 const std::string& file, plan::Plan& plan, Diagnostics& warnings);

/// Whole numbers that a program was exported for, as symbols whose bounds are that number: a call with another is refused
/// like any size out of bounds. `prefix` is that of the method's ids.
void add_constants(const std::map<std::string, std::int64_t>& constants, const std::string& prefix,
                   plan::Plan& plan);

}  // namespace genie::pytorch
