#include "capture/symbols.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <optional>

#include "genie/plan/index.hpp"
#include "genie/plan/json.hpp"
#include "torch/tree.hpp"

namespace genie::pytorch {
namespace {

using plan::Expr;
using plan::json::Kind;
using plan::json::View;

void read_names(const View& holder, std::map<std::string, std::string, std::less<>>& into) {
  const auto symbols = holder.is(Kind::object) ? holder.find("symbols") : std::nullopt;
  if (!symbols || !symbols->is(Kind::object)) return;
  for (const auto& [symbol, entry] : symbols->items())
    if (entry.is(Kind::object))
      if (const auto name = entry.find("name"); name && name->is(Kind::string))
        into.emplace(symbol, name->string());
}

/// Symbols of everything a graph declares and mentions.
void collect(const plan::Graph& graph, SymbolSet& into) {
  for (const auto& [id, value] : graph.values) {
    for (const Expr& size : value.shape)
      size.collect_symbols(into);
    for (const Expr& stride : value.strides)
      stride.collect_symbols(into);
  }
  const auto dims = [&](const plan::Arg& arg) {
    if (const auto* dim = std::get_if<plan::arg::Dim>(&arg.is)) dim->expr.collect_symbols(into);
  };
  for (const plan::Node& node : graph.nodes)
    plan::for_each_arg(node, dims);
  for (const plan::Port& output : graph.outputs)
    plan::for_each_arg(output.value, dims);
}

/// How a guard reads to a person: "L['mask'].size()[1]" as "mask.size(1)".
std::string readable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view rest = text.substr(i);
    const bool starts_word =
        i == 0 || !(std::isalnum(static_cast<unsigned char>(text[i - 1])) != 0 || text[i - 1] == '_');
    if (starts_word && rest.starts_with("L['")) {
      const std::size_t end = rest.find("']");
      if (end != std::string_view::npos) {
        out += rest.substr(3, end - 3);
        i += end + 2;
        continue;
      }
    }
    constexpr std::string_view size = ".size()[";
    if (rest.starts_with(size)) {
      const std::size_t end = rest.find(']');
      if (end != std::string_view::npos) {
        out += ".size(" + std::string(rest.substr(size.size(), end - size.size())) + ")";
        i += end + 1;
        continue;
      }
    }
    out += text[i++];
  }
  return out;
}

bool always_holds(const plan::Guard& guard) {
  if (guard.a == guard.b) return guard.relation == "eq" || guard.relation == "le" || guard.relation == "ge";
  if (!guard.a.is_int() || !guard.b.is_int()) return false;
  const std::int64_t a = guard.a.as_int();
  const std::int64_t b = guard.b.as_int();
  return (guard.relation == "ne") || (guard.relation == "lt" && a < b) || (guard.relation == "le" && a < b) ||
         (guard.relation == "gt" && a > b) || (guard.relation == "ge" && a > b);
}

/// Division that rounds toward minus infinity.
std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - ((a % b != 0) && ((a < 0) != (b < 0)) ? 1 : 0);
}

constexpr std::int64_t kTracedMinimum = 2;
constexpr std::int64_t kLineLimit = std::int64_t{1} << 31;  ///< numbers that multiply without overflow

class SymbolWriter {
 public:
  SymbolWriter(const Program& program, const plan::Method& method, const std::string& file, plan::Plan& plan,
               Diagnostics& warnings)
      : program_(program), method_(method), file_(file), plan_(plan), warnings_(warnings) {}

  void write(const std::vector<plan::Guard>& assertions, const SymbolNames& names) {
    SymbolSet used;
    collect(method_, used);
    for (const auto& [name, graph] : method_.graphs)
      collect(graph, used);
    std::vector<plan::Guard> guards = program_guards();
    guards.insert(guards.end(), assertions.begin(), assertions.end());
    apply_ranges(used, guards);
    for (plan::Guard& guard : guards) {
      if (always_holds(guard)) continue;
      guard.a.collect_symbols(used);
      guard.b.collect_symbols(used);
      add_guard(std::move(guard));
    }
    const auto given = names.find(names.contains("") ? "" : program_.name);
    for (const std::string& id : used) {
      plan::Symbol symbol = bounds_[id];
      const std::string original = original_name(id);
      if (given != names.end())
        if (const auto name = given->second.find(original); name != given->second.end())
          symbol.name = name->second;
      symbol.from = origin(id);
      plan_.symbols.try_emplace(id, std::move(symbol));
    }
  }

 private:
  [[nodiscard]] std::string original_name(const std::string& id) const {
    for (const auto& [original, renamed] : program_.renamed_symbols)
      if (renamed == id) return original;
    return id;
  }

  [[nodiscard]] Expr in_plan(const Expr& expression) const {
    if (program_.renamed_symbols.empty()) return expression;
    std::map<std::string, Expr, std::less<>> replacements;
    for (const auto& [original, renamed] : program_.renamed_symbols)
      replacements.emplace(original, Expr::symbol(renamed));
    return expression.substitute(replacements);
  }

  void add_guard(plan::Guard guard) {
    const auto same = [&](const plan::Guard& other) {
      return other.relation == guard.relation && other.a == guard.a && other.b == guard.b;
    };
    if (std::none_of(plan_.guards.begin(), plan_.guards.end(), same))
      plan_.guards.push_back(std::move(guard));
  }

  /// The export's conditions over its inputs, with sizes replaced by the expressions the inputs declare.
  std::vector<plan::Guard> program_guards() {
    std::map<std::string, const InputSpec*, std::less<>> inputs;
    const std::vector<std::string> paths = input_paths(program_.in_tree, program_.forward_arg_names);
    std::size_t leaf = 0;
    for (const InputSpec& spec : program_.inputs) {
      if (spec.kind != InputSpec::Kind::user && spec.kind != InputSpec::Kind::constant) continue;
      if (leaf < paths.size()) inputs[paths[leaf]] = &spec;
      ++leaf;
    }
    const ResolveInput resolve = [&](const InputTerm& term) -> std::optional<Expr> {
      const auto at = inputs.find(term.path);
      if (at == inputs.end()) return std::nullopt;
      const InputSpec& spec = *at->second;
      if (!term.dim) {
        if (const auto* number = std::get_if<std::int64_t>(&spec.value.is)) return Expr(*number);
        const auto known = program_.graph.sym_ints.find(spec.arg);
        return known == program_.graph.sym_ints.end() ? std::nullopt : known->second;
      }
      const auto tensor = program_.graph.tensors.find(spec.arg);
      if (tensor == program_.graph.tensors.end() || *term.dim < 0 ||
          static_cast<std::size_t>(*term.dim) >= tensor->second.sizes.size())
        return std::nullopt;
      const auto dim = static_cast<std::size_t>(*term.dim);
      // Inputs come with the strides that the export declares; dense ones are known by the sizes.
      if (!term.stride) return tensor->second.sizes[dim];
      if (dim < tensor->second.strides.size()) return tensor->second.strides[dim];
      Expr stride(1);
      for (std::size_t inner = dim + 1; inner < tensor->second.sizes.size(); ++inner)
        stride = stride * tensor->second.sizes[inner];
      return stride;
    };
    std::vector<plan::Guard> guards;
    for (const std::string& text : program_.guards) {
      const auto conditions = parse_condition(text, resolve);
      if (!conditions) {
        Diagnostic warning = source_error("GE0235", file_,
                                          "the export's condition `" + readable(text) +
                                              "` is not understood, so it is not checked before a call",
                                          "make sure that the inputs obey it");
        warning.severity = Severity::warning;
        warnings_.push_back(std::move(warning));
        continue;
      }
      for (const Condition& condition : *conditions)
        guards.push_back({condition.relation, condition.a, condition.b, readable(text)});
    }
    return guards;
  }

  /// Bounds of symbols; of expressions that grow evenly with one symbol, bounds of that symbol; of others, guards.
  void apply_ranges(const SymbolSet& used, std::vector<plan::Guard>& guards) {
    for (const RangeConstraint& range : program_.ranges) {
      auto parsed = parse_expression(range.expression);
      if (!parsed) continue;
      const Expr expression = in_plan(*parsed);
      SymbolSet symbols;
      expression.collect_symbols(symbols);
      if (!std::all_of(symbols.begin(), symbols.end(),
                       [&](const std::string& s) { return used.contains(s); }))
        continue;
      if (expression.is_symbol()) {
        tighten(expression.as_symbol(), range.min, range.max);
      } else if (const auto line = line_of(expression, symbols)) {
        const auto ceiling = [&](std::int64_t n) { return -floor_div(-n, line->slope); };
        const auto min = range.min ? std::optional(ceiling(*range.min - line->offset)) : std::nullopt;
        tighten(*symbols.begin(), min,
                range.max ? std::optional(floor_div(*range.max - line->offset, line->slope)) : std::nullopt);
        if (min) {
          const auto [at, added] = derived_minimum_.emplace(*symbols.begin(), *min);
          if (!added) at->second = std::max(at->second, *min);
        }
      } else {
        const std::string& text = range.expression;
        if (range.min)
          guards.push_back({"ge", expression, Expr(*range.min), text + " >= " + std::to_string(*range.min)});
        if (range.max)
          guards.push_back({"le", expression, Expr(*range.max), text + " <= " + std::to_string(*range.max)});
      }
    }
    // Torch traces every symbol as at least 2. Where a dimension is derived from a symbol that is no dimension itself, that 2 comes
    // along as the symbol's bound, though the bounds that the user declared are those of the derived one.
    for (const auto& [id, min] : derived_minimum_)
      if (bounds_[id].min == kTracedMinimum && min < kTracedMinimum) bounds_[id].min = min;
  }

  /// The line slope·s + offset, with a slope above zero.
  struct Line {
    std::int64_t slope;
    std::int64_t offset;
  };

  static std::optional<Line> line_of(const Expr& expression, const SymbolSet& symbols) {
    if (symbols.size() != 1 || expression.is_int()) return std::nullopt;
    if (expression.is_symbol()) return Line{1, 0};
    const Expr::Operation& operation = expression.as_operation();
    const Expr::Op op = operation.op;
    const Expr& a = operation.a;
    const Expr& b = operation.b;
    const Expr& rest = a.is_int() ? b : a;
    if ((op != Expr::Op::mul && op != Expr::Op::add) || a.is_int() == b.is_int()) return std::nullopt;
    const std::int64_t number = a.is_int() ? a.as_int() : b.as_int();
    const auto line = line_of(rest, symbols);
    if (!line || std::abs(number) > kLineLimit || std::abs(line->offset) > kLineLimit ||
        line->slope > kLineLimit)
      return std::nullopt;
    if (op == Expr::Op::add) return Line{line->slope, line->offset + number};
    return number > 0 ? std::optional(Line{line->slope * number, line->offset * number}) : std::nullopt;
  }

  void tighten(const std::string& id, std::optional<std::int64_t> min, std::optional<std::int64_t> max) {
    plan::Symbol& symbol = bounds_[id];
    if (min && (!symbol.min || *symbol.min < *min)) symbol.min = min;
    if (max && (!symbol.max || *symbol.max > *max)) symbol.max = max;
  }

  [[nodiscard]] std::optional<plan::SymbolFrom> origin(const std::string& id) const {
    for (const plan::Port& input : method_.inputs) {
      const auto* named = std::get_if<plan::arg::Value>(&input.value.is);
      const auto value = named == nullptr ? method_.values.end() : method_.values.find(named->id);
      if (value == method_.values.end()) continue;
      for (std::size_t dim = 0; dim < value->second.shape.size(); ++dim)
        if (value->second.shape[dim].is_symbol() && value->second.shape[dim].as_symbol() == id)
          return plan::SymbolFrom{input.name, static_cast<std::int64_t>(dim), {}};
      const auto number = program_.graph.sym_ints.find(input.name);
      if (number != program_.graph.sym_ints.end() && number->second && number->second->is_symbol() &&
          number->second->as_symbol() == id)
        return plan::SymbolFrom{input.name, 0, {}};
    }
    if (bound_symbols(program_).contains(id)) return std::nullopt;  // solved from an input's expression
    if (auto from = origin_in(method_, id)) return from;
    for (const auto& [name, graph] : method_.graphs)
      if (auto from = origin_in(graph, id)) return from;
    return std::nullopt;
  }

  /// The first node whose result tells the symbol.
  [[nodiscard]] std::optional<plan::SymbolFrom> origin_in(const plan::Graph& graph,
                                                          const std::string& id) const {
    for (const plan::Node& node : graph.nodes)
      for (const std::string& result : node.results) {
        const auto value = graph.values.find(result);
        if (value == graph.values.end()) continue;
        SymbolSet symbols;
        for (const Expr& size : value->second.shape)
          size.collect_symbols(symbols);
        if (value->second.scalar)
          if (const auto number = program_.graph.sym_ints.find(result);
              number != program_.graph.sym_ints.end() && number->second)
            number->second->collect_symbols(symbols);
        if (symbols.contains(id)) return plan::SymbolFrom{{}, 0, node.id};
      }
    return std::nullopt;
  }

  const Program& program_;
  const plan::Method& method_;
  const std::string& file_;
  plan::Plan& plan_;
  Diagnostics& warnings_;
  std::map<std::string, plan::Symbol> bounds_;
  std::map<std::string, std::int64_t>
      derived_minimum_;  ///< of symbols, by expressions that are inputs' dimensions
};

}  // namespace

SymbolNames read_symbol_names(std::string_view json) {
  SymbolNames names;
  if (json.empty()) return names;
  const auto document = plan::json::Document::parse(json);
  if (!document || !document->root().is(Kind::object)) return names;
  const View root = document->root();
  const auto methods = root.find("methods");
  if (methods && methods->is(Kind::object)) {
    for (const auto& [method, entry] : methods->items())
      read_names(entry, names[std::string(method)]);
  } else {
    read_names(root, names[""]);
  }
  return names;
}

SymbolSet bound_symbols(const Program& program) {
  SymbolSet bound;
  for (const InputSpec& spec : program.inputs) {
    if (spec.kind != InputSpec::Kind::user) continue;
    if (const auto tensor = program.graph.tensors.find(spec.arg); tensor != program.graph.tensors.end())
      for (const Expr& size : tensor->second.sizes)
        size.collect_symbols(bound);
    if (const auto number = program.graph.sym_ints.find(spec.arg);
        number != program.graph.sym_ints.end() && number->second)
      number->second->collect_symbols(bound);
  }
  return bound;
}

void add_symbols(const Program& program, const plan::Method& method,
                 const std::vector<plan::Guard>& assertions, const SymbolNames& names,
                 const std::string& file, plan::Plan& plan, Diagnostics& warnings) {
  SymbolWriter(program, method, file, plan, warnings).write(assertions, names);
}

void add_constants(const std::map<std::string, std::int64_t>& constants, const std::string& prefix,
                   plan::Plan& plan) {
  for (const auto& [input, number] : constants) {
    plan::Symbol symbol;
    symbol.name = input;
    symbol.min = symbol.max = number;
    symbol.from = plan::SymbolFrom{input, 0, {}};
    plan.symbols.try_emplace(prefix + "constant." + input, std::move(symbol));
  }
}

}  // namespace genie::pytorch
