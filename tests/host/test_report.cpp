// The report: statistics of a backend, JSON, timeline, and what a person reads.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "genie/plan/codec.hpp"
#include "genie/plan/json.hpp"
#include "report/files.hpp"
#include "report/format.hpp"
#include "report/plan_text.hpp"
#include "report/report.hpp"
#include "report/scopes.hpp"
#include "report/text.hpp"
#include "scratch.hpp"

namespace {

using namespace genie;
using report::RunReport;
using report::Style;

constexpr std::string_view kTopology =
    R"({"schema": "genie.topology", "version": {"major": 0, "minor": 1}, "devices": [
  {"id": "w0", "kind": "cpu", "memory_bytes": 1048576, "kernels": ["k"], "compute": {"flops_per_s": 1e9, "memory_bytes_per_s": 1e9, "op_overhead_ns": 0}},
  {"id": "w1", "kind": "cpu", "memory_bytes": 2097152, "kernels": ["k"], "compute": {"flops_per_s": 1e9, "memory_bytes_per_s": 1e9, "op_overhead_ns": 0}}],
  "links": [], "client": {"host": "client"}})";

/// A model of two layers on two devices, run once.
RunReport example() {
  plan::Plan plan;
  plan.stage = "scheduled";
  plan.producer = {
      "org.example.frontend", "1.0", plan::Producer::Source{"torch", "2.13.0", "sha256:00", {}}, {}};
  plan.opsets = {{"aten", 1}};
  plan.symbols["s0"].name = "batch";
  plan.symbols["s0"].min = 1;
  plan.symbols["s0"].max = 64;
  plan.weights["net.first.weight"] = {"parameter", plan::DType::f32, {256, 64}, {64, 1}, "sha256:aa", 0, {}};
  plan.weights["net.second.weight"] = {"parameter", plan::DType::f32, {8, 8}, {8, 1}, "sha256:bb", 0, {}};
  plan.blobs["sha256:aa"].size_bytes = 65536;
  plan.blobs["sha256:bb"].size_bytes = 256;
  plan::Method& forward = plan.methods["forward"];
  const plan::Shape shape = {plan::Expr::symbol("s0"), 8};
  for (const char* id : {"v0", "v1", "v2"}) {
    forward.values[id].shape = shape;
    forward.values[id].strides = plan::contiguous_strides(shape);
  }
  forward.inputs.push_back({"x", {plan::arg::Value{"v0"}}, {}});
  forward.outputs.push_back({"y", {plan::arg::Value{"v2"}}, {}});
  const auto node = [](std::string id, std::string in, std::string weight, std::string out,
                       std::string scope) {
    plan::Node made;
    made.id = std::move(id);
    made.op = "aten.linear.default";
    made.args = {
        {plan::arg::Value{std::move(in)}}, {plan::arg::Weight{std::move(weight)}}, {plan::arg::Null{}}};
    made.results = {std::move(out)};
    made.scope = std::move(scope);
    made.source = plan::SourceLine{"examples/model.py", 12};
    return made;
  };
  forward.nodes = {node("n0", "v0", "net.first.weight", "v1", "net.first"),
                   node("n1", "v1", "net.second.weight", "v2", "net.second")};
  plan::Schedule& schedule = plan.schedule.emplace();
  schedule.policy = {"org.example.policy", "1.0", "latency", {}};
  schedule.assumes["s0"] = 4;
  schedule.residence.weights = {{"net.first.weight", {"w0"}}, {"net.second.weight", {"w1"}}};
  plan::MethodSchedule& method = schedule.methods["forward"];
  method.stages = {{"s0", "w0", "k", {"n0"}, {}, {}, {}}, {"s1", "w1", "k", {"n1"}, {}, {}, {}}};
  method.transfers = {{"t0", "v1", "s0", "s1", "bulk", 128, std::nullopt, {}},
                      {"t1", "v2", "s1", "output:y", "bulk", 128, std::nullopt, {}}};
  method.predicted =
      plan::Predicted{8000, 256, {{"w0", 6000}, {"w1", 1000}}, {{"w0", 524288}, {"w1", 4096}}, {}};
  schedule.decisions = {
      {"s0", "w0", "makespan", "1 node", {}, {}, {}},
      {"s1", "w1", "memory", "w0 has no room", {{"w0", "capacity", std::nullopt, "", {}}}, {"h1"}, {}}};

  RunReport report;
  report.source = "/models/net.pt2";
  report.plan_id = "sha256:0123456789abcdef";
  report.plan = std::move(plan);
  report.topology = *plan::decode_topology(kTopology);
  report.time = {1000, 2'000'000, 3'000'000, 4'000'000, 5'000'000};
  report.steps = {{0, 1, "forward", 12'000'000, 10'000}};
  report.stats = *report::decode_stats(
      R"({"devices": {"w0": {"busy_ns": 6000, "peak_bytes": 524288, "memory_bytes": 1048576},
    "w1": {"busy_ns": 1000, "peak_bytes": 4096, "memory_bytes": 2097152}}, "counters": {"wire_bytes": 256}})");
  report.observed["forward"] = {10'000, 256, {{"w0", 6000}, {"w1", 1000}}, {{"w0", 524288}, {"w1", 4096}}};
  report::Verification& verify = report.verify.emplace();
  verify.passed = true;
  verify.equal_bits = true;
  verify.outputs = 1;
  verify.elements = 1152;
  report.outputs = {{"y", "f32[4, 8]", "1, 2, …"}};
  report.written = {{"plan", "/out/plan.json"}};
  return report;
}

}  // namespace

TEST_CASE("a report reads well on one screen") {
  CHECK(report::to_text(example(), Style{}) ==
        R"(net.pt2 · forward · 2 devices on the emulated clock · plan 0123456789ab
✓ verified 1 output, 1,152 numbers: every bit as expected

where time went       compute  transfer     idle                memory          modules
  w0             6.00 µs  60%            4.00 µs   512 KiB of 1.00 MiB  ███···  first
  w1             1.00 µs  10%            9.00 µs  4.00 KiB of 2.00 MiB  ▏·····  second

  predicted  8.00 µs a call · 256 B over links · memory peak 512 KiB
  observed   10.0 µs a call (predicted -20 %) · 256 B (as predicted) · 512 KiB (as predicted)
  wall clock capture 2.00 ms, check 3.00 ms, schedule 4.00 ms, prepare 5.00 ms, run 12.0 ms, …
  written    /out/plan.json
  more       --details: why, and how to change it; --html page.html: graph, timeline, memory
)");
}

TEST_CASE("all of a report has the reasons, and what to type to change them") {
  const std::string text = report::to_text(example(), Style{}, report::Detail::full);
  CHECK(text.find(R"(
why
  s0 on w0  first · makespan: 1 node
  s1 on w1  second · memory: w0 has no room

how to change it
  pin a module    --set '/hints/-={"kind":"pin","select":"net.first.**","device":"w1"}'
  another policy  --set /policy/plugin=ID   (genie-host plugins lists them)
  look closer     genie-host plan show /out/plan.json
)") != std::string::npos);
}

TEST_CASE("a report of very much fits a screen") {
  RunReport report = example();
  report.verify->passed = false;
  report.verify->equal_bits = false;
  report.verify->worst = {"y", {0, 3}, "2", "2.5"};
  report.verify->missing = {"a.rather.long.name.of.an.output.that.is.missing"};
  for (int i = 0; i < 500; ++i) {
    plan::Device device = report.topology->devices.front();
    device.id = "a-device-with-a-name-" + std::to_string(i);
    const std::string stage = "st" + std::to_string(i);
    report.plan->schedule->methods["forward"].stages.push_back({stage, device.id, "k", {"n0"}, {}, {}, {}});
    report.topology->devices.push_back(device);
    report::CallTimeline& call = report.calls.empty() ? report.calls.emplace_back() : report.calls.front();
    call.method = "forward";
    call.duration_ns = 1000 * 500;
    const auto at = static_cast<std::uint64_t>(i) * 1000;
    call.events.push_back({plan::Event::Kind::stage, stage, device.id, at, at + 1000, 0});
    call.events.push_back({plan::Event::Kind::transfer, "t0", "l" + std::to_string(i), at, at + 10, 1});
    report.warnings.push_back({});
    report.warnings.back().code = "GE0001";
    report.warnings.back().message = std::string(300, 'w');
    report.written.emplace_back("plan", "/elsewhere/" + std::to_string(i) + "/plan.json");
  }
  for (const std::size_t width : {std::size_t{80}, std::size_t{100}}) {
    const std::string text = report::to_text(report, Style{false, width, false});
    std::size_t lines = 0;
    for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      CHECK(report::columns(std::string_view(text).substr(begin, end - begin)) <= width);
      ++lines;
    }
    CHECK(lines <= 24);
  }
}

TEST_CASE("a report of outputs that differ says by how much and where") {
  RunReport report = example();
  report.verify->passed = false;
  report.verify->equal_bits = false;
  report.verify->rtol = 1e-5;
  report.verify->atol = 1e-6;
  report.verify->beyond = 3;
  report.verify->max_abs = 0.5;
  report.verify->max_rel = 0.25;
  report.verify->worst = {"y", {0, 3}, "2", "2.5"};
  const std::string text = report::to_text(report, Style{});
  CHECK(text.find("✗ not as expected 3 of 1,152 numbers beyond rtol 1e-05 and atol 1e-06\n"
                  "  largest difference 0.5 (relative 0.25)\n"
                  "  worst: `y` at [0, 3] is 2.5, expected 2\n") != std::string::npos);
}

TEST_CASE("without expected outputs a report shows what came out") {
  RunReport report = example();
  report.verify.reset();
  CHECK(report::to_text(report, Style{}).find("\n  outputs    y  f32[4, 8]  1, 2, …\n") != std::string::npos);
}

TEST_CASE("colours appear when the style has them, and only then") {
  CHECK(report::to_text(example(), Style{}).find('\x1b') == std::string::npos);
  CHECK(report::to_text(example(), Style{true, 100}).find("\x1b[32m✓ verified\x1b[0m") != std::string::npos);
}

TEST_CASE("a plan reads well on one screen") {
  const auto text = report::plan_text(*example().plan, {}, Style{});
  REQUIRE(text.ok());
  const std::string id = plan::plan_id(*example().plan).substr(0, 19);
  CHECK(*text == "plan " + id + R"( · scheduled · genie.plan 0.1
  captured by   org.example.frontend 1.0, from torch 2.13.0
  op sets       aten 1
  weights       2 tensors, 64.2 KiB
  open sizes    batch: 1 … 64 (scheduled for 4)
  scheduled by  org.example.policy 1.0, for latency

method forward · 2 nodes
  in   x  f32[batch, 8]
  out  y  f32[batch, 8]

  stage  device  nodes   weights  modules
  s0     w0          1  64.0 KiB  first
  s1     w1          1     256 B  second
  computed by  k
  predicted  8.00 µs a call, 256 B over links in 2 transfers; peaks w0 512 KiB, w1 4.00 KiB

largest weights
  net.first.weight   f32[256, 64]  64.0 KiB  w0
  net.second.weight  f32[8, 8]        256 B  w1

decisions
  s0 on w0  makespan: 1 node
  s1 on w1  memory: w0 has no room (honours h1)
)");
}

TEST_CASE("nodes are listed by stage and by selector") {
  const plan::Plan plan = *example().plan;
  const std::string title =
      "plan " + plan::plan_id(plan).substr(0, 19) + " · scheduled · genie.plan 0.1\n\n1 node\n";
  report::PlanView view;
  view.stage = "s1";
  CHECK(*report::plan_text(plan, view, Style{}) ==
        title + "  n1  aten.linear.default  s1 w1  f32[batch, 8]  net.second model.py:12\n");
  view = {};
  view.scope = "net.first";
  CHECK(*report::plan_text(plan, view, Style{}) ==
        title + "  n0  aten.linear.default  s0 w0  f32[batch, 8]  net.first model.py:12\n");
  view.scope = "net.fist";
  CHECK_FALSE(report::plan_text(plan, view, Style{}).ok());
  view = {};
  view.stage = "s7";
  const auto missing = report::plan_text(plan, view, Style{});
  REQUIRE_FALSE(missing.ok());
  CHECK(plan::to_text(missing.errors()[0]) ==
        "error[GE0019]: the plan has no stage `s7`\n   = help: its stages: s0, s1\n");
  view = {};
  view.method = "backward";
  CHECK(report::plan_text(plan, view, Style{}).errors()[0].code == "GE0710");
}

TEST_CASE("decisions are shown with their alternatives on request") {
  report::PlanView view;
  view.decisions = true;
  const auto text = report::plan_text(*example().plan, view, Style{});
  REQUIRE(text.ok());
  CHECK(text->find(
            "  s1 on w1  memory: w0 has no room (honours h1)\n      instead of w0 refused: capacity\n") !=
        std::string::npos);
}

TEST_CASE("the trace names devices, queues, nodes and scopes, whatever the order of reporting") {
  const RunReport report = example();
  std::vector<services::TraceEvent> events(4);
  events[0] = {GENIE_TRACE_SPAN, 0, 1, "w1", "compute", "s1", "", 7000, 1000, 0, 0};
  events[1] = {GENIE_TRACE_SPAN, 0, 1, "w0", "compute", "s0", "", 0, 6000, 0, 0};
  events[2] = {GENIE_TRACE_FLOW_BEGIN, 0, 1, "w0", "compute", "t0", "", 6000, 0, 128, 5};
  events[3] = {GENIE_TRACE_FLOW_END, 0, 1, "w1", "compute", "t0", "", 7000, 0, 128, 5};
  const std::string text = report::trace_json(events, &*report.plan);
  std::swap(events[0], events[3]);
  CHECK(report::trace_json(events, &*report.plan) == text);
  CHECK(text.find(R"({"ph":"M","name":"process_name","pid":1,"tid":0,"args":{"name":"w0"}})") !=
        std::string::npos);
  CHECK(
      text.find(
          R"({"ph":"X","name":"s0","pid":1,"tid":1,"ts":0,"dur":6,"args":{"step":0,"nodes":1,"node":"n0","scope":"net.first"}})") !=
      std::string::npos);
  CHECK(
      text.find(
          R"({"ph":"s","cat":"transfer","id":5,"name":"t0","pid":1,"tid":1,"ts":5.999,"args":{"step":0,"bytes":128,"value":"v1","from":"s0","to":"s1"}})") !=
      std::string::npos);
  CHECK(text.find(R"("ph":"f","bp":"e")") != std::string::npos);
}

TEST_CASE(
    "in a trace no row holds spans that overlap without nesting, and arrows begin and end inside spans") {
  const RunReport report = example();
  std::vector<services::TraceEvent> events;
  const auto add = [&](std::uint32_t kind, const char* process, const char* queue, const char* name,
                       std::uint64_t at, std::uint64_t lasts, std::uint64_t flow = 0) {
    events.push_back({kind, 0, 1, process, queue, name, "", at, lasts, 8, flow});
  };
  add(GENIE_TRACE_SPAN, "a-link", "transfer", "t0", 6000, 900);
  add(GENIE_TRACE_SPAN, "a-link", "transfer", "t1", 6500, 1000);  // begins before t0 has ended
  add(GENIE_TRACE_SPAN, "a-link", "transfer", "t2", 6900, 100);   // begins as t0 ends
  add(GENIE_TRACE_SPAN, "w0", "compute", "s0", 0, 6000);
  add(GENIE_TRACE_SPAN, "w0", "compute", "n0", 1000, 2000);  // inside s0
  add(GENIE_TRACE_SPAN, "w0", "compute", "s2", 6000, 500);   // at once after it
  add(GENIE_TRACE_SPAN, "w1", "compute", "s1", 7000, 1000);
  add(GENIE_TRACE_FLOW_BEGIN, "w0", "compute", "t0", 6000, 0, 5);
  add(GENIE_TRACE_FLOW_END, "w1", "compute", "t0", 7000, 0, 5);
  const std::string text = report::trace_json(events, &*report.plan);
  const auto has = [&](std::string_view part) { return text.find(part) != std::string::npos; };
  // Devices, then links.
  CHECK(has(R"({"ph":"M","name":"process_name","pid":2,"tid":0,"args":{"name":"w1"}})"));
  CHECK(has(R"({"ph":"M","name":"process_name","pid":3,"tid":0,"args":{"name":"a-link"}})"));
  CHECK(has(R"({"ph":"M","name":"process_sort_index","pid":3,"tid":0,"args":{"sort_index":3}})"));
  CHECK(has(R"x("name":"thread_name","pid":3,"tid":2,"args":{"name":"transfer (2)"}})x"));
  CHECK(has(R"({"ph":"X","name":"t0","pid":3,"tid":1,"ts":6,"dur":0.9)"));
  CHECK(has(R"({"ph":"X","name":"t1","pid":3,"tid":2,"ts":6.5,"dur":1)"));
  CHECK(has(R"({"ph":"X","name":"t2","pid":3,"tid":1,"ts":6.9,"dur":0.1)"));
  CHECK(has(R"({"ph":"X","name":"n0","pid":1,"tid":1,"ts":1,"dur":2)"));
  // The arrow leaves s0, which made the value, not s2, which runs by then.
  CHECK(has(R"({"ph":"s","cat":"transfer","id":5,"name":"t0","pid":1,"tid":1,"ts":5.999)"));
  CHECK(has(R"("bp":"e","cat":"transfer","id":5,"name":"t0","pid":2,"tid":1,"ts":7)"));
}

TEST_CASE("statistics of the part before are taken off, peaks are kept") {
  const auto before = report::decode_stats(
      R"({"devices": {"w0": {"busy_ns": 5, "peak_bytes": 9}}, "links": {"l": {"bytes": 3}}, "counters": {"calls": 2}})");
  auto after = report::decode_stats(
      R"({"devices": {"w0": {"busy_ns": 15, "peak_bytes": 9}}, "links": {"l": {"bytes": 10, "messages": 4}}, "counters": {"calls": 7, "new": 1}})");
  REQUIRE(before.ok());
  REQUIRE(after.ok());
  const report::Stats difference = report::since(*before, *after);
  CHECK(difference.devices.at("w0").busy_ns == 10);
  CHECK(difference.devices.at("w0").peak_bytes == 9);
  CHECK(difference.links.at("l").bytes == 7);
  CHECK(difference.links.at("l").messages == 4);
  CHECK(difference.counters.at("calls") == 5);
  CHECK(difference.counters.at("new") == 1);
}

TEST_CASE("malformed statistics of a backend are refused with their place, missing ones are not") {
  CHECK(report::decode_stats("{}").ok());
  const auto wrong = report::decode_stats(
      R"({"devices": {"w0": {"busy_ns": -1}}, "links": 3, "counters": {"calls": "many"}})");
  REQUIRE_FALSE(wrong.ok());
  CHECK(wrong.errors().size() == 3);
  CHECK(wrong.errors()[0].pointer == "/devices/w0/busy_ns");
  CHECK_FALSE(report::decode_stats("[]").ok());
}

TEST_CASE("numbers are written for people") {
  CHECK(report::bytes_text(0) == "0 B");
  CHECK(report::bytes_text(1023) == "1023 B");
  CHECK(report::bytes_text(1024) == "1.00 KiB");
  CHECK(report::bytes_text(91750400) == "87.5 MiB");
  CHECK(report::bytes_text(1048575) == "1.00 MiB");
  CHECK(report::duration_text(999) == "999 ns");
  CHECK(report::duration_text(8123000) == "8.12 ms");
  CHECK(report::duration_text(999'600) == "1.00 ms");
  CHECK(report::duration_text(125'000'000'000) == "2 min 5 s");
  CHECK(report::count_text(999) == "999");
  CHECK(report::count_text(1234567) == "1,234,567");
  CHECK(report::percent_text(-0.2, true) == "-20 %");
  CHECK(report::percent_text(0.0001, true) == "0 %");
  CHECK(report::bar(0.5, 4) == "██··");
  CHECK(report::bar(0.0001, 2) == "▏·");
  CHECK(report::bar(7, 2) == "██");
}

TEST_CASE("text is cut and broken by columns, not by bytes") {
  CHECK(report::fitted("äöü", 3) == "äöü");
  CHECK(report::fitted("äöüß", 3) == "äö…");
  CHECK(report::fitted_end("a.b.çd", 4) == "….çd");
  CHECK(report::wrapped("one two  three", 7) == std::vector<std::string>{"one two", "three"});
  CHECK(report::columns("\x1b[32m✓\x1b[0m ok") == 4);
}

TEST_CASE("parts of a model are named by the modules they begin and end in") {
  plan::Graph graph;
  for (const char* scope :
       {"m.embed.tok", "m.layer.0.attn.q", "m.layer.0.attn.k", "m.layer.1.mlp", "m.head"}) {
    plan::Node& node = graph.nodes.emplace_back();
    node.id = "n" + std::to_string(graph.nodes.size() - 1);
    node.scope = scope;
  }
  const report::Scopes scopes(graph);
  CHECK(scopes.describe({"n0"}) == "embed.tok");
  CHECK(scopes.describe({"n0", "n1", "n4"}) == "embed … head");
  CHECK(scopes.describe({"n1", "n2"}) == "layer.0.attn.q … k");
  CHECK(scopes.describe({"n1", "n3"}) == "layer.0 … 1");
  CHECK(scopes.describe({}) == "");
  CHECK(scopes.whole_module({"n1", "n2"}) == "m.layer.0");
  CHECK(scopes.whole_module({"n1"}) == "m.layer.0.attn.q");
}

TEST_CASE("a file is written whole or not at all") {
  test::Scratch scratch;
  const auto path = scratch.path() / "new" / "folder" / "report.json";
  REQUIRE(report::write_file(path, "text").ok());
  std::ifstream stream(path);
  CHECK(std::string(std::istreambuf_iterator<char>(stream), {}) == "text");
  const auto refused = report::write_file(scratch.path() / "new", "text");  // a folder
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.errors()[0].code == "GE0003");
  CHECK_FALSE(std::filesystem::exists(scratch.path() / "new.part"));
}
