#include "debugger/reference.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace genie::debugger {

using runtime::Status;
using runtime::StepEvent;
using runtime::StepView;

Status Recorder::event(const StepEvent& event, const StepView& view) {
  if (event.kind != StepEvent::Kind::stage_end) return runtime::Unit{};
  const Placed* placed = nodes_.find(event.method, event.stage);
  if (placed == nullptr || placed->node == nullptr) return runtime::Unit{};
  const std::string method(event.method);
  if (only_ && !only_->contains({method, placed->node->id})) return runtime::Unit{};
  for (const std::string& value : Nodes::makes(*placed->node)) {
    auto tensor = view.value(event.device, value);
    if (!tensor) return std::move(tensor).failure();
    if (*tensor) values_.insert_or_assign({event.step, method, value}, **std::move(tensor));
  }
  return runtime::Unit{};
}

std::optional<Mismatch> Reference::check(std::uint64_t step, std::string_view method,
                                         const std::string& value, const tensors::Tensor& actual) {
  const auto at = values_.find({step, std::string(method), value});
  if (at == values_.end()) return std::nullopt;
  const tensors::Tensor& expected = at->second;
  ++compared_;
  if (actual.dtype() != expected.dtype() || actual.shape() != expected.shape()) {
    ++differing_;
    return Mismatch{value, fmt::format("{}, the reference has {}", actual.type_text(), expected.type_text())};
  }
  const tensors::Difference difference = tensors::compare(actual, expected, rtol_, atol_);
  if (difference.beyond == 0) return std::nullopt;
  ++differing_;
  return Mismatch{value,
                  fmt::format("{}: {} of {} elements differ, the largest difference is {:.6g}, most at [{}]",
                              actual.type_text(), difference.beyond, actual.elements(), difference.max_abs,
                              fmt::join(tensors::unravel(difference.worst, actual.shape()), ", "))};
}

void Reference::note(std::uint64_t step, const std::string& node, const Mismatch& mismatch) {
  if (!first_) first_ = First{step, node, mismatch};
}

}  // namespace genie::debugger
