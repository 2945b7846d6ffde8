// Frames over a data path: in order, whole, in memory that is used again; and peers that keep no rule.
#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <future>
#include <random>

#include "arena/connection.hpp"
#include "net/data_link.hpp"

using namespace genie;
using namespace genie::remote;
using namespace std::chrono_literals;

namespace {

struct Pair {
  std::unique_ptr<datapath::Connection> first, second;
};

Pair arena_pair() {
  auto waits = arena::open_end(arena::Role::waits, {});
  auto goes = arena::open_end(arena::Role::goes, {});
  REQUIRE(waits.ok());
  REQUIRE(goes.ok());
  auto other = std::async(std::launch::async,
                          [&] { return (*goes)->connect((*waits)->address(), datapath::deadline_in(20s)); });
  auto mine = (*waits)->connect((*goes)->address(), datapath::deadline_in(20s));
  auto theirs = other.get();
  REQUIRE(mine.ok());
  REQUIRE(theirs.ok());
  return {*std::move(mine), *std::move(theirs)};
}

/// What arrives at one link, and its end.
struct Inbox {
  std::mutex lock;
  std::condition_variable changed;
  std::vector<Frame> frames;
  std::optional<Error> lost;

  DataLink::OnFrame on_frame() {
    return [this](Frame frame) {
      const std::lock_guard hold(lock);
      frames.push_back(std::move(frame));
      changed.notify_all();
    };
  }
  DataLink::OnLost on_lost() {
    return [this](Error why) {
      const std::lock_guard hold(lock);
      lost = std::move(why);
      changed.notify_all();
    };
  }
  bool wait_for(std::size_t count) {
    std::unique_lock hold(lock);
    return changed.wait_for(hold, 30s, [&] { return frames.size() >= count; });
  }
  std::optional<Error> wait_for_end() {
    std::unique_lock hold(lock);
    changed.wait_for(hold, 30s, [&] { return lost.has_value(); });
    return lost;
  }
};

std::shared_ptr<std::vector<std::byte>> bytes(std::size_t size, std::uint64_t seed) {
  auto made = std::make_shared<std::vector<std::byte>>(size);
  for (std::size_t i = 0; i < size; ++i)
    (*made)[i] = static_cast<std::byte>((i * 167 + seed * 31 + i / 253) & 0xff);
  return made;
}

Outgoing frame_of(std::uint64_t id, std::size_t message, std::size_t gap, std::size_t payload) {
  Outgoing frame{Type::step, id, std::string(message, static_cast<char>('a' + id % 26)), {}};
  const auto held = bytes(payload, id);
  if (payload > 0) frame.payload.push_back({held->data(), held->size(), gap, held});
  return frame;
}

bool holds(const Frame& frame, std::uint64_t id, std::size_t message, std::size_t gap, std::size_t payload) {
  if (frame.id() != id || frame.message != std::string(message, static_cast<char>('a' + id % 26)))
    return false;
  if (payload == 0) return !frame.payload;
  const auto wanted = bytes(payload, id);
  return frame.payload && frame.payload->size == gap + payload &&
         reinterpret_cast<std::uintptr_t>(frame.payload->data) % kPayloadAlign == 0 &&
         std::memcmp(frame.payload->data + gap, wanted->data(), payload) == 0;
}

}  // namespace

TEST_CASE("frames of all sizes arrive in order and whole, both ways at once, while some are held") {
  Pair pair = arena_pair();
  const auto first = std::make_shared<DataLink>(std::move(pair.first)),
             second = std::make_shared<DataLink>(std::move(pair.second));
  Inbox at_first, at_second;
  first->start(at_first.on_frame(), at_first.on_lost());
  second->start(at_second.on_frame(), at_second.on_lost());
  struct Shape {
    std::size_t message, gap, payload;
  };
  std::mt19937_64 random(7);
  std::vector<Shape> shapes(150);
  for (Shape& shape : shapes) {
    const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
    shape = {below(4) == 0 ? below(300'000) : below(200), below(64),
             below(3) == 0 ? below(2'000'000) : below(2000)};
  }
  shapes[70].payload = 20'000'000;  // more than the first regions hold
  for (std::size_t i = 0; i < shapes.size(); ++i)
    for (const auto& link : {first, second})
      link->send(frame_of(i, shapes[i].message, shapes[i].gap, shapes[i].payload));
  // All are held until all have come: what is held long is copied, so that the memory suffices.
  for (Inbox* inbox : {&at_first, &at_second}) {
    REQUIRE(inbox->wait_for(shapes.size()));
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      CAPTURE(i);
      REQUIRE(holds(inbox->frames[i], i, shapes[i].message, shapes[i].gap, shapes[i].payload));
    }
    inbox->frames.clear();
  }
  // And again, with what was given back.
  first->send(frame_of(1000, 10, 0, 3'000'000));
  REQUIRE(at_second.wait_for(1));
  CHECK(holds(at_second.frames[0], 1000, 10, 0, 3'000'000));
  first->stop();
  // A frame outlives its link.
  second->stop();
  CHECK(holds(at_second.frames[0], 1000, 10, 0, 3'000'000));
}

TEST_CASE("the end of one link is the end of the other, with a reason") {
  Pair pair = arena_pair();
  const auto first = std::make_shared<DataLink>(std::move(pair.first));
  Inbox inbox;
  first->start(inbox.on_frame(), inbox.on_lost());
  pair.second = nullptr;
  const auto lost = inbox.wait_for_end();
  REQUIRE(lost);
  CHECK(lost->code == GENIE_UNAVAILABLE);
  first->stop();
}

/// Changes a byte of what is written into the peer's memory, or of what is said to it, once.
class Damaging final : public datapath::Connection {
 public:
  Damaging(std::unique_ptr<datapath::Connection> inner, bool writes)
      : inner_(std::move(inner)), writes_(writes) {}
  const datapath::Facts& facts() const override { return inner_->facts(); }
  datapath::Traffic traffic() const override { return inner_->traffic(); }
  Expected<std::shared_ptr<datapath::Region>> expose(std::shared_ptr<arena::Arena> memory,
                                                     datapath::Deadline deadline) override {
    return inner_->expose(std::move(memory), deadline);
  }
  Expected<std::shared_ptr<datapath::RemoteRegion>> import(std::span<const std::byte> descriptor,
                                                           datapath::Deadline deadline) override {
    return inner_->import(descriptor, deadline);
  }
  Expected<datapath::Transfer> write(const datapath::Local& from, const datapath::Remote& to,
                                     datapath::Deadline deadline) override {
    if (!writes_ || from.memory.size < 1000) return inner_->write(from, to, deadline);
    const auto bytes = from.memory.bytes();
    const auto copy = std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end());
    (*copy)[copy->size() / 2] ^= std::byte{0x10};
    datapath::Local changed = from;
    changed.memory.address = reinterpret_cast<std::uint64_t>(copy->data());
    changed.owner = copy;
    return inner_->write(changed, to, deadline);
  }
  Expected<datapath::Transfer> read(const datapath::Remote& from, const datapath::Local& to,
                                    datapath::Deadline deadline) override {
    return inner_->read(from, to, deadline);
  }
  Outcome wait(const datapath::Transfer& transfer) override { return inner_->wait(transfer); }
  Outcome send(std::span<const std::byte> message, datapath::Deadline deadline) override {
    std::vector<std::byte> copy(message.begin(), message.end());
    if (!writes_) copy.back() ^= std::byte{0x10};
    return inner_->send(copy, deadline);
  }
  Expected<datapath::Message> receive(datapath::Deadline deadline) override {
    return inner_->receive(deadline);
  }
  void fail(Error why) override { inner_->fail(std::move(why)); }
  Outcome close(datapath::Deadline deadline) override { return inner_->close(deadline); }

 private:
  const std::unique_ptr<datapath::Connection> inner_;
  const bool writes_;
};

TEST_CASE("a frame that is damaged on the path is handed out to nobody where it is checked") {
  bool large = false;
  SUBCASE("inside a message") {}
  SUBCASE("in memory that the peer exposed") {
    large = true;
  }
  for (const bool checked : {false, true}) {
    CAPTURE(checked);
    Pair pair = arena_pair();
    const auto first = std::make_shared<DataLink>(std::make_unique<Damaging>(std::move(pair.first), large)),
               second = std::make_shared<DataLink>(std::move(pair.second));
    Inbox at_first, at_second;
    first->start(at_first.on_frame(), at_first.on_lost());
    second->start(at_second.on_frame(), at_second.on_lost());
    const std::size_t payload = large ? 1'000'000 : 300;
    Outgoing frame = frame_of(5, 40, 7, payload);
    frame.checked = checked;
    first->send(std::move(frame));
    if (checked) {
      const auto lost = at_second.wait_for_end();
      REQUIRE(lost);
      CHECK(lost->code == GENIE_DATA_LOSS);
      CHECK(lost->diagnostics.find("GE0613") != std::string::npos);
      CHECK(at_second.frames.empty());
    } else {
      REQUIRE(at_second.wait_for(1));
      CHECK_FALSE(holds(at_second.frames[0], 5, 40, 7, payload));
    }
    first->stop();
    second->stop();
  }
}

TEST_CASE("frames that are checked arrive whole, whatever lay in the memory before") {
  Pair pair = arena_pair();
  const auto first = std::make_shared<DataLink>(std::move(pair.first)),
             second = std::make_shared<DataLink>(std::move(pair.second));
  Inbox at_first, at_second;
  first->start(at_first.on_frame(), at_first.on_lost());
  second->start(at_second.on_frame(), at_second.on_lost());
  for (std::uint64_t id = 0; id < 40; ++id) {
    const std::size_t gap = (id * 7) % 64, payload = id % 3 == 0 ? 100 : 300'000 + 1000 * id;
    Outgoing frame = frame_of(id, 20, gap, payload);
    frame.checked = true;
    first->send(std::move(frame));
    REQUIRE(at_second.wait_for(1));
    CHECK(holds(at_second.frames[0], id, 20, gap, payload));
    at_second.frames.clear();
  }
  first->stop();
  second->stop();
}

TEST_CASE(
    "a planned region takes what was planned, and one that nobody planned is asked for when it is needed") {
  Pair pair = arena_pair();
  const auto first = std::make_shared<DataLink>(std::move(pair.first)),
             second = std::make_shared<DataLink>(std::move(pair.second));
  Inbox at_first, at_second;
  std::mutex lock;
  std::vector<bool> asked;
  const auto region = [&](bool planned) {
    const std::lock_guard hold(lock);
    asked.push_back(planned);
  };
  first->start(at_first.on_frame(), at_first.on_lost(), {.region = region, .copy = nullptr});
  second->start(at_second.on_frame(), at_second.on_lost());
  const std::vector<std::uint64_t> none = {100, 200}, sizes = {3'000'000, 3'000'000, 100};
  first->plan(none);  // they go inside messages
  first->plan(sizes);
  first->plan(sizes);
  for (std::uint64_t id = 0; id < 2; ++id)
    first->send(frame_of(id, 30, 0, 3'000'000));
  REQUIRE(at_second.wait_for(2));
  {
    const std::lock_guard hold(lock);
    CHECK(asked == std::vector<bool>{true});
  }
  first->send(frame_of(2, 30, 0, 40'000'000));
  REQUIRE(at_second.wait_for(3));
  CHECK(holds(at_second.frames[2], 2, 30, 0, 40'000'000));
  {
    const std::lock_guard hold(lock);
    CHECK(asked == std::vector<bool>{true, false});
  }
  first->stop();
  second->stop();
}

TEST_CASE("who plans hears of it once: when there is room, when none is needed, or when none will be") {
  Pair pair = arena_pair();
  const auto first = std::make_shared<DataLink>(std::move(pair.first));
  Inbox at_first;
  first->start(at_first.on_frame(), at_first.on_lost());
  std::atomic<int> heard{0};
  const std::vector<std::uint64_t> none = {100}, sizes = {3'000'000};
  first->plan(none, [&] { ++heard; });
  CHECK(heard == 1);
  std::promise<void> over;
  first->plan(sizes, [&] { ++heard; });
  first->plan(sizes, [&] { over.set_value(); });
  SUBCASE("the peer goes away") {
    pair.second = nullptr;
  }
  SUBCASE("the link is stopped") {
    first->stop();
  }
  SUBCASE("the peer gives it") {
    const auto second = std::make_shared<DataLink>(std::move(pair.second));
    Inbox at_second;
    second->start(at_second.on_frame(), at_second.on_lost());
    REQUIRE(over.get_future().wait_for(30s) == std::future_status::ready);
    CHECK(first->reserve(100'000));
    second->stop();
    first->stop();
    CHECK(heard == 2);
    return;
  }
  CHECK(over.get_future().wait_for(30s) == std::future_status::ready);
  first->stop();
  CHECK(heard == 2);
}

TEST_CASE("values that wait go out in the order of their slack, and pass nothing else") {
  std::deque<Outgoing> waiting;
  const auto put = [&](std::uint64_t id, std::optional<std::uint64_t> slack) {
    Outgoing frame{Type::value, id, {}, {}};
    frame.slack_ns = slack;
    queue_up(waiting, std::move(frame), 1);
  };
  put(0, 50);  // under way
  put(1, 30);
  put(2, 10);
  put(3, 20);
  put(4, 10);
  put(5, std::nullopt);
  put(6, 5);
  put(7, 0);
  std::vector<std::uint64_t> order;
  for (const Outgoing& frame : waiting)
    order.push_back(frame.id);
  CHECK(order == std::vector<std::uint64_t>{0, 2, 4, 3, 1, 5, 7, 6});
}

TEST_CASE(
    "a payload that is made where the peer reads it is not copied, and its room comes back once both let "
    "go") {
  Pair pair = arena_pair();
  datapath::Connection& path = *pair.first;
  const auto first = std::make_shared<DataLink>(std::move(pair.first)),
             second = std::make_shared<DataLink>(std::move(pair.second));
  Inbox at_first, at_second;
  std::atomic<int> copies{0};
  first->start(at_first.on_frame(), at_first.on_lost(), {.region = nullptr, .copy = [&] { ++copies; }});
  second->start(at_second.on_frame(), at_second.on_lost());
  constexpr std::size_t kBytes = 3'000'000;
  CHECK(first->reserve(kBytes) == nullptr);  // nothing is asked for
  const std::vector<std::uint64_t> sizes = {kBytes};
  std::promise<void> planned;
  first->plan(sizes, [&] { planned.set_value(); });
  REQUIRE(planned.get_future().wait_for(30s) == std::future_status::ready);
  auto room = first->reserve(kBytes);
  REQUIRE(room);
  CHECK(first->reserve(kBytes) == nullptr);  // half is for what nobody reserved
  CHECK(first->reserve(100) == nullptr);
  std::byte* const at = room->data();
  CHECK(reinterpret_cast<std::uintptr_t>(at) % kPayloadAlign == 0);
  const auto frame = [&](std::uint64_t id) {
    const auto made = bytes(kBytes, id);
    std::memcpy(at, made->data(), kBytes);
    return Outgoing{
        Type::value, id, std::string(40, static_cast<char>('a' + id % 26)), {{at, kBytes, 0, room}}};
  };
  const std::uint64_t written = path.traffic().bytes_written;
  first->send(frame(1));
  REQUIRE(at_second.wait_for(1));
  CHECK(holds(at_second.frames[0], 1, 40, 0, kBytes));
  CHECK(copies == 0);
  CHECK(path.traffic().bytes_written - written < 1000);
  // The same once more, while the peer has it: that is a copy.
  first->send(frame(1));
  REQUIRE(at_second.wait_for(2));
  CHECK(holds(at_second.frames[1], 1, 40, 0, kBytes));
  CHECK(copies == 1);
  const auto comes_back = [&] {
    std::shared_ptr<DataLink::Reserved> again;
    const auto limit = std::chrono::steady_clock::now() + 30s;
    while (!again && std::chrono::steady_clock::now() < limit)
      again = first->reserve(kBytes);
    return again;
  };
  SUBCASE("the peer first") {
    at_second.frames.clear();
    CHECK(std::memcmp(at, bytes(kBytes, 1)->data(), kBytes) == 0);
    room = nullptr;
    CHECK(comes_back());
  }
  SUBCASE("the maker first") {
    room = nullptr;
    CHECK(first->reserve(kBytes) == nullptr);
    CHECK(holds(at_second.frames[0], 1, 40, 0, kBytes));
    at_second.frames.clear();
    CHECK(comes_back());
  }
  SUBCASE("after the end") {
    first->send(frame(2));  // whether it still goes out or not
    first->stop();
    second->stop();
    CHECK(first->reserve(kBytes) == nullptr);
    std::memset(at, 1, kBytes);  // it is still there
    room = nullptr;
  }
  first->stop();
  second->stop();
}

TEST_CASE("a peer whose words are nonsense ends the link with one typed error") {
  const auto header = encode(Header{Type::step, 1, 10, 1 << 20});
  std::vector<std::byte> word;
  const auto put = [&](auto value) {
    const auto* from = reinterpret_cast<const std::byte*>(&value);
    word.insert(word.end(), from, from + sizeof value);
  };
  const auto begin = [&](std::uint8_t what, bool with_header) {
    put(what);
    if (with_header) word.insert(word.end(), header.begin(), header.end());
  };
  SUBCASE("nothing") {}
  SUBCASE("a word that does not exist") {
    begin(77, false);
  }
  SUBCASE("a frame without its bytes") {
    begin(1, true);
  }
  SUBCASE("a header cut short") {
    put(std::uint16_t{1});
  }
  SUBCASE("a frame in no region") {
    begin(2, true);
    put(std::uint32_t{3});
    put(std::uint64_t{0});
  }
  SUBCASE("a frame that lies beyond every end") {
    begin(2, true);
    put(std::uint32_t{0});
    put(~std::uint64_t{0} / 64 * 64);
  }
  SUBCASE("giving back what was never given") {
    begin(3, false);
    put(std::uint32_t{0});
    put(std::uint64_t{0});
  }
  SUBCASE("a need of no bytes") {
    begin(4, false);
    put(std::uint64_t{0});
  }
  SUBCASE("a need of all bytes") {
    begin(4, false);
    put(~std::uint64_t{0});
  }
  SUBCASE("a region without a number") {
    begin(5, false);
    put(std::uint16_t{0});
  }
  SUBCASE("a region in no known form") {
    begin(5, false);
    put(std::uint32_t{0});
    put(std::uint64_t{1});
  }
  Pair pair = arena_pair();
  const auto link = std::make_shared<DataLink>(std::move(pair.first));
  Inbox inbox;
  link->start(inbox.on_frame(), inbox.on_lost());
  REQUIRE(pair.second->send(word, datapath::deadline_in(5s)).ok());
  const auto lost = inbox.wait_for_end();
  REQUIRE(lost);
  CHECK(lost->diagnostics.find("GE0853") != std::string::npos);
  CHECK(inbox.frames.empty());
  link->stop();
}
