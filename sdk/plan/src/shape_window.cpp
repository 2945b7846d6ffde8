// Convolutions, pools and resampling: a window slides over the last dimensions.
#include <algorithm>
#include <cmath>

#include "shape_rules.hpp"

namespace genie::plan::detail {

namespace {

Expr halved(const Expr& a, const Expr& b) {
  return Expr::make(Expr::Op::floordiv, a, b);
}

/// Positions of a window over `size`.
Expr convolved(const Expr& size, const Expr& kernel, const Expr& stride, const Expr& padding,
               const Expr& dilation) {
  return halved(size + padding * Expr(2) - dilation * (kernel - Expr(1)) - Expr(1), stride) + Expr(1);
}

Expr transposed_size(const Expr& size, const Expr& kernel, const Expr& stride, const Expr& padding,
                     const Expr& dilation, const Expr& extra) {
  return (size - Expr(1)) * stride - padding * Expr(2) + dilation * (kernel - Expr(1)) + extra + Expr(1);
}

struct Window {
  Exprs stride, padding, dilation, extra;
};

std::vector<Inferred> convolved_with(Call& c, bool transposed, const Window& window, bool same_padding) {
  const Operand input = c.tensor("input"), weight = c.tensor("weight");
  if (!c.ok()) return {};
  if (weight.shape.size() < 3)
    return c.fail("the weight has rank " + std::to_string(weight.rank())), std::vector<Inferred>{};
  const std::size_t spatial = weight.shape.size() - 2;
  if (input.shape.size() != spatial + 2 && input.shape.size() != spatial + 1)
    return c.fail("input of rank " + std::to_string(input.rank()) + " under a weight of rank " +
                  std::to_string(weight.rank())),
           std::vector<Inferred>{};
  const std::size_t channel = input.shape.size() - spatial - 1;
  const Expr groups = c.integer("groups");
  const auto at = [&](const Exprs& list, std::size_t i, std::int64_t otherwise) {
    return i < list.size() ? list[i] : list.size() == 1 ? list[0] : Expr(otherwise);
  };
  Shape shape(input.shape.begin(), input.shape.begin() + static_cast<std::ptrdiff_t>(channel));
  if (transposed) {
    (void)c.same(input.shape[channel], weight.shape[0], "the input's channels and the weight's");
    shape.push_back(weight.shape[1] * groups);
  } else {
    (void)c.same(input.shape[channel], weight.shape[1] * groups,
                 "the input's channels and groups times the weight's");
    shape.push_back(weight.shape[0]);
  }
  for (std::size_t i = 0; i < spatial; ++i) {
    const Expr& size = input.shape[channel + 1 + i];
    const Expr& kernel = weight.shape[2 + i];
    const Expr stride = at(window.stride, i, 1), padding = at(window.padding, i, 0),
               dilation = at(window.dilation, i, 1);
    if (same_padding)
      shape.push_back(size);
    else if (transposed)
      shape.push_back(transposed_size(size, kernel, stride, padding, dilation, at(window.extra, i, 0)));
    else
      shape.push_back(convolved(size, kernel, stride, padding, dilation));
    if (shape.back().is_int() && shape.back().as_int() < (transposed ? 0 : 1) && c.ok())
      c.fail("the window is larger than the padded input: " + size.to_text() + " under " + kernel.to_text());
  }
  if (c.ok() && input.dtype != weight.dtype)
    c.fail("input is " + std::string(name(input.dtype)) + " and weight " + std::string(name(weight.dtype)));
  return {typed(input.dtype, std::move(shape))};
}

std::vector<Inferred> convolution(Call& c) {
  return convolved_with(
      c, c.flag("transposed"),
      {c.integers("stride"), c.integers("padding"), c.integers("dilation"), c.integers("output_padding")},
      false);
}
std::vector<Inferred> conv(Call& c) {
  return convolved_with(c, false, {c.integers("stride"), c.integers("padding"), c.integers("dilation"), {}},
                        false);
}
std::vector<Inferred> conv_padding(Call& c) {
  return convolved_with(c, false, {c.integers("stride"), {}, c.integers("dilation"), {}},
                        c.text("padding") == "same");
}
std::vector<Inferred> conv_transpose(Call& c) {
  return convolved_with(
      c, true,
      {c.integers("stride"), c.integers("padding"), c.integers("dilation"), c.integers("output_padding")},
      false);
}

/// As torch: with ceil_mode the last window must start inside the input or the left padding.
Expr pooled(Call& c, const Expr& size, const Expr& kernel, const Expr& stride, const Expr& padding,
            const Expr& dilation, bool ceil_mode) {
  if (!ceil_mode) return convolved(size, kernel, stride, padding, dilation);
  if (!size.is_int() || !kernel.is_int() || !stride.is_int() || !padding.is_int() || !dilation.is_int())
    return c.unsure(), Expr(1);
  const std::int64_t s = stride.as_int(), p = padding.as_int();
  if (s <= 0) return c.fail("a stride of " + std::to_string(s)), Expr(1);
  const std::int64_t top = size.as_int() + 2 * p - dilation.as_int() * (kernel.as_int() - 1) - 1 + s - 1;
  std::int64_t out = (top >= 0 ? top / s : (top - s + 1) / s) + 1;
  if ((out - 1) * s >= size.as_int() + p) --out;
  return Expr(out);
}

Operand pooled_input(Call& c) {
  return c.arg("self") != nullptr ? c.tensor("self") : c.tensor("input");
}

Shape pool_shape(Call& c, const Operand& self, std::size_t spatial) {
  const Exprs kernel = c.integers("kernel_size", spatial);
  Exprs stride = c.integers("stride", c.has("stride") ? spatial : 0);
  if (stride.empty()) stride = kernel;
  const Exprs padding = c.integers("padding", spatial);
  const Exprs dilation =
      c.arg("dilation") == nullptr ? Exprs(spatial, Expr(1)) : c.integers("dilation", spatial);
  const bool ceil_mode = c.flag("ceil_mode");
  if (c.ok() && (self.shape.size() < spatial + 1 || self.shape.size() > spatial + 2))
    c.fail("input of rank " + std::to_string(self.rank()) + " for a pool over " + std::to_string(spatial) +
           " dimensions");
  if (c.ok() && (kernel.size() < spatial || stride.size() < spatial || padding.size() < spatial ||
                 dilation.size() < spatial))
    c.unsure();
  Shape shape = self.shape;
  const std::size_t first = shape.size() - std::min(spatial, shape.size());
  for (std::size_t i = 0; c.ok() && i < spatial; ++i) {
    shape[first + i] =
        pooled(c, self.shape[first + i], kernel[i], stride[i], padding[i], dilation[i], ceil_mode);
    if (shape[first + i].is_int() && shape[first + i].as_int() < 1 && c.ok())
      c.fail("the pool's window is larger than the padded input " + self.shape[first + i].to_text());
  }
  return shape;
}

template <std::size_t kSpatial>
std::vector<Inferred> pool(Call& c) {
  const Operand self = pooled_input(c);
  return {typed(self.dtype, pool_shape(c, self, kSpatial))};
}
template <std::size_t kSpatial>
std::vector<Inferred> pool_with_indices(Call& c) {
  const Operand self = pooled_input(c);
  const Shape shape = pool_shape(c, self, kSpatial);
  return {typed(self.dtype, shape), typed(DType::i64, shape)};
}

template <std::size_t kSpatial>
Shape adaptive_shape(Call& c, const Operand& self) {
  const Exprs size = c.integers("output_size", kSpatial);
  if (!c.ok() || size.size() != kSpatial || self.shape.size() < kSpatial + 1) return c.unsure(), Shape{};
  Shape shape(self.shape.begin(), self.shape.end() - kSpatial);
  shape.insert(shape.end(), size.begin(), size.end());
  return shape;
}
template <std::size_t kSpatial>
std::vector<Inferred> adaptive_pool(Call& c) {
  const Operand self = pooled_input(c);
  return {typed(self.dtype, adaptive_shape<kSpatial>(c, self))};
}
template <std::size_t kSpatial>
std::vector<Inferred> adaptive_pool_with_indices(Call& c) {
  const Operand self = pooled_input(c);
  const Shape shape = adaptive_shape<kSpatial>(c, self);
  return {typed(self.dtype, shape), typed(DType::i64, shape)};
}

/// upsample_*: sizes given, or factors of the input's (rounded down).
std::vector<Inferred> upsample(Call& c) {
  const Operand self = pooled_input(c);
  if (!c.ok() || self.shape.size() < 3) return c.unsure(), std::vector<Inferred>{};
  Shape shape(self.shape.begin(), self.shape.begin() + 2);
  if (c.has("output_size")) {
    for (const Expr& size : c.integers("output_size"))
      shape.push_back(size);
  } else if (c.arg("scale_factors") != nullptr && c.has("scale_factors")) {
    const auto* factors = std::get_if<arg::List>(&c.arg("scale_factors")->is);
    if (factors == nullptr || factors->items.size() + 2 != self.shape.size())
      return c.unsure(), std::vector<Inferred>{};
    for (std::size_t i = 0; i < factors->items.size(); ++i) {
      const auto* real = std::get_if<double>(&factors->items[i].is);
      const auto* whole = std::get_if<std::int64_t>(&factors->items[i].is);
      const Expr& size = self.shape[2 + i];
      if (whole != nullptr)
        shape.push_back(size * Expr(*whole));
      else if (real == nullptr)
        c.unsure();
      else if (*real == std::floor(*real) && std::fabs(*real) < 1e6)
        shape.push_back(size * Expr(static_cast<std::int64_t>(*real)));
      else if (size.is_int())
        shape.emplace_back(static_cast<std::int64_t>(std::floor(static_cast<double>(size.as_int()) * *real)));
      else
        c.unsure();
    }
  } else {
    c.unsure();
  }
  if (c.ok() && shape.size() != self.shape.size()) c.fail("the input's rank does not fit the output size");
  return {typed(self.dtype, std::move(shape))};
}

std::vector<Inferred> grid_sample(Call& c) {
  const Operand input = c.tensor("input"), grid = c.tensor("grid");
  if (c.ok() && (input.shape.size() < 4 || input.shape.size() != grid.shape.size()))
    c.fail("input and grid need one rank, 4 or 5");
  if (!c.ok()) return {};
  Shape shape{input.shape[0], input.shape[1]};
  shape.insert(shape.end(), grid.shape.begin() + 1, grid.shape.end() - 1);
  return {typed(input.dtype, std::move(shape))};
}

std::vector<Inferred> im2col(Call& c) {
  const Operand self = c.tensor("self");
  const auto kernel = c.integers("kernel_size", 2), dilation = c.integers("dilation", 2),
             padding = c.integers("padding", 2), stride = c.integers("stride", 2);
  if (!c.ok() || self.shape.size() < 3 || kernel.size() != 2) return c.unsure(), std::vector<Inferred>{};
  const std::size_t first = self.shape.size() - 2;
  Expr blocks(1);
  for (std::size_t i = 0; i < 2; ++i)
    blocks = blocks * convolved(self.shape[first + i], kernel[i], stride[i], padding[i], dilation[i]);
  Shape shape(self.shape.begin(), self.shape.end() - 3);
  shape.push_back(self.shape[first - 1] * kernel[0] * kernel[1]);
  shape.push_back(blocks);
  return {typed(self.dtype, std::move(shape))};
}

std::vector<Inferred> col2im(Call& c) {
  const Operand self = c.tensor("self");
  const auto size = c.integers("output_size", 2), kernel = c.integers("kernel_size", 2);
  if (!c.ok() || self.shape.size() < 2 || size.size() != 2 || kernel.size() != 2)
    return c.unsure(), std::vector<Inferred>{};
  Shape shape(self.shape.begin(), self.shape.end() - 2);
  shape.push_back(halved(self.shape[self.shape.size() - 2], kernel[0] * kernel[1]));
  shape.insert(shape.end(), size.begin(), size.end());
  return {typed(self.dtype, std::move(shape))};
}

/// The last dimensions become `output_size`: max_unpool, fractional_max_pool (which also says what it chose).
std::vector<Inferred> resized_window(Call& c) {
  const Operand self = c.tensor("self");
  const Exprs size = c.integers("output_size");
  if (!c.ok() || size.size() > self.shape.size()) return c.unsure(), std::vector<Inferred>{};
  Shape shape = self.shape;
  std::ranges::copy(size, shape.end() - static_cast<std::ptrdiff_t>(size.size()));
  return {typed(self.dtype, shape), typed(DType::i64, shape)};
}
std::vector<Inferred> unpool(Call& c) {
  std::vector<Inferred> out = resized_window(c);
  if (!out.empty()) out.pop_back();
  return out;
}

}  // namespace

std::span<const NamedRule> window_rules() {
  static constexpr NamedRule kRules[] = {
      {"convolution", convolution},
      {"conv", conv},
      {"conv_padding", conv_padding},
      {"conv_transpose", conv_transpose},
      {"pool1d", pool<1>},
      {"pool2d", pool<2>},
      {"pool3d", pool<3>},
      {"pool1d_with_indices", pool_with_indices<1>},
      {"pool2d_with_indices", pool_with_indices<2>},
      {"pool3d_with_indices", pool_with_indices<3>},
      {"adaptive_pool1d", adaptive_pool<1>},
      {"adaptive_pool2d", adaptive_pool<2>},
      {"adaptive_pool3d", adaptive_pool<3>},
      {"adaptive_pool1d_with_indices", adaptive_pool_with_indices<1>},
      {"adaptive_pool2d_with_indices", adaptive_pool_with_indices<2>},
      {"adaptive_pool3d_with_indices", adaptive_pool_with_indices<3>},
      {"upsample", upsample},
      {"grid_sample", grid_sample},
      {"resized_window", resized_window},
      {"unpool", unpool},
      {"im2col", im2col},
      {"col2im", col2im},
  };
  return kRules;
}

}  // namespace genie::plan::detail
