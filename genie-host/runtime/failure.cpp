#include "runtime/failure.hpp"

namespace genie::runtime {

Failure failure(Category category, std::uint32_t status_code, std::string ge_code, std::string message,
                std::string help) {
  plan::Diagnostic diagnostic;
  diagnostic.code = std::move(ge_code);
  diagnostic.message = std::move(message);
  diagnostic.help = std::move(help);
  return Failure{category, status_code, {std::move(diagnostic)}};
}

Failure failure(Category category, plan::Diagnostics diagnostics, std::uint32_t status_code) {
  return Failure{category, status_code, std::move(diagnostics)};
}

Failure in_section(Failure failure, std::string_view config_file, std::string_view section) {
  for (plan::Diagnostic& diagnostic : failure.diagnostics) {
    if (!diagnostic.file.empty() || diagnostic.severity == plan::Severity::note || config_file.empty())
      continue;
    diagnostic.file = config_file;
    diagnostic.pointer =
        std::string(section) + (diagnostic.pointer.empty() ? "/plugin" : "/options") + diagnostic.pointer;
  }
  return failure;
}

}  // namespace genie::runtime
