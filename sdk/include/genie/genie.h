/* The whole stable plug-in ABI. */
#ifndef GENIE_GENIE_H
#define GENIE_GENIE_H

#include "genie/abi.h"
#include "genie/backend.h"
#include "genie/exec.h"
#include "genie/frontend.h"
#include "genie/host.h"
#include "genie/kernels.h"
#include "genie/observe.h"
#include "genie/plugin.h"
#include "genie/policy.h"
#include "genie/service.h"
#include "genie/status.h"
#include "genie/tensor.h"
#include "genie/types.h"

#endif
