#include "provider.hpp"

#include <cstring>
#include <limits>

namespace genie::fabric {
namespace {

using datapath::kPathRefused;
using datapath::problem;

// The lowest version with all that is used here: memory attributes with kinds.
constexpr std::uint32_t kApiVersion = FI_VERSION(1, 9);

struct Wish {
  bool delivery_complete;
  bool sends_after_writes;
};

/// Best first. Without any of the two nobody could know when written bytes are there.
constexpr Wish kWishes[] = {{true, true}, {true, false}, {false, true}};

Info hints_for(const std::string& name, Wish wish) {
  Info hints((*library()).dupinfo(nullptr));
  if (!hints) throw std::bad_alloc();
  hints->caps = FI_MSG | FI_RMA;
  hints->mode = FI_CONTEXT | FI_CONTEXT2;
  hints->ep_attr->type = FI_EP_RDM;
  hints->domain_attr->mr_mode =
      FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY | FI_MR_ENDPOINT;
  // Whoever waits makes the progress, so no provider needs a thread. (One that sleeps may start one all the same.)
  hints->domain_attr->threading = FI_THREAD_SAFE;
  hints->domain_attr->control_progress = FI_PROGRESS_MANUAL;
  hints->domain_attr->data_progress = FI_PROGRESS_MANUAL;
  hints->domain_attr->resource_mgmt = FI_RM_ENABLED;
  const std::uint64_t order = FI_ORDER_SAS | (wish.sends_after_writes ? FI_ORDER_SAW : 0);
  hints->tx_attr->msg_order = order;
  hints->rx_attr->msg_order = order;
  if (wish.delivery_complete) hints->tx_attr->op_flags = FI_DELIVERY_COMPLETE;
  hints->fabric_attr->prov_name = ::strdup(name.c_str());
  return hints;
}

/// The first endpoint of exactly this provider: libfabric also offers it below layers that were not asked for.
Info first_of(fi_info* list, const std::string& name) {
  const Info all(list);
  for (fi_info* each = list; each != nullptr; each = each->next)
    if (each->fabric_attr->prov_name != nullptr && name == each->fabric_attr->prov_name)
      return Info((*library()).dupinfo(each));
  return nullptr;
}

std::string version_text(const fi_info& info) {
  const std::uint32_t loaded = (*library()).version();
  const std::uint32_t provider = info.fabric_attr->prov_version;
  return "libfabric " + std::to_string(FI_MAJOR(loaded)) + "." + std::to_string(FI_MINOR(loaded)) + ", " +
         info.fabric_attr->prov_name + " " + std::to_string(FI_MAJOR(provider)) + "." +
         std::to_string(FI_MINOR(provider));
}

/// The names under which a provider may carry reliable datagrams: by itself, or through ofi_rxm.
std::vector<std::string> names_of(std::string_view name) {
  std::vector<std::string> names{std::string(name)};
  if (name == "verbs" || name == "tcp") names.push_back(std::string(name) + ";ofi_rxm");
  return names;
}

/// Why nothing was found: whether the library knows the provider at all, and on which devices.
std::string reason(const std::string& name, const std::string& local_address, int result) {
  Info hints((*library()).dupinfo(nullptr));
  if (!hints) throw std::bad_alloc();
  const std::string core = name.substr(0, name.find(';'));
  hints->fabric_attr->prov_name = ::strdup(core.c_str());
  fi_info* found = nullptr;
  const bool known = (*library()).getinfo(kApiVersion, nullptr, nullptr, 0, hints.get(), &found) == 0;
  const Info all(found);
  if (!known) {
    if (core == "verbs")
      return "no RDMA device, or no verbs provider (ibv_devices lists devices; apt-get install "
             "ibverbs-providers)";
    return "this libfabric has no provider of this name that works here";
  }
  std::string devices;
  for (const fi_info* each = found; each != nullptr; each = each->next) {
    const std::string device = each->domain_attr->name;
    if (devices.find(device) == std::string::npos) devices += (devices.empty() ? "" : ", ") + device;
  }
  std::string text = "it has no reliable datagrams with remote memory access";
  if (!local_address.empty()) text += " on " + local_address;
  return text + " (its devices: " + devices + "): " + strerror_of(-result);
}

}  // namespace

Expected<Provider> find_provider(std::string_view name, const std::string& local_address) {
  if (!library())
    return problem(GENIE_UNAVAILABLE, kPathRefused, std::string(name) + ": " + library().error().message);
  int result = -FI_ENODATA;
  // Providers inside one host have no network address.
  const bool by_address = !local_address.empty() && name != "shm";
  for (const std::string& full : names_of(name)) {
    for (const Wish wish : kWishes) {
      const Info hints = hints_for(full, wish);
      fi_info* found = nullptr;
      result = (*library())
                   .getinfo(kApiVersion, by_address ? local_address.c_str() : nullptr, nullptr,
                            by_address ? FI_SOURCE | FI_NUMERICHOST : 0, hints.get(), &found);
      if (result != 0) continue;
      Info info = first_of(found, full);
      if (!info) {
        result = -FI_ENODATA;
        continue;
      }
      std::string version = version_text(*info);
      // Asked for per operation, where it is wanted.
      info->tx_attr->op_flags = 0;
      return Provider{std::move(info), full, std::move(version), wish.delivery_complete,
                      wish.sends_after_writes};
    }
  }
  return problem(GENIE_UNAVAILABLE, kPathRefused,
                 std::string(name) + ": " + reason(std::string(name), local_address, result));
}

std::vector<std::string> known_providers() {
  return {"verbs;ofi_rxm", "net", "tcp", "shm"};
}

Finding look_at(const std::string& provider, const std::string& local_address) {
  auto found = find_provider(provider, local_address);
  if (!found) return {provider, false, {}, {}, found.error().message};
  const fi_info& info = *found->info;
  const std::size_t largest = info.ep_attr->max_msg_size;
  std::string how =
      found->name + " on " + info.domain_attr->name + ", messages " +
      (largest == std::numeric_limits<std::size_t>::max() ? std::string("of any size")
                                                          : "up to " + std::to_string(largest) + " bytes") +
      ", keys of " + std::to_string(info.domain_attr->mr_key_size);
  return {provider, true, found->name, found->version, std::move(how)};
}

}  // namespace genie::fabric
