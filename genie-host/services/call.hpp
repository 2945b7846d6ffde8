// The genie_call that every waiting function of a plug-in receives.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "genie/host.h"
#include "runtime/cancel.hpp"

namespace genie::services {

using Progress = std::function<void(std::uint64_t done, std::uint64_t total, std::string_view what)>;

/// Valid while the object lives: for asynchronous work, keep it until the completion.
class CallContext {
 public:
  CallContext(std::shared_ptr<const runtime::CancelToken> cancel, Progress progress,
              std::uint64_t deadline_ns = GENIE_NO_DEADLINE, std::uint64_t job = 0);
  CallContext(const CallContext&) = delete;

  [[nodiscard]] const genie_call* get() const { return &call_; }

 private:
  std::shared_ptr<const runtime::CancelToken> cancel_;
  Progress progress_;
  genie_call call_;
};

}  // namespace genie::services
