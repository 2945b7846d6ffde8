#include "torch/symbolic.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <utility>

namespace genie::pytorch {
namespace {

using plan::Expr;

constexpr int kDeepestNesting = 200;
constexpr std::int64_t kLargestPower = 16;

std::optional<Expr> power(const Expr& base, const Expr& exponent) {
  if (!exponent.is_int() || exponent.as_int() < 0 || exponent.as_int() > kLargestPower) return std::nullopt;
  Expr result(1);
  for (std::int64_t i = 0; i < exponent.as_int(); ++i)
    result = result * base;
  return result;
}

std::optional<Expr> shift(const Expr& value, const Expr& count, Expr::Op op) {
  if (!count.is_int() || count.as_int() < 0 || count.as_int() > 62) return std::nullopt;
  return Expr::make(op, value, Expr(std::int64_t{1} << count.as_int()));
}

/// A function of the whitelist applied to integer arguments; nothing for any other name or number of arguments.
std::optional<Expr> apply_function(std::string_view name, const std::vector<Expr>& args) {
  const auto fold = [&](Expr::Op op) -> std::optional<Expr> {
    if (args.empty()) return std::nullopt;
    Expr result = args.front();
    for (std::size_t i = 1; i < args.size(); ++i)
      result = Expr::make(op, result, args[i]);
    return result;
  };
  if (name == "Add") return fold(Expr::Op::add);
  if (name == "Mul") return fold(Expr::Op::mul);
  if (name == "Min" || name == "min") return fold(Expr::Op::min);
  if (name == "Max" || name == "max") return fold(Expr::Op::max);
  if (args.size() == 1 && (name == "Integer" || name == "Identity")) return args[0];
  if (args.size() == 2) {
    if (name == "FloorDiv" || name == "CleanDiv") return Expr::make(Expr::Op::floordiv, args[0], args[1]);
    if (name == "Mod" || name == "PythonMod") return Expr::make(Expr::Op::mod, args[0], args[1]);
    if (name == "Pow" || name == "PowByNatural") return power(args[0], args[1]);
    if (name == "LShift") return shift(args[0], args[1], Expr::Op::mul);
    if (name == "RShift") return shift(args[0], args[1], Expr::Op::floordiv);
  }
  if (args.size() == 3 && name == "ModularIndexing")
    return Expr::make(Expr::Op::mod, Expr::make(Expr::Op::floordiv, args[0], args[1]), args[2]);
  return std::nullopt;
}

struct Spelling {
  std::string_view text;
  std::string_view relation;
};
constexpr std::array<Spelling, 6> kComparisons = {
    {{"==", "eq"}, {"!=", "ne"}, {"<=", "le"}, {">=", "ge"}, {"<", "lt"}, {">", "gt"}}};
constexpr std::array<Spelling, 8> kRelations = {{{"Equality", "eq"},
                                                 {"Unequality", "ne"},
                                                 {"LessThan", "le"},
                                                 {"GreaterThan", "ge"},
                                                 {"StrictLessThan", "lt"},
                                                 {"StrictGreaterThan", "gt"},
                                                 {"Eq", "eq"},
                                                 {"Ne", "ne"}}};

/// A number that is 0 when the condition holds and positive otherwise.
Expr violation(const Condition& condition) {
  const Expr over = condition.a - condition.b;
  const Expr under = condition.b - condition.a;
  const auto positive = [](const Expr& value) { return Expr::make(Expr::Op::max, value, Expr(0)); };
  const Expr apart = Expr::make(Expr::Op::max, over, under);
  if (condition.relation == "eq") return apart;
  if (condition.relation == "ne") return Expr(1) - Expr::make(Expr::Op::min, apart, Expr(1));
  if (condition.relation == "le") return positive(over);
  if (condition.relation == "lt") return positive(over + Expr(1));
  if (condition.relation == "ge") return positive(under);
  return positive(under + Expr(1));
}

Expr violation(const std::vector<Condition>& all) {
  Expr result(0);
  for (const Condition& condition : all)
    result = Expr::make(Expr::Op::max, result, violation(condition));
  return result;
}

/// One or the other, as one condition: the lesser violation is none.
std::vector<Condition> either(const std::vector<Condition>& a, const std::vector<Condition>& b) {
  return {{"eq", Expr::make(Expr::Op::min, violation(a), violation(b)), Expr(0)}};
}

std::vector<Condition> opposite(const std::vector<Condition>& all) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kOpposites = {
      {{"eq", "ne"}, {"ne", "eq"}, {"lt", "ge"}, {"ge", "lt"}, {"le", "gt"}, {"gt", "le"}}};
  if (all.size() != 1) return {{"ne", violation(all), Expr(0)}};
  Condition condition = all.front();
  for (const auto& [relation, other] : kOpposites)
    if (condition.relation == relation) {
      condition.relation = other;
      break;
    }
  return {condition};
}

/// Recursive descent. Every function returns nothing on failure and leaves the position anywhere.
class Parser {
 public:
  Parser(std::string_view text, const ResolveInput& resolve) : text_(text), resolve_(resolve) {}

  std::optional<Expr> whole_expression() {
    auto value = sum();
    return value && at_end() ? value : std::nullopt;
  }

  std::optional<std::vector<Condition>> whole_condition() {
    auto conditions = disjunction();
    return conditions && at_end() ? conditions : std::nullopt;
  }

 private:
  using Conditions = std::vector<Condition>;  ///< all of them hold

  std::optional<Conditions> disjunction() {
    const Nested nested(*this);
    if (!nested) return std::nullopt;
    auto result = conjunction();
    while (result && word("or")) {
      const auto next = conjunction();
      if (!next) return std::nullopt;
      result = either(*result, *next);
    }
    return result;
  }

  std::optional<Conditions> conjunction() {
    auto result = negation();
    while (result && word("and")) {
      auto next = negation();
      if (!next) return std::nullopt;
      result->insert(result->end(), next->begin(), next->end());
    }
    return result;
  }

  std::optional<Conditions> negation() {
    const Nested nested(*this);
    if (!nested) return std::nullopt;
    if (!word("not")) return relation();
    const auto inside = negation();
    return inside ? std::optional(opposite(*inside)) : std::nullopt;
  }

  /// A comparison chain ("0 <= a < b"), conditions in parentheses, or what srepr writes for them.
  std::optional<Conditions> relation() {
    const std::size_t start = position_;
    const std::string_view name = identifier();
    for (const Spelling& spelling : kRelations)
      if (name == spelling.text) {
        if (!token("(")) return std::nullopt;
        auto a = sum();
        if (!a || !token(",")) return std::nullopt;
        auto b = sum();
        if (!b || !token(")")) return std::nullopt;
        return Conditions{{std::string(spelling.relation), *a, *b}};
      }
    if ((name == "And" || name == "Or" || name == "Not") && token("(")) {
      std::optional<Conditions> result;
      do {
        auto next = disjunction();
        if (!next) return std::nullopt;
        if (!result || name == "Not")
          result = std::move(next);
        else if (name == "Or")
          result = either(*result, *next);
        else
          result->insert(result->end(), next->begin(), next->end());
      } while (token(","));
      if (!token(")")) return std::nullopt;
      return name == "Not" ? opposite(*result) : *std::move(result);
    }
    position_ = start;
    Conditions chain;
    auto left = sum();
    while (left) {
      const std::string_view sign = comparison();
      if (sign.empty()) break;
      auto right = sum();
      if (!right) return std::nullopt;
      chain.push_back({std::string(sign), *left, *right});
      left = std::move(right);
    }
    if (left && !chain.empty()) return chain;
    position_ = start;  // "(a == b and c == d)": what stands in parentheses is no number
    if (!token("(")) return std::nullopt;
    auto inside = disjunction();
    return inside && token(")") ? inside : std::nullopt;
  }

  std::string_view comparison() {
    for (const Spelling& spelling : kComparisons)
      if (token(spelling.text)) return spelling.relation;
    return {};
  }

  std::optional<Expr> sum() {
    const Nested nested(*this);
    if (!nested) return std::nullopt;
    auto value = product();
    while (value) {
      const bool plus = token("+");
      if (!plus && !token("-")) break;
      const auto next = product();
      if (!next) return std::nullopt;
      value = plus ? *value + *next : *value - *next;
    }
    return value;
  }

  std::optional<Expr> product() {
    auto value = factor();
    while (value) {
      // "**" binds tighter and was taken by factor(); a lone "/" is no integer operation and ends the expression.
      const bool times = token("*");
      const bool floor = !times && token("//");
      if (!times && !floor && !token("%")) break;
      const auto next = factor();
      if (!next) return std::nullopt;
      value = Expr::make(times ? Expr::Op::mul : floor ? Expr::Op::floordiv : Expr::Op::mod, *value, *next);
    }
    return value;
  }

  std::optional<Expr> factor() {
    if (token("-")) {
      const Nested nested(*this);
      if (!nested) return std::nullopt;
      const auto value = factor();
      return value ? std::optional(Expr(0) - *value) : std::nullopt;
    }
    auto base = primary();
    if (base && token("**")) {
      const auto exponent = factor();
      return exponent ? power(*base, *exponent) : std::nullopt;
    }
    return base;
  }

  std::optional<Expr> primary() {
    skip_space();
    if (position_ >= text_.size()) return std::nullopt;
    if (std::isdigit(static_cast<unsigned char>(text_[position_])) != 0) return number();
    if (token("(")) {
      auto value = sum();
      return value && token(")") ? value : std::nullopt;
    }
    const std::string_view name = identifier();
    if (name.empty()) return std::nullopt;
    if (name == "L" && peek('[')) return input();
    if (!token("(")) return Expr::symbol(std::string(name));
    if (name == "Symbol") return symbol();
    std::vector<Expr> args;
    if (!token(")")) {
      do {
        auto value = sum();
        if (!value) return std::nullopt;
        args.push_back(std::move(*value));
      } while (token(","));
      if (!token(")")) return std::nullopt;
    }
    return apply_function(name, args);
  }

  std::optional<Expr> number() {
    std::int64_t value = 0;
    const char* begin = text_.data() + position_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc{}) return std::nullopt;
    position_ += static_cast<std::size_t>(end - begin);
    if (position_ < text_.size() && (text_[position_] == '.' || text_[position_] == 'e')) return std::nullopt;
    return Expr(value);
  }

  /// After "Symbol(": a quoted name and assumptions such as integer=True, which bounds express better.
  std::optional<Expr> symbol() {
    const auto name = quoted();
    if (!name) return std::nullopt;
    bool integer = false;
    while (token(",")) {
      const std::string_view assumption = identifier();
      if (assumption.empty() || !token("=") || identifier().empty()) return std::nullopt;
      integer = integer || assumption == "integer";
    }
    if (!token(")") || !integer) return std::nullopt;
    return Expr::symbol(std::string(*name));
  }

  /// After "L": subscripts and attributes that lead to an argument, then perhaps .size()[n].
  std::optional<Expr> input() {
    InputTerm term;
    while (true) {
      if (token("[")) {
        if (const auto key = quoted()) {
          term.path += "['" + std::string(*key) + "']";
        } else {
          const auto index = number();
          if (!index) return std::nullopt;
          term.path += "[" + std::to_string(index->as_int()) + "]";
        }
        if (!token("]")) return std::nullopt;
      } else if (token(".size()[") || token(".stride()[")) {
        term.stride = text_.substr(0, position_).ends_with(".stride()[");
        const auto dim = number();
        if (!dim || !token("]")) return std::nullopt;
        term.dim = dim->as_int();
        break;
      } else if (token(".storage_offset()")) {
        return Expr(0);  // a call's inputs begin where their bytes do
      } else if (token(".")) {
        const std::string_view attribute = identifier();
        if (attribute.empty()) return std::nullopt;
        term.path += "." + std::string(attribute);
      } else {
        break;
      }
    }
    return resolve_ ? resolve_(term) : std::nullopt;
  }

  std::optional<std::string_view> quoted() {
    skip_space();
    if (position_ >= text_.size() || (text_[position_] != '\'' && text_[position_] != '"'))
      return std::nullopt;
    const char quote = text_[position_];
    const std::size_t end = text_.find(quote, position_ + 1);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view inside = text_.substr(position_ + 1, end - position_ - 1);
    position_ = end + 1;
    return inside;
  }

  std::string_view identifier() {
    skip_space();
    const std::size_t start = position_;
    const auto letter = [&](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; };
    if (position_ < text_.size() && letter(text_[position_])) {
      while (position_ < text_.size() &&
             (letter(text_[position_]) || std::isdigit(static_cast<unsigned char>(text_[position_])) != 0))
        ++position_;
    }
    return text_.substr(start, position_ - start);
  }

  bool word(std::string_view wanted) {
    const std::size_t start = position_;
    if (identifier() == wanted) return true;
    position_ = start;
    return false;
  }

  bool token(std::string_view wanted) {
    skip_space();
    if (!text_.substr(position_).starts_with(wanted)) return false;
    // "*" is not the beginning of "**", nor "/" of "//".
    if (wanted == "*" && text_.substr(position_).starts_with("**")) return false;
    position_ += wanted.size();
    return true;
  }

  bool peek(char wanted) {
    skip_space();
    return position_ < text_.size() && text_[position_] == wanted;
  }

  void skip_space() {
    while (position_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[position_])) != 0)
      ++position_;
  }

  bool at_end() {
    skip_space();
    return position_ == text_.size();
  }

  /// Counts the depth of recursion, so that a hostile text cannot exhaust the stack.
  class Nested {
   public:
    explicit Nested(Parser& parser) : parser_(parser), allowed_(++parser.depth_ <= kDeepestNesting) {}
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;
    ~Nested() { --parser_.depth_; }
    explicit operator bool() const { return allowed_; }

   private:
    Parser& parser_;
    bool allowed_;
  };

  std::string_view text_;
  const ResolveInput& resolve_;
  std::size_t position_ = 0;
  int depth_ = 0;
};

}  // namespace

std::optional<Expr> parse_expression(std::string_view text) {
  const ResolveInput nothing;
  return Parser(text, nothing).whole_expression();
}

std::optional<std::vector<Condition>> parse_condition(std::string_view text, const ResolveInput& resolve) {
  return Parser(text, resolve).whole_condition();
}

}  // namespace genie::pytorch
