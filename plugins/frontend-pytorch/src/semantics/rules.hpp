// The rules of data/semantics.json, parsed, and their patterns.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace genie::pytorch {

/// The text of data/semantics.json.
extern const std::string_view kRulesJson;

/// One rule. An empty list of patterns is no condition; of a non-empty one, one pattern must match.
struct Rule {
  std::string is;
  double confidence = 0;
  std::vector<std::string> scope, not_scope;  ///< module paths, by component
  std::vector<std::string> op;                ///< plan operators
  std::vector<std::string> name;              ///< of a state
  std::vector<std::string> input;             ///< names of inputs
  std::vector<std::string> updated_by;        ///< operators that write a state
  std::vector<std::string> touches_state;     ///< role of a state that the node reads or writes
  std::vector<std::string> method;            ///< name of the method
  std::vector<std::string> role,
      modality;  ///< what earlier rules found for the node; for residency, role of the state
  std::vector<std::string> has_state;  ///< role of a state of the method
  std::vector<std::string> has_role;   ///< role of any node of the method
  std::vector<std::int64_t> channels;  ///< sizes allowed in dimension 1
  std::optional<std::int64_t> rank, min_rank, max_rank;
  std::optional<bool> floating;
  std::optional<bool> same_shape;   ///< both tensors of a binary operator have the result's shape
  std::optional<bool> single_step;  ///< the method's token input has length 1
};

struct Rules {
  std::vector<Rule> states, state_residency, modalities, modality_scopes, roles, phases;
  Rule fusion;
  double inherited_confidence = 0;  ///< of a modality that came along the data
  double sole_confidence = 0;       ///< of the only modality of a method, where no data brings one
};

/// The embedded rules. Parsed at each call: a capture does so once. Throws std::logic_error when the data is wrong, which a
/// test excludes.
[[nodiscard]] Rules load_rules();

/// '*' stands for any characters, '#' for a number. Without regard to case.
[[nodiscard]] bool matches_text(std::string_view pattern, std::string_view text);
/// The same per component of a dotted path; '**' stands for any number of components.
[[nodiscard]] bool matches_path(std::string_view pattern, std::string_view path);

}  // namespace genie::pytorch
