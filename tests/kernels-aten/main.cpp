#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "values.hpp"

namespace kernels_test {

const genie_kernels_v1* plugin() {
  static const genie_kernels_v1* const table = load(GENIE_KERNELS_ATEN_LIBRARY);
  return table;
}

}  // namespace kernels_test
