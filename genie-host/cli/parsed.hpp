// Between the files that describe the command line to CLI11.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.hpp"

namespace genie::cli {

/// The parsed arguments and what to do with them.
struct Parsed {
  Common common;
  RunArguments run;
  DebugArguments debug;
  ShowArguments show;
  ValidateArguments validate;
  DiffArguments diff;
  ConvertArguments convert;
  ScheduleArguments schedule;
  WhyArguments why;
  WhatIfArguments whatif;
  DotArguments dot;
  HtmlArguments html;
  PluginsArguments plugins;
  ExplainArguments explain;
  ServeArguments serve;
  KeysArguments keys;
  MeasureArguments measure;
  DoctorArguments doctor;
  bool version = false;
  std::function<int()> action;
};

void add_common(CLI::App& app, Common& common);
CLI::App* add_command(CLI::App& parent, const char* name, const char* about, std::string_view footer,
                      Common& common);
CLI::Option* add_repeated(CLI::App& app, const char* name, std::vector<std::string>& into, const char* type,
                          const char* about);
/// serve, keys, measure, doctor: what has to do with workers.
void add_worker_commands(CLI::App& app, Parsed& parsed);

}  // namespace genie::cli
