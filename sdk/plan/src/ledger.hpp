// Bytes on each device while a method runs. Private to the library.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/schedule.hpp"
#include "placement.hpp"

namespace genie::plan::detail {

/// Weights and states that are on a device throughout: each blob once, each root state once.
[[nodiscard]] std::map<std::string, std::uint64_t, std::less<>> resident_bytes(const Plan& plan,
                                                                               const Schedule& schedule);

/// The most that the values a stage makes need at one time, freed at their last use (those that leave stay to the end).
[[nodiscard]] std::uint64_t peak_of_stage(const Placement& placement, std::uint32_t stage,
                                          const Bindings& sizes);

/// Memory over the course of a simulated call. Events come in causal order: what is freed at the same instant as something
/// is allocated is freed first only if it came first.
class Ledger {
 public:
  Ledger(const Placement& placement, const Schedule& schedule, const Bindings& sizes,
         std::uint32_t micro_batches = 1);

  void stage_starts(std::uint32_t stage);
  void stage_ends(std::uint32_t stage, std::uint32_t micro_batch = 0);
  /// Messages of a value between devices ("" is the client, which has no budget).
  void send_starts(std::uint32_t value, std::string_view to, std::uint32_t micro_batch = 0);
  void send_ends(std::uint32_t value, std::string_view from, std::uint32_t micro_batch = 0);

  /// Ends an instant: what it changed becomes a point of the device's curve.
  void close_instant(std::uint64_t at_ns);

  [[nodiscard]] Table<std::uint64_t> peaks() const;
  [[nodiscard]] Table<std::vector<MemoryPoint>> curves() &&;
  /// peak_of_stage of each stage.
  [[nodiscard]] const std::vector<std::uint64_t>& stage_peaks() const { return stage_peak_; }

 private:
  struct Holding {
    std::uint64_t bytes = 0;
    std::uint32_t uses = 0;  ///< stages here that still want it, and messages still to leave
    bool held = false;
  };
  struct Account {
    std::uint64_t now = 0;
    std::uint64_t peak = 0;
    std::uint64_t most = 0;  ///< of the instant
    bool changed = false;    ///< in the instant
    std::vector<MemoryPoint> curve;
  };
  struct Key {
    std::uint32_t device, storage;  ///< numbers; a storage is the value that owns it
    std::uint32_t micro_batch = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  [[nodiscard]] std::uint32_t device_number(std::string_view device);
  [[nodiscard]] Key key(std::uint32_t device, std::uint32_t value, std::uint32_t micro_batch) const;
  void hold(const Key& key, std::uint64_t bytes);
  void release(const Key& key);
  void grow(std::uint32_t device, std::uint64_t bytes);
  void shrink(std::uint32_t device, std::uint64_t bytes);
  void note(std::uint32_t device);

  const Placement* placement_;
  const Bindings* sizes_;
  std::map<std::string, std::uint32_t, std::less<>> numbers_;
  std::vector<std::uint32_t> stage_device_;
  std::vector<std::uint64_t> stage_peak_;
  std::vector<Account> accounts_;
  std::vector<std::uint32_t> changed_;  ///< devices whose accounts the instant changed
  std::map<Key, Holding> holdings_;
};

}  // namespace genie::plan::detail
