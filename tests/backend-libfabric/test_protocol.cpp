// Frames and messages of the control channel (docs/protocol.md): what is written reads back, what is wrong is refused.
#include <doctest/doctest.h>

#include <cstring>
#include <numeric>
#include <string>

#include "net/endpoint.hpp"
#include "net/greeting.hpp"
#include "protocol/frame.hpp"
#include "protocol/messages.hpp"
#include "protocol/secret.hpp"
#include "protocol/values.hpp"

using namespace genie::remote;

namespace {

std::optional<Header> reread(const Header& header, const Limits& limits, std::string& why) {
  const auto bytes = encode(header);
  return decode_header(bytes.data(), limits, why);
}

WireTensor tensor() {
  WireTensor t;
  t.present = true;
  t.dtype = {static_cast<std::uint8_t>(GENIE_TYPE_FLOAT), 32, 1};
  t.shape = {2, 3};
  t.strides = {3, 1};
  t.offset = 64;
  t.bytes = 24;
  return t;
}

Value value_with(WireTensor t) {
  Value value{1, 2, 3, {{"s0", 4}}, std::move(t)};
  return value;
}

bool accepts(const WireTensor& t, std::uint64_t payload = 88) {
  return decode<Value>(encode(value_with(t)), payload).has_value();
}

}  // namespace

TEST_CASE("a header reads back, and one beyond the limits says why not") {
  std::string why;
  const auto same = reread({Type::step, 7, 100, 1000}, kTrusted, why);
  REQUIRE(same);
  CHECK(same->type == Type::step);
  CHECK(same->id == 7);
  CHECK(same->message_bytes == 100);
  CHECK(same->payload_bytes == 1000);
  CHECK_FALSE(reread({Type::step, 7, 100, 1000}, kStranger, why));
  CHECK(why.find("1000 bytes") != std::string::npos);
  CHECK_FALSE(reread({Type::hello, 0, (64u << 10) + 1, 0}, kStranger, why));
  CHECK(why.find("at most 65536") != std::string::npos);
  CHECK_FALSE(reread({static_cast<Type>(77), 0, 0, 0}, kTrusted, why));
  CHECK(why.find("77") != std::string::npos);
}

TEST_CASE("every bit of a header counts") {
  for (const Header& header : {Header{Type::ping, 0, 0, 0}, Header{Type::step, 7, 100, 1000, 0x12345678}}) {
    const auto good = encode(header);
    for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
      auto bad = good;
      bad[bit / 8] ^= std::byte{1} << (bit % 8);
      std::string why;
      CHECK_FALSE(decode_header(bad.data(), kTrusted, why));
      CHECK(why.find("damaged on the way") != std::string::npos);
    }
  }
}

TEST_CASE("a header of a peer that breaks the rules is refused, well sealed as it is") {
  constexpr std::size_t kTypeHigh = 5, kFlags = 6, kFlagsHigh = 7, kChecksum = 20;
  for (const std::size_t at : {kTypeHigh, kFlags, kFlagsHigh, kChecksum}) {
    auto bad = encode(Header{Type::ping, 0, 0, 0});
    bad[at] ^= std::byte{0x80};
    seal(bad);
    std::string why;
    CHECK_FALSE(decode_header(bad.data(), kTrusted, why));
    CHECK((why.find("unknown") != std::string::npos || why.find("reserved") != std::string::npos));
  }
}

TEST_CASE("a message reads back; cut short or lengthened anywhere, it does not") {
  Step step;
  step.session = 1;
  step.index = 2;
  step.method = "forward";
  step.sizes = {{"s0", 3}, {"s1", 4}};
  step.inputs.push_back({0, StepInput::From::sent, tensor(), "", 0});
  step.inputs.push_back({1, StepInput::From::kept, {}, "w0", 9});
  step.outputs.push_back({0, false, 0});
  step.outputs.push_back({0, true, 10});
  const std::string bytes = encode(step);
  const auto again = decode<Step>(bytes, 88);
  REQUIRE(again);
  CHECK(again->method == "forward");
  CHECK(again->sizes == step.sizes);
  REQUIRE(again->inputs.size() == 2);
  CHECK(again->inputs[0].tensor.shape == step.inputs[0].tensor.shape);
  CHECK(again->inputs[1].kept == 9);
  REQUIRE(again->outputs.size() == 2);
  CHECK(again->outputs[1].keep);
  CHECK(encode(*again) == bytes);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    CHECK_FALSE(decode<Step>(std::string_view(bytes).substr(0, cut), 88));
  CHECK_FALSE(decode<Step>(bytes + "x", 88));
}

TEST_CASE("what is said about steps that are looked at reads back; another length or kind does not") {
  const auto round = []<class Message>(const Message& message) {
    const std::string bytes = encode(message);
    const auto again = decode<Message>(bytes);
    REQUIRE(again);
    CHECK(encode(*again) == bytes);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut)
      CHECK_FALSE(decode<Message>(std::string_view(bytes).substr(0, cut)));
    CHECK_FALSE(decode<Message>(bytes + "x"));
    return bytes;
  };
  std::string watch = round(Watch{1, true});
  watch.back() = 2;
  CHECK_FALSE(decode<Watch>(watch));
  std::string event = round(StepEvent{1, 2, StepEvent::Kind::stage_end, 3, 4, 5});
  event[16] = 3;
  CHECK_FALSE(decode<StepEvent>(event));
  round(GoOn{1, 2});
  round(Look{1, 2, "w0", "add_1"});
  StepResult result;
  result.stages.push_back({1, 2, 3, 4, 5});
  result.transfers.push_back({1, true, 2, 3});
  result.spent_ns = 9;
  round(result);
}

TEST_CASE("only a hello may be longer than this version knows") {
  const Hello hello = own_hello(Role::client);
  CHECK(decode<Hello>(encode(hello) + "of a later version"));
  Hello bare = hello;
  bare.nonce = "short";
  CHECK_FALSE(decode<Hello>(encode(bare)));
}

TEST_CASE("a tensor must lie within its payload and be what its strides span") {
  CHECK(accepts(tensor()));
  CHECK_FALSE(accepts(tensor(), 87));
  const auto changed = [](auto change) {
    WireTensor t = tensor();
    change(t);
    return accepts(t);
  };
  CHECK_FALSE(changed([](WireTensor& t) { t.bytes = 20; }));
  CHECK_FALSE(changed([](WireTensor& t) { t.offset = 65; }));
  CHECK_FALSE(changed([](WireTensor& t) { t.offset = UINT64_MAX - 3; }));
  CHECK_FALSE(changed([](WireTensor& t) { t.shape[0] = -1; }));
  CHECK_FALSE(changed([](WireTensor& t) { t.strides[1] = -1; }));
  CHECK_FALSE(changed([](WireTensor& t) { t.shape[0] = INT64_MAX; }));
  CHECK_FALSE(changed([](WireTensor& t) { t.strides[0] = INT64_MAX; }));
  CHECK_FALSE(changed([](WireTensor& t) { t.dtype.bits = 0; }));
  CHECK_FALSE(changed([](WireTensor& t) { t.dtype.bits = 24; }));
  CHECK_FALSE(changed([](WireTensor& t) { t.dtype.lanes = 4; }));
  CHECK(changed([](WireTensor& t) {
    t.strides = {0, 0};  // an expanded element is sent once
    t.bytes = 4;
  }));
  CHECK(changed([](WireTensor& t) {
    t.shape = {0, 3};
    t.bytes = 0;
  }));
}

TEST_CASE("a count that the bytes cannot hold reserves nothing") {
  std::string bytes = encode(Needs{{}, "", ""});
  bytes[0] = bytes[1] = bytes[2] = bytes[3] = '\xff';
  CHECK_FALSE(decode<Needs>(bytes));
}

TEST_CASE("a failure is one") {
  CHECK(decode<Failed>(encode(Failed{{GENIE_UNAVAILABLE, "gone"}, true}))->wrote_state);
  CHECK_FALSE(decode<Failed>(encode(Failed{{GENIE_OK, "fine"}, false})));
}

TEST_CASE("GE0806 names both versions and what to do") {
  Hello mine = own_hello(Role::client);
  Hello theirs = own_hello(Role::worker);
  CHECK(check_versions(mine, theirs, "worker w0").ok());
  theirs.protocol_min = 3;
  theirs.protocol_max = 5;
  const auto refused = check_versions(mine, theirs, "worker w0");
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == GENIE_INCOMPATIBLE);
  CHECK(refused.error().message.find("3 to 5") != std::string::npos);
  CHECK(refused.error().message.find("1") != std::string::npos);
  CHECK(refused.error().diagnostics.find("install") != std::string::npos);
  theirs = own_hello(Role::worker);
  theirs.plan_minor_min = theirs.plan_minor_max = static_cast<std::uint16_t>(mine.plan_minor_max + 1);
  CHECK_FALSE(check_versions(mine, theirs, "worker w0").ok());
  theirs = own_hello(Role::worker);
  theirs.protocol_max = 9;  // a later release that still speaks this version
  CHECK(check_versions(mine, theirs, "worker w0").ok());
}

TEST_CASE("a proof depends on the secret, the purpose and both nonces") {
  const std::string proof_once = proof("secret", kClientProof, "a", "b");
  CHECK(proof_once.size() == 32);
  CHECK(same(proof_once, proof("secret", kClientProof, "a", "b")));
  CHECK_FALSE(same(proof_once, proof("other", kClientProof, "a", "b")));
  CHECK_FALSE(same(proof_once, proof("secret", kWorkerProof, "a", "b")));
  CHECK_FALSE(same(proof_once, proof("secret", kClientProof, "ab", "")));
  CHECK_FALSE(same(proof_once, proof_once.substr(1)));
}

TEST_CASE("addresses") {
  CHECK(parse_endpoint("127.0.0.1:7000")->text() == "127.0.0.1:7000");
  CHECK(parse_endpoint("[::1]:0")->text() == "[::1]:0");
  for (const char* wrong : {"", "host", "host:", ":7000", "host:70000", "host:x", "::1:7000", "host:-1"})
    CHECK_FALSE(parse_endpoint(wrong).ok());
  CHECK(is_loopback("127.0.0.1"));
  CHECK(is_loopback("127.9.9.9"));
  CHECK(is_loopback("::1"));
  CHECK(is_loopback("localhost"));
  CHECK_FALSE(is_loopback("0.0.0.0"));
  CHECK_FALSE(is_loopback("192.168.0.1"));
  CHECK_FALSE(is_loopback("127.0.0.1.example.org"));
}

TEST_CASE("a slice arrives as far from a multiple of 64 bytes as it lay") {
  alignas(64) float memory[64] = {};
  std::iota(std::begin(memory), std::end(memory), 0.0f);
  genie::exec::Tensor slice;
  slice.data = memory;
  slice.byte_offset = 12;
  slice.dtype = {static_cast<std::uint8_t>(GENIE_TYPE_FLOAT), 32, 1};
  slice.shape = {5};
  slice.strides = {2};
  // As of a device; nothing of it is used for memory of the host.
  slice.kernels = reinterpret_cast<genie::exec::KernelsDevice*>(memory);
  Outgoing frame;
  const auto first = append(frame, slice, false, genie::Host(nullptr), genie::Call(nullptr));
  const auto second = append(frame, slice, false, genie::Host(nullptr), genie::Call(nullptr));
  REQUIRE(second.ok());
  CHECK(first->offset % kPayloadAlign == 12);
  CHECK(second->offset % kPayloadAlign == 12);
  CHECK(first->bytes == 36);
  auto payload = std::make_shared<Buffer>(static_cast<std::size_t>(frame.payload_bytes()));
  std::size_t at = 0;
  for (const Piece& piece : frame.payload) {
    REQUIRE(piece.gap <= kPayloadAlign);
    at += piece.gap;
    if (piece.size != 0) std::memcpy(payload->data + at, piece.data, piece.size);
    at += piece.size;
  }
  const genie::exec::Tensor there = received(*second, payload, genie::exec::Claim());
  CHECK(reinterpret_cast<std::uintptr_t>(there.data) % kPayloadAlign == 0);
  CHECK(there.byte_offset == 12);
  CHECK(std::memcmp(static_cast<std::byte*>(there.data) + 12, &memory[3], 36) == 0);
}
