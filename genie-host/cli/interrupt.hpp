// Ctrl-C: the first SIGINT or SIGTERM asks the work to stop, the second ends the process at once.
#pragma once

#include <memory>

#include "runtime/cancel.hpp"

namespace genie::cli {

/// While it lives, signals cancel the token. One at a time in a process.
class InterruptGuard {
 public:
  explicit InterruptGuard(std::shared_ptr<runtime::CancelToken> token);
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  std::shared_ptr<runtime::CancelToken> token_;
};

}  // namespace genie::cli
