// The way from this worker to another: a connection that greeted with an invitation, and the data path that it found.
#pragma once

#include <functional>
#include <memory>

#include "net/asides.hpp"
#include "net/path_search.hpp"

namespace genie::remote {

/// How values get to devices of another worker.
struct PeerWay {
  std::shared_ptr<Connection> connection;  ///< null: none was made, values go through the client
  FoundPath found;
};

/// Looks for a data path over a connection that has greeted, on a thread of its own. `answer` comes once, on any thread: the way, or
/// why there is none although one was forced. From then on `lost` is called when the connection ends. On the io thread.
void find_way(std::shared_ptr<Connection> connection, PathWish wish, Asides& asides,
              std::function<void(genie::Expected<PeerWay>)> answer, std::function<void(genie::Error)> lost);

}  // namespace genie::remote
