// genie-host debug
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/engine_setup.hpp"
#include "cli/interrupt.hpp"
#include "debugger/debugger.hpp"
#include "debugger/recording.hpp"
#include "genie/plan/file.hpp"
#include "genie/plan/json.hpp"
#include "genie/plan/topology.hpp"
#include "runtime/job.hpp"
#include "tensors/safetensors.hpp"

namespace genie::cli {

namespace {

using runtime::Category;

/// What all devices of a run can compute with, on one device with more memory than any model needs.
std::string reference_backend(const plan::Topology& topology) {
  constexpr std::uint64_t kMemory = std::uint64_t{1} << 40;
  plan::Topology alone;
  plan::Device device = topology.devices.front();
  device.id = device.host = alone.client_host = "reference";
  device.memory_bytes = kMemory;
  for (const plan::Device& other : topology.devices)
    for (const std::string& kernels : other.kernels)
      if (std::ranges::find(device.kernels, kernels) == device.kernels.end())
        device.kernels.push_back(kernels);
  alone.devices.push_back(std::move(device));
  return plan::json::Writer()
      .begin_object()
      .key("plugin")
      .value(config::kDefaultBackend)
      .key("options")
      .begin_object()
      .key("topology")
      .raw(plan::encode_topology(alone))
      .end_object()
      .end_object()
      .take();
}

/// Commands of arguments and files first, then of standard input.
class Commands {
 public:
  Commands(std::vector<std::string> given, bool interactive, const runtime::CancelToken& cancel)
      : waiting_(given.begin(), given.end()), interactive_(interactive), cancel_(cancel) {}

  std::optional<std::string> next() {
    if (!waiting_.empty()) {
      std::string line = std::move(waiting_.front());
      waiting_.pop_front();
      return line;
    }
    return interactive_ ? read_line() : std::nullopt;
  }
  [[nodiscard]] bool typed() const { return waiting_.empty() && interactive_ && ::isatty(STDIN_FILENO) == 1; }

 private:
  /// Looks up now and then whether the person wants to stop, because a read that has begun would not.
  std::optional<std::string> read_line() {
    for (;;) {
      if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return line;
      }
      pollfd ready{STDIN_FILENO, POLLIN, 0};
      while (::poll(&ready, 1, runtime::CancelToken::kPollMs) <= 0)
        if (cancel_.cancelled()) return std::nullopt;
      char bytes[4096];
      const ssize_t got = ::read(STDIN_FILENO, bytes, sizeof bytes);
      if (got <= 0) {
        interactive_ = false;
        if (buffer_.empty()) return std::nullopt;
        return std::exchange(buffer_, {});
      }
      buffer_.append(bytes, static_cast<std::size_t>(got));
    }
  }

  std::deque<std::string> waiting_;
  bool interactive_;
  const runtime::CancelToken& cancel_;
  std::string buffer_;
};

/// Commands in the order they were given: --commands files, then --execute.
plan::Result<std::vector<std::string>> given_commands(const DebugArguments& arguments) {
  std::vector<std::string> out;
  if (!arguments.commands.empty()) {
    auto text = plan::read_file(arguments.commands);
    if (!text) return std::move(text).errors();
    std::size_t begin = 0;
    while (begin < text->size()) {
      const std::size_t end = std::min(text->find('\n', begin), text->size());
      out.push_back(text->substr(begin, end - begin));
      begin = end + 1;
    }
  }
  out.insert(out.end(), arguments.execute.begin(), arguments.execute.end());
  return out;
}

/// What a debugged run leaves out: repetitions, deadlines, going on after a loss, and files that a run of its own would write.
void calm(config::RunConfig& config) {
  config.run.repeat = 1;
  config.run.warmup = 0;
  config.run.deadline_ms.reset();
  config.run.on_worker_loss = config::OnWorkerLoss::fail;
  config.outputs.file.clear();
  config.report = {};
  config.backend.options = debugger::without_durations(config.backend.options);
}

/// Of an engine whose steps are looked at node by node.
runtime::Result<runtime::EngineOptions> observing_options(
    const Common& common, Progress& progress, const std::shared_ptr<runtime::CancelToken>& cancel) {
  auto options = engine_options(common, progress);
  if (!options) return failure(Category::config, std::move(options).errors());
  options->one_node_stages = true;
  options->cancel = cancel;
  return *std::move(options);
}

/// Values that a file has by the names that --dump gives them, of whatever made it.
runtime::Result<std::shared_ptr<debugger::Reference>> read_reference(const DebugArguments& arguments,
                                                                     std::span<const config::Edit> edits) {
  auto config = config::read_run(arguments.config, edits);
  if (!config) return failure(Category::config, std::move(config).errors());
  auto file = tensors::Safetensors::open(arguments.reference);
  if (!file) return failure(Category::config, std::move(file).errors());
  debugger::Values values;
  std::uint64_t number = 0;
  for (const config::Step& step : config->run.steps)
    for (std::uint32_t repetition = 0; repetition < step.repeat; ++repetition, ++number) {
      const std::string prefix = config->run.has_steps ? fmt::format("{}/", number) : "";
      for (const auto& [name, tensor] : file->tensors())
        if (name.starts_with(prefix))
          values.emplace(std::tuple(number, step.method, name.substr(prefix.size())), tensor);
    }
  return std::make_shared<debugger::Reference>(std::move(values), arguments.rtol, arguments.atol);
}

/// Runs the reference and keeps what its nodes gave.
runtime::Result<std::shared_ptr<debugger::Reference>> run_reference(
    const Common& common, const DebugArguments& arguments, std::span<const config::Edit> edits,
    const plan::Topology& topology, Progress& progress, const std::shared_ptr<runtime::CancelToken>& cancel) {
  if (arguments.reference.ends_with(".safetensors")) return read_reference(arguments, edits);
  const bool other = !arguments.reference.empty();
  std::vector<config::Edit> changes;
  if (!other) {
    changes.assign(edits.begin(), edits.end());
    changes.push_back({"/backend", reference_backend(topology)});
    changes.push_back({"/hints", "[]"});
  }
  auto config = config::read_run(other ? arguments.reference : arguments.config, changes);
  if (!config) return failure(Category::config, std::move(config).errors());
  calm(*config);
  config->expect.reset();
  auto options = observing_options(common, progress, cancel);
  if (!options) return std::move(options).failure();
  options->set_environment = false;  // the run's own plug-ins are loaded already
  options->reschedule = !other;
  auto engine = runtime::Engine::create(std::move(*config), std::move(*options));
  if (!engine) return std::move(engine).failure();
  const std::optional<debugger::NodeSet> everything;
  std::shared_ptr<debugger::Recorder> recorder;
  runtime::JobOptions job;
  job.scheduled = [&](const runtime::ScheduledJob& scheduled) {
    recorder = std::make_shared<debugger::Recorder>(*scheduled.engine.scheduled(), everything);
    return runtime::Result<std::shared_ptr<runtime::StepObserver>>(recorder);
  };
  runtime::JobOutcome outcome = runtime::run_job(*engine, job);
  if (outcome.failure) return *std::move(outcome.failure);
  return std::make_shared<debugger::Reference>(recorder->values(), arguments.rtol, arguments.atol);
}

/// What the comparison came to.
int conclude(const Console& console, const debugger::Reference& reference) {
  if (!reference.first()) {
    console.print(
        reference.compared() == 0
            ? std::string("nothing was compared: the reference has none of the values\n")
            : fmt::format("{} equal the reference's\n", report::counted(reference.compared(), "result")));
    return reference.compared() == 0 ? static_cast<int>(Category::config) : 0;
  }
  const debugger::Reference::First& first = *reference.first();
  plan::Diagnostic differs;
  differs.code = "GE0666";
  differs.node = first.node.substr(0, first.node.find(' '));
  differs.message = fmt::format("{} of {} results differ from the reference, first in step {} at {}: {} {}",
                                reference.differing(), reference.compared(), first.step, first.node,
                                first.mismatch.value, first.mismatch.what);
  differs.help = fmt::format(
      "look at it with `break {}`, `print` and `finish`; every value that it took was equal", differs.node);
  return console.fail({differs}, Category::verification);
}

}  // namespace

int debug(const Common& common, const DebugArguments& arguments) {
  const Console console(common.json);
  if (common.json) {
    plan::Diagnostic words;
    words.code = "GE0001";
    words.message = "`debug` answers in words, not in JSON";
    words.help = "leave --json out; `genie-host run --dump SELECTOR` writes values for programs";
    return console.fail({words}, Category::config);
  }
  const auto edits = config::parse_edits(arguments.set);
  if (!edits) return console.fail(edits.errors(), Category::config);
  const auto given = given_commands(arguments);
  if (!given) return console.fail(given.errors(), Category::config);
  auto config = config::read_run(arguments.config, *edits);
  if (!config) return console.fail(config.errors(), Category::config);
  calm(*config);

  Progress progress(console.err_style());
  const auto cancel = std::make_shared<runtime::CancelToken>();
  const InterruptGuard guard(cancel);
  auto options = observing_options(common, progress, cancel);
  if (!options) return console.fail(options.failure());
  auto engine = runtime::Engine::create(std::move(*config), *std::move(options));
  progress.clear();
  if (!engine) return console.fail(engine.failure());

  const bool compares = arguments.compare || !arguments.reference.empty();
  // A comparison with nobody to ask just runs; so does a script to its end.
  const bool asks = given->empty() && !(compares && ::isatty(STDIN_FILENO) == 0);
  Commands commands(*given, asks, *cancel);
  debugger::Talk talk;
  talk.style = console.out_style();
  talk.write = [&](std::string_view text) { console.print(text); };
  talk.read = [&]() -> std::optional<std::string> {
    if (commands.typed()) console.print("(genie) ");
    auto line = commands.next();
    if (line && !commands.typed() && !line->empty()) console.print(fmt::format("(genie) {}\n", *line));
    return line;
  };
  std::shared_ptr<debugger::Reference> reference;
  std::shared_ptr<debugger::Debugger> debugger;
  runtime::JobOptions job;
  job.scheduled =
      [&](const runtime::ScheduledJob& scheduled) -> runtime::Result<std::shared_ptr<runtime::StepObserver>> {
    if (compares) {
      auto made = run_reference(common, arguments, *edits, *scheduled.engine.topology(), progress, cancel);
      if (!made) return std::move(made).failure();
      reference = *std::move(made);
    }
    progress.clear();
    debugger = std::make_shared<debugger::Debugger>(*scheduled.engine.scheduled(), talk, reference, cancel,
                                                    asks || !given->empty());
    return std::shared_ptr<runtime::StepObserver>(debugger);
  };
  const runtime::JobOutcome outcome = runtime::run_job(*engine, job);
  progress.clear();
  if (debugger && debugger->quit()) return static_cast<int>(Category::interrupted);
  if (reference && reference->first()) return conclude(console, *reference);
  if (outcome.failure) return console.fail(*outcome.failure);
  for (const auto& output : outcome.report.outputs)
    console.print(fmt::format("{} = {}  {}\n", output.name, output.type, output.preview));
  if (outcome.report.verify) console.print("outputs are as expected\n");
  return reference ? conclude(console, *reference) : 0;
}

}  // namespace genie::cli
