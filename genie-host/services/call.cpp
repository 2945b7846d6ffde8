#include "services/call.hpp"

#include <utility>

#include "services/status.hpp"

namespace genie::services {

CallContext::CallContext(std::shared_ptr<const runtime::CancelToken> cancel, Progress progress,
                         std::uint64_t deadline_ns, std::uint64_t job)
    : cancel_(std::move(cancel)), progress_(std::move(progress)) {
  call_ = {};
  call_.struct_size = sizeof call_;
  call_.impl = this;
  call_.deadline_ns = deadline_ns;
  call_.job = job;
  call_.cancelled = [](const genie_call* call) noexcept -> std::uint32_t {
    const auto& self = *static_cast<const CallContext*>(call->impl);
    return self.cancel_ && self.cancel_->cancelled() ? 1 : 0;
  };
  call_.progress = [](const genie_call* call, std::uint64_t done, std::uint64_t total,
                      genie_str what) noexcept {
    const auto& self = *static_cast<const CallContext*>(call->impl);
    try {
      if (self.progress_) self.progress_(done, total, view(what));
    } catch (...) {
      // A progress bar that fails must not fail the work.
    }
  };
}

}  // namespace genie::services
