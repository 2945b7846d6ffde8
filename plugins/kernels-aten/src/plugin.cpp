// org.genie.kernels-aten: the instance and its registration.
#define GENIE_BUILD_LINE GENIE_COMPILER ", torch " GENIE_TORCH_VERSION
#include "genie/cpp/plugin.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include <array>

#include "device.hpp"
#include "exchange.hpp"
#include "failure.hpp"
#include "genie/plan/json.hpp"
#include "options.hpp"
#include "torch_build.hpp"

namespace genie::kernels_aten {

namespace {

/// Every element type of a plan that the linked torch has.
constexpr std::array kDtypes{plan::DType::boolean,    plan::DType::u8,        plan::DType::i8,
                             plan::DType::u16,        plan::DType::i16,       plan::DType::u32,
                             plan::DType::i32,        plan::DType::u64,       plan::DType::i64,
                             plan::DType::f8e4m3fn,   plan::DType::f8e5m2,    plan::DType::f8e4m3fnuz,
                             plan::DType::f8e5m2fnuz, plan::DType::f8e8m0fnu, plan::DType::f16,
                             plan::DType::bf16,       plan::DType::f32,       plan::DType::f64,
                             plan::DType::c32,        plan::DType::c64,       plan::DType::c128};

}  // namespace

class AtenKernels final : public Kernels {
 public:
  AtenKernels(Host host, std::string_view options_json) : host_(host), torch_(loaded_torch()) {
    if (auto mismatch = torch_mismatch(torch_)) throw *std::move(mismatch);
    auto options = read_options(options_json);
    if (!options) throw std::move(options).error();
    options_ = *options;
    apply_process_settings();
    if (host_.logs(GENIE_LOG_DEBUG))
      host_.log(GENIE_LOG_DEBUG, "kernels-aten",
                "torch " + torch_.version + " from " + torch_.library + ", " + torch_.blas + ", " +
                    std::to_string(at::get_num_threads()) + " threads, " + torch_.cpu_capability);
  }

  Expected<std::string> describe() override {
    plan::json::Writer writer;
    writer.begin_object();
    if (options_.close) writer.key("copies_weights").value(true);
    writer.key("dtypes").begin_array();
    for (const plan::DType dtype : kDtypes)
      if (scalar_type(dtype)) writer.value(plan::name(dtype));
    writer.end_array();
    writer.key("kinds").begin_array().value("cpu").end_array();
    writer.key("ops").value("*");
    writer.key("versions").begin_object();
    writer.key("blas").value(torch_.blas);
    writer.key("cpu_capability").value(torch_.cpu_capability);
    writer.key("onednn").value(torch_.onednn);
    writer.key("openmp").value(torch_.openmp);
    writer.key("results").value(options_.close ? "close" : "exact");
    writer.key("threads").value(std::to_string(at::get_num_threads()));
    writer.key("torch").value(torch_.version);
    writer.end_object();
    writer.end_object();
    return writer.take();
  }

  Expected<std::unique_ptr<Device>> open(const Call&, std::string_view kind, std::int32_t index,
                                         std::string_view options) override {
    if (kind != "cpu")
      return not_found("kernels-aten computes on \"cpu\", and a device of kind \"" + std::string(kind) +
                       "\" was asked for");
    if (index != 0)
      return not_found("this machine is one device of kind \"cpu\", number 0; number " +
                       std::to_string(index) + " was asked for");
    if (Outcome none = refuse_options(options, "a device"); !none) return std::move(none).error();
    return std::unique_ptr<Device>(std::make_unique<CpuDevice>(host_, options_.close));
  }

 private:
  /// torch keeps these for the process; instances that ask for different ones would silently change each other's speed, and
  /// the last one wins. What is in force is in `describe`.
  void apply_process_settings() const {
    if (options_.threads) at::set_num_threads(*options_.threads);
    if (options_.interop_threads && static_cast<std::size_t>(*options_.interop_threads) !=
                                        static_cast<std::size_t>(at::get_num_interop_threads())) {
      try {
        at::set_num_interop_threads(*options_.interop_threads);
      } catch (const c10::Error&) {
        throw failed_precondition("interop_threads cannot become " +
                                  std::to_string(*options_.interop_threads) +
                                  ": torch's pool of this process already runs with " +
                                  std::to_string(at::get_num_interop_threads()) +
                                  ". Leave the option out, or set it before torch is used");
      }
    }
    if (options_.deterministic) at::globalContext().setDeterministicAlgorithms(true, false);
  }

  Host host_;
  TorchFacts torch_;
  Options options_;
};

}  // namespace genie::kernels_aten

GENIE_PLUGIN("org.genie.kernels-aten", GENIE_KERNELS_ATEN_VERSION,
             {GENIE_KERNELS_V1, genie::kernels_table<genie::kernels_aten::AtenKernels>()})
