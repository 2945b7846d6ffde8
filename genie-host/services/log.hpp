// Where the lines of the host and of plug-ins go. The log itself (files, levels, format) is genie-host/log/.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "genie/host.h"

namespace genie::services {

/// One line; everything is borrowed for the call.
struct LogLine {
  std::uint32_t level = GENIE_LOG_INFO;  ///< GENIE_LOG_*
  std::string_view component;            ///< "loader", "engine", or the plug-in's id
  std::string_view text;
  const genie_key_value* values = nullptr;
  std::uint64_t value_count = 0;
};

/// Writes lines at or above `level`. write is called from any thread and must not throw; empty drops everything.
struct LogSink {
  std::uint32_t level = GENIE_LOG_WARNING;
  std::function<void(const LogLine&)> write;

  void operator()(std::uint32_t line_level, std::string_view component, std::string_view text) const {
    if (write && line_level >= level) write(LogLine{line_level, component, text, nullptr, 0});
  }
};

}  // namespace genie::services
