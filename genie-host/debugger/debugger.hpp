// `genie-host debug`: a run that pauses and answers questions. An observer of the run's steps; commands come from a terminal, a
// file or arguments.
//
// Everything happens on the thread that runs the step, which waits while the person thinks: nothing moves meanwhile, and what
// is printed is what is there.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "debugger/breakpoints.hpp"
#include "debugger/nodes.hpp"
#include "debugger/reference.hpp"
#include "debugger/words.hpp"
#include "report/format.hpp"
#include "runtime/cancel.hpp"
#include "runtime/observer.hpp"

namespace genie::debugger {

/// Whom the debugger talks to.
struct Talk {
  /// The next command, nothing when there are no more (the run then goes on to its end).
  std::function<std::optional<std::string>()> read;
  std::function<void(std::string_view)> write;
  report::Style style;
};

class Debugger final : public runtime::StepObserver {
 public:
  /// `reference` may be null. The plan is borrowed; `cancel` is looked at between commands. With `at_start` it pauses before the
  /// first node, and later where a result differs from the reference's.
  Debugger(const plan::Plan& scheduled, Talk talk, std::shared_ptr<Reference> reference,
           std::shared_ptr<runtime::CancelToken> cancel, bool at_start);

  [[nodiscard]] runtime::Status event(const runtime::StepEvent& event,
                                      const runtime::StepView& view) override;
  /// Whether the person ended the run with `quit`.
  [[nodiscard]] bool quit() const { return quit_; }

  /// The commands and how each is written; of one command when it is named. Empty for an unknown one.
  [[nodiscard]] static std::string help(std::string_view command);

 private:
  enum class Mode : std::uint8_t { start, run, step, finish };
  struct Now {
    const runtime::StepEvent& event;
    const runtime::StepView& view;
    const Placed* placed;  ///< null at a transfer
  };
  [[nodiscard]] runtime::Status before(const Now& now);
  [[nodiscard]] runtime::Status after(const Now& now);
  [[nodiscard]] runtime::Status arrival(const Now& now);
  /// The first breakpoint that a result meets, or null. Notes what differs from the reference; `said` gets it in words.
  [[nodiscard]] Breakpoint* judge(const Now& now, const std::string& value, const tensors::Tensor& tensor,
                                  std::string& said);
  /// Says where the run stands, and asks for commands until one lets it go on.
  [[nodiscard]] runtime::Status pause(const Now& now, const std::string& why);
  /// Whether the run goes on.
  [[nodiscard]] bool obey(const Now& now, const Words& words);
  [[nodiscard]] bool step(const Now& now, std::uint64_t count);
  [[nodiscard]] bool finish(const Now& now);

  void print(const Now& now, const Words& words);
  void print_value(const Now& now, const std::string& value, const tensors::Slice* slice);
  void print_state(const Now& now, const std::string& name, const tensors::Slice* slice);
  void print_tensor(const std::string& name, const tensors::Tensor& tensor, const tensors::Slice* slice);
  void where(const Now& now);
  void list(const Now& now, std::size_t around);
  void memory(const Now& now, const std::string& device);
  void clock(const Now& now);
  void queues(const Now& now);
  void breakpoints();
  void add_breakpoint(const std::string& text);
  void remove_breakpoint(const Words& words);

  [[nodiscard]] std::string place(const Now& now) const;
  [[nodiscard]] std::optional<tensors::Tensor> read_value(const Now& now, const std::string& value);
  void say(std::string_view text) { talk_.write(text); }
  void complain(const plan::Diagnostics& diagnostics);

  Nodes nodes_;
  Talk talk_;
  std::shared_ptr<Reference> reference_;
  std::shared_ptr<runtime::CancelToken> cancel_;
  std::vector<Breakpoint> breakpoints_;
  int next_number_ = 1;
  Mode mode_;
  std::uint64_t steps_left_ = 0;
  std::string finishing_;  ///< with Mode::finish: the stage that is to end
  std::string last_;       ///< the command that an empty line repeats
  bool quit_ = false;
};

}  // namespace genie::debugger
