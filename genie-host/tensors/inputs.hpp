// From the inputs that a run config names to tensors that fit a method of a plan.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "config/run_config.hpp"
#include "genie/plan/model.hpp"
#include "safetensors.hpp"
#include "tensor.hpp"

namespace genie::tensors {

/// Files that several inputs or steps name are opened once.
class FileCache {
 public:
  [[nodiscard]] plan::Result<const Safetensors*> safetensors(const std::string& path);
  /// `tensor` empty: an .npy file, or the tensor `fallback_name` of a .safetensors file. GE0731 for another kind of file.
  [[nodiscard]] plan::Result<Tensor> tensor(const std::string& path, const std::string& name,
                                            const std::string& fallback_name);

 private:
  std::map<std::string, Safetensors> files_;
};

/// What one step's inputs are: tensors, and references to outputs of earlier steps.
struct StepInputs {
  std::map<std::string, Tensor, std::less<>> tensors;
  std::map<std::string, config::OutputInput, std::less<>> references;
};

/// Loads and makes every input that the method has, and checks names, element types, ranks and fixed sizes against it. All
/// problems are reported, each with the config's pointer. Sizes that the plan leaves open are the engine's to check.
[[nodiscard]] plan::Result<StepInputs> load_inputs(const config::RunConfig& config,
                                                   const config::Inputs& inputs, const plan::Plan& plan,
                                                   std::string_view method, FileCache& files);

/// The method of that name; GE0710 with near misses and the names there are.
[[nodiscard]] plan::Result<const plan::Method*> find_method(const plan::Plan& plan, std::string_view name);

/// The declared type of a method's input or output: a tensor's, or that of the 0-d tensor that a number crosses as. Nothing
/// for an output that is a constant None or text.
[[nodiscard]] std::optional<plan::Value> port_type(const plan::Plan& plan, const plan::Graph& graph,
                                                   const plan::Port& port);

/// The number that a 0-d tensor of a real type holds.
[[nodiscard]] double number_of(const Tensor& tensor);

/// "f32[s77, 384]" with the user's names for symbols ("f32[batch, 384]"), or "int" for a number.
[[nodiscard]] std::string declared_type_text(const plan::Plan& plan, const plan::Value& value);

}  // namespace genie::tensors
