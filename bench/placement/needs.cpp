// What each node of a plan must have on its device while it runs, whatever the placement; prints JSON. For tight.py.
//
//   placement-needs PLAN.json
//
// A device that runs a node holds the blobs of all weights and the states that the node refers to, what it reads, what it
// makes, and its scratch memory: by the memory account of the plan library, in which what is read counts with its own bytes if
// it came from elsewhere, and with its storage's, which are no fewer, if it was made there.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <string>

#include "genie/plan/codec.hpp"
#include "genie/plan/json.hpp"
#include "problem.hpp"

namespace {

using namespace genie;
using policy::Index;

/// Beside weights and states.
std::uint64_t passing_bytes(const policy::MethodGraph& method, Index node) {
  std::map<Index, std::uint64_t> read;  // storage → bytes of its largest part
  for (const Index v : method.index->reads(node)) {
    if (v == plan::kNone || method.values[v].resident) continue;
    std::uint64_t& bytes = read[method.values[v].storage];
    bytes = std::max(bytes, method.values[v].bytes);
  }
  std::uint64_t bytes = method.scratch[node];
  for (const auto& [storage, most] : read)
    bytes += most;
  for (const Index v : method.index->makes(node))
    if (v != plan::kNone && method.values[v].storage == v && !method.values[v].resident)
      bytes += method.values[v].bytes;
  return bytes;
}

void write_numbers(plan::json::Writer& writer, const std::vector<Index>& numbers) {
  writer.begin_array();
  for (const Index number : numbers)
    writer.value(std::uint64_t{number});
  writer.end_array();
}

void write_needs(const policy::Problem& problem) {
  plan::json::Writer writer(0);
  writer.begin_object();
  const auto holdings = [&](std::string_view key, const std::vector<policy::Holding>& list) {
    writer.key(key).begin_array();
    for (const policy::Holding& holding : list)
      writer.value(holding.bytes);
    writer.end_array();
  };
  holdings("blobs", problem.blobs);
  holdings("states", problem.states);
  writer.key("nodes").begin_array();
  for (const policy::MethodGraph& method : problem.methods)
    for (Index n = 0; n < method.count; ++n) {
      const Index global = method.global(n);
      writer.begin_object().key("id").value(problem.node(global).id).key("op").value(problem.node(global).op);
      write_numbers(writer.key("blobs"), problem.node_blobs[global]);
      write_numbers(writer.key("states"), problem.node_states[global]);
      writer.key("passing_bytes").value(passing_bytes(method, n)).end_object();
    }
  writer.end_array().end_object();
  std::cout << writer.take() << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: placement-needs PLAN.json\n";
    return 2;
  }
  std::ifstream stream(argv[1], std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  const auto plan = plan::decode(text, {}, argv[1]);
  if (!plan) {
    std::cerr << plan::to_text(plan.errors().front()) << "\n";
    return 1;
  }
  plan::Topology one;
  one.devices.emplace_back().id = "one";
  one.devices.back().compute = {1, 1, 0};
  const auto costs = plan::model_costs(*plan, one, {});
  const auto problem = policy::make_problem(*plan, one, costs);
  if (!problem) {
    std::cerr << plan::to_text(problem.errors().front()) << "\n";
    return 1;
  }
  write_needs(*problem);
  return 0;
}
