// Random faults by the hundred: a run ends in one typed error that says where, or in the result of the run without faults.
#include <algorithm>

#include "world.hpp"

using namespace faults_test;

namespace {

constexpr int kRuns = 210;

/// How the runs ended: a campaign that meets nothing proves nothing.
struct Endings {
  int failed = 0, unharmed = 0, struck = 0, recovered = 0;
};

/// A run under these faults that neither lied nor kept silent.
void check(World& world, const Ran& plain, const std::string& faults, bool replan, Endings& endings) {
  const Ran ran = world.run(faults, replan);
  INFO(faults, replan ? " replan" : " fail");
  if (!ran.failure) {
    CHECK(ran.outputs == plain.outputs);
    const bool struck =
        std::ranges::any_of(ran.report.stats.faults, [](const auto& fault) { return fault.hits > 0; });
    ++(!ran.report.recoveries.empty() ? endings.recovered : struck ? endings.struck : endings.unharmed);
    return;
  }
  ++endings.failed;
  const plan::Diagnostic& headline = ran.failure->diagnostics.front();
  INFO(all_of(*ran.failure));
  CHECK(static_cast<int>(ran.failure->category) == static_cast<int>(runtime::Category::execution));
  CHECK((headline.code >= "GE0611" && headline.code <= "GE0616") != (headline.code == "GE0676"));
  CHECK((headline.code != "GE0676" || replan));
  // Stage and module, and the device or link in words.
  CHECK_FALSE(headline.node.empty());
  CHECK_FALSE(headline.scope.empty());
  CHECK_FALSE(headline.help.empty());
  const bool named = headline.message.find("w0") != std::string::npos ||
                     headline.message.find("w1") != std::string::npos ||
                     headline.message.find("w2") != std::string::npos ||
                     headline.message.find("h0-h1") != std::string::npos ||
                     headline.message.find("-client") != std::string::npos ||
                     headline.message.find("link") != std::string::npos;
  CHECK(named);
}

}  // namespace

TEST_CASE("a seeded campaign: a typed error that names stage, device and module, or the very same bits") {
  World world;
  const Ran plain = world.run("", false);
  REQUIRE_MESSAGE(!plain.failure, (plain.failure ? all_of(*plain.failure) : ""));
  REQUIRE(plain.outputs.size() == 6);
  const char* more = std::getenv("GENIE_FAULT_RUNS");
  const int runs = more != nullptr ? std::atoi(more) : kRuns;
  Endings endings;
  for (int seed = 0; seed < runs; ++seed) {
    const std::string number = std::to_string(seed);
    // Short timeouts and patience, so that both sides of each limit are met.
    check(
        world, plain,
        R"("seed": )" + number +
            R"(, "delivery": {"timeout_ns": 100000, "retries": 2, "patience_ns": 2000000}, "random": {"seed": )" +
            number + R"(, "count": )" + std::to_string(1 + seed % 5) +
            R"(, "steps": 3, "within_ns": 200000})",
        seed % 2 == 1, endings);
  }
  MESSAGE(endings.failed, " ended in an error, ", endings.recovered, " went on after a loss, ",
          endings.struck, " were only struck, ", endings.unharmed, " met nothing");
  CHECK(endings.failed > runs / 10);
  CHECK(endings.recovered > runs / 10);
  CHECK(endings.struck > runs / 10);
}
