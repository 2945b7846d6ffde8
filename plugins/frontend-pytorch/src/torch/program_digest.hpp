// A digest of a serialized program that two exports of one module share.
#pragma once

#include <string>
#include <string_view>

namespace genie::pytorch {

/// "sha256:…" of the JSON text without the values of `from_node` and `nn_module_stack`, which hold addresses of the Python
/// process that exported it.
[[nodiscard]] std::string program_digest(std::string_view json);

}  // namespace genie::pytorch
