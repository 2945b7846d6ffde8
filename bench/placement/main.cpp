// The default policy beside the optimum and other schedulers, on many small problems; prints JSON. For placement.py.
//
//   placement-quality [--random N] [--steps N] [PLAN.json…]
//
// One line for each problem: makespans in ns by the event simulator, null where a scheduler found nothing that fits.
#include <charconv>
#include <fstream>
#include <iostream>
#include <iterator>
#include <numeric>
#include <string>
#include <string_view>

#include "baselines.hpp"
#include "genie/plan/codec.hpp"
#include "genie/plan/json.hpp"
#include "graphs.hpp"
#include "small.hpp"

namespace {

using namespace genie;
using namespace genie::bench;

std::optional<std::uint64_t> of_policy(const policy::testing::Drawing& drawing) {
  auto made = drawing.schedule();
  if (!made) return std::nullopt;
  const auto joined = plan::join_schedule(drawing.plan, *std::move(made), drawing.topology, drawing.costs);
  if (!joined) return std::nullopt;
  return joined->schedule->methods.at("forward").predicted->makespan_ns;
}

std::optional<std::uint64_t> least(std::optional<std::uint64_t> a, std::optional<std::uint64_t> b) {
  return !a ? b : !b ? a : std::min(*a, *b);
}

void measure(const Problem& problem, std::uint64_t steps) {
  const policy::testing::Drawing& drawing = problem.drawing;
  const Small small(drawing);
  const std::size_t n = small.nodes.size();
  std::vector<std::size_t> order(n), round_robin(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = 0; i < n; ++i)
    round_robin[i] = i % small.devices;
  std::optional<std::uint64_t> one;
  for (std::size_t d = 0; d < small.devices; ++d)
    one = least(one, judged(drawing, std::vector<std::size_t>(n, d), order));
  const Heft by_heft = heft(small);

  plan::json::Writer writer(0);
  const auto number = [&](std::string_view key, std::optional<std::uint64_t> value) {
    writer.key(key);
    if (value)
      writer.value(*value);
    else
      writer.raw("null");
  };
  writer.begin_object().key("family").value(problem.family);
  writer.key("nodes").value(static_cast<std::uint64_t>(n));
  writer.key("devices").value(static_cast<std::uint64_t>(small.devices));
  const std::optional<std::uint64_t> policy = of_policy(drawing);
  number("policy", policy);
  const std::optional<std::uint64_t> heft_judged = judged(drawing, by_heft.device, by_heft.order);
  number("heft", heft_judged);
  number("round_robin", judged(drawing, round_robin, order));
  number("all_on_one", one);
  // Found within what any of them reaches: the optimum is at most that.
  const auto found = optimum(small, least(policy, heft_judged).value_or(~std::uint64_t{0}), steps);
  number("optimum", found && (policy || found->makespan_ns != ~std::uint64_t{0})
                        ? std::optional(found->makespan_ns)
                        : std::nullopt);
  writer.key("proved").value(found.has_value());
  // For a check of our HEFT against another's: the problem, and the makespan by HEFT's own model.
  writer.key("heft_model_ns").value(by_heft.makespan_ns);
  writer.key("problem").begin_array();
  for (const Small::Node& node : small.nodes) {
    writer.begin_object().key("cost_ns").begin_array();
    for (const std::uint64_t cost : node.cost_ns)
      writer.value(cost);
    writer.end_array().key("reads").begin_array();
    for (const Small::Read& read : node.reads)
      writer.begin_array()
          .value(static_cast<std::uint64_t>(read.node))
          .value(small.path(0, 1).time_ns(read.bytes))
          .end_array();
    writer.end_array().end_object();
  }
  writer.end_array().end_object();
  std::cout << writer.take() << "\n";
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t random = 500, steps = 20'000'000;
  std::vector<std::string> plans;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto value = i + 1 < argc ? number_of(argv[i + 1]) : std::nullopt;
    if ((word == "--random" || word == "--steps") && value) {
      (word == "--random" ? random : steps) = *value;
      ++i;
    } else if (word.starts_with("--")) {
      std::cerr << "usage: placement-quality [--random N] [--steps N] [PLAN.json...]\n";
      return 2;
    } else {
      plans.emplace_back(word);
    }
  }
  for (std::uint64_t i = 0; i < random; ++i)
    measure(random_problem(i), steps);
  std::uint64_t number = 1'000'000;
  for (const std::string& file : plans) {
    std::ifstream stream(file, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
    const auto plan = plan::decode(text, {}, file);
    if (!plan) {
      std::cerr << plan::to_text(plan.errors().front()) << "\n";
      return 1;
    }
    for (const Problem& problem : problems_of_plan(*plan, number, 4))
      measure(problem, steps);
    number += 1000;
  }
  return 0;
}
