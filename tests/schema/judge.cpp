// A judge for the schema tests: reads one JSON document per line and prints the decoder's verdict per line.
//
//   plan-check plan|topology|schedule|constraints < documents.jsonl
//
// "V0 GE0303", "V1 GE0310 GE0311" or "ok". What is found after V1 (normal forms, references) counts as "ok V2 GE0340".
#include <iostream>
#include <string>

#include "genie/plan/codec.hpp"
#include "genie/plan/topology.hpp"

namespace {

using namespace genie::plan;

std::string verdict(const Diagnostics& errors) {
  std::string codes;
  for (const Diagnostic& error : errors)
    if (error.severity == Severity::error) codes += " " + error.code;
  const std::string& first = errors.front().code;
  return (first < "GE0310" ? "V0" : first < "GE0340" ? "V1" : "ok V2") + codes;
}

template <class T>
std::string verdict(const Result<T>& result) {
  return result ? "ok" : verdict(result.errors());
}

std::string judge(const std::string& kind, const std::string& line) {
  if (kind == "plan") return verdict(decode(line));
  if (kind == "topology") return verdict(decode_topology(line));
  if (kind == "schedule") return verdict(decode_schedule(line));
  return verdict(decode_constraints(line));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string kind = argc == 2 ? argv[1] : "";
  if (kind != "plan" && kind != "topology" && kind != "schedule" && kind != "constraints") {
    std::cerr << "usage: plan-check plan|topology|schedule|constraints < documents.jsonl\n";
    return 2;
  }
  std::string line;
  while (std::getline(std::cin, line))
    std::cout << judge(kind, line) << '\n';
  return 0;
}
