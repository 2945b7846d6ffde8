// The executor (sdk/exec) under this plug-in's name: what runs stages is the same as on a real worker.
#pragma once

#include "genie/exec/program.hpp"
#include "genie/exec/session.hpp"
#include "genie/exec/stage_run.hpp"

namespace genie::emulation {

using namespace genie::exec;
using EmulatedDevice = exec::Device;

}  // namespace genie::emulation
