#include "genie/cpp/plugin.hpp"
#include "policy.hpp"

GENIE_PLUGIN("org.genie.policy-default", "0.1.0",
             {GENIE_POLICY_V1, genie::policy_table<genie::policy::DefaultPolicy>()})
