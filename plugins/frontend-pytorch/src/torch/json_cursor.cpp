#include "torch/json_cursor.hpp"

#include <limits>

namespace genie::pytorch {

void JsonCursor::fail(const View& at, std::string what, std::string_view code) {
  if (error_) return;
  // Other codes say that the file is well formed, but holds something that is not known here.
  Diagnostic diagnostic = source_error(
      std::string(code), file_, part_ + ": " + std::move(what),
      code == "GE0230"
          ? "the file is not what torch.export.save writes; save it again with torch 2.9 or newer"
      : code == "GE0246"
          ? "make it a dense tensor of a plain element type before exporting: t.to_dense(), t.dequantize()"
          : "a newer torch wrote it: use a newer Genie, or save the model with torch 2.9 to 2.13");
  diagnostic.pointer = at.pointer();
  error_ = std::move(diagnostic);
}

std::optional<JsonCursor::View> JsonCursor::member(const View& object, std::string_view key) {
  if (!is_object(object)) return std::nullopt;
  auto found = object.find(key);
  if (!found) fail(object, "'" + std::string(key) + "' is missing");
  return found;
}

std::optional<JsonCursor::View> JsonCursor::optional_member(const View& object, std::string_view key) {
  if (!is_object(object)) return std::nullopt;
  auto found = object.find(key);
  return found && !found->is(Kind::null) ? found : std::nullopt;
}

std::optional<std::pair<std::string_view, JsonCursor::View>> JsonCursor::union_member(const View& object) {
  if (!is_object(object)) return std::nullopt;
  if (object.size() != 1) {
    fail(object, "a tagged value must have exactly one key, this one has " + std::to_string(object.size()));
    return std::nullopt;
  }
  const plan::json::Member only = *object.items().begin();
  return std::pair(only.key, only.value);
}

std::string_view JsonCursor::text(const View& view) {
  if (view.is(Kind::string)) return view.string();
  fail(view, "a string is expected here");
  return {};
}

std::int64_t JsonCursor::integer(const View& view) {
  if (view.is(Kind::integer)) return view.integer();
  fail(view, "an integer is expected here");
  return 0;
}

bool JsonCursor::boolean(const View& view) {
  if (view.is(Kind::boolean)) return view.boolean();
  fail(view, "true or false is expected here");
  return false;
}

double JsonCursor::real(const View& view) {
  if (view.is(Kind::real) || view.is(Kind::integer)) return view.real();
  if (view.is(Kind::string)) {
    if (view.string() == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (view.string() == "Infinity") return std::numeric_limits<double>::infinity();
    if (view.string() == "-Infinity") return -std::numeric_limits<double>::infinity();
  }
  fail(view, "a number is expected here");
  return 0;
}

bool JsonCursor::is_array(const View& view) {
  if (view.is(Kind::array)) return true;
  fail(view, "an array is expected here");
  return false;
}

bool JsonCursor::is_object(const View& view) {
  if (view.is(Kind::object)) return true;
  fail(view, "an object is expected here");
  return false;
}

std::string_view JsonCursor::text(const View& object, std::string_view key) {
  const auto view = member(object, key);
  return view ? text(*view) : std::string_view();
}

std::int64_t JsonCursor::integer(const View& object, std::string_view key) {
  const auto view = member(object, key);
  return view ? integer(*view) : 0;
}

}  // namespace genie::pytorch
