// The options of the commands that have to do with workers, and those that all commands take.
#include "cli/parsed.hpp"
#include "cli/worker_help.hpp"

namespace genie::cli {

void add_common(CLI::App& app, Common& common) {
  app.add_flag("--json", common.json, "Print JSON, for programs");
  app.add_option("--plugin", common.plugins, "Folder or library of plug-ins, searched first; may be repeated")
      ->type_name("PATH")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--log-level", common.log_level, "trace, debug, info, warning or error")
      ->type_name("LEVEL")
      ->default_str("warning");
  app.add_option("--log-file", common.log_file, "Write the log there instead of stderr")->type_name("FILE");
}

CLI::App* add_command(CLI::App& parent, const char* name, const char* about, std::string_view footer,
                      Common& common) {
  CLI::App* command = parent.add_subcommand(name, about);
  command->footer(std::string(footer));
  add_common(*command, common);
  return command;
}

CLI::Option* add_repeated(CLI::App& app, const char* name, std::vector<std::string>& into, const char* type,
                          const char* about) {
  return app.add_option(name, into, about)->type_name(type)->take_all()->allow_extra_args(false);
}

namespace {

void add_serve(CLI::App& app, Parsed& parsed) {
  CLI::App* command = add_command(app, "serve", "Be a worker: offer devices of this machine to clients",
                                  kServeExamples, parsed.common);
  command->add_option("--config", parsed.serve.config, "The worker config")->required()->type_name("FILE");
  command->add_option("--set", parsed.serve.set, "Change one value of the config; may repeat")
      ->type_name("POINTER=VALUE");
  command->add_option("--ready-file", parsed.serve.ready_file, "Write the ready line to this file, too")
      ->type_name("FILE");
  command->callback([&parsed] { parsed.action = [&parsed] { return serve(parsed.common, parsed.serve); }; });
}

void add_keys(CLI::App& app, Parsed& parsed) {
  CLI::App* keys = add_command(app, "keys", "Certificates for workers and clients of several machines",
                               kKeysExamples, parsed.common);
  keys->require_subcommand(1);
  const auto options = [&parsed](CLI::App& command) {
    command.add_option("--folder", parsed.keys.folder, "Where the authority lies (default: keys)")
        ->type_name("FOLDER");
    command
        .add_option("--days", parsed.keys.days, "How long it is valid (default: authority 3650, node 365)")
        ->type_name("DAYS")
        ->check(CLI::Range(1u, 36500u));
  };
  CLI::App* init = add_command(*keys, "init", "Make a private authority", kKeysExamples, parsed.common);
  options(*init);
  init->callback([&parsed] { parsed.action = [&parsed] { return keys_init(parsed.common, parsed.keys); }; });
  CLI::App* issue =
      add_command(*keys, "issue", "Make the certificate and key of one node", kKeysExamples, parsed.common);
  issue->add_option("name", parsed.keys.name, "The node's name")->required()->type_name("NAME");
  options(*issue);
  issue->add_flag("--client", parsed.keys.client_only, "Good for clients only: it cannot pass for a worker");
  issue->callback(
      [&parsed] { parsed.action = [&parsed] { return keys_issue(parsed.common, parsed.keys); }; });
}

void add_measure(CLI::App& app, Parsed& parsed) {
  MeasureArguments& arguments = parsed.measure;
  CLI::App* command = add_command(app, "measure", "Measure devices and links, and write them as a topology",
                                  kMeasureExamples, parsed.common);
  command->add_option("--config", arguments.config, "The run config whose backend is measured")
      ->required()
      ->type_name("FILE");
  add_repeated(*command, "--set", arguments.set, "POINTER=VALUE",
               "Replace or add one value of the config; may be repeated");
  command->add_option("-o,--output", arguments.output, "Where to write the topology (default: stdout)")
      ->type_name("FILE");
  command->add_option("--repeat", arguments.repeat, "How often each thing is timed (default: 15)")
      ->type_name("TIMES")
      ->check(CLI::Range(1u, 10000u));
  command->callback(
      [&parsed] { parsed.action = [&parsed] { return measure(parsed.common, parsed.measure); }; });
}

void add_doctor(CLI::App& app, Parsed& parsed) {
  CLI::App* command = add_command(app, "doctor", "What this machine and a config can do, and what is missing",
                                  kDoctorExamples, parsed.common);
  command->add_option("--config", parsed.doctor.config, "A run config or a worker config")->type_name("FILE");
  add_repeated(*command, "--set", parsed.doctor.set, "POINTER=VALUE",
               "Replace or add one value of the config; may be repeated");
  command->callback(
      [&parsed] { parsed.action = [&parsed] { return doctor(parsed.common, parsed.doctor); }; });
}

}  // namespace

void add_worker_commands(CLI::App& app, Parsed& parsed) {
  add_serve(app, parsed);
  add_keys(app, parsed);
  add_measure(app, parsed);
  add_doctor(app, parsed);
}

}  // namespace genie::cli
