// Members of a plan document that few readers need. The model keeps them with the unknown ones; these functions read and
// write them there.
#pragma once

#include <cstdint>
#include <optional>

#include "genie/plan/model.hpp"

namespace genie::plan {

/// Which of a step's random sequences a node draws from: its number among the drawing nodes of its method, in the program's
/// order. Sequence 0 is the one that seeding the framework gives.
[[nodiscard]] std::optional<std::uint64_t> rng_stream(const Node& node);
void set_rng_stream(Node& node, std::uint64_t stream);

/// The number that an input was fixed at when the model was exported: int, float or bool. Such an input may be left out.
[[nodiscard]] std::optional<Arg> constant(const Port& input);
/// `number` is an int, float or bool.
void set_constant(Port& input, const Arg& number);

/// Whether the framework would track gradients of a stage's input: a view of a parameter that another stage made. No gradient is
/// ever computed, but torch chooses between algorithms by it.
[[nodiscard]] bool requires_grad(const Port& input);
void set_requires_grad(Port& input);

}  // namespace genie::plan
