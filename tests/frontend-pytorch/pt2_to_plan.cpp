// pt2-to-plan ARCHIVE [OPTIONS_JSON]: captures, checks V0–V3, prints the plan as a person reads it. For tests and debugging
// of the frontend alone; genie-host does the same through the plug-in.
#include <iostream>
#include <string>

#include "capture/capture.hpp"
#include "genie/plan/codec.hpp"
#include "genie/plan/validate.hpp"

namespace {

void print(const genie::plan::Diagnostics& diagnostics) {
  for (const auto& diagnostic : diagnostics)
    std::cerr << genie::plan::to_text(diagnostic) << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: pt2-to-plan ARCHIVE [OPTIONS_JSON]\n";
    return 2;
  }
  const auto options = genie::pytorch::parse_options(argc > 2 ? argv[2] : "{}");
  if (!options) {
    print(options.errors());
    return 2;
  }
  bool stopped = false;
  const auto captured = genie::pytorch::capture(argv[1], *options, {}, stopped);
  if (!captured) {
    print(captured.errors());
    return 3;
  }
  print(captured->warnings);
  const std::string bytes = genie::plan::encode(captured->plan, {.locations = true});
  const auto decoded = genie::plan::decode(bytes);
  if (!decoded) {
    print(decoded.errors());
    return 4;
  }
  const auto validation = genie::plan::validate(*decoded, {});
  print(validation.diagnostics);
  std::cout << genie::plan::encode(*decoded, {.locations = true, .indent = 1}) << '\n';
  return validation.ok() ? 0 : 5;
}
