#include "literal.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "element.hpp"
#include "genie/plan/json.hpp"

namespace genie::tensors {

using plan::DType;
using plan::json::Document;
using plan::json::Kind;
using plan::json::View;

namespace {

plan::Diagnostic bad_literal(View where, std::string message, std::string help) {
  plan::Diagnostic diagnostic;
  diagnostic.code = "GE0706";
  diagnostic.pointer = where.pointer();
  diagnostic.message = std::move(message);
  diagnostic.help = std::move(help);
  return diagnostic;
}

std::vector<std::int64_t> shape_of(View view) {
  std::vector<std::int64_t> shape;
  std::optional<View> level = view;
  while (level && level->is(Kind::array)) {
    shape.push_back(static_cast<std::int64_t>(level->size()));
    std::optional<View> first;
    for (const auto [key, item] : level->items()) {
      first = item;
      break;
    }
    level = first;
  }
  return shape;
}

std::optional<double> word(std::string_view text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

class Filler {
 public:
  Filler(DType dtype, const std::vector<std::int64_t>& shape) : dtype_(dtype), shape_(shape) {}

  /// Writes all elements below `view`; the first problem ends it.
  std::optional<plan::Diagnostic> fill(View view, std::size_t depth, std::byte*& into) {
    if (depth == shape_.size()) return element(view, into);
    if (!view.is(Kind::array) || view.size() != static_cast<std::size_t>(shape_[depth]))
      return bad_literal(
          view, fmt::format("expected a list of {}, as the first list at this depth has", shape_[depth]),
          "give all lists of one depth the same length");
    for (const auto [key, item] : view.items())
      if (auto wrong = fill(item, depth + 1, into)) return wrong;
    return std::nullopt;
  }

 private:
  std::optional<plan::Diagnostic> element(View view, std::byte*& into) {
    if (view.is(Kind::array))
      return bad_literal(view, "expected a number, as its neighbours are", "nest all lists equally deep");
    const bool whole = plan::is_integral(dtype_) || dtype_ == DType::boolean;
    if (view.is(Kind::boolean)) {
      if (whole)
        store_integer(dtype_, into, view.boolean() ? 1 : 0);
      else
        store_real(dtype_, into, view.boolean() ? 1 : 0);
    } else if (whole) {
      const IntegerBounds bounds = integer_bounds(dtype_);
      if (!view.is(Kind::integer) || view.integer() < bounds.min || view.integer() > bounds.max)
        return bad_literal(
            view, fmt::format("{} is no {}", view.canonical(), plan::name(dtype_)),
            fmt::format("write an integer from {} to {}, or choose another `dtype`", bounds.min, bounds.max));
      store_integer(dtype_, into, view.integer());
    } else {
      const auto number = view.is(Kind::string)                           ? word(view.string())
                          : view.is(Kind::integer) || view.is(Kind::real) ? std::optional(view.real())
                                                                          : std::nullopt;
      if (!number)
        return bad_literal(view, fmt::format("{} is no number", view.canonical()),
                           "write 0.5, true, \"NaN\" or lists of these");
      store_real(dtype_, into, *number);
    }
    into += plan::size_bytes(dtype_);
    return std::nullopt;
  }

  DType dtype_;
  const std::vector<std::int64_t>& shape_;
};

/// 0: only true and false, 1: integers among them, 2: anything else.
int widest(View view) {
  if (view.is(Kind::boolean)) return 0;
  if (view.is(Kind::integer)) return 1;
  if (!view.is(Kind::array)) return 2;
  int found = view.size() == 0 ? 2 : 0;
  for (const auto [key, item] : view.items())
    found = std::max(found, widest(item));
  return found;
}

}  // namespace

DType literal_dtype(std::string_view json) {
  const auto document = Document::parse(json);
  const int kind = document ? widest(document->root()) : 2;
  return kind == 0 ? DType::boolean : kind == 1 ? DType::i64 : DType::f32;
}

plan::Result<Tensor> literal_tensor(std::string_view json, DType dtype) {
  auto document = Document::parse(json);
  if (!document) return std::move(document).errors();
  const View root = document->root();
  std::vector<std::int64_t> shape = shape_of(root);
  std::optional<plan::Diagnostic> wrong;
  auto tensor = Tensor::make(dtype, shape, [&](std::span<std::byte> into) {
    // The shape is read from the first items only: others may be longer, but filling stops at the first that differs.
    std::byte* at = into.data();
    wrong = Filler(dtype, shape).fill(root, 0, at);
  });
  if (wrong) return *wrong;
  return tensor;
}

}  // namespace genie::tensors
