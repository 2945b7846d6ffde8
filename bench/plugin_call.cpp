// plugin-call LIBRARY [CALLS]: times runs of a stage that does nothing, through the plug-in's C table and on the same class
// directly. Prints nanoseconds a call as JSON, the least of several turns.
#include <chrono>
#include <iostream>

#include "idle_kernels.hpp"
#include "test_host.hpp"

namespace {

using Clock = std::chrono::steady_clock;
constexpr int kTurns = 9;

/// A stage by a pointer that the compiler cannot see through, as a table's is.
[[gnu::noinline]] genie::Executable* opaque(genie::Executable* stage) {
  asm volatile("" : "+r"(stage));
  return stage;
}

template <class F>
double nanoseconds_a_call(std::uint64_t calls, F call) {
  double least = 1e18;
  for (int turn = 0; turn < kTurns; ++turn) {
    const auto start = Clock::now();
    for (std::uint64_t i = 0; i < calls; ++i)
      call();
    const double ns = std::chrono::duration<double, std::nano>(Clock::now() - start).count();
    least = std::min(least, ns / static_cast<double>(calls));
  }
  return least;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: plugin-call LIBRARY [CALLS]\n";
    return 2;
  }
  const std::uint64_t calls = argc > 2 ? std::stoull(argv[2]) : 2'000'000;
  const kernels_test::TestHost host;
  const kernels_test::OpenDevice device(host, kernels_test::load(argv[1]));
  const auto stage = device.compile("{}");
  kernels_test::TestCall call;
  genie_run_args args{};
  args.struct_size = sizeof args;
  const auto* table = device.table();
  const double plugin = nanoseconds_a_call(
      calls, [&] { kernels_test::must(host, table->run(&call.raw, stage.get(), &args, nullptr)); });
  genie::bench::IdleStage own;
  genie::Executable* const direct = opaque(&own);
  const genie::Call wrapped(&call.raw);
  const double function = nanoseconds_a_call(calls, [&] {
    if (!direct->run(wrapped, args, nullptr)) std::abort();
  });
  if (args.seed != 2 * kTurns * calls) return 1;
  std::cout << "{\"plugin_ns\": " << plugin << ", \"direct_ns\": " << function << "}\n";
  return 0;
}
