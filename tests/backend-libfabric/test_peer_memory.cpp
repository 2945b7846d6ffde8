// The account of memory that a peer exposed.
#include <doctest/doctest.h>

#include "net/peer_memory.hpp"

using namespace genie;
using namespace genie::remote;

namespace {

/// As a peer on this host exposes it.
class Shared final : public datapath::RemoteRegion {
 public:
  explicit Shared(std::size_t bytes) : bytes_((bytes + 63) / 64) {}
  [[nodiscard]] datapath::MemoryKind kind() const override { return datapath::MemoryKind::host; }
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size() * sizeof(Line); }
  [[nodiscard]] datapath::Memory shared() const override {
    return {kind(), reinterpret_cast<std::uint64_t>(bytes_.data()), size()};
  }

 private:
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::vector<Line> bytes_;
};

}  // namespace

TEST_CASE("free parts are given once, joined when they come back, and never given back twice") {
  FreeParts parts(1024);
  const auto a = parts.take(512), b = parts.take(256), c = parts.take(256);
  REQUIRE(a);
  REQUIRE(b);
  REQUIRE(c);
  CHECK_FALSE(parts.take(64));
  CHECK(parts.give_back(*b));
  CHECK_FALSE(parts.give_back(*b));
  CHECK_FALSE(parts.give_back(7));
  CHECK_FALSE(parts.take(512));
  CHECK(parts.give_back(*a));
  CHECK(parts.take(768) == 0);
  CHECK(parts.give_back(0));
  CHECK(parts.give_back(*c));
  CHECK(parts.take(1024) == 0);
}

TEST_CASE("reserved room is free again once nobody here holds it and the peer gave it back") {
  PeerMemory memory;
  CHECK_FALSE(memory.reserve(5000));
  memory.add(std::make_shared<Shared>(16 << 10));
  const auto room = memory.reserve(5000);
  REQUIRE(room);
  CHECK_FALSE(memory.reserve(5000));
  const auto place = memory.announce(room->data, 100);
  REQUIRE(place);
  // The message lies right before the payload, as if it had been written there with it.
  CHECK(room->region->shared().bytes().data() + place->offset + 128 == room->data);
  CHECK_FALSE(memory.announce(room->data, 100));
  SUBCASE("the peer gives it back first") {
    CHECK(memory.give_back(*place));
    CHECK_FALSE(memory.reserve(5000));
    memory.release(room->data);
  }
  SUBCASE("it is released here first") {
    memory.release(room->data);
    CHECK_FALSE(memory.reserve(5000));
    CHECK(memory.give_back(*place));
  }
  SUBCASE("it goes there twice, one after the other") {
    CHECK(memory.give_back(*place));
    const auto again = memory.announce(room->data, 1000);
    REQUIRE(again);
    CHECK(memory.give_back(*again));
    memory.release(room->data);
  }
  CHECK_FALSE(memory.give_back(*place));
  CHECK(memory.reserve(5000));
}

TEST_CASE("a peer cannot give back what is reserved and was not announced to it") {
  PeerMemory memory;
  memory.add(std::make_shared<Shared>(16 << 10));
  const auto room = memory.reserve(5000);
  REQUIRE(room);
  CHECK_FALSE(memory.give_back({0, 0}));
  CHECK_FALSE(memory.give_back({0, PeerMemory::kMessage}));
  CHECK_FALSE(memory.give_back({1, 0}));
  // A message that does not fit before the payload goes elsewhere, with a copy.
  CHECK_FALSE(memory.announce(room->data, PeerMemory::kMessage + 1));
  const auto whole = memory.announce(room->data, PeerMemory::kMessage);
  REQUIRE(whole);
  CHECK(whole->offset == 0);
  CHECK(memory.give_back(*whole));
  CHECK_FALSE(memory.give_back(*whole));
  memory.release(room->data);
}
