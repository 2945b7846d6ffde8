// Write a frontend: derive from genie::Frontend, implement probe and capture, register with GENIE_PLUGIN.
#pragma once

#include "genie/cpp/core.hpp"

namespace genie {
inline namespace v1 {

struct Probe {
  std::uint32_t score = 0;  ///< 0 cannot read … 100 certain
  std::string why;          ///< one line
};

/// Constructed as T(Host, std::string_view options_json); throw Error for options that are wrong.
class Frontend {
 public:
  virtual ~Frontend() = default;
  /// [serial] [may-block]
  virtual Expected<Probe> probe(const Call& call, std::string_view source) = 0;
  /// Returns a captured ExecutionPlan with locations, as JSON. [serial] [may-block]
  virtual Expected<std::string> capture(const Call& call, std::string_view source) = 0;
};

/// The table of a frontend class.
template <class T>
const genie_frontend_v1* frontend_table() {
  static const genie_frontend_v1 table = {sizeof(genie_frontend_v1), &detail::create<T, genie_frontend>,
                                          &detail::destroy<T, genie_frontend>,
                                          [](const genie_call* call, genie_frontend* self, genie_str source,
                                             std::uint32_t* score, genie_sink why) noexcept -> genie_status* {
                                            auto& instance = detail::instance<T>(self);
                                            return detail::guarded(instance.host, [&]() -> Outcome {
                                              auto probe = instance.object->probe(Call(call), view(source));
                                              if (!probe) return std::move(probe).error();
                                              *score = probe->score;
                                              return detail::write(instance.host, why, probe->why);
                                            });
                                          },
                                          [](const genie_call* call, genie_frontend* self, genie_str source,
                                             genie_sink sink) noexcept -> genie_status* {
                                            auto& instance = detail::instance<T>(self);
                                            return detail::guarded(instance.host, [&]() -> Outcome {
                                              auto plan = instance.object->capture(Call(call), view(source));
                                              if (!plan) return std::move(plan).error();
                                              return detail::write(instance.host, sink, *plan);
                                            });
                                          }};
  return &table;
}

}  // namespace v1
}  // namespace genie
