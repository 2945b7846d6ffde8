// A plug-in library in this process: mapped, its entry called, its descriptor checked (A4–A8, A19). Used by the host, and by
// the child that probes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "genie/plan/result.hpp"
#include "genie/plugin.h"

namespace genie::plugin {

/// GENIE_SANITIZER_* of this binary.
[[nodiscard]] std::uint32_t host_sanitizer() noexcept;
/// "0.1.0"
[[nodiscard]] std::string_view host_version() noexcept;

/// What a checked descriptor says, copied.
struct Description {
  std::string id;
  std::string version;
  std::string build;
  std::uint32_t abi_minor_built = 0;
  std::uint32_t abi_minor_needed = 0;
};

class Library {
 public:
  /// RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE. GE0109 with the loader's own text, GE0110 no entry, GE0111 the entry refused,
  /// GE0112 ABI versions, GE0113 sanitizers, GE0114 a descriptor that makes no sense.
  [[nodiscard]] static plan::Result<Library> load(const std::filesystem::path& path);
  Library(Library&&) noexcept;
  Library& operator=(Library&&) noexcept;
  ~Library();  // stays mapped: NODELETE

  [[nodiscard]] const Description& description() const { return description_; }
  /// The plug-in's own table of an interface, or null. Use tables.hpp to get one that is safe to call.
  [[nodiscard]] const void* interface(std::string_view id) const;

 private:
  struct Handle;
  explicit Library(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
  Description description_;
  const genie_plugin_desc* desc_ = nullptr;
};

/// Judges what the entry returned. Separate from loading, so that it can be tested on any descriptor.
[[nodiscard]] plan::Result<Description> check_descriptor(const genie_plugin_desc* desc,
                                                         const genie_plugin_out& out, std::string_view file);

}  // namespace genie::plugin
