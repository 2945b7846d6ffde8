// Symbols are local to a program; a plan has one table of them for all methods.
#pragma once

#include <vector>

#include "torch/program.hpp"

namespace genie::pytorch {

/// Renames symbols that several programs use, each to "<model>.<symbol>". One program keeps its names.
void separate_symbols(std::vector<Program>& programs);

}  // namespace genie::pytorch
