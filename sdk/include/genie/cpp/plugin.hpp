// Registration: one macro makes the exported entry and the descriptor.
//
//   GENIE_PLUGIN("com.example.policy-round-robin", "1.0.0",
//                {GENIE_POLICY_V1, genie::policy_table<RoundRobin>()})
#pragma once

#include <cstdio>
#include <initializer_list>

#include "genie/cpp/core.hpp"

namespace genie {
inline namespace v1 {

struct Interface {
  std::string_view id;  ///< GENIE_POLICY_V1, …
  const void* table;
};

namespace detail {

constexpr std::uint32_t sanitizer() {
#if defined(__SANITIZE_ADDRESS__)
  return GENIE_SANITIZER_ADDRESS;
#elif defined(__SANITIZE_THREAD__)
  return GENIE_SANITIZER_THREAD;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  return GENIE_SANITIZER_ADDRESS;
#elif __has_feature(thread_sanitizer)
  return GENIE_SANITIZER_THREAD;
#elif __has_feature(memory_sanitizer)
  return GENIE_SANITIZER_MEMORY;
#else
  return GENIE_SANITIZER_NONE;
#endif
#else
  return GENIE_SANITIZER_NONE;
#endif
}

inline const genie_plugin_desc* refuse(genie_plugin_out* out, std::uint32_t code, const char* text) noexcept {
  if (out && out->struct_size >= sizeof(genie_plugin_out)) {
    out->code = code;
    std::snprintf(out->text, sizeof out->text, "%s", text);
  }
  return nullptr;
}

}  // namespace detail
}  // namespace v1
}  // namespace genie

#ifdef __clang__
#define GENIE_COMPILER "clang " __clang_version__
#else
#define GENIE_COMPILER "gcc " __VERSION__
#endif
/// What the plug-in was built with, one line for a person. Define it before this header to name libraries too.
#ifndef GENIE_BUILD_LINE
#define GENIE_BUILD_LINE GENIE_COMPILER
#endif

/// id, version, then one or more {interface id, table}.
#define GENIE_PLUGIN(plugin_id, plugin_version, ...)                                                     \
  extern "C" GENIE_EXPORT const genie_plugin_desc* genie_plugin_v1(const genie_plugin_in* in,            \
                                                                   genie_plugin_out* out) noexcept {     \
    if (!in || in->struct_size < sizeof(genie_plugin_in) || in->abi_major != GENIE_ABI_MAJOR)            \
      return genie::detail::refuse(                                                                      \
          out, GENIE_INCOMPATIBLE,                                                                       \
          "this plug-in and the host have different ABI majors: rebuild the plug-in with "               \
          "the host's SDK");                                                                             \
    static const genie_plugin_desc description = {                                                       \
        GENIE_PLUGIN_MAGIC,                                                                              \
        sizeof(genie_plugin_desc),                                                                       \
        GENIE_ABI_MAJOR,                                                                                 \
        GENIE_ABI_TARGET_MINOR,                                                                          \
        GENIE_ABI_TARGET_MINOR,                                                                          \
        genie::detail::sanitizer(),                                                                      \
        genie::str(plugin_id),                                                                           \
        genie::str(plugin_version),                                                                      \
        genie::str(GENIE_BUILD_LINE),                                                                    \
        [](genie_str wanted) noexcept -> const void* {                                                   \
          for (const genie::Interface& interface : std::initializer_list<genie::Interface>{__VA_ARGS__}) \
            if (interface.id == genie::view(wanted)) return interface.table;                             \
          return nullptr;                                                                                \
        }};                                                                                              \
    return &description;                                                                                 \
  }
