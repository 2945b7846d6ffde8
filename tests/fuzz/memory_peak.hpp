// How much memory a piece of work holds at most.
#pragma once

#include <cstddef>
#include <optional>

namespace genie::fuzz {

/// Counts what `operator new` hands out while it lives, in the whole program; one at a time.
class MemoryPeak {
 public:
  MemoryPeak();
  /// The most bytes held at once since construction, beyond those held then. Nothing under a sanitizer, whose own operators
  /// these would replace.
  [[nodiscard]] std::optional<std::size_t> bytes() const;

 private:
  std::size_t before_;
};

}  // namespace genie::fuzz
