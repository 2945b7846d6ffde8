// Kernels that compute nothing: every output of a stage is zeros of the right type and shape.
//
// A skeleton for kernels of one's own, and a way to see what a run costs without computing: capture, scheduling, transfers and
// memory are all real. Weights are used where they lie; nothing is copied.
#include <cstdlib>
#include <cstring>
#include <genie/cpp/kernels.hpp>
#include <genie/cpp/plugin.hpp>
#include <map>
#include <nlohmann/json.hpp>

using nlohmann::json;

namespace {

constexpr std::uint64_t kAlignment = 64;

const std::map<std::string, genie_dtype> kTypes = {
    {"bool", {GENIE_TYPE_BOOL, 8, 1}},  {"u8", {GENIE_TYPE_UINT, 8, 1}},
    {"i8", {GENIE_TYPE_INT, 8, 1}},     {"i16", {GENIE_TYPE_INT, 16, 1}},
    {"i32", {GENIE_TYPE_INT, 32, 1}},   {"i64", {GENIE_TYPE_INT, 64, 1}},
    {"f16", {GENIE_TYPE_FLOAT, 16, 1}}, {"bf16", {GENIE_TYPE_BFLOAT, 16, 1}},
    {"f32", {GENIE_TYPE_FLOAT, 32, 1}}, {"f64", {GENIE_TYPE_FLOAT, 64, 1}}};
// Numbers cross stages as tensors without dimensions.
const std::map<std::string, std::string> kNumbers = {{"int", "i64"}, {"float", "f64"}, {"bool", "bool"}};

// An output tensor: the description and the memory in one object, freed by the deleter.
struct Owned {
  genie_tensor tensor{};
  std::vector<std::int64_t> shape;
  void* data = nullptr;
  ~Owned() { std::free(data); }
};

genie_tensor* zeros(genie_dtype dtype, std::vector<std::int64_t> shape) {
  auto owned = std::make_unique<Owned>();
  std::uint64_t bytes = dtype.bits / 8u;
  for (const std::int64_t size : shape)
    bytes *= static_cast<std::uint64_t>(size);
  bytes = (bytes + kAlignment) / kAlignment * kAlignment;  // at least one block: the pointer is never null
  owned->data = std::aligned_alloc(kAlignment, bytes);
  if (!owned->data) throw std::bad_alloc();
  std::memset(owned->data, 0, bytes);
  owned->shape = std::move(shape);
  genie_tensor& tensor = owned->tensor;
  tensor.dlpack_major = GENIE_DLPACK_MAJOR;
  tensor.dlpack_minor = GENIE_DLPACK_MINOR;
  tensor.manager = owned.get();
  tensor.deleter = [](genie_tensor* self) noexcept { delete static_cast<Owned*>(self->manager); };
  tensor.view = {owned->data, GENIE_DEVICE_CPU,    0,       static_cast<std::int32_t>(owned->shape.size()),
                 dtype,       owned->shape.data(), nullptr, 0};
  return &owned.release()->tensor;
}

// A size of a plan: an integer, a symbol, or [operator, a, b].
std::int64_t evaluate(const json& size, const std::map<std::string, std::int64_t>& symbols) {
  if (size.is_number()) return size.get<std::int64_t>();
  if (size.is_string()) return symbols.at(size.get<std::string>());
  const std::string name = size.at(0);
  const std::int64_t a = evaluate(size.at(1), symbols), b = evaluate(size.at(2), symbols);
  if (name == "add") return a + b;
  if (name == "mul") return a * b;
  if (name == "min") return std::min(a, b);
  if (name == "max") return std::max(a, b);
  const std::int64_t quotient = a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
  if (name == "floordiv") return quotient;
  if (name == "mod") return a - quotient * b;
  throw genie::unimplemented("sizes with the operator '" + name + "' are not known here");
}

class NullStage : public genie::Executable {
 public:
  explicit NullStage(std::string_view plan) {
    const json document = json::parse(plan);
    const json& stage = document.at("methods").at("stage");
    if (document.contains("symbols"))
      for (const auto& [symbol, about] : document["symbols"].items())
        symbols_.push_back(symbol);
    for (const json& output : stage.at("outputs")) {
      // A weight or state that is put out as it is has no value of its own to make up.
      if (!output.at("value").is_string())
        throw genie::unimplemented("this stage puts out a weight or a state");
      const json& value = stage.at("values").at(output["value"].get<std::string>());
      const std::string type =
          value.contains("scalar") ? kNumbers.at(value["scalar"]) : value.at("dtype").get<std::string>();
      if (!kTypes.contains(type)) throw genie::unimplemented("no kernels for " + type);
      outputs_.push_back({kTypes.at(type), value.value("shape", json::array())});
    }
  }

  genie::Outcome run(const genie::Call&, genie_run_args& args, genie_completion* completion) override {
    if (completion) return genie::unimplemented("these kernels run on the calling thread");
    std::map<std::string, std::int64_t> symbols;
    for (std::size_t i = 0; i < symbols_.size() && i < args.dim_count; ++i)
      if (args.dims[i] != INT64_MIN) symbols[symbols_[i]] = args.dims[i];
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      std::vector<std::int64_t> shape;
      for (const json& size : outputs_[i].shape)
        shape.push_back(evaluate(size, symbols));
      args.outputs[i] = {zeros(outputs_[i].dtype, std::move(shape)), GENIE_OUTPUT_OWNED, 0};
    }
    return genie::Done{};
  }

 private:
  struct Output {
    genie_dtype dtype;
    json shape;
  };
  std::vector<std::string> symbols_;  // in the order of the run's dims: sorted
  std::vector<Output> outputs_;
};

// Copies one dimension after the other, so that any strides will do.
void copy_elements(const genie_tensor_view& to, const genie_tensor_view& from, std::int32_t dimension,
                   char* target, const char* source) {
  const std::size_t width = to.dtype.bits / 8u;
  if (dimension == to.rank) {
    std::memcpy(target, source, width);
    return;
  }
  const auto step = [&](const genie_tensor_view& tensor) {
    std::int64_t stride = 1;
    if (tensor.strides)
      stride = tensor.strides[dimension];
    else
      for (std::int32_t d = dimension + 1; d < tensor.rank; ++d)
        stride *= tensor.shape[d];
    return stride * static_cast<std::int64_t>(width);
  };
  for (std::int64_t i = 0; i < to.shape[dimension]; ++i)
    copy_elements(to, from, dimension + 1, target + i * step(to), source + i * step(from));
}

class NullDevice : public genie::Device {
 public:
  genie::Expected<genie::Allocation> alloc(std::uint64_t size, std::uint64_t align) override {
    const std::uint64_t unit = std::max(align, kAlignment);
    void* data = std::aligned_alloc(unit, (size / unit + 1) * unit);
    if (!data)
      return genie::Error{GENIE_RESOURCE_EXHAUSTED, "no memory for " + std::to_string(size) + " bytes"};
    return genie::Allocation{static_cast<genie_memory*>(data), data};
  }
  void free(genie_memory* memory) noexcept override { std::free(memory); }

  genie::Outcome copy(const genie::Call&, const genie_tensor_view& to, const genie_tensor_view& from,
                      genie_stream*) override {
    copy_elements(to, from, 0, static_cast<char*>(to.data) + to.byte_offset,
                  static_cast<const char*>(from.data) + from.byte_offset);
    return genie::Done{};
  }

  genie::Expected<genie::Weight> put_weight(const genie::Call&, std::string_view,
                                            genie_bytes bytes) override {
    return genie::Weight{
        reinterpret_cast<genie_weight*>(const_cast<void*>(static_cast<const void*>(bytes.data))), 0};
  }
  void release_weight(genie_weight*) noexcept override {}

  genie::Expected<std::unique_ptr<genie::Executable>> compile(const genie::Call&, std::string_view plan,
                                                              std::span<const genie_named_weight>,
                                                              std::string_view) override {
    return std::unique_ptr<genie::Executable>(std::make_unique<NullStage>(plan));
  }
};

class NullKernels : public genie::Kernels {
 public:
  NullKernels(genie::Host, std::string_view options) {
    if (!json::parse(options).empty()) throw genie::invalid_argument("these kernels have no options");
  }
  genie::Expected<std::string> describe() override {
    json types = json::array();
    for (const auto& [name, type] : kTypes)
      types.push_back(name);
    return json{
        {"kinds", {"cpu"}}, {"ops", "*"}, {"dtypes", types}, {"versions", {{"kernels-null", "1.0.0"}}}}
        .dump();
  }
  genie::Expected<std::unique_ptr<genie::Device>> open(const genie::Call&, std::string_view kind,
                                                       std::int32_t, std::string_view) override {
    if (kind != "cpu")
      return genie::unimplemented("there are no " + std::string(kind) + " devices here, only cpu");
    return std::unique_ptr<genie::Device>(std::make_unique<NullDevice>());
  }
};

}  // namespace

GENIE_PLUGIN("com.example.kernels-null", "1.0.0", {GENIE_KERNELS_V1, genie::kernels_table<NullKernels>()})
