#include "problem.hpp"

#include <system_error>

namespace genie::datapath {

genie::Error system_problem(std::uint32_t status, std::string_view code, std::string message,
                            int error_number, std::string help) {
  message += ": " + std::generic_category().message(error_number);
  genie::Error error = problem(status, code, std::move(message), std::move(help));
  error.domain = "errno";
  error.native_code = error_number;
  return error;
}

}  // namespace genie::datapath
