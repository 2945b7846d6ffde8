// What the user can set for a capture.
#pragma once

#include <string>
#include <string_view>

#include "error.hpp"

namespace genie::pytorch {

struct Options {
  bool share_states = true;   ///< models of one archive share a state of one name and content
  bool verify_blobs = false;  ///< hash every weight anew, whatever the digest cache says
  std::string method;         ///< capture this model of the archive alone; empty: all of them
};

/// Reads the JSON object of `source.options`. GE0250 unknown option, GE0251 wrong type.
[[nodiscard]] Result<Options> parse_options(std::string_view json);

}  // namespace genie::pytorch
