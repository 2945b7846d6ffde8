#include "registration.hpp"

#include <sys/uio.h>

#include "../arena/socket.hpp"

namespace genie::fabric {
namespace {

using datapath::kSharedMemory;
using datapath::Memory;

std::optional<fi_hmem_iface> interface_of(datapath::MemoryKind kind) {
  switch (kind) {
    case datapath::MemoryKind::host:
      return FI_HMEM_SYSTEM;
  }
  return std::nullopt;
}

/// Access to more than is needed would do harm: read-only memory can be registered for nothing that writes to it.
std::uint64_t flags_of(Access access) {
  std::uint64_t flags = FI_WRITE;
  if (access >= Access::local) flags |= FI_SEND | FI_RECV | FI_READ;
  if (access >= Access::peer) flags |= FI_REMOTE_READ | FI_REMOTE_WRITE;
  return flags;
}

/// A key that no peer can guess, where the provider leaves the choice: as many bits as it takes.
std::uint64_t key_for(const fi_info& info) {
  const std::size_t bytes = info.domain_attr->mr_key_size;
  const std::uint64_t number = arena::random_number();
  return bytes >= sizeof number ? number : number & ((std::uint64_t{1} << (8 * bytes)) - 1);
}

bool covers(const Memory& outer, const Memory& inner) {
  return outer.kind == inner.kind && inner.address >= outer.address && inner.size <= outer.size &&
         inner.address - outer.address <= outer.size - inner.size;
}

}  // namespace

Expected<std::shared_ptr<Registration>> Registration::make(const Endpoint& endpoint, Memory memory,
                                                           Access access) {
  const auto kind = interface_of(memory.kind);
  const std::string what = endpoint.provider().name + ": cannot register " + std::to_string(memory.size) +
                           " bytes of " + std::string(name(memory.kind)) + " memory";
  if (!kind) return fabric_problem(GENIE_UNIMPLEMENTED, kSharedMemory, what, -FI_ENOSYS);
  const iovec range{reinterpret_cast<void*>(memory.address), static_cast<std::size_t>(memory.size)};
  fi_mr_attr attributes{};
  attributes.mr_iov = &range;
  attributes.iov_count = 1;
  attributes.access = flags_of(access);
  attributes.iface = *kind;
  int result = -FI_ENOKEY;
  fid_mr* region = nullptr;
  // A short key may be taken already; a few tries find a free one.
  for (int tries = 0; result == -FI_ENOKEY && tries < 16; ++tries) {
    if (!endpoint.provider().has_mode(FI_MR_PROV_KEY)) attributes.requested_key = key_for(endpoint.info());
    result = ::fi_mr_regattr(endpoint.domain(), &attributes, 0, &region);
  }
  // libfabric's own cache registers for writing in any case (FI_MR_CACHE_MAX_COUNT=0 turns it off).
  if (result == -FI_EFAULT && access == Access::source && memory.kind == datapath::MemoryKind::host)
    return std::shared_ptr<Registration>();
  if (result != 0)
    return fabric_problem(GENIE_RESOURCE_EXHAUSTED, kSharedMemory, what, result,
                          "RDMA needs lockable memory: raise the limit (ulimit -l), or use less");
  Handle<fid_mr> owned(region);
  if (endpoint.provider().has_mode(FI_MR_ENDPOINT)) {
    result = ::fi_mr_bind(region, &endpoint.endpoint()->fid, 0);
    if (result == 0) result = ::fi_mr_enable(region);
    if (result != 0) return fabric_problem(GENIE_RESOURCE_EXHAUSTED, kSharedMemory, what, result);
  }
  return std::shared_ptr<Registration>(new Registration(memory, access, std::move(owned)));
}

Expected<std::shared_ptr<Registration>> RegistrationCache::of(const datapath::Local& local, Access access) {
  entries_.remove_if([](const Entry& entry) { return entry.owner.expired(); });
  for (auto entry = entries_.begin(); local.owner && entry != entries_.end(); ++entry) {
    const bool same_owner =
        !entry->owner.owner_before(local.owner) && !local.owner.owner_before(entry->owner);
    if (!same_owner || entry->registration->access() < access ||
        !covers(entry->registration->memory(), local.memory))
      continue;
    entries_.splice(entries_.begin(), entries_, entry);
    return entry->registration;
  }
  auto made = Registration::make(endpoint_, local.memory, access);
  if (!made || *made == nullptr) return made;
  ++made_;
  if (local.owner) {
    entries_.push_front({*made, local.owner});
    if (entries_.size() > kMost) entries_.pop_back();
  }
  return made;
}

}  // namespace genie::fabric
