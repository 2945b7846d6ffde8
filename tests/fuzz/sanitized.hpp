// Whether this is a build under AddressSanitizer, where everything takes more time and memory.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define GENIE_SANITIZED 1
#elif defined(__has_feature)
#define GENIE_SANITIZED __has_feature(address_sanitizer)
#else
#define GENIE_SANITIZED 0
#endif

namespace genie::fuzz {

inline constexpr bool kSanitized = GENIE_SANITIZED;

}  // namespace genie::fuzz
