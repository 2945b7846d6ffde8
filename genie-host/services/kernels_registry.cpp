#include "services/kernels_registry.hpp"

#include <utility>

namespace genie::services {

void KernelsRegistry::add(std::string id, genie_kernels_ref ref) {
  const std::lock_guard lock(mutex_);
  refs_.insert_or_assign(std::move(id), ref);
}

std::optional<genie_kernels_ref> KernelsRegistry::find(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto found = refs_.find(id);
  if (found == refs_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> KernelsRegistry::ids() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, ref] : refs_)
    ids.push_back(id);
  return ids;
}

}  // namespace genie::services
