// A job's life: inputs are loaded and checked before anything is scheduled, because their sizes decide the schedule; warm-up
// runs and measured runs each take a session of their own; outputs are those of the last run.
#include "runtime/job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "genie/plan/json.hpp"
#include "report/files.hpp"
#include "runtime/job_steps.hpp"
#include "tensors/compare.hpp"
#include "tensors/element.hpp"

namespace genie::runtime {

namespace {

constexpr std::size_t kPreviewElements = 4;

std::string preview(const tensors::Tensor& tensor) {
  std::string text;
  const std::uint64_t shown = std::min<std::uint64_t>(tensor.elements(), kPreviewElements);
  for (std::uint64_t i = 0; i < shown; ++i)
    text +=
        (i > 0 ? ", " : "") +
        tensors::element_text(tensor.dtype(), tensor.bytes().data() + i * plan::size_bytes(tensor.dtype()));
  if (tensor.elements() > shown) text += ", …";
  return text;
}

class Job {
 public:
  Job(Engine& engine, const JobOptions& options)
      : engine_(engine), options_(options), config_(engine.config()) {}

  JobOutcome execute() {
    JobOutcome outcome;
    std::optional<Failure> failure = run();
    outcome.report = describe(engine_);
    report::RunReport& report = outcome.report;
    report.steps = std::move(times_);
    report.repeat = config_.run.repeat;
    report.stats = report::since(before_, std::move(report.stats));
    attach_virtual_times(report);
    add_recoveries(report);
    collect_trace(report);
    report.observed = observe(report);
    report.verify = std::move(verification_);
    for (const auto& [name, tensor] : outputs_)
      report.outputs.push_back({name, tensor.type_text(), preview(tensor)});
    if (!failure) failure = save_outputs(report);
    // What the run found out is written also when it failed: that is when one wants to look at it.
    if (auto unwritten = save_documents(report); unwritten && !failure) failure = std::move(unwritten);
    if (!failure && report.verify && !report.verify->passed)
      failure = runtime::failure(Category::verification,
                                 tensors::verification_diagnostics(*report.verify, config_.expect->file),
                                 GENIE_DATA_LOSS);
    if (failure) {
      report.exit_code = failure->exit_code();
      report.failure = failure->diagnostics;
    }
    if (!config_.report.json.empty()) {
      report.written.emplace_back("report", config_.report.json);
      if (auto unwritten = save("json", config_.report.json, report::to_json(report)); unwritten && !failure)
        failure = std::move(unwritten);
    }
    outcome.failure = std::move(failure);
    outcome.outputs = std::move(outputs_);
    return outcome;
  }

 private:
  std::optional<Failure> run() {
    if (auto captured = engine_.capture(); !captured) return std::move(captured).failure();
    if (auto expected = load_expected()) return expected;
    auto prepared = prepare_steps(config_, *engine_.captured(), wanted_by_name_);
    if (!prepared) return failure(Category::config, std::move(prepared).errors());
    steps_ = std::move(*prepared);
    const std::vector<MethodSizes> sizes = step_sizes(*engine_.captured(), steps_);
    if (auto scheduled = engine_.schedule(sizes); !scheduled) return std::move(scheduled).failure();
    if (options_.scheduled) {
      auto observer = options_.scheduled({engine_, steps_});
      if (!observer) return std::move(observer).failure();
      observer_ = *std::move(observer);
    }
    if (auto ready = engine_.prepare(); !ready) return std::move(ready).failure();

    const std::uint64_t total =
        (std::uint64_t{config_.run.warmup} + config_.run.repeat) * config_.run.step_count();
    done_ = 0;
    for (std::uint32_t i = 0; i < config_.run.warmup; ++i)
      if (auto failed = run_session(total, Purpose::warmup)) return failed;
    if (config_.run.warmup > 0) {
      (void)engine_.take_trace();
      if (auto stats = read_stats()) before_ = std::move(*stats);
    }
    for (std::uint32_t i = 0; i < config_.run.repeat; ++i)
      if (auto failed = run_session(total, i + 1 == config_.run.repeat ? Purpose::result : Purpose::measure))
        return failed;
    if (config_.expect)
      verification_ = tensors::verify(outputs_, expected_, config_.expect->rtol, config_.expect->atol);
    return std::nullopt;
  }

  enum class Purpose { warmup, measure, result };
  /// Outputs that stay on their devices: (step, output) → value.
  using Kept = std::map<std::pair<std::uint64_t, std::string>, KeptValue>;

  /// One step of the session: a repetition of an entry of the config.
  struct Turn {
    const PreparedStep* step = nullptr;
    std::uint64_t number = 0;
  };

  /// All steps of the config, once, in a session of their own.
  std::optional<Failure> run_session(std::uint64_t total, Purpose purpose) {
    auto session = engine_.open_session(config_.run.seed, purpose == Purpose::result ? observer_ : nullptr);
    if (!session) return std::move(session).failure();
    std::vector<Turn> turns;
    for (const PreparedStep& step : steps_)
      for (std::uint32_t repetition = 0; repetition < step.config->repeat; ++repetition)
        turns.push_back({&step, turns.size()});
    Kept kept;
    for (std::span<const Turn> left = turns; !left.empty();) {
      const std::span<const Turn> group = left.first(together(left));
      left = left.subspan(group.size());
      if (auto failed = run_group(*session, group, kept, purpose)) return failed;
      // Values that no later step asks for need not stay on their devices.
      std::erase_if(kept, [&](const auto& entry) {
        return last_use_of(steps_, entry.first.first, entry.first.second) <= group.back().number;
      });
      done_ += group.size();
      if (options_.steps_done && total > 1) options_.steps_done(done_, total);
    }
    return std::nullopt;
  }

  /// How many of the next steps one call can carry: as many as the schedule allows, of one method and of the same sizes, none of
  /// which takes what another makes.
  std::size_t together(std::span<const Turn> left) const {
    const PreparedStep& first = *left.front().step;
    const auto scheduled = engine_.scheduled()->schedule->methods.find(first.config->method);
    if (scheduled == engine_.scheduled()->schedule->methods.end()) return 1;
    const std::size_t most = std::min<std::size_t>(left.size(), scheduled->second.micro_batches);
    std::size_t count = 1;
    while (count < most && joins(*left[count].step, left[count].number, first, left.front().number))
      ++count;
    return count;
  }

  static bool joins(const PreparedStep& step, std::uint64_t number, const PreparedStep& first,
                    std::uint64_t first_number) {
    if (step.config->method != first.config->method) return false;
    for (const auto& [name, reference] : step.inputs.references)
      if (&step != &first || referenced_step(reference, number) >= first_number || reference.step < 0)
        return false;
    return std::ranges::equal(
        step.inputs.tensors, first.inputs.tensors, {},
        [](const auto& input) { return std::pair(input.first, input.second.shape()); },
        [](const auto& input) { return std::pair(input.first, input.second.shape()); });
  }

  std::optional<Failure> run_group(Session& session, std::span<const Turn> group, Kept& kept,
                                   Purpose purpose) {
    const Turn& first = group.front();
    if (engine_.cancel_token()->cancelled()) return interrupted(first.number);
    std::vector<StepRequest> requests;
    for (const Turn& turn : group)
      requests.push_back(request(*turn.step, turn.number, kept));
    auto results = session.step(requests);
    if (!results) return name_step(std::move(results).failure(), first.number, *first.step->config);
    for (std::size_t m = 0; m < group.size(); ++m)
      if (auto failed = take_outputs((*results)[m], group[m].number, kept, purpose)) return failed;
    if (purpose == Purpose::warmup) return std::nullopt;
    // What a loss broke up came as several calls.
    for (std::size_t m = 0; m < group.size(); ++m) {
      const StepResult& result = (*results)[m];
      if (!jobs_.empty() && m > 0 && jobs_.back() == result.job) {
        ++times_.back().micro_batches;
        continue;
      }
      times_.push_back({group[m].number, 1, first.step->config->method, result.wall_ns, std::nullopt});
      jobs_.push_back(result.job);
    }
    return std::nullopt;
  }

  StepRequest request(const PreparedStep& step, std::uint64_t number, const Kept& kept) const {
    StepRequest request;
    request.method = step.config->method;
    request.deadline_ms = config_.run.deadline_ms;
    for (const auto& [name, view] : step.views)
      request.inputs.push_back({name, &view, nullptr});
    for (const auto& [name, reference] : step.inputs.references)
      request.inputs.push_back(
          {name, nullptr, &kept.at({referenced_step(reference, number), reference.output})});
    for (const std::string& name : step.fetch)
      request.outputs.push_back({name, false, nullptr});
    for (const std::string& name : kept_outputs(steps_, number))
      request.outputs.push_back({name, true, nullptr});
    return request;
  }

  std::optional<Failure> take_outputs(StepResult& result, std::uint64_t number, Kept& kept, Purpose purpose) {
    for (StepResult::Output& output : result.outputs) {
      if (output.kept) {
        kept.insert_or_assign({number, output.name}, std::move(output.kept));
      } else if (purpose == Purpose::result) {
        auto tensor = tensors::Tensor::copy_of(output.tensor.view());
        if (!tensor) return failure(Category::execution, std::move(tensor).errors());
        outputs_.insert_or_assign(
            config_.run.has_steps ? fmt::format("{}/{}", number, output.name) : output.name,
            std::move(*tensor));
      }
    }
    return std::nullopt;
  }

  std::optional<Failure> load_expected() {
    if (!config_.expect) return std::nullopt;
    auto file = tensors::Safetensors::open(config_.expect->file);
    if (!file) return in_config(std::move(file).errors(), "/expect/file");
    if (!file->unsupported().empty()) {
      auto refused = file->get(file->unsupported().begin()->first);
      return in_config(std::move(refused).errors(), "/expect/file");
    }
    expected_ = file->tensors();
    for (const auto& [name, tensor] : expected_)
      wanted_by_name_.insert(name);
    return std::nullopt;
  }

  std::optional<Failure> save_outputs(report::RunReport& report) {
    if (config_.outputs.file.empty()) return std::nullopt;
    const std::vector<std::pair<std::string, tensors::Tensor>> all(outputs_.begin(), outputs_.end());
    if (auto written = tensors::write_safetensors(config_.outputs.file, all); !written)
      return in_config(std::move(written).errors(), "/outputs/file");
    report.written.emplace_back("outputs", config_.outputs.file);
    return std::nullopt;
  }

  std::optional<Failure> save_documents(report::RunReport& report) {
    std::optional<Failure> failed;
    if (!config_.report.plan.empty() && engine_.captured() != nullptr) {
      const std::filesystem::path folder = std::filesystem::path(config_.report.plan).parent_path();
      failed = save("plan", config_.report.plan, engine_.plan_document(folder));
      if (!failed) report.written.emplace_back("plan", config_.report.plan);
    }
    if (!config_.report.trace.empty() && engine_.scheduled() != nullptr) {
      const std::vector<Recovery> recoveries = engine_.recoveries();
      report::EarlierPlans earlier;
      for (const Recovery& recovery : recoveries)
        earlier.emplace_back(recovery.first_job, recovery.replaced.get());
      auto unwritten =
          save("trace", config_.report.trace, report::trace_json(events_, engine_.scheduled(), earlier));
      if (!unwritten)
        report.written.emplace_back("trace", config_.report.trace);
      else if (!failed)
        failed = std::move(unwritten);
    }
    return failed;
  }

  std::optional<Failure> save(std::string_view key, const std::string& path, const std::string& text) {
    auto written = report::write_file(path, text);
    if (written) return std::nullopt;
    return in_config(std::move(written).errors(), fmt::format("/report/{}", key));
  }

  /// A file that the config names cannot be used: both are named.
  Failure in_config(plan::Diagnostics diagnostics, const std::string& pointer) const {
    for (plan::Diagnostic& diagnostic : diagnostics) {
      if (!diagnostic.file.empty()) diagnostic.message = diagnostic.file + ": " + diagnostic.message;
      diagnostic.file = config_.file;
      diagnostic.pointer = pointer;
    }
    return failure(Category::config, std::move(diagnostics));
  }

  static Failure interrupted(std::uint64_t number) {
    return failure(Category::interrupted, GENIE_CANCELLED, "GE0657",
                   fmt::format("interrupted before step {} started", number));
  }

  Failure name_step(Failure failed, std::uint64_t number, const config::Step& step) const {
    if (config_.run.has_steps)
      for (plan::Diagnostic& diagnostic : failed.diagnostics) {
        diagnostic.message = fmt::format("step {} (`{}`): {}", number, step.method, diagnostic.message);
      }
    return failed;
  }

  std::optional<report::Stats> read_stats() {
    auto json = engine_.stats();
    if (!json) return std::nullopt;
    auto stats = report::decode_stats(*json);
    return stats ? std::optional(std::move(*stats)) : std::nullopt;
  }

  /// What was lost, and what going on without it cost. Virtual times are of the backend's latest steps.
  void add_recoveries(report::RunReport& report) const {
    for (const Recovery& one : engine_.recoveries()) {
      report::Recovery& entry = report.recoveries.emplace_back();
      entry = {one.step, one.lost.devices, one.lost.links, one.lost.memory, one.lost.text(), one.cause,
               one.left, one.plan_id,      one.replayed,   one.wall_ns,     std::nullopt};
      for (const std::uint64_t job : one.jobs)
        if (const auto ns = report.stats.virtual_of(job))
          entry.virtual_ns = entry.virtual_ns.value_or(0) + *ns;
    }
  }

  void attach_virtual_times(report::RunReport& report) const {
    for (std::size_t i = 0; i < report.steps.size() && i < jobs_.size(); ++i)
      report.steps[i].virtual_ns = report.stats.virtual_of(jobs_[i]);
  }

  /// The measured calls as the backend saw them.
  void collect_trace(report::RunReport& report) {
    events_ = engine_.take_trace();
    report.trace_dropped = engine_.trace_dropped();
    if (engine_.scheduled() == nullptr || events_.empty()) return;
    // Stages and transfers are those of the plan that the run ended with.
    const std::vector<Recovery> recoveries = engine_.recoveries();
    const std::uint64_t first = recoveries.empty() ? 0 : recoveries.back().first_job;
    std::vector<report::MeasuredCall> calls;
    for (std::size_t i = 0; i < report.steps.size() && i < jobs_.size(); ++i)
      if (jobs_[i] >= first) calls.push_back({jobs_[i], report.steps[i].index, report.steps[i].method});
    report.calls = report::observed_calls(events_, calls, *engine_.scheduled());
    // The call during which the room ran out was seen in part.
    if (report.trace_dropped > 0 && report.calls.size() > 1) report.calls.pop_back();
  }

  static std::uint32_t scheduled_micro_batches(const report::RunReport& report, const std::string& method) {
    if (!report.plan || !report.plan->schedule) return 1;
    const auto scheduled = report.plan->schedule->methods.find(method);
    return scheduled == report.plan->schedule->methods.end() ? 1 : scheduled->second.micro_batches;
  }

  /// Means over the measured calls. Bytes and busy times cannot be told apart by method, so they are given when there is one.
  static plan::Table<report::Use> observe(const report::RunReport& report) {
    plan::Table<report::Use> observed;
    plan::Table<std::pair<std::uint64_t, std::uint64_t>> sums;  // method → time, steps
    for (const report::StepTime& step : report.steps) {
      // What is predicted is a call with as many micro-batches as there may be.
      if (step.micro_batches != scheduled_micro_batches(report, step.method)) continue;
      auto& [time, count] = sums[step.method];
      time += step.virtual_ns.value_or(step.wall_ns);
      ++count;
    }
    for (const auto& [method, sum] : sums) {
      report::Use& use = observed[method];
      use.makespan_ns = sum.first / sum.second;
      if (sums.size() > 1 || sum.second != report.steps.size()) continue;
      if (const auto wire = report.stats.counters.find("wire_bytes"); wire != report.stats.counters.end())
        use.wire_bytes = wire->second / sum.second;
      for (const auto& [id, device] : report.stats.devices) {
        use.device_busy_ns[id] = device.busy_ns / sum.second;
        use.peak_bytes[id] = device.peak_bytes;
      }
    }
    return observed;
  }

  Engine& engine_;
  const JobOptions& options_;
  const config::RunConfig& config_;
  std::vector<PreparedStep> steps_;
  std::shared_ptr<StepObserver> observer_;  ///< of the last run; null: nobody
  tensors::TensorTable expected_;
  std::set<std::string, std::less<>> wanted_by_name_;  ///< of `expect`: fetched whatever `only` says
  tensors::TensorTable outputs_;
  std::optional<report::Verification> verification_;
  std::vector<report::StepTime> times_;
  std::vector<std::uint64_t> jobs_;           ///< of times_
  std::vector<services::TraceEvent> events_;  ///< of the measured part
  report::Stats before_;                      ///< when the measured part began
  std::uint64_t done_ = 0;
};

}  // namespace

JobOutcome run_job(Engine& engine, const JobOptions& options) {
  return Job(engine, options).execute();
}

Status schedule_job(Engine& engine) {
  if (auto captured = engine.capture(); !captured) return captured;
  const config::RunConfig& config = engine.config();
  const bool has_inputs = std::ranges::any_of(config.run.steps, [](const config::Step& step) {
    return !step.inputs.file.empty() || !step.inputs.by_name.empty();
  });
  if (!has_inputs) return engine.schedule({});
  auto steps = prepare_steps(config, *engine.captured(), {});
  if (!steps) return failure(Category::config, std::move(steps).errors());
  return engine.schedule(step_sizes(*engine.captured(), *steps));
}

report::RunReport describe(Engine& engine) {
  report::RunReport report;
  const config::Source& source = engine.config().source;
  report.source = source.plan.empty() ? source.uri : source.plan;
  report.plan_id = engine.plan_id();
  if (const plan::Plan* plan = engine.scheduled() != nullptr ? engine.scheduled() : engine.captured())
    report.plan = *plan;
  if (engine.topology() != nullptr) report.topology = *engine.topology();
  const Timings& time = engine.timings();
  report.time = {time.load_plugins_ns, time.capture_ns, time.validate_ns, time.schedule_ns, time.prepare_ns};
  report.warnings = engine.warnings();
  report.unchecked = engine.unchecked();
  report.versions = engine.versions();
  auto json = engine.stats();
  if (json) {
    auto stats = report::decode_stats(*json);
    if (stats) {
      report.stats = std::move(*stats);
    } else {
      plan::Diagnostics problems = std::move(stats).errors();
      for (plan::Diagnostic& problem : problems)
        problem.severity = plan::Severity::warning;
      report.warnings.insert(report.warnings.end(), problems.begin(), problems.end());
    }
  }
  return report;
}

}  // namespace genie::runtime
