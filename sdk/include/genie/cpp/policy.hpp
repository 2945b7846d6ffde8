// Write a policy: derive from genie::Policy, implement schedule, register with GENIE_PLUGIN.
#pragma once

#include "genie/cpp/core.hpp"

namespace genie {
inline namespace v1 {

/// What a policy is given: JSON documents, valid for the call (policy.h says which).
struct ScheduleRequest {
  std::string_view plan;
  std::string_view topology;
  std::string_view costs;
  std::string_view hints;
};

/// Constructed as T(Host, std::string_view options_json); throw Error for options that are wrong.
class Policy {
 public:
  virtual ~Policy() = default;
  /// Returns the `schedule` object as JSON. [serial] [may-block]
  virtual Expected<std::string> schedule(const Call& call, const ScheduleRequest& request) = 0;
};

/// The table of a policy class.
template <class T>
const genie_policy_v1* policy_table() {
  static const genie_policy_v1 table = {
      sizeof(genie_policy_v1), &detail::create<T, genie_policy>, &detail::destroy<T, genie_policy>,
      [](const genie_call* call, genie_policy* self, const genie_schedule_request* request,
         genie_sink sink) noexcept -> genie_status* {
        auto& instance = detail::instance<T>(self);
        return detail::guarded(instance.host, [&]() -> Outcome {
          auto schedule = instance.object->schedule(Call(call), {view(request->plan), view(request->topology),
                                                                 view(request->costs), view(request->hints)});
          if (!schedule) return std::move(schedule).error();
          return detail::write(instance.host, sink, *schedule);
        });
      }};
  return &table;
}

}  // namespace v1
}  // namespace genie
