// The kernels plug-ins of a run, as backends ask for them by id (genie_host.kernels).
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "genie/host.h"

namespace genie::services {

/// Borrowed instances: whoever registers one keeps it alive while the registry is used. [any-thread]
class KernelsRegistry {
 public:
  void add(std::string id, genie_kernels_ref ref);
  [[nodiscard]] std::optional<genie_kernels_ref> find(std::string_view id) const;
  [[nodiscard]] std::vector<std::string> ids() const;

 private:
  mutable std::mutex mutex_;  // guards refs_
  std::map<std::string, genie_kernels_ref, std::less<>> refs_;
};

}  // namespace genie::services
