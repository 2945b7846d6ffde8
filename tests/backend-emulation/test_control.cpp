// Cancel, deadlines, drain: every accepted job ends, and its completion is signalled once.
#include <doctest/doctest.h>

#include <thread>

#include "plans.hpp"

using namespace emulation_test;

namespace {

constexpr std::uint64_t kHour = 3'600'000'000'000;

struct Fixture {
  plan::Topology topology = cluster();
  Rig rig{topology};
  genie_session* session = rig.open(rig.prepare(placed(kModel, topology, kSplit)));

  std::unique_ptr<Pending> submit(std::uint64_t index, std::uint64_t deadline_ns = GENIE_NO_DEADLINE) {
    return rig.submit(session, index, {{"x", rows(2)}}, {{"y"}}, deadline_ns);
  }
  /// A step that stands still in the kernel of a node.
  std::unique_ptr<Pending> held(std::uint64_t index, const char* node,
                                std::uint64_t deadline_ns = GENIE_NO_DEADLINE) {
    rig.host.puppeteer.hold(node);
    auto step = submit(index, deadline_ns);
    rig.host.puppeteer.await_arrival();
    return step;
  }
};

std::uint32_t code(const std::optional<genie::Error>& error) {
  return error ? error->code : std::uint32_t{GENIE_OK};
}

}  // namespace

TEST_CASE_FIXTURE(
    Fixture, "a cancelled step stops before its next stage; the session is whole when none had written") {
  auto step = held(0, "n0");
  rig.table->cancel(rig.backend, step->call.raw.job);
  rig.host.puppeteer.release();
  CHECK(code(step->wait()) == GENIE_CANCELLED);
  CHECK(step->outputs[0].tensor == nullptr);
  CHECK_FALSE(submit(1)->wait());
  CHECK(rig.state(session, "k0") == bias(1));
}

TEST_CASE_FIXTURE(Fixture, "the caller's own switch cancels too") {
  auto step = held(0, "n0");
  step->call.cancel = true;
  rig.host.puppeteer.release();
  CHECK(code(step->wait()) == GENIE_CANCELLED);
}

TEST_CASE("GE0621: a step cancelled between two stages that write loses the session") {
  const plan::Topology topology = cluster();
  Rig rig(topology);
  genie_session* session =
      rig.open(rig.prepare(placed(kModel, topology, {{"w1", {"n2", "n3"}}, {"w0", {"n0", "n1"}}})));
  rig.host.puppeteer.hold("n2");
  auto step = rig.submit(session, 6, {{"x", rows(1)}}, {{"y"}});
  rig.host.puppeteer.await_arrival();
  rig.table->cancel(rig.backend, step->call.raw.job);
  rig.host.puppeteer.release();
  CHECK(code(step->wait()) == GENIE_CANCELLED);
  const auto lost = rig.submit(session, 7, {{"x", rows(1)}}, {{"y"}})->wait();
  REQUIRE(lost);
  CHECK(lost->code == GENIE_DATA_LOSS);
  CHECK(contains(lost->message, "step 6 (forward)"));
}

TEST_CASE_FIXTURE(Fixture, "a waiting step is cancelled at once, while another one runs") {
  auto running = held(0, "n0");
  auto waiting = submit(1);
  auto last = submit(2);
  rig.table->cancel(rig.backend, waiting->call.raw.job);
  CHECK(code(waiting->wait()) == GENIE_CANCELLED);
  CHECK(running->signals() == 0);
  rig.host.puppeteer.release();
  CHECK_FALSE(running->wait());
  CHECK_FALSE(last->wait());
  CHECK(rig.state(session, "k0") == bias(2));  // the cancelled one never began
}

TEST_CASE_FIXTURE(Fixture, "cancelling what is over or unknown does nothing") {
  auto step = submit(0);
  CHECK_FALSE(step->wait());
  rig.table->cancel(rig.backend, step->call.raw.job);
  rig.table->cancel(rig.backend, 987654);
  CHECK_FALSE(submit(1)->wait());
  CHECK(step->signals() == 1);
}

TEST_CASE_FIXTURE(Fixture, "GE0620: a step whose deadline has passed does not begin") {
  auto step = submit(0, now_ns() - 1);
  const auto late = step->wait();
  REQUIRE(late);
  CHECK(late->code == GENIE_DEADLINE_EXCEEDED);
  CHECK(contains(late->diagnostics, "GE0620"));
  CHECK(rig.state(session, "k0") == bias(0));
  CHECK_FALSE(submit(1, now_ns() + kHour)->wait());
}

TEST_CASE_FIXTURE(
    Fixture,
    "GE0620: a running step expires before its next stage, a waiting one between the stages of another") {
  const std::uint64_t deadline = now_ns() + 50'000'000;
  auto running = held(0, "n0");
  auto waiting = submit(1, deadline);
  auto second = rig.submit(session, 2, {{"x", rows(2)}}, {{"y"}}, deadline);
  while (now_ns() < deadline)
    std::this_thread::yield();
  rig.host.puppeteer.hold("n1");  // lets n0 go and stops in the next stage
  rig.host.puppeteer.release();
  CHECK(code(waiting->wait()) == GENIE_DEADLINE_EXCEEDED);
  CHECK(code(second->wait()) == GENIE_DEADLINE_EXCEEDED);
  CHECK_FALSE(running->wait());
  CHECK(rig.state(session, "k0") == bias(1));
}

TEST_CASE_FIXTURE(Fixture, "GE0608: drain finishes what was accepted and takes nothing more") {
  auto running = held(0, "n0");
  auto waiting = submit(1);
  TestCall hasty(0, now_ns());
  const auto late = rig.error(rig.table->drain(&hasty.raw, rig.backend));
  REQUIRE(late);
  CHECK(late->code == GENIE_DEADLINE_EXCEEDED);
  CHECK(contains(late->message, "2 jobs were still under way"));

  auto refused = submit(2);
  REQUIRE(refused->refused);
  CHECK(refused->refused->code == GENIE_FAILED_PRECONDITION);
  CHECK(contains(refused->refused->diagnostics, "GE0608"));
  rig.host.puppeteer.release();
  TestCall patient;
  CHECK_FALSE(rig.error(rig.table->drain(&patient.raw, rig.backend)));
  CHECK(running->signals() == 1);
  CHECK(waiting->signals() == 1);
  CHECK(refused->signals() == 0);  // a completion that was not taken is not signalled
  CHECK(rig.state(session, "k0") == bias(2));
}

TEST_CASE_FIXTURE(Fixture, "cancelled jobs are over when drain returns, once each") {
  auto running = held(0, "n0");
  std::vector<std::unique_ptr<Pending>> waiting;
  for (std::uint64_t i = 1; i < 20; ++i)
    waiting.push_back(submit(i));
  for (const auto& step : waiting)
    rig.table->cancel(rig.backend, step->call.raw.job);
  rig.table->cancel(rig.backend, running->call.raw.job);
  rig.host.puppeteer.release();
  TestCall call;
  CHECK_FALSE(rig.error(rig.table->drain(&call.raw, rig.backend)));
  CHECK(running->signals() == 1);
  CHECK(code(running->wait()) == GENIE_CANCELLED);
  for (const auto& step : waiting) {
    CHECK(step->signals() == 1);
    CHECK(code(step->wait()) == GENIE_CANCELLED);
  }
}

TEST_CASE_FIXTURE(Fixture,
                  "steps that race with their cancellation end once each, and leave the session consistent") {
  std::vector<std::unique_ptr<Pending>> steps;
  for (std::uint64_t i = 0; i < 200; ++i)
    steps.push_back(submit(i));
  std::thread canceller([&] {
    for (std::uint64_t i = 0; i < 200; i += 3)
      rig.table->cancel(rig.backend, 100 + i);
  });
  canceller.join();
  int done = 0;
  bool lost = false;
  for (const auto& step : steps) {
    const std::uint32_t ended = code(step->wait());
    CHECK((ended == GENIE_OK || ended == GENIE_CANCELLED || ended == GENIE_DATA_LOSS));
    done += ended == GENIE_OK ? 1 : 0;
    lost = lost || ended == GENIE_DATA_LOSS;
  }
  TestCall call;
  CHECK_FALSE(rig.error(rig.table->drain(&call.raw, rig.backend)));
  for (const auto& step : steps)
    CHECK(step->signals() == 1);
  if (!lost) CHECK(rig.state(session, "k0") == bias(static_cast<float>(done)));
}

TEST_CASE("sessions of several threads run to the end, each in its order") {
  const plan::Topology topology = cluster();
  Rig rig(topology);
  genie_program* program = rig.prepare(placed(kModel, topology, kSplit));
  std::vector<genie_session*> sessions;
  for (int t = 0; t < 4; ++t)
    sessions.push_back(rig.open(program));
  std::vector<int> wrong(sessions.size(), 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < sessions.size(); ++t)
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 25; ++i) {
        auto step = rig.submit(sessions[t], i, {{"x", rows(2)}}, {{"y"}});
        if (step->refused || step->wait() || step->fetched() != answer(2)) ++wrong[t];
      }
    });
  for (std::thread& thread : threads)
    thread.join();
  for (std::size_t t = 0; t < sessions.size(); ++t) {
    CHECK(wrong[t] == 0);
    CHECK(rig.state(sessions[t], "k0") == bias(25));
  }
}
