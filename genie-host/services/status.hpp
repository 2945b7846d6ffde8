// Statuses (A10): how errors cross the ABI.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "genie/plan/diagnostic.hpp"
#include "genie/status.h"

namespace genie::services {

/// Copies info. Never null: without memory, a static RESOURCE_EXHAUSTED status. [any-thread]
[[nodiscard]] genie_status* make_status(const genie_status_info& info) noexcept;
[[nodiscard]] genie_status* make_status(std::uint32_t code, std::string_view message,
                                        std::string_view diagnostics = {}) noexcept;

/// The first diagnostic's message and all of them as JSON; diagnostics is not empty.
[[nodiscard]] genie_status* make_status(std::uint32_t code, const plan::Diagnostics& diagnostics) noexcept;

/// The content of a status; status is not null. A code this version does not know reads as UNKNOWN.
[[nodiscard]] const genie_status_info& status_info(const genie_status* status) noexcept;

/// Null is allowed.
void release_status(genie_status* status) noexcept;

/// Statuses that were made and not yet released, in this process: for tests and leak reports.
[[nodiscard]] std::int64_t live_statuses() noexcept;

/// "NOT_FOUND", …; "UNKNOWN" for a number that is no code.
[[nodiscard]] std::string_view status_name(std::uint32_t code) noexcept;

/// Owns a status; null is OK.
class StatusPtr {
 public:
  StatusPtr(genie_status* status = nullptr) noexcept : status_(status) {}
  StatusPtr(StatusPtr&& other) noexcept : status_(other.release()) {}
  StatusPtr& operator=(StatusPtr&& other) noexcept {
    if (this != &other) {
      release_status(status_);
      status_ = other.release();
    }
    return *this;
  }
  ~StatusPtr() { release_status(status_); }

  [[nodiscard]] bool ok() const noexcept { return status_ == nullptr; }
  [[nodiscard]] const genie_status* get() const noexcept { return status_; }
  [[nodiscard]] const genie_status_info& info() const noexcept { return status_info(status_); }
  [[nodiscard]] genie_status* release() noexcept {
    genie_status* status = status_;
    status_ = nullptr;
    return status;
  }

 private:
  genie_status* status_;
};

inline std::string_view view(genie_str text) {
  return text.data ? std::string_view(text.data, static_cast<std::size_t>(text.size)) : std::string_view();
}
inline genie_str str(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace genie::services
