// Which path two ends take, and why not the others: data that the control channel carries and `genie-host doctor` prints.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connection.hpp"

namespace genie::datapath {

/// What was found out about one path.
struct Finding {
  std::string path;  ///< "arena", or a name of a provider as it may be asked for
  bool usable = false;
  std::string provider;  ///< what would carry it: "tcp;ofi_rxm" for "tcp"; empty if not usable
  std::string version;   ///< of that
  std::string why;       ///< one sentence: how, or why not
};

/// What one end can do; both exchange it over the control channel before they choose.
struct Offer {
  std::string host;  ///< equal at both ends only if they run on one system and in one network namespace
  std::vector<Finding> findings;
};

/// The paths that there are, best first.
[[nodiscard]] std::vector<std::string> known_paths();

/// What this process can do towards a peer that it reaches from this numeric address; empty: any address. Looks at these paths only: the
/// arena costs nothing, the first of the others loads libfabric, which takes a tenth of a second.
[[nodiscard]] Offer offer(const std::string& local_address, const std::vector<std::string>& paths);

struct Choice {
  std::vector<std::string> paths;  ///< to try, the best first; the names are those of providers. Never empty
  std::vector<Finding>
      findings;  ///< all that were considered, in the order of preference, with the reason for each
};

/// The paths that both ends have. `requested`: "auto", or the one that is forced. The order of "auto" is: arena, verbs, net, tcp; shm is
/// taken only when it is forced, being slower than the arena wherever it works. UNAVAILABLE (GE0850) with all reasons if none is left.
[[nodiscard]] Expected<Choice> choose(std::string_view requested, const Offer& mine, const Offer& theirs);

/// Which of the two ends waits for the other; either may be either, where a path needs it.
enum class Side : std::uint8_t { waits, goes };

/// Opens this end of a chosen path.
[[nodiscard]] Expected<std::unique_ptr<End>> open_end(std::string_view path, Side side,
                                                      const std::string& local_address, WaitOptions options);

}  // namespace genie::datapath
