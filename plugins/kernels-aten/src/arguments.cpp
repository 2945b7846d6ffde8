#include "arguments.hpp"

#include <ATen/core/List.h>
#include <ATen/core/jit_type.h>
#include <c10/core/Layout.h>
#include <c10/core/MemoryFormat.h>

#include "exchange.hpp"
#include "lists.hpp"

namespace genie::kernels_aten {

namespace {

using c10::IValue;
using c10::TypeKind;
using Converted = std::variant<IValue, Operand, ListPlan, Mismatch>;
namespace arg = plan::arg;

std::string_view tag_of(const plan::Arg& actual) {
  static constexpr std::string_view kTags[] = {
      "null", "value", "weight", "state",         "int",    "float", "bool",  "complex",
      "str",  "dtype", "layout", "memory_format", "device", "dim",   "graph", "list"};
  return kTags[actual.is.index()];
}

Mismatch mismatch(const c10::Argument& formal, const plan::Arg& actual) {
  return {"argument \"" + formal.name() + "\" wants " + formal.real_type()->str() +
          ", and the plan gives {\"" + std::string(tag_of(actual)) + "\"}"};
}

std::optional<IValue> memory_format(std::string_view name) {
  if (name == "contiguous") return IValue(static_cast<std::int64_t>(c10::MemoryFormat::Contiguous));
  if (name == "preserve") return IValue(static_cast<std::int64_t>(c10::MemoryFormat::Preserve));
  if (name == "channels_last") return IValue(static_cast<std::int64_t>(c10::MemoryFormat::ChannelsLast));
  if (name == "channels_last_3d") return IValue(static_cast<std::int64_t>(c10::MemoryFormat::ChannelsLast3d));
  return std::nullopt;
}

/// A reference to something that is known only at run time; nothing for constants.
std::optional<std::variant<Operand, Mismatch>> reference(const plan::Arg& actual, const Scope& scope,
                                                         Wanted wanted) {
  Operand operand;
  operand.wanted = wanted;
  if (const auto* value = std::get_if<arg::Value>(&actual.is)) {
    const auto found = scope.values.find(value->id);
    if (found == scope.values.end())
      return Mismatch{"value \"" + value->id + "\" is made by no earlier node and is no input of this stage"};
    operand.source = found->second.source;
    operand.index = found->second.index;
    // What is declared and used as a tensor needs no look at run time.
    if (wanted == Wanted::tensor && !found->second.number) operand.wanted = Wanted::as_is;
    return operand;
  }
  if (const auto* state = std::get_if<arg::State>(&actual.is)) {
    const auto found = scope.states->find(state->name);
    if (found == scope.states->end()) return Mismatch{"the stage declares no state \"" + state->name + "\""};
    operand.source = Source::state;
    operand.index = found->second;
    if (wanted == Wanted::tensor) operand.wanted = Wanted::as_is;
    return operand;
  }
  if (const auto* dim = std::get_if<arg::Dim>(&actual.is)) {
    operand.source = Source::dim;
    operand.index = scope.dim(dim->expr);
    if (wanted == Wanted::integer || wanted == Wanted::number) operand.wanted = Wanted::as_is;
    return operand;
  }
  return std::nullopt;
}

std::variant<at::Tensor, Mismatch> weight_tensor(const arg::Weight& weight, const Scope& scope) {
  const auto found = scope.weights->find(weight.name);
  if (found == scope.weights->end()) return Mismatch{"the stage declares no weight \"" + weight.name + "\""};
  return scope.program->weights[found->second].tensor;
}

std::optional<IValue> number(const plan::Arg& actual) {
  if (const auto* i = std::get_if<std::int64_t>(&actual.is)) return IValue(*i);
  if (const auto* f = std::get_if<double>(&actual.is)) return IValue(*f);
  if (const auto* b = std::get_if<bool>(&actual.is)) return IValue(*b);
  if (const auto* c = std::get_if<arg::Complex>(&actual.is))
    return IValue(c10::complex<double>(c->real, c->imag));
  return std::nullopt;
}

/// An element type, layout or memory format: torch passes all of them as ints.
std::optional<IValue> enumerator(TypeKind kind, const plan::Arg& actual) {
  if (const auto* dtype = std::get_if<plan::DType>(&actual.is);
      dtype && (kind == TypeKind::ScalarTypeType || kind == TypeKind::IntType)) {
    if (const auto type = scalar_type(*dtype)) return IValue(static_cast<std::int64_t>(*type));
  }
  if (const auto* layout = std::get_if<arg::Layout>(&actual.is);
      layout && (kind == TypeKind::LayoutType || kind == TypeKind::IntType)) {
    if (layout->name == "strided") return IValue(static_cast<std::int64_t>(c10::Layout::Strided));
  }
  if (const auto* format = std::get_if<arg::MemoryFormat>(&actual.is);
      format && (kind == TypeKind::MemoryFormatType || kind == TypeKind::IntType))
    return memory_format(format->name);
  return std::nullopt;
}

Converted from_reference(std::variant<Operand, Mismatch> found) {
  if (auto* operand = std::get_if<Operand>(&found)) return *operand;
  return std::get<Mismatch>(std::move(found));
}

/// An argument that is no list, as one type of a schema wants it.
Converted single(const c10::Argument& formal, TypeKind kind, const plan::Arg& actual, const Scope& scope) {
  const auto constant = number(actual);
  const auto refer = [&](Wanted wanted) -> std::optional<Converted> {
    if (auto found = reference(actual, scope, wanted)) return from_reference(*std::move(found));
    return std::nullopt;
  };
  switch (kind) {
    case TypeKind::TensorType:
      if (auto found = refer(Wanted::tensor)) return *std::move(found);
      if (const auto* weight = std::get_if<arg::Weight>(&actual.is)) {
        auto tensor = weight_tensor(*weight, scope);
        if (auto* missing = std::get_if<Mismatch>(&tensor)) return std::move(*missing);
        return IValue(std::get<at::Tensor>(std::move(tensor)));
      }
      if (constant) return IValue(wrapped_number(*constant));
      break;
    case TypeKind::IntType:
    case TypeKind::SymIntType:
    case TypeKind::ScalarTypeType:
    case TypeKind::LayoutType:
    case TypeKind::MemoryFormatType:
      if (auto value = enumerator(kind, actual)) return *std::move(value);
      if (kind != TypeKind::IntType && kind != TypeKind::SymIntType) break;
      if (auto found = refer(Wanted::integer)) return *std::move(found);
      if (constant && constant->isInt()) return *constant;
      if (constant && constant->isBool()) return IValue(static_cast<std::int64_t>(constant->toBool()));
      break;
    case TypeKind::FloatType:
    case TypeKind::SymFloatType:
      if (auto found = refer(Wanted::floating)) return *std::move(found);
      if (constant && constant->isDouble()) return *constant;
      if (constant && constant->isInt()) return IValue(static_cast<double>(constant->toInt()));
      if (constant && constant->isBool()) return IValue(constant->toBool() ? 1.0 : 0.0);
      break;
    case TypeKind::BoolType:
    case TypeKind::SymBoolType:
      if (auto found = refer(Wanted::boolean)) return *std::move(found);
      if (constant && constant->isBool()) return *constant;
      if (constant && constant->isInt()) return IValue(constant->toInt() != 0);
      break;
    case TypeKind::NumberType:
      if (auto found = refer(Wanted::number)) return *std::move(found);
      if (constant) return *constant;
      break;
    case TypeKind::ComplexType:
      if (constant && !constant->isComplexDouble())
        return IValue(c10::complex<double>(constant->toScalar().toDouble(), 0.0));
      if (constant) return *constant;
      break;
    case TypeKind::StringType:
      if (const auto* text = std::get_if<arg::Str>(&actual.is)) return IValue(text->text);
      break;
    case TypeKind::DeviceObjType:
      if (std::holds_alternative<arg::Device>(actual.is)) return IValue(c10::Device(c10::kCPU));
      break;
    default:
      break;
  }
  return mismatch(formal, actual);
}

std::optional<ListPlan::Of> list_of(const c10::TypePtr& element) {
  switch (element->kind()) {
    case TypeKind::TensorType:
      return ListPlan::Of::tensors;
    case TypeKind::OptionalType:
      if (element->castRaw<c10::OptionalType>()->getElementType()->kind() == TypeKind::TensorType)
        return ListPlan::Of::optional_tensors;
      return std::nullopt;
    case TypeKind::IntType:
    case TypeKind::SymIntType:
      return ListPlan::Of::integers;
    case TypeKind::FloatType:
    case TypeKind::SymFloatType:
      return ListPlan::Of::floats;
    case TypeKind::BoolType:
    case TypeKind::SymBoolType:
      return ListPlan::Of::booleans;
    case TypeKind::NumberType:
      return ListPlan::Of::numbers;
    default:
      return std::nullopt;
  }
}

Converted list(const c10::Argument& formal, const c10::TypePtr& element, const plan::Arg& actual,
               const Scope& scope) {
  std::vector<plan::Arg> repeated;
  const std::vector<plan::Arg>* items = nullptr;
  if (const auto* given = std::get_if<arg::List>(&actual.is)) {
    items = &given->items;
  } else if (formal.N()) {
    // `int[2] stride` takes one number for all.
    repeated.assign(static_cast<std::size_t>(*formal.N()), actual);
    items = &repeated;
  } else {
    return mismatch(formal, actual);
  }
  if (element->kind() == TypeKind::StringType) {
    c10::List<std::string> texts;
    for (const plan::Arg& item : *items) {
      const auto* text = std::get_if<arg::Str>(&item.is);
      if (text == nullptr) return mismatch(formal, item);
      texts.push_back(text->text);
    }
    return IValue(std::move(texts));
  }
  const auto of = list_of(element);
  if (!of) return mismatch(formal, actual);
  const TypeKind kind = *of == ListPlan::Of::optional_tensors ? TypeKind::TensorType : element->kind();
  ListPlan plan;
  plan.of = *of;
  for (const plan::Arg& item : *items) {
    const auto position = static_cast<std::uint32_t>(plan.items.size());
    if (*of == ListPlan::Of::optional_tensors && std::holds_alternative<arg::Null>(item.is)) {
      plan.items.emplace_back();
      continue;
    }
    Converted converted = single(formal, kind, item, scope);
    if (auto* wrong = std::get_if<Mismatch>(&converted)) return std::move(*wrong);
    if (auto* constant = std::get_if<IValue>(&converted)) {
      plan.items.push_back(std::move(*constant));
      continue;
    }
    Operand& operand = std::get<Operand>(converted);
    operand.position = position;
    plan.items.emplace_back();
    plan.operands.push_back(operand);
  }
  if (plan.operands.empty()) return make_list(plan.of, plan.items);
  return plan;
}

}  // namespace

std::uint32_t Scope::dim(const plan::Expr& expr) const {
  for (std::uint32_t i = 0; i < program->dims.size(); ++i)
    if (program->dims[i].expr == expr) return i;
  program->dims.push_back({expr, expr.is_int(), false});
  return static_cast<std::uint32_t>(program->dims.size() - 1);
}

Converted convert(const c10::Argument& formal, const plan::Arg& actual, const Scope& scope) {
  c10::TypePtr type = formal.real_type();
  const bool absent = std::holds_alternative<arg::Null>(actual.is);
  if (const auto* optional = type->castRaw<c10::OptionalType>()) {
    if (absent) return IValue();
    type = optional->getElementType();
  }
  if (absent) {
    if (type->kind() == TypeKind::GeneratorType) return IValue();
    return mismatch(formal, actual);
  }
  if (const auto* of = type->castRaw<c10::ListType>())
    return list(formal, of->getElementType(), actual, scope);
  return single(formal, type->kind(), actual, scope);
}

std::vector<const plan::Arg*> in_schema_order(const c10::FunctionSchema& schema, const plan::Node& node,
                                              std::string& why) {
  std::vector<const plan::Arg*> actuals(schema.arguments().size(), nullptr);
  if (node.args.size() > actuals.size()) {
    why = "it takes " + std::to_string(actuals.size()) + " arguments, and the plan gives " +
          std::to_string(node.args.size());
    return actuals;
  }
  for (std::size_t i = 0; i < node.args.size(); ++i)
    actuals[i] = &node.args[i];
  for (const auto& [name, actual] : node.kwargs) {
    const auto position = schema.argumentIndexWithName(name);
    if (!position) {
      why = "it has no argument \"" + name + "\"";
    } else if (actuals[static_cast<std::size_t>(*position)] != nullptr) {
      why = "argument \"" + name + "\" is given twice, by position and by name";
    } else {
      actuals[static_cast<std::size_t>(*position)] = &actual;
    }
  }
  return actuals;
}

void append(Instruction& instruction, std::variant<c10::IValue, Operand, ListPlan> converted) {
  const auto position = static_cast<std::uint32_t>(instruction.stack.size());
  if (auto* constant = std::get_if<IValue>(&converted)) {
    instruction.stack.push_back(std::move(*constant));
    return;
  }
  Operand operand;
  if (auto* dynamic = std::get_if<Operand>(&converted)) {
    operand = *dynamic;
  } else {
    operand.source = Source::list;
    operand.index = static_cast<std::uint32_t>(instruction.lists.size());
    instruction.lists.push_back(std::get<ListPlan>(std::move(converted)));
  }
  operand.position = position;
  instruction.stack.emplace_back();
  instruction.operands.push_back(operand);
}

std::string fill_stack(const c10::FunctionSchema& schema, const std::vector<const plan::Arg*>& actuals,
                       const Scope& scope, Instruction& instruction) {
  for (std::size_t i = 0; i < actuals.size(); ++i) {
    const c10::Argument& formal = schema.arguments()[i];
    if (actuals[i] == nullptr) {
      if (formal.default_value()) {
        instruction.stack.push_back(*formal.default_value());
      } else if (formal.type()->kind() == TypeKind::OptionalType) {
        instruction.stack.emplace_back();
      } else {
        return "argument \"" + formal.name() + "\" (" + formal.real_type()->str() + ") is missing";
      }
      continue;
    }
    Converted converted = convert(formal, *actuals[i], scope);
    if (auto* wrong = std::get_if<Mismatch>(&converted)) return wrong->why;
    if (auto* constant = std::get_if<IValue>(&converted))
      append(instruction, std::move(*constant));
    else if (auto* operand = std::get_if<Operand>(&converted))
      append(instruction, *operand);
    else
      append(instruction, std::get<ListPlan>(std::move(converted)));
  }
  return {};
}

std::variant<IValue, Operand, Mismatch> convert_plain(const plan::Arg& actual, const Scope& scope,
                                                      Wanted wanted) {
  if (auto found = reference(actual, scope, wanted)) {
    if (auto* operand = std::get_if<Operand>(&*found)) return *operand;
    return std::get<Mismatch>(*std::move(found));
  }
  if (const auto* weight = std::get_if<arg::Weight>(&actual.is)) {
    auto tensor = weight_tensor(*weight, scope);
    if (auto* missing = std::get_if<Mismatch>(&tensor)) return std::move(*missing);
    return IValue(std::get<at::Tensor>(std::move(tensor)));
  }
  if (auto constant = number(actual)) return *std::move(constant);
  if (std::holds_alternative<arg::Null>(actual.is)) return IValue();
  return Mismatch{"an argument {\"" + std::string(tag_of(actual)) + "\"} has no meaning here"};
}

}  // namespace genie::kernels_aten
