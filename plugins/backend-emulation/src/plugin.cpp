#include "genie/cpp/plugin.hpp"
#include "backend.hpp"

GENIE_PLUGIN("org.genie.backend-emulation", "0.1.0",
             {GENIE_BACKEND_V1, genie::backend_table<genie::emulation::EmulationBackend>()})
