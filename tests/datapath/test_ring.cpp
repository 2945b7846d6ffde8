// The ring alone: its order, its edges, and what it thinks of impossible words.
#include <doctest/doctest.h>

#include <memory>

#include "arena/ring.hpp"
#include "pair.hpp"

using namespace genie::arena;
using namespace genie::test;

namespace {

struct Ring {
  RingWords words{};
  std::vector<std::byte> bytes = std::vector<std::byte>(256);
  RingWriter writer{words, bytes};
  RingReader reader{words, bytes, 100};
};

}  // namespace

TEST_CASE("a ring gives messages of all sizes back in order, over its end many times") {
  Ring ring;
  std::vector<std::byte> message, got;
  for (std::size_t round = 0; round < 2000; ++round) {
    message.resize(round % 101);
    fill(message, round);
    REQUIRE(ring.writer.room_for(message.size()) == RingState::something);
    ring.writer.push(message);
    REQUIRE(ring.reader.pop(got) == RingState::something);
    REQUIRE(got == message);
  }
  CHECK(ring.reader.pop(got) == RingState::nothing);
}

TEST_CASE("a ring is full exactly when the next message would overwrite what is not read") {
  Ring ring;
  const std::vector<std::byte> message(60);  // 64 bytes of the ring's 256
  for (int i = 0; i < 4; ++i) {
    REQUIRE(ring.writer.room_for(message.size()) == RingState::something);
    ring.writer.push(message);
  }
  CHECK(ring.writer.room_for(0) == RingState::nothing);
  std::vector<std::byte> got;
  REQUIRE(ring.reader.pop(got) == RingState::something);
  CHECK(ring.writer.room_for(60) == RingState::something);
  CHECK(ring.writer.room_for(61) == RingState::nothing);
}

TEST_CASE("a reader refuses positions and lengths that cannot be") {
  Ring ring;
  std::vector<std::byte> got;
  SUBCASE("more written than the ring holds") {
    ring.words.written = 264;
  }
  SUBCASE("a position that no message ends at") {
    ring.words.written = 12;
  }
  SUBCASE("a length beyond the longest message") {
    ring.words.written = 256;
    ring.bytes[0] = std::byte{101};
  }
  SUBCASE("a length beyond what was written") {
    ring.words.written = 8;
    ring.bytes[0] = std::byte{5};
  }
  SUBCASE("a length of all ones") {
    ring.words.written = 8;
    std::fill_n(ring.bytes.begin(), 4, std::byte{0xff});
  }
  CHECK(ring.reader.pop(got) == RingState::broken);
}

TEST_CASE("a reader refuses a writer's position that goes back") {
  Ring ring;
  std::vector<std::byte> got;
  ring.writer.push({});
  REQUIRE(ring.reader.pop(got) == RingState::something);
  ring.words.written = 0;
  CHECK(ring.reader.available() == RingState::broken);
}

TEST_CASE("a writer refuses a reader's position that cannot be") {
  Ring ring;
  SUBCASE("more read than was written") {
    ring.words.read = 8;
  }
  SUBCASE("less than the ring can hold unread") {
    std::vector<std::byte> got;
    for (int i = 0; i < 5; ++i) {
      ring.writer.push(std::vector<std::byte>(100));
      REQUIRE(ring.reader.pop(got) == RingState::something);
    }
    ring.words.read = 0;
  }
  CHECK(ring.writer.room_for(0) == RingState::broken);
}
