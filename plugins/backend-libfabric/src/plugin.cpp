#include "genie/cpp/plugin.hpp"
#include "client/backend.hpp"
#include "worker/service.hpp"

GENIE_PLUGIN("org.genie.backend-libfabric", "0.1.0",
             {GENIE_BACKEND_V1, genie::backend_table<genie::remote::RemoteBackend>()},
             {GENIE_SERVICE_V1, genie::service_table<genie::remote::WorkerService>()})
