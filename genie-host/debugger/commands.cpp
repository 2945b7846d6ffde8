#include "debugger/commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "debugger/debugger.hpp"
#include "debugger/words.hpp"
#include "genie/plan/json.hpp"

namespace genie::debugger {

namespace {

using Does = Command::Does;

constexpr Command kCommands[] = {
    {Does::step, "step", "s", "step [N]", "run the next node, or N of them, and show what they gave", ""},
    {Does::finish, "finish", "f", "finish",
     "run this node and pause right after it, before anything is freed", ""},
    {Does::go_on, "continue", "c", "continue", "run to the next breakpoint, or to the end", ""},
    {Does::add_breakpoint, "break", "b", "break WHERE", "pause there from now on",
     "  break n12                         before that node\n"
     "  break encoder.layer.3             before every node of a module (any selector: op:aten.linear.**, "
     "role:attention)\n"
     "  break transfer [DEVICE|VALUE]     when a value has arrived at another device\n"
     "  break nan [SELECTOR]              after a node that gave a NaN; `inf` likewise\n"
     "  break when max > 100 [in SELECTOR]  after a node with such a result; min max mean std nan inf zero "
     "elements\n"},
    {Does::list_breakpoints, "breaks", "", "breaks", "list the breakpoints and how often each was hit", ""},
    {Does::remove_breakpoint, "delete", "d", "delete NUMBER", "forget a breakpoint", ""},
    {Does::print, "print", "p", "print [WHAT [SLICE]]", "show tensors: statistics and numbers",
     "  print                 what this node takes (before it) or gave (after it)\n"
     "  print n12             a value, or the results of a node\n"
     "  print n12 0,:,1:8     a part of it, as numpy writes it\n"
     "  print state:cache.k   a state's present content\n"},
    {Does::where, "where", "w", "where", "this node: its operator, arguments, module and source line", ""},
    {Does::list, "list", "l", "list [N]", "the nodes around this one, in the order they run on their devices",
     ""},
    {Does::memory, "memory", "m", "memory [DEVICE]",
     "what each device holds now; everything by name for one device", ""},
    {Does::clock, "clock", "", "clock", "the time of the step, and when each device is free", ""},
    {Does::queues, "queues", "", "queues", "what each device still has to run", ""},
    {Does::help, "help", "h", "help [COMMAND]", "this list, or more on one command", ""},
    {Does::quit, "quit", "q", "quit", "end the run (exit code 130)", ""},
};

}  // namespace

std::span<const Command> commands() {
  return kCommands;
}

const Command* find_command(std::string_view name) {
  const auto at = std::ranges::find_if(
      kCommands, [&](const Command& c) { return c.name == name || (!c.brief.empty() && c.brief == name); });
  return at == std::end(kCommands) ? nullptr : &*at;
}

plan::Diagnostics unknown_command(std::string_view name) {
  std::vector<std::string_view> known;
  for (const Command& command : kCommands)
    known.push_back(command.name);
  const std::string_view near = plan::json::nearest(name, known);
  return not_understood(fmt::format("no command `{}`", name),
                        near.empty() ? "`help` lists the commands" : fmt::format("did you mean `{}`?", near));
}

plan::Diagnostics misused(const Command& command, std::string_view word) {
  return not_understood(fmt::format("`{}` cannot take `{}`", command.name, word),
                        fmt::format("write `{}`", command.usage));
}

std::string Debugger::help(std::string_view name) {
  if (!name.empty()) {
    const Command* command = find_command(name);
    if (command == nullptr) return {};
    return fmt::format("  {}{}: {}\n{}", command->usage,
                       command->brief.empty() ? "" : fmt::format(" (short: {})", command->brief),
                       command->about, command->more);
  }
  std::string out;
  for (const Command& command : kCommands)
    out += fmt::format("  {:<22}{:<3}{}\n", command.usage, command.brief, command.about);
  return out + "  An empty line repeats the last command.\n";
}

}  // namespace genie::debugger
