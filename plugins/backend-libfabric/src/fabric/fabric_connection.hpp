// The connection of the fabric paths. Private to this folder.
//
// One lock guards everything, libfabric's objects included (they are opened for use by one thread at a time). Whoever waits drives
// the completion queue, see datapath/watch.hpp.
//   fabric_connection.cpp  beginning and end, memory, transfers
//   fabric_messages.cpp    messages, room for them, the greeting
//   fabric_progress.cpp    completions
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>

#include "../datapath/watch.hpp"
#include "connection.hpp"
#include "peer_address.hpp"
#include "registration.hpp"
#include "staging.hpp"

namespace genie::fabric {

inline constexpr std::size_t kMaxMessage = 64 * 1024;
inline constexpr std::uint16_t kWindow = 16;

/// Before every message.
struct MessageHeader {
  std::uint64_t id = 0;    ///< of the end it is for
  std::uint32_t room = 0;  ///< messages that the sender has taken since it last said so
  std::uint16_t number =
      0;  ///< of messages, counted from 0 and over: long ones may arrive after later short ones
  std::uint8_t what = 0;  ///< one of Kind
  std::uint8_t reserved = 0;
};
static_assert(sizeof(MessageHeader) == 16);

enum class Kind : std::uint8_t { message = 1, room = 2, greeting = 3, farewell = 4 };

class FabricConnection final : public datapath::Connection, private datapath::Watched {
 public:
  /// Throws genie::Error where memory or descriptors are missing.
  FabricConnection(std::unique_ptr<Endpoint> endpoint, std::uint64_t id, datapath::WaitOptions options);
  ~FabricConnection() override;

  /// Meets the peer: a greeting each way, both arrived.
  [[nodiscard]] Outcome greet(const PeerAddress& peer, datapath::Deadline deadline);

  [[nodiscard]] const datapath::Facts& facts() const override { return facts_; }
  [[nodiscard]] datapath::Traffic traffic() const override;
  [[nodiscard]] Expected<std::shared_ptr<datapath::Region>> expose(std::shared_ptr<arena::Arena> memory,
                                                                   datapath::Deadline deadline) override;
  [[nodiscard]] Expected<std::shared_ptr<datapath::RemoteRegion>> import(
      std::span<const std::byte> descriptor, datapath::Deadline deadline) override;
  [[nodiscard]] Expected<datapath::Transfer> write(const datapath::Local& from, const datapath::Remote& to,
                                                   datapath::Deadline deadline) override;
  [[nodiscard]] Expected<datapath::Transfer> read(const datapath::Remote& from, const datapath::Local& to,
                                                  datapath::Deadline deadline) override;
  [[nodiscard]] Outcome wait(const datapath::Transfer& transfer) override;
  [[nodiscard]] Outcome send(std::span<const std::byte> message, datapath::Deadline deadline) override;
  [[nodiscard]] Expected<datapath::Message> receive(datapath::Deadline deadline) override;
  void fail(genie::Error why) override;
  Outcome close(datapath::Deadline deadline) override;

  /// Lets regions that outlive the connection know.
  struct Anchor {
    std::mutex mutex;
    FabricConnection* connection = nullptr;
  };
  /// [with the anchor's mutex] The peer may no longer reach this arena.
  void withdraw(std::uint64_t exposure);

 private:
  using Lock = std::unique_lock<std::mutex>;
  struct TransferState;
  /// What libfabric knows an operation by. Its first member is libfabric's own.
  struct Operation {
    fi_context2 context{};
    enum class What : std::uint8_t { receive, send, move } what = What::receive;
    std::size_t buffer = 0;  // of receives and sends
    std::shared_ptr<TransferState> transfer;
    std::shared_ptr<const void> owner;
    std::shared_ptr<Registration> registration;
  };

  bool look() override;
  bool before_sleep(unsigned interests) override;
  [[nodiscard]] bool moving() const override { return moves_ > 0; }
  void mend_descriptor() override;
  void after_sleep(short events) override;
  [[nodiscard]] int descriptor() const override { return endpoint_->wait_descriptor(); }

  // Completions.
  void completed(const fi_cq_msg_entry& entry);
  bool failed();
  void operation_failed(Operation& operation, const genie::Error& error);
  void finish(Operation& operation);
  void arrived(std::size_t buffer, std::size_t size);

  // Messages.
  void post_receive(std::size_t buffer);
  [[nodiscard]] std::int64_t post_message(Kind what, std::span<const std::byte> message, bool tracked);
  void pay_debts();
  void believe(const MessageHeader& header, std::span<const std::byte> message);
  [[nodiscard]] Outcome post_until(Lock& lock, Kind what, std::span<const std::byte> message, bool tracked,
                                   datapath::Deadline deadline);

  // Transfers.
  [[nodiscard]] Expected<datapath::Transfer> move(const datapath::Remote& remote,
                                                  const datapath::Local& local, bool out,
                                                  datapath::Deadline deadline);
  [[nodiscard]] std::int64_t post_move(const std::shared_ptr<TransferState>& transfer,
                                       const datapath::Local& local,
                                       const std::shared_ptr<Registration>& registration,
                                       std::uint64_t address, std::uint64_t key);
  [[nodiscard]] Operation& operation();

  // Ends.
  void give_up(genie::Error why);
  [[nodiscard]] std::optional<genie::Error> refusal() const;
  [[nodiscard]] genie::Error peer_left() const;
  [[nodiscard]] genie::Error late(std::string_view what) const;
  [[nodiscard]] genie::Error operation_problem(std::string_view what, std::int64_t result) const;

  // Memory that the peer could reach: a write of its that has begun goes on until the endpoint is closed. So this goes after that.
  std::vector<std::shared_ptr<arena::Arena>> exposed_;
  std::unique_ptr<Endpoint> endpoint_;
  const std::uint64_t id_;
  datapath::Facts facts_;
  std::shared_ptr<Anchor> anchor_;
  fi_addr_t peer_ = FI_ADDR_UNSPEC;
  std::vector<fi_cq_msg_entry>
      mended_;  // completions that came while the descriptor was mended; of the thread on watch
  PeerAddress peer_address_;
  mutable datapath::Watch watch_;

  // Under the watch's lock.
  std::shared_ptr<arena::Arena> buffers_;  // received messages first, then sent ones
  std::shared_ptr<Registration> buffers_registration_;
  RegistrationCache registrations_;
  Staging staging_;
  std::map<std::uint64_t, std::shared_ptr<Registration>> exposures_;
  std::uint64_t next_exposure_ = 1;
  std::deque<Operation> operations_;  // all there are; they never move
  std::vector<Operation*> free_operations_;
  std::vector<std::size_t> free_sends_;
  std::vector<std::size_t> unposted_receives_;
  std::deque<datapath::Message> inbox_;
  std::map<std::uint16_t, datapath::Message> early_;  // those that one still on its way comes before
  std::uint16_t next_in_ = 0;
  std::uint16_t next_out_ = 0;
  std::set<std::uint64_t> writes_;  // under way, by the order they began in
  std::uint64_t next_write_ = 1;
  std::size_t moves_ = 0;  // operations under way
  std::size_t sends_ = 0;  // likewise, with a completion to come
  std::uint32_t room_at_peer_ = 0;
  std::uint32_t room_owed_ = 0;  // messages taken since the peer was told
  bool greeted_ = false;
  bool peer_left_ = false;
  bool closing_ = false;
  std::optional<genie::Error> failure_;
  datapath::Traffic traffic_;
};

/// Interests of waits, for the watch.
inline constexpr unsigned kArrival = 1;
inline constexpr unsigned kCompletion = 2;

struct FabricConnection::TransferState final : datapath::Transfer::State {
  std::uint64_t order = 0;    ///< among writes; 0: a read
  std::size_t under_way = 0;  ///< operations
  bool all_posted = false;
  std::optional<genie::Error> error;
};

}  // namespace genie::fabric
