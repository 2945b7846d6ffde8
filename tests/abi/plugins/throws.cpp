// A plug-in whose entry lets an exception out, which its noexcept type forbids (A11).
#include <stdexcept>

#include "genie/genie.h"

static const genie_plugin_desc* fall_over() {
  throw std::runtime_error("out of the entry");
}

extern "C" GENIE_EXPORT const genie_plugin_desc* genie_plugin_v1(const genie_plugin_in*,
                                                                 genie_plugin_out*) noexcept {
  return fall_over();
}
