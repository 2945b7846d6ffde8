// Normalisation and recurrent layers.
#include <algorithm>

#include "shape_rules.hpp"

namespace genie::plan::detail {

namespace {

/// The last dimensions must be those that are normalised over; says how many they are.
std::size_t normalised_dims(Call& c, const Operand& input) {
  const Exprs over = c.integers("normalized_shape");
  if (c.ok() && (over.empty() || over.size() > input.shape.size()))
    c.fail("normalized_shape has " + std::to_string(over.size()) + " dimensions, the input " +
           std::to_string(input.rank()));
  if (!c.ok()) return 0;
  const std::size_t lead = input.shape.size() - over.size();
  for (std::size_t i = 0; i < over.size(); ++i)
    (void)c.same(input.shape[lead + i], over[i],
                 "the input's size and normalized_shape in dimension " + std::to_string(lead + i));
  return over.size();
}

std::vector<Inferred> layer_norm(Call& c) {
  const Operand input = c.tensor("input");
  (void)normalised_dims(c, input);
  return {typed(input.dtype, input.shape)};
}

std::vector<Inferred> rms_norm(Call& c) {
  const Operand input = c.tensor("input");
  (void)normalised_dims(c, input);
  const auto weight = c.optional_tensor("weight");
  if (weight && weight->dtype != input.dtype) c.unsure();
  return {typed(input.dtype, input.shape)};
}

/// Statistics of low-precision inputs are kept in another type by some devices: only their shape is sure.
Inferred statistic(const Operand& input, Shape shape) {
  Inferred out = typed(input.dtype, std::move(shape));
  out.dtype_known = input.dtype == DType::f32 || input.dtype == DType::f64;
  return out;
}

std::vector<Inferred> native_layer_norm(Call& c) {
  const Operand input = c.tensor("input");
  const std::size_t over = normalised_dims(c, input);
  Shape statistics = input.shape;
  for (std::size_t i = statistics.size() - over; i < statistics.size(); ++i)
    statistics[i] = Expr(1);
  return {typed(input.dtype, input.shape), statistic(input, statistics), statistic(input, statistics)};
}

std::vector<Inferred> native_group_norm(Call& c) {
  const Operand input = c.tensor("input");
  const Shape statistics{c.integer("N"), c.integer("group")};
  return {typed(input.dtype, input.shape), statistic(input, statistics), statistic(input, statistics)};
}

/// batch_norm's saved statistics are empty in inference on some devices and full on others.
std::vector<Inferred> native_batch_norm(Call& c) {
  const Operand input = c.tensor("input");
  Inferred open;
  open.dtype_known = open.shape_known = false;
  return {typed(input.dtype, input.shape), open, open};
}

/// The layer's output: the input with its last dimension replaced by the hidden size of each direction.
Inferred recurrent_output(Call& c, const Operand& input, const Operand& hidden) {
  Inferred out = typed(input.dtype, input.shape);
  if (out.shape.empty() || hidden.shape.empty()) return c.unsure(), out;
  out.shape.back() = hidden.shape.back() * Expr(c.flag("bidirectional") ? 2 : 1);
  return out;
}

/// The input of a recurrent layer, padded or packed.
Operand sequence_of(Call& c) {
  return c.tensor(c.arg("data") != nullptr ? "data" : "input");
}

std::vector<Inferred> lstm(Call& c) {
  const Operand input = sequence_of(c);
  const std::vector<std::optional<Operand>> state = c.tensors("hx");
  if (!c.ok() || state.size() != 2 || !state[0] || !state[1]) return c.unsure(), std::vector<Inferred>{};
  return {recurrent_output(c, input, *state[0]), typed(state[0]->dtype, state[0]->shape),
          typed(state[1]->dtype, state[1]->shape)};
}

std::vector<Inferred> gru(Call& c) {
  const Operand input = sequence_of(c), state = c.tensor("hx");
  return {recurrent_output(c, input, state), typed(state.dtype, state.shape)};
}

std::vector<Inferred> cell(Call& c) {
  const Operand state = c.tensor("hx");
  return {typed(state.dtype, state.shape)};
}

std::vector<Inferred> lstm_cell(Call& c) {
  std::vector<Inferred> out;
  for (const std::optional<Operand>& state : c.tensors("hx"))
    if (state) out.push_back(typed(state->dtype, state->shape));
  if (out.size() != 2) c.unsure();
  return out;
}

/// The norm of each slice along `dim`; of everything for -1.
std::vector<Inferred> norm_except_dim(Call& c) {
  const Operand v = c.tensor("v");
  const std::int64_t dim = c.constant("dim");
  if (dim == -1) return {typed(v.dtype, {})};
  const std::size_t d = c.dim(dim, v.rank());
  if (!c.ok() || v.shape.empty()) return c.unsure(), std::vector<Inferred>{};
  Shape shape(v.shape.size(), Expr(1));
  shape[d] = v.shape[d];
  return {typed(v.dtype, std::move(shape))};
}

std::vector<Inferred> cosine_similarity(Call& c) {
  const Operand a = c.tensor("x1"), b = c.tensor("x2");
  Shape shape = c.broadcast(a.shape, b.shape);
  const std::size_t d = c.dim(c.constant("dim"), static_cast<std::int64_t>(shape.size()));
  if (!c.ok()) return {};
  if (!shape.empty()) shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(d));
  const auto dtype = promote(a.dtype, b.dtype);
  if (!dtype) c.unsure();
  return {typed(dtype.value_or(a.dtype), std::move(shape))};
}

}  // namespace

std::span<const NamedRule> norm_rules() {
  static constexpr NamedRule kRules[] = {
      {"layer_norm", layer_norm},
      {"rms_norm", rms_norm},
      {"native_layer_norm", native_layer_norm},
      {"native_group_norm", native_group_norm},
      {"native_batch_norm", native_batch_norm},
      {"lstm", lstm},
      {"gru", gru},
      {"cell", cell},
      {"lstm_cell", lstm_cell},
      {"norm_except_dim", norm_except_dim},
      {"cosine_similarity", cosine_similarity},
  };
  return kRules;
}

}  // namespace genie::plan::detail
