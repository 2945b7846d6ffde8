// For the tests of what a plug-in never gives back: the host keeps it for ever, on purpose, and nothing points to it any longer.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define GENIE_LEAKS_ARE_CHECKED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GENIE_LEAKS_ARE_CHECKED 1
#endif
#endif

#ifdef GENIE_LEAKS_ARE_CHECKED
#include <sanitizer/lsan_interface.h>
#endif

namespace test {

/// While it lives, the leak checker does not report what this thread allocates.
#ifdef GENIE_LEAKS_ARE_CHECKED
using KeptForEver = __lsan::ScopedDisabler;
#else
struct KeptForEver {
  KeptForEver() {}
  ~KeptForEver() {}
};
#endif

}  // namespace test
