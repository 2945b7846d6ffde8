// A few independent pieces of work on a few threads that end before the call returns.
#pragma once

#include <cstddef>
#include <functional>

namespace genie::services {

/// Calls f(0) … f(count - 1), each once, on up to four threads (no more than the machine has). f returns false to stop early.
/// True when all were done. f is called concurrently.
bool split_work(std::size_t count, const std::function<bool(std::size_t)>& f);

}  // namespace genie::services
