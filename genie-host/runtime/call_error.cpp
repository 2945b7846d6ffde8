#include "runtime/call_error.hpp"

#include <utility>

namespace genie::runtime {

Failure failure_of(const CallSite& site, const services::StatusPtr& status) {
  const genie_status_info& info = status.info();
  if (info.code == GENIE_CANCELLED)
    return failure(Category::interrupted, GENIE_CANCELLED, "GE0657",
                   "cancelled: " + site.plugin + " was asked to " + site.doing);
  Failure result;
  result.code = info.code;
  result.category =
      info.code == GENIE_INTERNAL || info.code == GENIE_INCOMPATIBLE ? Category::plugin : site.category;
  if (info.diagnostics.size > 0)
    result.diagnostics = plan::diagnostics_from_json(services::view(info.diagnostics));
  if (!plan::has_errors(result.diagnostics)) {
    plan::Diagnostic headline;
    headline.code = info.code == GENIE_DEADLINE_EXCEEDED ? "GE0656" : site.code;
    headline.message =
        site.plugin + " could not " + site.doing + ": " + std::string(services::view(info.message));
    if (info.message.size == 0) headline.message += std::string(services::status_name(info.code));
    if (info.domain.size > 0)
      headline.message +=
          " (" + std::string(services::view(info.domain)) + " " + std::to_string(info.native_code) + ")";
    headline.node = services::view(info.node);
    if (info.flags & GENIE_STATUS_RETRYABLE) headline.help = "the plug-in says that trying again may help";
    result.diagnostics.insert(result.diagnostics.begin(), std::move(headline));
  }
  return result;
}

}  // namespace genie::runtime
