#include "endpoint.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace genie::fabric {
namespace {

using datapath::kBrokenRules;
using datapath::kPathRefused;
using datapath::problem;

constexpr std::size_t kQueueSize = 1024;

/// Whether these bytes can be an address of this form. Providers believe what they are given.
bool plausible(std::uint32_t format, std::span<const std::byte> address) {
  sa_family_t family = 0;
  if (address.size() >= sizeof family) std::memcpy(&family, address.data(), sizeof family);
  switch (format) {
    case FI_SOCKADDR_IN:
      return address.size() == sizeof(sockaddr_in) && family == AF_INET;
    case FI_SOCKADDR_IN6:
      return address.size() == sizeof(sockaddr_in6) && family == AF_INET6;
    case FI_SOCKADDR:
      return (address.size() == sizeof(sockaddr_in) && family == AF_INET) ||
             (address.size() == sizeof(sockaddr_in6) && family == AF_INET6);
    case FI_ADDR_STR:
      return !address.empty() && address.size() <= kMaxAddress && address.back() == std::byte{0};
    default:
      return !address.empty() && address.size() <= kMaxAddress;
  }
}

}  // namespace

Expected<std::unique_ptr<Endpoint>> Endpoint::open(Provider provider) {
  auto made = std::make_unique<Endpoint>();
  made->provider_ = std::move(provider);
  fi_info* const info = made->provider_.info.get();
  const auto refused = [&](const char* what, int result) {
    std::string help;
    if (made->provider_.name.starts_with("verbs"))
      help =
          "RDMA needs lockable memory (ulimit -l unlimited); small devices need FI_UNIVERSE_SIZE=16 in the "
          "environment";
    return fabric_problem(GENIE_UNAVAILABLE, kPathRefused, made->provider_.name + ": cannot open " + what,
                          result, std::move(help));
  };
  fid_fabric* fabric = nullptr;
  if (const int result = (*library()).fabric(info->fabric_attr, &fabric, nullptr); result != 0)
    return refused("the fabric", result);
  made->fabric_.reset(fabric);
  fid_domain* domain = nullptr;
  if (const int result = ::fi_domain(fabric, info, &domain, nullptr); result != 0)
    return refused("the domain", result);
  made->domain_.reset(domain);
  fi_av_attr av_attr{};
  av_attr.type = info->domain_attr->av_type == FI_AV_MAP ? FI_AV_MAP : FI_AV_TABLE;
  av_attr.count = 2;
  fid_av* addresses = nullptr;
  if (const int result = ::fi_av_open(domain, &av_attr, &addresses, nullptr); result != 0)
    return refused("an address vector", result);
  made->addresses_.reset(addresses);
  fi_cq_attr cq_attr{};
  cq_attr.size = kQueueSize;
  cq_attr.format = FI_CQ_FORMAT_MSG;
  cq_attr.wait_obj = FI_WAIT_FD;
  fid_cq* queue = nullptr;
  if (::fi_cq_open(domain, &cq_attr, &queue, nullptr) != 0) {
    // Not every provider can sleep.
    cq_attr.wait_obj = FI_WAIT_NONE;
    if (const int result = ::fi_cq_open(domain, &cq_attr, &queue, nullptr); result != 0)
      return refused("a completion queue", result);
  }
  made->queue_.reset(queue);
  fid_ep* endpoint = nullptr;
  if (const int result = ::fi_endpoint(domain, info, &endpoint, nullptr); result != 0)
    return refused("an endpoint", result);
  made->endpoint_.reset(endpoint);
  if (const int result = ::fi_ep_bind(endpoint, &addresses->fid, 0); result != 0)
    return refused("an endpoint", result);
  if (const int result = ::fi_ep_bind(endpoint, &queue->fid, FI_TRANSMIT | FI_RECV); result != 0)
    return refused("an endpoint", result);
  if (const int result = ::fi_enable(endpoint); result != 0) return refused("an endpoint", result);
  if (cq_attr.wait_obj == FI_WAIT_FD && ::fi_control(&queue->fid, FI_GETWAIT, &made->wait_descriptor_) != 0)
    made->wait_descriptor_ = -1;
  return made;
}

bool Endpoint::may_sleep() const {
  if (wait_descriptor_ < 0) return true;
  fid* waited = &queue_->fid;
  return ::fi_trywait(fabric_.get(), &waited, 1) == FI_SUCCESS;
}

Expected<std::vector<std::byte>> Endpoint::name() const {
  std::vector<std::byte> name(kMaxAddress);
  std::size_t size = name.size();
  if (const int result = ::fi_getname(&endpoint_->fid, name.data(), &size); result != 0)
    return fabric_problem(GENIE_UNAVAILABLE, kPathRefused, provider_.name + ": cannot say its own address",
                          result);
  name.resize(std::min(size, name.size()));
  return name;
}

Expected<fi_addr_t> Endpoint::know(std::span<const std::byte> address) const {
  if (!plausible(info().addr_format, address))
    return problem(GENIE_INVALID_ARGUMENT, kBrokenRules,
                   provider_.name + ": what the peer sent is no address of this provider");
  // Aligned as an address should be, and never read beyond its end.
  alignas(std::max_align_t) std::array<std::byte, kMaxAddress + 1> copy{};
  std::memcpy(copy.data(), address.data(), address.size());
  fi_addr_t known = FI_ADDR_UNSPEC;
  const int inserted = ::fi_av_insert(addresses_.get(), copy.data(), 1, &known, 0, nullptr);
  if (inserted != 1)
    return fabric_problem(GENIE_UNAVAILABLE, kPathRefused, provider_.name + ": cannot reach " + text(address),
                          inserted < 0 ? inserted : -FI_EINVAL);
  return known;
}

std::string Endpoint::text(std::span<const std::byte> address) const {
  alignas(std::max_align_t) std::array<std::byte, kMaxAddress + 1> copy{};
  std::memcpy(copy.data(), address.data(), std::min(address.size(), kMaxAddress));
  std::array<char, 256> text{};
  std::size_t size = text.size();
  const char* const made = ::fi_av_straddr(addresses_.get(), copy.data(), text.data(), &size);
  return made != nullptr ? std::string(made) : "a peer without a printable address";
}

}  // namespace genie::fabric
