// A peer on the same host that keeps no rule: every breach ends in one typed error here, at once.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>

#include "arena/channel.hpp"
#include "arena/socket.hpp"
#include "datapath/wire_bytes.hpp"
#include "pair.hpp"

using namespace genie;
using namespace genie::test;
using arena::Arena;
using datapath::Fd;
using datapath::MemoryKind;

namespace {

Fd memory_file(std::uint64_t size, int seals) {
  Fd file(::memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(::ftruncate(file.get(), static_cast<off_t>(size)) == 0);
  if (seals != 0) REQUIRE(::fcntl(file.get(), F_ADD_SEALS, seals) == 0);
  return file;
}

/// A connection of ours whose peer the test plays by hand, with the channel's words before it.
struct Victim {
  std::unique_ptr<Connection> connection;
  arena::Socket socket{Fd()};
  std::shared_ptr<Arena> channel;

  Victim() {
    auto waits = must(arena::open_end(arena::Role::waits, {}));
    auto connecting = std::async(std::launch::async,
                                 [&] { return waits->connect(bytes_of("arena/1 goes "), deadline_in(20s)); });
    datapath::Reader address(waits->address().subspan(14));
    const std::string name = text_of(address.bytes(32));
    const auto secret = address.number<std::uint64_t>();
    socket = must(arena::go_to_meeting(name, secret, deadline_in(5s)));
    auto taken = must(socket.await(deadline_in(5s)));
    channel = must(Arena::adopt(std::move(taken.file), taken.handover.size));
    arena::RingWriter ring(words().rings[1], incoming());
    ring.push(bytes_of("genie arena"));
    socket.ring();
    connection = must(connecting.get());
  }
  arena::ChannelWords& words() const {
    return *reinterpret_cast<arena::ChannelWords*>(channel->bytes().data());
  }
  /// The ring towards the victim.
  std::span<std::byte> incoming() const {
    return channel->bytes().subspan(arena::kRingsAt + arena::kRingBytes, arena::kRingBytes);
  }
};

std::vector<std::byte> descriptor(std::uint64_t id, std::uint64_t size, std::uint8_t version = 1,
                                  std::uint8_t kind = 1) {
  datapath::Writer writer;
  return writer.number(version).number(kind).number(id).number(size).take();
}

}  // namespace

TEST_CASE("a memory file that could shrink under its reader is refused") {
  const int both = F_SEAL_SHRINK | F_SEAL_GROW;
  CHECK(has_code(error_of(Arena::adopt(memory_file(4096, 0), 4096)), "GE0853"));
  CHECK(has_code(error_of(Arena::adopt(memory_file(4096, F_SEAL_GROW), 4096)), "GE0853"));
  CHECK(has_code(error_of(Arena::adopt(memory_file(4096, F_SEAL_SHRINK), 4096)), "GE0853"));
  CHECK(must(Arena::adopt(memory_file(4096, both), 4096))->size() == 4096);
}

TEST_CASE("a memory file of another size than announced is refused") {
  const int both = F_SEAL_SHRINK | F_SEAL_GROW;
  for (const std::uint64_t announced :
       {std::uint64_t{0}, std::uint64_t{4095}, std::uint64_t{8192}, ~std::uint64_t{0}}) {
    CAPTURE(announced);
    CHECK(has_code(error_of(Arena::adopt(memory_file(4096, both), announced)), "GE0853"));
  }
  CHECK(has_code(error_of(Arena::adopt(memory_file(0, both), 0)), "GE0853"));
}

TEST_CASE("what is no memory file is refused") {
  CHECK(has_code(error_of(Arena::adopt(Fd(::open("/dev/zero", O_RDWR | O_CLOEXEC)), 4096)), "GE0853"));
  std::array<int, 2> pipe{};
  REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
  const Fd other(pipe[1]);
  CHECK(has_code(error_of(Arena::adopt(Fd(pipe[0]), 4096)), "GE0853"));
}

TEST_CASE("our own arenas cannot be resized by whoever gets them") {
  const auto mine = must(Arena::create(MemoryKind::host, 4096));
  CHECK(::ftruncate(mine->file(), 0) != 0);
  CHECK(::ftruncate(mine->file(), 8192) != 0);
}

TEST_CASE("impossible words of a channel end the connection with one typed error") {
  Victim victim;
  SUBCASE("a write position beyond the ring") {
    victim.words().rings[1].written = arena::kRingBytes * 3;
  }
  SUBCASE("a message longer than allowed") {
    const std::uint64_t at = victim.words().rings[1].written;
    const std::uint32_t length = 0xffffffff;
    std::memcpy(victim.incoming().data() + at, &length, sizeof length);
    victim.words().rings[1].written = at + 512;
  }
  victim.socket.ring();
  const Error error = error_of(victim.connection->receive(deadline_in(20s)));
  CHECK(has_code(error, "GE0853"));
  CHECK(error_of(victim.connection->send({}, deadline_in(1s))).message == error.message);
}

TEST_CASE("a read position that was never written ends the connection") {
  Victim victim;
  victim.words().rings[0].read = ~std::uint64_t{0} / 8 * 8;
  CHECK(has_code(error_of(victim.connection->send(bytes_of("x"), deadline_in(20s))), "GE0853"));
}

TEST_CASE("words that lie about sleeping cost rings, never a message") {
  Victim victim;
  victim.words().sides[1].sleeping = ~0U;
  for (int i = 0; i < 2000; ++i) {
    victim.words().sides[1].sleeping = ~0U;
    must(victim.connection->send(bytes_of("x"), deadline_in(5s)));
  }
}

TEST_CASE("a peer that floods the doorbell keeps nobody from the deadline") {
  Victim victim;
  std::atomic<bool> over = false;
  std::thread flood([&] {
    while (!over)
      victim.socket.ring();
  });
  CHECK(error_of(victim.connection->receive(deadline_in(100ms))).code == GENIE_DEADLINE_EXCEEDED);
  over = true;
  flood.join();
}

TEST_CASE("nonsense over the socket ends the connection") {
  Victim victim;
  REQUIRE(::send(victim.socket.get(), "xyz", 3, MSG_NOSIGNAL) == 3);
  CHECK(has_code(error_of(victim.connection->receive(deadline_in(20s))), "GE0853"));
}

TEST_CASE("one id for two arenas ends the connection") {
  Victim victim;
  const auto memory = must(Arena::create(MemoryKind::host, 4096));
  must(victim.socket.hand_over({5, 4096}, memory->file(), deadline_in(5s)));
  must(victim.socket.hand_over({5, 4096}, memory->file(), deadline_in(5s)));
  CHECK(has_code(error_of(victim.connection->receive(deadline_in(20s))), "GE0853"));
}

TEST_CASE("handing arenas over without end ends the connection, and leaves no file open") {
  Victim victim;
  const auto memory = must(Arena::create(MemoryKind::host, 4096));
  auto receiving =
      std::async(std::launch::async, [&] { return victim.connection->receive(deadline_in(20s)); });
  for (std::uint64_t id = 1; id < 2000; ++id)
    if (!victim.socket.hand_over({id, 4096}, memory->file(), deadline_in(1s))) break;
  CHECK(has_code(error_of(receiving.get()), "GE0853"));
}

TEST_CASE("a descriptor that was made up opens nothing") {
  Victim victim;
  const auto refused = [&](std::span<const std::byte> made_up) {
    return error_of(victim.connection->import(made_up, deadline_in(30ms)));
  };
  CHECK(refused(descriptor(99, 4096)).code ==
        GENIE_DEADLINE_EXCEEDED);  // nothing of this id was ever handed over
  CHECK(has_code(refused(descriptor(1, 4096, 2)), "GE0853"));
  CHECK(has_code(refused(descriptor(1, 4096, 1, 9)), "GE0853"));
  CHECK(has_code(refused({}), "GE0853"));
  auto longer = descriptor(1, 4096);
  longer.push_back(std::byte{0});
  CHECK(has_code(refused(longer), "GE0853"));
  const auto memory = must(Arena::create(MemoryKind::host, 4096));
  must(victim.socket.hand_over({7, 4096}, memory->file(), deadline_in(5s)));
  CHECK(has_code(error_of(victim.connection->import(descriptor(7, 8192), deadline_in(5s))), "GE0853"));
}

TEST_CASE("a stranger without the secret is turned away, and the peer still gets in") {
  auto waits = must(arena::open_end(arena::Role::waits, {}));
  auto goes = must(arena::open_end(arena::Role::goes, {}));
  datapath::Reader address(waits->address().subspan(14));
  const std::string name = text_of(address.bytes(32));
  const auto secret = address.number<std::uint64_t>();
  const auto stranger = must(arena::go_to_meeting(name, secret + 1, deadline_in(5s)));
  const Pair pair = meet(*waits, *goes);
  CHECK(error_of(stranger.await(deadline_in(5s))).code == GENIE_UNAVAILABLE);
}

TEST_CASE("addresses of another form are refused on both sides") {
  auto waits = must(arena::open_end(arena::Role::waits, {}));
  auto goes = must(arena::open_end(arena::Role::goes, {}));
  CHECK(has_code(error_of(waits->connect(bytes_of("arena/2 goes "), deadline_in(1s))), "GE0853"));
  CHECK(has_code(error_of(goes->connect(bytes_of("arena/1 waits short"), deadline_in(1s))), "GE0853"));
}
