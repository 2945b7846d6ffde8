// What goes on at once: steps of independent sessions, and the transfer of one value while the next stage computes. Shown by what has
// happened while a kernel stands still.
#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "plans.hpp"

using namespace emulation_test;

namespace {

/// A counter that the backend reports; 0 before it counts.
std::int64_t counter(Rig& rig, const char* name) {
  try {
    return rig.stat({"counters", name});
  } catch (const std::runtime_error&) {
    return 0;
  }
}

bool comes_to(Rig& rig, const char* name, std::int64_t wanted) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (counter(rig, name) < wanted) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

TEST_CASE(
    "steps of two sessions are under way at once: one ends while the other stands still on another worker") {
  const plan::Topology topology = cluster();
  Rig rig(topology);
  // The same model under other names, so that only the first one's kernel is held.
  std::string renamed(kModel);
  for (std::size_t at = 0; (at = renamed.find(R"("id": "n)", at)) != std::string::npos; ++at)
    renamed.replace(at, 8, R"("id": "m)");
  genie_session* split =
      rig.open(rig.prepare(placed(kModel, topology, {{"w1", {"n0"}}, {"w0", {"n1", "n2", "n3"}}})));
  genie_session* other = rig.open(rig.prepare(placed(renamed, topology, {{"w0", {"m0", "m1", "m2", "m3"}}})));
  rig.host.puppeteer.hold("n0");
  auto held = rig.submit(split, 0, {{"x", rows(2)}}, {{"y"}});
  rig.host.puppeteer.await_arrival();
  for (std::uint64_t index = 0; index < 3; ++index) {
    auto free = rig.submit(other, index, {{"x", rows(3)}}, {{"y"}});
    CHECK_FALSE(free->wait());
    CHECK(free->fetched() == answer(3));
  }
  CHECK(held->signals() == 0);
  CHECK(counter(rig, "most_steps_under_way") == 2);
  rig.host.puppeteer.release();
  CHECK_FALSE(held->wait());
  CHECK(held->fetched() == answer(2));
}

TEST_CASE("a value is with the other worker while the next stage of its maker still computes") {
  const plan::Topology topology = cluster();
  Rig rig(topology);
  genie_session* session =
      rig.open(rig.prepare(placed(kModel, topology, {{"w0", {"n0"}}, {"w1", {"n1"}}, {"w0", {"n2", "n3"}}})));
  rig.host.puppeteer.hold("n2");
  auto step = rig.submit(session, 0, {{"x", rows(3)}}, {{"y"}});
  rig.host.puppeteer.await_arrival();
  CHECK(comes_to(rig, "values_received_directly", 1));
  CHECK(step->signals() == 0);
  rig.host.puppeteer.release();
  CHECK_FALSE(step->wait());
  CHECK(step->fetched() == answer(3));
}
