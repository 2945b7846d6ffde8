#include "arg_kinds.hpp"

#include <algorithm>

#include "messages.hpp"

namespace genie::plan::detail {

namespace {

const Value* value_of(const Arg& from, const TypeScope& scope) {
  const auto* value = std::get_if<arg::Value>(&from.is);
  return value == nullptr ? nullptr : scope.value(value->id);
}

template <class T>
bool is(const Arg& from) {
  return std::holds_alternative<T>(from.is);
}

bool is_tensor(const Arg& from) {
  return is<arg::Value>(from) || is<arg::Weight>(from) || is<arg::State>(from);
}

bool is_whole_number(const Arg& from, const TypeScope& scope) {
  if (is<std::int64_t>(from) || is<bool>(from) || is<arg::Dim>(from)) return true;
  const Value* value = value_of(from, scope);
  return value != nullptr && value->scalar && *value->scalar != ScalarKind::floating;
}

bool is_number(const Arg& from, const TypeScope& scope) {
  if (is_whole_number(from, scope) || is<double>(from)) return true;
  const Value* value = value_of(from, scope);
  return value != nullptr && value->scalar.has_value();
}

bool fits_base(const Arg& from, std::string_view type, const TypeScope& scope) {
  // A number in a tensor's place is a 0-d tensor.
  if (type == "Tensor") return is_tensor(from) || is_number(from, scope) || is<arg::Complex>(from);
  if (type == "Scalar") return is_number(from, scope) || is<arg::Complex>(from);
  if (type == "int" || type == "SymInt" || type == "bool" || type == "SymBool")
    return is_whole_number(from, scope);
  if (type == "float" || type == "SymFloat") return is_number(from, scope);
  if (type == "str") return is<arg::Str>(from);
  if (type == "ScalarType") return is<DType>(from);
  if (type == "Layout") return is<arg::Layout>(from);
  if (type == "MemoryFormat") return is<arg::MemoryFormat>(from);
  if (type == "Device") return is<arg::Device>(from);
  return false;  // generators, storages, streams and classes have no form in a plan
}

std::string shape_text(DType dtype, std::span<const Expr> shape) {
  return " (" + std::string(name(dtype)) + " " + to_text(shape) + ")";
}

}  // namespace

bool fits(const Arg& from, std::string_view type, const TypeScope& scope) {
  if (type.ends_with('?')) return is<arg::Null>(from) || fits(from, type.substr(0, type.size() - 1), scope);
  if (!type.ends_with(']')) return fits_base(from, type, scope);
  const std::size_t open = type.rfind('[');
  const std::string_view item = type.substr(0, open);
  if (const auto* list = std::get_if<arg::List>(&from.is))
    return std::ranges::all_of(list->items, [&](const Arg& a) { return fits(a, item, scope); });
  // "int[2]": one number stands for all.
  return type[open + 1] != ']' && fits(from, item, scope);
}

std::string describe(const Arg& from, const TypeScope& scope) {
  struct Describe {
    const TypeScope& scope;
    std::string operator()(const arg::Null&) const { return "null"; }
    std::string operator()(const arg::Value& a) const {
      const Value* value = scope.value(a.id);
      if (value == nullptr) return "value " + a.id;
      if (value->scalar) return "the number " + a.id;
      return "value " + a.id + shape_text(value->dtype, value->shape);
    }
    std::string operator()(const arg::Weight& a) const { return "weight " + a.name; }
    std::string operator()(const arg::State& a) const { return "state " + a.name; }
    std::string operator()(std::int64_t a) const { return "int " + std::to_string(a); }
    std::string operator()(double) const { return "a float"; }
    std::string operator()(bool a) const { return a ? "bool true" : "bool false"; }
    std::string operator()(const arg::Complex&) const { return "a complex number"; }
    std::string operator()(const arg::Str& a) const { return "str " + quoted(a.text); }
    std::string operator()(DType a) const { return "dtype " + std::string(name(a)); }
    std::string operator()(const arg::Layout& a) const { return "layout " + a.name; }
    std::string operator()(const arg::MemoryFormat& a) const { return "memory_format " + a.name; }
    std::string operator()(const arg::Device&) const { return "a device"; }
    std::string operator()(const arg::Dim& a) const { return "dim " + a.expr.to_text(); }
    std::string operator()(const arg::Graph& a) const { return "graph " + a.name; }
    std::string operator()(const arg::List& a) const { return "a list of " + std::to_string(a.items.size()); }
  };
  return std::visit(Describe{scope}, from.is);
}

}  // namespace genie::plan::detail
