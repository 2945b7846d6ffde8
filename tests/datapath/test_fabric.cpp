// The fabric paths, each test over every provider that this machine has.
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <time.h>

#include "fabric_pair.hpp"

using namespace genie;
using namespace genie::test;
using arena::Arena;
using datapath::host_memory;
using datapath::MemoryKind;

namespace {

struct Exposed {
  std::shared_ptr<Arena> memory;
  std::shared_ptr<datapath::Region> region;
  std::shared_ptr<datapath::RemoteRegion> remote;
};

/// An arena of `owner` that `user` can reach.
Exposed expose(Connection& owner, Connection& user, std::uint64_t size) {
  Exposed exposed;
  exposed.memory = must(Arena::create(MemoryKind::host, size));
  exposed.region = must(owner.expose(exposed.memory, deadline_in(20s)));
  CHECK(exposed.region->descriptor().size() <= 64);
  exposed.remote = must(user.import(exposed.region->descriptor(), deadline_in(20s)));
  CHECK(exposed.remote->size() == exposed.memory->size());
  CHECK(exposed.remote->kind() == MemoryKind::host);
  CHECK(exposed.remote->shared().size == 0);
  return exposed;
}

}  // namespace

TEST_CASE("an end says what was chosen, and both ends meet") {
  for_each_provider([](const std::string& name) {
    const Pair pair = fabric_pair(name);
    CHECK(pair.first->facts().path.starts_with(name.substr(0, name.find(';'))));
    CHECK(pair.first->facts().version.find("libfabric ") == 0);
    CHECK(pair.first->facts().peer.starts_with("fi_"));
    CHECK(pair.first->facts().max_message >= 1024);
    MESSAGE(pair.first->facts().path << ": " << pair.first->facts().version << ", transfers up to "
                                     << pair.first->facts().max_transfer << ", inline up to "
                                     << pair.first->facts().inline_size << ", sleeps on a descriptor: "
                                     << pair.first->facts().sleeps_on_fd << ", ordered after writes: "
                                     << pair.first->facts().ordered_after_writes);
  });
}

TEST_CASE("messages of all sizes arrive in order, both ways at once, more than there is room for") {
  for_each_provider([](const std::string& name) {
    Pair pair = fabric_pair(name);
    const auto size_of = [&](std::uint64_t i) { return (i * 977) % (pair.first->facts().max_message + 1); };
    const auto talk = [&](Connection& mine, std::uint64_t seed) {
      std::vector<std::byte> message;
      for (std::uint64_t i = 0; i < 120; ++i) {
        message.resize(size_of(i));
        fill(message, seed + i);
        must(mine.send(message, deadline_in(30s)));
      }
    };
    std::thread a([&] { talk(*pair.first, 1); }), b([&] { talk(*pair.second, 5000); });
    const auto listen = [&](Connection& mine, std::uint64_t seed) {
      for (std::uint64_t i = 0; i < 120; ++i) {
        const auto message = must(mine.receive(deadline_in(30s)));
        REQUIRE(message.size() == size_of(i));
        REQUIRE(holds(message, seed + i));
      }
    };
    // Closing keeps each side going until the other has all.
    std::thread c([&] {
      listen(*pair.second, 1);
      b.join();
      must(pair.second->close(deadline_in(30s)));
    });
    listen(*pair.first, 5000);
    a.join();
    must(pair.first->close(deadline_in(30s)));
    c.join();
    CHECK(pair.first->traffic().messages_sent == 120);
    CHECK(pair.first->traffic().message_bytes_sent == pair.second->traffic().message_bytes_received);
  });
}

TEST_CASE("what is written is there when the transfer is complete, what is read is what was there") {
  for_each_provider([](const std::string& name) {
    Pair pair = fabric_pair(name);
    const Exposed exposed = expose(*pair.second, *pair.first, 20 << 20);
    Attendant attendant(*pair.second);
    // The last is longer than one operation of providers with short ones.
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{64}, std::size_t{4097}, std::size_t{1 << 20}, std::size_t{17 << 20}}) {
      CAPTURE(size);
      std::vector<std::byte> source(size), back(size);
      fill(source, size);
      const std::uint64_t offset = 4096 + size % 7;
      must(pair.first->wait(
          must(pair.first->write({host_memory(source)}, {exposed.remote, offset}, deadline_in(30s)))));
      CHECK(std::ranges::equal(exposed.memory->bytes().subspan(offset, size), source));
      CHECK(exposed.memory->bytes()[offset - 1] == std::byte{0});
      fill(exposed.memory->bytes().subspan(offset, size), size + 1);
      must(pair.first->wait(
          must(pair.first->read({exposed.remote, offset}, {host_memory(back)}, deadline_in(30s)))));
      CHECK(holds(back, size + 1));
      std::ranges::fill(exposed.memory->bytes(), std::byte{0});
    }
    CHECK(pair.first->traffic().transfers == 10);
  });
}

TEST_CASE("nothing, written or read, is complete at once") {
  for_each_provider([](const std::string& name) {
    Pair pair = fabric_pair(name);
    const Exposed exposed = expose(*pair.second, *pair.first, 4096);
    must(pair.first->wait(must(pair.first->write({}, {exposed.remote, 4096}, deadline_in(5s)))));
    must(pair.first->wait(must(pair.first->read({exposed.remote, 0}, {}, deadline_in(5s)))));
  });
}

TEST_CASE("a message never overtakes the writes before it") {
  for_each_provider([](const std::string& name) {
    Pair pair = fabric_pair(name);
    constexpr std::size_t kSize = 300'000;
    const Exposed exposed = expose(*pair.second, *pair.first, kSize);
    std::thread writer([&] {
      std::vector<std::byte> source(kSize);
      for (std::uint64_t round = 0; round < 40; ++round) {
        fill(source, round);
        const auto transfer =
            must(pair.first->write({host_memory(source)}, {exposed.remote, 0}, deadline_in(30s)));
        must(pair.first->send(bytes_of("written"), deadline_in(30s)));
        REQUIRE(text_of(must(pair.first->receive(deadline_in(30s)))) == "looked");
        must(pair.first->wait(transfer));
      }
    });
    for (std::uint64_t round = 0; round < 40; ++round) {
      REQUIRE(text_of(must(pair.second->receive(deadline_in(30s)))) == "written");
      REQUIRE(holds(exposed.memory->bytes().first(kSize), round));
      must(pair.second->send(bytes_of("looked"), deadline_in(30s)));
    }
    writer.join();
  });
}

TEST_CASE("many transfers are in flight at once, from several threads, both ways") {
  for_each_provider([](const std::string& name) {
    Pair pair = fabric_pair(name);
    constexpr std::size_t kPart = 20'000, kParts = 100, kThreads = 2;
    const Exposed there = expose(*pair.second, *pair.first, kPart * kParts * kThreads);
    const Exposed here = expose(*pair.first, *pair.second, kPart * kParts * kThreads);
    const auto work = [&](Connection& mine, const Exposed& target, std::size_t thread) {
      std::vector<std::vector<std::byte>> sources(kParts, std::vector<std::byte>(kPart));
      std::vector<datapath::Transfer> transfers;
      for (std::size_t i = 0; i < kParts; ++i) {
        fill(sources[i], thread * kParts + i);
        transfers.push_back(must(mine.write(
            {host_memory(sources[i])}, {target.remote, (thread * kParts + i) * kPart}, deadline_in(60s))));
      }
      for (const auto& transfer : transfers)
        must(mine.wait(transfer));
    };
    {
      // Both sides are attended, so that each makes the other's writes land.
      Attendant first(*pair.first), second(*pair.second);
      std::vector<std::thread> threads;
      for (std::size_t thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([&, thread] { work(*pair.first, there, thread); });
        threads.emplace_back([&, thread] { work(*pair.second, here, thread); });
      }
      for (auto& thread : threads)
        thread.join();
    }
    for (std::size_t i = 0; i < kParts * kThreads; ++i) {
      REQUIRE(holds(there.memory->bytes().subspan(i * kPart, kPart), i));
      REQUIRE(holds(here.memory->bytes().subspan(i * kPart, kPart), i));
    }
  });
}

TEST_CASE("transfers outside the region are refused before a byte moves") {
  for_each_provider([](const std::string& name) {
    Pair pair = fabric_pair(name);
    const Exposed exposed = expose(*pair.second, *pair.first, 4096);
    std::vector<std::byte> source(100);
    for (const std::uint64_t offset :
         {std::uint64_t{3997}, std::uint64_t{4097}, ~std::uint64_t{0}, ~std::uint64_t{0} - 99})
      CHECK(has_code(
          error_of(pair.first->write({host_memory(source)}, {exposed.remote, offset}, deadline_in(5s))),
          "GE0851"));
    CHECK(has_code(error_of(pair.first->write({host_memory(source)}, {nullptr, 0}, deadline_in(5s))),
                   "GE0851"));
  });
}

TEST_CASE("memory of others is registered once as long as its owner lives") {
  for_each_provider([](const std::string& name) {
    auto found = must(fabric::find_provider(name, local_address()));
    const bool needed = found.has_mode(FI_MR_LOCAL);
    Pair pair = fabric_pair(name);
    const Exposed exposed = expose(*pair.second, *pair.first, 1 << 16);
    Attendant attendant(*pair.second);
    const auto before = pair.first->traffic().registrations;
    const auto write = [&](const std::shared_ptr<std::vector<std::byte>>& owner) {
      must(pair.first->wait(
          must(pair.first->write({host_memory(*owner), owner}, {exposed.remote, 0}, deadline_in(30s)))));
    };
    auto owner = std::make_shared<std::vector<std::byte>>(1000);
    for (int i = 0; i < 5; ++i)
      write(owner);
    CHECK(pair.first->traffic().registrations - before == (needed ? 1 : 0));
    // Another owner, perhaps at the very same address.
    owner = nullptr;
    owner = std::make_shared<std::vector<std::byte>>(1000);
    write(owner);
    CHECK(pair.first->traffic().registrations - before == (needed ? 2 : 0));
  });
}

TEST_CASE("memory that may only be read is written to a peer") {
  for_each_provider([](const std::string& name) {
    // More than the buffers take at once that it is copied through where it cannot be registered.
    constexpr std::size_t kSize = 5 << 20;
    Pair pair = fabric_pair(name);
    const Exposed exposed = expose(*pair.second, *pair.first, kSize);
    Attendant attendant(*pair.second);
    // As weights and inputs are: a private view of a file.
    std::vector<std::byte> bytes(kSize);
    fill(bytes, 7);
    const datapath::Fd file(::memfd_create("weights", MFD_CLOEXEC));
    REQUIRE(::write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    void* const view = ::mmap(nullptr, kSize, PROT_READ, MAP_PRIVATE, file.get(), 0);
    REQUIRE(view != MAP_FAILED);
    const std::shared_ptr<std::byte> owner(static_cast<std::byte*>(view),
                                           [](std::byte* at) { ::munmap(at, kSize); });
    must(pair.first->wait(must(pair.first->write({host_memory({owner.get(), kSize}), owner},
                                                 {exposed.remote, 0}, deadline_in(30s)))));
    CHECK(holds(exposed.memory->bytes(), 7));
    const auto staged = pair.first->traffic().bytes_staged;
    CHECK((staged == 0 || staged == kSize));
    MESSAGE(name << ": " << staged << " bytes copied before they were sent");
  });
}

TEST_CASE("every wait on a fabric has a deadline of its own") {
  for_each_provider([](const std::string& name) {
    Pair pair = fabric_pair(name);
    const auto begin = std::chrono::steady_clock::now();
    CHECK(error_of(pair.first->receive(deadline_in(30ms))).code == GENIE_DEADLINE_EXCEEDED);
    // Nobody attends to the other side.
    Outcome sent = Done{};
    for (int i = 0; i < 100 && sent; ++i)
      sent = pair.first->send(bytes_of("?"), deadline_in(30ms));
    CHECK(error_of(std::move(sent)).code == GENIE_DEADLINE_EXCEEDED);
    CHECK(has_code(error_of(pair.first->close(deadline_in(30ms))), "GE0852"));
    CHECK(std::chrono::steady_clock::now() - begin < 10s);
  });
}

TEST_CASE("failing a fabric connection wakes everyone who waits, with its reason") {
  for_each_provider([](const std::string& name) {
    Pair pair = fabric_pair(name);
    auto first = std::async(std::launch::async, [&] { return pair.first->receive(deadline_in(60s)); });
    auto second = std::async(std::launch::async, [&] { return pair.first->receive(deadline_in(60s)); });
    pair.first->fail(Error{GENIE_UNAVAILABLE, "the lease ran out"});
    CHECK(error_of(first.get()).message == "the lease ran out");
    CHECK(error_of(second.get()).message == "the lease ran out");
    CHECK(error_of(pair.first->send({}, deadline_in(1s))).message == "the lease ran out");
  });
}

TEST_CASE("closing a fabric connection lets what was sent arrive, then tells both sides") {
  for_each_provider([](const std::string& name) {
    Pair pair = fabric_pair(name);
    must(pair.first->send(bytes_of("last words"), deadline_in(5s)));
    auto closing = std::async(std::launch::async, [&] { return pair.first->close(deadline_in(30s)); });
    CHECK(text_of(must(pair.second->receive(deadline_in(30s)))) == "last words");
    const Error end = error_of(pair.second->receive(deadline_in(30s)));
    CHECK(has_code(end, "GE0855"));
    must(pair.second->close(deadline_in(30s)));
    must(closing.get());
    CHECK(error_of(pair.first->send({}, deadline_in(1s))).code == GENIE_FAILED_PRECONDITION);
  });
}

TEST_CASE("regions may outlive their connection") {
  for_each_provider([](const std::string& name) {
    Pair pair = fabric_pair(name);
    const Exposed exposed = expose(*pair.second, *pair.first, 4096);
    pair.first = nullptr;
    pair.second = nullptr;
    CHECK(exposed.region->arena()->size() == 4096);
  });
}

TEST_CASE("an idle wait on a fabric uses next to no processor time") {
  for_each_provider([](const std::string& name) {
    Pair pair = fabric_pair(name);
    CHECK(error_of(pair.first->receive(deadline_in(50ms))).code == GENIE_DEADLINE_EXCEEDED);
    timespec before{}, after{};
    REQUIRE(::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before) == 0);
    CHECK(error_of(pair.first->receive(deadline_in(300ms))).code == GENIE_DEADLINE_EXCEEDED);
    REQUIRE(::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after) == 0);
    const auto used_ns = (after.tv_sec - before.tv_sec) * 1'000'000'000L + after.tv_nsec - before.tv_nsec;
    CHECK(used_ns < 150'000'000);  // spinning takes all of it; bench/fabric.py says how little this takes
  });
}
