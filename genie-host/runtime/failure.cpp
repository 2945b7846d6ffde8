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

}  // namespace genie::runtime
