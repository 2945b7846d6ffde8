/* Genie plug-in ABI: versions and the few macros that the other headers need.
 *
 * The headers in this folder are the stable boundary between genie-host and plug-ins. They are C11, compile as C++17 and
 * C++20, and include nothing but <stddef.h> and <stdint.h>. docs/plugin-abi.md tells the story; rule numbers (A1…) refer
 * to it.
 *
 * Versions (A4, A5): the same major loads. A plug-in states the minor it was built against and the minor it needs. While
 * the major is 0 the minors must be equal.
 */
#ifndef GENIE_ABI_H
#define GENIE_ABI_H

#include <stddef.h>
#include <stdint.h>

#define GENIE_ABI_MAJOR 0
#define GENIE_ABI_MINOR 1

/* Compile these headers as an older minor by defining GENIE_ABI_TARGET_MINOR before the first include: members added
 * later are then not declared (A3). */
#ifndef GENIE_ABI_TARGET_MINOR
#define GENIE_ABI_TARGET_MINOR GENIE_ABI_MINOR
#endif
#define GENIE_ABI_AT_LEAST(minor) (GENIE_ABI_TARGET_MINOR >= (minor))

#ifdef __cplusplus
#define GENIE_EXTERN_C_BEGIN extern "C" {
#define GENIE_EXTERN_C_END }
/* Part of every function pointer type: nothing throws across the boundary (A11). */
#define GENIE_NOEXCEPT noexcept
#define GENIE_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define GENIE_EXTERN_C_BEGIN
#define GENIE_EXTERN_C_END
#define GENIE_NOEXCEPT
#define GENIE_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* The one symbol a plug-in exports (A6, A7). */
#define GENIE_EXPORT __attribute__((visibility("default")))

/* True if a struct that another side filled is large enough to hold `member` (A3): ask before reading members that were
 * added after 1.0. */
#define GENIE_HAS(pointer, type, member) \
  ((pointer)->struct_size >= offsetof(type, member) + sizeof((pointer)->member))

#endif
