#include "exchange.hpp"

#include <ATen/core/ivalue.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/item.h>
#include <ATen/ops/scalar_tensor.h>

#include <array>
#include <memory>
#include <vector>

#include "genie/plan/model.hpp"

namespace genie::kernels_aten {

namespace {

using plan::DType;
struct Pair {
  DType plan;
  at::ScalarType torch;
};
constexpr std::array kTypes{
    Pair{DType::boolean, at::ScalarType::Bool},
    Pair{DType::u8, at::ScalarType::Byte},
    Pair{DType::i8, at::ScalarType::Char},
    Pair{DType::u16, at::ScalarType::UInt16},
    Pair{DType::i16, at::ScalarType::Short},
    Pair{DType::u32, at::ScalarType::UInt32},
    Pair{DType::i32, at::ScalarType::Int},
    Pair{DType::u64, at::ScalarType::UInt64},
    Pair{DType::i64, at::ScalarType::Long},
    Pair{DType::f8e4m3fn, at::ScalarType::Float8_e4m3fn},
    Pair{DType::f8e5m2, at::ScalarType::Float8_e5m2},
    Pair{DType::f8e4m3fnuz, at::ScalarType::Float8_e4m3fnuz},
    Pair{DType::f8e5m2fnuz, at::ScalarType::Float8_e5m2fnuz},
    Pair{DType::f8e8m0fnu, at::ScalarType::Float8_e8m0fnu},
    Pair{DType::f16, at::ScalarType::Half},
    Pair{DType::bf16, at::ScalarType::BFloat16},
    Pair{DType::f32, at::ScalarType::Float},
    Pair{DType::f64, at::ScalarType::Double},
    Pair{DType::c32, at::ScalarType::ComplexHalf},
    Pair{DType::c64, at::ScalarType::ComplexFloat},
    Pair{DType::c128, at::ScalarType::ComplexDouble},
};

/// What an ABI tensor made here owns.
struct Lent {
  genie_tensor tensor{};
  at::Tensor keep;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
};

std::string join(at::IntArrayRef numbers) {
  std::string text = "[";
  for (std::size_t i = 0; i < numbers.size(); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(numbers[i]);
  return text + "]";
}

}  // namespace

std::optional<at::ScalarType> scalar_type(DType dtype) {
  for (const Pair& pair : kTypes)
    if (pair.plan == dtype) return pair.torch;
  return std::nullopt;
}

std::optional<DType> plan_dtype(at::ScalarType type) {
  for (const Pair& pair : kTypes)
    if (pair.torch == type) return pair.plan;
  return std::nullopt;
}

std::optional<genie_dtype> abi_dtype(at::ScalarType type) {
  const auto dtype = plan_dtype(type);
  if (!dtype) return std::nullopt;
  const plan::DlpackType dlpack = plan::dlpack_type(*dtype);
  return genie_dtype{dlpack.code, dlpack.bits, 1};
}

at::Tensor borrow(void* data, at::IntArrayRef sizes, at::IntArrayRef strides, at::ScalarType type) {
  const auto options = at::TensorOptions(at::kCPU).dtype(type);
  if (strides.empty() && !sizes.empty()) return at::from_blob(data, sizes, options);
  return at::from_blob(data, sizes, strides, options);
}

Expected<at::Tensor> borrow(const genie_tensor_view& view) {
  if (view.device_kind != GENIE_DEVICE_CPU && view.device_kind != GENIE_DEVICE_CUDA_HOST)
    return unimplemented(
        "a tensor in memory of device kind " + std::to_string(view.device_kind) +
        " was given, and these kernels compute in host memory (kind 1): copy it there first");
  const auto dtype = plan::dtype_from_dlpack(view.dtype.code, view.dtype.bits, view.dtype.lanes);
  const auto type = dtype ? scalar_type(*dtype) : std::nullopt;
  if (!type)
    return unimplemented("unknown element type: code " + std::to_string(view.dtype.code) + ", " +
                         std::to_string(view.dtype.bits) + " bits, " + std::to_string(view.dtype.lanes) +
                         " lanes");
  if (view.rank < 0 || view.rank > 64 || (view.rank > 0 && view.shape == nullptr))
    return invalid_argument("a tensor of rank " + std::to_string(view.rank) +
                            " without a usable shape was given");
  const at::IntArrayRef sizes(view.shape, static_cast<std::size_t>(view.rank));
  std::int64_t elements = 1;
  for (const std::int64_t size : sizes)
    if (size < 0 || __builtin_mul_overflow(elements, size, &elements))
      return invalid_argument("a tensor has the impossible shape " + join(sizes));
  at::IntArrayRef strides;
  if (view.strides != nullptr) strides = at::IntArrayRef(view.strides, static_cast<std::size_t>(view.rank));
  for (const std::int64_t stride : strides)
    if (stride < 0)
      return invalid_argument("a tensor has the negative strides " + join(strides) + ", which torch lacks");
  char* data = view.data == nullptr ? nullptr : static_cast<char*>(view.data) + view.byte_offset;
  if (data == nullptr && elements > 0)
    return invalid_argument("a tensor of shape " + join(sizes) + " has no memory");
  if (reinterpret_cast<std::uintptr_t>(data) % c10::elementSize(*type) != 0)
    return invalid_argument("a tensor of " + std::string(plan::name(*dtype)) +
                            " starts at an address that is no multiple of its element size");
  return borrow(data, sizes, strides, *type);
}

genie_tensor* lend(at::Tensor tensor, void* data) {
  auto lent = std::make_unique<Lent>();
  lent->shape = tensor.sizes().vec();
  lent->strides = tensor.strides().vec();
  genie_tensor& out = lent->tensor;
  out.dlpack_major = GENIE_DLPACK_MAJOR;
  out.dlpack_minor = GENIE_DLPACK_MINOR;
  out.manager = lent.get();
  out.deleter = [](genie_tensor* self) noexcept { delete static_cast<Lent*>(self->manager); };
  out.view.data = data;
  out.view.device_kind = GENIE_DEVICE_CPU;
  out.view.rank = static_cast<std::int32_t>(lent->shape.size());
  out.view.dtype = abi_dtype(tensor.scalar_type()).value();
  out.view.shape = lent->shape.data();
  out.view.strides = lent->strides.data();
  lent->keep = std::move(tensor);
  return &lent.release()->tensor;
}

std::int64_t extent(at::IntArrayRef sizes, at::IntArrayRef strides) {
  std::int64_t last = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) return 0;
    last += (sizes[i] - 1) * strides[i];
  }
  return last + 1;
}

std::uint64_t extent_bytes(const at::Tensor& tensor) {
  return static_cast<std::uint64_t>(extent(tensor.sizes(), tensor.strides())) *
         static_cast<std::uint64_t>(tensor.element_size());
}

char* start(const at::Tensor& tensor) {
  return static_cast<char*>(tensor.data_ptr());
}

bool overlap(const at::Tensor& a, const at::Tensor& b) {
  const auto a_bytes = extent_bytes(a);
  const auto b_bytes = extent_bytes(b);
  if (a_bytes == 0 || b_bytes == 0) return false;
  const auto a_start = reinterpret_cast<std::uintptr_t>(a.const_data_ptr());
  const auto b_start = reinterpret_cast<std::uintptr_t>(b.const_data_ptr());
  return a_start < b_start + b_bytes && b_start < a_start + a_bytes;
}

at::Tensor number_tensor(const c10::IValue& number) {
  const at::Scalar scalar = number.toScalar();
  return at::scalar_tensor(scalar, at::TensorOptions(at::kCPU).dtype(scalar.type()));
}

at::Tensor wrapped_number(const c10::IValue& number) {
  at::Tensor tensor = number_tensor(number);
  tensor.unsafeGetTensorImpl()->set_wrapped_number(true);
  return tensor;
}

c10::IValue number_of(const at::Tensor& tensor) {
  return c10::IValue(tensor.item());
}

std::string describe(const at::Tensor& tensor) {
  if (!tensor.defined()) return "no tensor";
  const auto dtype = plan_dtype(tensor.scalar_type());
  std::string text(dtype ? plan::name(*dtype) : std::string_view(c10::toString(tensor.scalar_type())));
  text += join(tensor.sizes());
  if (!tensor.is_contiguous()) text += " strides " + join(tensor.strides());
  if (tensor.unsafeGetTensorImpl()->is_wrapped_number()) text += " (a number)";
  return text;
}

std::string describe(const c10::IValue& value) {
  if (value.isTensor()) return describe(value.toTensor());
  if (value.isNone()) return "none";
  if (value.isBool()) return value.toBool() ? "true" : "false";
  if (value.isInt()) return std::to_string(value.toInt());
  if (value.isDouble()) {
    // As JSON and Python write it: shortest digits that read back the same.
    std::array<char, 32> digits{};
    const int length = std::snprintf(digits.data(), digits.size(), "%.6g", value.toDouble());
    return {digits.data(), static_cast<std::size_t>(length)};
  }
  if (value.isString()) return '"' + value.toStringRef() + '"';
  if (value.isDevice()) return value.toDevice().str();
  if (value.isList()) {
    const auto list = value.toListRef();
    std::string text = "[";
    for (std::size_t i = 0; i < list.size() && i < 8; ++i)
      text += (i == 0 ? "" : ", ") + describe(list[i]);
    return text + (list.size() > 8 ? ", …]" : "]");
  }
  return value.tagKind();
}

}  // namespace genie::kernels_aten
