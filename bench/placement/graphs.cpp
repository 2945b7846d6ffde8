#include "graphs.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <set>

#include "genie/plan/index.hpp"

namespace genie::bench {

namespace {

using policy::testing::Drawing;

/// SplitMix64: the same numbers everywhere.
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// From `low` to `high`, both included.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool once_in(std::int64_t n) { return between(1, n) == 1; }

 private:
  std::uint64_t state_;
};

/// What a problem's nodes are before they are drawn.
struct Part {
  std::vector<std::size_t> reads;  ///< earlier parts
  bool reads_input = false;
  std::uint64_t work_ns = 0;
  std::int64_t value_bytes = 0;
  std::int64_t weight_bytes = 0;
};

std::vector<Part> shape(const std::string& family, Numbers& numbers) {
  const auto count = static_cast<std::size_t>(numbers.between(8, 12));
  // Messages from far cheaper than the work to about as dear.
  const std::int64_t value_bytes = std::array<std::int64_t, 3>{1 << 10, 1 << 14, 1 << 17}[numbers.next() % 3];
  std::vector<Part> parts(count);
  const std::size_t width = static_cast<std::size_t>(numbers.between(2, 4));
  for (std::size_t i = 0; i < count; ++i) {
    Part& part = parts[i];
    part.work_ns = static_cast<std::uint64_t>(numbers.between(20'000, 200'000));
    part.value_bytes = numbers.between(value_bytes / 2, value_bytes);
    part.weight_bytes = numbers.between(64 << 10, 1 << 20);
    if (i == 0) continue;
    if (family == "chain") {
      part.reads = {i - 1};
      if (i > 2 && numbers.once_in(4)) part.reads.push_back(i - 3);  // a residual
    } else if (family == "layers") {
      const std::size_t layer = (i - 1) / width;
      const std::size_t begin = layer == 0 ? 0 : 1 + (layer - 1) * width,
                        end = layer == 0 ? 1 : 1 + layer * width;
      for (std::size_t j = begin; j < end; ++j)
        if (part.reads.empty() || numbers.once_in(2)) part.reads.push_back(j);
    } else if (family == "fork") {
      if (i + 1 == count) {
        for (std::size_t j = i - std::min(width, i - 1); j < i; ++j)
          part.reads.push_back(j);
      } else {
        part.reads = {i > width ? i - width : 0};
      }
    } else if (family == "tree") {
      part.reads = {(i - 1) / 2};
    } else {
      for (std::size_t j = 0; j < i; ++j)
        if (numbers.once_in(static_cast<std::int64_t>(i) / 2 + 2)) part.reads.push_back(j);
    }
  }
  for (Part& part : parts)
    part.reads_input = part.reads.empty();
  return parts;
}

/// Devices of unequal speed whose memory together is little more than what the weights need.
Drawing draw(const std::vector<Part>& parts, std::int64_t input_bytes, Numbers& numbers) {
  Drawing drawing;
  const auto devices = static_cast<std::size_t>(numbers.between(2, 4));
  std::int64_t weights = 0, largest = 0, values = 0;
  for (const Part& part : parts) {
    weights += part.weight_bytes;
    largest = std::max(largest, part.weight_bytes);
    values += part.value_bytes;
  }
  std::vector<std::int64_t> slowness, shares;
  for (std::size_t d = 0; d < devices; ++d) {
    slowness.push_back(numbers.between(4, 16));
    shares.push_back(numbers.between(2, 6));
  }
  const std::int64_t all = std::accumulate(shares.begin(), shares.end(), std::int64_t{0});
  const std::int64_t percent = numbers.between(125, 250);
  for (std::size_t d = 0; d < devices; ++d)
    drawing.device("w" + std::to_string(d),
                   weights * percent / 100 * shares[d] / all + largest / 2 + values + input_bytes);
  drawing.all_connected(std::array{1e9, 1.25e9, 1e10}[numbers.next() % 3],
                        static_cast<std::uint64_t>(numbers.between(1, 30)) * 1000);
  drawing.input("x", input_bytes);
  std::set<std::size_t> read;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Drawing::Uses uses;
    if (parts[i].reads_input) uses.values.emplace_back("x");
    for (const std::size_t j : parts[i].reads) {
      uses.values.push_back("v" + std::to_string(j));
      read.insert(j);
    }
    const std::string name = std::to_string(i);
    if (parts[i].weight_bytes > 0) {
      drawing.weight("weight" + name, parts[i].weight_bytes);
      uses.weights = {"weight" + name};
    }
    drawing.node("v" + name, uses, parts[i].value_bytes);
    for (std::size_t d = 0; d < devices; ++d)
      drawing.costs.methods["forward"]["nv" + name].ns[d] =
          std::max<std::uint64_t>(1, parts[i].work_ns * static_cast<std::uint64_t>(slowness[d]) / 8);
  }
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (!read.contains(i)) drawing.output("v" + std::to_string(i));
  return drawing;
}

/// Consecutive nodes gathered into parts.
std::vector<Part> gathered(const plan::Plan& plan, const plan::Method& method, const plan::Costs& costs,
                           std::size_t count) {
  const plan::GraphIndex index(method);
  const auto& entries = costs.methods.begin()->second;
  std::vector<std::uint64_t> work;
  for (const plan::Node& node : method.nodes)
    work.push_back(entries.at(node.id).ns.front());
  const std::uint64_t all = std::accumulate(work.begin(), work.end(), std::uint64_t{0});
  std::vector<std::size_t> part_of(method.nodes.size());
  std::uint64_t before = 0;
  for (std::size_t n = 0; n < work.size(); ++n) {
    part_of[n] =
        std::min(count - 1, static_cast<std::size_t>(before * count / std::max<std::uint64_t>(1, all)));
    before += work[n];
  }
  std::vector<Part> parts(count);
  std::set<std::string_view> placed;
  for (std::size_t n = 0; n < method.nodes.size(); ++n) {
    Part& part = parts[part_of[n]];
    part.work_ns += work[n];
    plan::for_each_arg(method.nodes[n], [&](const plan::Arg& argument) {
      const auto* weight = std::get_if<plan::arg::Weight>(&argument.is);
      if (weight != nullptr && placed.insert(weight->name).second)
        part.weight_bytes += static_cast<std::int64_t>(plan::weight_bytes(plan.weights.at(weight->name)));
    });
  }
  for (const auto& value : index.values()) {
    std::set<std::size_t> readers;
    for (const std::uint32_t consumer : value.consumers)
      readers.insert(part_of[consumer]);
    if (value.producer == plan::kNone) {
      for (const std::size_t reader : readers)
        parts[reader].reads_input = true;
      continue;
    }
    const std::size_t from = part_of[value.producer];
    readers.erase(from);
    if (readers.empty() || value.value == nullptr) continue;
    const auto bytes = plan::value_bytes(*value.value, costs.assumes);
    parts[from].value_bytes += bytes ? static_cast<std::int64_t>(*bytes) : 0;
    for (const std::size_t reader : readers)
      if (std::ranges::find(parts[reader].reads, from) == parts[reader].reads.end())
        parts[reader].reads.push_back(from);
  }
  for (Part& part : parts) {
    part.value_bytes = std::max<std::int64_t>(part.value_bytes, 8);
    part.reads_input = part.reads_input || part.reads.empty();
    std::ranges::sort(part.reads);
  }
  return parts;
}

}  // namespace

Problem random_problem(std::uint64_t number) {
  static const std::array<std::string, 5> families = {"chain", "layers", "fork", "tree", "random"};
  Numbers numbers(number);
  const std::string& family = families[number % families.size()];
  const std::vector<Part> parts = shape(family, numbers);
  const std::int64_t input_bytes = numbers.between(64, 1 << 16);
  return {family, draw(parts, input_bytes, numbers)};
}

std::vector<Problem> problems_of_plan(const plan::Plan& plan, std::uint64_t number, int count) {
  std::vector<Problem> problems;
  if (plan.methods.empty() || plan.methods.begin()->second.nodes.size() < 12) return problems;
  plan::Topology one;
  one.devices.emplace_back();
  one.devices.back().id = one.devices.back().host = "w";
  one.devices.back().compute = {1e10, 1e10, 1000};
  const plan::Costs costs = plan::model_costs(plan, one, {});
  for (int i = 0; i < count; ++i) {
    Numbers numbers(number + static_cast<std::uint64_t>(i));
    const auto parts = static_cast<std::size_t>(numbers.between(8, 12));
    problems.push_back(
        {"model", draw(gathered(plan, plan.methods.begin()->second, costs, parts), 4096, numbers)});
  }
  return problems;
}

}  // namespace genie::bench
