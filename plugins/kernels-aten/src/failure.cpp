#include "failure.hpp"

#include <string_view>

namespace genie::kernels_aten {

namespace {

/// One line for a terminal that shows only the message.
std::string headline(const plan::Diagnostic& diagnostic) {
  std::string text = diagnostic.code + ": " + diagnostic.message;
  if (!diagnostic.node.empty()) {
    text += " (node " + diagnostic.node;
    if (!diagnostic.scope.empty()) text += ", " + diagnostic.scope;
    if (!diagnostic.source.empty()) text += ", " + diagnostic.source;
    text += ")";
  }
  if (!diagnostic.help.empty()) text += ". " + diagnostic.help;
  return text;
}

}  // namespace

plan::Diagnostic at_node(const NodePlace& place, std::string code, std::string message, std::string help) {
  plan::Diagnostic diagnostic;
  diagnostic.code = std::move(code);
  diagnostic.message = std::move(message);
  diagnostic.node = place.id;
  diagnostic.scope = place.scope;
  diagnostic.source = place.source;
  diagnostic.help = std::move(help);
  return diagnostic;
}

Error error_of(std::uint32_t status, const plan::Diagnostics& diagnostics) {
  Error error;
  error.code = status;
  error.message = headline(diagnostics.front());
  if (diagnostics.size() > 1) error.message += " — and " + std::to_string(diagnostics.size() - 1) + " more";
  error.node = diagnostics.front().node;
  error.diagnostics = plan::to_json(diagnostics);
  return error;
}

Error error_of(std::uint32_t status, plan::Diagnostic diagnostic) {
  plan::Diagnostics diagnostics;
  diagnostics.push_back(std::move(diagnostic));
  return error_of(status, diagnostics);
}

std::string words_of(const c10::Error& error) {
  std::string_view text = error.what_without_backtrace();
  // Some messages carry positions and conditions of torch's own code in front or behind: not the user's business.
  if (const auto at = text.find("\nException raised from"); at != std::string_view::npos)
    text = text.substr(0, at);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '.'))
    text.remove_suffix(1);
  return std::string(text);
}

bool is_out_of_memory(const c10::Error& error) {
  if (dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr) return true;
  const std::string_view text = error.what_without_backtrace();
  return text.find("can't allocate memory") != std::string_view::npos ||
         text.find("not enough memory") != std::string_view::npos;
}

std::uint32_t status_of(const c10::Error& error) {
  if (is_out_of_memory(error)) return GENIE_RESOURCE_EXHAUSTED;
  if (dynamic_cast<const c10::IndexError*>(&error) != nullptr) return GENIE_OUT_OF_RANGE;
  if (dynamic_cast<const c10::NotImplementedError*>(&error) != nullptr) return GENIE_UNIMPLEMENTED;
  const std::string_view text = error.what_without_backtrace();
  if (text.find("INTERNAL ASSERT FAILED") != std::string_view::npos) return GENIE_INTERNAL;
  return GENIE_INVALID_ARGUMENT;
}

Error operator_failed(const NodePlace& place, const c10::Error& error, const std::string& arguments) {
  const std::uint32_t status = status_of(error);
  const bool memory = status == GENIE_RESOURCE_EXHAUSTED;
  std::string help =
      "Compare these arguments with what the model gives the operator there; if they are right, the model "
      "fails the same way in PyTorch";
  if (memory) help = "Use smaller inputs or split the model over more devices";
  if (status == GENIE_INTERNAL) help = "This is torch's own check; the same call in PyTorch fails too";
  if (status == GENIE_UNIMPLEMENTED)
    help = "Use another element type there, or build kernels-aten for a torch that has this kernel";
  Error out =
      error_of(status, at_node(place, memory ? code::kMemory : code::kOperatorFailed,
                               place.op + "(" + arguments + ") failed: " + words_of(error), std::move(help)));
  out.domain = "torch";
  return out;
}

}  // namespace genie::kernels_aten
