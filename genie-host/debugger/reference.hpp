// Another run's values, node by node, to compare with.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "debugger/nodes.hpp"
#include "runtime/observer.hpp"
#include "tensors/compare.hpp"

namespace genie::debugger {

/// What every node gave in every step: step, method, value → tensor. In memory, so as large as all activations together.
using Values = std::map<std::tuple<std::uint64_t, std::string, std::string>, tensors::Tensor>;

/// Collects the results of nodes as they are made: of all, or of the selected ones.
class Recorder final : public runtime::StepObserver {
 public:
  Recorder(const plan::Plan& scheduled, std::optional<NodeSet> only)
      : nodes_(scheduled), only_(std::move(only)) {}
  [[nodiscard]] runtime::Status event(const runtime::StepEvent& event,
                                      const runtime::StepView& view) override;
  [[nodiscard]] const Values& values() const { return values_; }

 private:
  Nodes nodes_;
  std::optional<NodeSet> only_;
  Values values_;
};

/// A result that is not the reference's.
struct Mismatch {
  std::string value;
  std::string what;  ///< "f32[2, 3], the reference f32[2, 4]" or how far it is off
};

/// Compares what nodes give with a reference.
class Reference {
 public:
  Reference(Values values, double rtol, double atol) : values_(std::move(values)), rtol_(rtol), atol_(atol) {}
  /// What differs of one result; nothing when it agrees or the reference does not have it.
  [[nodiscard]] std::optional<Mismatch> check(std::uint64_t step, std::string_view method,
                                              const std::string& value, const tensors::Tensor& actual);
  [[nodiscard]] std::uint64_t compared() const { return compared_; }
  [[nodiscard]] std::uint64_t differing() const { return differing_; }
  /// The first result that differed, with the node that gave it.
  struct First {
    std::uint64_t step = 0;
    std::string node;  ///< Nodes::text
    Mismatch mismatch;
  };
  [[nodiscard]] const std::optional<First>& first() const { return first_; }
  void note(std::uint64_t step, const std::string& node, const Mismatch& mismatch);

 private:
  Values values_;
  double rtol_;
  double atol_;
  std::uint64_t compared_ = 0;
  std::uint64_t differing_ = 0;
  std::optional<First> first_;
};

}  // namespace genie::debugger
