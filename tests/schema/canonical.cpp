// Canonical bytes and ids for test_canonical.py: reads one JSON document a line, answers "ID BYTES" or "refused".
//
//   schema-canonical plan|topology|json < documents.jsonl
//
// The bytes of a plan have its locations, which its id leaves out. json: any document, unread.
#include <iostream>
#include <string>
#include <string_view>

#include "genie/plan/codec.hpp"
#include "genie/plan/json.hpp"
#include "genie/plan/topology.hpp"

namespace {

using namespace genie::plan;

std::string answer(std::string_view kind, const std::string& line) {
  if (kind == "plan") {
    const auto plan = decode(line);
    return plan ? plan_id(*plan) + " " + encode(*plan, {.locations = true}) : "refused";
  }
  if (kind == "topology") {
    const auto topology = decode_topology(line);
    return topology ? topology_id(*topology) + " " + encode_topology(*topology) : "refused";
  }
  const auto bytes = json::canonicalize(line);
  return bytes ? digest(*bytes) + " " + *bytes : "refused";
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view kind = argc == 2 ? argv[1] : "";
  if (kind != "plan" && kind != "topology" && kind != "json") {
    std::cerr << "usage: schema-canonical plan|topology|json < documents.jsonl\n";
    return 2;
  }
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);)
    std::cout << answer(kind, line) << '\n';
  return 0;
}
