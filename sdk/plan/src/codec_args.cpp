// Expressions and tagged arguments.
#include <charconv>
#include <cmath>
#include <limits>

#include "codec_parts.hpp"
#include "messages.hpp"

namespace genie::plan::detail {
namespace {

constexpr std::string_view kExprForms =
    "an integer, a symbol, or [op, a, b] with op one of add, mul, floordiv, mod, min, max";

/// The spelling of integers from 2^53 on: 16 digits or more, no leading zero.
bool is_large_integer(std::string_view text) {
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  constexpr std::size_t kFewestDigits = 16;
  constexpr std::size_t kMostDigits = 19;
  return text.size() >= kFewestDigits && text.size() <= kMostDigits && text.front() != '0' &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::int64_t read_large_integer(Problems& problems, const View& view) {
  const std::string_view text = view.string();
  std::int64_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc{})
    problems.add(view, "GE0341", "the integer " + shortened(text) + " does not fit in 64 bits");
  return value;
}

void write_integer(json::Writer& writer, std::int64_t value) {
  if (value > json::kLargestInteger || value < -json::kLargestInteger)
    writer.value(std::to_string(value));
  else
    writer.value(value);
}

Expr read_operation(Problems& problems, const View& view) {
  auto item = view.items().begin();
  const View head = (*item).value;
  const Expr a = read_expr(problems, (*++item).value);
  const Expr b = read_expr(problems, (*++item).value);
  const std::optional<Expr::Op> op = head.is(Kind::string) ? expr_op_from_name(head.string()) : std::nullopt;
  if (!op) {
    problems.add(head, "GE0321", quoted_value(head.canonical()) + " is no operator of expressions",
                 "known: add, mul, floordiv, mod, min, max");
    return Expr(0);
  }
  if ((*op == Expr::Op::floordiv || *op == Expr::Op::mod) && b == Expr(0)) {
    problems.add(view, "GE0340", "the expression divides by zero");
    return Expr(0);
  }
  Expr normal = Expr::make(*op, a, b);
  const bool same = normal.is_operation() && normal.as_operation().op == *op &&
                    normal.as_operation().a == a && normal.as_operation().b == b;
  if (!same) {
    json::Writer writer;
    write_expr(writer, normal);
    problems.add(view, "GE0340",
                 "the expression " + quoted_value(view.canonical()) + " is not in normal form",
                 "write " + writer.take());
  }
  return normal;
}

constexpr std::string_view kTags =
    "value, weight, state, int, float, bool, complex, str, dtype, layout, memory_format, device, dim, graph, "
    "list";
constexpr std::string_view kMemoryFormats[] = {"contiguous", "channels_last", "channels_last_3d", "preserve"};
constexpr std::string_view kDevices[] = {"local"};

double read_float(Problems& problems, const View& view) {
  if (view.is(Kind::integer) || view.is(Kind::real)) return view.real();
  if (view.is(Kind::string)) {
    const std::string_view text = view.string();
    if (text == "-0") return -0.0;
    if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (text == "Infinity") return std::numeric_limits<double>::infinity();
    if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  }
  problems.add(view, "GE0320",
               "expected a number, \"-0\", \"NaN\", \"Infinity\" or \"-Infinity\", found " +
                   quoted_value(view.canonical()));
  return 0;
}

void write_float(json::Writer& writer, double value) {
  if (std::isnan(value))
    writer.value("NaN");
  else if (std::isinf(value))
    writer.value(value > 0 ? "Infinity" : "-Infinity");
  else if (value == 0 && std::signbit(value))
    writer.value("-0");
  else
    writer.value(value);
}

arg::Complex read_complex(Problems& problems, const View& view) {
  arg::Complex value{0, 0};
  if (!view.is(Kind::array) || view.size() != 2) {
    problems.add(view, "GE0320", "a complex number is [real, imaginary]");
    return value;
  }
  double* part = &value.real;
  for (const auto& [key, item] : view.items()) {
    *part = read_float(problems, item);
    part = &value.imag;
  }
  return value;
}

void read_tagged(Problems& problems, std::string_view tag, const View& view, Arg& into) {
  auto& is = into.is;
  if (tag == "value") {
    is.emplace<arg::Value>(arg::Value{read_id(problems, view)});
  } else if (tag == "weight") {
    is.emplace<arg::Weight>(arg::Weight{read_id(problems, view)});
  } else if (tag == "state") {
    is.emplace<arg::State>(arg::State{read_id(problems, view)});
  } else if (tag == "int") {
    const bool large = view.is(Kind::string) && is_large_integer(view.string());
    is = large ? read_large_integer(problems, view) : read_integer(problems, view);
  } else if (tag == "float") {
    is = read_float(problems, view);
  } else if (tag == "bool") {
    is = read_boolean(problems, view);
  } else if (tag == "complex") {
    is = read_complex(problems, view);
  } else if (tag == "str") {
    is.emplace<arg::Str>(arg::Str{read_text(problems, view)});
  } else if (tag == "dtype") {
    is = read_dtype(problems, view);
  } else if (tag == "layout") {
    is.emplace<arg::Layout>(arg::Layout{read_id(problems, view)});
  } else if (tag == "memory_format") {
    is.emplace<arg::MemoryFormat>(arg::MemoryFormat{read_choice(problems, view, kMemoryFormats)});
  } else if (tag == "device") {
    static_cast<void>(read_choice(problems, view, kDevices));
    is = arg::Device{};
  } else if (tag == "dim") {
    is.emplace<arg::Dim>(arg::Dim{read_expr(problems, view)});
  } else if (tag == "graph") {
    is.emplace<arg::Graph>(arg::Graph{read_id(problems, view)});
  } else if (tag == "list") {
    is.emplace<arg::List>(arg::List{read_args(problems, view)});
  } else {
    problems.add(view, "GE0320", "the argument's tag " + quoted(tag) + " is not known",
                 "tags: " + std::string(kTags));
  }
}

}  // namespace

bool is_symbol_id(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  if (text.empty() || !letter(text.front())) return false;
  for (const char c : text)
    if (!letter(c) && !(c >= '0' && c <= '9') && c != '.') return false;
  return true;
}

Expr read_expr(Problems& problems, const View& view) {
  if (view.is(Kind::integer) || view.is(Kind::real)) return Expr(read_integer(problems, view));
  if (view.is(Kind::string)) {
    if (is_symbol_id(view.string())) return problems.symbol(view.string());
    if (is_large_integer(view.string())) return Expr(read_large_integer(problems, view));
    problems.add(view, "GE0321", quoted(view.string()) + " is no symbol",
                 "a symbol starts with a letter or _ and has letters, digits, _ and . only");
    return Expr(0);
  }
  if (view.is(Kind::array) && view.size() == 3) return read_operation(problems, view);
  problems.add(view, "GE0321", "expected an expression, found " + quoted_value(view.canonical()),
               "an expression is " + std::string(kExprForms));
  return Expr(0);
}

Expr read_size(Problems& problems, const View& view) {
  if (view.is(Kind::integer) || view.is(Kind::real)) return Expr(read_integer(problems, view, 0));
  return read_expr(problems, view);
}

void write_expr(json::Writer& writer, const Expr& expr) {
  if (expr.is_int()) {
    write_integer(writer, expr.as_int());
  } else if (expr.is_symbol()) {
    writer.value(expr.as_symbol());
  } else {
    const Expr::Operation& operation = expr.as_operation();
    writer.begin_array().value(name(operation.op));
    write_expr(writer, operation.a);
    write_expr(writer, operation.b);
    writer.end_array();
  }
}

void read_arg(Problems& problems, const View& view, Arg& into) {
  if (view.is(Kind::null)) return;
  if (view.is(Kind::object) && view.size() == 1) {
    const auto [tag, value] = *view.items().begin();
    read_tagged(problems, tag, value, into);
    return;
  }
  problems.add(
      view, "GE0320",
      "an argument is null or an object with exactly one key, found " + quoted_value(view.canonical()),
      "tags: " + std::string(kTags));
}

std::vector<Arg> read_args(Problems& problems, const View& view) {
  std::vector<Arg> list;
  if (!expect(problems, view, Kind::array)) return list;
  list.reserve(view.size());
  for (const json::Member& item : view.items())
    read_arg(problems, item.value, list.emplace_back());
  return list;
}

void write_arg(json::Writer& writer, const Arg& argument) {
  if (std::holds_alternative<arg::Null>(argument.is)) {
    writer.null();
    return;
  }
  writer.begin_object();
  struct Visitor {
    json::Writer& out;
    void operator()(const arg::Null&) const {}
    void operator()(const arg::Value& a) const { out.key("value").value(a.id); }
    void operator()(const arg::Weight& a) const { out.key("weight").value(a.name); }
    void operator()(const arg::State& a) const { out.key("state").value(a.name); }
    void operator()(std::int64_t a) const { write_integer(out.key("int"), a); }
    void operator()(double a) const { write_float(out.key("float"), a); }
    void operator()(bool a) const { out.key("bool").value(a); }
    void operator()(const arg::Complex& a) const {
      out.key("complex").begin_array();
      write_float(out, a.real);
      write_float(out, a.imag);
      out.end_array();
    }
    void operator()(const arg::Str& a) const { out.key("str").value(a.text); }
    void operator()(DType a) const { out.key("dtype").value(name(a)); }
    void operator()(const arg::Layout& a) const { out.key("layout").value(a.name); }
    void operator()(const arg::MemoryFormat& a) const { out.key("memory_format").value(a.name); }
    void operator()(const arg::Device&) const { out.key("device").value("local"); }
    void operator()(const arg::Dim& a) const { write_expr(out.key("dim"), a.expr); }
    void operator()(const arg::Graph& a) const { out.key("graph").value(a.name); }
    void operator()(const arg::List& a) const {
      out.key("list").begin_array();
      for (const Arg& item : a.items)
        write_arg(out, item);
      out.end_array();
    }
  };
  std::visit(Visitor{writer}, argument.is);
  writer.end_object();
}

}  // namespace genie::plan::detail
