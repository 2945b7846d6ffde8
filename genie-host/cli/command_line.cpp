#include "cli/command_line.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <functional>
#include <memory>

#include "cli/cli11_version.hpp"
#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/engine_setup.hpp"
#include "cli/parsed.hpp"
#include "genie/plan/json.hpp"
#include "log/log.hpp"

namespace genie::cli {

namespace {

constexpr std::string_view kAbout =
    "Runs a model on devices that are elsewhere: captures what the program means as a plan,\n"
    "lets a policy decide what runs where, executes it, verifies the outputs, and explains it all.";

constexpr std::string_view kRootExamples =
    "Examples:\n"
    "  genie-host --config run.json                      run what the file says\n"
    "  genie-host --config run.json --json > report.json the report for a program\n"
    "  genie-host --config run.json --set /run/repeat=10 change one value of the config\n"
    "  genie-host plan show model.pt2                    what a model takes, gives and computes\n"
    "  genie-host plan show plan.json                    what went where, and why\n"
    "  genie-host plan why plan.json s1                  the reasons behind one stage\n"
    "  genie-host plan html run.json -o plan.html        graph, timeline and memory, as a page\n"
    "  genie-host plugins                                what is loaded from where\n"
    "  genie-host doctor --config run.json               what a run lacks, here and on its workers\n"
    "  genie-host explain GE0010                         the whole story behind a diagnostic\n"
    "\n"
    "The shortest useful config names a model and its inputs:\n"
    "  {\"source\": {\"uri\": \"model.pt2\"}, \"run\": {\"inputs\": \"inputs.safetensors\"}}\n"
    "\n"
    "Exit codes: 0 ok, 1 outputs not as expected, 2 usage or config, 3 invalid plan or model, 4 could not "
    "be\n"
    "scheduled, 5 execution failed, 6 plug-in failed, 70 bug in Genie, 130 interrupted.";

constexpr std::string_view kRunExamples =
    "Examples:\n"
    "  genie-host run --config run.json\n"
    "  genie-host run --config run.json --set /policy/options/objective=memory\n"
    "  genie-host run --config run.json --record recorded     then: genie-host --config recorded/run.json\n"
    "  genie-host run --config run.json --dump encoder.layer.3 --dump op:aten.softmax.**\n"
    "  genie-host run --config run.json --set "
    "'/hints/-={\"kind\":\"pin\",\"select\":\"encoder.layer.0.**\",\"device\":\"w1\"}'\n"
    "\n"
    "A config (relative paths are relative to it; comments and trailing commas are fine):\n"
    "  {\n"
    "    \"schema\": \"genie.run\", \"version\": {\"major\": 0, \"minor\": 1},\n"
    "    \"source\":  {\"uri\": \"model.pt2\"},\n"
    "    \"backend\": {\"plugin\": \"org.genie.backend-emulation\", \"options\": {\"topology\": "
    "\"cluster.json\"}},\n"
    "    \"run\":     {\"inputs\": {\"x\": {\"file\": \"x.npy\"}, \"noise\": {\"random\": {\"seed\": 7}}, "
    "\"scale\": {\"value\": 0.5}}},\n"
    "    \"outputs\": {\"file\": \"outputs.safetensors\"},\n"
    "    \"expect\":  {\"file\": \"expected.safetensors\", \"rtol\": 1e-5, \"atol\": 1e-6},\n"
    "    \"report\":  {\"json\": \"report.json\", \"trace\": \"trace.json\", \"plan\": \"plan.json\"}\n"
    "  }";

constexpr std::string_view kDebugExamples =
    "Pauses before the first node and asks what to do; `help` lists the commands. Every node runs as a stage "
    "of its own, on "
    "the\n"
    "device where the schedule has it. With --compare the model runs on one device first, and the run pauses "
    "at the first "
    "node\n"
    "whose results differ.\n"
    "\n"
    "Examples:\n"
    "  genie-host debug --config run.json\n"
    "  genie-host debug --config run.json -x 'break nan' -x continue -x where -x print\n"
    "  genie-host debug --config run.json --commands session.txt\n"
    "  genie-host debug --config run.json --compare              which node differs from one device?\n"
    "  genie-host debug --config new.json --reference old.json   which node differs from another run?\n"
    "  genie-host debug --config run.json --reference values.safetensors  or from values made elsewhere?";

constexpr std::string_view kShowExamples =
    "FILE is a plan, a run config, or a model that a frontend can read.\n"
    "\n"
    "Examples:\n"
    "  genie-host plan show model.pt2                            inputs, outputs, weights\n"
    "  genie-host plan show plan.json --stage s1                 the nodes of one stage\n"
    "  genie-host plan show plan.json --scope 'encoder.layer.0.**' the nodes of one module\n"
    "  genie-host plan show plan.json --decisions                every decision and its alternatives\n"
    "  genie-host plan show run.json --timeline                  who computes, sends and waits when, as "
    "foreseen";

constexpr std::string_view kValidateExamples =
    "Checks the ladder: V0 bytes, V1 schema, V2 structure, V3 types; and with a topology V4 (the schedule "
    "fits the\n"
    "devices) and V5 (hints are honoured). All errors of the first level that has any are printed; exit code "
    "3.\n"
    "\n"
    "Examples:\n"
    "  genie-host plan validate plan.json\n"
    "  genie-host plan validate plan.json --topology cluster.json";

constexpr std::string_view kDiffExamples =
    "Examples:\n"
    "  genie-host plan diff before.json after.json               what moved, what changed, in words\n"
    "  genie-host plan diff model-v1.pt2 model-v2.pt2            what an export changed\n"
    "  genie-host plan diff --exit-code a.json b.json            exit code 1 when they differ";

constexpr std::string_view kConvertExamples =
    "Writes canonical bytes (RFC 8785): equal plans give equal files.\n"
    "\n"
    "Examples:\n"
    "  genie-host plan convert model.pt2 --to 0.1 --output plan.json --indent\n"
    "  genie-host plan convert plan.json --to 0.1 | sha256sum";

constexpr std::string_view kScheduleExamples =
    "Captures and places what a run config says, and writes the scheduled plan; nothing runs. The plan may "
    "be edited by\n"
    "hand: a run whose config names it (\"source\": {\"plan\": \"plan.json\"}) checks it and runs it as it "
    "is.\n"
    "\n"
    "Examples:\n"
    "  genie-host plan schedule run.json --output plan.json\n"
    "  genie-host plan schedule run.json --output plan.json --pin 'encoder.layer.0.**=w1'\n"
    "  genie-host plan schedule run.json --set /policy/options/objective=memory > plan.json";

constexpr std::string_view kWhyExamples =
    "FILE is a scheduled plan, or a run config, which is then scheduled. SUBJECT is a stage, a node, a hint, "
    "a weight,\n"
    "a state, or a selector.\n"
    "\n"
    "Examples:\n"
    "  genie-host plan why plan.json s1                          why this stage is where it is\n"
    "  genie-host plan why run.json 'encoder.layer.3.**'         where that module runs, and why";

constexpr std::string_view kWhatIfExamples =
    "Schedules a run config twice, as it is and with the changes, and prints what they would change. Nothing "
    "runs.\n"
    "\n"
    "Examples:\n"
    "  genie-host plan whatif run.json --pin 'encoder.layer.0.**=w1'\n"
    "  genie-host plan whatif run.json --budget w0=67108864 --forbid 'lm_head=w2'\n"
    "  genie-host plan whatif run.json --set /policy/plugin=com.example.policy-round-robin";

constexpr std::string_view kHtmlExamples =
    "Writes one file that any browser opens and that needs no network: the graph coloured by device, the "
    "timeline and\n"
    "memory that the cost model foresees, every decision with its alternatives; searchable. `run --html "
    "FILE` "
    "adds what\n"
    "was observed.\n"
    "\n"
    "Examples:\n"
    "  genie-host plan html run.json -o plan.html                places what a config says, and draws it\n"
    "  genie-host plan html plan.json --topology cluster.json -o plan.html\n"
    "  genie-host plan html model.pt2 -o model.html              the graph of a captured model";

constexpr std::string_view kDotExamples =
    "Examples:\n"
    "  genie-host plan dot plan.json | dot -Tsvg > plan.svg      stages by device, and what travels\n"
    "  genie-host plan dot model.pt2 --method forward            every node of a captured model";

constexpr std::string_view kPluginsExamples =
    "Examples:\n"
    "  genie-host plugins                                        one line for each, and what is wrong with "
    "any\n"
    "  genie-host plugins --explain                              where each was found, its digest and "
    "interfaces\n"
    "  genie-host plugins --config run.json                      as that run would see them\n"
    "  genie-host plugins check build/my-plugin.so               try one out, in a child process\n"
    "  genie-host plugins --rescan                               forget what earlier probes found";

constexpr std::string_view kExplainExamples =
    "Examples:\n"
    "  genie-host explain GE0010\n"
    "  genie-host explain                                        all codes, one line each\n"
    "  genie-host explain --all                                  everything, as the page docs/diagnostics.md";

/// CLI11's help in the layout of the rest of Genie: a blank line after the description, options wrapped, a line end at the end.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_description(const CLI::App* app) const override { return app->get_description() + "\n\n"; }
  std::string make_footer(const CLI::App* app) const override {
    return app->get_footer().empty() ? "" : app->get_footer() + "\n";
  }
  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    constexpr std::size_t kWidth = 100;
    const std::string name = "  " + make_option_name(option, is_positional) + make_option_opts(option);
    const std::size_t column = get_column_width();
    std::string text = name;
    if (name.size() + 1 >= column) text += '\n';
    std::size_t used = name.size() + 1 >= column ? 0 : name.size();
    for (const std::string& line : report::wrapped(make_option_desc(option), kWidth - column)) {
      text += std::string(column - used, ' ') + line + '\n';
      used = 0;
    }
    return text;
  }
};

void add_run(CLI::App& app, RunArguments& run) {
  app.add_option("--config", run.config, "The run config")->type_name("FILE");
  app.add_option("--set", run.set,
                 "Replace or add one value of the config: a JSON pointer, '=', and JSON or plain text; may "
                 "be repeated")
      ->type_name("POINTER=VALUE")
      ->take_all()
      ->allow_extra_args(false);
  app.add_flag("--verify-blobs", run.verify_blobs,
               "Hash all weights again instead of trusting remembered digests");
  app.add_option("--dump", run.dump, "Write the results of the nodes that it selects; may be repeated")
      ->type_name("SELECTOR")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--dump-file", run.dump_file, "Where --dump writes (default: dump.safetensors)")
      ->type_name("FILE");
  app.add_option("--record", run.record, "Keep the run in a folder from which it can be run again, exactly")
      ->type_name("FOLDER");
  app.add_flag("--reschedule", run.reschedule, "Schedule a saved plan anew for the present topology");
  app.add_option("--html", run.html, "Write a page to look at: graph, timeline, memory, decisions")
      ->type_name("FILE");
  app.add_flag("--details", run.details, "Print all of the report, with the reasons and how to change them");
}

void add_changes(CLI::App& app, ScheduleChanges& changes) {
  add_repeated(app, "--pin", changes.pin, "SELECTOR=DEVICE", "Run what it selects there; may be repeated");
  add_repeated(app, "--forbid", changes.forbid, "SELECTOR=DEVICE", "Never there; may be repeated");
  add_repeated(app, "--colocate", changes.colocate, "SELECTOR", "All of it on one device; may be repeated");
  add_repeated(app, "--budget", changes.budget, "DEVICE=BYTES", "Use no more of its memory; may be repeated");
  add_repeated(app, "--set", changes.set, "POINTER=VALUE",
               "Replace or add one value of the config; may be repeated");
}

void add_debug(CLI::App& app, Parsed& parsed) {
  DebugArguments& arguments = parsed.debug;
  CLI::App* debug =
      add_command(app, "debug", "Run node by node: pause, look at values, compare with another run",
                  kDebugExamples, parsed.common);
  debug->add_option("--config", arguments.config, "The run config")->required()->type_name("FILE");
  add_repeated(*debug, "--set", arguments.set, "POINTER=VALUE",
               "Replace or add one value of the config; may be repeated");
  debug->add_option("--commands", arguments.commands, "Take commands from a file, then run to the end")
      ->type_name("FILE");
  add_repeated(*debug, "-x,--execute", arguments.execute, "COMMAND", "A command, after those of --commands");
  debug->add_flag("--compare", arguments.compare, "Compare every node's results with a run on one device");
  debug
      ->add_option("--reference", arguments.reference,
                   "Compare with a run of this config, or with the values of a .safetensors file")
      ->type_name("FILE");
  debug->add_option("--rtol", arguments.rtol, "Relative tolerance of the comparison (default 0: equal bits)")
      ->check(CLI::NonNegativeNumber);
  debug->add_option("--atol", arguments.atol, "Absolute tolerance (default 0)")
      ->check(CLI::NonNegativeNumber);
  debug->callback(
      [&parsed] { parsed.action = [&parsed] { return genie::cli::debug(parsed.common, parsed.debug); }; });
}

/// What goes where: the commands that place, explain and compare placements.
void add_placement(CLI::App& plan, Parsed& parsed) {
  CLI::App* schedule = add_command(plan, "schedule", "Place what a run config says, and write the plan",
                                   kScheduleExamples, parsed.common);
  schedule->add_option("config", parsed.schedule.config, "The run config")->required()->type_name("FILE");
  add_changes(*schedule, parsed.schedule.changes);
  schedule->add_option("--output", parsed.schedule.output, "Where to write (default: stdout)")
      ->type_name("FILE");
  schedule->add_flag("--reschedule", parsed.schedule.reschedule,
                     "Schedule a saved plan anew for the present topology");
  schedule->callback(
      [&parsed] { parsed.action = [&parsed] { return plan_schedule(parsed.common, parsed.schedule); }; });

  CLI::App* why = add_command(plan, "why", "Why something is where it is", kWhyExamples, parsed.common);
  why->add_option("file", parsed.why.file, "Scheduled plan or run config")->required()->type_name("FILE");
  why->add_option("subject", parsed.why.subject, "Stage, node, hint, weight, state or selector")
      ->required()
      ->type_name("SUBJECT");
  why->callback([&parsed] { parsed.action = [&parsed] { return plan_why(parsed.common, parsed.why); }; });

  CLI::App* whatif = add_command(plan, "whatif", "What other hints or options would change, without running",
                                 kWhatIfExamples, parsed.common);
  whatif->add_option("config", parsed.whatif.config, "The run config")->required()->type_name("FILE");
  add_changes(*whatif, parsed.whatif.changes);
  whatif->callback(
      [&parsed] { parsed.action = [&parsed] { return plan_whatif(parsed.common, parsed.whatif); }; });
}

void add_plan(CLI::App& app, Parsed& parsed) {
  CLI::App* plan = app.add_subcommand("plan", "Show, check, place, explain and compare plans and models");
  plan->require_subcommand(1);
  plan->footer("`genie-host plan COMMAND --help` shows examples of each.");

  CLI::App* show =
      add_command(*plan, "show", "One screen of what a plan or a model is", kShowExamples, parsed.common);
  show->add_option("file", parsed.show.file, "Plan, run config or model")->required()->type_name("FILE");
  show->add_option("--method", parsed.show.view.method, "Only this method")->type_name("NAME");
  show->add_option(
          "--scope", parsed.show.view.scope,
          "List the nodes that a selector matches: a module path with * and **, op:, role:, phase:, node:")
      ->type_name("SELECTOR");
  show->add_option("--stage", parsed.show.view.stage, "List the nodes of a stage")->type_name("ID");
  show->add_flag("--decisions", parsed.show.view.decisions, "All decisions, with their alternatives");
  show->add_flag("--timeline", parsed.show.timeline,
                 "Draw what the cost model foresees for a call; a run config is scheduled first");
  show->add_option("--topology", parsed.show.topology, "The devices of a saved plan, for --timeline")
      ->type_name("FILE");
  show->add_option("--limit", parsed.show.view.limit,
                   "Rows of each table; 0: all (default: what fits a screen)")
      ->type_name("ROWS");
  show->callback([&parsed] { parsed.action = [&parsed] { return plan_show(parsed.common, parsed.show); }; });

  CLI::App* validate = add_command(*plan, "validate", "Check a plan, and say what is wrong and where",
                                   kValidateExamples, parsed.common);
  validate->add_option("file", parsed.validate.file, "Plan, run config or model")
      ->required()
      ->type_name("FILE");
  validate->add_option("--topology", parsed.validate.topology, "Check the schedule against these devices too")
      ->type_name("FILE");
  validate->callback(
      [&parsed] { parsed.action = [&parsed] { return plan_validate(parsed.common, parsed.validate); }; });

  CLI::App* diff =
      add_command(*plan, "diff", "What changed between two plans, in words", kDiffExamples, parsed.common);
  diff->add_option("before", parsed.diff.before, "Plan or model")->required()->type_name("FILE");
  diff->add_option("after", parsed.diff.after, "Plan or model")->required()->type_name("FILE");
  diff->add_flag("--exit-code", parsed.diff.exit_code, "Exit code 1 when they differ");
  diff->callback([&parsed] { parsed.action = [&parsed] { return plan_diff(parsed.common, parsed.diff); }; });

  CLI::App* convert =
      add_command(*plan, "convert", "Write a plan in its canonical form, or a model as a plan",
                  kConvertExamples, parsed.common);
  convert->add_option("file", parsed.convert.file, "Plan, run config or model")
      ->required()
      ->type_name("FILE");
  convert->add_option("--to", parsed.convert.to, "Version of the plan schema")
      ->required()
      ->type_name("VERSION");
  convert->add_option("--output", parsed.convert.output, "Where to write (default: stdout)")
      ->type_name("FILE");
  convert->add_flag("--indent", parsed.convert.indent,
                    "For people: indented, in the order of the documentation");
  convert->callback(
      [&parsed] { parsed.action = [&parsed] { return plan_convert(parsed.common, parsed.convert); }; });

  add_placement(*plan, parsed);

  CLI::App* html = add_command(*plan, "html", "A page to look at: graph, timeline, memory, decisions",
                               kHtmlExamples, parsed.common);
  html->add_option("file", parsed.html.file, "Plan, run config or model")->required()->type_name("FILE");
  html->add_option("--topology", parsed.html.topology, "The devices of a saved plan, for timeline and memory")
      ->type_name("FILE");
  html->add_option("-o,--output", parsed.html.output, "Where to write (default: stdout)")->type_name("FILE");
  html->callback([&parsed] { parsed.action = [&parsed] { return plan_html(parsed.common, parsed.html); }; });

  CLI::App* dot = add_command(*plan, "dot", "The graph in Graphviz's language", kDotExamples, parsed.common);
  dot->add_option("file", parsed.dot.file, "Plan, run config or model")->required()->type_name("FILE");
  dot->add_option("--method", parsed.dot.view.method, "Only this method")->type_name("NAME");
  dot->add_flag("--nodes", parsed.dot.view.nodes, "Every node of a scheduled plan instead of its stages");
  dot->callback([&parsed] { parsed.action = [&parsed] { return plan_dot(parsed.common, parsed.dot); }; });
}

void add_plugins(CLI::App& app, Parsed& parsed) {
  CLI::App* plugins = add_command(app, "plugins", "Which plug-ins there are, and what is wrong with any",
                                  kPluginsExamples, parsed.common);
  plugins->require_subcommand(0, 1);
  const auto options = [&parsed](CLI::App& command) {
    command.add_option("--config", parsed.plugins.config, "See what a run with this config sees")
        ->type_name("FILE");
    command.add_flag("--rescan", parsed.plugins.rescan, "Forget what earlier probes found");
    command.add_flag("--explain", parsed.plugins.explain,
                     "Say where each was found, its digest and interfaces");
  };
  options(*plugins);
  plugins->callback([&parsed] {
    if (!parsed.action) parsed.action = [&parsed] { return plugins_list(parsed.common, parsed.plugins); };
  });
  CLI::App* list =
      add_command(*plugins, "list", "The same as `genie-host plugins`", kPluginsExamples, parsed.common);
  options(*list);
  list->callback(
      [&parsed] { parsed.action = [&parsed] { return plugins_list(parsed.common, parsed.plugins); }; });
  CLI::App* check =
      add_command(*plugins, "check", "Try plug-ins out in a child process; exit code 6 when one fails",
                  kPluginsExamples, parsed.common);
  check->add_option("path", parsed.plugins.paths, "Libraries, or folders of them")
      ->required()
      ->type_name("PATH");
  check->callback(
      [&parsed] { parsed.action = [&parsed] { return plugins_check(parsed.common, parsed.plugins); }; });
}

/// The innermost command that was typed.
const CLI::App& typed_command(const CLI::App& root) {
  const CLI::App* command = &root;
  while (!command->get_subcommands().empty())
    command = command->get_subcommands().front();
  return *command;
}

/// "genie-host plan show --help".
std::string help_command(const CLI::App& root) {
  std::string words;
  for (const CLI::App* command = &typed_command(root); command != &root; command = command->get_parent())
    words = " " + command->get_name() + words;
  return "genie-host" + words + " --help";
}

/// What was typed but is not known, with the nearest thing that is.
plan::Diagnostic unknown_argument(const CLI::App& root) {
  const CLI::App* command = &typed_command(root);
  const std::vector<std::string> extras = root.remaining(true);
  const std::string wrong = extras.empty() ? std::string() : extras.front();
  std::vector<std::string> names;
  for (const CLI::Option* option : command->get_options())
    for (const std::string& name : option->get_lnames())
      names.push_back("--" + name);
  for (const CLI::App* sub : command->get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(sub->get_name());
  const std::vector<std::string_view> known(names.begin(), names.end());
  const std::string_view near = plan::json::nearest(wrong, known);
  const std::string help = help_command(root);
  plan::Diagnostic diagnostic;
  diagnostic.code = "GE0001";
  diagnostic.message = fmt::format("`{}` is not understood here", wrong);
  diagnostic.help =
      near.empty() ? fmt::format("see {}", help) : fmt::format("did you mean `{}`? See {}", near, help);
  return diagnostic;
}

int fail_usage(const CLI::App& root, const CLI::ParseError& error, bool json) {
  plan::Diagnostic diagnostic;
  // A word that means nothing says more than what is missing because of it.
  if (!root.remaining(true).empty()) {
    diagnostic = unknown_argument(root);
  } else {
    diagnostic.code = "GE0001";
    diagnostic.message = error.what();
    diagnostic.help = fmt::format("see {}", help_command(root));
  }
  return Console(json).fail({diagnostic}, runtime::Category::config);
}

}  // namespace

std::string cli11_version() {
  return CLI11_VERSION;
}

int main(int argc, const char* const* argv) {
  Parsed parsed;
  CLI::App app(std::string(kAbout), "genie-host");
  const auto formatter = std::make_shared<HelpFormatter>();
  formatter->column_width(34);
  app.formatter(formatter);
  app.footer(std::string(kRootExamples));
  app.require_subcommand(0, 1);
  app.option_defaults()->always_capture_default(false);
  add_run(app, parsed.run);
  add_common(app, parsed.common);
  app.add_flag("--version", parsed.version, "Print the version of everything that takes part");

  CLI::App* run_command =
      add_command(app, "run", "Run what a config says (the same as --config without a command)", kRunExamples,
                  parsed.common);
  add_run(*run_command, parsed.run);
  run_command->callback([&parsed] { parsed.action = [&parsed] { return run(parsed.common, parsed.run); }; });
  add_debug(app, parsed);
  add_worker_commands(app, parsed);
  add_plan(app, parsed);
  add_plugins(app, parsed);
  CLI::App* explain_command = add_command(app, "explain", "The whole story behind a diagnostic code",
                                          kExplainExamples, parsed.common);
  explain_command->add_option("code", parsed.explain.code, "Such as GE0010")->type_name("CODE");
  explain_command->add_flag("--all", parsed.explain.all, "All of them, as a page");
  explain_command->callback(
      [&parsed] { parsed.action = [&parsed] { return explain(parsed.common, parsed.explain); }; });

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    // The parser may have stopped before it came to --json.
    const auto is_json = [](const char* word) { return std::string_view(word) == "--json"; };
    return fail_usage(app, error, std::any_of(argv, argv + argc, is_json));
  }
  if (!log::level_from_name(parsed.common.log_level))
    return Console(parsed.common.json).fail(open_log(parsed.common).errors(), runtime::Category::config);
  if (parsed.version) return version(parsed.common);
  const bool runs = !parsed.action || run_command->parsed();
  if (runs && parsed.run.config.empty()) {
    if (!parsed.action && argc <= 1) {
      Console(false).print(app.help());
      return static_cast<int>(runtime::Category::config);
    }
    plan::Diagnostic diagnostic;
    diagnostic.code = "GE0001";
    diagnostic.message = "there is nothing to run: no --config was given";
    diagnostic.help = "name a run config: genie-host --config run.json; see genie-host run --help for one";
    return Console(parsed.common.json).fail({diagnostic}, runtime::Category::config);
  }
  return parsed.action ? parsed.action() : run(parsed.common, parsed.run);
}

}  // namespace genie::cli
