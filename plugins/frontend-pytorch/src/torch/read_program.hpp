// models/<name>.json and its two weight configurations, read into a Program.
#pragma once

#include <string>
#include <string_view>

#include "archive/pt2.hpp"
#include "torch/program.hpp"

namespace genie::pytorch {

/// Newest schema minor this reader was checked with; later ones are read with a warning (GE0232).
inline constexpr int kSchemaMajor = 8;
inline constexpr int kCheckedSchemaMinor = 20;

/// Unknown struct fields are ignored, unknown union members refused (GE0233). GE0216 pickled weights, GE0217 sizes out of
/// range, GE0219 a payload that does not hold its tensor, GE0230 not the schema, GE0231 another major, GE0234 a size that
/// is no integer, GE0246 a dtype no plan has. Warnings go to `warnings`.
[[nodiscard]] Result<Program> read_program(const Pt2Archive& archive, const ModelFiles& files,
                                           Diagnostics& warnings);

}  // namespace genie::pytorch
