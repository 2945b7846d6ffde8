// An emulated device: a budget, the kernels devices opened for it, and the weights resident there.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "budget.hpp"
#include "genie/plan/topology.hpp"

namespace genie::emulation {

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

/// A kernels plug-in's device, opened for one emulated device. Closed when it goes, after everything made on it.
class KernelsDevice {
 public:
  KernelsDevice(genie::Host host, genie_kernels_ref kernels, genie_device* device, std::int32_t memory_kind)
      : host_(host), kernels_(kernels), device_(device), memory_kind_(memory_kind) {}
  KernelsDevice(const KernelsDevice&) = delete;
  ~KernelsDevice() { kernels_.table->close(device_); }

  [[nodiscard]] const genie_kernels_v1& table() const { return *kernels_.table; }
  [[nodiscard]] genie_device* device() const { return device_; }
  [[nodiscard]] genie::Host host() const { return host_; }
  /// GENIE_DEVICE_* of the memory it allocates.
  [[nodiscard]] std::int32_t memory_kind() const { return memory_kind_; }

 private:
  genie::Host host_;
  genie_kernels_ref kernels_;
  genie_device* device_;
  std::int32_t memory_kind_;
};

/// A blob resident on a device for one or more programs: mapped, claimed from the budget, put into the kernels.
class ResidentWeight {
 public:
  ResidentWeight(genie::MappedBlob blob, Claim claim) : blob_(std::move(blob)), claim_(std::move(claim)) {}
  ResidentWeight(const ResidentWeight&) = delete;
  ~ResidentWeight();

  /// Puts it into these kernels unless it is there. On the worker: kernels take weights one at a time per device.
  [[nodiscard]] genie::Expected<genie_weight*> put(const genie::Call& call, KernelsDevice& kernels,
                                                   Counters& counters);

 private:
  genie::MappedBlob blob_;
  Claim claim_;
  std::vector<std::pair<KernelsDevice*, genie_weight*>> put_;
};

class EmulatedDevice {
 public:
  explicit EmulatedDevice(plan::Device spec)
      : spec_(std::move(spec)), budget_(spec_.id, spec_.memory_bytes) {}

  [[nodiscard]] const plan::Device& spec() const { return spec_; }
  [[nodiscard]] Budget& budget() { return budget_; }

  /// Opens a kernels plug-in's device at first use. On the worker.
  [[nodiscard]] genie::Expected<KernelsDevice*> open(genie::Host host, const genie::Call& call,
                                                     const std::string& plugin_id);
  /// The kernels that states are allocated with: the first opened; null when none is. [any-thread]
  [[nodiscard]] KernelsDevice* any_kernels() const;
  /// Maps and claims a blob at first use; shared while somebody holds it. On the worker.
  [[nodiscard]] genie::Expected<std::shared_ptr<ResidentWeight>> weight(genie::Host host,
                                                                        const genie::Call& call,
                                                                        const std::string& digest,
                                                                        const std::string& name);
  /// The kernels' own counters, as JSON objects. [any-thread]
  [[nodiscard]] std::vector<std::string> kernels_stats(genie::Host host) const;

 private:
  plan::Device spec_;
  Budget budget_;
  mutable std::mutex lock_;  // guards opened_
  std::vector<std::pair<std::string, std::unique_ptr<KernelsDevice>>> opened_;
  std::map<std::string, std::weak_ptr<ResidentWeight>> weights_;  // the worker's
};

}  // namespace genie::emulation
