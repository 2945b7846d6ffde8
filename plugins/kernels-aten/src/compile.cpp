#include "compile.hpp"

#include <c10/core/CPUAllocator.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "block_compiler.hpp"
#include "exchange.hpp"
#include "failure.hpp"
#include "genie/plan/codec.hpp"
#include "genie/plan/index.hpp"
#include "genie/plan/optional_members.hpp"

namespace genie::kernels_aten {

namespace {

namespace arg = plan::arg;

plan::Diagnostic problem(const char* code, std::string message, std::string help, std::string pointer = {}) {
  plan::Diagnostic diagnostic;
  diagnostic.code = code;
  diagnostic.message = std::move(message);
  diagnostic.help = std::move(help);
  diagnostic.pointer = std::move(pointer);
  return diagnostic;
}

/// A weight as a view of its blob, with the storage offset it has in the export. Copied only when its bytes are not aligned
/// for its element type.
std::optional<at::Tensor> weight_view(const std::string& name, const plan::Weight& weight,
                                      const CompileContext& context, plan::Diagnostics& diagnostics) {
  const auto pointer = "/weights" + plan::json::pointer_token(name);
  const BlobStorage* blob = context.blob(weight.blob);
  if (blob == nullptr) {
    diagnostics.push_back(
        problem(code::kWeight,
                "weight \"" + name + "\" lies in blob " + weight.blob + ", which was not put on the device",
                "Put every blob that the stage names on the device before compiling it", pointer));
    return std::nullopt;
  }
  const auto type = scalar_type(weight.dtype);
  if (!type) {
    diagnostics.push_back(problem(code::kElementType,
                                  "weight \"" + name + "\" has the element type " +
                                      std::string(plan::name(weight.dtype)) + ", which this torch lacks",
                                  "Build kernels-aten for a torch that has it", pointer));
    return std::nullopt;
  }
  const std::uint64_t size = c10::elementSize(*type);
  const auto elements = static_cast<std::uint64_t>(extent(weight.shape, weight.strides));
  if (weight.offset_bytes > blob->size || elements > (blob->size - weight.offset_bytes) / size) {
    diagnostics.push_back(problem(
        code::kWeight,
        "weight \"" + name + "\" reaches from byte " + std::to_string(weight.offset_bytes) + " over " +
            std::to_string(elements * size) + " bytes, and its blob has " + std::to_string(blob->size),
        "The plan and the blob do not belong together: capture the model again", pointer));
    return std::nullopt;
  }
  // An inference tensor cannot say that its gradients are tracked, and torch's choice of algorithm asks.
  const c10::InferenceMode inference(!weight.requires_grad);
  const auto tracked = [&](at::Tensor tensor) { return tensor.set_requires_grad(weight.requires_grad); };
  const bool aligned =
      weight.offset_bytes % size == 0 && reinterpret_cast<std::uintptr_t>(blob->data) % size == 0;
  const char* first = static_cast<const char*>(blob->data) + weight.offset_bytes;
  if (!aligned || elements == 0) {
    c10::Storage copy =
        c10::Storage(c10::Storage::use_byte_size_t(), static_cast<std::int64_t>(elements * size),
                     c10::GetCPUAllocator(), false);
    std::copy_n(first, elements * size, static_cast<char*>(copy.mutable_data()));
    context.copied(elements * size);
    if (context.fuse != nullptr)
      context.fuse->blobs[copy.unsafeGetStorageImpl()] =
          weight.blob + "+" + std::to_string(weight.offset_bytes);
    return tracked(storage_view(copy, 0, weight.shape, weight.strides, *type));
  }
  if (context.fuse != nullptr) context.fuse->blobs[blob->storage.unsafeGetStorageImpl()] = weight.blob;
  return tracked(storage_view(blob->storage, static_cast<std::int64_t>(weight.offset_bytes / size),
                              weight.shape, weight.strides, *type));
}

std::optional<Declared> declare(const std::string& name, const plan::Value& value, const Scope& scope) {
  const auto type = scalar_type(value.dtype);
  if (!type) return std::nullopt;
  Declared declared{name, value.scalar, *type, {}};
  for (const plan::Expr& size : value.shape)
    declared.shape.push_back(scope.dim(size));
  return declared;
}

class StageCompiler {
 public:
  StageCompiler(const plan::Plan& plan, const plan::Method& method, const CompileContext& context)
      : plan_(plan), method_(method), context_(context) {}

  Expected<Program> run() {
    for (const auto& [id, symbol] : plan_.symbols)
      program_.symbols.push_back(id);
    tables();
    if (!diagnostics_.empty()) return error_of(GENIE_INVALID_ARGUMENT, diagnostics_);
    BlockCompiler blocks(plan_, method_, program_, states_, weights_, diagnostics_, context_.fuse);
    blocks.compile_stage();
    inputs();
    settle_dims();
    if (!diagnostics_.empty()) return error_of(status(), diagnostics_);
    return std::move(program_);
  }

 private:
  void tables() {
    Scope scope;
    scope.program = &program_;
    for (const auto& [name, weight] : plan_.weights) {
      weights_.emplace(name, static_cast<std::uint32_t>(program_.weights.size()));
      auto tensor = weight_view(name, weight, context_, diagnostics_);
      program_.weights.push_back({name, tensor ? *std::move(tensor) : at::Tensor()});
    }
    for (const auto& [name, state] : plan_.states) {
      plan::Value like;
      like.dtype = state.dtype;
      like.shape.assign(state.shape.begin(), state.shape.end());
      auto declared = declare(name, like, scope);
      if (!declared) {
        diagnostics_.push_back(problem(code::kElementType,
                                       "state \"" + name + "\" has the element type " +
                                           std::string(plan::name(state.dtype)) + ", which this torch lacks",
                                       "Build kernels-aten for a torch that has it",
                                       "/states" + plan::json::pointer_token(name)));
        continue;
      }
      states_.emplace(name, static_cast<std::uint32_t>(program_.states.size()));
      program_.states.push_back(*std::move(declared));
    }
  }

  void inputs() {
    Scope scope;
    scope.program = &program_;
    for (const plan::Port& port : method_.inputs) {
      const auto* value = std::get_if<arg::Value>(&port.value.is);
      const auto declared = value ? method_.values.find(value->id) : method_.values.end();
      if (declared == method_.values.end()) {
        diagnostics_.push_back(problem(code::kStageDocument,
                                       "input \"" + port.name + "\" names no declared value",
                                       "This is a bug of whoever wrote the stage document"));
        continue;
      }
      if (auto made = declare(port.name, declared->second, scope)) {
        made->requires_grad = plan::requires_grad(port);
        program_.inputs.push_back(*std::move(made));
      } else {
        diagnostics_.push_back(problem(code::kElementType,
                                       "input \"" + port.name + "\" has the element type " +
                                           std::string(plan::name(declared->second.dtype)) +
                                           ", which this torch lacks",
                                       "Build kernels-aten for a torch that has it"));
      }
    }
  }

  /// Which dims can only be known once some instruction has run.
  void settle_dims() {
    std::set<std::string, std::less<>> decided;
    for (const Block& block : program_.blocks)
      for (const Instruction& instruction : block.instructions)
        for (const Decides& decides : instruction.decides)
          decided.insert(program_.symbols[decides.symbol]);
    for (Dim& dim : program_.dims) {
      std::set<std::string, std::less<>> used;
      dim.expr.collect_symbols(used);
      dim.decided_here =
          std::ranges::any_of(used, [&](const std::string& id) { return decided.contains(id); });
      for (const std::string& id : used)
        if (!plan_.symbols.contains(id))
          diagnostics_.push_back(problem(code::kSize,
                                         "the size " + dim.expr.to_text() + " uses the symbol " + id +
                                             ", which the plan does not declare",
                                         "This is a bug of whoever wrote the stage document", "/symbols"));
    }
  }

  std::uint32_t status() const {
    const auto missing = [](const plan::Diagnostic& diagnostic) {
      return diagnostic.code == code::kUnknownOperator || diagnostic.code == code::kNoCpuKernel ||
             diagnostic.code == code::kElementType;
    };
    return std::ranges::any_of(diagnostics_, missing) ? GENIE_UNIMPLEMENTED : GENIE_INVALID_ARGUMENT;
  }

  const plan::Plan& plan_;
  const plan::Method& method_;
  const CompileContext& context_;
  Program program_;
  std::unordered_map<std::string_view, std::uint32_t> states_;
  std::unordered_map<std::string_view, std::uint32_t> weights_;
  plan::Diagnostics diagnostics_;
};

}  // namespace

Expected<Program> compile_stage(std::string_view document, const CompileContext& context) {
  const auto decoded = plan::decode(document);
  if (!decoded) return error_of(GENIE_INVALID_ARGUMENT, decoded.errors());
  const plan::Plan& plan = *decoded;
  if (plan.methods.size() != 1)
    return error_of(GENIE_INVALID_ARGUMENT,
                    problem(code::kStageDocument,
                            "a stage document has exactly one method, and this one has " +
                                std::to_string(plan.methods.size()),
                            "Hand kernels one stage at a time", "/methods"));
  return StageCompiler(plan, plan.methods.begin()->second, context).run();
}

}  // namespace genie::kernels_aten
