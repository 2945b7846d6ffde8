// An endpoint of libfabric with all that belongs to it. One for each connection: its keys reach the memory of that one peer only,
// and closing it revokes them.
#pragma once

#include <span>
#include <vector>

#include "handles.hpp"
#include "provider.hpp"

namespace genie::fabric {

/// A peer's address in the form of a provider.
inline constexpr std::size_t kMaxAddress = 256;

class Endpoint {
 public:
  /// Opens fabric, domain, address vector, completion queue and endpoint, and enables it.
  [[nodiscard]] static Expected<std::unique_ptr<Endpoint>> open(Provider provider);

  [[nodiscard]] const Provider& provider() const { return provider_; }
  [[nodiscard]] const fi_info& info() const { return *provider_.info; }
  [[nodiscard]] fid_domain* domain() const { return domain_.get(); }
  [[nodiscard]] fid_ep* endpoint() const { return endpoint_.get(); }
  [[nodiscard]] fid_cq* queue() const { return queue_.get(); }
  /// What a wait sleeps on; -1 where the provider has nothing.
  [[nodiscard]] int wait_descriptor() const { return wait_descriptor_; }
  /// Ends all that is under way; nothing of it touches memory afterwards.
  void shut() { endpoint_.reset(); }
  /// Whether nothing is waiting in the queue, so that the descriptor will tell of the next thing.
  [[nodiscard]] bool may_sleep() const;

  /// This endpoint's own address, as the provider writes it.
  [[nodiscard]] Expected<std::vector<std::byte>> name() const;
  /// Makes a peer known by the address it sent. Refuses what cannot be one of this provider.
  [[nodiscard]] Expected<fi_addr_t> know(std::span<const std::byte> address) const;
  /// For people: "fi_sockaddr_in://10.0.0.2:41234".
  [[nodiscard]] std::string text(std::span<const std::byte> address) const;

 private:
  Provider provider_;
  // Closed in the reverse of this order.
  Handle<fid_fabric> fabric_;
  Handle<fid_domain> domain_;
  Handle<fid_av> addresses_;
  Handle<fid_cq> queue_;
  Handle<fid_ep> endpoint_;
  int wait_descriptor_ = -1;
};

}  // namespace genie::fabric
