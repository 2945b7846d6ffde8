// The decoders' verdicts for test_agreement.py: reads one JSON document a line, answers with one line each.
//
//   schema-judge plan|topology|faults|run|worker < documents.jsonl
//
// "ok", "V0 GE0303" or "V1 GE0310 GE0311". What V1 lets pass and a later rule refuses (references, normal forms, a step that
// has not run yet) is "ok" with its codes, because no JSON Schema can say it.
#include <algorithm>
#include <array>
#include <iostream>
#include <string>
#include <string_view>

#include "config/run_config.hpp"
#include "config/worker_config.hpp"
#include "genie/plan/codec.hpp"
#include "genie/plan/faults.hpp"
#include "genie/plan/topology.hpp"

namespace {

using namespace genie::plan;

enum class Stage { bytes, schema, meaning };

/// Codes of plans and topologies are given out by level; those of run configs are not, and only one is about meaning.
Stage stage(std::string_view code) {
  if (code == "GE0017") return Stage::meaning;
  if (code < "GE0300") return Stage::schema;
  return code < "GE0310" ? Stage::bytes : code < "GE0340" ? Stage::schema : Stage::meaning;
}

template <class T>
std::string verdict(const Result<T>& result) {
  constexpr std::array kWords = {"V0", "V1", "ok"};
  if (result) return "ok";
  std::string codes;
  Stage first = Stage::meaning;
  for (const Diagnostic& error : result.errors()) {
    if (error.severity != Severity::error) continue;
    codes += " " + error.code;
    first = std::min(first, stage(error.code));
  }
  return kWords[static_cast<std::size_t>(first)] + codes;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view kind = argc == 2 ? argv[1] : "";
  if (kind != "plan" && kind != "topology" && kind != "faults" && kind != "run" && kind != "worker") {
    std::cerr << "usage: schema-judge plan|topology|faults|run|worker < documents.jsonl\n";
    return 2;
  }
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);)
    std::cout << (kind == "plan"       ? verdict(decode(line))
                  : kind == "topology" ? verdict(decode_topology(line))
                  : kind == "faults"   ? verdict(decode_faults(line))
                  : kind == "run"      ? verdict(genie::config::decode_run(line, "run.json", "/"))
                                       : verdict(genie::config::decode_worker(line, "worker.json", "/")))
              << '\n';
  return 0;
}
