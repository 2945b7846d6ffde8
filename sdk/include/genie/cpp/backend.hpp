// Write a backend: derive from genie::Backend, register with GENIE_PLUGIN. backend.h is the contract.
#pragma once

#include "genie/cpp/core.hpp"

namespace genie {
inline namespace v1 {

/// Constructed as T(Host, std::string_view options_json); throw Error for options that are wrong. Programs, sessions and kept
/// values are the opaque handles of backend.h: derive nothing, cast your own objects to them.
///
/// prepare and submit: an error returned means the completion was not taken; Done means it was, and it is signalled exactly
/// once through Host::signal.
///
/// A class may have `static Expected<std::string> diagnose(Host, const Call&, std::string_view options)`: the findings of backend.h.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Expected<std::string> topology(const Call& call) = 0;
  virtual Outcome prepare(const Call& call, std::string_view plan, genie_program** out,
                          genie_completion* completion) = 0;
  virtual void release_program(genie_program* program) noexcept = 0;
  virtual Expected<genie_session*> open_session(const Call& call, genie_program* program,
                                                std::uint64_t seed) = 0;
  virtual void close_session(genie_session* session) noexcept = 0;
  virtual Outcome submit(const Call& call, genie_session* session, const genie_step& step,
                         genie_completion* completion) = 0;
  virtual void cancel(std::uint64_t job) noexcept = 0;
  virtual void release_value(genie_value* value) noexcept = 0;
  virtual Expected<genie_tensor*> read_state(const Call& call, genie_session* session,
                                             std::string_view name) = 0;
  virtual Outcome write_state(const Call& call, genie_session* session, std::string_view name,
                              const genie_tensor_view& tensor) = 0;
  virtual Expected<std::string> stats(const Call& call) = 0;
  virtual Outcome drain(const Call& call) = 0;
  /// `observer` is null, or valid until it is replaced or the session is closed.
  virtual Outcome observe(const Call&, genie_session*, const genie_step_observer*) {
    return unimplemented("this backend cannot be looked at while it runs");
  }
};

/// The table of a backend class.
template <class T>
const genie_backend_v1* backend_table() {
  using detail::guarded;
  using detail::instance;
  static const genie_backend_v1 table = {
      sizeof(genie_backend_v1),
      &detail::create<T, genie_backend>,
      &detail::destroy<T, genie_backend>,
      [](const genie_call* call, genie_backend* self, genie_sink sink) noexcept -> genie_status* {
        auto& me = instance<T>(self);
        return guarded(me.host, [&]() -> Outcome {
          auto text = me.object->topology(Call(call));
          if (!text) return std::move(text).error();
          return detail::write(me.host, sink, *text);
        });
      },
      [](const genie_call* call, genie_backend* self, genie_str plan, genie_program** out,
         genie_completion* completion) noexcept -> genie_status* {
        auto& me = instance<T>(self);
        return guarded(me.host, [&] { return me.object->prepare(Call(call), view(plan), out, completion); });
      },
      [](genie_backend* self, genie_program* program) noexcept {
        instance<T>(self).object->release_program(program);
      },
      [](const genie_call* call, genie_backend* self, genie_program* program, std::uint64_t seed,
         genie_session** out) noexcept -> genie_status* {
        auto& me = instance<T>(self);
        return guarded(me.host, [&]() -> Outcome {
          auto session = me.object->open_session(Call(call), program, seed);
          if (!session) return std::move(session).error();
          *out = *session;
          return Done{};
        });
      },
      [](genie_backend* self, genie_session* session) noexcept {
        instance<T>(self).object->close_session(session);
      },
      [](const genie_call* call, genie_backend* self, genie_session* session, const genie_step* step,
         genie_completion* completion) noexcept -> genie_status* {
        auto& me = instance<T>(self);
        return guarded(me.host, [&] { return me.object->submit(Call(call), session, *step, completion); });
      },
      [](genie_backend* self, std::uint64_t job) noexcept { instance<T>(self).object->cancel(job); },
      [](genie_backend* self, genie_value* value) noexcept {
        instance<T>(self).object->release_value(value);
      },
      [](const genie_call* call, genie_backend* self, genie_session* session, genie_str name,
         genie_tensor** out) noexcept -> genie_status* {
        auto& me = instance<T>(self);
        return guarded(me.host, [&]() -> Outcome {
          auto tensor = me.object->read_state(Call(call), session, view(name));
          if (!tensor) return std::move(tensor).error();
          *out = *tensor;
          return Done{};
        });
      },
      [](const genie_call* call, genie_backend* self, genie_session* session, genie_str name,
         const genie_tensor_view* tensor) noexcept -> genie_status* {
        auto& me = instance<T>(self);
        return guarded(me.host,
                       [&] { return me.object->write_state(Call(call), session, view(name), *tensor); });
      },
      [](const genie_call* call, genie_backend* self, genie_sink sink) noexcept -> genie_status* {
        auto& me = instance<T>(self);
        return guarded(me.host, [&]() -> Outcome {
          auto text = me.object->stats(Call(call));
          if (!text) return std::move(text).error();
          return detail::write(me.host, sink, *text);
        });
      },
      [](const genie_call* call, genie_backend* self) noexcept -> genie_status* {
        auto& me = instance<T>(self);
        return guarded(me.host, [&] { return me.object->drain(Call(call)); });
      },
      [](const genie_call* call, genie_backend* self, genie_session* session,
         const genie_step_observer* observer) noexcept -> genie_status* {
        auto& me = instance<T>(self);
        return guarded(me.host, [&] { return me.object->observe(Call(call), session, observer); });
      },
      detail::diagnose<T>()};
  return &table;
}

}  // namespace v1
}  // namespace genie
