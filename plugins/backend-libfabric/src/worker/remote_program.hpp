// A client's prepared program on a worker: the executor's program, and per method which stages run here and where values go.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "genie/exec/session.hpp"
#include "genie/exec/stage_run.hpp"

namespace genie::remote {

using exec::Index;
using exec::kNone;

/// Messages of a method by where they start; stages that run here.
struct Routes {
  explicit Routes(const exec::CompiledMethod& method, const exec::Program& program);
  std::vector<std::vector<Index>> of_slot;  ///< messages per slot that they leave
  std::vector<std::vector<Index>> of_port;  ///< messages per input that they bring
  std::map<Index, std::vector<Index>> own;  ///< device here → its stages' places, in order
  std::map<Index, std::set<Index>>
      awaits;  ///< place of a stage → devices elsewhere that wait for it to be done
};

/// Blobs that stay in memory while somebody holds them.
using Pins = std::map<std::string, exec::Blob, std::less<>>;

/// Immutable: clients that prepare the same plan have one of them.
struct RemoteProgram {
  std::shared_ptr<exec::Program> program;
  std::map<std::string, Routes, std::less<>> routes;  ///< by method
};

/// A value that a step left on a device of this worker.
struct Kept {
  std::shared_ptr<exec::Session> session;
  exec::Tensor tensor;
  Index device = 0;
};

}  // namespace genie::remote
