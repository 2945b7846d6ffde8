// Reads, checks, writes and names one plan, and prints as JSON what each step took. For plan_speed.py.
//
//   plan-speed PLAN.json
//
// Times: wall, and this thread's CPU time (user and system). Memory: how far the resident set had grown at most, from before
// the file was read until the plan was checked.
#include <time.h>

#include <cstdint>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>

#include "genie/plan/codec.hpp"
#include "genie/plan/json.hpp"
#include "genie/plan/validate.hpp"

namespace {

using namespace genie::plan;

std::int64_t now_ns(clockid_t clock) {
  constexpr std::int64_t kNsPerSecond = 1'000'000'000;
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

std::int64_t peak_kib() {
  std::ifstream status("/proc/self/status");
  std::int64_t kib = 0;
  for (std::string word; status >> word;)
    if (word == "VmHWM:") status >> kib;
  return kib;
}

/// Runs f and reports its times under the name.
template <class F>
auto timed(json::Writer& writer, std::string_view name, F&& f) {
  const std::int64_t wall = now_ns(CLOCK_MONOTONIC);
  const std::int64_t cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
  auto result = f();
  const std::int64_t cpu_end = now_ns(CLOCK_THREAD_CPUTIME_ID);
  writer.key(name).begin_object().key("cpu_ns").value(cpu_end - cpu);
  writer.key("wall_ns").value(now_ns(CLOCK_MONOTONIC) - wall).end_object();
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: plan-speed PLAN.json\n";
    return 2;
  }
  const std::int64_t before_kib = peak_kib();
  json::Writer writer;
  writer.begin_object();
  const std::string bytes = timed(writer, "read", [&] {
    std::ifstream file(argv[1], std::ios::binary | std::ios::ate);
    std::string all(file ? static_cast<std::size_t>(file.tellg()) : 0, '\0');
    file.seekg(0).read(all.data(), static_cast<std::streamsize>(all.size()));
    return all;
  });
  const auto plan = timed(writer, "decode", [&] { return decode(bytes); });
  if (!plan) {
    std::cerr << to_text(plan.errors().front());
    return 1;
  }
  const Validation checked = timed(writer, "validate", [&] { return validate(*plan, {.up_to = Level::v3}); });
  if (!checked.ok() || checked.reached != Level::v3 || !checked.unchecked.ops.empty()) {
    std::cerr << to_json(checked.diagnostics) << "\nthe plan was not checked in full\n";
    return 1;
  }
  const std::int64_t after_kib = peak_kib();
  const std::string encoded = timed(writer, "encode", [&] { return encode(*plan); });
  const std::string id = timed(writer, "hash", [&] { return digest(encoded); });
  writer.key("bytes").value(static_cast<std::uint64_t>(bytes.size()));
  writer.key("peak_kib").value(after_kib - before_kib);
  writer.key("id").value(id).end_object();
  std::cout << writer.take() << '\n';
  return 0;
}
