// The sizes of one call, from the shapes of its inputs.
#include <algorithm>
#include <cmath>

#include "genie/plan/json.hpp"
#include "genie/plan/validate.hpp"

namespace genie::plan {

namespace {

Diagnostic problem(std::string code, std::string message, std::string pointer, std::string help) {
  Diagnostic d;
  d.code = std::move(code);
  d.message = std::move(message);
  d.pointer = std::move(pointer);
  d.help = std::move(help);
  return d;
}

/// a = b for a declared size and the size given.
struct Equation {
  const std::string* input;
  std::size_t dim;
  Expr declared;
  std::int64_t given;
};

std::string dim_text(const Equation& e) {
  return "input " + *e.input + ", dimension " + std::to_string(e.dim);
}

/// slope·s + offset.
struct Line {
  std::int64_t slope;
  std::int64_t offset;
};

/// An expression with one unbound symbol, when it depends on it linearly.
std::optional<Line> line_of(const Expr& expr, const std::string& symbol, Bindings bindings) {
  const auto at = [&](std::int64_t value) {
    bindings[symbol] = value;
    return expr.evaluate(bindings);
  };
  // Any three points of a line; small sizes may be special (a floor division), so take large ones.
  constexpr std::int64_t kBase = 1 << 20;
  const auto a = at(kBase), b = at(2 * kBase), c = at(3 * kBase);
  if (!a || !b || !c || *b - *a != *c - *b || *a == *b || (*b - *a) % kBase != 0) return std::nullopt;
  const std::int64_t slope = (*b - *a) / kBase;
  return Line{slope, *a - slope * kBase};
}

class Binder {
 public:
  Binder(const Plan& plan, const Method& method, const std::vector<InputShape>& inputs)
      : plan_(plan), method_(method), inputs_(inputs) {}

  Result<Bindings> run() {
    read_inputs();
    if (problems_.empty()) solve_all();
    if (problems_.empty()) check_bounds();
    if (problems_.empty()) check_guards();
    if (!problems_.empty()) return std::move(problems_);
    return std::move(bound_);
  }

 private:
  std::string called(const std::string& symbol) const {
    const auto at = plan_.symbols.find(symbol);
    return at != plan_.symbols.end() && at->second.name ? *at->second.name + " (" + symbol + ")" : symbol;
  }

  /// An expression in the user's names.
  std::string called(const Expr& expr) const {
    std::map<std::string, Expr, std::less<>> names;
    std::set<std::string, std::less<>> used;
    expr.collect_symbols(used);
    for (const std::string& symbol : used)
      if (const auto at = plan_.symbols.find(symbol); at != plan_.symbols.end() && at->second.name)
        names.emplace(symbol, Expr::symbol(*at->second.name));
    return expr.substitute(names).to_text();
  }

  void read_inputs() {
    for (const Port& port : method_.inputs) {
      const auto* id = std::get_if<arg::Value>(&port.value.is);
      const auto declared = id == nullptr ? method_.values.end() : method_.values.find(id->id);
      if (declared == method_.values.end()) continue;
      const auto given = std::ranges::find(inputs_, port.name, &InputShape::name);
      if (given == inputs_.end()) {
        problems_.push_back(problem("GE0540", "input " + port.name + " is missing", "",
                                    "give the input; `genie-host plan show` lists all of them"));
        continue;
      }
      const Value& value = declared->second;
      if (given->shape.size() != value.shape.size()) {
        problems_.push_back(problem("GE0541",
                                    "input " + port.name + " has " + std::to_string(given->shape.size()) +
                                        " dimensions where the model has " +
                                        std::to_string(value.shape.size()) + ": " + to_text(value.shape),
                                    "", "give a tensor of that rank"));
        continue;
      }
      for (std::size_t d = 0; d < value.shape.size(); ++d)
        equations_.push_back({&port.name, d, value.shape[d], given->shape[d]});
      read_number(port.name, value, *given);
    }
  }

  // A symbol may be a number's value.
  void read_number(const std::string& name, const Value& value, const InputShape& given) {
    if (!value.scalar || !given.number || *given.number != std::floor(*given.number)) return;
    for (const auto& [id, symbol] : plan_.symbols)
      if (symbol.from && symbol.from->input == name && symbol.from->node.empty())
        bound_[id] = static_cast<std::int64_t>(*given.number);
  }

  void solve_all() {
    for (const Equation& e : equations_)
      if (e.declared.is_symbol()) bind(e, e.declared.as_symbol(), e.given);
    // Each round may bind symbols that later rounds need.
    for (bool progress = true; progress && problems_.empty();) {
      progress = false;
      for (const Equation& e : equations_) {
        const auto open = open_symbols(e.declared);
        if (open.size() != 1) continue;
        const auto line = line_of(e.declared, *open.begin(), bound_);
        if (!line || (e.given - line->offset) % line->slope != 0) continue;
        bind(e, *open.begin(), (e.given - line->offset) / line->slope);
        progress = true;
      }
    }
    if (!problems_.empty()) return;
    for (const Equation& e : equations_)
      check(e);
  }

  void bind(const Equation& e, const std::string& symbol, std::int64_t value) {
    const auto [at, added] = bound_.emplace(symbol, value);
    if (added) {
      bound_by_.emplace(symbol, &e);
    } else if (at->second != value) {
      std::string other;
      if (const auto by = bound_by_.find(symbol); by != bound_by_.end())
        other = " by " + dim_text(*by->second);
      problems_.push_back(problem("GE0546",
                                  dim_text(e) + " is " + std::to_string(e.given) + ", but " + called(symbol) +
                                      " is " + std::to_string(at->second) + other,
                                  "/symbols" + json::pointer_token(symbol), "give inputs whose sizes agree"));
    }
  }

  std::set<std::string, std::less<>> open_symbols(const Expr& expr) const {
    std::set<std::string, std::less<>> open;
    expr.collect_symbols(open);
    std::erase_if(open, [&](const std::string& symbol) { return bound_.contains(symbol); });
    return open;
  }

  void check(const Equation& e) {
    const auto value = e.declared.evaluate(bound_);
    const auto open = open_symbols(e.declared);
    if (!value && open.empty()) return;
    if (!value && (open.size() > 1 || !line_of(e.declared, *open.begin(), bound_))) {
      problems_.push_back(problem("GE0547",
                                  "no input's size says what " + called(*open.begin()) +
                                      " is: " + dim_text(e) + " is " + called(e.declared) +
                                      ", which has no single solution for " + std::to_string(e.given),
                                  "/symbols" + json::pointer_token(*open.begin()),
                                  "export the model with a dynamic dimension that is the symbol itself"));
      return;
    }
    if (value == e.given) return;
    if (e.declared.is_int()) {
      problems_.push_back(problem("GE0542",
                                  dim_text(e) + " is " + std::to_string(e.given) +
                                      "; the model was exported for " + std::to_string(*value),
                                  "", "give that size, or export the model with a dynamic dimension here"));
    } else if (!e.declared.is_symbol()) {
      std::set<std::string, std::less<>> used;
      e.declared.collect_symbols(used);
      std::string where;
      for (const std::string& symbol : used)
        if (const auto size = bound_.find(symbol); size != bound_.end())
          where += (where.empty() ? "" : ", ") + called(symbol) + " = " + std::to_string(size->second);
      problems_.push_back(problem("GE0545",
                                  dim_text(e) + " is " + std::to_string(e.given) + ", which " +
                                      called(e.declared) + " cannot be" +
                                      (where.empty() ? "" : " with " + where),
                                  "", "give a size that the expression can take"));
    }
  }

  void check_bounds() {
    for (const auto& [id, value] : bound_) {
      const auto symbol = plan_.symbols.find(id);
      if (symbol == plan_.symbols.end()) continue;
      const bool low = symbol->second.min && value < *symbol->second.min;
      const bool high = symbol->second.max && value > *symbol->second.max;
      if (!low && !high) continue;
      const auto by = bound_by_.find(id);
      std::string where = by == bound_by_.end() ? "the number given for it" : dim_text(*by->second);
      if (by != bound_by_.end() && by->second->given != value)
        where += " is " + std::to_string(by->second->given) + " = " + called(by->second->declared);
      const std::string bound = std::to_string(low ? *symbol->second.min : *symbol->second.max);
      problems_.push_back(problem(
          "GE0543",
          where + ": " + called(id) + " is " + std::to_string(value) + ", " +
              (low ? "less than the export's minimum " : "more than the export's maximum ") + bound,
          "/symbols" + json::pointer_token(id),
          // Who named the dimension has also chosen its bounds.
          low && !symbol->second.name && symbol->second.min == 2
              ? "give a size within the bounds, or export the model with a dimension that allows less: "
                "PyTorch takes at least 2 where nothing, such as Dim(min=1), is declared"
              : "give a size within the bounds, or export the model with wider ones"));
    }
  }

  void check_guards() {
    for (std::size_t g = 0; g < plan_.guards.size(); ++g) {
      const Guard& guard = plan_.guards[g];
      const auto a = guard.a.evaluate(bound_);
      const auto b = guard.b.evaluate(bound_);
      if (!a || !b || holds(guard.relation, *a, *b)) continue;
      problems_.push_back(problem(
          "GE0544",
          "the inputs break a condition of the export: " + guard.text + " (" + std::to_string(*a) + " and " +
              std::to_string(*b) + sizes_of(guard) + ")",
          "/guards/" + std::to_string(g), "give inputs that meet it, or export the model without it"));
    }
  }

  /// "; ids, dimension 1: s12 = 7": which inputs the guard's symbols came from.
  std::string sizes_of(const Guard& guard) const {
    std::set<std::string, std::less<>> used;
    guard.a.collect_symbols(used);
    guard.b.collect_symbols(used);
    std::string out;
    for (const std::string& symbol : used)
      if (const auto by = bound_by_.find(symbol); by != bound_by_.end())
        out += "; " + dim_text(*by->second) + " gives " + called(symbol) + " = " +
               std::to_string(bound_.find(symbol)->second);
    return out;
  }

  static bool holds(const std::string& relation, std::int64_t a, std::int64_t b) {
    if (relation == "eq") return a == b;
    if (relation == "ne") return a != b;
    if (relation == "lt") return a < b;
    if (relation == "le") return a <= b;
    if (relation == "gt") return a > b;
    if (relation == "ge") return a >= b;
    return true;
  }

  const Plan& plan_;
  const Method& method_;
  const std::vector<InputShape>& inputs_;
  std::vector<Equation> equations_;
  std::map<std::string, const Equation*, std::less<>> bound_by_;
  Bindings bound_;
  Diagnostics problems_;
};

}  // namespace

Result<Bindings> bind_symbols(const Plan& plan, const Method& method, const std::vector<InputShape>& inputs) {
  return Binder(plan, method, inputs).run();
}

}  // namespace genie::plan
