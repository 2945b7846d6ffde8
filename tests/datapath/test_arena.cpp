// The arena path between two ends in one process and between two processes.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <csignal>

#include "arena/arena.hpp"
#include "pair.hpp"

using namespace genie;
using namespace genie::test;
using datapath::MemoryKind;

TEST_CASE("an arena is whole pages of zeros, and has the kind it was asked for") {
  const auto arena = must(arena::Arena::create(MemoryKind::host, 5000));
  CHECK(arena->size() == 8192);
  CHECK(arena->kind() == MemoryKind::host);
  CHECK(std::ranges::all_of(arena->bytes(), [](std::byte each) { return each == std::byte{0}; }));
}

TEST_CASE("an arena that cannot be had is an error with its size, not a signal later") {
  CHECK(has_code(error_of(arena::Arena::create(MemoryKind::host, 0)), "GE0854"));
  const Error error = error_of(arena::Arena::create(MemoryKind::host, std::uint64_t{1} << 55));
  CHECK(error.code == GENIE_RESOURCE_EXHAUSTED);
  CHECK(error.message.find("36028797018963968 bytes") != std::string::npos);
}

TEST_CASE("memory is described by kinds, and a kind of a later version is refused, not guessed") {
  CHECK(datapath::memory_kind(1) == MemoryKind::host);
  CHECK(datapath::memory_kind(0) == std::nullopt);
  CHECK(datapath::memory_kind(2) == std::nullopt);
}

TEST_CASE("messages of every size arrive in order, both ways at once") {
  Pair pair = arena_pair();
  const auto talk = [](Connection& mine, std::uint64_t seed) {
    std::vector<std::byte> message;
    for (std::uint64_t i = 0; i < 300; ++i) {
      message.resize((i * 977) % (mine.facts().max_message + 1));
      fill(message, seed + i);
      must(mine.send(message, deadline_in(20s)));
    }
  };
  const auto listen = [](Connection& mine, std::uint64_t seed) {
    for (std::uint64_t i = 0; i < 300; ++i) {
      const auto message = must(mine.receive(deadline_in(20s)));
      REQUIRE(message.size() == (i * 977) % (mine.facts().max_message + 1));
      REQUIRE(holds(message, seed + i));
    }
  };
  std::thread a([&] { talk(*pair.first, 1); }), b([&] { talk(*pair.second, 5000); }),
      c([&] { listen(*pair.second, 1); });
  listen(*pair.first, 5000);
  a.join(), b.join(), c.join();
  CHECK(pair.first->traffic().messages_sent == 301);  // and the one that begins a connection
  CHECK(pair.second->traffic().message_bytes_received == pair.first->traffic().message_bytes_sent);
}

TEST_CASE("an imported region is the memory that was exposed") {
  Pair pair = arena_pair();
  const auto memory = must(arena::Arena::create(MemoryKind::host, 1 << 20));
  const auto region = must(pair.first->expose(memory, deadline_in(5s)));
  CHECK(region->descriptor().size() <= 64);
  const auto remote = must(pair.second->import(region->descriptor(), deadline_in(5s)));
  CHECK(remote->kind() == MemoryKind::host);
  CHECK(remote->size() == 1 << 20);
  REQUIRE(remote->shared().bytes().size() == memory->bytes().size());
  CHECK(remote->shared().bytes().data() != memory->bytes().data());
  fill(memory->bytes(), 7);
  CHECK(holds(remote->shared().bytes(), 7));
  // Twice is the same; after the last owner it is gone.
  CHECK(must(pair.second->import(region->descriptor(), deadline_in(5s))) == remote);
}

TEST_CASE("writes and reads move exactly the bytes asked for") {
  Pair pair = arena_pair();
  const auto memory = must(arena::Arena::create(MemoryKind::host, 8192));
  const auto region = must(pair.first->expose(memory, deadline_in(5s)));
  const auto remote = must(pair.second->import(region->descriptor(), deadline_in(5s)));
  std::vector<std::byte> source(1000), back(1000);
  fill(source, 3);
  must(pair.second->wait(
      must(pair.second->write({datapath::host_memory(source)}, {remote, 4000}, deadline_in(5s)))));
  CHECK(holds(memory->bytes().subspan(4000, 1000), 3));
  CHECK(memory->bytes()[3999] == std::byte{0});
  CHECK(memory->bytes()[5000] == std::byte{0});
  must(pair.second->wait(
      must(pair.second->read({remote, 4000}, {datapath::host_memory(back)}, deadline_in(5s)))));
  CHECK(back == source);
  CHECK(pair.second->traffic().bytes_written == 1000);
  for (const std::uint64_t offset :
       {std::uint64_t{7193}, std::uint64_t{8193}, ~std::uint64_t{0}, ~std::uint64_t{0} - 999})
    CHECK(has_code(
        error_of(pair.second->write({datapath::host_memory(source)}, {remote, offset}, deadline_in(5s))),
        "GE0851"));
}

TEST_CASE("every wait has a deadline of its own") {
  Pair pair = arena_pair();
  const auto begin = std::chrono::steady_clock::now();
  CHECK(error_of(pair.first->receive(deadline_in(30ms))).code == GENIE_DEADLINE_EXCEEDED);
  const std::vector<std::byte> message(pair.first->facts().max_message);
  Outcome sent = Done{};
  for (int i = 0; i < 10 && sent; ++i)
    sent = pair.first->send(message, deadline_in(30ms));
  CHECK(error_of(std::move(sent)).code == GENIE_DEADLINE_EXCEEDED);
  CHECK(has_code(error_of(pair.first->close(deadline_in(30ms))), "GE0852"));
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
}

TEST_CASE("a message longer than the limit is refused before anything is sent") {
  Pair pair = arena_pair();
  CHECK(
      error_of(pair.first->send(std::vector<std::byte>(pair.first->facts().max_message + 1), deadline_in(1s)))
          .code == GENIE_INVALID_ARGUMENT);
}

TEST_CASE("failing a connection wakes everyone who waits, with its reason") {
  Pair pair = arena_pair();
  auto waiting = std::async(std::launch::async, [&] { return pair.first->receive(deadline_in(20s)); });
  auto second = std::async(std::launch::async, [&] { return pair.first->receive(deadline_in(20s)); });
  pair.first->fail(Error{GENIE_UNAVAILABLE, "the lease ran out"});
  CHECK(error_of(waiting.get()).message == "the lease ran out");
  CHECK(error_of(second.get()).message == "the lease ran out");
  pair.first->fail(Error{GENIE_INTERNAL, "later"});
  CHECK(error_of(pair.first->send({}, deadline_in(1s))).message == "the lease ran out");
}

TEST_CASE("closing lets what was sent arrive, then tells both sides") {
  Pair pair = arena_pair();
  must(pair.first->send(bytes_of("last words"), deadline_in(1s)));
  auto closing = std::async(std::launch::async, [&] { return pair.first->close(deadline_in(20s)); });
  CHECK(text_of(must(pair.second->receive(deadline_in(5s)))) == "last words");
  const Error end = error_of(pair.second->receive(deadline_in(20s)));
  CHECK(has_code(end, "GE0855"));
  CHECK(end.message.find("closed the connection") != std::string::npos);
  must(pair.second->close(deadline_in(5s)));
  must(closing.get());
  CHECK(error_of(pair.first->send({}, deadline_in(1s))).code == GENIE_FAILED_PRECONDITION);
}

TEST_CASE("an idle wait uses next to no processor time") {
  Pair pair = arena_pair();
  timespec before{}, after{};
  REQUIRE(::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before) == 0);
  CHECK(error_of(pair.first->receive(deadline_in(400ms))).code == GENIE_DEADLINE_EXCEEDED);
  REQUIRE(::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after) == 0);
  const auto used_ns = (after.tv_sec - before.tv_sec) * 1'000'000'000L + after.tv_nsec - before.tv_nsec;
  CHECK(used_ns < 20'000'000);  // 5 % of the wait: far above what is needed, far below spinning
}

TEST_CASE("a peer that dies is told at once, whatever the deadline") {
  auto waits = must(arena::open_end(arena::Role::waits, {}));
  auto goes = must(arena::open_end(arena::Role::goes, {}));
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto peer = goes->connect(waits->address(), deadline_in(20s));
    if (!peer || !(*peer)->send(bytes_of("here"), deadline_in(5s))) ::_exit(1);
    for (;;)
      ::pause();
  }
  auto connection = must(waits->connect(goes->address(), deadline_in(20s)));
  CHECK(text_of(must(connection->receive(deadline_in(20s)))) == "here");
  auto waiting = std::async(std::launch::async, [&] { return connection->receive(deadline_in(60s)); });
  const auto begin = std::chrono::steady_clock::now();
  ::kill(child, SIGKILL);
  const Error error = error_of(waiting.get());
  CHECK(std::chrono::steady_clock::now() - begin < 1s);
  CHECK(error.code == GENIE_UNAVAILABLE);
  CHECK(error.message.find("process " + std::to_string(child) + " on this host is gone") !=
        std::string::npos);
  ::waitpid(child, nullptr, 0);
  // What it had exposed stays mapped; sending is refused.
  CHECK(has_code(error_of(connection->send({}, deadline_in(1s))), "GE0855"));
}

TEST_CASE("an end whose peer is not on this host says so at once") {
  auto goes = must(arena::open_end(arena::Role::goes, {}));
  std::string elsewhere = "arena/1 waits genie-00000000000000000000000000";
  elsewhere.append(8, 'x');
  const Error error = error_of(goes->connect(bytes_of(elsewhere), deadline_in(20s)));
  CHECK(error.code == GENIE_NOT_FOUND);
  CHECK(error.message.find("another host or in another network namespace") != std::string::npos);
}
