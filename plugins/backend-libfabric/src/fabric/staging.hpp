// Buffers for what cannot be registered: its bytes are copied into one of them, and leave from there.
#pragma once

#include <array>
#include <memory>

#include "../arena/arena.hpp"
#include "registration.hpp"

namespace genie::fabric {

/// A few registered buffers, made when they are first wanted. Not thread-safe: the connection's lock guards it.
class Staging {
 public:
  /// Of one buffer. All of them together stay far below what a user may lock without being asked (8 MiB).
  static constexpr std::uint64_t kBytes = 512 * 1024;

  struct Buffer {
    std::shared_ptr<arena::Arena> memory;
    std::shared_ptr<Registration> registration;
  };

  explicit Staging(const Endpoint& endpoint) : endpoint_(endpoint) {}

  /// A buffer that nobody else holds, beginning with a copy of these bytes, at most kBytes; null while there is none.
  [[nodiscard]] Expected<std::shared_ptr<const Buffer>> copy(const datapath::Memory& bytes);
  /// Buffers made so far.
  [[nodiscard]] std::uint64_t made() const { return made_; }

 private:
  const Endpoint& endpoint_;
  std::array<std::shared_ptr<const Buffer>, 4> buffers_;
  std::uint64_t made_ = 0;
};

}  // namespace genie::fabric
