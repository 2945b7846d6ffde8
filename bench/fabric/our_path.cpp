// Our data path, measured as raw_fabric measures libfabric, between two processes of this machine.
//
//   our_path PATH ADDRESS [LARGEST]
//
// A round trip of an empty message, writes and reads of 64 B to 64 MiB into an arena of the other process, one at a time, each awaited,
// and the processor time of a second of idle waiting in each process. With the path "arena", also memcpy into the same mapping.
#include <cstring>
#include <memory>

#include "datapath/choice.hpp"
#include "measure.hpp"

using namespace genie;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kTrips = 2000;

template <class T>
T must(Expected<T> result) {
  if (!result) bench::fail(result.error().message);
  return *std::move(result);
}

datapath::Deadline soon() {
  return datapath::deadline_in(60s);
}

double idle_share(datapath::Connection& connection) {
  // What happened before may keep a wait awake a little longer.
  (void)connection.receive(datapath::deadline_in(500ms)).ok();
  const double before = bench::processor_seconds();
  const auto begin = bench::Clock::now();
  (void)connection.receive(datapath::deadline_in(1s)).ok();
  return (bench::processor_seconds() - before) / bench::seconds_since(begin);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) bench::fail("usage: our_path PATH ADDRESS [LARGEST]");
  const auto sizes = bench::sizes(bench::largest_of(argv[3]));
  const bench::Other other;
  auto end = must(datapath::open_end(argv[1], other.is_child() ? datapath::Side::waits : datapath::Side::goes,
                                     argv[2], {}));
  other.tell(end->address().data(), end->address().size());
  auto connection = must(end->connect(other.hear(), soon()));
  const auto arena = must(arena::Arena::create(datapath::MemoryKind::host, sizes.back()));
  const auto region = must(connection->expose(arena, soon()));
  must(connection->send(region->descriptor(), soon()));
  const auto remote = must(connection->import(must(connection->receive(soon())), soon()));
  const std::size_t trips = kTrips + kTrips / 8 + 1;
  if (other.is_child()) {
    for (std::size_t i = 0; i < trips; ++i) {
      (void)must(connection->receive(soon()));
      must(connection->send({}, soon()));
    }
    (void)must(connection->receive(soon()));  // while the other moves bytes
    const double share = idle_share(*connection);
    other.tell(&share, sizeof share);
    (void)connection->close(datapath::deadline_in(5s)).ok();
    return 0;
  }
  bench::print("round trip", 0, bench::median_seconds(kTrips, [&] {
                 must(connection->send({}, soon()));
                 (void)must(connection->receive(soon()));
               }));
  const auto source = must(arena::Arena::create(datapath::MemoryKind::host, sizes.back()));
  for (const bool write : {true, false}) {
    for (const std::size_t size : sizes) {
      const datapath::Local local{*source->memory().part(0, size), source};
      bench::print(write ? "write" : "read", size, bench::median_seconds(bench::turns_for(size), [&] {
                     must(connection->wait(must(write ? connection->write(local, {remote, 0}, soon())
                                                      : connection->read({remote, 0}, local, soon()))));
                   }));
    }
  }
  if (remote->shared().size > 0)
    for (const std::size_t size : sizes)
      bench::print("memcpy", size, bench::median_seconds(bench::turns_for(size), [&] {
                     std::memcpy(remote->shared().bytes().data(), source->bytes().data(), size);
                   }));
  must(connection->send({}, soon()));
  bench::print("idle here", 0, idle_share(*connection));
  double share = 0;
  const auto heard = other.hear();
  std::memcpy(&share, heard.data(), sizeof share);
  bench::print("idle there", 0, share);
  (void)connection->close(datapath::deadline_in(5s)).ok();
  connection = nullptr;
  return other.wait();
}
