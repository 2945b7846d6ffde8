#include "capture/arguments.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace genie::pytorch {
namespace {

/// "int[2]?" taken apart: element type, whether it is a list, and its fixed length.
struct ArgumentType {
  std::string_view element;
  bool list = false;
  std::size_t length = 1;
};

ArgumentType take_apart(std::string_view type) {
  while (!type.empty() && type.back() == '?')
    type.remove_suffix(1);
  ArgumentType result{type};
  const std::size_t bracket = type.find('[');
  if (bracket == std::string_view::npos) return result;
  result.element = type.substr(0, bracket);
  while (!result.element.empty() && result.element.back() == '?')
    result.element.remove_suffix(1);
  result.list = true;
  std::from_chars(type.data() + bracket + 1, type.data() + type.size(), result.length);
  return result;
}

plan::Arg from_integer(const plan::Expr& expression) {
  if (expression.is_int()) return {expression.as_int()};
  return {plan::arg::Dim{expression}};
}

bool is_bound(const plan::Expr& expression, const SymbolSet& bound) {
  SymbolSet used;
  expression.collect_symbols(used);
  return std::all_of(used.begin(), used.end(),
                     [&](const std::string& symbol) { return bound.contains(symbol); });
}

class Translator {
 public:
  Translator(const Environment& environment, std::string& why) : environment_(environment), why_(why) {}

  std::optional<plan::Arg> translate(const Argument& argument, const ArgumentType& type) {
    if (const auto* list = std::get_if<argument::List>(&argument.is)) {
      plan::arg::List result;
      for (const Argument& item : list->items) {
        // A list in a list: its items have the element type of the inner one, which needs no conversion.
        auto translated = translate(item, {type.element});
        if (!translated) return std::nullopt;
        result.items.push_back(std::move(*translated));
      }
      return plan::Arg{std::move(result)};
    }
    auto single = scalar(argument, type.element);
    if (!single || !type.list || std::holds_alternative<plan::arg::Null>(single->is)) return single;
    // torch lets one number stand for a list: stride=2 for int[2].
    return plan::Arg{plan::arg::List{std::vector<plan::Arg>(std::max<std::size_t>(type.length, 1), *single)}};
  }

 private:
  std::optional<plan::Arg> scalar(const Argument& argument, std::string_view element) {
    const auto& is = argument.is;
    if (std::holds_alternative<argument::None>(is)) return plan::Arg{};
    if (const auto* tensor = std::get_if<argument::Tensor>(&is)) return named(tensor->name);
    if (const auto* number = std::get_if<argument::SymInt>(&is)) {
      if (const auto expression = bound_integer(environment_, number->name)) return from_integer(*expression);
      return named(number->name);
    }
    if (const auto* number = std::get_if<argument::SymFloat>(&is)) return named(number->name);
    if (const auto* flag = std::get_if<argument::SymBool>(&is)) return named(flag->name);
    if (const auto* number = std::get_if<std::int64_t>(&is)) {
      if (element == "float") return plan::Arg{static_cast<double>(*number)};
      if (element == "bool") return plan::Arg{*number != 0};
      return plan::Arg{*number};
    }
    if (const auto* number = std::get_if<double>(&is)) return plan::Arg{*number};
    if (const auto* flag = std::get_if<bool>(&is)) {
      if (element == "int" || element == "SymInt") return plan::Arg{std::int64_t{*flag}};
      return plan::Arg{*flag};
    }
    if (const auto* text = std::get_if<std::string>(&is)) {
      if (element == "Device") return plan::Arg{plan::arg::Device{}};
      return plan::Arg{plan::arg::Str{*text}};
    }
    if (const auto* number = std::get_if<argument::Complex>(&is))
      return plan::Arg{plan::arg::Complex{number->real, number->imag}};
    if (const auto* type = std::get_if<plan::DType>(&is)) return plan::Arg{*type};
    if (const auto* name = std::get_if<argument::Layout>(&is))
      return plan::Arg{plan::arg::Layout{name->name}};
    if (const auto* name = std::get_if<argument::MemoryFormat>(&is))
      return plan::Arg{plan::arg::MemoryFormat{name->name}};
    if (std::holds_alternative<argument::Device>(is)) return plan::Arg{plan::arg::Device{}};
    if (const auto* other = std::get_if<argument::Unsupported>(&is)) why_ = other->kind;
    if (std::holds_alternative<argument::SubGraph>(is)) why_ = "a sub-graph";
    if (std::holds_alternative<argument::Operator>(is)) why_ = "an operator";
    return std::nullopt;
  }

  std::optional<plan::Arg> named(const std::string& name) {
    const auto at = environment_.names.find(name);
    if (at != environment_.names.end()) return at->second;
    why_ = "'" + name + std::string(kMadeByNothing);
    return std::nullopt;
  }

  const Environment& environment_;
  std::string& why_;
};

}  // namespace

std::optional<plan::Expr> bound_integer(const Environment& environment, const std::string& name) {
  const auto at = environment.graph->sym_ints.find(name);
  if (at == environment.graph->sym_ints.end() || !at->second || !is_bound(*at->second, *environment.bound))
    return std::nullopt;
  return at->second;
}

const std::vector<Condition>* bound_condition(const Environment& environment, const std::string& name) {
  const auto at = environment.graph->sym_bools.find(name);
  if (at == environment.graph->sym_bools.end() || !at->second) return nullptr;
  for (const Condition& condition : *at->second)
    if (!is_bound(condition.a, *environment.bound) || !is_bound(condition.b, *environment.bound))
      return nullptr;
  return &*at->second;
}

std::optional<plan::Arg> translate_argument(const Argument& argument, std::string_view type,
                                            const Environment& environment, std::string& why) {
  return Translator(environment, why).translate(argument, take_apart(type));
}

std::string translate_arguments(const Node& node, const plan::OpSchema* schema,
                                const Environment& environment, plan::Node& into) {
  std::string why;
  if (schema == nullptr) {
    for (const NamedArgument& input : node.inputs) {
      auto arg = translate_argument(input.arg, {}, environment, why);
      if (!arg) return "argument '" + input.name + "' is " + why;
      if (input.keyword)
        into.kwargs.emplace(input.name, std::move(*arg));
      else
        into.args.push_back(std::move(*arg));
    }
    return {};
  }
  std::vector<std::optional<plan::Arg>> given(schema->arguments.size());
  for (const NamedArgument& input : node.inputs) {
    const auto declared = std::find_if(schema->arguments.begin(), schema->arguments.end(),
                                       [&](const plan::OpArgument& a) { return a.name == input.name; });
    if (declared == schema->arguments.end())
      return "the operator has no argument '" + input.name + "' in this Genie's op table";
    auto arg = translate_argument(input.arg, declared->type, environment, why);
    if (!arg) return "argument '" + input.name + "' is " + why;
    given[static_cast<std::size_t>(declared - schema->arguments.begin())] = std::move(arg);
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    const plan::OpArgument& declared = schema->arguments[i];
    if (!given[i]) given[i] = declared.default_value;
    if (!given[i]) return "argument '" + declared.name + "' is missing";
    if (declared.kwarg_only)
      into.kwargs.emplace(declared.name, std::move(*given[i]));
    else
      into.args.push_back(std::move(*given[i]));
  }
  return {};
}

}  // namespace genie::pytorch
