// Tensors and stage documents for the tests, in few words.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <new>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "test_host.hpp"

namespace kernels_test {

inline constexpr genie_dtype kF32{GENIE_TYPE_FLOAT, 32, 1};
inline constexpr genie_dtype kF64{GENIE_TYPE_FLOAT, 64, 1};
inline constexpr genie_dtype kF16{GENIE_TYPE_FLOAT, 16, 1};
inline constexpr genie_dtype kBF16{GENIE_TYPE_BFLOAT, 16, 1};
inline constexpr genie_dtype kI64{GENIE_TYPE_INT, 64, 1};
inline constexpr genie_dtype kI32{GENIE_TYPE_INT, 32, 1};
inline constexpr genie_dtype kI16{GENIE_TYPE_INT, 16, 1};
inline constexpr genie_dtype kI8{GENIE_TYPE_INT, 8, 1};
inline constexpr genie_dtype kU8{GENIE_TYPE_UINT, 8, 1};
inline constexpr genie_dtype kBool{GENIE_TYPE_BOOL, 8, 1};

inline bool operator==(genie_dtype a, genie_dtype b) {
  return a.code == b.code && a.bits == b.bits && a.lanes == b.lanes;
}

/// An owned, 64-byte aligned tensor.
class Buffer {
 public:
  template <class T>
  Buffer(genie_dtype dtype, std::vector<std::int64_t> shape, const std::vector<T>& elements)
      : shape_(std::move(shape)) {
    bytes_ = elements.size() * sizeof(T);
    data_ = ::operator new (bytes_ + 1, std::align_val_t{64});
    if (bytes_ != 0) std::memcpy(data_, elements.data(), bytes_);
    view_.data = data_;
    view_.device_kind = GENIE_DEVICE_CPU;
    view_.rank = static_cast<std::int32_t>(shape_.size());
    view_.dtype = dtype;
    view_.shape = shape_.data();
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&& other) noexcept
      : shape_(std::move(other.shape_)),
        strides_(std::move(other.strides_)),
        data_(std::exchange(other.data_, nullptr)),
        bytes_(other.bytes_),
        view_(other.view_) {}
  ~Buffer() { ::operator delete (data_, std::align_val_t{64}); }

  /// The same bytes seen through strides (in elements) and a shape.
  Buffer& viewed(std::vector<std::int64_t> shape, std::vector<std::int64_t> strides,
                 std::uint64_t byte_offset = 0) {
    shape_ = std::move(shape);
    strides_ = std::move(strides);
    view_.rank = static_cast<std::int32_t>(shape_.size());
    view_.shape = shape_.data();
    view_.strides = strides_.data();
    view_.byte_offset = byte_offset;
    return *this;
  }
  [[nodiscard]] const genie_tensor_view& view() const { return view_; }
  [[nodiscard]] void* data() const { return data_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  template <class T>
  [[nodiscard]] std::vector<T> all() const {
    std::vector<T> out(bytes_ / sizeof(T));
    if (bytes_ != 0) std::memcpy(out.data(), data_, bytes_);
    return out;
  }

 private:
  std::vector<std::int64_t> shape_;
  std::vector<std::int64_t> strides_;
  void* data_ = nullptr;
  std::uint64_t bytes_ = 0;
  genie_tensor_view view_{};
};

inline Buffer f32(std::vector<std::int64_t> shape, std::vector<float> elements) {
  return {kF32, std::move(shape), elements};
}
inline Buffer i64(std::vector<std::int64_t> shape, std::vector<std::int64_t> elements) {
  return {kI64, std::move(shape), elements};
}

inline std::vector<std::int64_t> shape_of(const genie_tensor_view& view) {
  return {view.shape, view.shape + view.rank};
}
inline std::vector<std::int64_t> strides_of(const genie_tensor_view& view) {
  return {view.strides, view.strides + view.rank};
}

/// The elements in row-major order, whatever the strides.
template <class T>
std::vector<T> elements(const genie_tensor_view& view) {
  const auto shape = shape_of(view);
  std::vector<T> out;
  std::vector<std::int64_t> index(shape.size(), 0);
  const std::int64_t count =
      std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  for (std::int64_t n = 0; n < count; ++n) {
    std::int64_t at = 0;
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
      at += index[axis] * view.strides[axis];
    T element;
    std::memcpy(
        &element,
        static_cast<const char*>(view.data) + view.byte_offset + static_cast<std::size_t>(at) * sizeof(T),
        sizeof(T));
    out.push_back(element);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
  return out;
}

/// The parts of a stage document, each a JSON fragment without its outer braces.
struct Document {
  std::string inputs;  ///< {"name": "x", "value": "x"}, …
  std::string outputs;
  std::string values;  ///< "x": {"dtype": "f32", "shape": [2]}, …
  std::string nodes;
  std::string writes = {};
  std::string states = {};
  std::string weights = {};
  std::string blobs = {};
  std::string symbols = {};
  std::string graphs = {};
  std::string requires_ = {};

  [[nodiscard]] std::string text() const {
    std::string method = "{\"inputs\": [" + inputs + "], \"outputs\": [" + outputs + "], \"values\": {" +
                         values + "}, \"nodes\": [" + nodes + "], \"writes\": [" + writes + "]";
    if (!graphs.empty()) method += ", \"graphs\": {" + graphs + "}";
    method += "}";
    return "{\"schema\": \"genie.plan\", \"version\": {\"major\": 0, \"minor\": 1}, \"stage\": \"captured\", "
           "\"producer\": {\"plugin\": \"test\", \"version\": \"1\"}, \"requires\": [" +
           requires_ +
           "], \"opsets\": {\"aten\": 1}, "
           "\"symbols\": {" +
           symbols + "}, \"guards\": [], \"blobs\": {" + blobs + "}, \"weights\": {" + weights +
           "}, \"states\": {" + states + "}, \"methods\": {\"stage\": " + method + "}}";
  }
};

/// What a run is given beyond inputs.
struct RunOptions {
  std::vector<const Buffer*> states = {};
  std::vector<std::int64_t> dims = {};
  std::uint64_t seed = 0;
  genie_place_fn place = nullptr;
  void* place_ctx = nullptr;
  TestCall* call = nullptr;
  genie_completion* completion = nullptr;
};

inline Outputs run(const OpenDevice& device, genie_executable* stage,
                   std::initializer_list<const Buffer*> inputs, std::size_t outputs,
                   const RunOptions& options = {}) {
  Outputs out(outputs);
  std::vector<genie_tensor_view> views;
  for (const Buffer* input : inputs)
    views.push_back(input->view());
  std::vector<genie_tensor_view> states;
  for (const Buffer* state : options.states)
    states.push_back(state->view());
  genie_run_args args{};
  args.struct_size = sizeof args;
  args.inputs = views.data();
  args.input_count = views.size();
  args.states = states.data();
  args.state_count = states.size();
  args.dims = options.dims.data();
  args.dim_count = options.dims.size();
  args.seed = options.seed;
  args.outputs = out.data();
  args.output_count = out.size();
  args.place = options.place;
  args.place_ctx = options.place_ctx;
  TestCall call;
  must(device.host(),
       device.table()->run(options.call ? &options.call->raw : &call.raw, stage, &args, options.completion));
  return out;
}

/// One device for all tests of a file: create and open once.
const genie_kernels_v1* plugin();

}  // namespace kernels_test
