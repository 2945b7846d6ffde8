#include "connection.hpp"

#include "../arena/socket.hpp"
#include "fabric_connection.hpp"

namespace genie::fabric {
namespace {

using datapath::Deadline;
using datapath::kBrokenRules;
using datapath::problem;

class FabricEnd final : public datapath::End {
 public:
  FabricEnd(std::unique_ptr<FabricConnection> connection, std::vector<std::byte> address,
            std::string provider)
      : connection_(std::move(connection)), address_(std::move(address)), provider_(std::move(provider)) {}

  [[nodiscard]] std::span<const std::byte> address() const override { return address_; }

  [[nodiscard]] Expected<std::unique_ptr<datapath::Connection>> connect(
      std::span<const std::byte> peer_address, Deadline deadline) override {
    auto connection = std::exchange(connection_, nullptr);
    if (!connection)
      return problem(GENIE_FAILED_PRECONDITION, datapath::kOperation,
                     provider_ + ": this end has met its peer already");
    const auto peer = decode_address(peer_address);
    if (!peer) return peer.error();
    if (peer->provider != provider_)
      return problem(GENIE_INVALID_ARGUMENT, datapath::kPathRefused,
                     "this end uses " + provider_ + ", the peer uses another provider of libfabric");
    if (auto greeted = connection->greet(*peer, deadline); !greeted) return std::move(greeted).error();
    return std::unique_ptr<datapath::Connection>(std::move(connection));
  }

 private:
  std::unique_ptr<FabricConnection> connection_;
  std::vector<std::byte> address_;
  std::string provider_;
};

}  // namespace

Expected<std::unique_ptr<datapath::End>> open_end(std::string_view provider, const std::string& local_address,
                                                  datapath::WaitOptions options) {
  auto found = find_provider(provider, local_address);
  if (!found) return std::move(found).error();
  const std::string name = found->name;
  PeerAddress address;
  address.id = arena::random_number();
  address.largest_message = kMaxMessage;
  address.window = kWindow;
  address.virtual_addresses = found->has_mode(FI_MR_VIRT_ADDR);
  address.provider = name;
  auto endpoint = Endpoint::open(*std::move(found));
  if (!endpoint) return std::move(endpoint).error();
  auto own = (*endpoint)->name();
  if (!own) return std::move(own).error();
  address.name = *std::move(own);
  try {
    auto connection = std::make_unique<FabricConnection>(*std::move(endpoint), address.id, options);
    return std::unique_ptr<datapath::End>(
        std::make_unique<FabricEnd>(std::move(connection), encode(address), name));
  } catch (genie::Error& error) {
    return std::move(error);
  }
}

}  // namespace genie::fabric
