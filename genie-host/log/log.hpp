// The host's log: what the host and its plug-ins did, one line each, for whoever looks for the cause of something. What a
// person should read anyway (results, diagnostics) does not go through here.
//
//   2026-03-01T12:00:00.123Z warning org.genie.kernels-aten: text key=value
//
// The only file that knows spdlog is log.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "genie/plan/result.hpp"
#include "services/log.hpp"

namespace genie::log {

struct Options {
  std::uint32_t level = GENIE_LOG_WARNING;  ///< the lowest level that is written
  std::string file;                         ///< empty: stderr
};

/// "trace", "debug", "info", "warning", "error" → GENIE_LOG_*; nothing for another word.
[[nodiscard]] std::optional<std::uint32_t> level_from_name(std::string_view name);

/// A sink that writes; it keeps the file open as long as a copy of it lives. GE0003 when the file cannot be opened.
[[nodiscard]] plan::Result<services::LogSink> open(const Options& options);

}  // namespace genie::log
