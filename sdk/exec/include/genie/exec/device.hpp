// An emulated device: a budget, the kernels devices opened for it, and the weights resident there.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "genie/exec/blob.hpp"
#include "genie/exec/budget.hpp"
#include "genie/plan/topology.hpp"

namespace genie::exec {

/// What the run report counts. One lock guards them.
class Counters {
 public:
  void add(std::string_view name, std::uint64_t amount) {
    const std::lock_guard hold(lock_);
    values_[std::string(name)] += amount;
  }
  [[nodiscard]] std::map<std::string, std::uint64_t> all() const {
    const std::lock_guard hold(lock_);
    return values_;
  }

 private:
  mutable std::mutex lock_;
  std::map<std::string, std::uint64_t> values_;
};

/// A kernels plug-in's device, opened for one device. Closed when it goes, after everything made on it.
class KernelsDevice {
 public:
  KernelsDevice(genie::Host host, genie_kernels_ref kernels, genie_device* device, std::int32_t memory_kind,
                bool copies_weights)
      : host_(host),
        kernels_(kernels),
        device_(device),
        memory_kind_(memory_kind),
        copies_weights_(copies_weights) {}
  KernelsDevice(const KernelsDevice&) = delete;
  ~KernelsDevice() { kernels_.table->close(device_); }

  [[nodiscard]] const genie_kernels_v1& table() const { return *kernels_.table; }
  [[nodiscard]] genie_device* device() const { return device_; }
  [[nodiscard]] genie::Host host() const { return host_; }
  /// GENIE_DEVICE_* of the memory it allocates.
  [[nodiscard]] std::int32_t memory_kind() const { return memory_kind_; }
  /// Whether compile may keep copies of weights, and so must be told what room there is.
  [[nodiscard]] bool copies_weights() const { return copies_weights_; }
  /// A counter of its own; 0 if it has none of that name.
  [[nodiscard]] std::uint64_t counter(std::string_view name) const;

 private:
  genie::Host host_;
  genie_kernels_ref kernels_;
  genie_device* device_;
  std::int32_t memory_kind_;
  bool copies_weights_;
};

/// A blob resident on a device for one or more programs: mapped, claimed from the budget, put into the kernels.
class ResidentWeight {
 public:
  ResidentWeight(Blob blob, Claim claim) : blob_(std::move(blob)), claim_(std::move(claim)) {}
  ResidentWeight(const ResidentWeight&) = delete;
  ~ResidentWeight();

  /// Puts it into these kernels unless it is there. On the worker: kernels take weights one at a time per device.
  [[nodiscard]] genie::Expected<genie_weight*> put(const genie::Call& call, KernelsDevice& kernels,
                                                   Counters& counters);

 private:
  Blob blob_;
  Claim claim_;
  std::vector<std::pair<KernelsDevice*, genie_weight*>> put_;
};

class Device {
 public:
  /// here: this process computes on it. One that is elsewhere has a name and a size and nothing more.
  explicit Device(plan::Device spec, bool here = true)
      : spec_(std::move(spec)), here_(here), budget_(spec_.id, spec_.memory_bytes) {}

  [[nodiscard]] bool here() const { return here_; }

  [[nodiscard]] const plan::Device& spec() const { return spec_; }
  [[nodiscard]] Budget& budget() { return budget_; }

  /// Opens a kernels plug-in's device at first use. On the worker.
  [[nodiscard]] genie::Expected<KernelsDevice*> open(genie::Host host, const genie::Call& call,
                                                     const std::string& plugin_id);
  /// The kernels that states are allocated with: the first opened; null when none is. [any-thread]
  [[nodiscard]] KernelsDevice* any_kernels() const;
  /// Maps and claims a blob at first use; shared while somebody holds it. On the worker.
  [[nodiscard]] genie::Expected<std::shared_ptr<ResidentWeight>> weight(const BlobSource& blobs,
                                                                        const genie::Call& call,
                                                                        const std::string& digest,
                                                                        const std::string& name);
  /// Whether a blob is resident for somebody, so that another program takes no more memory for it. On the worker.
  [[nodiscard]] bool holds(std::string_view digest) const;
  /// Claims what the kernels' copies of weights take now. After compiling, and after executables went. On the worker.
  [[nodiscard]] genie::Outcome claim_copies();
  /// What they take. On the worker.
  [[nodiscard]] std::uint64_t copied_bytes() const { return copies_.bytes(); }
  /// The kernels' own counters, as JSON objects. [any-thread]
  [[nodiscard]] std::vector<std::string> kernels_stats(genie::Host host) const;

 private:
  plan::Device spec_;
  const bool here_;
  Budget budget_;
  mutable std::mutex lock_;  // guards opened_
  std::vector<std::pair<std::string, std::unique_ptr<KernelsDevice>>> opened_;
  std::map<std::string, std::weak_ptr<ResidentWeight>, std::less<>> weights_;  // the worker's
  Claim copies_;                                                               // the worker's
};

using Devices = std::vector<std::shared_ptr<Device>>;

}  // namespace genie::exec
