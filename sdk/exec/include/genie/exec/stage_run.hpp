// One stage's run through its kernels, and the delivery of outputs. Parts of a step (step.cpp).
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "genie/exec/session.hpp"

namespace genie::exec {

/// What a slot holds during a step. `here` without a tensor's data: only accounted for.
struct Held {
  bool here = false;
  Tensor tensor;
};

struct StageRun {
  genie::Host host;
  const genie::Call& call;
  Session& session;
  const CompiledMethod& method;
  const CompiledStage& stage;
  std::vector<Held>& slots;
  plan::Bindings& sizes;          ///< known so far; what the stage's data decides is added
  const plan::Bindings& planned;  ///< every symbol bound, as far as planning goes
  Budget& room;
  std::uint64_t step = 0;     ///< its number in the session, from 0
  std::uint64_t claimed = 0;  ///< bytes taken from the budget for what the stage computes
  Counters& counters;
  /// Host memory for an output in place of the device's own, 64-byte aligned; null: the device's. Only for devices of host memory.
  std::function<std::shared_ptr<Storage>(const StageOutput&, std::uint64_t bytes)> lend = nullptr;

  /// Calls the kernels; outputs go to their slots.
  [[nodiscard]] genie::Outcome execute();
  /// The outputs as descriptions without data, each with its claim.
  [[nodiscard]] genie::Outcome imagine();
  /// Claims the outputs that own bytes, one by one, once the claim for the whole stage was given back.
  [[nodiscard]] genie::Outcome account();

 private:
  struct Placing;
  static void* place(void* ctx, std::uint64_t output, genie_dtype dtype, std::int32_t rank,
                     const std::int64_t* shape, const std::int64_t* strides) noexcept;
  [[nodiscard]] genie::Outcome take(std::vector<genie_stage_output>& results, Placing& placing);
  void learn_symbols(Index value, const Tensor& tensor);
  [[nodiscard]] std::string name_of(Index value) const;
  [[nodiscard]] const plan::Value* declared(Index value) const { return method.index->values()[value].value; }
};

/// An output, found: the tensor and the device that has it (kNone: the client's memory).
struct Found {
  Tensor tensor;
  Index device = kNone;
};

/// Finds and fetches outputs of a step.
class Delivery {
 public:
  Delivery(genie::Host host, const genie::Call& call, Session& session, const CompiledMethod& method,
           const plan::Bindings& sizes, Counters& counters, bool imagined)
      : host_(host),
        call_(call),
        session_(session),
        method_(method),
        sizes_(sizes),
        counters_(counters),
        imagined_(imagined) {}

  /// Nothing for an output that is None. `inputs`: of the step, as the method lists them.
  [[nodiscard]] genie::Expected<std::optional<Found>> find(const Output& output,
                                                           const std::vector<Held>& slots,
                                                           const std::vector<Found>& inputs);
  /// Into the caller's tensor, or a new one with the sizes, strides and dtype it had where it was made.
  [[nodiscard]] genie::Outcome fetch(const std::optional<Found>& found, genie_step_output& into);

 private:
  [[nodiscard]] genie::Expected<std::optional<Found>> weight(const std::string& name);
  template <class T>
  [[nodiscard]] genie::Expected<std::optional<Found>> number(T value, plan::DType dtype);

  genie::Host host_;
  const genie::Call& call_;
  Session& session_;
  const CompiledMethod& method_;
  const plan::Bindings& sizes_;
  Counters& counters_;
  bool imagined_;
  std::optional<Blob> blob_;  // of the weight found last
};

}  // namespace genie::exec
