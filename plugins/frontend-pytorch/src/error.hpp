// Diagnostics of this frontend: one way to make them.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "genie/plan/result.hpp"

namespace genie::pytorch {

using plan::Diagnostic;
using plan::Diagnostics;
using plan::Result;
using plan::Severity;
using plan::Status;
using plan::Unit;

/// An error about a source file: what, and what to do. `file` is the path as the user wrote it; the code is in
/// codes_sources.cpp.
[[nodiscard]] inline Diagnostic source_error(std::string code, std::string_view file, std::string message,
                                             std::string help) {
  Diagnostic diagnostic;
  diagnostic.code = std::move(code);
  diagnostic.file = file;
  diagnostic.message = std::move(message);
  diagnostic.help = std::move(help);
  return diagnostic;
}

}  // namespace genie::pytorch
