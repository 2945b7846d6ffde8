// Pytree specifications: how a program's flat inputs and outputs hang together for its user.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "error.hpp"
#include "torch/program.hpp"

namespace genie::pytorch {

/// Field names of namedtuples by serialized type (treespec_namedtuple_fields).
using NamedtupleFields = std::map<std::string, std::vector<std::string>, std::less<>>;

/// Reads a treespec: the JSON text "[1, {type, context, children_spec}]". GE0230 if it is none, or nests too deeply.
[[nodiscard]] Result<Tree> parse_tree(std::string_view text, const NamedtupleFields& fields,
                                      std::string_view file);

/// Names of the leaves in order, by their path: keys, field names and indices joined by dots ("past.0.key"); a leaf at the
/// root is `sole`.
[[nodiscard]] std::vector<std::string> leaf_names(const Tree& tree, std::string_view sole);

/// Paths of an exported call's leaves as guards spell them, "['d']['k']" for L['d']['k'], in leaf order. `tree` is of
/// (args, kwargs); positional arguments are called by `names`.
[[nodiscard]] std::vector<std::string> input_paths(const Tree& tree, const std::vector<std::string>& names);

}  // namespace genie::pytorch
