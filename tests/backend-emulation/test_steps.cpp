// What a step may ask for: kept values, steps that compute nothing, paced and measured ones, and what is refused.
#include <doctest/doctest.h>

#include "plans.hpp"

using namespace emulation_test;

namespace {

struct Fixture {
  plan::Topology topology = cluster();
  Rig rig{topology};
  genie_program* program = rig.prepare(placed(kModel, topology, kSplit));
  genie_session* session = rig.open(program);

  genie_value* keep(std::uint64_t index) {
    auto step = rig.submit(session, index, {{"x", rows(4)}}, {{"y", GENIE_OUTPUT_KEEP}});
    if (const auto failed = step->wait()) throw std::runtime_error(failed->message);
    return step->outputs[0].kept;
  }
  /// A step that must be refused with this code, before it touches a state.
  genie::Error refused(std::uint32_t code, std::vector<In> inputs, std::vector<Out> outputs,
                       const std::string& method = "forward") {
    const auto error =
        rig.submit(session, 3, std::move(inputs), std::move(outputs), GENIE_NO_DEADLINE, method)->wait();
    REQUIRE(error);
    CHECK(error->code == code);
    CHECK(rig.state(session, "k0") == bias(0));
    return *error;
  }
};

/// y = the elements of relu(x) that are positive, plus themselves: how many is known once n1 has run.
constexpr std::string_view kDataDependent = R"({
  "schema": "genie.plan", "version": {"major": 0, "minor": 1}, "stage": "captured",
  "producer": {"plugin": "org.example.test", "version": "1.0.0"}, "opsets": {"aten": 1},
  "symbols": {"u0": {"min": 0, "max": 32, "from": {"node": "n1"}}},
  "methods": {"forward": {
    "inputs": [{"name": "x", "value": "v0"}, {"name": "mask", "value": "v1"}], "outputs": [{"name": "y", "value": "v4"}],
    "values": {"v0": {"dtype": "f32", "shape": [4, 8]}, "v1": {"dtype": "f32", "shape": [4, 8]},
               "v2": {"dtype": "f32", "shape": [4, 8]}, "v3": {"dtype": "f32", "shape": ["u0"]},
               "v4": {"dtype": "f32", "shape": ["u0"]}},
    "nodes": [
      {"id": "n0", "op": "aten.relu.default", "args": [{"value": "v0"}], "results": ["v2"]},
      {"id": "n1", "op": "aten.masked_select.default", "args": [{"value": "v2"}, {"value": "v1"}], "results": ["v3"]},
      {"id": "n2", "op": "aten.add.Tensor", "args": [{"value": "v3"}, {"value": "v3"}], "results": ["v4"]}]}}
})";

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a kept value stays on its device and is a later step's input") {
  genie_value* kept = keep(0);
  REQUIRE(kept != nullptr);
  CHECK(rig.stat({"counters", "wire_bytes"}) == 2 * 128);  // it was not brought here
  auto step = rig.submit(session, 1, {{"x", {}, kept}}, {{"y"}});
  const auto failed = step->wait();
  REQUIRE_MESSAGE(!failed, (failed ? failed->message : ""));
  const std::vector<float> once = answer(4), twice = step->fetched();
  REQUIRE(twice.size() == once.size());
  for (std::size_t i = 0; i < once.size(); ++i)
    CHECK(twice[i] == once[i] + static_cast<float>(i % 8 + 1));
  rig.table->release_value(rig.backend, kept);
}

TEST_CASE_FIXTURE(Fixture, "GE0606: kept values of another session, or given back, are refused") {
  genie_value* kept = keep(0);
  genie_session* other = rig.open(program);
  const auto foreign = rig.submit(other, 0, {{"x", {}, kept}}, {{"y"}})->wait();
  REQUIRE(foreign);
  CHECK(foreign->code == GENIE_INVALID_ARGUMENT);
  CHECK(contains(foreign->diagnostics, "GE0606"));
  rig.table->release_value(rig.backend, kept);
  const auto gone = rig.submit(session, 1, {{"x", {}, kept}}, {{"y"}})->wait();
  REQUIRE(gone);
  CHECK(contains(gone->message, "a kept value of another session, or one that was given back"));
}

TEST_CASE_FIXTURE(Fixture, "closing a session gives its kept values' memory back") {
  keep(0);
  rig.close(session);
  session = rig.open(program);
  CHECK_FALSE(rig.submit(session, 0, {{"x", rows(4)}}, {{"y"}})->wait());
}

TEST_CASE_FIXTURE(Fixture,
                  "GE0606: inputs that are missing, unknown, given twice, or of another type or shape") {
  CHECK(contains(refused(GENIE_INVALID_ARGUMENT, {}, {{"y"}}).message,
                 "step 3: input x of method forward is missing"));
  const genie::Error unknown = refused(GENIE_INVALID_ARGUMENT, {{"xx", rows(4)}}, {{"y"}});
  CHECK(contains(unknown.message, "method forward has no input xx"));
  CHECK(contains(unknown.diagnostics, "lists its inputs"));
  CHECK(contains(refused(GENIE_INVALID_ARGUMENT, {{"x", rows(4)}, {"x", rows(4)}}, {{"y"}}).message,
                 "given twice"));
  const genie::Error type =
      refused(GENIE_INVALID_ARGUMENT, {{"x", rows(4), nullptr, {GENIE_TYPE_INT, 32, 1}}}, {{"y"}});
  CHECK(contains(type.message, "input x is i32; the model takes f32"));
  CHECK(contains(type.diagnostics, "GE0606"));
  CHECK(contains(refused(GENIE_INVALID_ARGUMENT, {{"x", {{4, 7}, std::vector<float>(28)}}}, {{"y"}}).message,
                 "x"));
  CHECK(
      contains(refused(GENIE_INVALID_ARGUMENT, {{"x", {{8}, std::vector<float>(8)}}}, {{"y"}}).message, "x"));
  CHECK(contains(refused(GENIE_INVALID_ARGUMENT, {{"x", rows(65)}}, {{"y"}}).message, "65"));
}

TEST_CASE_FIXTURE(Fixture, "GE0603, GE0607: methods and outputs that are not there") {
  const genie::Error method = refused(GENIE_NOT_FOUND, {{"x", rows(4)}}, {{"y"}}, "backward");
  CHECK(contains(method.message, "the program has no method backward"));
  CHECK(contains(method.diagnostics, "its methods are forward"));
  const genie::Error output = refused(GENIE_INVALID_ARGUMENT, {{"x", rows(4)}}, {{"yy"}});
  CHECK(contains(output.message, "method forward has no output yy"));
  CHECK(contains(output.diagnostics, "GE0607"));
}

TEST_CASE_FIXTURE(
    Fixture, "an output is fetched into the caller's tensor when it fits, and refused when it does not") {
  for (const std::int64_t count : {4, 3}) {
    auto step = rig.submit(session, 0, {{"x", rows(4)}}, {});
    CHECK_FALSE(step->wait());
    genie_tensor* given = Owned::make({count, 8}, static_cast<std::size_t>(count) * 32, nullptr);
    genie_step_output out{genie::str("y"), GENIE_OUTPUT_FETCH, 0, given, nullptr};
    step->step.outputs = &out;
    step->step.output_count = 1;
    Pending second(7, GENIE_NO_DEADLINE);
    REQUIRE_FALSE(rig.error(
        rig.table->submit(&second.call.raw, rig.backend, session, &step->step, &second.completion)));
    const auto failed = second.wait();
    CHECK(out.tensor == given);
    if (count == 4) {
      CHECK_FALSE(failed);
      CHECK(array_of(given->view).data == answer(4));
    } else {
      REQUIRE(failed);
      CHECK(contains(failed->message, "output y: it has shape [4, 8], the tensor given for it [3, 8]"));
    }
    given->deleter(given);
  }
}

TEST_CASE(
    "compute none: shapes, bytes and the clock are those of a real run; outputs and states hold zeros") {
  const plan::Topology topology = cluster();
  Rig rig(topology, R"(,"compute":"none")");
  REQUIRE(rig.host.warnings().size() == 1);
  CHECK(contains(rig.host.warnings()[0], "compute is none"));
  const plan::Plan p = placed(kModel, topology, kSplit);
  genie_session* session = rig.open(rig.prepare(p));
  rig.host.puppeteer.fail("n0");  // no kernel is asked
  auto step = rig.submit(session, 0, {{"x", rows(4)}}, {{"y"}});
  const auto failed = step->wait();
  REQUIRE_MESSAGE(!failed, (failed ? failed->message : ""));
  CHECK(step->fetched() == std::vector<float>(32, 0.0f));
  CHECK(rig.state(session, "k1") == std::vector<float>(8, 0.0f));
  const plan::Predicted& predicted = *p.schedule->methods.at("forward").predicted;
  CHECK(rig.stat({"steps", "0", "virtual_ns"}) == static_cast<std::int64_t>(predicted.makespan_ns));
  CHECK(rig.stat({"counters", "wire_bytes"}) == static_cast<std::int64_t>(predicted.wire_bytes));
}

TEST_CASE("GE0600: options that are wrong are told apart, all at once") {
  TestHost host;
  const genie_backend_v1* table = genie::backend_table<genie::emulation::EmulationBackend>();
  genie_backend* none = nullptr;
  const auto create = [&](std::string_view options) {
    genie_status* status = table->create(host.get(), genie::str(options), &none);
    REQUIRE(status != nullptr);
    return host.wrapper().take(status);
  };
  const genie::Error error = create(R"({"timming": "wall", "compute": "nome"})");
  CHECK(error.code == GENIE_INVALID_ARGUMENT);
  CHECK(contains(error.diagnostics, "no option `timming`"));
  CHECK(contains(error.diagnostics, "did you mean `timing`?"));
  CHECK(contains(error.diagnostics, "did you mean `none`?"));
  CHECK(contains(create(R"({"compute": "none", "costs": "measured"})").message, "needs kernels to measure"));
  CHECK(contains(create("[]").message, "must be an object"));
  CHECK(contains(create(R"({"topology": "/no/such/file"})").message, "the topology /no/such/file: "));
}

TEST_CASE("timing wall: a step takes the time that the clock says, and can be cancelled in it") {
  plan::Topology topology = cluster();
  topology.links[0].latency_ns = 20'000'000;
  Rig rig(topology, R"(,"timing":"wall")");
  genie_session* session = rig.open(rig.prepare(placed(kModel, topology, kSplit)));
  const std::uint64_t began = now_ns();
  auto step = rig.submit(session, 0, {{"x", rows(4)}}, {{"y"}});
  CHECK_FALSE(step->wait());
  CHECK(now_ns() - began >= 20'000'000);
  CHECK(step->fetched() == answer(4));
  CHECK(rig.stat({"steps", "0", "wall_ns"}) >= rig.stat({"steps", "0", "virtual_ns"}));

  topology.links[0].latency_ns = 3'600'000'000'000;  // an hour
  Rig slow(topology, R"(,"timing":"wall")");
  session = slow.open(slow.prepare(placed(kModel, topology, kSplit)));
  auto cancelled = slow.submit(session, 0, {{"x", rows(4)}}, {{"y"}});
  slow.table->cancel(slow.backend, cancelled->call.raw.job);
  const auto ended = cancelled->wait();
  REQUIRE(ended);
  CHECK(ended->code == GENIE_CANCELLED);
}

TEST_CASE("costs measured: the clock follows what the kernels took, divided by the device's speed") {
  plan::Topology topology = cluster();
  std::int64_t busy[2] = {};
  for (const int run : {0, 1}) {
    topology.devices[0].speed = run == 0 ? 1.0 : 1e-6;  // a million times slower
    Rig rig(topology, R"(,"costs":"measured")");
    genie_session* session = rig.open(rig.prepare(placed(kModel, topology, kSplit)));
    auto step = rig.submit(session, 0, {{"x", rows(4)}}, {{"y"}});
    CHECK_FALSE(step->wait());
    CHECK(step->fetched() == answer(4));
    busy[run] = rig.stat({"devices", "w0", "busy_ns"});
    CHECK(rig.stat({"steps", "0", "virtual_ns"}) > busy[run]);
  }
  CHECK(busy[0] > 0);
  CHECK(busy[1] > 100 * busy[0]);
}

TEST_CASE("a size that data decides crosses from stage to stage") {
  const plan::Topology topology = cluster();
  Rig rig(topology);
  genie_session* session =
      rig.open(rig.prepare(placed(kDataDependent, topology, {{"w0", {"n0", "n1"}}, {"w1", {"n2"}}}, {})));
  for (const std::size_t count : {std::size_t{0}, std::size_t{5}, std::size_t{32}}) {
    Array mask = rows(4);
    for (std::size_t i = 0; i < mask.data.size(); ++i)
      mask.data[i] = i < count ? 1.0f : 0.0f;
    auto step = rig.submit(session, 0, {{"x", rows(4)}, {"mask", mask}}, {{"y"}});
    const auto failed = step->wait();
    REQUIRE_MESSAGE(!failed, (failed ? failed->message : ""));
    REQUIRE(step->fetched().size() == count);
    for (std::size_t i = 0; i < count; ++i)
      CHECK(step->fetched()[i] == 2 * std::max(0.0f, static_cast<float>(i) - 8));
  }
}
