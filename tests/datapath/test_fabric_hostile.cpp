// Fabric peers that die, lie, or are not who they should be.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>

#include "datapath/wire_bytes.hpp"
#include "fabric/endpoint.hpp"
#include "fabric/fabric_connection.hpp"
#include "fabric/peer_address.hpp"
#include "fabric_pair.hpp"

using namespace genie;
using namespace genie::test;
using datapath::host_memory;

namespace {

/// A connection of ours whose peer the test plays by hand, through libfabric itself.
struct Victim {
  std::unique_ptr<fabric::Endpoint> stranger;
  fi_addr_t victim = FI_ADDR_UNSPEC;
  fabric::PeerAddress address;  // of the victim
  std::unique_ptr<Connection> connection;
  std::uint16_t next = 0;

  explicit Victim(const std::string& provider) {
    auto end = must(fabric::open_end(provider, local_address(), {}));
    address = must(fabric::decode_address(end->address()));
    stranger = must(fabric::Endpoint::open(must(fabric::find_provider(provider, local_address()))));
    victim = must(stranger->know(address.name));
    auto mine = address;
    mine.id = 77;
    mine.name = must(stranger->name());
    std::vector<std::byte> received(4096);
    REQUIRE(::fi_recv(stranger->endpoint(), received.data(), received.size(), nullptr, FI_ADDR_UNSPEC,
                      &received_) == 0);
    auto connecting =
        std::async(std::launch::async, [&] { return end->connect(fabric::encode(mine), deadline_in(20s)); });
    send(fabric::Kind::greeting);
    while (connecting.wait_for(0ms) != std::future_status::ready)
      progress();
    connection = must(connecting.get());
    kept_ = std::move(received);
  }
  /// A message with any header.
  void send_raw(std::span<const std::byte> bytes) {
    while (::fi_inject(stranger->endpoint(), bytes.data(), bytes.size(), victim) == -FI_EAGAIN)
      progress();
    progress();
  }
  void send(fabric::Kind what, std::uint32_t room = 0) {
    fabric::MessageHeader header;
    header.id = address.id;
    header.room = room;
    header.what = static_cast<std::uint8_t>(what);
    if (what == fabric::Kind::message) header.number = next++;
    send_raw(std::as_bytes(std::span(&header, 1)));
  }
  void progress() {
    fi_cq_msg_entry entry{};
    (void)::fi_cq_read(stranger->queue(), &entry, 1);
  }
  /// What the victim's receive ends with, while the stranger keeps its side going.
  Error end_of_receive(std::chrono::milliseconds patience = 20s) {
    auto receiving =
        std::async(std::launch::async, [&] { return connection->receive(deadline_in(patience)); });
    while (receiving.wait_for(0ms) != std::future_status::ready)
      progress();
    return error_of(receiving.get());
  }

 private:
  fi_context2 received_{};
  std::vector<std::byte> kept_;
};

}  // namespace

TEST_CASE("what carries another connection's number is nobody's message") {
  for_each_provider([](const std::string& name) {
    if (name.starts_with("verbs")) return;  // its buffers need registering by hand
    Victim victim(name);
    fabric::MessageHeader header;
    header.id = victim.address.id + 1;
    header.what = static_cast<std::uint8_t>(fabric::Kind::message);
    victim.send_raw(std::as_bytes(std::span(&header, 1)));
    victim.send_raw(bytes_of("short"));
    CHECK(victim.end_of_receive(50ms).code == GENIE_DEADLINE_EXCEEDED);
    CHECK(victim.connection->traffic().messages_received == 0);
  });
}

TEST_CASE("a peer that breaks a rule of messages ends its own connection with one typed error") {
  for (const std::string breach : {"room that was never taken", "more than there is room for",
                                   "an unknown kind", "a number far ahead"}) {
    CAPTURE(breach);
    for_each_provider([&](const std::string& name) {
      if (name.starts_with("verbs")) return;
      Victim victim(name);
      if (breach == "room that was never taken") victim.send(fabric::Kind::message, 1);
      if (breach == "more than there is room for") {
        for (int i = 0; i <= fabric::kWindow; ++i)
          victim.send(fabric::Kind::message);
      }
      if (breach == "an unknown kind") victim.send(static_cast<fabric::Kind>(9));
      if (breach == "a number far ahead") {
        victim.next = fabric::kWindow;
        victim.send(fabric::Kind::message);
      }
      Error end;
      if (breach == "more than there is room for") {
        // Without room of its own left, the victim looks at all that has come, and takes none of it.
        Outcome outcome = Done{};
        for (int i = 0; i <= fabric::kWindow && outcome; ++i)
          outcome = victim.connection->send({}, deadline_in(10s));
        end = error_of(std::move(outcome));
      } else {
        end = victim.end_of_receive();
      }
      CHECK(has_code(end, "GE0853"));
      CHECK(error_of(victim.connection->receive(deadline_in(1s))).message == end.message);
    });
  }
}

TEST_CASE("addresses that no end wrote are refused") {
  for_each_provider([](const std::string& name) {
    const auto own = must(fabric::open_end(name, local_address(), {}));
    const std::vector<std::byte> good(own->address().begin(), own->address().end());
    const auto refused = [&](std::span<const std::byte> address) {
      auto end = must(fabric::open_end(name, local_address(), {}));
      return error_of(end->connect(address, deadline_in(2s)));
    };
    for (std::size_t size = 0; size < good.size(); size += 5)
      CHECK(has_code(refused(std::span(good).first(size)), "GE0853"));
    auto longer = good;
    longer.push_back(std::byte{0});
    CHECK(has_code(refused(longer), "GE0853"));
    auto other = must(fabric::decode_address(good));
    other.provider = "usnic";
    CHECK(has_code(refused(fabric::encode(other)), "GE0850"));
    auto nonsense = must(fabric::decode_address(good));
    nonsense.name.assign(3, std::byte{0xff});
    CHECK(has_code(refused(fabric::encode(nonsense)), "GE0853"));
  });
}

TEST_CASE("descriptors that no region has are refused or reach nothing") {
  for_each_provider([](const std::string& name) {
    Pair pair = fabric_pair(name);
    const auto memory = must(arena::Arena::create(datapath::MemoryKind::host, 4096));
    auto region = must(pair.second->expose(memory, deadline_in(5s)));
    const std::vector<std::byte> good(region->descriptor().begin(), region->descriptor().end());
    const auto refused = [&](std::span<const std::byte> descriptor) {
      return error_of(pair.first->import(descriptor, deadline_in(1s)));
    };
    for (std::size_t size = 0; size < good.size(); ++size)
      CHECK(has_code(refused(std::span(good).first(size)), "GE0853"));
    auto descriptor = must(fabric::decode_descriptor(good));
    descriptor.kind = 200;
    CHECK(has_code(refused(fabric::encode(descriptor)), "GE0853"));
    descriptor = must(fabric::decode_descriptor(good));
    descriptor.base = ~std::uint64_t{0};
    CHECK(has_code(refused(fabric::encode(descriptor)), "GE0853"));
  });
}

TEST_CASE("a key that was guessed, or whose connection is over, moves nothing") {
  for_each_provider([](const std::string& name) {
    // shm trusts its peers: a path for the processes of one user on one host.
    if (name == "shm") return;
    for (const bool guessed : {true, false}) {
      CAPTURE(guessed);
      Pair pair = fabric_pair(name);
      const auto memory = must(arena::Arena::create(datapath::MemoryKind::host, 4096));
      const auto region = must(pair.second->expose(memory, deadline_in(5s)));
      auto descriptor = must(fabric::decode_descriptor(region->descriptor()));
      if (guessed) descriptor.key ^= 0x5a5a;
      const auto remote = must(pair.first->import(fabric::encode(descriptor), deadline_in(1s)));
      std::vector<std::byte> source(4096, std::byte{1});
      std::optional<Attendant> attendant;
      if (guessed)
        attendant.emplace(*pair.second);
      else
        pair.second = nullptr;  // the region lives on, and reaches nothing
      auto transfer = pair.first->write({host_memory(source)}, {remote, 0}, deadline_in(3s));
      Outcome outcome = transfer ? pair.first->wait(*transfer) : Outcome(transfer.error());
      CHECK_FALSE(outcome.ok());
      CHECK(std::ranges::all_of(memory->bytes(), [](std::byte each) { return each == std::byte{0}; }));
      // Nothing may follow a write that did not arrive.
      if (guessed) CHECK_FALSE(pair.first->send(bytes_of("done"), deadline_in(100ms)).ok());
    }
  });
}

namespace {

/// A datapath-peer that runs, and its pipes.
class PeerProcess {
 public:
  explicit PeerProcess(const std::string& provider) {
    REQUIRE(::pipe2(to_.data(), O_CLOEXEC) == 0);
    REQUIRE(::pipe2(from_.data(), O_CLOEXEC) == 0);
    std::string program(1024, '\0');
    program.resize(static_cast<std::size_t>(
        std::max<ssize_t>(0, ::readlink("/proc/self/exe", program.data(), program.size()))));
    program = program.substr(0, program.rfind('/')) + "/datapath-peer";
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, to_[0], 0);
    ::posix_spawn_file_actions_adddup2(&actions, from_[1], 1);
    std::string address = local_address(), name = provider;
    std::array<char*, 4> arguments{program.data(), name.data(), address.data(), nullptr};
    REQUIRE(::posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments.data(), environ) == 0);
    ::posix_spawn_file_actions_destroy(&actions);
  }
  ~PeerProcess() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    for (const int fd : {to_[0], to_[1], from_[0], from_[1]})
      ::close(fd);
  }
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  std::vector<std::byte> exchange(std::span<const std::byte> mine) const {
    const auto size = static_cast<std::uint32_t>(mine.size());
    REQUIRE(::write(to_[1], &size, sizeof size) == sizeof size);
    REQUIRE(::write(to_[1], mine.data(), size) == static_cast<ssize_t>(size));
    std::uint32_t theirs = 0;
    REQUIRE(::read(from_[0], &theirs, sizeof theirs) == sizeof theirs);
    std::vector<std::byte> address(theirs);
    REQUIRE(::read(from_[0], address.data(), address.size()) == static_cast<ssize_t>(theirs));
    return address;
  }

 private:
  std::array<int, 2> to_{}, from_{};
  pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("a fabric peer that dies or stops costs no more than the deadline") {
  for_each_provider([](const std::string& name) {
    for (const int signal : {SIGKILL, SIGSTOP}) {
      CAPTURE(signal);
      const PeerProcess peer(name);
      auto end = must(fabric::open_end(name, local_address(), {}));
      auto connection = must(end->connect(peer.exchange(end->address()), deadline_in(20s)));
      CHECK(text_of(must(connection->receive(deadline_in(20s)))) == "here");
      ::kill(peer.pid(), signal);
      const auto begin = std::chrono::steady_clock::now();
      Error error;
      while (error.code == GENIE_UNKNOWN) {
        auto sent = connection->send(bytes_of("there?"), deadline_in(300ms));
        auto reply =
            sent ? connection->receive(deadline_in(300ms)) : Expected<datapath::Message>(sent.error());
        error = error_of(std::move(reply));
      }
      CHECK((error.code == GENIE_DEADLINE_EXCEEDED || error.code == GENIE_UNAVAILABLE));
      CHECK(std::chrono::steady_clock::now() - begin < 5s);
    }
  });
}
