// What comes over a data path: addresses and regions that a peer describes, the ring in memory that it writes to, and the words of
// a connection, each a u16 length and its bytes.
#include <condition_variable>
#include <cstring>
#include <deque>

#include "arena/arena.hpp"
#include "arena/ring.hpp"
#include "datapath/problem.hpp"
#include "fabric/peer_address.hpp"
#include "judge.hpp"
#include "net/data_link.hpp"

namespace genie::fuzz {
namespace {

using namespace genie::remote;
using Bytes = std::span<const std::byte>;

constexpr std::uint8_t kVersion = 1, kRing = 2;
constexpr std::uint8_t kInlineFrame = 1, kPlacedFrame = 2, kNeed = 4;
/// An honest end gives memory, too: how much of it a peer may ask for is not what is tried here.
constexpr std::uint64_t kMostNeeded = 64 << 10;
constexpr std::size_t kMostNeeds = 2;

template <class Described>
bool described(const genie::Expected<Described>& decoded, Bytes bytes) {
  if (!decoded) return false;
  const std::vector<std::byte> again = fabric::encode(*decoded);
  require(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()),
          "a description that decodes is written as it came");
  return true;
}

/// Positions as the peer publishes them, a u64 each, before each look at one ring of 256 bytes; the rest is what lies in it.
bool read_ring(Bytes bytes) {
  std::array<std::byte, 256> ring{};
  arena::RingWords words{};
  arena::RingReader reader(words, ring, 100);
  std::vector<std::byte> message;
  while (bytes.size() >= sizeof(std::uint64_t)) {
    std::uint64_t written = 0;
    std::memcpy(&written, bytes.data(), sizeof written);
    bytes = bytes.subspan(sizeof written);
    std::memcpy(ring.data(), bytes.data(), std::min(bytes.size(), ring.size()));
    words.written.store(written);
    const arena::RingState state = reader.pop(message);
    if (state == arena::RingState::broken) return false;
    require(message.size() <= 100, "a message is as long as it may be");
    require(words.read.load() <= written, "nothing is read that was not written");
  }
  return true;
}

class Exposed final : public datapath::Region {
 public:
  explicit Exposed(std::shared_ptr<arena::Arena> arena) : arena_(std::move(arena)) {}
  [[nodiscard]] const std::shared_ptr<arena::Arena>& arena() const override { return arena_; }
  [[nodiscard]] Bytes descriptor() const override { return {}; }

 private:
  std::shared_ptr<arena::Arena> arena_;
};

class Imported final : public datapath::RemoteRegion {
 public:
  explicit Imported(std::uint64_t size) : size_(size) {}
  [[nodiscard]] datapath::MemoryKind kind() const override { return datapath::MemoryKind::host; }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] datapath::Memory shared() const override { return {}; }

 private:
  std::uint64_t size_;
};

/// Says the words, then that there are no more.
class Script final : public datapath::Connection {
 public:
  explicit Script(std::deque<std::vector<std::byte>> words) : words_(std::move(words)) {
    facts_.max_message = 4096;
  }
  [[nodiscard]] const datapath::Facts& facts() const override { return facts_; }
  [[nodiscard]] datapath::Traffic traffic() const override { return {}; }
  genie::Expected<std::shared_ptr<datapath::Region>> expose(std::shared_ptr<arena::Arena> memory,
                                                            datapath::Deadline) override {
    return std::shared_ptr<datapath::Region>(std::make_shared<Exposed>(std::move(memory)));
  }
  genie::Expected<std::shared_ptr<datapath::RemoteRegion>> import(Bytes descriptor,
                                                                  datapath::Deadline) override {
    auto decoded = fabric::decode_descriptor(descriptor);
    if (!decoded) return std::move(decoded).error();
    return std::shared_ptr<datapath::RemoteRegion>(std::make_shared<Imported>(decoded->size));
  }
  genie::Expected<datapath::Transfer> write(const datapath::Local&, const datapath::Remote&,
                                            datapath::Deadline) override {
    return genie::cancelled();
  }
  genie::Expected<datapath::Transfer> read(const datapath::Remote&, const datapath::Local&,
                                           datapath::Deadline) override {
    return genie::cancelled();
  }
  genie::Outcome wait(const datapath::Transfer&) override { return genie::Done{}; }
  genie::Outcome send(Bytes, datapath::Deadline) override { return genie::Done{}; }
  genie::Expected<datapath::Message> receive(datapath::Deadline) override {
    if (words_.empty()) return genie::cancelled();
    datapath::Message word = std::move(words_.front());
    words_.pop_front();
    return word;
  }
  void fail(genie::Error) override {}
  genie::Outcome close(datapath::Deadline) override { return genie::Done{}; }

 private:
  datapath::Facts facts_;
  std::deque<std::vector<std::byte>> words_;  // the receiving thread's
};

bool carries_frame(Bytes word) {
  return word.size() > kHeaderBytes && (static_cast<std::uint8_t>(word[0]) == kInlineFrame ||
                                        static_cast<std::uint8_t>(word[0]) == kPlacedFrame);
}

bool read_words(Bytes bytes) {
  std::deque<std::vector<std::byte>> words;
  std::size_t needs = 0;
  while (bytes.size() >= 2) {
    std::uint16_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    bytes = bytes.subspan(sizeof length);
    if (length > bytes.size()) return false;  // cut off
    const Bytes word = bytes.subspan(0, length);
    bytes = bytes.subspan(word.size());
    if (word.size() == 1 + sizeof(std::uint64_t) && static_cast<std::uint8_t>(word[0]) == kNeed) {
      std::uint64_t needed = 0;
      std::memcpy(&needed, word.data() + 1, sizeof needed);
      if (needed > kMostNeeded || ++needs > kMostNeeds) return false;
    }
    words.emplace_back(word.begin(), word.end());
    if (carries_frame(word)) {  // a mutation that makes the check right is not to be waited for
      RawHeader header{};
      std::memcpy(header.data(), words.back().data() + 1, header.size());
      seal(header);
      std::memcpy(words.back().data() + 1, header.data(), header.size());
    }
  }
  std::mutex lock;
  std::condition_variable ended;
  std::optional<genie::Error> end;
  const auto link = std::make_shared<DataLink>(std::make_unique<Script>(std::move(words)));
  link->start(
      [](const Frame& frame) {
        require(frame.message.size() == frame.header.message_bytes,
                "a frame has the message that its header says");
        require((frame.payload ? frame.payload->size : 0) == frame.header.payload_bytes,
                "a frame has the payload that its header says");
        std::uint64_t sum = 0;  // all of it is there to be read
        for (std::size_t i = 0; frame.payload && i < frame.payload->size; ++i)
          sum += static_cast<std::uint64_t>(frame.payload->data[i]);
        require(sum <= frame.header.payload_bytes * 255, "bytes are bytes");
      },
      [&](genie::Error why) {
        const std::lock_guard hold(lock);
        end = std::move(why);
        ended.notify_all();
      });
  {
    std::unique_lock hold(lock);
    ended.wait(hold, [&] { return end.has_value(); });
  }
  link->stop();
  return end->code == GENIE_CANCELLED;
}

}  // namespace

Reading read(std::string_view text) {
  const Bytes bytes = std::as_bytes(std::span(text));
  const auto at = [&](std::size_t i) {
    return bytes.size() > i ? static_cast<std::uint8_t>(bytes[i]) : std::uint8_t{0};
  };
  Reading reading;
  if (at(0) == kVersion && at(1) == 'a')
    reading.accepted = described(fabric::decode_address(bytes), bytes);
  else if (at(0) == kVersion && at(1) == 'r')
    reading.accepted = described(fabric::decode_descriptor(bytes), bytes);
  else if (bytes.size() >= 2 && at(0) == kRing && at(1) == 0)
    reading.accepted = read_ring(bytes.subspan(2));
  else
    reading.accepted = !bytes.empty() && read_words(bytes);
  if (!reading.accepted) {
    plan::Diagnostic refusal;
    refusal.code = "GE0853";
    refusal.message = "the bytes are not what an end of a data path says";
    reading.refuse({refusal});
  }
  return reading;
}

}  // namespace genie::fuzz
