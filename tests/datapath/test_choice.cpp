// Which path is taken, and the reason for each that is not.
#include <doctest/doctest.h>

#include "datapath/choice.hpp"
#include "fabric_pair.hpp"

using namespace genie;
using namespace genie::test;
using datapath::choose;
using datapath::Offer;

namespace {

Offer rich(const std::string& host) {
  return {host,
          {{"arena", true, "arena", "1", "shared"},
           {"verbs;ofi_rxm", true, "verbs;ofi_rxm", "1", "rdma"},
           {"net", true, "net", "1", "sockets"},
           {"tcp", true, "tcp;ofi_rxm", "1", "sockets"},
           {"shm", true, "shm", "1", "segments"}}};
}

std::string why(const datapath::Choice& choice, std::string_view path) {
  for (const auto& each : choice.findings)
    if (each.path == path) return each.usable ? "usable" : each.why;
  return "not considered";
}

}  // namespace

TEST_CASE("auto takes the arena on one host, then RDMA, then sockets, and shm never") {
  const auto choice = must(choose("auto", rich("a"), rich("a")));
  CHECK(choice.paths == std::vector<std::string>{"arena", "verbs;ofi_rxm", "net", "tcp;ofi_rxm"});
  CHECK(why(choice, "shm").find("only when forced") != std::string::npos);
}

TEST_CASE("ends on two hosts share no memory") {
  const auto choice = must(choose("auto", rich("a"), rich("b")));
  CHECK(choice.paths == std::vector<std::string>{"verbs;ofi_rxm", "net", "tcp;ofi_rxm"});
  CHECK(why(choice, "arena").find("another host") != std::string::npos);
  CHECK(error_of(choose("shm", rich("a"), rich("b"))).code == GENIE_UNAVAILABLE);
  // A host that does not say which it is is never taken for the same.
  CHECK(must(choose("auto", rich(""), rich(""))).paths.front() == "verbs;ofi_rxm");
}

TEST_CASE("any path can be forced, by its own name or its provider's") {
  CHECK(must(choose("shm", rich("a"), rich("a"))).paths == std::vector<std::string>{"shm"});
  CHECK(must(choose("tcp", rich("a"), rich("a"))).paths == std::vector<std::string>{"tcp;ofi_rxm"});
  CHECK(must(choose("tcp;ofi_rxm", rich("a"), rich("a"))).paths == std::vector<std::string>{"tcp;ofi_rxm"});
  const auto forced = must(choose("verbs", rich("a"), rich("a")));
  CHECK(forced.paths == std::vector<std::string>{"verbs;ofi_rxm"});
  CHECK(why(forced, "arena") == "\"verbs\" is forced");
}

TEST_CASE("what the peer lacks is refused with the peer's reason") {
  Offer theirs = rich("a");
  theirs.findings[1].usable = false;
  theirs.findings[1].why = "no RDMA device";
  theirs.findings[3].provider = "tcp";
  const auto choice = must(choose("auto", rich("a"), theirs));
  CHECK(choice.paths == std::vector<std::string>{"arena", "net"});
  CHECK(why(choice, "verbs;ofi_rxm") == "at the peer: no RDMA device");
  CHECK(why(choice, "tcp").find("tcp;ofi_rxm") != std::string::npos);
  const Error error = error_of(choose("verbs", rich("a"), theirs));
  CHECK(has_code(error, "GE0850"));
  CHECK(error.message.find("no RDMA device") != std::string::npos);
}

TEST_CASE("a path that does not exist is named, with those that do") {
  const Error error = error_of(choose("carrier-pigeon", rich("a"), rich("a")));
  CHECK(error.code == GENIE_INVALID_ARGUMENT);
  CHECK(error.diagnostics.find("arena") != std::string::npos);
}

TEST_CASE("the offer of this machine names every known path with a reason, and what it offers works") {
  const Offer mine = datapath::offer(local_address(), datapath::known_paths());
  CHECK(mine.findings.size() == 5);
  CHECK(datapath::offer(local_address(), {"arena"}).findings.size() == 1);
  for (const auto& each : mine.findings) {
    CAPTURE(each.path);
    CHECK_FALSE(each.why.empty());
    CHECK(each.provider.empty() == !each.usable);
    MESSAGE(each.path << std::string(each.usable ? ": " : " refused: ") << each.why);
  }
  for (const std::string& path : must(choose("auto", mine, mine)).paths) {
    CAPTURE(path);
    auto waits = must(datapath::open_end(path, datapath::Side::waits, local_address(), {}));
    auto goes = must(datapath::open_end(path, datapath::Side::goes, local_address(), {}));
    const Pair pair = meet(*waits, *goes);
    must(pair.first->send(bytes_of("hello"), deadline_in(5s)));
    CHECK(text_of(must(pair.second->receive(deadline_in(5s)))) == "hello");
  }
}

TEST_CASE("a provider that cannot be had says why") {
  const Error none = error_of(fabric::open_end("no-such-provider", {}, {}));
  CHECK(has_code(none, "GE0850"));
  CHECK(none.message.find("no-such-provider") != std::string::npos);
  // An address of no device here.
  const Error elsewhere = error_of(fabric::open_end("net", "192.0.2.77", {}));
  CHECK(has_code(elsewhere, "GE0850"));
}
