// Kernels for remote workers under stress: sums, products of elements and of matrices, in f32, without a framework.
//
// With the option "gate" a run stops at each stage and node until a listener at that Unix socket says a byte. So a test can let
// something happen at an exact moment. While nobody listens, nothing stops.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "genie/cpp/kernels.hpp"
#include "genie/cpp/plugin.hpp"
#include "genie/plan/codec.hpp"
#include "genie/plan/json.hpp"

namespace {

namespace plan = genie::plan;

constexpr std::size_t kAlignment = 64;
constexpr genie_dtype kFloat = {GENIE_TYPE_FLOAT, 32, 1};

/// A dense matrix or vector; the memory is somebody else's.
struct Dense {
  float* data = nullptr;
  std::vector<std::int64_t> shape;
  [[nodiscard]] std::size_t count() const {
    std::size_t n = 1;
    for (const std::int64_t size : shape)
      n *= static_cast<std::size_t>(size);
    return n;
  }
};

/// The tensor as it lies; throws if it is not f32 without gaps.
Dense dense(const genie_tensor_view& t) {
  if (t.dtype.code != GENIE_TYPE_FLOAT || t.dtype.bits != 32)
    throw genie::unimplemented("these kernels compute in f32");
  Dense d{reinterpret_cast<float*>(static_cast<char*>(t.data) + t.byte_offset), {t.shape, t.shape + t.rank}};
  std::int64_t expected = 1;
  for (std::size_t i = d.shape.size(); i-- > 0 && t.strides != nullptr; expected *= d.shape[i])
    if (d.shape[i] != 1 && t.strides[i] != expected)
      throw genie::unimplemented("these kernels read tensors without gaps");
  return d;
}

/// Element by element, with any strides, from dimension d on.
void copy_elements(const genie_tensor_view& to, const genie_tensor_view& from, std::int32_t d, char* target,
                   const char* source) {
  const std::size_t width = to.dtype.bits / 8u;
  if (d == to.rank) {
    std::memcpy(target, source, width);
    return;
  }
  const auto step = [&](const genie_tensor_view& t) {
    std::int64_t stride = 1;
    for (std::int32_t inner = d + 1; inner < t.rank; ++inner)
      stride *= t.shape[inner];
    return (t.strides != nullptr ? t.strides[d] : stride) * static_cast<std::int64_t>(width);
  };
  for (std::int64_t i = 0; i < to.shape[d]; ++i)
    copy_elements(to, from, d + 1, target + i * step(to), source + i * step(from));
}

/// Describes memory, and owns it unless it was given.
struct Owned {
  genie_tensor tensor{};
  std::vector<std::int64_t> shape;
  void* memory = nullptr;
  ~Owned() { std::free(memory); }
};

void* allocate(std::size_t bytes) {
  void* memory = std::aligned_alloc(kAlignment, (bytes / kAlignment + 1) * kAlignment);
  if (memory == nullptr)
    throw genie::Error{GENIE_RESOURCE_EXHAUSTED, "no memory for " + std::to_string(bytes) + " bytes"};
  return memory;
}

/// Waits for whoever listens there.
void pass(const std::string& gate, const std::string& what) {
  if (gate.empty()) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (gate.size() >= sizeof address.sun_path)
    throw genie::invalid_argument("the path of the gate is too long");
  std::memcpy(address.sun_path, gate.c_str(), gate.size() + 1);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return;
  char answer = 0;
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::send(socket, what.data(), what.size(), MSG_NOSIGNAL) > 0)
    while (::read(socket, &answer, 1) < 0 && errno == EINTR) {
    }
  ::close(socket);
}

class Stage final : public genie::Executable {
 public:
  Stage(std::string_view document, std::span<const genie_named_weight> weights, std::string gate)
      : plan_(*plan::decode(document, {}, "stage")), gate_(std::move(gate)) {
    for (const genie_named_weight& w : weights)
      weights_.emplace(genie::view(w.digest), reinterpret_cast<char*>(w.weight));
    for (const plan::Node& node : plan_.methods.at("stage").nodes)
      if (node.op != "aten.add.Tensor" && node.op != "aten.mul.Tensor" && node.op != "aten.mm.default")
        throw genie::unimplemented("no kernel for " + node.op);
    pass(gate_, "compile");
  }

  genie::Outcome run(const genie::Call& call, genie_run_args& args, genie_completion* completion) override {
    if (completion != nullptr) return genie::unimplemented("these kernels run on the calling thread");
    const plan::Method& method = plan_.methods.at("stage");
    std::map<std::string, Dense> values, states;
    std::vector<std::unique_ptr<Owned>> kept;  // what no one asks for, and outputs until they are handed over
    for (std::size_t i = 0; i < args.input_count; ++i)
      values[std::get<plan::arg::Value>(method.inputs[i].value.is).id] = dense(args.inputs[i]);
    std::size_t number = 0;
    for (const auto& [name, state] : plan_.states)
      states[name] = dense(args.states[number++]);
    std::map<std::string, std::size_t> outputs, made;
    for (std::size_t i = 0; i < args.output_count; ++i)
      outputs[std::get<plan::arg::Value>(method.outputs[i].value.is).id] = i;

    for (const plan::Node& node : method.nodes) {
      pass(gate_, "run " + node.id);
      if (call.cancelled()) return genie::cancelled();
      const Dense a = operand(node.args.at(0), values, states), b = operand(node.args.at(1), values, states);
      Dense to{nullptr, a.shape};
      if (node.op == "aten.mm.default") to.shape = {a.shape.at(0), b.shape.at(1)};
      const auto output = outputs.find(node.results.at(0));
      auto owned = std::make_unique<Owned>();
      if (output != outputs.end() && args.place != nullptr)
        to.data = static_cast<float*>(args.place(args.place_ctx, output->second, kFloat,
                                                 static_cast<std::int32_t>(to.shape.size()), to.shape.data(),
                                                 nullptr));
      if (output != outputs.end())
        args.outputs[output->second].origin = to.data != nullptr ? GENIE_OUTPUT_PLACED : GENIE_OUTPUT_OWNED;
      if (to.data == nullptr)
        to.data = static_cast<float*>(owned->memory = allocate(to.count() * sizeof(float)));
      compute(node.op, a, b, to);
      if (output != outputs.end()) made[output->first] = kept.size();
      kept.push_back(std::move(owned));
      values[node.results.at(0)] = to;
    }
    for (const plan::StateWrite& write : method.writes)
      std::memcpy(states.at(write.state).data, values.at(write.value).data,
                  states.at(write.state).count() * sizeof(float));
    for (const auto& [value, at] : outputs) {
      if (!made.contains(value)) return genie::unimplemented("this stage puts out what it did not make");
      args.outputs[at].tensor = describe(std::move(kept[made.at(value)]), values.at(value));
    }
    return genie::Done{};
  }

 private:
  static genie_tensor* describe(std::unique_ptr<Owned> owned, const Dense& what) {
    owned->shape = what.shape;
    genie_tensor& tensor = owned->tensor;
    tensor.dlpack_major = GENIE_DLPACK_MAJOR;
    tensor.dlpack_minor = GENIE_DLPACK_MINOR;
    tensor.manager = owned.get();
    tensor.deleter = [](genie_tensor* self) noexcept { delete static_cast<Owned*>(self->manager); };
    tensor.view = {what.data, GENIE_DEVICE_CPU,    0,       static_cast<std::int32_t>(owned->shape.size()),
                   kFloat,    owned->shape.data(), nullptr, 0};
    return &owned.release()->tensor;
  }

  Dense operand(const plan::Arg& arg, const std::map<std::string, Dense>& values,
                const std::map<std::string, Dense>& states) const {
    if (const auto* value = std::get_if<plan::arg::Value>(&arg.is)) return values.at(value->id);
    if (const auto* state = std::get_if<plan::arg::State>(&arg.is)) return states.at(state->name);
    const auto* named = std::get_if<plan::arg::Weight>(&arg.is);
    if (named == nullptr) throw genie::unimplemented("an operand is a tensor here");
    const plan::Weight& weight = plan_.weights.at(named->name);
    return {reinterpret_cast<float*>(weights_.at(weight.blob) + weight.offset_bytes),
            {weight.shape.begin(), weight.shape.end()}};
  }

  /// In one order, so that everybody's bits are equal.
  static void compute(const std::string& op, const Dense& a, const Dense& b, const Dense& to) {
    if (op != "aten.mm.default") {
      for (std::size_t i = 0; i < to.count(); ++i)
        to.data[i] =
            op == "aten.add.Tensor" ? a.data[i] + b.data[i % b.count()] : a.data[i] * b.data[i % b.count()];
      return;
    }
    const auto rows = static_cast<std::size_t>(a.shape.at(0)),
               inner = static_cast<std::size_t>(a.shape.at(1)),
               columns = static_cast<std::size_t>(b.shape.at(1));
    std::memset(to.data, 0, to.count() * sizeof(float));
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t k = 0; k < inner; ++k)
        for (std::size_t j = 0; j < columns; ++j)
          to.data[i * columns + j] += a.data[i * inner + k] * b.data[k * columns + j];
  }

  plan::Plan plan_;
  std::string gate_;
  std::map<std::string, char*, std::less<>> weights_;  // by digest
};

class Memory final : public genie::Device {
 public:
  explicit Memory(std::string gate) : gate_(std::move(gate)) {}
  genie::Expected<genie::Allocation> alloc(std::uint64_t size, std::uint64_t align) override {
    if (align > kAlignment) return genie::unimplemented("memory is aligned to 64 bytes here");
    void* data = allocate(size);
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
  genie::Expected<std::unique_ptr<genie::Executable>> compile(const genie::Call&, std::string_view document,
                                                              std::span<const genie_named_weight> weights,
                                                              std::string_view) override {
    return std::unique_ptr<genie::Executable>(std::make_unique<Stage>(document, weights, gate_));
  }

 private:
  std::string gate_;
};

class Kernels final : public genie::Kernels {
 public:
  Kernels(genie::Host, std::string_view options) {
    const auto given = plan::json::Document::parse(options);
    if (const auto gate = given->root().find("gate")) gate_ = gate->string();
  }
  genie::Expected<std::string> describe() override {
    return std::string(
        R"({"kinds":["cpu"],"ops":["aten.add.Tensor","aten.mul.Tensor","aten.mm.default"],"dtypes":["f32"],"versions":{}})");
  }
  genie::Expected<std::unique_ptr<genie::Device>> open(const genie::Call&, std::string_view, std::int32_t,
                                                       std::string_view) override {
    return std::unique_ptr<genie::Device>(std::make_unique<Memory>(gate_));
  }

 private:
  std::string gate_;
};

}  // namespace

GENIE_PLUGIN("org.example.plain-kernels", "1.0.0", {GENIE_KERNELS_V1, genie::kernels_table<Kernels>()})
