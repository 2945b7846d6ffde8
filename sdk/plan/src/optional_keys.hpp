// Keys of members that the model keeps with the unknown ones. The codec checks them all the same.
#pragma once

#include <string_view>

#include "codec_fields.hpp"

namespace genie::plan::detail {

inline constexpr std::string_view kRngStream = "rng_stream";
inline constexpr std::string_view kConstant = "constant";
inline constexpr std::string_view kRequiresGrad = "requires_grad";

/// An argument that is an int, a float or a bool. In optional_members.cpp.
[[nodiscard]] Arg read_number(Problems& problems, const View& view);

/// Calls check(member) for an object's member of that name.
template <class Check>
void check_member(const View& object, std::string_view key, Check&& check) {
  if (!object.is(Kind::object)) return;
  if (const auto member = object.find(key)) check(*member);
}

}  // namespace genie::plan::detail
