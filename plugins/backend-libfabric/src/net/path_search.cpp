#include "net/path_search.hpp"

#include <algorithm>

#include "datapath/problem.hpp"
#include "genie/exec/budget.hpp"

namespace genie::remote {

namespace {

constexpr const char* kPlain =
    "it is not encrypted, as the control channel is: name it as `provider` to allow it";

genie::Expected<DataChoice> what_both_have(const PathWish& wish, const std::vector<std::string>& candidates,
                                           const Ask& ask) {
  const DataPaths mine{wish.provider, datapath::offer({}, candidates)};
  auto answer = ask({Type::data_paths, 0, encode(mine), {}});
  if (!answer) return std::move(answer).error();
  auto choice = decode<DataChoice>(answer->message);
  if (!choice)
    return exec::problem(GENIE_INVALID_ARGUMENT, "GE0811", "the worker answered with malformed data paths");
  return *std::move(choice);
}

class Search {
 public:
  Search(Connection& connection, const PathWish& wish, const Ask& ask, const std::function<bool()>& alive)
      : connection_(connection), wish_(wish), ask_(ask), alive_(alive) {}

  genie::Expected<FoundPath> run() {
    if (wish_.provider == "none") return found_;
    // On one host the arena is best, and nothing else need be looked at.
    genie::Outcome done = genie::Done{};
    if (wish_.provider == "auto") done = among({"arena"});
    if (done && found_.path == kControl) done = among(datapath::known_paths());
    if (!done) return std::move(done).error();
    return std::move(found_);
  }

 private:
  genie::Outcome among(const std::vector<std::string>& candidates) {
    auto choice = what_both_have(wish_, candidates, ask_);
    if (!choice) return std::move(choice).error();
    found_.findings = std::move(choice->findings);
    if (choice->paths.empty() && wish_.provider != "auto")
      return datapath::problem(
          GENIE_FAILED_PRECONDITION, datapath::kPathRefused,
          "the worker leaves everything on the control channel, and \"" + wish_.provider + "\" is forced",
          "take `payload` out of the worker's options, or `provider` out of the client's");
    for (const std::string& path : choice->paths) {
      // Nobody who asked for encryption gets a path without by default; memory of one host crosses no network.
      if (!wish_.plain && path != "arena") {
        refuse(path, kPlain);
        continue;
      }
      auto met = meet_on(path);
      if (met) {
        found_.path = path;
        return genie::Done{};
      }
      // What was forced must be; else the next best will do.
      if (wish_.provider != "auto" || !alive_()) return met;
      refuse(path, met.error().message);
    }
    return genie::Done{};
  }

  void refuse(const std::string& path, std::string why) {
    const auto at = std::ranges::find(found_.findings, path, &datapath::Finding::provider);
    if (at == found_.findings.end()) return;
    at->usable = false;
    at->why = std::move(why);
  }

  genie::Outcome meet_on(const std::string& path) {
    auto end = datapath::open_end(path, datapath::Side::goes, wish_.local_address, {});
    if (!end) return std::move(end).error();
    const auto own = (*end)->address();
    const DataOpen wanted{path, {reinterpret_cast<const char*>(own.data()), own.size()}};
    auto theirs = ask_({Type::data_open, 0, encode(wanted), {}});
    if (!theirs) return std::move(theirs).error();
    auto met =
        (*end)->connect(std::as_bytes(std::span(theirs->message)), datapath::deadline_in(kMeetingLimit));
    if (!met) return std::move(met).error();
    if (auto used = ask_({Type::data_use, 0, {}, {}}); !used) return std::move(used).error();
    connection_.use(*std::move(met));
    return genie::Done{};
  }

  Connection& connection_;
  const PathWish& wish_;
  const Ask& ask_;
  const std::function<bool()>& alive_;
  FoundPath found_;
};

}  // namespace

genie::Expected<FoundPath> find_data_path(Connection& connection, const PathWish& wish, const Ask& ask,
                                          const std::function<bool()>& alive) {
  return Search(connection, wish, ask, alive).run();
}

genie::Expected<std::vector<datapath::Finding>> all_paths(const PathWish& wish, const FoundPath& found,
                                                          const Ask& ask) {
  if (wish.provider == "none") return std::vector<datapath::Finding>();
  auto choice = what_both_have(wish, datapath::known_paths(), ask);
  if (!choice) return std::move(choice).error();
  for (datapath::Finding& each : choice->findings) {
    if (!each.usable) continue;
    if (!wish.plain && each.path != "arena") {
      each.usable = false;
      each.why = kPlain;
    }
    // What was tried in vain says more than what both ends hoped for.
    const auto tried = std::ranges::find(found.findings, each.path, &datapath::Finding::path);
    if (tried != found.findings.end() && !tried->usable) each = *tried;
  }
  return std::move(choice->findings);
}

}  // namespace genie::remote
