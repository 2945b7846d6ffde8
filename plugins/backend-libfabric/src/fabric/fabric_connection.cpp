#include "fabric_connection.hpp"

#include <algorithm>

#include "../arena/socket.hpp"

namespace genie::fabric {
namespace {

using datapath::Deadline;
using datapath::kBrokenRules;
using datapath::kDeadline;
using datapath::kOperation;
using datapath::kPeerGone;
using datapath::problem;

/// How long a full queue is left alone before it is tried again, when no completion comes.
constexpr auto kPatience = std::chrono::milliseconds(1);
/// Bounds the looks at an endpoint that is closed: a peer that floods it does not keep us.
constexpr int kLastLooks = 64;
/// Bounds what is under way at once, whatever the provider allows.
constexpr std::size_t kMostMoves = 256;

class FabricRegion final : public datapath::Region {
 public:
  FabricRegion(std::shared_ptr<arena::Arena> memory, std::vector<std::byte> descriptor,
               std::shared_ptr<FabricConnection::Anchor> anchor, std::uint64_t exposure)
      : memory_(std::move(memory)),
        descriptor_(std::move(descriptor)),
        anchor_(std::move(anchor)),
        exposure_(exposure) {}
  ~FabricRegion() override {
    const std::lock_guard lock(anchor_->mutex);
    if (anchor_->connection != nullptr) anchor_->connection->withdraw(exposure_);
  }
  FabricRegion(const FabricRegion&) = delete;
  FabricRegion& operator=(const FabricRegion&) = delete;

  [[nodiscard]] const std::shared_ptr<arena::Arena>& arena() const override { return memory_; }
  [[nodiscard]] std::span<const std::byte> descriptor() const override { return descriptor_; }

 private:
  std::shared_ptr<arena::Arena> memory_;
  std::vector<std::byte> descriptor_;
  std::shared_ptr<FabricConnection::Anchor> anchor_;
  std::uint64_t exposure_;
};

class FabricRemote final : public datapath::RemoteRegion {
 public:
  explicit FabricRemote(const RegionDescriptor& descriptor) : descriptor_(descriptor) {}
  [[nodiscard]] datapath::MemoryKind kind() const override {
    return *datapath::memory_kind(descriptor_.kind);
  }
  [[nodiscard]] std::uint64_t size() const override { return descriptor_.size; }
  [[nodiscard]] datapath::Memory shared() const override { return {kind(), 0, 0}; }
  [[nodiscard]] const RegionDescriptor& descriptor() const { return descriptor_; }

 private:
  RegionDescriptor descriptor_;
};

}  // namespace

FabricConnection::~FabricConnection() {
  {
    const std::lock_guard lock(anchor_->mutex);
    anchor_->connection = nullptr;
  }
  // A last look: ofi_rxm over verbs does not survive being closed with arrivals that nobody has looked at.
  for (int i = 0; i < kLastLooks && look(); ++i) {
  }
  // What is under way ends before the memory it uses goes. Where registrations belong to the endpoint, they go before it.
  if (!endpoint_->provider().has_mode(FI_MR_ENDPOINT)) endpoint_->shut();
  operations_.clear();
  exposures_.clear();
}

datapath::Traffic FabricConnection::traffic() const {
  const std::lock_guard lock(watch_.mutex());
  datapath::Traffic traffic = traffic_;
  traffic.registrations += registrations_.made() + staging_.made();
  return traffic;
}

Expected<std::shared_ptr<datapath::Region>> FabricConnection::expose(std::shared_ptr<arena::Arena> memory,
                                                                     Deadline) {
  const Lock lock(watch_.mutex());
  if (auto refused = refusal()) return *std::move(refused);
  auto made = Registration::make(*endpoint_, memory->memory(), Access::peer);
  if (!made) return std::move(made).error();
  ++traffic_.registrations;
  const bool by_address = endpoint_->provider().has_mode(FI_MR_VIRT_ADDR);
  const RegionDescriptor descriptor{static_cast<std::uint8_t>(memory->kind()), memory->size(),
                                    by_address ? memory->memory().address : 0, (*made)->key()};
  const std::uint64_t exposure = next_exposure_++;
  exposures_.emplace(exposure, *std::move(made));
  exposed_.push_back(memory);
  return std::shared_ptr<datapath::Region>(
      std::make_shared<FabricRegion>(std::move(memory), encode(descriptor), anchor_, exposure));
}

void FabricConnection::withdraw(std::uint64_t exposure) {
  const Lock lock(watch_.mutex());
  exposures_.erase(exposure);
}

Expected<std::shared_ptr<datapath::RemoteRegion>> FabricConnection::import(
    std::span<const std::byte> descriptor, Deadline) {
  const auto decoded = decode_descriptor(descriptor);
  if (!decoded) return decoded.error();
  return std::shared_ptr<datapath::RemoteRegion>(std::make_shared<FabricRemote>(*decoded));
}

FabricConnection::Operation& FabricConnection::operation() {
  if (free_operations_.empty()) free_operations_.push_back(&operations_.emplace_back());
  Operation& taken = *free_operations_.back();
  free_operations_.pop_back();
  return taken;
}

std::int64_t FabricConnection::post_move(const std::shared_ptr<TransferState>& transfer,
                                         const datapath::Local& local,
                                         const std::shared_ptr<Registration>& registration,
                                         std::uint64_t address, std::uint64_t key) {
  Operation& posted = operation();
  posted.what = Operation::What::move;
  posted.transfer = transfer;
  posted.owner = local.owner;
  posted.registration = registration;
  const iovec here{reinterpret_cast<void*>(local.memory.address),
                   static_cast<std::size_t>(local.memory.size)};
  const fi_rma_iov there{address, static_cast<std::size_t>(local.memory.size), key};
  void* local_descriptor = registration ? registration->local() : nullptr;
  fi_msg_rma message{};
  message.msg_iov = &here;
  message.desc = &local_descriptor;
  message.iov_count = 1;
  message.addr = peer_;
  message.rma_iov = &there;
  message.rma_iov_count = 1;
  message.context = &posted.context;
  const bool delivered = transfer->order != 0 && endpoint_->provider().delivery_complete;
  const std::uint64_t flags = FI_COMPLETION | (delivered ? FI_DELIVERY_COMPLETE : 0);
  const auto result = transfer->order != 0 ? ::fi_writemsg(endpoint_->endpoint(), &message, flags)
                                           : ::fi_readmsg(endpoint_->endpoint(), &message, FI_COMPLETION);
  if (result == 0) {
    ++moves_;
    ++transfer->under_way;
  } else {
    posted.transfer = nullptr;
    finish(posted);
  }
  return result;
}

Expected<datapath::Transfer> FabricConnection::move(const datapath::Remote& remote,
                                                    const datapath::Local& local, bool out,
                                                    Deadline deadline) {
  const auto* region = dynamic_cast<const FabricRemote*>(remote.region.get());
  const std::uint64_t size = local.memory.size;
  if (region == nullptr || remote.offset > region->size() || size > region->size() - remote.offset)
    return problem(GENIE_INVALID_ARGUMENT, kOperation,
                   facts_.path + ": " + std::to_string(size) + " bytes at " + std::to_string(remote.offset) +
                       " do not lie inside the peer's region");
  auto state = std::make_shared<TransferState>();
  state->deadline = deadline;
  Lock lock(watch_.mutex());
  if (auto refused = refusal()) return *std::move(refused);
  ++traffic_.transfers;
  (out ? traffic_.bytes_written : traffic_.bytes_read) += size;
  std::shared_ptr<Registration> registration;
  bool staged = false;
  if (endpoint_->provider().has_mode(FI_MR_LOCAL) && size > 0) {
    auto found = registrations_.of(local, out ? Access::source : Access::local);
    if (!found) return std::move(found).error();
    registration = *std::move(found);
    staged = registration == nullptr;
    if (staged) traffic_.bytes_staged += size;
  }
  if (out && size > 0) {
    state->order = next_write_++;
    writes_.insert(state->order);
  }
  const RegionDescriptor& there = region->descriptor();
  for (std::uint64_t done = 0; done < size;) {
    const std::uint64_t length =
        std::min({size - done, facts_.max_transfer, staged ? Staging::kBytes : size});
    datapath::Local part{*local.memory.part(done, length), local.owner};
    std::int64_t result = -FI_EAGAIN;
    std::optional<genie::Error> refused = refusal();
    bool room = moves_ < kMostMoves;
    if (staged && !refused && room) {
      auto copied = staging_.copy(part.memory);
      if (!copied) refused = std::move(copied).error();
      room = copied && *copied != nullptr;
      if (room) {
        part = {*(*copied)->memory->memory().part(0, length), *copied};
        registration = (*copied)->registration;
      }
    }
    if (!refused && room)
      result = post_move(state, part, registration, there.base + remote.offset + done, there.key);
    if (result == 0) {
      done += length;
      continue;
    }
    if (!refused && result != -FI_EAGAIN) {
      refused = operation_problem(out ? "a write to" : "a read from", result);
      if (out) give_up(*refused);
    }
    // The queue is full: wait for room, which may come without a completion.
    if (!refused && datapath::Clock::now() >= deadline)
      refused = late(out ? "a write was begun to" : "a read was begun from");
    if (refused) {
      writes_.erase(state->under_way == 0 ? state->order : 0);
      state->all_posted = true;
      return *std::move(refused);
    }
    const std::size_t before = moves_;
    (void)watch_.wait(lock, kCompletion, std::min(deadline, datapath::deadline_in(kPatience)),
                      [&] { return moves_ < before || failure_.has_value(); });
  }
  state->all_posted = true;
  if (state->order != 0 && state->under_way == 0) writes_.erase(state->order);
  watch_.stir();
  return datapath::Transfer(std::move(state));
}

Expected<datapath::Transfer> FabricConnection::write(const datapath::Local& from, const datapath::Remote& to,
                                                     Deadline deadline) {
  return move(to, from, true, deadline);
}

Expected<datapath::Transfer> FabricConnection::read(const datapath::Remote& from, const datapath::Local& to,
                                                    Deadline deadline) {
  return move(from, to, false, deadline);
}

Outcome FabricConnection::wait(const datapath::Transfer& transfer) {
  const auto* state = dynamic_cast<const TransferState*>(transfer.state().get());
  if (state == nullptr)
    return problem(GENIE_INVALID_ARGUMENT, kOperation,
                   facts_.path + ": this transfer belongs to another connection");
  Lock lock(watch_.mutex());
  const auto done = [&] { return state->under_way == 0 || failure_.has_value(); };
  if (!watch_.wait(lock, kCompletion, state->deadline, done))
    return late(state->order != 0 ? "bytes were written to" : "bytes were read from");
  if (state->error) return *state->error;
  if (state->under_way != 0) return *failure_;
  return Done{};
}

void FabricConnection::fail(genie::Error why) {
  const Lock lock(watch_.mutex());
  give_up(std::move(why));
}

void FabricConnection::give_up(genie::Error why) {
  if (!failure_) failure_ = std::move(why);
  watch_.stir();
  watch_.tell();
}

std::optional<genie::Error> FabricConnection::refusal() const {
  if (failure_) return failure_;
  if (closing_)
    return problem(GENIE_FAILED_PRECONDITION, kPeerGone,
                   facts_.path + ": the connection to " + facts_.peer + " is closed");
  if (peer_left_) return peer_left();
  return std::nullopt;
}

genie::Error FabricConnection::peer_left() const {
  return problem(GENIE_UNAVAILABLE, kPeerGone, facts_.path + ": " + facts_.peer + " closed the connection");
}

genie::Error FabricConnection::late(std::string_view what) const {
  return problem(GENIE_DEADLINE_EXCEEDED, kDeadline,
                 facts_.path + ": the deadline passed while " + std::string(what) + " " + facts_.peer +
                     " (under way: " + std::to_string(moves_) + " transfers, " + std::to_string(sends_) +
                     " messages; room there for " + std::to_string(room_at_peer_) +
                     "; not taken here: " + std::to_string(inbox_.size()) + " and " +
                     std::to_string(early_.size()) + " that came early)");
}

genie::Error FabricConnection::operation_problem(std::string_view what, std::int64_t result) const {
  return fabric_problem(GENIE_UNAVAILABLE, kOperation,
                        facts_.path + ": " + std::string(what) + " " + facts_.peer + " failed", result);
}

}  // namespace genie::fabric
