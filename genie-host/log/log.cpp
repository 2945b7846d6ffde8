#include "log.hpp"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>

namespace genie::log {

namespace {

constexpr std::array<std::string_view, 5> kNames = {"trace", "debug", "info", "warning", "error"};
static_assert(GENIE_LOG_TRACE == 0 && GENIE_LOG_ERROR == kNames.size() - 1);

spdlog::level::level_enum spdlog_level(std::uint32_t level) {
  constexpr std::array kLevels = {spdlog::level::trace, spdlog::level::debug, spdlog::level::info,
                                  spdlog::level::warn, spdlog::level::err};
  return level < kLevels.size() ? kLevels[level] : spdlog::level::err;
}

/// One event is one line, whatever its text holds.
void append_one_line(std::string& into, std::string_view text) {
  for (const char c : text) {
    if (c == '\n')
      into += "\\n";
    else if (static_cast<unsigned char>(c) >= 0x20 || c == '\t')
      into += c;
  }
}

}  // namespace

std::optional<std::uint32_t> level_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == name) return static_cast<std::uint32_t>(i);
  return std::nullopt;
}

plan::Result<services::LogSink> open(const Options& options) {
  std::shared_ptr<spdlog::logger> logger;
  try {
    spdlog::sink_ptr sink;
    if (options.file.empty())
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    else
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file, /*truncate=*/true);
    sink->set_formatter(std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %l %v",
                                                                    spdlog::pattern_time_type::utc));
    logger = std::make_shared<spdlog::logger>("genie", std::move(sink));
  } catch (const spdlog::spdlog_ex& error) {
    plan::Diagnostic diagnostic;
    diagnostic.code = "GE0003";
    diagnostic.file = options.file;
    diagnostic.message = fmt::format("the log cannot be written: {}", error.what());
    diagnostic.help = "name a file in a folder that exists and is writable: --log-file genie.log";
    return diagnostic;
  }
  logger->set_level(spdlog_level(options.level));
  logger->flush_on(spdlog::level::warn);
  services::LogSink sink;
  sink.level = options.level;
  sink.write = [logger](const services::LogLine& line) {
    std::string text;
    append_one_line(text, line.component);
    text += ": ";
    append_one_line(text, line.text);
    for (std::uint64_t i = 0; i < line.value_count; ++i) {
      const auto view = [](genie_str s) {
        return std::string_view(s.data, static_cast<std::size_t>(s.size));
      };
      text += ' ';
      append_one_line(text, view(line.values[i].key));
      text += '=';
      append_one_line(text, view(line.values[i].value));
    }
    logger->log(spdlog_level(line.level), text);
  };
  return sink;
}

}  // namespace genie::log
