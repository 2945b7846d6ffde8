#include "measure/measure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "measure/calibration.hpp"
#include "measure/fit.hpp"
#include "measure/stopwatch.hpp"

namespace genie::measure {

namespace {

using runtime::Category;
using runtime::Result;
using runtime::Status;

/// Two messages at once that take so much longer than one share a medium; two that do not share take as long as one.
constexpr double kShares = 1.5;

/// No way to another process takes less, whatever it carries.
constexpr double kNothingNs = 50;

runtime::Failure cannot(std::string message, std::string help) {
  return runtime::failure(Category::execution, GENIE_FAILED_PRECONDITION, "GE0678", std::move(message),
                          std::move(help));
}

/// What went wrong is the backend's or the plan's to say; what could not be done because of it comes first.
runtime::Failure because(runtime::Failure why, std::string_view doing) {
  if (why.category == Category::interrupted) return why;
  plan::Diagnostic headline;
  headline.code = "GE0678";
  headline.message = fmt::format("the devices cannot be measured: {} failed", doing);
  headline.help = "devices must be able to run small plans of aten.add, aten.mm, aten.alias and aten.slice";
  why.diagnostics.insert(why.diagnostics.begin(), std::move(headline));
  return why;
}

/// A backend with the calibration prepared on it.
struct Bench {
  std::unique_ptr<runtime::Engine> engine;
  plan::Topology topology;
  Calibration calibration;
  std::optional<Stopwatch> stopwatch;

  static Result<Bench> set_up(config::RunConfig config, runtime::EngineOptions options, bool links) {
    config.source = {};
    config.hints.clear();
    auto engine = runtime::Engine::create(std::move(config), std::move(options));
    if (!engine) return std::move(engine).failure();
    Bench bench;
    bench.engine = std::make_unique<runtime::Engine>(*std::move(engine));
    auto topology = bench.engine->look_around();
    if (!topology) return std::move(topology).failure();
    bench.topology = *std::move(topology);
    bench.calibration = make_calibration(bench.topology, links);
    if (auto placed = bench.engine->place(bench.calibration.plan, bench.calibration.schedule); !placed)
      return because(std::move(placed).failure(), "placing a small plan on them");
    if (auto prepared = bench.engine->prepare(); !prepared)
      return because(std::move(prepared).failure(), "preparing a small plan on them");
    auto stopwatch = Stopwatch::start(*bench.engine);
    if (!stopwatch) return because(std::move(stopwatch).failure(), "opening a session");
    bench.stopwatch = *std::move(stopwatch);
    return bench;
  }
};

class Measurer {
 public:
  /// `here`: this machine, to compare with; may be null.
  Measurer(Bench& bench, Bench* here, const Options& options)
      : bench_(bench), here_(here), options_(options) {
    const std::size_t devices = bench.topology.devices.size();
    total_ = devices * 2 + devices * (devices - 1) / 2;
  }

  /// What a device computes, and how that compares.
  struct Computes {
    std::vector<ComputeSample> samples;
    double speed = 1;
  };
  Result<Computes> time_nodes(const std::string& device) {
    say(fmt::format("computing on {}", device));
    std::vector<Tasks> tasks{Tasks(bench_, device)};
    if (here_) tasks.emplace_back(*here_, here_->topology.devices.front().id);
    std::vector<Series> series;
    for (const Tasks& of : tasks)
      series.push_back(of.series);
    if (auto timed = time_together(series, options_.repeat); !timed)
      return because(std::move(timed).failure(), fmt::format("computing on {}", device));
    Computes found;
    std::map<std::string, double, std::less<>> here;
    if (here_)
      for (std::size_t i = 0; i < tasks[1].tasks.size(); ++i)
        here.emplace(tasks[1].tasks[i]->name, node_ns(tasks[1], series[1], i));
    std::vector<double> reference, measured;
    for (std::size_t i = 0; i < tasks[0].tasks.size(); ++i) {
      const ComputeTask& task = *tasks[0].tasks[i];
      const double ns = node_ns(tasks[0], series[0], i);
      found.samples.push_back({task.flops, task.bytes, ns});
      const auto at = here.find(task.name);
      reference.push_back(at == here.end() ? 0 : at->second);
      measured.push_back(ns);
    }
    found.speed = relative_speed(reference, measured);
    return found;
  }

  /// One way, as devices were measured; both ways together take twice as long as one, and what the one node there takes.
  Result<std::vector<LinkSample>> time_echoes(const plan::Device& device) {
    say(fmt::format("the link to {}", device.id));
    std::vector<std::string> methods;
    std::vector<LinkSample> samples;
    for (const EchoTask& echo : bench_.calibration.echoes)
      if (echo.device == device.id) {
        methods.push_back(echo.method);
        samples.push_back({static_cast<double>(echo.bytes), 0});
      }
    auto times = time(std::move(methods), fmt::format("sending to {}", device.id));
    if (!times) return std::move(times).failure();
    for (std::size_t i = 0; i < samples.size(); ++i)
      samples[i].ns = std::max(0.0, (*times)[i] - static_cast<double>(device.compute.op_overhead_ns)) / 2;
    return samples;
  }

  Result<std::vector<LinkSample>> time_pair(const plan::Device& a, const plan::Device& b) {
    say(fmt::format("the link between {} and {}", a.id, b.id));
    std::vector<std::string> methods;
    std::vector<LinkSample> samples;
    for (const PairTask& pair : bench_.calibration.pairs)
      if (pair.from == a.id && pair.to == b.id) {
        methods.insert(methods.end(), {pair.with, pair.without});
        samples.push_back({static_cast<double>(pair.bytes), 0});
      }
    auto times = time(std::move(methods), fmt::format("sending from {} to {}", a.id, b.id));
    if (!times) return std::move(times).failure();
    // One node ran on the other device instead.
    const double node =
        static_cast<double>(b.compute.op_overhead_ns) - static_cast<double>(a.compute.op_overhead_ns);
    for (std::size_t i = 0; i < samples.size(); ++i)
      samples[i].ns = std::max(0.0, (*times)[2 * i] - (*times)[2 * i + 1] - node) / 2;
    return samples;
  }

  /// Groups of devices whose links from the client slow each other down; each named by its first. `latency` by device.
  Result<std::map<std::string, std::string>> find_shared(const std::map<std::string, double>& latency_ns) {
    std::map<std::string, std::string> shared;
    std::map<std::vector<std::string>, const UploadTask*> uploads;
    for (const UploadTask& upload : bench_.calibration.uploads)
      uploads.emplace(upload.devices, &upload);
    for (const auto& [devices, both] : uploads) {
      if (devices.size() != 2) continue;
      auto times = time({both->method, uploads.at({devices[0]})->method, uploads.at({devices[1]})->method},
                        "sending to two devices at once");
      if (!times) return std::move(times).failure();
      // What the messages themselves take, without the latencies of a round trip.
      const auto moving = [&](std::size_t i, double latency) {
        return std::max(1.0, (*times)[i] - 2 * latency);
      };
      const double first = latency_ns.at(devices[0]), second = latency_ns.at(devices[1]);
      const double alone = std::max(moving(1, first), moving(2, second));
      if (moving(0, std::max(first, second)) < kShares * alone) continue;
      const auto group = shared.try_emplace(devices[0], devices[0]).first->second;
      shared.insert_or_assign(devices[1], group);
    }
    return shared;
  }

 private:
  /// The tasks of one device, and their methods: `with` and `without` of each.
  struct Tasks {
    Tasks(Bench& bench, const std::string& device) {
      series.stopwatch = &*bench.stopwatch;
      for (const ComputeTask& task : bench.calibration.compute)
        if (task.device == device) {
          tasks.push_back(&task);
          series.methods.insert(series.methods.end(), {task.with, task.without});
        }
    }
    std::vector<const ComputeTask*> tasks;
    Series series;
  };
  /// 0 where the difference says nothing.
  static double node_ns(const Tasks& tasks, const Series& timed, std::size_t i) {
    return std::max(0.0, (timed.ns[2 * i] - timed.ns[2 * i + 1]) / tasks.tasks[i]->nodes);
  }
  Result<std::vector<double>> time(std::vector<std::string> methods, const std::string& doing) {
    Series series{&*bench_.stopwatch, std::move(methods), {}};
    if (auto timed = time_together({&series, 1}, options_.repeat); !timed)
      return because(std::move(timed).failure(), doing);
    return std::move(series.ns);
  }
  void say(const std::string& what) {
    if (options_.progress) options_.progress(done_++, total_, what);
  }

  Bench& bench_;
  Bench* here_;
  const Options& options_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

/// This machine: the emulator's device, which runs the same kernels here and says how long they took.
Result<Bench> this_machine(config::RunConfig config, const Options& options) {
  config.backend = {std::string(config::kDefaultBackend), R"({"costs":"measured"})"};
  auto engine = options.engine(false);
  if (!engine) return std::move(engine).failure();
  return Bench::set_up(std::move(config), *std::move(engine), false);
}

plan::Link link(std::string from, std::string to, const LinkFit& fit) {
  plan::Link made;
  made.id = from + "--" + to;
  made.ends[0] = std::move(from);
  made.ends[1] = std::move(to);
  made.bandwidth_bytes_per_s = fit.bandwidth_bytes_per_s;
  made.latency_ns = static_cast<std::uint64_t>(std::llround(fit.latency_ns));
  return made;
}

runtime::Failure says_nothing(std::string_view what) {
  return cannot(fmt::format("the times of {} say nothing: larger messages were not slower", what),
                "measure again when the machines are less busy, with a larger --repeat");
}

Status measure_devices(Measurer& measurer, Measured& into) {
  for (plan::Device& device : into.topology.devices) {
    auto there = measurer.time_nodes(device.id);
    if (!there) return std::move(there).failure();
    const auto fit = fit_compute(there->samples);
    if (!fit)
      return cannot(fmt::format("what {} computed says nothing about its speed", device.id),
                    "give the device more memory (16 MiB at least), or measure again when it is less busy");
    device.speed = there->speed;
    device.compute.flops_per_s = fit->flops_per_s / device.speed;
    device.compute.memory_bytes_per_s = fit->memory_bytes_per_s / device.speed;
    device.compute.op_overhead_ns = static_cast<std::uint64_t>(std::llround(fit->op_overhead_ns));
    into.device_errors.push_back(fit->error);
  }
  return runtime::Unit{};
}

Status measure_links(Measurer& measurer, Measured& into) {
  plan::Topology& topology = into.topology;
  topology.links.clear();
  if (topology.client_host.empty()) topology.client_host = "client";
  std::map<std::string, double> latency_ns;
  for (const plan::Device& device : topology.devices) {
    auto samples = measurer.time_echoes(device);
    if (!samples) return std::move(samples).failure();
    // Devices in the client's own process are reached at no cost, and need no link.
    if (std::ranges::all_of(*samples, [](const LinkSample& sample) { return sample.ns < kNothingNs; }))
      continue;
    const auto fit = fit_link(*samples);
    if (!fit) return says_nothing("the link to " + device.id);
    latency_ns[device.id] = fit->latency_ns;
    topology.links.push_back(link(topology.client_host, device.id, *fit));
    into.link_errors.push_back(fit->error);
  }
  if (latency_ns.size() == topology.devices.size()) {
    auto shared = measurer.find_shared(latency_ns);
    if (!shared) return std::move(shared).failure();
    for (plan::Link& made : topology.links)
      if (const auto at = shared->find(made.ends[1]); at != shared->end())
        made.shared = "client of " + at->second;
  }
  for (std::size_t a = 0; a < topology.devices.size(); ++a)
    for (std::size_t b = a + 1; b < topology.devices.size(); ++b) {
      auto samples = measurer.time_pair(topology.devices[a], topology.devices[b]);
      if (!samples) return std::move(samples).failure();
      const std::string& from = topology.devices[a].id;
      const std::string& to = topology.devices[b].id;
      const auto fit = fit_link(*samples);
      if (!fit) return says_nothing(fmt::format("the link between {} and {}", from, to));
      topology.links.push_back(link(from, to, *fit));
      into.link_errors.push_back(fit->error);
    }
  return runtime::Unit{};
}

}  // namespace

Result<Measured> measure(const config::RunConfig& config, const Options& options) {
  auto engine = options.engine(true);
  if (!engine) return std::move(engine).failure();
  auto bench = Bench::set_up(config, *std::move(engine), true);
  if (!bench) return std::move(bench).failure();
  Measured measured;
  measured.topology = bench->topology;
  measured.topology.kernels.clear();  // the host fills them in where the document is used
  auto here = this_machine(config, options);
  if (!here) {
    if (here.failure().category == Category::interrupted) return here.failure();
    measured.not_compared = here.failure().message();
  }
  Measurer measurer(*bench, here ? &*here : nullptr, options);
  if (auto done = measure_devices(measurer, measured); !done) return std::move(done).failure();
  if (auto done = measure_links(measurer, measured); !done) return std::move(done).failure();
  return measured;
}

}  // namespace genie::measure
