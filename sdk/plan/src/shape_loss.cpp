// Losses, and the derivatives among the core operators.
#include <algorithm>

#include "shape_rules.hpp"

namespace genie::plan::detail {

namespace {

using Results = std::vector<Inferred>;

/// The loss of each item, or one number (reduction: 0 none, 1 mean, 2 sum).
Inferred reduced(Call& c, DType dtype, Shape of_each) {
  return typed(dtype, c.constant("reduction") == 0 ? std::move(of_each) : Shape{});
}

/// One loss per target: classes are the scores' dimension 1 (0 without a batch).
Results by_target(Call& c) {
  return {reduced(c, c.tensor("self").dtype, c.tensor("target").shape)};
}
Results by_target_with_weight(Call& c) {
  const DType dtype = c.tensor("self").dtype;
  return {reduced(c, dtype, c.tensor("target").shape), typed(dtype, {})};
}

/// Targets are class numbers, or probabilities of the scores' own shape.
Results cross_entropy(Call& c) {
  const Operand self = c.tensor("self"), target = c.tensor("target");
  Shape shape = target.shape;
  const bool probabilities =
      self.shape.size() == shape.size() && category(target.dtype) == Category::floating;
  if (probabilities && !shape.empty()) shape.erase(shape.begin() + (shape.size() > 1 ? 1 : 0));
  return {reduced(c, self.dtype, std::move(shape))};
}

/// One loss per row of scores.
Results by_row(Call& c) {
  const Operand self = c.tensor("self");
  Shape shape = self.shape;
  if (!shape.empty()) shape.pop_back();
  return {reduced(c, self.dtype, std::move(shape))};
}
Results by_row_with_target(Call& c) {
  const Operand target = c.tensor("target");
  return {by_row(c).front(), typed(c.tensor("self").dtype, target.shape)};
}

/// All tensors broadcast and promoted.
Results broadcast_loss(Call& c) {
  Shape shape;
  Promotion promotion;
  for (const Operand& operand : c.all_tensors()) {
    shape = c.broadcast(shape, operand.shape);
    promotion.add(operand);
  }
  if (!promotion.result()) c.unsure();
  return {reduced(c, to_floating(promotion.result().value_or(DType::f32)), std::move(shape))};
}

/// What is left of two or three tensors after their distance over the last dimension.
Shape distances(Call& c, std::initializer_list<Operand> operands, DType& dtype, bool keep) {
  Shape shape;
  Promotion promotion;
  for (const Operand& operand : operands) {
    shape = c.broadcast(shape, operand.shape);
    promotion.add(operand);
  }
  if (!promotion.result() || shape.empty()) c.unsure();
  dtype = to_floating(promotion.result().value_or(DType::f32));
  if (!shape.empty()) shape.pop_back();
  if (keep) shape.emplace_back(1);
  return shape;
}
Results triplet_margin(Call& c) {
  DType dtype = DType::f32;
  Shape shape = distances(c, {c.tensor("anchor"), c.tensor("positive"), c.tensor("negative")}, dtype, false);
  return {reduced(c, dtype, std::move(shape))};
}
Results pairwise_distance(Call& c) {
  DType dtype = DType::f32;
  Shape shape = distances(c, {c.tensor("x1"), c.tensor("x2")}, dtype, c.flag("keepdim"));
  return {typed(dtype, std::move(shape))};
}

Results cosine_embedding(Call& c) {
  const Operand a = c.tensor("input1"), b = c.tensor("input2"), target = c.tensor("target");
  Shape shape = c.broadcast(a.shape, b.shape);
  if (!c.ok() || shape.empty()) return c.unsure(), Results{};
  shape.erase(shape.begin() + (shape.size() > 1 ? 1 : 0));
  Promotion promotion;
  for (const Operand& operand : {a, b})
    promotion.add(operand);
  return {reduced(c, to_floating(promotion.result().value_or(a.dtype)), c.broadcast(shape, target.shape))};
}

/// Scores are [time, batch, class] or [time, class].
Results ctc(Call& c) {
  const Operand scores = c.tensor("log_probs");
  return {reduced(c, scores.dtype, scores.shape.size() == 3 ? Shape{scores.shape[1]} : Shape{})};
}

/// The gradient of the argument `self`, which has its type and shape.
Results like_self(Call& c) {
  const Operand self = c.tensor("self");
  return {typed(self.dtype, self.shape)};
}

Inferred like(const std::optional<Operand>& operand, const Inferred& otherwise) {
  return operand ? typed(operand->dtype, operand->shape) : otherwise;
}

Results layer_norm_backward(Call& c) {
  const Operand input = c.tensor("input");
  const Inferred parameters = typed(input.dtype, c.integers("normalized_shape"));
  const auto weight = c.optional_tensor("weight");
  return {typed(input.dtype, input.shape), like(weight, parameters),
          like(c.optional_tensor("bias"), parameters)};
}

Results group_norm_backward(Call& c) {
  const Operand input = c.tensor("input");
  const Inferred parameters = like(c.optional_tensor("weight"), typed(input.dtype, {c.integer("C")}));
  return {typed(input.dtype, input.shape), parameters, parameters};
}

Results convolution_backward(Call& c) {
  const Operand input = c.tensor("input"), weight = c.tensor("weight"), gradient = c.tensor("grad_output");
  if (!c.ok() || gradient.shape.size() < 2) return c.unsure(), Results{};
  return {typed(input.dtype, input.shape), typed(weight.dtype, weight.shape),
          typed(gradient.dtype, {gradient.shape[gradient.shape.size() == input.shape.size() ? 1 : 0]})};
}

Results embedding_backward(Call& c) {
  const Operand gradient = c.tensor("grad_output");
  if (!c.ok() || gradient.shape.empty()) return c.unsure(), Results{};
  return {typed(gradient.dtype, {c.integer("num_weights"), gradient.shape.back()})};
}

Results softmax_backward(Call& c) {
  const Operand gradient = c.tensor("grad_output");
  return {typed(c.dtype("input_dtype").value_or(gradient.dtype), gradient.shape)};
}

Results unfold_backward(Call& c) {
  return {typed(c.tensor("grad_in").dtype, c.integers("input_sizes"))};
}

}  // namespace

std::span<const NamedRule> loss_rules() {
  static constexpr NamedRule kRules[] = {
      {"loss_by_target", by_target},
      {"loss_by_target_with_weight", by_target_with_weight},
      {"cross_entropy", cross_entropy},
      {"loss_by_row", by_row},
      {"loss_by_row_with_target", by_row_with_target},
      {"broadcast_loss", broadcast_loss},
      {"triplet_margin", triplet_margin},
      {"pairwise_distance", pairwise_distance},
      {"cosine_embedding", cosine_embedding},
      {"ctc", ctc},
      {"like_self", like_self},
      {"layer_norm_backward", layer_norm_backward},
      {"group_norm_backward", group_norm_backward},
      {"convolution_backward", convolution_backward},
      {"embedding_backward", embedding_backward},
      {"softmax_backward", softmax_backward},
      {"unfold_backward", unfold_backward},
  };
  return kRules;
}

}  // namespace genie::plan::detail
