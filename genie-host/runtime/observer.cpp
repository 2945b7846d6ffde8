#include "runtime/observer.hpp"

#include <utility>

#include "runtime/call_error.hpp"
#include "runtime/instance.hpp"
#include "runtime/tensor.hpp"
#include "services/status.hpp"

namespace genie::runtime {

using services::str;
using services::view;

Result<tensors::Tensor> StepView::owned(genie_tensor* tensor, std::string_view what) const {
  if (tensor == nullptr)
    return failure(Category::plugin, GENIE_INTERNAL, "GE0132",
                   backend_ + " said that it read " + std::string(what) + ", but gave nothing");
  const OwnedTensor owner(tensor);
  auto copy = tensors::Tensor::copy_of(owner.view());
  if (!copy) return failure(Category::execution, std::move(copy).errors());
  return *std::move(copy);
}

Result<std::optional<tensors::Tensor>> StepView::value(std::string_view device,
                                                       std::string_view value) const {
  genie_tensor* tensor = nullptr;
  const services::StatusPtr status(view_.read_value(view_.ctx, str(device), str(value), &tensor));
  if (!status.ok()) {
    if (status.info().code == GENIE_NOT_FOUND) return std::optional<tensors::Tensor>();
    return failure_of({backend_, "read a value", Category::execution, "GE0660"}, status);
  }
  auto read = owned(tensor, value);
  if (!read) return std::move(read).failure();
  return std::optional(*std::move(read));
}

Result<tensors::Tensor> StepView::state(std::string_view name) const {
  genie_tensor* tensor = nullptr;
  const services::StatusPtr status(view_.read_state(view_.ctx, str(name), &tensor));
  if (!status.ok()) return failure_of({backend_, "read a state", Category::execution, "GE0660"}, status);
  return owned(tensor, name);
}

Result<std::string> StepView::describe() const {
  TextSink sink;
  const services::StatusPtr status(view_.describe(view_.ctx, sink.sink()));
  if (!status.ok())
    return failure_of({backend_, "describe its devices", Category::execution, "GE0660"}, status);
  return std::move(sink.value);
}

ObserverShim::ObserverShim(std::shared_ptr<StepObserver> observer, std::string backend)
    : observer_(std::move(observer)), backend_(std::move(backend)) {
  table_.struct_size = sizeof table_;
  table_.ctx = this;
  table_.event = [](void* ctx, const genie_step_event* event,
                    const genie_step_view* step) noexcept -> genie_status* {
    try {
      return static_cast<ObserverShim*>(ctx)->event(*event, *step);
    } catch (const std::exception& e) {
      return services::make_status(GENIE_INTERNAL, e.what());
    }
  };
}

genie_status* ObserverShim::event(const genie_step_event& event, const genie_step_view& step) {
  StepEvent out;
  switch (event.kind) {
    case GENIE_STEP_TRANSFER:
      out.kind = StepEvent::Kind::transfer;
      break;
    case GENIE_STEP_STAGE_BEGIN:
      out.kind = StepEvent::Kind::stage_begin;
      break;
    case GENIE_STEP_STAGE_END:
      out.kind = StepEvent::Kind::stage_end;
      break;
    default:
      return nullptr;  // of a later minor
  }
  out.step = event.step;
  out.method = view(event.method);
  out.stage = view(event.stage);
  out.device = view(event.device);
  out.value = view(event.value);
  out.from = view(event.from);
  out.bytes = event.bytes;
  if (event.t_ns != GENIE_STEP_UNKNOWN_TIME) out.t_ns = event.t_ns;
  Status answer = observer_->event(out, StepView(step, backend_));
  if (answer) return nullptr;
  failure_ = std::move(answer).failure();
  return services::make_status(failure_->code, failure_->diagnostics);
}

}  // namespace genie::runtime
