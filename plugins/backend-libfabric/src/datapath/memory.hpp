// Memory as the data path sees it: a kind, an address of that kind, a size. Nothing here assumes that the CPU can reach it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace genie::datapath {

/// Where bytes live. The values travel between peers: they keep their numbers for ever.
enum class MemoryKind : std::uint8_t { host = 1 };

[[nodiscard]] constexpr std::string_view name(MemoryKind kind) {
  switch (kind) {
    case MemoryKind::host:
      return "host";
  }
  return "unknown";
}

/// The kind that a peer wrote as a number; none for one that this version does not know.
[[nodiscard]] constexpr std::optional<MemoryKind> memory_kind(std::uint8_t number) {
  if (number == static_cast<std::uint8_t>(MemoryKind::host)) return MemoryKind::host;
  return std::nullopt;
}

/// A run of bytes of one kind. Borrowed: whoever holds it knows the owner.
struct Memory {
  MemoryKind kind = MemoryKind::host;
  std::uint64_t address = 0;  ///< of its kind: what a pointer holds, for host memory
  std::uint64_t size = 0;     ///< bytes

  /// What the CPU can read and write; empty for a kind that it cannot reach.
  [[nodiscard]] std::span<std::byte> bytes() const {
    if (kind != MemoryKind::host || address == 0) return {};
    return {reinterpret_cast<std::byte*>(address), static_cast<std::size_t>(size)};
  }
  /// A part of it; none when it does not lie inside.
  [[nodiscard]] std::optional<Memory> part(std::uint64_t offset, std::uint64_t length) const {
    if (offset > size || length > size - offset) return std::nullopt;
    return Memory{kind, address + offset, length};
  }
};

/// Host memory that somebody else owns.
[[nodiscard]] inline Memory host_memory(std::span<std::byte> bytes) {
  return {MemoryKind::host, reinterpret_cast<std::uint64_t>(bytes.data()), bytes.size()};
}

/// Memory at this end of a transfer. The owner is held until the transfer is over, even one that nobody waits for any more;
/// null: the caller keeps the memory until the connection is closed.
struct Local {
  Memory memory;
  std::shared_ptr<const void> owner = nullptr;
};

}  // namespace genie::datapath
