// The ways from a client's program to the other workers that share it: how they are found, what goes over them, what their end means.
#include <algorithm>
#include <numeric>

#include "worker/worker_client.hpp"

namespace genie::remote {

namespace {

/// What all devices of one worker share.
bool same_worker(const Peer& a, const Peer& b) {
  return a.address == b.address && a.ticket == b.ticket;
}

}  // namespace

/// The best that both sides allow: what the client forces, else what this worker does.
PathWish WorkerClient::path_wish(const std::string& of_client) const {
  PathWish wish;
  wish.provider = of_client == "auto" || worker_.provider == "none" ? worker_.provider : of_client;
  // Only the client may give its encryption up.
  wish.plain = of_client != "auto" || !worker_.encrypted;
  return wish;
}

/// Answered once the ways to the other workers are known, so that no value takes a longer one.
void WorkerClient::meet_peers(std::uint64_t request, const Compile& message) {
  struct Meeting {
    std::size_t open = 0;
    Compiled ways;
    std::optional<genie::Error> failed;
  };
  const auto meeting = std::make_shared<Meeting>();
  std::vector<std::vector<Peer>> workers;
  for (const Peer& peer : message.peers) {
    const auto known = std::ranges::find_if(workers, [&](const auto& w) { return same_worker(w[0], peer); });
    if (known == workers.end())
      workers.push_back({peer});
    else
      known->push_back(peer);
  }
  meeting->open = workers.size();
  if (workers.empty()) {
    return plan_ways(programs_.find(message.program)->second,
                     [this, request, meeting] { done(request, encode(meeting->ways)); });
  }
  /// False when the client is gone.
  const auto post = [weak = weak_from_this()](std::function<void(WorkerClient&)> work) {
    const auto self = weak.lock();
    if (self)
      self->worker_.executor.post([self, work = std::move(work)] { self->guarded([&] { work(*self); }); });
    return self != nullptr;
  };
  for (const std::vector<Peer>& worker : workers) {
    std::vector<std::string> devices;
    for (const Peer& peer : worker)
      devices.push_back(peer.device);
    const auto met = [meeting, request, number = message.program, devices](
                         WorkerClient& self, const genie::Expected<PeerWay>& way) {
      const auto program = self.programs_.find(number);
      if (!way) {
        if (!meeting->failed) {
          meeting->failed = way.error();
          meeting->failed->message = "the way to device " + devices[0] + ": " + meeting->failed->message;
        }
      } else if (program != self.programs_.end()) {
        if (way->connection && self.connection_->checks_values()) way->connection->check_values();
        for (const std::string& device : devices) {
          program->second.peers[device] = *way;
          const std::string_view path = way->connection ? std::string_view(way->found.path) : "client";
          meeting->ways.ways.push_back({device, std::string(path), way->found.findings});
        }
      } else if (way->connection) {
        way->connection->close(genie::cancelled());
      }
      if (--meeting->open != 0) return;
      if (meeting->failed) {
        self.forget_program(number);
        return self.failed(request, *meeting->failed);
      }
      const auto answer = [client = &self, request, meeting] {
        client->done(request, encode(meeting->ways));
      };
      if (program == self.programs_.end()) return answer();
      self.plan_ways(program->second, answer);
    };
    // Where both workers see the same memory, a value gets there without a copy if its maker wrote it there. Devices of libfabric read
    // values where they are.
    const DataLink::Counting count{.region = counts_regions(), .copy = [weak = weak_from_this()] {
                                     if (const auto self = weak.lock())
                                       self->counters_.add("staging_copies", 1);
                                   }};
    reach_(
        worker[0], path_wish(message.data_path), count,
        [post, met](const genie::Expected<PeerWay>& way) {
          if (!post([met, way](WorkerClient& self) { met(self, way); }) && way && way->connection)
            way->connection->close(genie::cancelled());
        },
        [post, number = message.program, devices](const genie::Error& why) {
          post([number, devices, why](WorkerClient& self) { self.peer_lost(number, devices, why); });
        });
  }
}

/// Room for what one call sends at the sizes that the schedule assumes: to each worker as values, to the client as one answer. `then`,
/// on the executor: the first step finds it.
void WorkerClient::plan_ways(const ProgramState& program, std::function<void()> then) {
  const exec::Program& ready = *program.ready->program;
  std::map<Connection*, std::vector<std::uint64_t>> most;  // of all methods
  const auto total = [](const std::vector<std::uint64_t>& sizes) {
    return std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
  };
  for (const auto& [name, schedule] : ready.plan().schedule->methods) {
    const auto method = ready.method(name);
    if (!method) continue;
    std::map<Connection*, std::vector<std::uint64_t>> sizes;
    for (Index m = 0; m < (*method)->messages.size(); ++m) {
      const exec::Message& message = (*method)->messages[m];
      if (message.from == kNone || !ready.device((*method)->slots[message.from].device).here()) continue;
      const std::uint64_t bytes = schedule.transfers[m].size_bytes;
      if (message.to == kNone) {
        std::vector<std::uint64_t>& answer = sizes[connection_.get()];
        answer.resize(1);
        answer[0] += bytes;
        continue;
      }
      const auto way = program.peers.find(ready.device((*method)->slots[message.to].device).spec().id);
      if (way != program.peers.end() && way->second.connection)
        sizes[way->second.connection.get()].push_back(bytes);
    }
    for (auto& [connection, list] : sizes)
      if (total(list) > total(most[connection])) most[connection] = std::move(list);
  }
  if (most.empty()) return then();
  const auto to_come = std::make_shared<std::size_t>(most.size());
  const auto one_less = [weak = weak_from_this(), to_come, then = std::move(then)] {
    const auto self = weak.lock();
    if (!self) return;
    self->worker_.executor.post([self, to_come, then] {
      if (--*to_come == 0) self->guarded(then);
    });
  };
  for (auto& [connection, list] : most)
    connection->plan(std::move(list), one_less);
}

const PeerWay* WorkerClient::way_to(std::uint64_t program, std::string_view device) const {
  const auto at = programs_.find(program);
  if (at == programs_.end()) return nullptr;
  const auto peer = at->second.peers.find(device);
  return peer == at->second.peers.end() || !peer->second.connection ? nullptr : &peer->second;
}

void WorkerClient::send_value(std::uint64_t program, std::string_view device, Outgoing frame) {
  if (const PeerWay* const way = way_to(program, device)) {
    counters_.add("values_sent_directly", 1);
    counters_.add("values_sent_on_" + way->found.path, 1);
    return way->connection->send(std::move(frame));
  }
  counters_.add("values_sent_through_client", 1);
  connection_->send(std::move(frame));
}

/// What was on its way over the connection may be gone: steps that sent something there cannot be trusted to end.
void WorkerClient::peer_lost(std::uint64_t number, const std::vector<std::string>& devices,
                             const genie::Error& why) {
  const auto program = programs_.find(number);
  if (program == programs_.end()) return;
  bool had = false;
  for (const std::string& device : devices)
    had = program->second.peers.erase(device) != 0 || had;
  if (!had) return;
  for (auto& [id, session] : sessions_)
    if (session.program_number == number && session.step) session.step->lost_way_to(devices, why);
}

/// The same, of a connection over which another worker sent: what a step waits for may have been on it.
void WorkerClient::peer_gone(std::uint64_t number, const genie::Error& why) {
  worker_.executor.post([self = shared_from_this(), number, why] {
    self->guarded([&] {
      for (auto& [id, session] : self->sessions_) {
        if (session.program_number != number) continue;
        if (session.step && !session.step->over())
          session.step->lost_way_from_peer(why);
        else
          session.lost_between = why;
      }
    });
  });
}

}  // namespace genie::remote
