#include "services/plan_check.hpp"

#include <algorithm>
#include <exception>

#include "genie/plan/codec.hpp"
#include "genie/plan/validate.hpp"
#include "services/status.hpp"

namespace genie::services {
namespace {

// Hands the diagnostics to the sink; what the sink says goes first.
genie_status* answer(const plan::Diagnostics& diagnostics, bool ok, genie_sink sink) {
  const std::string json = plan::to_json(diagnostics);
  if (genie_status* refused = sink.write(sink.ctx, json.data(), json.size())) return refused;
  if (ok) return nullptr;
  const auto first = std::find_if(diagnostics.begin(), diagnostics.end(), [](const plan::Diagnostic& d) {
    return d.severity == plan::Severity::error;
  });
  return make_status(GENIE_INVALID_ARGUMENT,
                     first == diagnostics.end() ? std::string_view("the plan is not valid")
                                                : std::string_view(first->message),
                     json);
}

}  // namespace

genie_status* plan_check(std::string_view plan, std::string_view topology, std::uint32_t level,
                         genie_sink sink) noexcept {
  try {
    if (level > GENIE_CHECK_V5)
      return make_status(GENIE_INVALID_ARGUMENT, "plan_check knows the levels V0 to V5");
    if (level >= GENIE_CHECK_V4 && topology.empty())
      return make_status(GENIE_INVALID_ARGUMENT, "plan_check needs a topology for V4 and V5");
    const auto decoded = plan::decode(plan);
    if (!decoded) return answer(decoded.errors(), false, sink);
    if (level <= GENIE_CHECK_V1) return answer({}, true, sink);
    plan::ValidateContext context;
    context.up_to = static_cast<plan::Level>(level);
    auto devices =
        topology.empty() ? plan::Result<plan::Topology>(plan::Topology{}) : plan::decode_topology(topology);
    if (!devices) return answer(devices.errors(), false, sink);
    if (!topology.empty()) context.topology = &devices.value();
    const plan::Validation validation = plan::validate(*decoded, context);
    return answer(validation.diagnostics, validation.ok(), sink);
  } catch (const std::exception& e) {
    return make_status(GENIE_INTERNAL, e.what());
  }
}

}  // namespace genie::services
