#include "services/work_split.hpp"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace genie::services {

bool split_work(std::size_t count, const std::function<bool(std::size_t)>& f) {
  constexpr std::size_t kMostThreads = 4;
  const std::size_t threads =
      std::min({count, kMostThreads, std::size_t{std::max(1u, std::thread::hardware_concurrency())}});
  std::atomic<std::size_t> next{0};
  std::atomic<bool> stopped{false};
  const auto work = [&] {
    for (std::size_t i = next++; i < count && !stopped; i = next++)
      if (!f(i)) stopped = true;
  };
  std::vector<std::jthread> helpers;
  for (std::size_t i = 1; i < threads; ++i)
    helpers.emplace_back(work);
  work();
  helpers.clear();
  return !stopped;
}

}  // namespace genie::services
