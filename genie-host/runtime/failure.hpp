// What the host's pipeline returns: a value, or a Failure that knows its exit code and what to tell a person.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "genie/plan/result.hpp"
#include "genie/status.h"

namespace genie::runtime {

/// Who has to act. The values are genie-host's exit codes (docs/run-config.md).
enum class Category : int {
  verification = 1,   ///< outputs differ from what was expected
  config = 2,         ///< usage, run config, input files
  invalid_plan = 3,   ///< the plan or the model behind it
  unschedulable = 4,  ///< no placement satisfies the constraints
  execution = 5,      ///< it failed while preparing or running
  plugin = 6,         ///< a plug-in is missing, refused, or broke its contract
  bug = 70,           ///< a bug in Genie itself
  interrupted = 130,  ///< cancelled by the user
};

/// What went wrong. `diagnostics` is never empty; the first error is the headline.
struct Failure {
  Category category = Category::bug;
  std::uint32_t code = GENIE_INTERNAL;  ///< GENIE_* of status.h
  plan::Diagnostics diagnostics;

  [[nodiscard]] int exit_code() const { return static_cast<int>(category); }
  /// The headline's message, with nothing around it.
  [[nodiscard]] const std::string& message() const { return diagnostics.front().message; }
};

/// A Failure with one diagnostic.
[[nodiscard]] Failure failure(Category category, std::uint32_t status_code, std::string ge_code,
                              std::string message, std::string help = {});
/// Diagnostics of the plan library or a decoder, as they are.
[[nodiscard]] Failure failure(Category category, plan::Diagnostics diagnostics,
                              std::uint32_t status_code = GENIE_INVALID_ARGUMENT);

/// Holds T or a Failure.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {
    assert(!std::get<1>(state_).diagnostics.empty());
  }

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] T& value() & { return std::get<0>(state_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  [[nodiscard]] const Failure& failure() const& { return std::get<1>(state_); }
  [[nodiscard]] Failure&& failure() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Failure> state_;
};

struct Unit {};
using Status = Result<Unit>;

/// Errors about a plug-in that a section of the run config ("/backend") names: those without a place get the section's,
/// and a pointer into the plug-in's options becomes one into the config.
[[nodiscard]] Failure in_section(Failure failure, std::string_view config_file, std::string_view section);

}  // namespace genie::runtime
