// The steps of a run config against a plan: their tensors, what they fetch, what they hand on to later steps.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/run_config.hpp"
#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"
#include "runtime/engine.hpp"
#include "tensors/inputs.hpp"

namespace genie::runtime {

/// One entry of the config's steps, which may stand for several steps of the session.
struct PreparedStep {
  const config::Step* config = nullptr;
  std::uint64_t first = 0;  ///< the session's number of its first repetition
  tensors::StepInputs inputs;
  std::vector<std::pair<std::string, genie_tensor_view>> views;  ///< of inputs.tensors
  std::vector<std::string> fetch;                                ///< outputs to bring here
};

/// Loads inputs, checks references between steps and `outputs.only`. `wanted` are names that the expected outputs have: they
/// are fetched beside `only`. All problems are reported, with the config's pointers.
[[nodiscard]] plan::Result<std::vector<PreparedStep>> prepare_steps(
    const config::RunConfig& config, const plan::Plan& plan,
    const std::set<std::string, std::less<>>& wanted);

/// The sizes of all inputs whose size is known beforehand.
[[nodiscard]] std::vector<MethodSizes> step_sizes(const plan::Plan& plan,
                                                  const std::vector<PreparedStep>& steps);

/// The step that a reference means when step `number` uses it.
[[nodiscard]] std::uint64_t referenced_step(const config::OutputInput& reference, std::uint64_t number);
/// Outputs of step `number` that later steps use, sorted.
[[nodiscard]] std::vector<std::string> kept_outputs(const std::vector<PreparedStep>& steps,
                                                    std::uint64_t number);
/// The last step that uses that output; `number` itself when none does.
[[nodiscard]] std::uint64_t last_use_of(const std::vector<PreparedStep>& steps, std::uint64_t number,
                                        std::string_view output);

}  // namespace genie::runtime
