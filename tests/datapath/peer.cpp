// datapath-peer PROVIDER ADDRESS [hold|move BYTES ROUNDS]: a peer in a process of its own. Addresses go over its standard input and
// output: a length of 4 bytes, then the bytes.
//
// Without a further word it says "here" and receives for ever, for tests that kill or stop it. `hold` exposes an arena, and answers each
// message by whether the arena holds the bytes of the round that the message names; `move` writes these, and reads them back.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "fabric/connection.hpp"

using namespace genie;
using namespace std::chrono_literals;

namespace {

[[noreturn]] void leave(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

template <class T>
T must(Expected<T> result) {
  if (!result) leave(result.error().message);
  return *std::move(result);
}

datapath::Deadline soon() {
  return datapath::deadline_in(60s);
}

void fill(std::span<std::byte> bytes, std::uint64_t round) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>((i * 131 + round * 29 + i / 251) & 0xff);
}

bool holds(std::span<const std::byte> bytes, std::uint64_t round) {
  std::vector<std::byte> wanted(bytes.size());
  fill(wanted, round);
  return std::memcmp(wanted.data(), bytes.data(), bytes.size()) == 0;
}

void hold(datapath::Connection& connection, std::size_t size, std::uint64_t rounds) {
  const auto memory = must(arena::Arena::create(datapath::MemoryKind::host, size));
  const auto region = must(connection.expose(memory, soon()));
  must(connection.send(region->descriptor(), soon()));
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const auto message = must(connection.receive(soon()));
    std::uint64_t named = 0;
    if (message.size() == sizeof named) std::memcpy(&named, message.data(), sizeof named);
    if (named != round || !holds(memory->bytes().first(size), round))
      leave("the arena holds other bytes than were written");
    must(connection.send({}, soon()));
  }
  // The other still reads; its farewell is the end.
  if (connection.receive(soon())) leave("a message after the last");
}

void move(datapath::Connection& connection, std::size_t size, std::uint64_t rounds) {
  const auto remote = must(connection.import(must(connection.receive(soon())), soon()));
  std::vector<std::byte> bytes(size), back(size);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    fill(bytes, round);
    const auto transfer = must(connection.write({datapath::host_memory(bytes)}, {remote, 0}, soon()));
    must(connection.send(std::as_bytes(std::span(&round, 1)), soon()));
    (void)must(connection.receive(soon()));
    must(connection.wait(transfer));
    must(connection.wait(must(connection.read({remote, 0}, {datapath::host_memory(back)}, soon()))));
    if (back != bytes) leave("the bytes read back are others than were written");
  }
}

void stay(datapath::Connection& connection) {
  must(connection.send(std::as_bytes(std::span("here", 4)), datapath::deadline_in(5s)));
  while (connection.receive(soon())) {
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 6) leave("usage: datapath-peer PROVIDER ADDRESS [hold|move BYTES ROUNDS]");
  auto end = must(fabric::open_end(argv[1], argv[2], {}));
  const auto mine = end->address();
  const auto size = static_cast<std::uint32_t>(mine.size());
  std::uint32_t theirs = 0;
  if (::write(1, &size, sizeof size) != sizeof size ||
      ::write(1, mine.data(), size) != static_cast<ssize_t>(size) ||
      ::read(0, &theirs, sizeof theirs) != sizeof theirs || theirs > 1024)
    leave("no address of the peer");
  std::vector<std::byte> peer(theirs);
  if (::read(0, peer.data(), peer.size()) != static_cast<ssize_t>(peer.size()))
    leave("no address of the peer");
  auto connection = must(end->connect(peer, datapath::deadline_in(20s)));
  if (argc == 3)
    stay(*connection);
  else if (std::string(argv[3]) == "hold")
    hold(*connection, std::strtoull(argv[4], nullptr, 10), std::strtoull(argv[5], nullptr, 10));
  else
    move(*connection, std::strtoull(argv[4], nullptr, 10), std::strtoull(argv[5], nullptr, 10));
  if (argc == 6) must(connection->close(soon()));
  return 0;
}
