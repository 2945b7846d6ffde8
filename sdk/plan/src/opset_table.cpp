// The tables this library carries, built once from constant data at first use.
#include <algorithm>

#include "genie/plan/opset.hpp"
#include "opset_data.hpp"

namespace genie::plan {

namespace {

Arg default_argument(const detail::RawDefault& raw) {
  using Kind = detail::RawDefault::Kind;
  switch (raw.kind) {
    case Kind::integer:
      return {raw.integer};
    case Kind::real:
      return {raw.real};
    case Kind::boolean:
      return {raw.integer != 0};
    case Kind::str:
      return {arg::Str{std::string(raw.text)}};
    case Kind::dtype:
      return {dtype_from_name(raw.text).value()};
    case Kind::layout:
      return {arg::Layout{std::string(raw.text)}};
    case Kind::memory_format:
      return {arg::MemoryFormat{std::string(raw.text)}};
    case Kind::int_list: {
      arg::List list;
      for (std::int64_t i = 0; i < raw.integer; ++i)
        list.items.push_back({raw.list[i]});
      return {std::move(list)};
    }
    case Kind::required:
    case Kind::null:
      break;
  }
  return {arg::Null{}};
}

}  // namespace

struct OpTableLoader {
  static OpTable load(const detail::RawOpset& raw) {
    OpTable table;
    table.ops_.reserve(raw.ops.size());
    const auto text = [&raw](std::uint16_t number) { return std::string(raw.strings[number]); };
    for (const detail::RawOp& from : raw.ops) {
      OpSchema& op = table.ops_.emplace_back();
      op.name = text(from.name);
      op.core = from.core != 0;
      op.random = from.random != 0;
      op.data_dependent = from.data_dependent != 0;
      op.may_mutate = from.may_mutate != 0;
      op.shape_rule = text(from.shape_rule);
      op.cost_rule = text(from.cost_rule);
      op.arguments.reserve(from.arguments);
      for (const detail::RawArgument& a : raw.arguments.subspan(from.first_argument, from.arguments)) {
        OpArgument& to = op.arguments.emplace_back();
        to.name = text(a.name);
        to.type = text(a.type);
        to.kwarg_only = a.kwarg_only != 0;
        to.alias = text(a.alias);
        to.is_write = a.is_write != 0;
        const detail::RawDefault& value = raw.defaults[a.default_value];
        if (value.kind != detail::RawDefault::Kind::required) to.default_value = default_argument(value);
      }
      for (const detail::RawReturn& r : raw.returns.subspan(from.first_return, from.returns))
        op.returns.push_back({text(r.type), text(r.alias), r.is_write != 0});
    }
    table.numbers_.reserve(table.ops_.size());
    for (std::uint32_t i = 0; i < table.ops_.size(); ++i)
      table.numbers_.add(table.ops_[i].name, i);
    return table;
  }
};

bool OpSchema::mutates() const {
  return std::ranges::any_of(arguments, &OpArgument::is_write);
}

const OpTable* OpTable::find(std::string_view domain, int version) {
  if (domain != detail::kOpset_aten_1.domain || version != detail::kOpset_aten_1.version) return nullptr;
  static const OpTable table = OpTableLoader::load(detail::kOpset_aten_1);
  return &table;
}

const OpSchema* OpTable::op(std::string_view name) const {
  const std::uint32_t number = numbers_.find(name);
  return number == kNone ? nullptr : &ops_[number];
}

std::size_t OpTable::size() const {
  return ops_.size();
}

bool is_known_opset(std::string_view domain, int version) {
  if (domain == "python" || domain == "higher_order") return version == 1;
  return OpTable::find(domain, version) != nullptr;
}

bool name_declares_mutation(std::string_view op) {
  // "domain.base.overload": the base may not hold a dot, the overload may not either.
  const std::size_t last = op.rfind('.');
  if (last == std::string_view::npos) return false;
  const std::string_view overload = op.substr(last + 1);
  std::string_view base = op.substr(0, last);
  if (const std::size_t dot = base.rfind('.'); dot != std::string_view::npos) base = base.substr(dot + 1);
  const bool dunder = base.size() > 4 && base.starts_with("__") && base.ends_with("__");
  const bool in_place = base.ends_with('_') && !dunder;
  const bool out = overload == "out" || overload.ends_with("_out") || overload.starts_with("out_");
  return in_place || out;
}

}  // namespace genie::plan
