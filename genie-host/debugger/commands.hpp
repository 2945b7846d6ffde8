// The debugger's commands: their names, short forms and help. What each does is the debugger's (debugger.cpp, answers.cpp).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "genie/plan/diagnostic.hpp"

namespace genie::debugger {

struct Command {
  enum class Does : std::uint8_t {
    step,
    finish,
    go_on,
    add_breakpoint,
    list_breakpoints,
    remove_breakpoint,
    print,
    where,
    list,
    memory,
    clock,
    queues,
    help,
    quit
  };
  Does does;
  std::string_view name;
  std::string_view brief;  ///< short form; empty: none
  std::string_view usage;
  std::string_view about;  ///< one line
  std::string_view more;   ///< further lines for `help COMMAND`
};

[[nodiscard]] std::span<const Command> commands();
/// By name or short form; null for none of them.
[[nodiscard]] const Command* find_command(std::string_view name);
/// GE0665, with the nearest command.
[[nodiscard]] plan::Diagnostics unknown_command(std::string_view name);
/// GE0665: a word that the command cannot take, with its usage.
[[nodiscard]] plan::Diagnostics misused(const Command& command, std::string_view word);

}  // namespace genie::debugger
