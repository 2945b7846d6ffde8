// Errors with a place in the user's model: from torch's exceptions and from what the compiler finds.
#pragma once

#include <c10/util/Exception.h>

#include <string>
#include <vector>

#include "genie/cpp/core.hpp"
#include "genie/plan/diagnostic.hpp"
#include "program.hpp"

namespace genie::kernels_aten {

namespace code {
inline constexpr const char* kOperatorFailed = "GE0630";
inline constexpr const char* kUnknownOperator = "GE0631";
inline constexpr const char* kNoCpuKernel = "GE0632";
inline constexpr const char* kArgument = "GE0633";
inline constexpr const char* kStageInput = "GE0634";
inline constexpr const char* kResults = "GE0635";
inline constexpr const char* kStageDocument = "GE0636";
inline constexpr const char* kWeight = "GE0637";
inline constexpr const char* kTorchVersion = "GE0638";
inline constexpr const char* kSize = "GE0639";
inline constexpr const char* kOption = "GE0640";
inline constexpr const char* kNumber = "GE0641";
inline constexpr const char* kMemory = "GE0642";
inline constexpr const char* kElementType = "GE0643";
}  // namespace code

/// A diagnostic about a node.
[[nodiscard]] plan::Diagnostic at_node(const NodePlace& place, std::string code, std::string message,
                                       std::string help);

/// The status of one or more diagnostics: the first one's text and node, all of them as JSON.
[[nodiscard]] Error error_of(std::uint32_t status, const plan::Diagnostics& diagnostics);
[[nodiscard]] Error error_of(std::uint32_t status, plan::Diagnostic diagnostic);

/// torch's own words about what went wrong: no C++ backtrace, no source positions of torch.
[[nodiscard]] std::string words_of(const c10::Error& error);
/// The canonical status of a torch exception.
[[nodiscard]] std::uint32_t status_of(const c10::Error& error);
/// True if torch could not get memory.
[[nodiscard]] bool is_out_of_memory(const c10::Error& error);

/// An operator refused or failed while running: names the node, what it was given, torch's reason and the remedy.
[[nodiscard]] Error operator_failed(const NodePlace& place, const c10::Error& error,
                                    const std::string& arguments);

/// Runs f; a torch exception becomes an Error that says what was being done.
template <class F>
auto with_torch(const char* doing, F&& f) -> decltype(f()) {
  try {
    return f();
  } catch (const c10::Error& error) {
    return Error{status_of(error), std::string(doing) + ": " + words_of(error), "torch"};
  }
}

}  // namespace genie::kernels_aten
