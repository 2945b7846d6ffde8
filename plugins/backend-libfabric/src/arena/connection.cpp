#include "connection.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

#include "../datapath/problem.hpp"
#include "../datapath/wire_bytes.hpp"
#include "arena_connection.hpp"

namespace genie::arena {
namespace {

using datapath::Deadline;
using datapath::kBrokenRules;
using datapath::problem;

// Each end's address begins with the path, so that two that mean different things notice. Both are versions of it.
constexpr std::string_view kWaits = "arena/1 waits ";
constexpr std::string_view kGoes = "arena/1 goes ";
constexpr std::size_t kNameSize = 32;

/// The first message each way: proof that both map the same memory.
constexpr std::string_view kProof = "genie arena";

class ArenaEnd final : public datapath::End {
 public:
  ArenaEnd(std::optional<Meeting> meeting, datapath::WaitOptions options)
      : meeting_(std::move(meeting)), options_(options) {
    datapath::Writer address;
    if (meeting_)
      address.text(kWaits).text(meeting_->name()).number(meeting_->secret());
    else
      address.text(kGoes);
    address_ = address.take();
  }

  [[nodiscard]] std::span<const std::byte> address() const override { return address_; }

  [[nodiscard]] Expected<std::unique_ptr<datapath::Connection>> connect(std::span<const std::byte> peer,
                                                                        Deadline deadline) override {
    if (std::exchange(used_, true))
      return problem(GENIE_FAILED_PRECONDITION, datapath::kOperation,
                     "arena: this end has met its peer already");
    auto connection = meeting_ ? wait_for_peer(peer, deadline) : go_to_peer(peer, deadline);
    if (!connection) return connection;
    if (auto sent = (*connection)->send(std::as_bytes(std::span(kProof)), deadline); !sent)
      return std::move(sent).error();
    auto proof = (*connection)->receive(deadline);
    if (!proof) return std::move(proof).error();
    if (!std::ranges::equal(*proof, std::as_bytes(std::span(kProof))))
      return problem(GENIE_DATA_LOSS, kBrokenRules,
                     "arena: the peer's first message is not the one that begins a connection");
    return connection;
  }

 private:
  using Made = Expected<std::unique_ptr<datapath::Connection>>;

  [[nodiscard]] Made make(Socket socket, std::shared_ptr<Arena> channel, unsigned mine) {
    try {
      return std::unique_ptr<datapath::Connection>(
          std::make_unique<ArenaConnection>(std::move(socket), std::move(channel), mine, options_));
    } catch (genie::Error& error) {
      return std::move(error);
    }
  }

  Made wait_for_peer(std::span<const std::byte> peer, Deadline deadline) {
    datapath::Reader reader(peer);
    const auto word = reader.bytes(kGoes.size());
    if (!reader.complete() || !std::ranges::equal(word, std::as_bytes(std::span(kGoes))))
      return problem(
          GENIE_INVALID_ARGUMENT, kBrokenRules,
          "arena: the peer's address has a form unknown here; both ends need the same version of the path");
    auto channel = Arena::create(datapath::MemoryKind::host, kChannelSize);
    if (!channel) return std::move(channel).error();
    auto socket = meeting_->accept(deadline);
    if (!socket) return std::move(socket).error();
    if (auto handed = socket->hand_over({0, (*channel)->size()}, (*channel)->file(), deadline); !handed)
      return std::move(handed).error();
    return make(*std::move(socket), *std::move(channel), 0);
  }

  Made go_to_peer(std::span<const std::byte> peer, Deadline deadline) {
    datapath::Reader reader(peer);
    const auto word = reader.bytes(kWaits.size());
    const auto name = reader.bytes(kNameSize);
    const auto secret = reader.number<std::uint64_t>();
    if (!reader.complete() || !std::ranges::equal(word, std::as_bytes(std::span(kWaits))))
      return problem(
          GENIE_INVALID_ARGUMENT, kBrokenRules,
          "arena: the peer's address has a form unknown here; both ends need the same version of the path");
    auto socket = go_to_meeting({reinterpret_cast<const char*>(name.data()), name.size()}, secret, deadline);
    if (!socket) return std::move(socket).error();
    auto taken = socket->await(deadline);
    if (!taken) return std::move(taken).error();
    if (taken->handover.id != 0 || taken->handover.size != kChannelSize)
      return problem(GENIE_DATA_LOSS, kBrokenRules,
                     "arena: the peer handed over another channel than this version's");
    auto channel = Arena::adopt(std::move(taken->file), kChannelSize);
    if (!channel) return std::move(channel).error();
    return make(*std::move(socket), *std::move(channel), 1);
  }

  std::optional<Meeting> meeting_;
  datapath::WaitOptions options_;
  std::vector<std::byte> address_;
  bool used_ = false;
};

}  // namespace

Expected<std::unique_ptr<datapath::End>> open_end(Role role, datapath::WaitOptions options) {
  std::optional<Meeting> meeting;
  if (role == Role::waits) {
    auto opened = Meeting::open();
    if (!opened) return std::move(opened).error();
    meeting = *std::move(opened);
  }
  return std::unique_ptr<datapath::End>(std::make_unique<ArenaEnd>(std::move(meeting), options));
}

}  // namespace genie::arena
