#include "genie/cpp/plugin.hpp"
#include "idle_kernels.hpp"

GENIE_PLUGIN("org.example.idle-kernels", "1.0.0",
             {GENIE_KERNELS_V1, genie::kernels_table<genie::bench::IdleKernels>()})
