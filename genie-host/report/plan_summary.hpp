// What plan_text and plan_json both show, gathered once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"
#include "plan_text.hpp"

namespace genie::report {

struct PortSummary {
  std::string name;
  std::string type;  ///< "f32[batch, 384]", "int", or "None"
};

struct StageSummary {
  std::string id;
  std::string device;
  std::string kernels;
  std::size_t nodes = 0;
  std::size_t recomputed = 0;
  std::uint64_t weight_bytes = 0;  ///< distinct weights its nodes use
  std::string modules;
};

struct MethodSummary {
  std::string name;
  std::size_t nodes = 0;
  std::vector<PortSummary> inputs;
  std::vector<PortSummary> outputs;
  std::vector<std::string> writes;  ///< states
  std::vector<StageSummary> stages;
  std::vector<plan::Transfer> transfers;
  std::optional<plan::Predicted> predicted;
};

struct WeightSummary {
  std::string name;
  std::string type;
  std::uint64_t bytes = 0;
  std::vector<std::string> devices;
};

struct SymbolSummary {
  std::string id;
  std::string name;    ///< the user's, or the id
  std::string bounds;  ///< "1 … 64", "2 or more"
  std::optional<std::int64_t> assumed;
};

struct NodeSummary {
  std::string method;
  std::string id;
  std::string op;
  std::string arguments;
  std::string results;  ///< "v4: f32[batch, 384]"
  std::string types;    ///< the same without ids
  std::string scope;
  std::string source;  ///< "modeling_bert.py:184"
  std::string stage;
  std::string device;
  std::string phase;
  std::string role;
};

struct PlanSummary {
  std::string id;
  std::vector<MethodSummary> methods;
  std::vector<SymbolSummary> symbols;
  std::vector<WeightSummary> weights;  ///< largest first
  std::uint64_t weight_bytes = 0;
  std::uint64_t blob_bytes = 0;
  std::uint64_t state_bytes = 0;
  std::vector<NodeSummary> nodes;  ///< those that were asked for
};

/// "s0 on w0"; only "h1" where there was nothing to choose.
[[nodiscard]] std::string headline(const plan::Decision& decision);

[[nodiscard]] plan::Result<PlanSummary> summarize(const plan::Plan& plan, const PlanView& view);

}  // namespace genie::report
