// Kernels whose stages do nothing but count their runs: what remains is the call.
#pragma once

#include "genie/cpp/kernels.hpp"

namespace genie::bench {

class IdleStage final : public genie::Executable {
 public:
  genie::Outcome run(const genie::Call&, genie_run_args& args, genie_completion*) override {
    args.seed += 1;
    return genie::Done{};
  }
};

class IdleDevice final : public genie::Device {
 public:
  genie::Expected<genie::Allocation> alloc(std::uint64_t, std::uint64_t) override {
    return genie::unimplemented("idle kernels have no memory");
  }
  void free(genie_memory*) noexcept override {}
  genie::Outcome copy(const genie::Call&, const genie_tensor_view&, const genie_tensor_view&,
                      genie_stream*) override {
    return genie::Done{};
  }
  genie::Expected<genie::Weight> put_weight(const genie::Call&, std::string_view, genie_bytes) override {
    return genie::unimplemented("idle kernels have no memory");
  }
  void release_weight(genie_weight*) noexcept override {}
  genie::Expected<std::unique_ptr<genie::Executable>> compile(const genie::Call&, std::string_view,
                                                              std::span<const genie_named_weight>,
                                                              std::string_view) override {
    return std::unique_ptr<genie::Executable>(std::make_unique<IdleStage>());
  }
};

class IdleKernels final : public genie::Kernels {
 public:
  IdleKernels(genie::Host, std::string_view) {}
  genie::Expected<std::string> describe() override {
    return std::string(R"({"kinds":["cpu"],"ops":"*","dtypes":["f32"],"versions":{}})");
  }
  genie::Expected<std::unique_ptr<genie::Device>> open(const genie::Call&, std::string_view, std::int32_t,
                                                       std::string_view) override {
    return std::unique_ptr<genie::Device>(std::make_unique<IdleDevice>());
  }
};

}  // namespace genie::bench
