// Reads one run config a line and answers with one line of diagnostics each: [] when it is accepted.
#include <iostream>
#include <string>

#include "config/run_config.hpp"

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto config = genie::config::decode_run(line, "run.json", "/");
    std::cout << (config ? std::string("[]") : genie::plan::to_json(config.errors())) << '\n';
  }
}
