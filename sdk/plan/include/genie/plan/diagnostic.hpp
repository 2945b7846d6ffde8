// Diagnostics: what a person reads when something is wrong.
//
// Every problem found in a document or a model is a Diagnostic with a stable code. The registry of codes (title, long
// explanation) is in codes.hpp; `genie-host explain CODE` prints it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace genie::plan {

enum class Severity : std::uint8_t { error, warning, note };

/// One problem, located both in the document (pointer, node) and in the user's model (scope, source line).
struct Diagnostic {
  std::string code;                     ///< "GE0312": stable, documented, never reused
  Severity severity = Severity::error;  ///< errors stop the run after their level is complete
  std::string message;                  ///< what, with the values
  std::string file;                     ///< the document's name as the user wrote it; empty when in memory
  std::string pointer;                  ///< RFC 6901 JSON pointer into that document
  std::string node;                     ///< plan node (or stage, transfer) id
  std::string scope;   ///< the user's module path, e.g. "encoder.layer.0.attention.self.query"
  std::string source;  ///< the user's source, "modeling_bert.py:184"
  std::string help;    ///< the remedy: what to do next
};

using Diagnostics = std::vector<Diagnostic>;

/// True when at least one diagnostic is an error.
[[nodiscard]] bool has_errors(const Diagnostics& diagnostics);

/// Lines for a terminal, rustc's order: code and message, place, source, help. A text beyond 8 KiB loses its middle.
[[nodiscard]] std::string to_text(const Diagnostic& diagnostic);

/// One JSON array (keys as the member names, empty members omitted). A text beyond 8 KiB loses its middle.
[[nodiscard]] std::string to_json(const Diagnostics& diagnostics);

/// The inverse of to_json; entries that are not diagnostics are turned into one diagnostic that carries their text.
[[nodiscard]] Diagnostics diagnostics_from_json(std::string_view json);

}  // namespace genie::plan
