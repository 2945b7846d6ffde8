// Plan documents to bytes and back.
#pragma once

#include <string>
#include <string_view>

#include "genie/plan/json.hpp"
#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"

namespace genie::plan {

/// V0 and V1: bytes to model. All errors of the level that fails, each with its JSON pointer.
/// `file` only names the document in diagnostics.
[[nodiscard]] Result<Plan> decode(std::string_view bytes, const json::Limits& limits = {},
                                  std::string_view file = {});

struct EncodeOptions {
  bool locations = false;  ///< include `locations` (never in canonical bytes that are hashed)
  unsigned indent = 0;     ///< 0: canonical bytes (RFC 8785); else for people
};

/// Canonical unless indented. decode(encode(p)) equals p; canonical bytes are a fixed point.
[[nodiscard]] std::string encode(const Plan& plan, const EncodeOptions& options = {});

/// "sha256:…" of the canonical bytes without locations.
[[nodiscard]] std::string plan_id(const Plan& plan);

/// "sha256:…" of any bytes.
[[nodiscard]] std::string digest(std::string_view bytes);

/// A schedule object alone, as a policy returns it (V1 of that object).
[[nodiscard]] Result<Schedule> decode_schedule(std::string_view bytes);
[[nodiscard]] std::string encode_schedule(const Schedule& schedule);

/// The hints document a policy receives: a JSON array of constraints.
[[nodiscard]] Result<std::vector<Constraint>> decode_constraints(std::string_view bytes);
[[nodiscard]] std::string encode_constraints(const std::vector<Constraint>& constraints);

}  // namespace genie::plan
