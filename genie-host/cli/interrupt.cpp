#include "cli/interrupt.hpp"

#include <unistd.h>
#include <csignal>

#include <atomic>
#include <utility>

namespace genie::cli {

namespace {

constexpr int kInterruptedExitCode = 130;

// A signal handler is handed nothing, so what it acts on has to be global. Set and cleared by the one InterruptGuard.
std::atomic<runtime::CancelToken*> current_token{nullptr};
static_assert(std::atomic<runtime::CancelToken*>::is_always_lock_free, "used in a signal handler");

extern "C" void on_interrupt(int) {
  runtime::CancelToken* token = current_token.load();
  if (token == nullptr || token->cancelled()) ::_exit(kInterruptedExitCode);
  token->cancel();
  constexpr char kText[] = "\ninterrupted; finishing what is under way (again to stop at once)\n";
  // Nothing can be done about a stderr that is gone.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kText, sizeof kText - 1);
}

void set_handler(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

InterruptGuard::InterruptGuard(std::shared_ptr<runtime::CancelToken> token) : token_(std::move(token)) {
  current_token = token_.get();
  set_handler(on_interrupt);
}

InterruptGuard::~InterruptGuard() {
  set_handler(SIG_DFL);
  current_token = nullptr;
}

}  // namespace genie::cli
