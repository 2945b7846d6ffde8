#include "arena_connection.hpp"

#include <sys/socket.h>

#include <cstring>

#include "../datapath/problem.hpp"
#include "../datapath/wire_bytes.hpp"

namespace genie::arena {
namespace {

using datapath::Deadline;
using datapath::kBrokenRules;
using datapath::kDeadline;
using datapath::kOperation;
using datapath::kPeerGone;
using datapath::problem;

constexpr std::uint8_t kDescriptorVersion = 1;
constexpr std::size_t kMaxHanded =
    1024;  // files that one peer may have open here without importing them, and names of imported ones

class ArenaRegion final : public datapath::Region {
 public:
  ArenaRegion(std::shared_ptr<Arena> memory, std::vector<std::byte> descriptor)
      : memory_(std::move(memory)), descriptor_(std::move(descriptor)) {}
  [[nodiscard]] const std::shared_ptr<Arena>& arena() const override { return memory_; }
  [[nodiscard]] std::span<const std::byte> descriptor() const override { return descriptor_; }

 private:
  std::shared_ptr<Arena> memory_;
  std::vector<std::byte> descriptor_;
};

class SharedRegion final : public datapath::RemoteRegion {
 public:
  explicit SharedRegion(std::shared_ptr<Arena> memory) : memory_(std::move(memory)) {}
  [[nodiscard]] datapath::MemoryKind kind() const override { return memory_->kind(); }
  [[nodiscard]] std::uint64_t size() const override { return memory_->size(); }
  [[nodiscard]] datapath::Memory shared() const override { return memory_->memory(); }

 private:
  std::shared_ptr<Arena> memory_;
};

genie::Error late(std::string_view what) {
  return problem(GENIE_DEADLINE_EXCEEDED, kDeadline, "arena: the deadline passed while " + std::string(what));
}

std::string peer_name(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return "process on this host";
  return "process " + std::to_string(peer.pid) + " on this host";
}

}  // namespace

ArenaConnection::ArenaConnection(Socket socket, std::shared_ptr<Arena> channel, unsigned mine,
                                 datapath::WaitOptions options)
    : socket_(std::move(socket)), channel_(std::move(channel), mine, kMaxMessage), watch_(*this, options) {
  facts_.path = "arena";
  facts_.version = "memory file";
  facts_.peer = peer_name(socket_.get());
  facts_.max_message = kMaxMessage;
  facts_.max_transfer = UINT64_MAX;
  facts_.inline_size = kMaxMessage;
  facts_.shared = true;
  facts_.ordered_after_writes = true;
}

// The socket's end tells the peer.
ArenaConnection::~ArenaConnection() = default;

datapath::Traffic ArenaConnection::traffic() const {
  const std::lock_guard lock(watch_.mutex());
  return traffic_;
}

bool ArenaConnection::look() {
  const bool read = channel_.in().moved();
  const bool written = channel_.out().moved();
  const std::uint32_t closed = channel_.peer().closed.load();
  return read | written | (std::exchange(peer_closed_seen_, closed) != closed);
}

bool ArenaConnection::before_sleep(unsigned interests) {
  channel_.mine().sleeping.store(interests);
  if (!look()) return true;
  channel_.mine().sleeping.store(0);
  watch_.tell();
  return false;
}

void ArenaConnection::after_sleep(short events) {
  channel_.mine().sleeping.store(0);
  if (events == 0 || ended_) return;
  // Bounded, so that a peer that rings without end does not keep us here.
  for (int i = 0; i < 64; ++i) {
    Socket::Taken taken = socket_.take();
    if (taken.what == Socket::Taken::What::nothing) break;
    take_in(std::move(taken));
    if (ended_) break;
  }
  watch_.tell();
}

void ArenaConnection::take_in(Socket::Taken taken) {
  using What = Socket::Taken::What;
  if (taken.what == What::ended) ended_ = true;
  if (taken.what == What::nonsense)
    give_up(broken("sent something else than a ring or one file over its socket"));
  if (taken.what != What::handover) return;
  if (handed_.contains(taken.handover.id)) return give_up(broken("handed two arenas over under one id"));
  // What was imported and let go needs remembering only while there is room.
  if (handed_.size() > kMaxHanded)
    std::erase_if(handed_,
                  [](const auto& each) { return !each.second.file && each.second.imported.expired(); });
  if (handed_.size() > kMaxHanded) return give_up(broken("handed over more arenas than one connection may"));
  handed_.emplace(taken.handover.id, Handed{std::move(taken.file), taken.handover.size});
}

void ArenaConnection::ring_for(unsigned interest) {
  auto& sleeping = channel_.peer().sleeping;
  if ((sleeping.load() & interest) == 0) return;
  sleeping.fetch_and(~interest);
  socket_.ring();
}

void ArenaConnection::give_up(genie::Error why) {
  if (!failure_) failure_ = std::move(why);
  watch_.stir();
  watch_.tell();
}

genie::Error ArenaConnection::broken(std::string_view how) {
  return problem(GENIE_DATA_LOSS, kBrokenRules, "arena: " + facts_.peer + " " + std::string(how));
}

std::optional<genie::Error> ArenaConnection::refusal(bool after_close) const {
  if (failure_) return failure_;
  if (closing_ && !after_close)
    return problem(GENIE_FAILED_PRECONDITION, kPeerGone,
                   "arena: the connection to " + facts_.peer + " is closed");
  return std::nullopt;
}

bool ArenaConnection::peer_is_done() {
  return ended_ || channel_.peer().closed.load() != 0;
}

genie::Error ArenaConnection::peer_left() {
  return problem(GENIE_UNAVAILABLE, kPeerGone,
                 channel_.peer().closed.load() != 0 ? "arena: " + facts_.peer + " closed the connection"
                                                    : "arena: " + facts_.peer + " is gone");
}

Expected<std::shared_ptr<datapath::Region>> ArenaConnection::expose(std::shared_ptr<Arena> memory,
                                                                    Deadline deadline) {
  if (memory->file() < 0)
    return problem(
        GENIE_UNIMPLEMENTED, datapath::kSharedMemory,
        "memory of the kind " + std::string(name(memory->kind())) + " cannot be handed to another process");
  {
    const Lock lock(watch_.mutex());
    if (auto refused = refusal()) return *std::move(refused);
    ++traffic_.registrations;
  }
  const Handover what{random_number(), memory->size()};
  if (auto handed = socket_.hand_over(what, memory->file(), deadline); !handed)
    return std::move(handed).error();
  datapath::Writer descriptor;
  descriptor.number(kDescriptorVersion)
      .number(static_cast<std::uint8_t>(memory->kind()))
      .number(what.id)
      .number(what.size);
  return std::shared_ptr<datapath::Region>(
      std::make_shared<ArenaRegion>(std::move(memory), descriptor.take()));
}

Expected<std::shared_ptr<datapath::RemoteRegion>> ArenaConnection::import(
    std::span<const std::byte> descriptor, Deadline deadline) {
  datapath::Reader reader(descriptor);
  const auto version = reader.number<std::uint8_t>();
  const auto kind = datapath::memory_kind(reader.number<std::uint8_t>());
  const auto id = reader.number<std::uint64_t>();
  const auto size = reader.number<std::uint64_t>();
  if (!reader.complete() || version != kDescriptorVersion || !kind)
    return problem(GENIE_INVALID_ARGUMENT, kBrokenRules,
                   "arena: " + facts_.peer + " described an arena in no form known here");
  Lock lock(watch_.mutex());
  const auto here = [&] { return refusal() || ended_ || handed_.contains(id); };
  if (!watch_.wait(lock, kHandover, deadline, here))
    return late("an arena was on its way from " + facts_.peer);
  if (auto refused = refusal()) return *std::move(refused);
  const auto found = handed_.find(id);
  if (found == handed_.end()) return peer_left();
  Handed& handed = found->second;
  if (auto imported = handed.imported.lock()) return imported;
  if (!handed.file)
    return problem(GENIE_FAILED_PRECONDITION, kOperation,
                   "arena: this arena of " + facts_.peer + " was imported before and let go");
  if (handed.size != size)
    return problem(GENIE_INVALID_ARGUMENT, kBrokenRules,
                   "arena: " + facts_.peer + " described an arena with another size than it handed over");
  auto memory = Arena::adopt(std::move(handed.file), size);
  if (!memory) return std::move(memory).error();
  std::shared_ptr<datapath::RemoteRegion> region = std::make_shared<SharedRegion>(*std::move(memory));
  handed.imported = region;
  return region;
}

Expected<datapath::Transfer> ArenaConnection::copy(const datapath::Remote& remote,
                                                   const datapath::Local& local, bool out,
                                                   Deadline deadline) {
  const auto there =
      remote.region ? remote.region->shared().part(remote.offset, local.memory.size) : std::nullopt;
  if (!there)
    return problem(GENIE_INVALID_ARGUMENT, kOperation,
                   "arena: " + std::to_string(local.memory.size) + " bytes at " +
                       std::to_string(remote.offset) + " do not lie inside the peer's region");
  const auto theirs = there->bytes();
  const auto ours = local.memory.bytes();
  if (theirs.size() != ours.size())
    return problem(GENIE_UNIMPLEMENTED, kOperation,
                   "arena: the CPU cannot copy between these kinds of memory");
  {
    const Lock lock(watch_.mutex());
    if (auto refused = refusal()) return *std::move(refused);
    if (ended_) return peer_left();
    ++traffic_.transfers;
    (out ? traffic_.bytes_written : traffic_.bytes_read) += ours.size();
  }
  // Without the lock: a copy of many bytes stops nobody. (Tensors of size 0 have no address.)
  if (!ours.empty())
    std::memcpy(out ? theirs.data() : ours.data(), out ? ours.data() : theirs.data(), ours.size());
  auto state = std::make_shared<datapath::Transfer::State>();
  state->deadline = deadline;
  return datapath::Transfer(std::move(state));
}

Expected<datapath::Transfer> ArenaConnection::write(const datapath::Local& from, const datapath::Remote& to,
                                                    Deadline deadline) {
  return copy(to, from, true, deadline);
}

Expected<datapath::Transfer> ArenaConnection::read(const datapath::Remote& from, const datapath::Local& to,
                                                   Deadline deadline) {
  return copy(from, to, false, deadline);
}

Outcome ArenaConnection::wait(const datapath::Transfer&) {
  const Lock lock(watch_.mutex());
  if (failure_) return *failure_;
  return Done{};  // it was complete when it began
}

Outcome ArenaConnection::send(std::span<const std::byte> message, Deadline deadline) {
  if (message.size() > kMaxMessage)
    return problem(GENIE_INVALID_ARGUMENT, kOperation,
                   "arena: a message of " + std::to_string(message.size()) + " bytes is longer than " +
                       std::to_string(kMaxMessage));
  Lock lock(watch_.mutex());
  RingState room = RingState::nothing;
  const auto done = [&] {
    room = channel_.out().room_for(message.size());
    return refusal() || peer_is_done() || room != RingState::nothing;
  };
  if (!watch_.wait(lock, kRoom, deadline, done)) return late(facts_.peer + " made no room for a message");
  if (auto refused = refusal()) return *std::move(refused);
  if (peer_is_done()) return peer_left();
  if (room == RingState::broken) {
    give_up(broken("claims to have read what was never written"));
    return *failure_;
  }
  channel_.out().push(message);
  ++traffic_.messages_sent;
  traffic_.message_bytes_sent += message.size();
  ring_for(kMessage);
  return Done{};
}

Expected<datapath::Message> ArenaConnection::receive(Deadline deadline) {
  Lock lock(watch_.mutex());
  const auto done = [&] {
    return refusal() || peer_is_done() || channel_.in().available() != RingState::nothing;
  };
  if (!watch_.wait(lock, kMessage, deadline, done))
    return late("a message of " + facts_.peer + " was awaited");
  if (auto refused = refusal()) return *std::move(refused);
  datapath::Message message;
  // What was sent before the end still arrives.
  switch (channel_.in().pop(message)) {
    case RingState::nothing:
      return peer_left();
    case RingState::broken:
      give_up(broken("announced a message that cannot be"));
      return *failure_;
    case RingState::something:
      break;
  }
  ++traffic_.messages_received;
  traffic_.message_bytes_received += message.size();
  ring_for(kRoom);
  return message;
}

void ArenaConnection::fail(genie::Error why) {
  const Lock lock(watch_.mutex());
  give_up(std::move(why));
}

Outcome ArenaConnection::close(Deadline deadline) {
  Lock lock(watch_.mutex());
  if (!std::exchange(closing_, true)) {
    channel_.mine().closed.store(1);
    socket_.ring();
    watch_.stir();
    watch_.tell();
  }
  if (failure_) return *failure_;
  const auto done = [&] { return failure_.has_value() || peer_is_done(); };
  const bool let_go = watch_.wait(lock, kMessage, deadline, done);
  if (failure_) return *failure_;
  if (!let_go) return late(facts_.peer + " was to let go of the connection");
  return Done{};
}

}  // namespace genie::arena
