// Products over named dimensions (einsum, tensordot…), statistics of samples, and short-time Fourier transforms.
#include <algorithm>
#include <map>

#include "einsum.hpp"
#include "shape_rules.hpp"

namespace genie::plan::detail {

namespace {

using Results = std::vector<Inferred>;

DType promoted(Call& c, std::initializer_list<const Operand*> operands) {
  Promotion promotion;
  for (const Operand* operand : operands)
    promotion.add(*operand);
  if (!promotion.result()) c.unsure();
  return promotion.result().value_or(DType::f32);
}

class Einsum {
 public:
  explicit Einsum(Call& c) : call_(c) {}

  Results run() {
    const Equation equation(call_.text("equation"));
    const auto operands = call_.tensors("tensors");
    if (call_.ok() && operands.size() != equation.inputs.size())
      call_.fail("the equation names " + std::to_string(equation.inputs.size()) +
                 " operands, and there are " + std::to_string(operands.size()));
    Promotion promotion;
    for (std::size_t i = 0; call_.ok() && i < operands.size(); ++i) {
      if (!operands[i]) return call_.unsure(), Results{};
      bind(equation.inputs[i], *operands[i]);
      promotion.add(*operands[i]);
    }
    if (!promotion.result()) call_.unsure();
    if (!call_.ok()) return {};
    const DType dtype = promotion.result().value_or(DType::f32);
    if (equation.output) return {typed(dtype, shape_of(*equation.output))};
    // Without an arrow: the broadcast dimensions, then what is named once, in alphabetical order.
    Shape shape = dots_;
    for (const auto& [letter, times] : times_)
      if (times == 1) shape.push_back(sizes_.at(letter));
    return {typed(dtype, std::move(shape))};
  }

 private:
  void bind(const Subscripts& names, const Operand& operand) {
    const std::size_t rank = operand.shape.size(), named = names.letters.size();
    if (named > rank || (named < rank && !names.before_dots))
      return call_.fail("the equation names " + std::to_string(named) + " dimensions of a tensor of rank " +
                        std::to_string(rank));
    const std::size_t first_dot = names.before_dots.value_or(named), dots = rank - named;
    for (std::size_t i = 0; i < named; ++i) {
      const char letter = names.letters[i];
      const Expr& size = operand.shape[i < first_dot ? i : i + dots];
      const auto [at, added] = sizes_.emplace(letter, size);
      if (!added) at->second = call_.broadcast(at->second, size);
      ++times_[letter];
    }
    const auto from = operand.shape.begin() + static_cast<std::ptrdiff_t>(first_dot);
    dots_ = call_.broadcast(dots_, Shape(from, from + static_cast<std::ptrdiff_t>(dots)));
  }

  Shape shape_of(const Subscripts& names) {
    Shape shape;
    for (std::size_t i = 0; i <= names.letters.size(); ++i) {
      if (names.before_dots == i) shape.insert(shape.end(), dots_.begin(), dots_.end());
      if (i == names.letters.size()) break;
      const auto at = sizes_.find(names.letters[i]);
      if (at == sizes_.end()) return call_.fail("the equation's output names what no input does"), Shape{};
      shape.push_back(at->second);
    }
    return shape;
  }

  Call& call_;
  std::map<char, Expr> sizes_;
  std::map<char, int> times_;
  Shape dots_;
};

Results einsum(Call& c) {
  return Einsum(c).run();
}

Results tensordot(Call& c) {
  const Operand a = c.tensor("self"), b = c.tensor("other");
  const std::vector<std::int64_t> over_a = c.constants("dims_self"), over_b = c.constants("dims_other");
  std::vector<bool> taken_a(a.shape.size(), false), taken_b(b.shape.size(), false);
  for (std::size_t i = 0; i < over_a.size() && i < over_b.size(); ++i) {
    const std::size_t d = c.dim(over_a[i], a.rank()), e = c.dim(over_b[i], b.rank());
    if (!c.ok()) return {};
    if (d < taken_a.size()) taken_a[d] = true;
    if (e < taken_b.size()) taken_b[e] = true;
  }
  Shape shape;
  for (std::size_t i = 0; i < a.shape.size(); ++i)
    if (!taken_a[i]) shape.push_back(a.shape[i]);
  for (std::size_t i = 0; i < b.shape.size(); ++i)
    if (!taken_b[i]) shape.push_back(b.shape[i]);
  return {typed(a.dtype, std::move(shape))};
}

Results inner(Call& c) {
  const Operand a = c.tensor("self"), b = c.tensor("other");
  if (!c.ok()) return {};
  if (a.shape.empty() || b.shape.empty())
    return {typed(promoted(c, {&a, &b}), a.shape.empty() ? b.shape : a.shape)};
  Shape shape(a.shape.begin(), a.shape.end() - 1);
  shape.insert(shape.end(), b.shape.begin(), b.shape.end() - 1);
  return {typed(a.dtype, std::move(shape))};
}

Results kron(Call& c) {
  const Operand a = c.tensor("self"), b = c.tensor("other");
  Shape shape(std::max(a.shape.size(), b.shape.size()), Expr(1));
  for (const Operand* operand : {&a, &b})
    for (std::size_t i = 0; i < operand->shape.size(); ++i) {
      Expr& size = shape[shape.size() - operand->shape.size() + i];
      size = size * operand->shape[i];
    }
  return {typed(promoted(c, {&a, &b}), std::move(shape))};
}

Results distance(Call& c) {
  const Operand a = c.tensor("self"), b = c.tensor("other");
  (void)c.broadcast(a.shape, b.shape);
  return {typed(to_real(promoted(c, {&a, &b})), {})};
}

/// cov, corrcoef: rows are variables; one variable gives a number.
Results covariance(Call& c) {
  const Operand self = c.arg("self") != nullptr ? c.tensor("self") : c.tensor("input");
  const DType dtype = to_floating(self.dtype);
  if (self.shape.size() < 2) return {typed(dtype, {})};
  // A single row is a number, too.
  if (!self.shape[0].is_int()) c.unsure();
  return {typed(dtype, self.shape[0] == Expr(1) ? Shape{} : Shape{self.shape[0], self.shape[0]})};
}

/// quantile: one slice per q where q is a list.
Results quantile(Call& c) {
  const Operand self = c.tensor("self");
  const bool keep = c.flag("keepdim");
  Shape shape;
  if (const auto q = c.operand(*c.arg("q")); q) shape = q->shape;
  const std::size_t taken = c.has("dim") ? c.dim(c.constant("dim"), self.rank()) : 0;
  if (!c.ok()) return {};
  for (std::size_t i = 0; i < self.shape.size(); ++i) {
    if (c.has("dim") && i != taken)
      shape.push_back(self.shape[i]);
    else if (keep)
      shape.emplace_back(1);
  }
  return {typed(self.dtype, std::move(shape))};
}

Results histc(Call& c) {
  return {typed(c.tensor("self").dtype, {c.integer("bins")})};
}
Results histogram(Call& c) {
  const DType dtype = c.tensor("self").dtype;
  if (const auto edges = c.operand(*c.arg("bins")); edges && !edges->wrapped) {
    if (edges->shape.size() != 1) return c.unsure(), Results{};
    return {typed(dtype, {edges->shape[0] - Expr(1)}), typed(dtype, edges->shape)};
  }
  const Expr bins = c.integer("bins");
  return {typed(dtype, {bins}), typed(dtype, {bins + Expr(1)})};
}

/// trapezoid: the dimension vanishes. cumulative_trapezoid: it is one shorter.
Results integral(Call& c, bool cumulative) {
  const Operand y = c.tensor("y");
  Promotion promotion;
  promotion.add(y);
  if (c.arg("x") != nullptr) promotion.add(c.tensor("x"));
  const std::size_t d = c.dim(c.constant("dim"), y.rank());
  if (!c.ok() || y.shape.empty() || !promotion.result()) return c.unsure(), Results{};
  Shape shape = y.shape;
  if (cumulative)
    shape[d] = shape[d] - Expr(1);
  else
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(d));
  return {typed(to_floating(*promotion.result()), std::move(shape))};
}
Results trapezoid(Call& c) {
  return integral(c, false);
}
Results cumulative_trapezoid(Call& c) {
  return integral(c, true);
}

/// One derivative for each dimension asked for.
Results gradient(Call& c) {
  const Operand self = c.tensor("self");
  std::size_t count = self.shape.size();
  if (c.has("dim")) count = c.constants("dim").size();
  return Results(count, typed(to_floating(self.dtype), self.shape));
}

Results stft(Call& c) {
  const Operand self = c.tensor("self");
  const std::int64_t n_fft = c.constant("n_fft");
  const std::int64_t hop = c.has("hop_length") ? c.constant("hop_length") : n_fft / 4;
  if (!c.ok() || self.shape.empty() || hop <= 0) return c.unsure(), Results{};
  const auto window = c.optional_tensor("window");
  const bool complex_input = is_complex(self.dtype) || (window && is_complex(window->dtype));
  const bool onesided = c.has("onesided") ? c.flag("onesided") : !complex_input;
  const bool centred = c.arg("center") != nullptr && c.flag("center");
  const Expr length = self.shape.back() + Expr(centred ? n_fft / 2 * 2 : 0);
  const Expr frames = Expr::make(Expr::Op::floordiv, length - Expr(n_fft), Expr(hop)) + Expr(1);
  Shape shape(self.shape.begin(), self.shape.end() - 1);
  shape.insert(shape.end(), {Expr(onesided ? n_fft / 2 + 1 : n_fft), frames});
  const bool complex = c.has("return_complex") ? c.flag("return_complex") : complex_input;
  if (complex) return {typed(to_complex(self.dtype), std::move(shape))};
  shape.emplace_back(2);
  return {typed(to_real(self.dtype), std::move(shape))};
}

Results istft(Call& c) {
  const Operand self = c.tensor("self");
  const std::int64_t n_fft = c.constant("n_fft");
  const std::int64_t hop = c.has("hop_length") ? c.constant("hop_length") : n_fft / 4;
  if (!c.ok() || self.shape.size() < 2) return c.unsure(), Results{};
  const Expr whole = (self.shape.back() - Expr(1)) * Expr(hop) + Expr(n_fft);
  Shape shape(self.shape.begin(), self.shape.end() - 2);
  shape.push_back(c.has("length") ? c.integer("length") : whole - Expr(c.flag("center") ? n_fft / 2 * 2 : 0));
  return {typed(c.flag("return_complex") ? self.dtype : to_real(self.dtype), std::move(shape))};
}

}  // namespace

std::span<const NamedRule> contraction_rules() {
  static constexpr NamedRule kRules[] = {
      {"einsum", einsum},
      {"tensordot", tensordot},
      {"inner", inner},
      {"kron", kron},
      {"distance", distance},
      {"covariance", covariance},
      {"quantile", quantile},
      {"histc", histc},
      {"histogram", histogram},
      {"trapezoid", trapezoid},
      {"cumulative_trapezoid", cumulative_trapezoid},
      {"gradient", gradient},
      {"stft", stft},
      {"istft", istft},
  };
  return kRules;
}

}  // namespace genie::plan::detail
