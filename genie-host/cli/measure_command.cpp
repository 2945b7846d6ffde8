// genie-host measure --config run.json -o topology.json
#include "measure/measure.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/engine_setup.hpp"
#include "cli/interrupt.hpp"
#include "report/files.hpp"

namespace genie::cli {

namespace {

using Align = report::Table::Align;

std::string rate(double per_second, std::string_view unit) {
  return fmt::format("{:.3g} G{}/s", per_second / 1e9, unit);
}

std::string text_of(const measure::Measured& measured, const std::string& file) {
  const plan::Topology& topology = measured.topology;
  report::Table devices({Align::left, Align::right, Align::right, Align::right, Align::right, Align::right});
  devices.row({"device", "speed", "computes", "memory", "an operator", "fit"});
  for (std::size_t i = 0; i < topology.devices.size(); ++i) {
    const plan::Device& device = topology.devices[i];
    devices.row({device.id, fmt::format("{:.2f}", device.speed),
                 rate(device.compute.flops_per_s * device.speed, "FLOP"),
                 rate(device.compute.memory_bytes_per_s * device.speed, "B"),
                 report::duration_text(device.compute.op_overhead_ns),
                 "±" + report::percent_text(measured.device_errors[i], false)});
  }
  std::string text = devices.text();
  if (!topology.links.empty()) {
    report::Table links({Align::left, Align::right, Align::right, Align::right, Align::left});
    links.row({"link", "bandwidth", "latency", "fit", "shared"});
    for (std::size_t i = 0; i < topology.links.size(); ++i) {
      const plan::Link& link = topology.links[i];
      links.row({link.id, rate(link.bandwidth_bytes_per_s, "B"), report::duration_text(link.latency_ns),
                 "±" + report::percent_text(measured.link_errors[i], false), link.shared});
    }
    text += "\n" + links.text();
  }
  if (!measured.not_compared.empty())
    text += fmt::format("\nspeed: not compared with this machine ({})\n", measured.not_compared);
  return text + fmt::format("\nwritten: {}\n", file);
}

}  // namespace

int measure(const Common& common, const MeasureArguments& arguments) {
  const Console console(common.json);
  const auto edits = config::parse_edits(arguments.set);
  if (!edits) return console.fail(edits.errors(), runtime::Category::config);
  const auto config = config::read_run(arguments.config, *edits);
  if (!config) return console.fail(config.errors(), runtime::Category::config);
  // Half a minute of measuring should not end in a file that cannot be written: try that first.
  if (!arguments.output.empty()) {
    const std::string beside = arguments.output + ".partial";
    if (auto written = report::write_file(beside, ""); !written)
      return console.fail(written.errors(), runtime::Category::config);
    std::error_code ignored;
    std::filesystem::remove(beside, ignored);
  }

  Progress progress(console.err_style());
  const auto stop = std::make_shared<runtime::CancelToken>();
  const InterruptGuard guard(stop);
  measure::Options options;
  options.repeat = arguments.repeat;
  options.engine = [&](bool first) -> runtime::Result<runtime::EngineOptions> {
    auto made = engine_options(common, progress);
    if (!made) return runtime::failure(runtime::Category::config, std::move(made).errors());
    made->set_environment = first;
    made->cancel = stop;
    return *std::move(made);
  };
  options.progress = [&](std::uint64_t done, std::uint64_t total, std::string_view what) {
    progress.update(done, total, what);
  };
  const auto measured = measure::measure(*config, options);
  progress.clear();
  if (!measured) return console.fail(measured.failure());

  const std::string document = plan::encode_topology(measured->topology, 2) + "\n";
  if (arguments.output.empty()) {
    console.print(document);
    return 0;
  }
  if (auto written = report::write_file(arguments.output, document); !written)
    return console.fail(written.errors(), runtime::Category::config);
  console.print(console.json() ? document : text_of(*measured, arguments.output));
  return 0;
}

}  // namespace genie::cli
