// Memory that a fabric may touch. Registering costs system calls and pins pages, so that it is done once: for an arena as long as it
// is exposed, for memory of others as long as its owner lives.
#pragma once

#include <list>
#include <memory>

#include "../datapath/memory.hpp"
#include "endpoint.hpp"

namespace genie::fabric {

/// What registered memory is for. Each includes those before it.
enum class Access : std::uint8_t {
  source,  ///< transfers read it, so that it may be read-only: weights and inputs are, in mapped files
  local,   ///< messages and transfers read and write it
  peer,    ///< the peer does, too
};

/// A registered run of memory.
class Registration {
 public:
  /// Null for a source that the provider refuses because nobody may write to it.
  [[nodiscard]] static Expected<std::shared_ptr<Registration>> make(const Endpoint& endpoint,
                                                                    datapath::Memory memory, Access access);

  [[nodiscard]] const datapath::Memory& memory() const { return memory_; }
  [[nodiscard]] Access access() const { return access_; }
  [[nodiscard]] void* local() const { return ::fi_mr_desc(region_.get()); }
  [[nodiscard]] std::uint64_t key() const { return ::fi_mr_key(region_.get()); }

 private:
  Registration(datapath::Memory memory, Access access, Handle<fid_mr> region)
      : memory_(memory), access_(access), region_(std::move(region)) {}
  datapath::Memory memory_;
  Access access_;
  Handle<fid_mr> region_;
};

/// Registrations of local memory for transfers. Not thread-safe: the connection's lock guards it.
///
/// An entry is valid as long as the owner that it was made for lives: an address that was freed and given out again has another
/// owner, and is registered anew.
class RegistrationCache {
 public:
  explicit RegistrationCache(const Endpoint& endpoint) : endpoint_(endpoint) {}

  /// A registration that covers the memory. Without an owner it is made for this one use. Null as from Registration::make().
  [[nodiscard]] Expected<std::shared_ptr<Registration>> of(const datapath::Local& local, Access access);
  /// Made so far.
  [[nodiscard]] std::uint64_t made() const { return made_; }

 private:
  static constexpr std::size_t kMost = 64;
  struct Entry {
    std::shared_ptr<Registration> registration;
    std::weak_ptr<const void> owner;
  };
  const Endpoint& endpoint_;
  std::list<Entry> entries_;  // the newest first
  std::uint64_t made_ = 0;
};

}  // namespace genie::fabric
