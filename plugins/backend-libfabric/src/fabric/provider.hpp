// Which providers of libfabric can carry a data path here, and why the others cannot.
#pragma once

#include <string>
#include <vector>

#include "genie/cpp/core.hpp"
#include "handles.hpp"

namespace genie::fabric {

/// A provider that has everything a data path needs, with what it says about itself. Nothing of that is assumed.
struct Provider {
  Info info;
  std::string name;                 ///< as it calls itself: "net", "tcp;ofi_rxm"
  std::string version;              ///< "libfabric 1.17, net 117.0"
  bool delivery_complete = false;   ///< a completed write can mean: the bytes are there
  bool sends_after_writes = false;  ///< messages stay behind earlier writes

  [[nodiscard]] bool has_mode(std::uint64_t bit) const {
    return (static_cast<std::uint64_t>(info->domain_attr->mr_mode) & bit) != 0;
  }
};

/// Finds a provider by name ("verbs" and "tcp" include the layered "…;ofi_rxm"). `local_address`: the numeric address of this
/// machine that the peer reaches, empty for any; it chooses the device. UNAVAILABLE with the reason in one sentence.
[[nodiscard]] Expected<Provider> find_provider(std::string_view name, const std::string& local_address);

/// What was found out about one provider.
struct Finding {
  std::string path;  ///< the name that was asked for
  bool usable = false;
  std::string provider;  ///< as it calls itself: "tcp;ofi_rxm" for "tcp"
  std::string version;   ///< of that
  std::string why;       ///< what would be used and how, or why it cannot be
};

/// The providers that are chosen among, best first.
[[nodiscard]] std::vector<std::string> known_providers();

/// Looks whether one can be used.
[[nodiscard]] Finding look_at(const std::string& provider, const std::string& local_address);

}  // namespace genie::fabric
