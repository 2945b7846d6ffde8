#include "choice.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "../arena/connection.hpp"
#include "../fabric/connection.hpp"
#include "../fabric/provider.hpp"
#include "problem.hpp"

namespace genie::datapath {
namespace {

constexpr std::string_view kArena = "arena";
constexpr std::string_view kShm = "shm";

/// The system's own name for this boot, and the network namespace: what abstract sockets are bound to.
std::string host_name() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  struct stat network {};
  if (boot.empty() || ::stat("/proc/self/ns/net", &network) != 0) return {};
  return boot + "/" + std::to_string(network.st_ino);
}

const Finding* find(const Offer& offer, std::string_view path) {
  const auto found = std::ranges::find(offer.findings, path, &Finding::path);
  return found == offer.findings.end() ? nullptr : &*found;
}

/// What the two offers together say about one path.
Finding judge(const Finding& mine, const Offer& my_offer, const Offer& their_offer) {
  Finding judged = mine;
  if (!mine.usable) return judged;
  const auto refuse = [&](std::string why) {
    judged.usable = false;
    judged.why = std::move(why);
  };
  const Finding* const theirs = find(their_offer, mine.path);
  if (theirs == nullptr)
    refuse("the peer does not know this path");
  else if (!theirs->usable)
    refuse("at the peer: " + theirs->why);
  else if (theirs->provider != mine.provider)
    refuse("here it is carried by " + mine.provider + ", at the peer by " + theirs->provider);
  else if ((mine.path == kArena || mine.path == kShm) &&
           (my_offer.host.empty() || my_offer.host != their_offer.host))
    refuse("the peer is on another host or in another network namespace");
  return judged;
}

}  // namespace

std::vector<std::string> known_paths() {
  std::vector<std::string> paths{std::string(kArena)};
  for (std::string& provider : fabric::known_providers())
    paths.push_back(std::move(provider));
  return paths;
}

Offer offer(const std::string& local_address, const std::vector<std::string>& paths) {
  Offer made;
  made.host = host_name();
  for (const std::string& path : known_paths()) {
    if (std::ranges::find(paths, path) == paths.end()) continue;
    if (path == kArena) {
      made.findings.push_back({path, !made.host.empty(), path, "memory file",
                               made.host.empty()
                                   ? "this system does not tell which host it is (is /proc mounted?)"
                                   : "memory that both ends map; only on one host"});
      if (made.host.empty()) made.findings.back().provider.clear();
    } else {
      fabric::Finding found = fabric::look_at(path, local_address);
      made.findings.push_back(
          {path, found.usable, std::move(found.provider), std::move(found.version), std::move(found.why)});
    }
  }
  return made;
}

Expected<Choice> choose(std::string_view requested, const Offer& mine, const Offer& theirs) {
  Choice choice;
  const bool automatic = requested == "auto";
  bool known = automatic;
  std::string reasons;
  for (const Finding& each : mine.findings) {
    const bool asked_for = automatic || requested == each.path || requested == each.provider ||
                           each.path.starts_with(std::string(requested) + ";");
    known = known || asked_for;
    Finding judged = judge(each, mine, theirs);
    if (judged.usable && !asked_for) {
      judged.usable = false;
      judged.why = "\"" + std::string(requested) + "\" is forced";
    } else if (judged.usable && automatic && each.path == kShm) {
      judged.usable = false;
      judged.why = "only when forced: the arena is faster wherever this works";
    }
    if (judged.usable)
      choice.paths.push_back(judged.provider);
    else if (asked_for)
      reasons += (reasons.empty() ? "" : "; ") + judged.path + ": " + judged.why;
    choice.findings.push_back(std::move(judged));
  }
  if (!known) {
    std::string names;
    for (const Finding& each : mine.findings)
      names += ", \"" + each.path + "\"";
    return problem(GENIE_INVALID_ARGUMENT, kPathRefused,
                   "there is no data path \"" + std::string(requested) + "\"", "choose \"auto\"" + names);
  }
  if (choice.paths.empty())
    return problem(GENIE_UNAVAILABLE, kPathRefused, "no data path leads to the peer: " + reasons,
                   "`genie-host doctor` shows what each machine has");
  return choice;
}

Expected<std::unique_ptr<End>> open_end(std::string_view path, Side side, const std::string& local_address,
                                        WaitOptions options) {
  if (path == kArena)
    return arena::open_end(side == Side::waits ? arena::Role::waits : arena::Role::goes, options);
  return fabric::open_end(path, local_address, options);
}

}  // namespace genie::datapath
