#include "capture/options.hpp"

#include <vector>

#include "genie/plan/json.hpp"

namespace genie::pytorch {
namespace {

using plan::json::Kind;
using plan::json::View;

constexpr std::string_view kPlace = "source.options";

Diagnostic wrong_type(std::string_view key, std::string_view wanted) {
  Diagnostic diagnostic = source_error(
      "GE0251", {}, "option '" + std::string(key) + "' of frontend-pytorch must be " + std::string(wanted),
      "correct it in " + std::string(kPlace));
  diagnostic.pointer = plan::json::pointer_token(key);
  return diagnostic;
}

}  // namespace

Result<Options> parse_options(std::string_view json) {
  Options options;
  if (json.empty()) return options;
  auto document = plan::json::Document::parse(json, {}, kPlace);
  if (!document) return std::move(document).errors();
  const View root = document->root();
  if (!root.is(Kind::object)) return wrong_type("", "a JSON object");
  const std::vector<std::string_view> known = {"method", "share_states", "verify_blobs"};
  Diagnostics errors;
  for (const auto& [key, value] : root.items()) {
    if (key == "share_states" || key == "verify_blobs") {
      if (!value.is(Kind::boolean))
        errors.push_back(wrong_type(key, "true or false"));
      else
        (key == "share_states" ? options.share_states : options.verify_blobs) = value.boolean();
    } else if (key == "method") {
      if (!value.is(Kind::string))
        errors.push_back(wrong_type(key, "the name of a model in the archive"));
      else
        options.method = value.string();
    } else {
      const std::string_view near = plan::json::nearest(key, known);
      Diagnostic diagnostic =
          source_error("GE0250", {}, "frontend-pytorch has no option '" + std::string(key) + "'",
                       near.empty() ? "its options are method, share_states and verify_blobs"
                                    : "did you mean '" + std::string(near) +
                                          "'? Its options are method, share_states and verify_blobs");
      diagnostic.pointer = plan::json::pointer_token(key);
      errors.push_back(std::move(diagnostic));
    }
  }
  if (!errors.empty()) return errors;
  return options;
}

}  // namespace genie::pytorch
