// The arithmetic behind `genie-host measure`: exact times give exact parameters back, and a disturbed one changes little.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "genie/plan/schedule.hpp"
#include "genie/plan/validate.hpp"
#include "measure/calibration.hpp"
#include "measure/fit.hpp"

namespace genie::measure {
namespace {

doctest::Approx about(double value) {
  return doctest::Approx(value).epsilon(1e-9);
}

double node_ns(double flops, double bytes) {
  return 1500 + std::max(flops / 40, bytes / 8);  // 40 flops and 8 bytes a nanosecond
}

std::vector<ComputeSample> exact_samples() {
  std::vector<ComputeSample> samples;
  for (const auto& [flops, bytes] : std::vector<std::pair<double, double>>{
           {0, 128}, {0, 1e6}, {0, 4e7}, {3e5, 1e6}, {1e6, 1e5}, {2e9, 1e7}, {4e7, 2e6}})
    samples.push_back({flops, bytes, node_ns(flops, bytes)});
  return samples;
}

TEST_CASE("exact times of messages give latency and bandwidth back") {
  std::vector<LinkSample> samples;
  for (const double bytes : {64.0, 4096.0, 1e6, 4e6})
    samples.push_back({bytes, 25'000 + bytes / 1.25});
  const auto fit = fit_link(samples);
  REQUIRE(fit);
  CHECK(fit->latency_ns == about(25'000));
  CHECK(fit->bandwidth_bytes_per_s == about(1.25e9));
  CHECK(fit->error < 1e-9);
}

TEST_CASE("a link without latency has none, also where times would say less than none") {
  const auto fit = fit_link(std::vector<LinkSample>{{1000, 900}, {2000, 2000}, {4000, 4100}});
  REQUIRE(fit);
  CHECK(fit->latency_ns == 0);
  CHECK(fit->bandwidth_bytes_per_s > 0.9e9);
  CHECK(fit->bandwidth_bytes_per_s < 1.2e9);
}

TEST_CASE("where no line fits, twice too long is as wrong as half as long") {
  // Small messages slip through a link that holds large ones up.
  const auto fit =
      fit_link(std::vector<LinkSample>{{1000, 9000}, {1'000'000, 1'000'000}, {1'000'000, 4'000'000}});
  REQUIRE(fit);
  CHECK(fit->latency_ns + 1e6 / fit->bandwidth_bytes_per_s * 1e9 == doctest::Approx(2e6).epsilon(0.01));
}

TEST_CASE("times that do not grow with size say nothing of a link") {
  CHECK_FALSE(fit_link({}));
  CHECK_FALSE(fit_link(std::vector<LinkSample>{{1000, 500}}));
  CHECK_FALSE(fit_link(std::vector<LinkSample>{{1000, 500}, {1000, 700}}));
  CHECK_FALSE(fit_link(std::vector<LinkSample>{{1000, 500}, {2000, 500}, {4000, 400}}));
}

TEST_CASE("exact times of nodes give flops, bytes and overhead back, whichever bounds each") {
  const auto fit = fit_compute(exact_samples());
  REQUIRE(fit);
  CHECK(fit->flops_per_s == about(40e9));
  CHECK(fit->memory_bytes_per_s == about(8e9));
  CHECK(fit->op_overhead_ns == about(1500));
  CHECK(fit->error < 1e-9);
}

TEST_CASE("a node that takes a tenth longer moves no parameter by more than that") {
  for (std::size_t disturbed = 0; disturbed < exact_samples().size(); ++disturbed) {
    auto samples = exact_samples();
    samples[disturbed].ns *= 1.1;
    const auto fit = fit_compute(samples);
    REQUIRE(fit);
    CAPTURE(disturbed);
    CHECK(fit->flops_per_s == doctest::Approx(40e9).epsilon(0.1));
    CHECK(fit->memory_bytes_per_s == doctest::Approx(8e9).epsilon(0.1));
    CHECK(fit->op_overhead_ns == doctest::Approx(1500).epsilon(0.11));
  }
}

TEST_CASE("nodes of one kind alone do not tell what bounds the other") {
  CHECK_FALSE(fit_compute({}));
  CHECK_FALSE(fit_compute(std::vector<ComputeSample>{{0, 1000, 100}, {0, 2000, 200}}));
  CHECK_FALSE(fit_compute(std::vector<ComputeSample>{{1e6, 1000, 100}, {2e6, 1000, 200}}));
  CHECK_FALSE(fit_compute(std::vector<ComputeSample>{{1e6, 1000, 0}, {0, 1000, 0}}));
}

TEST_CASE("speed is the middle of the ratios, which one disturbed pair does not move far") {
  CHECK(relative_speed({}, {}) == 1);
  const std::vector<double> here{100, 200, 300, 400, 500};
  CHECK(relative_speed(here, std::vector<double>{50, 100, 150, 200, 250}) == about(2));
  CHECK(relative_speed(here, std::vector<double>{50, 100, 9999, 200, 250}) == about(2));
  CHECK(relative_speed(here, std::vector<double>{0, 100, 0, 0, 0}) == about(2));
  CHECK(relative_speed(std::vector<double>{100, 100}, std::vector<double>{100, 25}) == about(2));
}

TEST_CASE("the lower quartile is one that a quarter do not exceed") {
  CHECK(lower_quartile(std::vector<double>{5}) == 5);
  CHECK(lower_quartile(std::vector<double>{4, 3, 2, 1}) == 1);
  CHECK(lower_quartile(std::vector<double>{9, 1, 8, 2, 7}) == 2);
}

plan::Topology devices(std::vector<std::uint64_t> memory) {
  plan::Topology topology;
  topology.client_host = "client";
  for (const std::uint64_t bytes : memory) {
    plan::Device device;
    device.id = "w" + std::to_string(topology.devices.size());
    device.kind = "cpu";
    device.host = device.id;
    device.memory_bytes = bytes;
    device.kernels = {"k"};
    device.compute = {1e10, 1e10, 1000};
    topology.devices.push_back(device);
  }
  for (std::size_t i = 0; i < memory.size(); ++i)
    for (const plan::Device& other : topology.devices) {
      plan::Link link;
      link.ends[0] = i == 0 ? "client" : topology.devices[i - 1].id;
      link.ends[1] = other.id;
      link.id = link.ends[0] + link.ends[1];
      link.bandwidth_bytes_per_s = 1e9;
      if (link.ends[0] < link.ends[1]) topology.links.push_back(link);
    }
  plan::KernelsInfo kernels;
  kernels.kinds = {"cpu"};
  kernels.dtypes = {plan::DType::f32};
  topology.kernels["k"] = kernels;
  return topology;
}

TEST_CASE(
    "the calibration is a plan that holds on its devices, with a task for every device, pair and size") {
  const plan::Topology topology = devices({1 << 30, 1 << 30, 1 << 30});
  Calibration made = make_calibration(topology, true);
  const plan::Costs costs = plan::model_costs(made.plan, topology, {});
  auto joined = plan::join_schedule(made.plan, made.schedule, topology, costs);
  REQUIRE(joined);
  const auto errors = plan::validate(*joined, {.up_to = plan::Level::v5, .topology = &topology}).diagnostics;
  for (const plan::Diagnostic& diagnostic : errors)
    FAIL(diagnostic.message);
  CHECK(made.compute.size() % 3 == 0);
  CHECK(made.pairs.size() == made.echoes.size());  // three pairs of three devices
  CHECK(made.uploads.size() == 6);
  CHECK(make_calibration(topology, false).echoes.empty());
}

TEST_CASE("what a task says of its nodes is what the cost model counts") {
  const plan::Topology topology = devices({1 << 30});
  const Calibration made = make_calibration(topology, false);
  const plan::Costs costs = plan::model_costs(made.plan, topology, {});
  const auto total = [&](const std::string& method) {
    double ns = 0;
    for (const auto& [node, entry] : costs.methods.at(method))
      ns += static_cast<double>(entry.ns.front());
    return ns;
  };
  REQUIRE_FALSE(made.compute.empty());
  for (const ComputeTask& task : made.compute) {
    CAPTURE(task.name);
    const double node = 1000 + std::max(task.flops / 10, task.bytes / 10);
    CHECK(std::abs(total(task.with) - total(task.without) - task.nodes * node) <= task.nodes);
  }
}

TEST_CASE("a device with little memory is measured with small sizes only") {
  const auto largest = [](const Calibration& made) {
    std::uint64_t bytes = 0;
    for (const auto& [name, state] : made.plan.states)
      bytes = std::max(bytes, static_cast<std::uint64_t>(state.shape.front()) * 4);
    return bytes;
  };
  const Calibration small = make_calibration(devices({4 << 20}), true);
  CHECK(largest(small) <= (4 << 20) / 16);
  CHECK(small.compute.size() < make_calibration(devices({1 << 30}), true).compute.size());
  CHECK_FALSE(small.compute.empty());
}

}  // namespace
}  // namespace genie::measure
