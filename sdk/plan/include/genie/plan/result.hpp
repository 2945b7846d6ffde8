// Result<T>: a value, or the diagnostics that say why there is none.
#pragma once

#include <cassert>
#include <optional>
#include <utility>
#include <variant>

#include "genie/plan/diagnostic.hpp"

namespace genie::plan {

/// Holds T or a non-empty list of diagnostics. Warnings that accompany a value travel beside it in the API that makes them.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Diagnostic error) : state_(std::in_place_index<1>) {
    std::get<1>(state_).push_back(std::move(error));
  }
  Result(Diagnostics errors) : state_(std::in_place_index<1>, std::move(errors)) {
    assert(!std::get<1>(state_).empty());
  }

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  [[nodiscard]] T& value() & { return std::get<0>(state_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  [[nodiscard]] const Diagnostics& errors() const& { return std::get<1>(state_); }
  [[nodiscard]] Diagnostics&& errors() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Diagnostics> state_;
};

/// Success carries nothing.
struct Unit {};
using Status = Result<Unit>;

}  // namespace genie::plan
