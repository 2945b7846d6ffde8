// Weights, blobs and states of all models of an archive: names, sharing, digests, and which tensors outlive a call.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "archive/pt2.hpp"
#include "capture/aliases.hpp"
#include "capture/options.hpp"
#include "genie/plan/model.hpp"
#include "torch/program.hpp"

namespace genie::pytorch {

/// Reports work; false asks to stop.
using Progress = std::function<bool(std::uint64_t done, std::uint64_t total, std::string_view what)>;

/// The storage key of every placeholder of a program that is a weight: what find_aliases wants.
[[nodiscard]] std::map<std::string, std::string> placeholder_storages(const Program& program);

/// How the models' names map to the plan's.
class WeightTable {
 public:
  /// Checks every payload against its storage (GE0218, GE0219), hashes what must be hashed, decides on states and names, and
  /// fills weights, states, blobs and locations of `plan`. `aliases` is parallel to `programs`. `stopped` is set when
  /// progress asked to stop; the result is then an error without meaning.
  [[nodiscard]] static Result<WeightTable> build(const Pt2Archive& archive,
                                                 const std::vector<Program>& programs,
                                                 const std::vector<Aliases>& aliases, const Options& options,
                                                 const Progress& progress, plan::Plan& plan, bool& stopped);

  /// The argument that names a model's weight or state.
  [[nodiscard]] plan::Arg argument(std::size_t program, std::string_view name) const;
  /// The digest of a storage by its key; "zeros" for states that begin as zeros.
  [[nodiscard]] const std::map<std::string, std::string>& storage_digests() const { return digests_; }

 private:
  friend class WeightBuilder;
  std::vector<std::map<std::string, plan::Arg, std::less<>>> arguments_;  ///< per program, by qualified name
  std::map<std::string, std::string> digests_;
};

}  // namespace genie::pytorch
