// Write the far end of a backend's transport: derive from genie::Service, register with GENIE_PLUGIN. service.h is the contract.
#pragma once

#include <functional>

#include "genie/cpp/core.hpp"

namespace genie {
inline namespace v1 {

/// Constructed as T(Host, std::string_view options_json); throw Error for options that are wrong. May have a static `diagnose`, as
/// backends may.
class Service {
 public:
  virtual ~Service() = default;
  /// `ready` is called once, with the JSON object of service.h, when the service listens. Returns when it was stopped.
  virtual Outcome serve(const Call& call, std::string_view devices,
                        const std::function<void(std::string_view)>& ready) = 0;
  virtual void stop(std::uint64_t deadline_ns) noexcept = 0;
};

/// The table of a service class.
template <class T>
const genie_service_v1* service_table() {
  using detail::guarded;
  using detail::instance;
  static const genie_service_v1 table = {sizeof(genie_service_v1),
                                         &detail::create<T, genie_service>,
                                         &detail::destroy<T, genie_service>,
                                         [](const genie_call* call, genie_service* self, genie_str devices,
                                            genie_ready_fn ready, void* ready_ctx) noexcept -> genie_status* {
                                           auto& me = instance<T>(self);
                                           return guarded(me.host, [&] {
                                             return me.object->serve(
                                                 Call(call), view(devices),
                                                 [&](std::string_view json) { ready(ready_ctx, str(json)); });
                                           });
                                         },
                                         [](genie_service* self, std::uint64_t deadline_ns) noexcept {
                                           instance<T>(self).object->stop(deadline_ns);
                                         },
                                         detail::diagnose<T>()};
  return &table;
}

}  // namespace v1
}  // namespace genie
