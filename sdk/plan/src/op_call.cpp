#include "op_call.hpp"

#include <algorithm>

namespace genie::plan::detail {

namespace {

/// A number of a plan as a 0-d operand.
Operand number_operand(DType dtype) {
  Operand out;
  out.dtype = dtype;
  out.wrapped = true;
  return out;
}

template <class Declared>
Operand stored_operand(const Declared& from) {
  Operand out;
  out.dtype = from.dtype;
  out.shape.assign(from.shape.begin(), from.shape.end());
  out.strides.assign(from.strides.begin(), from.strides.end());
  return out;
}

}  // namespace

const Expr& unknown_dim() {
  static const Expr unknown = Expr::symbol("?");
  return unknown;
}

bool mentions_unknown(const Expr& expr) {
  if (expr.is_int()) return false;
  std::set<std::string, std::less<>> used;
  expr.collect_symbols(used);
  return used.contains(unknown_dim().as_symbol());
}

Category category(DType dtype) {
  if (is_complex(dtype)) return Category::complex;
  if (is_floating(dtype)) return Category::floating;
  return is_integral(dtype) ? Category::integral : Category::boolean;
}

Call::Call(const OpSchema& schema, const Node& node, const TypeScope& scope, const Facts& facts)
    : schema_(&schema), node_(&node), scope_(&scope), facts_(&facts) {}

void Call::fail(std::string message) {
  if (error_.empty()) error_ = std::move(message);
}

const Arg* Call::arg(std::string_view name) const {
  if (const auto named = node_->kwargs.find(name); named != node_->kwargs.end()) return &named->second;
  for (std::size_t i = 0; i < schema_->arguments.size(); ++i) {
    const OpArgument& argument = schema_->arguments[i];
    if (argument.name != name) continue;
    if (!argument.kwarg_only && i < node_->args.size()) return &node_->args[i];
    return argument.default_value ? &*argument.default_value : nullptr;
  }
  return nullptr;
}

bool Call::has(std::string_view name) const {
  const Arg* a = arg(name);
  return a != nullptr && !std::holds_alternative<arg::Null>(a->is);
}

std::optional<Operand> Call::operand(const Arg& from) {
  if (const auto* v = std::get_if<arg::Value>(&from.is)) {
    const Value* value = scope_->value(v->id);
    if (value == nullptr) return std::nullopt;
    Operand out;
    out.dtype = value->dtype;
    out.shape = value->shape;
    out.strides = value->strides;
    out.wrapped = value->scalar.has_value();
    return out;
  }
  if (const auto* w = std::get_if<arg::Weight>(&from.is)) {
    const Weight* weight = scope_->weight(w->name);
    if (weight != nullptr) return stored_operand(*weight);
  }
  if (const auto* s = std::get_if<arg::State>(&from.is)) {
    const State* state = scope_->state(s->name);
    if (state != nullptr) return stored_operand(*state);
  }
  if (std::holds_alternative<std::int64_t>(from.is) || std::holds_alternative<arg::Dim>(from.is))
    return number_operand(DType::i64);
  if (std::holds_alternative<double>(from.is)) return number_operand(DType::f64);
  if (std::holds_alternative<bool>(from.is)) return number_operand(DType::boolean);
  if (std::holds_alternative<arg::Complex>(from.is)) return number_operand(DType::c128);
  return std::nullopt;
}

Operand Call::tensor(std::string_view name) {
  const Arg* a = arg(name);
  std::optional<Operand> found = a == nullptr ? std::nullopt : operand(*a);
  if (!found) unsure();
  return found ? std::move(*found) : Operand{};
}

std::optional<Operand> Call::optional_tensor(std::string_view name) {
  return has(name) ? std::optional(tensor(name)) : std::nullopt;
}

std::vector<std::optional<Operand>> Call::tensors(std::string_view name) {
  std::vector<std::optional<Operand>> out;
  const Arg* a = arg(name);
  const auto* list = a == nullptr ? nullptr : std::get_if<arg::List>(&a->is);
  if (list == nullptr) {
    if (has(name)) unsure();
    return out;
  }
  for (const Arg& item : list->items) {
    if (std::holds_alternative<arg::Null>(item.is)) {
      out.emplace_back();
      continue;
    }
    out.push_back(operand(item));
    if (!out.back()) unsure();
  }
  return out;
}

std::vector<Operand> Call::all_tensors() {
  std::vector<Operand> out;
  for (const OpArgument& argument : schema_->arguments) {
    if (!argument.type.starts_with("Tensor") || !has(argument.name)) continue;
    if (argument.type.find('[') == std::string::npos) {
      out.push_back(tensor(argument.name));
    } else {
      for (std::optional<Operand>& item : tensors(argument.name))
        if (item) out.push_back(std::move(*item));
    }
  }
  return out;
}

std::optional<Expr> Call::as_integer(const Arg& from) {
  if (const auto* i = std::get_if<std::int64_t>(&from.is)) return Expr(*i);
  if (const auto* d = std::get_if<arg::Dim>(&from.is)) return d->expr;
  if (const auto* b = std::get_if<bool>(&from.is)) return Expr(*b ? 1 : 0);
  // A number that the graph computes: its value is known at run time only.
  if (std::holds_alternative<arg::Value>(from.is)) return unknown_dim();
  return std::nullopt;
}

Expr Call::integer(std::string_view name) {
  const Arg* a = arg(name);
  const std::optional<Expr> found = a == nullptr ? std::nullopt : as_integer(*a);
  if (!found) unsure();
  return found.value_or(Expr(0));
}

std::optional<Expr> Call::optional_integer(std::string_view name) {
  return has(name) ? std::optional(integer(name)) : std::nullopt;
}

std::int64_t Call::constant(std::string_view name) {
  const Expr found = integer(name);
  if (found.is_int()) return found.as_int();
  unsure();
  return 0;
}

Exprs Call::integers(std::string_view name, std::size_t repeat) {
  Exprs out;
  if (!has(name)) return out;
  const Arg& a = *arg(name);
  if (const auto* list = std::get_if<arg::List>(&a.is)) {
    for (const Arg& item : list->items) {
      const std::optional<Expr> found = as_integer(item);
      if (!found) unsure();
      out.push_back(found.value_or(Expr(0)));
    }
    if (out.size() == 1 && repeat > 1) out.resize(repeat, out.front());
    return out;
  }
  out.assign(std::max<std::size_t>(repeat, 1), integer(name));
  return out;
}

std::vector<std::int64_t> Call::constants(std::string_view name, std::size_t repeat) {
  std::vector<std::int64_t> out;
  for (const Expr& e : integers(name, repeat)) {
    if (!e.is_int()) unsure();
    out.push_back(e.is_int() ? e.as_int() : 0);
  }
  return out;
}

bool Call::flag(std::string_view name) {
  const Arg* a = arg(name);
  if (a == nullptr) {
    unsure();
    return false;
  }
  if (const auto* b = std::get_if<bool>(&a->is)) return *b;
  if (const auto* i = std::get_if<std::int64_t>(&a->is)) return *i != 0;
  if (!std::holds_alternative<arg::Null>(a->is)) unsure();
  return false;
}

std::optional<DType> Call::dtype(std::string_view name) {
  if (!has(name)) return std::nullopt;
  if (const auto* d = std::get_if<DType>(&arg(name)->is)) return *d;
  unsure();
  return std::nullopt;
}

std::string Call::text(std::string_view name) {
  if (!has(name)) return {};
  if (const auto* s = std::get_if<arg::Str>(&arg(name)->is)) return s->text;
  unsure();
  return {};
}

Category Call::number(std::string_view name) {
  const Arg* a = arg(name);
  const std::optional<Operand> found = a == nullptr ? std::nullopt : operand(*a);
  if (!found) unsure();
  return found ? category(found->dtype) : Category::integral;
}

std::optional<double> Call::number_value(std::string_view name) {
  if (!has(name)) return std::nullopt;
  const Arg& a = *arg(name);
  if (const auto* i = std::get_if<std::int64_t>(&a.is)) return static_cast<double>(*i);
  if (const auto* d = std::get_if<double>(&a.is)) return *d;
  if (const auto* b = std::get_if<bool>(&a.is)) return *b ? 1.0 : 0.0;
  return std::nullopt;
}

std::size_t Call::dim(std::int64_t dim, std::int64_t rank) {
  const std::int64_t limit = std::max<std::int64_t>(rank, 1);
  if (dim < -limit || dim >= limit) {
    if (ok())
      fail("dimension " + std::to_string(dim) + " of a tensor of rank " + std::to_string(rank) +
           " does not exist");
    return 0;
  }
  return static_cast<std::size_t>(dim < 0 ? dim + limit : dim);
}

Expr Call::same(const Expr& a, const Expr& b, std::string_view what) {
  if (mentions_unknown(a)) return b;
  if (mentions_unknown(b)) return a;
  if (facts_->equal(a, b) == Truth::no && ok())
    fail(std::string(what) + " are " + a.to_text() + " and " + b.to_text() + " where equal sizes are needed");
  return b.is_int() ? b : a;
}

Expr Call::broadcast(const Expr& a, const Expr& b) {
  if (a == b) return a;
  if (a.is_int() && a.as_int() == 1) return b;
  if (b.is_int() && b.as_int() == 1) return a;
  if (mentions_unknown(a) || mentions_unknown(b)) return unknown_dim();
  const bool a_many = facts_->never_one(a);
  const bool b_many = facts_->never_one(b);
  const Truth equal = facts_->equal(a, b);
  if (equal == Truth::yes) return b.is_int() ? b : a;
  if (a_many && b_many) {
    if (equal == Truth::no && ok())
      fail("sizes " + a.to_text() + " and " + b.to_text() + " do not broadcast");
    return b.is_int() ? b : a;
  }
  if (a_many) return a;
  if (b_many) return b;
  return unknown_dim();
}

Shape Call::broadcast(const Shape& a, const Shape& b) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape out = longer;
  const std::size_t lead = longer.size() - shorter.size();
  for (std::size_t i = 0; i < shorter.size(); ++i)
    out[lead + i] = broadcast(longer[lead + i], shorter[i]);
  return out;
}

}  // namespace genie::plan::detail
