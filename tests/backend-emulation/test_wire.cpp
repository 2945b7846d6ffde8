// Messages under faults: what is damaged, doubled or late never becomes a value.
#include <doctest/doctest.h>

#include <algorithm>
#include <string_view>

#include "wire.hpp"

using genie::emulation::Frame;
using genie::emulation::Wire;

namespace {

constexpr Wire::Channel kChannel{0, 1};

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

TEST_CASE("a frame keeps its number and its payload") {
  const Frame frame(42, 3, bytes("payload"));
  CHECK(frame.intact());
  CHECK(frame.sequence() == 42);
  CHECK(std::ranges::equal(frame.payload(), bytes("payload")));
}

TEST_CASE("the checksum finds every bit that is flipped") {
  for (const std::string_view text : {std::string_view("some payload"), std::string_view()}) {
    const std::size_t bits = (text.empty() ? 24 : text.size()) * 8;  // of the payload, or of the header alone
    for (std::size_t bit = 0; bit < bits; ++bit) {
      Frame frame(7, 0, bytes(text));
      frame.damage(bit);
      CHECK_FALSE(frame.intact());
      Wire wire;
      CHECK(wire.receive(kChannel, frame) == Wire::Verdict::damaged);
      // It took no number: the message itself still gets through.
      CHECK(wire.receive(kChannel, Frame(7, 1, bytes(text))) == Wire::Verdict::accepted);
    }
  }
}

TEST_CASE("a number is accepted once, in whatever order, on each channel of its own") {
  Wire wire;
  for (const std::uint64_t sequence : {2u, 0u, 1u, 5u})
    CHECK(wire.receive(kChannel, Frame(sequence, 0, {})) == Wire::Verdict::accepted);
  for (const std::uint64_t sequence : {0u, 1u, 2u, 5u})
    CHECK(wire.receive(kChannel, Frame(sequence, 1, {})) == Wire::Verdict::duplicate);
  CHECK(wire.receive({1, 0}, Frame(2, 0, {})) == Wire::Verdict::accepted);
  CHECK(wire.receive(kChannel, Frame(3, 0, {})) == Wire::Verdict::accepted);
}

TEST_CASE("strays arrive when their time has come, and are refused") {
  Wire wire;
  const std::uint64_t sequence = wire.next_sequence(kChannel);
  CHECK(wire.receive(kChannel, Frame(sequence, 1, bytes("x"))) == Wire::Verdict::accepted);
  wire.stray(kChannel, 100, Frame(sequence, 0, bytes("x")));
  CHECK(wire.receive_strays(99).refused == 0);
  const Wire::Strays came = wire.receive_strays(100);
  CHECK(came.refused == 1);
  CHECK_FALSE(came.taken);
  CHECK(wire.receive_strays(1000).refused == 0);
}

TEST_CASE("after a step that ended early, nothing that it sent is accepted any more") {
  Wire wire;
  const std::uint64_t sequence = wire.next_sequence(kChannel);
  wire.stray(kChannel, 50, Frame(sequence, 0, bytes("late")));
  wire.abandon();
  CHECK_FALSE(wire.receive_strays(50).taken);
  CHECK(wire.receive(kChannel, Frame(sequence, 1, bytes("again"))) == Wire::Verdict::duplicate);
  CHECK(wire.receive(kChannel, Frame(wire.next_sequence(kChannel), 0, {})) == Wire::Verdict::accepted);
}
