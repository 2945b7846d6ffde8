// States over steps and sessions, read and written from outside, and sessions that lost theirs.
#include <doctest/doctest.h>

#include "plans.hpp"

using namespace emulation_test;

namespace {

struct Fixture {
  plan::Topology topology = cluster();
  Rig rig{topology};
  genie_program* program = rig.prepare(placed(kModel, topology, kSplit));
  genie_session* session = rig.open(program);

  std::optional<genie::Error> step(std::uint64_t index) {
    return rig.submit(session, index, {{"x", rows(2)}}, {{"y"}})->wait();
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "states start as they are declared and live on from step to step") {
  CHECK(rig.state(session, "k0") == bias(0));
  CHECK(rig.state(session, "k1") == bias(1));  // its initial weight
  for (std::uint64_t i = 0; i < 3; ++i)
    REQUIRE_FALSE(step(i));
  CHECK(rig.state(session, "k0") == bias(3));
  CHECK(rig.state(session, "k1") == bias(1 + 1 + 2 + 3));
}

TEST_CASE_FIXTURE(Fixture, "sessions of one program have states of their own") {
  genie_session* other = rig.open(program);
  REQUIRE_FALSE(step(0));
  REQUIRE_FALSE(step(1));
  REQUIRE_FALSE(rig.submit(other, 0, {{"x", rows(2)}}, {})->wait());
  CHECK(rig.state(session, "k0") == bias(2));
  CHECK(rig.state(other, "k0") == bias(1));
}

TEST_CASE("states of scope program are one for all sessions") {
  std::string text(kModel);
  const std::string from = R"("k0": {"dtype": "f32", "shape": [8]})";
  text.replace(text.find(from), from.size(), R"("k0": {"dtype": "f32", "shape": [8], "scope": "program"})");
  const plan::Topology topology = cluster();
  Rig rig(topology);
  genie_program* program = rig.prepare(placed(text, topology, kSplit));
  genie_session* one = rig.open(program);
  genie_session* two = rig.open(program);
  REQUIRE_FALSE(rig.submit(one, 0, {{"x", rows(1)}}, {})->wait());
  REQUIRE_FALSE(rig.submit(two, 0, {{"x", rows(1)}}, {})->wait());
  CHECK(rig.state(one, "k0") == bias(2));
  CHECK(rig.state(two, "k0") == bias(2));
  CHECK(rig.state(two, "k1") == bias(1 + 2));
}

TEST_CASE_FIXTURE(Fixture, "a written state is what the next step starts from") {
  REQUIRE_FALSE(rig.write(session, "k0", {{8}, bias(10)}));
  CHECK(rig.state(session, "k0") == bias(10));
  REQUIRE_FALSE(step(0));
  CHECK(rig.state(session, "k0") == bias(11));
  CHECK(rig.state(session, "k1") == bias(12));
}

TEST_CASE_FIXTURE(Fixture, "GE0604, GE0606: a state that is not there, or of another type") {
  const auto unknown = rig.write(session, "k2", {{8}, bias(1)});
  REQUIRE(unknown);
  CHECK(unknown->code == GENIE_NOT_FOUND);
  CHECK(contains(unknown->diagnostics, "GE0604"));
  CHECK(contains(unknown->diagnostics, "did you mean k"));
  const auto shape = rig.write(session, "k0", {{2, 4}, bias(1)});
  REQUIRE(shape);
  CHECK(shape->code == GENIE_INVALID_ARGUMENT);
  CHECK(contains(shape->message, "state k0 is f32 [8], the tensor is of shape [2, 4]"));
  CHECK(rig.state(session, "k0") == bias(0));
}

TEST_CASE_FIXTURE(Fixture, "GE0605: states are out of reach while a step is under way") {
  rig.host.puppeteer.hold("n0");
  auto running = rig.submit(session, 0, {{"x", rows(2)}}, {{"y"}});
  rig.host.puppeteer.await_arrival();
  const auto refused = rig.write(session, "k0", {{8}, bias(1)});
  TestCall call;
  genie_tensor* none = nullptr;
  const auto unread =
      rig.error(rig.table->read_state(&call.raw, rig.backend, session, genie::str("k0"), &none));
  rig.host.puppeteer.release();
  CHECK_FALSE(running->wait());
  REQUIRE(refused);
  CHECK(refused->code == GENIE_FAILED_PRECONDITION);
  CHECK(contains(refused->diagnostics, "GE0605"));
  REQUIRE(unread);
  CHECK(unread->code == GENIE_FAILED_PRECONDITION);
  CHECK(rig.state(session, "k0") == bias(1));
}

TEST_CASE_FIXTURE(Fixture, "a step that fails before it writes leaves the session as it was") {
  rig.host.puppeteer.fail("n0");
  const auto failed = step(0);
  REQUIRE(failed);
  CHECK(failed->code == GENIE_INTERNAL);
  CHECK(failed->node == "n0");
  CHECK(contains(failed->message, "stage a0 on w0: node n0 fails because the test says so"));
  rig.host.puppeteer.fail("");
  CHECK_FALSE(step(1));
  CHECK(rig.state(session, "k0") == bias(1));
}

TEST_CASE_FIXTURE(
    Fixture,
    "GE0621: a step that fails while it writes loses the session, until every state is written back") {
  REQUIRE_FALSE(step(0));
  rig.host.puppeteer.fail("n3");
  const auto failed = step(1);
  REQUIRE(failed);
  CHECK(failed->code == GENIE_INTERNAL);
  rig.host.puppeteer.fail("");

  const auto lost = step(2);
  REQUIRE(lost);
  CHECK(lost->code == GENIE_DATA_LOSS);
  CHECK(contains(lost->message, "step 1 (forward)"));
  CHECK(contains(lost->message, "node n3 fails"));
  CHECK(contains(lost->diagnostics, "GE0621"));

  REQUIRE_FALSE(rig.write(session, "k0", {{8}, bias(1)}));
  const auto half = step(3);
  REQUIRE(half);
  CHECK(half->code == GENIE_DATA_LOSS);
  CHECK(contains(half->message, "step 1 (forward)"));

  REQUIRE_FALSE(rig.write(session, "k1", {{8}, bias(2)}));
  CHECK_FALSE(step(4));
  CHECK(rig.state(session, "k0") == bias(2));
  CHECK(rig.state(session, "k1") == bias(4));
}

TEST_CASE_FIXTURE(Fixture, "a lost session does not touch its neighbours") {
  genie_session* other = rig.open(program);
  rig.host.puppeteer.fail("n3");
  CHECK(step(0));
  rig.host.puppeteer.fail("");
  CHECK_FALSE(rig.submit(other, 0, {{"x", rows(2)}}, {})->wait());
  CHECK(rig.state(other, "k0") == bias(1));
}

TEST_CASE_FIXTURE(Fixture, "states written before the loss do not count towards mending it") {
  REQUIRE_FALSE(rig.write(session, "k1", {{8}, bias(5)}));
  rig.host.puppeteer.fail("n3");
  CHECK(step(0));
  rig.host.puppeteer.fail("");
  REQUIRE_FALSE(rig.write(session, "k0", {{8}, bias(1)}));
  const auto lost = step(1);
  REQUIRE(lost);
  CHECK(lost->code == GENIE_DATA_LOSS);
}
