// The C++ wrapper over the plug-in ABI: errors, results, text, the host and a call. Header-only C++20, no dependencies.
//
// A plug-in derives from Frontend, Policy, Backend or Kernels (their headers here), returns Expected values or throws, and
// registers with GENIE_PLUGIN (plugin.hpp). The wrapper's trampolines turn both into statuses (A11).
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "genie/genie.h"

namespace genie {
inline namespace v1 {

inline std::string_view view(genie_str text) {
  return {text.data, static_cast<std::size_t>(text.size)};
}
inline genie_str str(std::string_view text) {
  return {text.data(), text.size()};
}

/// What went wrong, as a value. `code` is one of GENIE_* in status.h.
struct Error {
  std::uint32_t code = GENIE_UNKNOWN;
  std::string message;
  std::string domain = {};
  std::int64_t native_code = 0;
  bool retryable = false;
  std::string node = {};
  std::string diagnostics = {};  ///< JSON array, or empty
};

inline Error invalid_argument(std::string message) {
  return {GENIE_INVALID_ARGUMENT, std::move(message)};
}
inline Error failed_precondition(std::string message) {
  return {GENIE_FAILED_PRECONDITION, std::move(message)};
}
inline Error unimplemented(std::string message) {
  return {GENIE_UNIMPLEMENTED, std::move(message)};
}
inline Error not_found(std::string message) {
  return {GENIE_NOT_FOUND, std::move(message)};
}
inline Error internal(std::string message) {
  return {GENIE_INTERNAL, std::move(message)};
}
inline Error cancelled() {
  return {GENIE_CANCELLED, "cancelled by the caller"};
}

/// A value or an Error.
template <class T>
class [[nodiscard]] Expected {
 public:
  Expected(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Expected(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  [[nodiscard]] const Error& error() const& { return std::get<1>(state_); }
  [[nodiscard]] Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

struct Done {};
/// Success without a value: `return Done{};`
using Outcome = Expected<Done>;

/// The context of one call. Borrowed: valid for the call.
class Call {
 public:
  explicit Call(const genie_call* call) : call_(call) {}
  [[nodiscard]] const genie_call* get() const { return call_; }
  [[nodiscard]] bool cancelled() const { return call_ && call_->cancelled(call_) != 0; }
  [[nodiscard]] std::uint64_t deadline_ns() const { return call_ ? call_->deadline_ns : GENIE_NO_DEADLINE; }
  [[nodiscard]] std::uint64_t job() const { return call_ ? call_->job : 0; }
  void progress(std::uint64_t done, std::uint64_t total, std::string_view what) const {
    if (call_) call_->progress(call_, done, total, str(what));
  }

 private:
  const genie_call* call_;
};

/// A blob mapped through the host; unmapped when it goes.
class MappedBlob {
 public:
  MappedBlob(const genie_host* host, std::string digest, genie_bytes bytes)
      : host_(host), digest_(std::move(digest)), bytes_(bytes) {}
  MappedBlob(MappedBlob&& other) noexcept
      : host_(std::exchange(other.host_, nullptr)), digest_(std::move(other.digest_)), bytes_(other.bytes_) {}
  MappedBlob& operator=(MappedBlob&& other) noexcept {
    std::swap(host_, other.host_);
    std::swap(digest_, other.digest_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MappedBlob() {
    if (host_) host_->blob_unmap(host_, str(digest_));
  }
  [[nodiscard]] genie_bytes bytes() const { return bytes_; }
  [[nodiscard]] const std::string& digest() const { return digest_; }

 private:
  const genie_host* host_;
  std::string digest_;
  genie_bytes bytes_;
};

/// The host's services. Cheap to copy; valid while the instance lives.
class Host {
 public:
  explicit Host(const genie_host* host) : host_(host) {}
  [[nodiscard]] const genie_host* get() const { return host_; }

  /// Turns an Error into a status that the caller owns.
  [[nodiscard]] genie_status* status(const Error& error) const {
    genie_status_info info{};
    info.struct_size = sizeof info;
    info.code = error.code;
    info.flags = error.retryable ? GENIE_STATUS_RETRYABLE : 0u;
    info.message = str(error.message);
    info.domain = str(error.domain);
    info.native_code = error.native_code;
    info.node = str(error.node);
    info.diagnostics = str(error.diagnostics);
    return host_->status_make(host_, &info);
  }
  /// Takes a status apart and releases it. Call only with a non-null status.
  [[nodiscard]] Error take(genie_status* status) const {
    const genie_status_info* info = host_->status_get(host_, status);
    Error error{info->code,
                std::string(view(info->message)),
                std::string(view(info->domain)),
                info->native_code,
                (info->flags & GENIE_STATUS_RETRYABLE) != 0,
                std::string(view(info->node)),
                std::string(view(info->diagnostics))};
    host_->status_release(host_, status);
    return error;
  }
  /// null → Done, else the error.
  [[nodiscard]] Outcome outcome(genie_status* status) const {
    if (!status) return Done{};
    return take(status);
  }

  void log(std::uint32_t level, std::string_view component, std::string_view text,
           std::span<const genie_key_value> values = {}) const {
    host_->log(host_, nullptr, level, str(component), str(text), values.data(), values.size());
  }
  [[nodiscard]] bool logs(std::uint32_t level) const { return level >= host_->log_level(host_); }
  void trace(const Call& call, const genie_trace_event& event) const {
    host_->trace(host_, call.get(), &event);
  }
  void signal(genie_completion* completion, genie_status* status) const {
    host_->completion_signal(host_, completion, status);
  }

  [[nodiscard]] Expected<genie_kernels_ref> kernels(const Call& call, std::string_view plugin_id) const {
    genie_kernels_ref ref{};
    if (genie_status* status = host_->kernels(host_, call.get(), str(plugin_id), &ref)) return take(status);
    return ref;
  }
  [[nodiscard]] Expected<MappedBlob> map_blob(const Call& call, std::string_view digest) const {
    genie_bytes bytes{};
    if (genie_status* status = host_->blob_map(host_, call.get(), str(digest), &bytes)) return take(status);
    return MappedBlob(host_, std::string(digest), bytes);
  }

 private:
  const genie_host* host_;
};

/// Collects what a callee writes: `Text text; f(…, text.sink()); text.value`.
class Text {
 public:
  std::string value;
  [[nodiscard]] genie_sink sink() { return {this, &Text::write}; }

 private:
  static genie_status* write(void* ctx, const void* data, std::uint64_t size) noexcept {
    static_cast<Text*>(ctx)->value.append(static_cast<const char*>(data), static_cast<std::size_t>(size));
    return nullptr;
  }
};

namespace detail {

/// Runs f and turns whatever comes out into a status.
template <class F>
genie_status* guarded(const Host& host, F&& f) noexcept {
  try {
    if (Outcome outcome = f(); !outcome) return host.status(outcome.error());
    return nullptr;
  } catch (const Error& error) {
    return host.status(error);
  } catch (const std::bad_alloc&) {
    return host.status({GENIE_RESOURCE_EXHAUSTED, "out of memory"});
  } catch (const std::exception& e) {
    return host.status({GENIE_INTERNAL, e.what()});
  } catch (...) {
    return host.status({GENIE_INTERNAL, "an exception that is not a std::exception"});
  }
}

/// Writes text to a sink.
inline Outcome write(const Host& host, genie_sink sink, std::string_view text) {
  return host.outcome(sink.write(sink.ctx, text.data(), text.size()));
}

/// What an opaque instance handle points to: the user's object and the host it belongs to.
template <class T>
struct Instance {
  Host host;
  std::unique_ptr<T> object;
};

/// The create of every table: constructs T(Host, options). T's constructor may throw Error or a std::exception.
template <class T, class Handle>
genie_status* create(const genie_host* raw, genie_str options, Handle** out) noexcept {
  const Host host(raw);
  return guarded(host, [&]() -> Outcome {
    try {
      *out = reinterpret_cast<Handle*>(new Instance<T>{host, std::make_unique<T>(host, view(options))});
      return Done{};
    } catch (Error& error) {
      return std::move(error);
    }
  });
}
/// The slot `diagnose`: null, which the host answers for, where the class has no such function.
using Diagnose = genie_status* (*)(const genie_call*, const genie_host*, genie_str, genie_sink) noexcept;
template <class T>
constexpr Diagnose diagnose() {
  if constexpr (requires(Host host, const Call& call, std::string_view options) {
                  T::diagnose(host, call, options);
                })
    return [](const genie_call* call, const genie_host* raw, genie_str options,
              genie_sink sink) noexcept -> genie_status* {
      const Host host(raw);
      return guarded(host, [&]() -> Outcome {
        auto findings = T::diagnose(host, Call(call), view(options));
        if (!findings) return std::move(findings).error();
        return write(host, sink, *findings);
      });
    };
  else
    return nullptr;
}
template <class T, class Handle>
void destroy(Handle* self) noexcept {
  delete reinterpret_cast<Instance<T>*>(self);
}
template <class T, class Handle>
Instance<T>& instance(Handle* self) {
  return *reinterpret_cast<Instance<T>*>(self);
}

}  // namespace detail
}  // namespace v1
}  // namespace genie
