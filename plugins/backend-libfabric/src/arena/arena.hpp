// An arena: memory of one kind that peers may reach. Host arenas are sealed memory files, so that one on the same host can map
// the very pages, and nobody can pull them away.
#pragma once

#include <memory>

#include "../datapath/fd.hpp"
#include "../datapath/memory.hpp"
#include "genie/cpp/core.hpp"

namespace genie::arena {

class Arena {
 public:
  /// New zeroed memory, all of it there: RESOURCE_EXHAUSTED now rather than a signal later. Sizes are rounded up to pages.
  [[nodiscard]] static Expected<std::shared_ptr<Arena>> create(datapath::MemoryKind kind, std::uint64_t size);
  /// Maps a memory file that a peer sent. Refused unless it has exactly this size and is sealed against shrinking and growing.
  [[nodiscard]] static Expected<std::shared_ptr<Arena>> adopt(datapath::Fd file, std::uint64_t size);

  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  [[nodiscard]] datapath::MemoryKind kind() const { return memory_.kind; }
  [[nodiscard]] std::uint64_t size() const { return memory_.size; }
  [[nodiscard]] datapath::Memory memory() const { return memory_; }
  /// What the CPU reaches of it; empty for kinds that it does not.
  [[nodiscard]] std::span<std::byte> bytes() const { return memory_.bytes(); }
  /// The memory file, for handing over; -1 for kinds that have none.
  [[nodiscard]] int file() const { return file_.get(); }

 private:
  Arena(datapath::Memory memory, datapath::Fd file) : memory_(memory), file_(std::move(file)) {}
  static Expected<std::shared_ptr<Arena>> map(datapath::Fd file, std::uint64_t size);

  datapath::Memory memory_;
  datapath::Fd file_;
};

}  // namespace genie::arena
