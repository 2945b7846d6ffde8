// What each command does, given what was typed. command_line.cpp turns arguments into these; nothing here knows CLI11.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/run_config.hpp"
#include "report/dot.hpp"
#include "report/plan_text.hpp"

namespace genie::cli {

/// Options that most commands take.
struct Common {
  bool json = false;
  std::vector<std::string> plugins;  ///< --plugin
  std::string log_level = "warning";
  std::string log_file;
};

struct RunArguments {
  std::string config;
  std::vector<std::string> set;  ///< "POINTER=VALUE"
  bool verify_blobs = false;
  bool reschedule = false;
  bool rescan = false;
  bool details = false;
  std::string html;               ///< where to write the page; empty: nowhere
  std::vector<std::string> dump;  ///< selectors
  std::string dump_file = "dump.safetensors";
  std::string record;  ///< a folder; empty: nothing is recorded
};

struct DebugArguments {
  std::string config;
  std::vector<std::string> set;      ///< "POINTER=VALUE"
  std::string commands;              ///< a file of commands
  std::vector<std::string> execute;  ///< commands
  bool compare = false;              ///< with one device
  std::string reference;             ///< with another run config, or a .safetensors file
  double rtol = 0;
  double atol = 0;
};

struct ShowArguments {
  std::string file;
  bool timeline = false;
  std::string topology;  ///< of a plan document, for the timeline
  report::PlanView view;
};

struct HtmlArguments {
  std::string file;
  std::string topology;
  std::string output;
};

struct ValidateArguments {
  std::string file;
  std::string topology;
};

struct DiffArguments {
  std::string before;
  std::string after;
  bool exit_code = false;
};

struct ConvertArguments {
  std::string file;
  std::string to;
  std::string output;
  bool indent = false;
};

/// Changes to a run config, on the command line.
struct ScheduleChanges {
  std::vector<std::string> set;       ///< "POINTER=VALUE"
  std::vector<std::string> pin;       ///< "SELECTOR=DEVICE"
  std::vector<std::string> forbid;    ///< "SELECTOR=DEVICE"
  std::vector<std::string> colocate;  ///< "SELECTOR"
  std::vector<std::string> budget;    ///< "DEVICE=BYTES"
};

struct ScheduleArguments {
  std::string config;
  ScheduleChanges changes;
  std::string output;
  bool reschedule = false;
};

struct WhyArguments {
  std::string file;
  std::string subject;
};

struct WhatIfArguments {
  std::string config;
  ScheduleChanges changes;
};

struct DotArguments {
  std::string file;
  report::DotView view;
};

struct PluginsArguments {
  std::string config;
  bool explain = false;
  bool rescan = false;
  std::vector<std::string> paths;  ///< of `check`
};

struct ExplainArguments {
  std::string code;
  bool all = false;
};

struct ServeArguments {
  std::string config;
  std::vector<std::string> set;  ///< "POINTER=VALUE"
  std::string ready_file;        ///< empty: only stdout says when it is ready
};

struct DoctorArguments {
  std::string config;            ///< of a run or a worker; empty: the machine alone
  std::vector<std::string> set;  ///< "POINTER=VALUE"
};

struct KeysArguments {
  std::string folder = "keys";
  std::string name;
  bool client_only = false;
  std::optional<unsigned> days;
};

struct MeasureArguments {
  std::string config;
  std::vector<std::string> set;  ///< "POINTER=VALUE"
  std::string output;            ///< empty: stdout
  std::uint32_t repeat = 15;
};

// Each returns the process's exit code.
[[nodiscard]] int run(const Common& common, const RunArguments& arguments);
[[nodiscard]] int debug(const Common& common, const DebugArguments& arguments);
[[nodiscard]] int plan_show(const Common& common, const ShowArguments& arguments);
/// `plan show --timeline`.
[[nodiscard]] int plan_timeline(const Common& common, const ShowArguments& arguments);
[[nodiscard]] int plan_html(const Common& common, const HtmlArguments& arguments);
[[nodiscard]] int plan_validate(const Common& common, const ValidateArguments& arguments);
[[nodiscard]] int plan_diff(const Common& common, const DiffArguments& arguments);
[[nodiscard]] int plan_convert(const Common& common, const ConvertArguments& arguments);
[[nodiscard]] int plan_schedule(const Common& common, const ScheduleArguments& arguments);
[[nodiscard]] int plan_why(const Common& common, const WhyArguments& arguments);
[[nodiscard]] int plan_whatif(const Common& common, const WhatIfArguments& arguments);
[[nodiscard]] int plan_dot(const Common& common, const DotArguments& arguments);
[[nodiscard]] int plugins_list(const Common& common, const PluginsArguments& arguments);
[[nodiscard]] int plugins_check(const Common& common, const PluginsArguments& arguments);
[[nodiscard]] int explain(const Common& common, const ExplainArguments& arguments);
[[nodiscard]] int keys_init(const Common& common, const KeysArguments& arguments);
[[nodiscard]] int keys_issue(const Common& common, const KeysArguments& arguments);
[[nodiscard]] int serve(const Common& common, const ServeArguments& arguments);
[[nodiscard]] int doctor(const Common& common, const DoctorArguments& arguments);
[[nodiscard]] int measure(const Common& common, const MeasureArguments& arguments);
[[nodiscard]] int version(const Common& common);

}  // namespace genie::cli
