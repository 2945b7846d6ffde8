// Timelines: what backends report as calls, where their time went, and how they are drawn. The arithmetic is on paper.
#include <doctest/doctest.h>

#include "report/text.hpp"
#include "report/timeline_text.hpp"
#include "report/waits.hpp"

namespace {

using namespace genie;
using plan::Event;
using report::CallTimeline;

/// a on w0, then b on w1, then c back on w0; 10, 10 and 4 ns, with 4 and 2 ns on the way.
plan::MethodSchedule there_and_back() {
  plan::MethodSchedule scheduled;
  scheduled.stages = {{"a", "w0", "k", {"na"}, {}, {}, {}},
                      {"b", "w1", "k", {"nb"}, {}, {}, {}},
                      {"c", "w0", "k", {"nc"}, {}, {}, {}}};
  scheduled.transfers = {{"t0", "va", "a", "b", "bulk", 400, std::nullopt, {}},
                         {"t1", "vb", "b", "c", "bulk", 200, std::nullopt, {}}};
  return scheduled;
}

CallTimeline call_of_it() {
  CallTimeline call;
  call.method = "forward";
  call.duration_ns = 30;
  call.events = {{Event::Kind::stage, "a", "w0", 0, 10, 0},
                 {Event::Kind::transfer, "t0", "l", 10, 14, 400},
                 {Event::Kind::stage, "b", "w1", 14, 24, 0},
                 {Event::Kind::transfer, "t1", "l", 24, 26, 200},
                 {Event::Kind::stage, "c", "w0", 26, 30, 0}};
  return call;
}

plan::Plan plan_of_it() {
  plan::Plan plan;
  plan.methods["forward"];
  plan.schedule.emplace().methods["forward"] = there_and_back();
  return plan;
}

}  // namespace

TEST_CASE("the time of a device is what it computed, what was under way to it, and the rest") {
  const report::CallAnalysis analysis = report::analyse(call_of_it(), there_and_back());
  REQUIRE(analysis.devices.size() == 2);
  CHECK(analysis.devices[0].compute_ns == 14);
  CHECK(analysis.devices[0].transfer_ns == 2);  // 24 to 26
  CHECK(analysis.devices[0].idle_ns == 14);     // 10 to 24
  CHECK(analysis.devices[0].before_end_ns == 14);
  CHECK(analysis.devices[1].compute_ns == 10);
  CHECK(analysis.devices[1].transfer_ns == 4);
  CHECK(analysis.devices[1].idle_ns == 16);  // 0 to 10, and 24 to 30 with nothing left to do
  CHECK(analysis.devices[1].before_end_ns == 10);
}

TEST_CASE("a pause names the stage and the transfer it ended with, the longest first") {
  const report::CallAnalysis analysis = report::analyse(call_of_it(), there_and_back());
  REQUIRE(analysis.waits.size() == 2);
  const report::Wait& longest = analysis.waits[0];
  CHECK(longest.device == "w0");
  CHECK(longest.stage == "c");
  CHECK(longest.from == "b");
  CHECK(longest.from_device == "w1");
  CHECK(longest.transfer == "t1");
  CHECK(longest.link == "l");
  CHECK(longest.start_ns == 10);
  CHECK(longest.end_ns == 26);
  CHECK(longest.transfer_ns == 2);
  CHECK(analysis.waits[1].device == "w1");
  CHECK(analysis.waits[1].end_ns == 14);
}

TEST_CASE("the critical path is the chain that decided the end") {
  report::CallTimeline call = call_of_it();
  plan::MethodSchedule scheduled = there_and_back();
  // d on w1 fits into the time in which w1 has nothing to do: it decides nothing.
  call.events.push_back({Event::Kind::stage, "d", "w1", 24, 27, 0});
  scheduled.stages.push_back({"d", "w1", "k", {"nd"}, {}, {}, {}});
  const report::CallAnalysis analysis = report::analyse(call, scheduled);
  std::string path;
  for (const report::Critical& link : analysis.path)
    path += link.id + " ";
  CHECK(path == "a t0 b t1 c ");
  CHECK(analysis.path_compute_ns == 24);
  CHECK(analysis.path_transfer_ns == 6);
}

TEST_CASE("a value that came at no cost is waited for at the stage that made it") {
  report::CallTimeline call = call_of_it();
  std::erase_if(call.events, [](const Event& event) { return event.kind == Event::Kind::transfer; });
  const report::CallAnalysis analysis = report::analyse(call, there_and_back());
  CHECK(analysis.devices[0].transfer_ns == 0);
  CHECK(analysis.waits[0].from == "b");
  CHECK(analysis.waits[0].transfer.empty());
}

TEST_CASE("calls are made of the events of their jobs, counted from the first of each") {
  std::vector<services::TraceEvent> events;
  const auto span = [&](std::uint64_t job, const char* process, const char* name, std::uint64_t at,
                        std::uint64_t lasts) {
    events.push_back({GENIE_TRACE_SPAN, 0, job, process, "compute", name, "", at, lasts, 0, 0});
  };
  span(7, "w1", "b", 1014, 10);
  span(7, "w0", "a", 1000, 10);
  span(7, "w0", "aten.linear", 1002, 3);  // a kernel's own
  span(8, "w0", "a", 2000, 12);
  span(9, "w0", "a", 3000, 99);  // a warm-up, say
  events.push_back({GENIE_TRACE_COUNTER, 0, 7, "w0", "memory", "memory", "", 1000, 0, 640, 0});
  events.push_back({GENIE_TRACE_COUNTER, 0, 7, "w0", "memory", "memory", "", 1000, 0, 600, 0});
  const std::vector<report::MeasuredCall> measured = {
      {7, 0, "forward"}, {8, 1, "forward"}, {5, 2, "forward"}};
  const auto calls = report::observed_calls(events, measured, plan_of_it());
  REQUIRE(calls.size() == 2);  // of job 5 nothing was told
  REQUIRE(calls[0].events.size() == 2);
  CHECK(calls[0].events[0].id == "a");
  CHECK(calls[0].events[1].start_ns == 14);
  CHECK(calls[0].duration_ns == 24);
  REQUIRE(calls[0].memory.at("w0").size() == 1);
  CHECK(calls[0].memory.at("w0")[0].most_bytes == 640);
  CHECK(calls[0].memory.at("w0")[0].bytes == 600);
  CHECK(calls[1].duration_ns == 12);
  CHECK(report::slowest(calls) == &calls[0]);
}

TEST_CASE("a timeline has a row for each device and link, as wide as the style") {
  report::TimelineView view;
  view.devices = {"w0", "w1"};
  std::string text;
  // 2 + 8 + 1 columns before the row, 9 after it: 30 of 50 are one nanosecond each.
  for (const std::string& line :
       report::timeline_lines(call_of_it(), there_and_back(), view, report::Style{false, 50, false}))
    text += line + "\n";
  CHECK(text ==
        "timeline   0    7 ns    15 ns       30 ns\n"
        "  w0       a█████████··············░░c███     47 %\n"
        "  w1       ··········░░░░b█████████           33 %\n"
        "  l                  ████          ██        600 B\n");
}

TEST_CASE("what lasts less than a column is drawn low, but drawn") {
  report::CallTimeline call = call_of_it();
  call.duration_ns = 30'000;
  const auto lines = report::timeline_lines(call, there_and_back(), {}, report::Style{false, 50, false});
  CHECK(lines.at(1) == "  w0       ▁                                <0.1 %");
  CHECK(lines.at(3).starts_with("  l        ▁"));
}

TEST_CASE("of many devices and links those that did most are drawn") {
  report::CallTimeline call;
  call.duration_ns = 100;
  plan::MethodSchedule scheduled;
  for (std::uint64_t i = 0; i < 50; ++i) {
    const std::string n = std::to_string(i);
    scheduled.stages.push_back({"s" + n, "w" + n, "k", {}, {}, {}, {}});
    call.events.push_back({Event::Kind::stage, "s" + n, "w" + n, 0, i == 30 ? 100 : 1 + i, 0});
    call.events.push_back({Event::Kind::transfer, "t" + n, "l" + n, 0, 10, i});
  }
  report::TimelineView view;
  view.shown_devices = 3;
  view.shown_links = 2;
  const auto lines = report::timeline_lines(call, scheduled, view, report::Style{});
  REQUIRE(lines.size() == 1 + 3 + 2);
  CHECK(lines[1].starts_with("  w30 "));
  CHECK(lines[2].starts_with("  w49 "));
  CHECK(lines[3] == "  … and 48 more devices");
  CHECK(lines[4].starts_with("  l49 "));
  CHECK(lines[5] == "  … and 49 more links");
}

TEST_CASE("where the locale has no such signs, texts are drawn with ASCII in the same columns") {
  report::Style style;
  CHECK(report::in_charset(style, "✓ a → b █▃░·… 5 µs") == "✓ a → b █▃░·… 5 µs");
  style.ascii = true;
  CHECK(report::in_charset(style, "✓ a → b █▃░·… 5 µs") == "+ a > b #=~.~ 5 us");
  CHECK(report::in_charset(style, "naïve.層") == "naïve.層");  // names are the user's
}

TEST_CASE("without a timeline the report says what the links carried, and when steps were left out") {
  report::RunReport report;
  report.source = "net.pt2";
  report.plan = plan_of_it();
  report.plan->schedule->methods["forward"] = there_and_back();
  report.topology.emplace();
  report.topology->devices.resize(2);
  report.topology->devices[0].id = "w0";
  report.topology->devices[1].id = "w1";
  for (std::uint64_t i = 0; i < 3; ++i)
    report.steps.push_back({i, 1, "forward", 5000, 30});
  report.stats.links = {
      {"a", {10, 1, 5}}, {"b", {2048, 2, 7}}, {"c", {1, 1, 1}}, {"idle", {0, 0, 0}}, {"d", {5, 1, 1}}};
  const std::string without = report::to_text(report, report::Style{});
  CHECK(without.find("  links      b 2.00 KiB in 2 messages, busy 7 ns\n"
                     "             a 10 B in 1 message, busy 5 ns\n"
                     "             … and 2 more links\n") != std::string::npos);
  report.calls = {call_of_it(), call_of_it()};
  report.trace_dropped = 9;
  const std::string with = report::to_text(report, report::Style{});
  CHECK_MESSAGE(with.find("\n  links ") == std::string::npos, with);
  CHECK(with.find("  traced     2 of 3 steps; of the others there is no timeline\n") != std::string::npos);
  CHECK(with.find("\nstep 0     0 ") != std::string::npos);
}
