#include <algorithm>
#include <cstring>

#include "fabric_connection.hpp"

namespace genie::fabric {
namespace {

using datapath::Deadline;
using datapath::kBrokenRules;
using datapath::kOperation;
using datapath::problem;

constexpr std::size_t kBuffer = sizeof(MessageHeader) + kMaxMessage;
/// Beside the messages of the window: greeting, farewell, and words about room, of which at most two are unanswered.
constexpr std::size_t kReceives = kWindow + 8;
constexpr std::size_t kSends = 16;
/// How long a full queue is left alone before it is tried again.
constexpr auto kPatience = std::chrono::milliseconds(1);

std::shared_ptr<arena::Arena> make_buffers() {
  auto made = arena::Arena::create(datapath::MemoryKind::host, (kReceives + kSends) * kBuffer);
  if (!made) throw std::move(made).error();
  return *std::move(made);
}

}  // namespace

FabricConnection::FabricConnection(std::unique_ptr<Endpoint> endpoint, std::uint64_t id,
                                   datapath::WaitOptions options)
    : endpoint_(std::move(endpoint)),
      id_(id),
      anchor_(std::make_shared<Anchor>()),
      watch_(*this, options),
      buffers_(make_buffers()),
      registrations_(*endpoint_),
      staging_(*endpoint_) {
  const fi_info& info = endpoint_->info();
  facts_.path = endpoint_->provider().name;
  facts_.version = endpoint_->provider().version;
  facts_.peer = "a peer not yet met";
  facts_.max_transfer = std::max<std::uint64_t>(info.ep_attr->max_msg_size, 1);
  facts_.inline_size = info.tx_attr->inject_size > sizeof(MessageHeader)
                           ? info.tx_attr->inject_size - sizeof(MessageHeader)
                           : 0;
  facts_.max_message = std::min<std::uint64_t>(
      kMaxMessage, facts_.max_transfer - std::min<std::uint64_t>(facts_.max_transfer, sizeof(MessageHeader)));
  facts_.sleeps_on_fd = endpoint_->wait_descriptor() >= 0;
  facts_.ordered_after_writes = endpoint_->provider().sends_after_writes;
  if (endpoint_->provider().has_mode(FI_MR_LOCAL)) {
    auto made = Registration::make(*endpoint_, buffers_->memory(), Access::local);
    if (!made) throw std::move(made).error();
    buffers_registration_ = *std::move(made);
    ++traffic_.registrations;
  }
  for (std::size_t i = 0; i < kSends; ++i)
    free_sends_.push_back(i);
  for (std::size_t i = 0; i < kReceives; ++i)
    post_receive(i);
  if (failure_) throw *failure_;
  anchor_->connection = this;
}

void FabricConnection::post_receive(std::size_t buffer) {
  Operation& posted = operation();
  posted.what = Operation::What::receive;
  posted.buffer = buffer;
  const auto bytes = buffers_->bytes().subspan(buffer * kBuffer, kBuffer);
  const auto result = ::fi_recv(endpoint_->endpoint(), bytes.data(), bytes.size(),
                                buffers_registration_ ? buffers_registration_->local() : nullptr,
                                FI_ADDR_UNSPEC, &posted.context);
  if (result == 0) return;
  finish(posted);
  if (result == -FI_EAGAIN)
    unposted_receives_.push_back(buffer);
  else
    give_up(operation_problem("receiving from", result));
}

std::int64_t FabricConnection::post_message(Kind what, std::span<const std::byte> message, bool tracked) {
  if (free_sends_.empty()) return -FI_EAGAIN;
  const std::size_t buffer = free_sends_.back();
  const std::size_t size = sizeof(MessageHeader) + message.size();
  const auto bytes = buffers_->bytes().subspan((kReceives + buffer) * kBuffer, size);
  MessageHeader header;
  header.id = peer_address_.id;
  header.room = room_owed_;
  header.number = next_out_;
  header.what = static_cast<std::uint8_t>(what);
  std::memcpy(bytes.data(), &header, sizeof header);
  if (!message.empty()) std::memcpy(bytes.data() + sizeof header, message.data(), message.size());
  std::int64_t result = 0;
  if (!tracked && size <= endpoint_->info().tx_attr->inject_size) {
    result = ::fi_inject(endpoint_->endpoint(), bytes.data(), size, peer_);
  } else {
    Operation& posted = operation();
    posted.what = Operation::What::send;
    posted.buffer = buffer;
    result =
        ::fi_send(endpoint_->endpoint(), bytes.data(), size,
                  buffers_registration_ ? buffers_registration_->local() : nullptr, peer_, &posted.context);
    if (result == 0) {
      free_sends_.pop_back();
      ++sends_;
    } else {
      finish(posted);
    }
  }
  if (result == 0) {
    room_owed_ = 0;
    if (what == Kind::message) ++next_out_;
  }
  return result;
}

void FabricConnection::pay_debts() {
  for (std::size_t left = unposted_receives_.size(); left > 0 && !failure_; --left) {
    const std::size_t buffer = unposted_receives_.front();
    unposted_receives_.erase(unposted_receives_.begin());
    post_receive(buffer);
  }
  if (failure_ || !greeted_ || peer_left_) return;
  if (room_owed_ >= kWindow / 2) {
    const auto result = post_message(Kind::room, {}, false);
    if (result != 0 && result != -FI_EAGAIN) give_up(operation_problem("a word about room to", result));
  }
}

void FabricConnection::arrived(std::size_t buffer, std::size_t size) {
  const auto bytes = buffers_->bytes().subspan(buffer * kBuffer, std::min(size, kBuffer));
  MessageHeader header;
  if (bytes.size() >= sizeof header) std::memcpy(&header, bytes.data(), sizeof header);
  // Without the number that went over the control channel it is not from our peer, whoever it is.
  if (header.id == id_ && size <= kBuffer) believe(header, bytes.subspan(sizeof header));
  post_receive(buffer);
}

void FabricConnection::believe(const MessageHeader& header, std::span<const std::byte> message) {
  const auto broken = [&](std::string_view how) {
    give_up(
        problem(GENIE_DATA_LOSS, kBrokenRules, facts_.path + ": " + facts_.peer + " " + std::string(how)));
  };
  const std::uint64_t room = std::uint64_t{room_at_peer_} + header.room;
  if (room > peer_address_.window) return broken("claims to have taken more messages than were sent");
  room_at_peer_ = static_cast<std::uint32_t>(room);
  switch (static_cast<Kind>(header.what)) {
    case Kind::message:
      if (inbox_.size() + early_.size() >= kWindow ||
          static_cast<std::uint16_t>(header.number - next_in_) >= kWindow || early_.contains(header.number))
        return broken("sent more messages than there was room for");
      ++traffic_.messages_received;
      traffic_.message_bytes_received += message.size();
      early_.emplace(header.number, datapath::Message(message.begin(), message.end()));
      for (auto next = early_.find(next_in_); next != early_.end(); next = early_.find(++next_in_)) {
        inbox_.push_back(std::move(next->second));
        early_.erase(next);
      }
      return;
    case Kind::room:
      return;
    case Kind::greeting:
      greeted_ = true;
      return;
    case Kind::farewell:
      peer_left_ = true;
      return;
  }
  broken("sent a message of a kind that does not exist");
}

Outcome FabricConnection::post_until(Lock& lock, Kind what, std::span<const std::byte> message, bool tracked,
                                     Deadline deadline) {
  for (;;) {
    if (failure_) return *failure_;
    const auto result = post_message(what, message, tracked);
    if (result == 0) {
      watch_.stir();
      return Done{};
    }
    if (result != -FI_EAGAIN) {
      give_up(operation_problem("a message to", result));
      return *failure_;
    }
    if (datapath::Clock::now() >= deadline) return late("a message was sent to");
    const std::size_t before = sends_;
    (void)watch_.wait(lock, kCompletion, std::min(deadline, datapath::deadline_in(kPatience)),
                      [&] { return sends_ < before || failure_.has_value(); });
  }
}

Outcome FabricConnection::greet(const PeerAddress& peer, Deadline deadline) {
  const auto known = endpoint_->know(peer.name);
  if (!known) return known.error();
  Lock lock(watch_.mutex());
  peer_ = *known;
  peer_address_ = peer;
  facts_.peer = endpoint_->text(peer.name);
  facts_.max_message = std::min<std::uint64_t>(facts_.max_message, peer.largest_message);
  room_at_peer_ = peer.window;
  if (auto sent = post_until(lock, Kind::greeting, {}, true, deadline); !sent) return sent;
  // Both have come through: neither side goes away with a word that the other still waits for.
  const auto done = [&] { return failure_ || peer_left_ || (greeted_ && sends_ == 0); };
  if (!watch_.wait(lock, kArrival, deadline, done)) return late("a greeting was exchanged with");
  if (failure_) return *failure_;
  return Done{};
}

Outcome FabricConnection::send(std::span<const std::byte> message, Deadline deadline) {
  if (message.size() > facts_.max_message)
    return problem(GENIE_INVALID_ARGUMENT, kOperation,
                   facts_.path + ": a message of " + std::to_string(message.size()) +
                       " bytes is longer than " + std::to_string(facts_.max_message));
  Lock lock(watch_.mutex());
  // A message says that earlier writes are there. Where the provider does not keep that order, they are awaited.
  const std::uint64_t next_write = next_write_;
  const auto in_order = [&] {
    return facts_.ordered_after_writes || writes_.empty() || *writes_.begin() >= next_write;
  };
  const auto ready = [&] { return refusal() || (room_at_peer_ > 0 && in_order()); };
  if (!watch_.wait(lock, kArrival, deadline, ready)) return late("room for a message was awaited at");
  if (auto refused = refusal()) return *std::move(refused);
  --room_at_peer_;
  if (auto sent = post_until(lock, Kind::message, message, false, deadline); !sent) {
    ++room_at_peer_;
    return sent;
  }
  ++traffic_.messages_sent;
  traffic_.message_bytes_sent += message.size();
  return Done{};
}

Expected<datapath::Message> FabricConnection::receive(Deadline deadline) {
  Lock lock(watch_.mutex());
  const auto done = [&] { return !inbox_.empty() || failure_ || closing_ || peer_left_; };
  if (!watch_.wait(lock, kArrival, deadline, done)) return late("a message was awaited from");
  if (failure_) return *failure_;
  if (inbox_.empty()) return *refusal();
  datapath::Message message = std::move(inbox_.front());
  inbox_.pop_front();
  ++room_owed_;
  pay_debts();
  return message;
}

Outcome FabricConnection::close(Deadline deadline) {
  Lock lock(watch_.mutex());
  if (!std::exchange(closing_, true)) {
    watch_.tell();
    const auto idle = [&] { return failure_ || (moves_ == 0 && sends_ == 0); };
    if (!watch_.wait(lock, kCompletion, deadline, idle))
      return late("unfinished operations were awaited from");
    if (failure_) return *failure_;
    if (auto sent = post_until(lock, Kind::farewell, {}, true, deadline); !sent) return sent;
  }
  const auto parted = [&] { return failure_ || (peer_left_ && sends_ == 0); };
  if (!watch_.wait(lock, kArrival, deadline, parted)) return late("a farewell was awaited from");
  if (failure_) return *failure_;
  return Done{};
}

}  // namespace genie::fabric
