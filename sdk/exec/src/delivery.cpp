// Outputs of a step: found where they were made, brought to the caller.
#include <algorithm>
#include <cstring>

#include "genie/exec/stage_run.hpp"

namespace genie::exec {

namespace {

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t d = 0; d < shape.size(); ++d)
    text += (d == 0 ? "" : ", ") + std::to_string(shape[d]);
  return text + "]";
}

/// The bytes a tensor spans as one row.
Tensor flat(const Tensor& tensor) {
  Tensor row = tensor;
  row.shape = {static_cast<std::int64_t>(span_elements(tensor))};
  row.strides = {1};
  return row;
}

}  // namespace

genie::Expected<std::optional<Found>> Delivery::find(const Output& output, const std::vector<Held>& slots,
                                                     const std::vector<Found>& inputs) {
  if (output.slot != kNone) {
    if (!slots[output.slot].here) return std::optional<Found>();
    return std::optional(Found{slots[output.slot].tensor, method_.slots[output.slot].device});
  }
  if (output.input != kNone) return std::optional(inputs[output.input]);
  const plan::Arg& value = output.port->value;
  if (std::holds_alternative<plan::arg::Null>(value.is)) return std::optional<Found>();
  if (const auto* w = std::get_if<plan::arg::Weight>(&value.is)) return weight(w->name);
  if (const auto* s = std::get_if<plan::arg::State>(&value.is))
    return std::optional(Found{session_.state(s->name), session_.program().state_device(s->name)});
  if (const auto* d = std::get_if<plan::arg::Dim>(&value.is)) {
    const auto size = d->expr.evaluate(sizes_);
    if (!size)
      return problem(GENIE_INTERNAL, "GE0609",
                     "output " + output.port->name + " is " + d->expr.to_text() + ", which nothing decided");
    return number(*size, plan::DType::i64);
  }
  if (const auto* i = std::get_if<std::int64_t>(&value.is)) return number(*i, plan::DType::i64);
  if (const auto* f = std::get_if<double>(&value.is)) return number(*f, plan::DType::f64);
  if (const auto* b = std::get_if<bool>(&value.is))
    return number(static_cast<std::uint8_t>(*b), plan::DType::boolean);
  return genie::unimplemented("output " + output.port->name + " is not a tensor or a number");
}

genie::Expected<std::optional<Found>> Delivery::weight(const std::string& name) {
  const auto at = session_.program().plan().weights.find(name);
  if (at == session_.program().plan().weights.end())
    return problem(GENIE_INVALID_ARGUMENT, "GE0601",
                   "an output is weight " + name + ", which the plan lacks");
  auto blob = session_.program().blobs()(call_, at->second.blob);
  if (!blob) return std::move(blob).error();
  blob_.emplace(*std::move(blob));
  Found found;
  found.tensor.data = const_cast<void*>(blob_->bytes.data);  // read only
  found.tensor.byte_offset = at->second.offset_bytes;
  found.tensor.dtype = dtype_of(at->second.dtype);
  found.tensor.shape = at->second.shape;
  found.tensor.strides = at->second.strides.empty() ? contiguous(at->second.shape) : at->second.strides;
  return std::optional(std::move(found));
}

template <class T>
genie::Expected<std::optional<Found>> Delivery::number(T value, plan::DType dtype) {
  auto storage = Storage::allocate(nullptr, sizeof value, Claim());
  if (!storage) return std::move(storage).error();
  std::memcpy((*storage)->data(), &value, sizeof value);
  Found found;
  found.tensor.storage = *storage;
  found.tensor.data = (*storage)->data();
  found.tensor.dtype = dtype_of(dtype);
  return std::optional(std::move(found));
}

genie::Outcome Delivery::fetch(const std::optional<Found>& found, genie_step_output& into) {
  if (!found) {
    if (into.tensor != nullptr)
      return problem(GENIE_INVALID_ARGUMENT, "GE0607", "it is None, which fills no tensor",
                     "leave the tensor of this output null");
    return genie::Done{};
  }
  const Tensor& source = found->tensor;
  if (into.tensor == nullptr) {
    const bool zero = imagined_ && found->tensor.data == nullptr;
    auto made = make_host_tensor(source.dtype, source.shape, source.strides, zero);
    if (!made) return std::move(made).error();
    if (!zero && span_elements(source) != 0)
      if (auto done = copy(host_, call_, flat(describe((*made)->view)), flat(source)); !done) {
        (*made)->deleter(*made);
        return done;
      }
    into.tensor = *made;
  } else {
    const Tensor target = describe(into.tensor->view);
    if (target.shape != source.shape || target.dtype.code != source.dtype.code ||
        target.dtype.bits != source.dtype.bits)
      return problem(GENIE_INVALID_ARGUMENT, "GE0607",
                     "it has shape " + shape_text(source.shape) + ", the tensor given for it " +
                         shape_text(target.shape) + " (or the element types differ)",
                     "give a tensor of its type, or none");
    if (source.data != nullptr) {
      const bool same = target.strides == source.strides;
      if (auto done = copy(host_, call_, same ? flat(target) : target, same ? flat(source) : source); !done)
        return done;
    } else {
      std::memset(static_cast<std::byte*>(target.data) + target.byte_offset, 0, span_bytes(target));
    }
  }
  counters_.add("payload_copies", 1);
  return genie::Done{};
}

}  // namespace genie::exec
