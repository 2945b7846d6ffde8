// Run configs and topologies: both readers see every input. What stands before a NUL byte is a --set.
#include <vector>

#include "config/run_config.hpp"
#include "genie/plan/topology.hpp"
#include "judge.hpp"

namespace genie::fuzz {

Reading read(std::string_view bytes) {
  Reading reading;
  std::vector<config::Edit> edits;
  if (const std::size_t nul = bytes.find('\0'); nul != std::string_view::npos) {
    auto edit = config::parse_edit(bytes.substr(0, nul));
    if (edit)
      edits.push_back(std::move(*edit));
    else
      reading.refuse(edit.errors());
    bytes.remove_prefix(nul + 1);
  }
  const auto config = config::decode_run(bytes, "run.json", "/", edits);
  reading.accepted = config.ok();
  if (!config) reading.refuse(config.errors());

  const auto topology = plan::decode_topology(bytes, {.comments = true}, "cluster.json");
  if (!topology) {
    reading.refuse(topology.errors());
    return reading;
  }
  const std::string canonical = plan::encode_topology(*topology);
  const auto again = plan::decode_topology(canonical);
  require(again.ok() && plan::encode_topology(*again) == canonical,
          "a topology's canonical bytes are a fixed point");
  reading.accepted = true;
  return reading;
}

}  // namespace genie::fuzz
