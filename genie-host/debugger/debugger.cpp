#include "debugger/debugger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "debugger/commands.hpp"

namespace genie::debugger {

using report::Paint;
using runtime::Category;
using runtime::failure;
using runtime::Status;
using runtime::StepEvent;
using runtime::StepView;
using runtime::Unit;

namespace {

bool mentions(const Breakpoint& breakpoint, const StepEvent& event) {
  return breakpoint.place.empty() || breakpoint.place == event.device || breakpoint.place == event.from ||
         breakpoint.place == event.value;
}

bool selects(const Breakpoint& breakpoint, const StepEvent& event, const Placed& placed) {
  if (!breakpoint.nodes) return true;
  const std::string method(event.method);
  return std::ranges::any_of(placed.stage->nodes, [&](const std::string& node) {
    return breakpoint.nodes->contains({method, node});
  });
}

/// A count that a command may have, or its default; nothing for what is no count.
std::optional<std::uint64_t> count_of(const Words& words, std::uint64_t otherwise) {
  if (words.size() < 2) return otherwise;
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(words[1].data(), words[1].data() + words[1].size(), count);
  if (error != std::errc() || end != words[1].data() + words[1].size() || count == 0) return std::nullopt;
  return count;
}

}  // namespace

Debugger::Debugger(const plan::Plan& scheduled, Talk talk, std::shared_ptr<Reference> reference,
                   std::shared_ptr<runtime::CancelToken> cancel, bool at_start)
    : nodes_(scheduled),
      talk_(std::move(talk)),
      reference_(std::move(reference)),
      cancel_(std::move(cancel)),
      mode_(at_start ? Mode::start : Mode::run) {
  if (!reference_ || !at_start) return;  // with nobody to ask, the comparison's summary says it all
  Breakpoint differs;
  differs.number = next_number_++;
  differs.kind = Breakpoint::Kind::difference;
  differs.text = "a result that differs from the reference";
  breakpoints_.push_back(std::move(differs));
}

Status Debugger::event(const StepEvent& event, const StepView& view) {
  const Now now{event, view, nodes_.find(event.method, event.stage)};
  switch (event.kind) {
    case StepEvent::Kind::transfer:
      return arrival(now);
    case StepEvent::Kind::stage_begin:
      return before(now);
    case StepEvent::Kind::stage_end:
      return after(now);
  }
  return Unit{};
}

Status Debugger::arrival(const Now& now) {
  for (Breakpoint& breakpoint : breakpoints_) {
    if (breakpoint.kind != Breakpoint::Kind::transfer || !mentions(breakpoint, now.event)) continue;
    ++breakpoint.hits;
    return pause(now, fmt::format("breakpoint {}", breakpoint.number));
  }
  return Unit{};
}

Status Debugger::before(const Now& now) {
  if (now.placed == nullptr) return Unit{};
  for (Breakpoint& breakpoint : breakpoints_) {
    if (breakpoint.kind != Breakpoint::Kind::node || !selects(breakpoint, now.event, *now.placed)) continue;
    ++breakpoint.hits;
    return pause(now, fmt::format("breakpoint {}", breakpoint.number));
  }
  if (mode_ == Mode::start) return pause(now, "");
  if (mode_ == Mode::step && steps_left_ == 0) return pause(now, "");
  if (mode_ == Mode::step) --steps_left_;
  return Unit{};
}

Status Debugger::after(const Now& now) {
  if (now.placed == nullptr || now.placed->node == nullptr) return Unit{};
  const bool finished = mode_ == Mode::finish && finishing_ == now.event.stage;
  const bool shown = mode_ == Mode::step || finished;
  const bool judged = reference_ || std::ranges::any_of(breakpoints_, [](const Breakpoint& b) {
                        return b.kind == Breakpoint::Kind::value;
                      });
  Breakpoint* hit = nullptr;
  if (shown || judged) {
    for (const std::string& value : Nodes::makes(*now.placed->node)) {
      auto read = now.view.value(now.event.device, value);
      if (!read) return std::move(read).failure();
      if (!*read) continue;
      std::string said;
      Breakpoint* const met = judge(now, value, **read, said);
      if (hit == nullptr) hit = met;
      if (!shown && met == nullptr) continue;
      print_tensor(value, **read, nullptr);
      say(said);
    }
  }
  if (hit != nullptr) {
    ++hit->hits;
    return pause(now, fmt::format("breakpoint {}: {}", hit->number, hit->text));
  }
  return finished ? pause(now, "") : Status(Unit{});
}

Breakpoint* Debugger::judge(const Now& now, const std::string& value, const tensors::Tensor& tensor,
                            std::string& said) {
  std::optional<Mismatch> mismatch;
  if (reference_ && !Nodes::gives_unwritten(*now.placed->node))
    mismatch = reference_->check(now.event.step, now.event.method, value, tensor);
  if (mismatch) {
    reference_->note(now.event.step, Nodes::text(*now.placed), *mismatch);
    said = fmt::format("  {} differs from the reference: {}\n", value, mismatch->what);
  }
  std::optional<tensors::Statistics> statistics;  // costs a pass over the numbers
  for (Breakpoint& breakpoint : breakpoints_) {
    if (breakpoint.kind == Breakpoint::Kind::difference && mismatch) return &breakpoint;
    if (breakpoint.kind != Breakpoint::Kind::value || !selects(breakpoint, now.event, *now.placed)) continue;
    if (!statistics) statistics = tensors::statistics(tensor);
    if (breakpoint.condition.holds(*statistics)) return &breakpoint;
  }
  return nullptr;
}

std::string Debugger::place(const Now& now) const {
  const std::string when = now.event.t_ns ? " at " + report::duration_text(*now.event.t_ns) : "";
  std::string what;
  if (now.event.kind == StepEvent::Kind::transfer)
    what = fmt::format("{} arrived on {} from {} ({})", now.event.value, now.event.device,
                       now.event.from.empty() ? "the client" : now.event.from,
                       report::bytes_text(now.event.bytes));
  else
    what = now.placed != nullptr ? Nodes::text(*now.placed) : std::string(now.event.stage);
  const std::string_view moment = now.event.kind == StepEvent::Kind::stage_begin ? "before "
                                  : now.event.kind == StepEvent::Kind::stage_end ? "after "
                                                                                 : "";
  return fmt::format("step {}{}: {}{}", now.event.step, when, moment, what);
}

Status Debugger::pause(const Now& now, const std::string& why) {
  mode_ = Mode::run;
  say(painted(talk_.style, Paint::bold, place(now)) + (why.empty() ? "" : "  [" + why + "]") + "\n");
  for (;;) {
    std::optional<std::string> line = talk_.read();
    if (cancel_->cancelled())
      return failure(Category::interrupted, GENIE_CANCELLED, "GE0657", "interrupted in the debugger");
    if (!line) return Unit{};  // no more commands: to the end
    Words words = words_of(*line);
    if (words.empty()) words = words_of(last_);
    if (words.empty() || words.front().starts_with('#')) continue;
    last_ = joined(words);
    const bool goes_on = obey(now, words);
    if (quit_)
      return failure(Category::interrupted, GENIE_CANCELLED, "GE0657", "ended by `quit` in the debugger");
    if (goes_on) return Unit{};
  }
}

bool Debugger::obey(const Now& now, const Words& words) {
  const Command* command = find_command(words.front());
  if (command == nullptr) {
    complain(unknown_command(words.front()));
    return false;
  }
  const std::string about = words.size() > 1 ? words[1] : "";
  const auto count = [&](std::uint64_t otherwise) {
    const auto given = count_of(words, otherwise);
    if (!given) complain(misused(*command, about));
    return given;
  };
  switch (command->does) {
    case Command::Does::go_on:
      return true;
    case Command::Does::quit:
      return quit_ = true;
    case Command::Does::step:
      if (const auto nodes = count(1)) return step(now, *nodes);
      return false;
    case Command::Does::finish:
      return finish(now);
    case Command::Does::list:
      if (const auto around = count(4)) list(now, *around);
      return false;
    case Command::Does::help:
      if (const std::string text = help(about); !text.empty())
        say(text);
      else
        complain(unknown_command(about));
      return false;
    case Command::Does::print:
      print(now, words);
      return false;
    case Command::Does::where:
      where(now);
      return false;
    case Command::Does::memory:
      memory(now, about);
      return false;
    case Command::Does::clock:
      clock(now);
      return false;
    case Command::Does::queues:
      queues(now);
      return false;
    case Command::Does::add_breakpoint:
      add_breakpoint(joined(words, 1));
      return false;
    case Command::Does::list_breakpoints:
      breakpoints();
      return false;
    case Command::Does::remove_breakpoint:
      remove_breakpoint(words);
      return false;
  }
  return false;
}

bool Debugger::step(const Now& now, std::uint64_t count) {
  mode_ = Mode::step;
  // Before a node, that node is the first of them; else it is the one that begins next, and begins only then.
  steps_left_ = now.event.kind == StepEvent::Kind::stage_begin ? count - 1 : count;
  return true;
}

bool Debugger::finish(const Now& now) {
  if (now.event.kind != StepEvent::Kind::stage_begin) {
    say("  no node is about to run here; `step` goes to the next\n");
    return false;
  }
  mode_ = Mode::finish;
  finishing_ = now.event.stage;
  return true;
}

void Debugger::add_breakpoint(const std::string& text) {
  auto parsed = parse_breakpoint(nodes_.plan(), text);
  if (!parsed) return complain(parsed.errors());
  parsed->number = next_number_++;
  const std::string of =
      parsed->nodes ? fmt::format(" ({})", report::counted(parsed->nodes->size(), "node")) : "";
  say(fmt::format("  breakpoint {}: {}{}\n", parsed->number, parsed->text, of));
  breakpoints_.push_back(std::move(*parsed));
}

void Debugger::remove_breakpoint(const Words& words) {
  const auto number = count_of(words, 0);
  const auto removed = number ? std::erase_if(breakpoints_,
                                              [&](const Breakpoint& b) {
                                                return static_cast<std::uint64_t>(b.number) == *number;
                                              })
                              : 0;
  say(removed > 0 ? fmt::format("  breakpoint {} deleted\n", *number)
                  : std::string("  no such breakpoint; `breaks` lists them\n"));
}

void Debugger::breakpoints() {
  if (breakpoints_.empty()) say("  none; `help break` shows how to make one\n");
  for (const Breakpoint& breakpoint : breakpoints_)
    say(fmt::format("  {}: {}, hit {} times\n", breakpoint.number, breakpoint.text, breakpoint.hits));
}

void Debugger::complain(const plan::Diagnostics& diagnostics) {
  for (const plan::Diagnostic& diagnostic : diagnostics)
    say(fmt::format("  {}[{}]: {}{}\n", diagnostic.severity == plan::Severity::error ? "error" : "warning",
                    diagnostic.code, diagnostic.message,
                    diagnostic.help.empty() ? "" : "; " + diagnostic.help));
}

}  // namespace genie::debugger
