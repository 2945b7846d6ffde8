#include "torch/program_digest.hpp"

#include "genie/plan/codec.hpp"

namespace genie::pytorch {
namespace {

/// Index after the closing quote of the string that opens at `open`; the end of the text if it never closes.
std::size_t after_string(std::string_view json, std::size_t open) {
  for (std::size_t at = open + 1; (at = json.find_first_of("\"\\", at)) != std::string_view::npos;) {
    if (json[at] == '"') return at + 1;
    at += 2;
  }
  return json.size();
}

}  // namespace

std::string program_digest(std::string_view json) {
  std::string kept;
  kept.reserve(json.size());
  std::size_t done = 0;
  for (std::size_t at = json.find('"'); at != std::string_view::npos; at = json.find('"', at)) {
    const std::size_t end = after_string(json, at);
    const std::string_view inside = json.substr(at + 1, end - at - (end > at + 1 ? 2 : 1));
    if (inside == "from_node" || inside == "nn_module_stack") {
      const std::size_t value = json.find_first_not_of(": \t\r\n", end);
      if (value != std::string_view::npos && json[value] == '"') {
        kept += json.substr(done, end - done);
        at = done = after_string(json, value);
        continue;
      }
    }
    at = end;
  }
  kept += json.substr(done);
  return plan::digest(kept);
}

}  // namespace genie::pytorch
