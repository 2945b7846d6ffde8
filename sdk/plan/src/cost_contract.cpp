#include "cost_contract.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "einsum.hpp"
#include "genie/plan/index.hpp"

namespace genie::plan::detail {

namespace {

Expr product(const Shape& shape, std::size_t from = 0) {
  Expr out(1);
  for (std::size_t i = from; i < shape.size(); ++i)
    out = out * shape[i];
  return out;
}

bool is_one(const Expr& size) {
  return size == Expr(1);
}

/// Sizes by subscript; dimensions under "..." are counted from the end, as negative numbers.
using Sizes = std::map<int, Expr>;

Sizes sizes_of(const Subscripts& names, const Shape& shape) {
  Sizes out;
  const std::size_t named = names.letters.size(), dots = shape.size() - std::min(shape.size(), named);
  const std::size_t first_dot = names.before_dots.value_or(named);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool dot = i >= first_dot && i < first_dot + dots;
    const int key = dot ? static_cast<int>(i) - static_cast<int>(first_dot + dots)
                        : names.letters[i < first_dot ? i : i - dots];
    out.insert_or_assign(key, shape[i]);
  }
  return out;
}

/// The cheapest order of a chain of matrices: multiplications of rows[i] × rows[i+1] times rows[i+1] × rows[i+2]….
std::int64_t cheapest_chain(const std::vector<std::int64_t>& sizes) {
  const std::size_t count = sizes.size() - 1;
  std::vector<std::vector<std::int64_t>> cost(count, std::vector<std::int64_t>(count, 0));
  for (std::size_t length = 2; length <= count; ++length)
    for (std::size_t first = 0; first + length <= count; ++first) {
      const std::size_t last = first + length - 1;
      std::int64_t& best = cost[first][last] = std::numeric_limits<std::int64_t>::max();
      for (std::size_t cut = first; cut < last; ++cut)
        best = std::min(
            best, cost[first][cut] + cost[cut + 1][last] + sizes[first] * sizes[cut + 1] * sizes[last + 1]);
    }
  return cost.front().back();
}

}  // namespace

Expr einsum_flops(Call& call) {
  const Equation equation(call.text("equation"));
  std::vector<Sizes> left;
  for (const auto& operand : call.tensors("tensors")) {
    if (!operand || left.size() >= equation.inputs.size()) return 0;
    left.push_back(sizes_of(equation.inputs[left.size()], operand->shape));
  }
  if (!call.ok() || left.empty()) return 0;
  std::map<int, int> named;  // how often
  for (const Subscripts& input : equation.inputs)
    for (const char letter : input.letters)
      ++named[letter];
  const auto kept = [&](int key) {
    if (key < 0) return !equation.output || equation.output->before_dots.has_value();
    if (equation.output)
      return std::ranges::find(equation.output->letters, key) != equation.output->letters.end();
    return named[key] == 1;
  };
  Expr flops(0);
  for (std::size_t next = 1; next < left.size(); ++next) {
    const Sizes& b = left[next];
    Sizes joined = left[0];
    bool sums = false;
    Expr work(1);
    for (const auto& [key, size] : b)
      if (const auto [at, added] = joined.emplace(key, size); !added && is_one(at->second)) at->second = size;
    for (auto at = joined.begin(); at != joined.end();) {
      const auto& [key, size] = *at;
      bool later = kept(key);
      for (std::size_t i = next + 1; i < left.size(); ++i)
        later = later || left[i].contains(key);
      const auto in_a = left[0].find(key);
      const auto in_b = b.find(key);
      const bool both =
          in_a != left[0].end() && in_b != b.end() && !is_one(in_a->second) && !is_one(in_b->second);
      // What only one of them has is summed before the product.
      if (later || both) work = work * size;
      sums = sums || (!later && both);
      at = later ? std::next(at) : joined.erase(at);
    }
    // With nothing to sum it is elementwise, which is not counted.
    if (sums) flops = flops + work * Expr(2);
    left[0] = std::move(joined);
  }
  return flops;
}

Expr chain_flops(Call& call) {
  Exprs sizes;
  const auto factors = call.tensors(call.arg("matrices") != nullptr ? "matrices" : "tensors");
  for (std::size_t i = 0; i < factors.size(); ++i) {
    if (!factors[i] || factors[i]->shape.empty()) return 0;
    const Shape& shape = factors[i]->shape;
    if (i == 0) sizes.push_back(shape.size() == 1 ? Expr(1) : shape.front());
    if (i == 0) sizes.push_back(shape.back());
    if (i > 0) sizes.push_back(shape.size() == 1 ? Expr(1) : shape.back());
  }
  if (!call.ok() || factors.size() < 2) return 0;
  std::vector<std::int64_t> known;
  for (const Expr& size : sizes)
    if (size.is_int()) known.push_back(size.as_int());
  if (known.size() == sizes.size()) return Expr(cheapest_chain(known)) * Expr(2);
  Expr flops(0);
  for (std::size_t i = 2; i < sizes.size(); ++i)
    flops = flops + sizes[0] * sizes[i - 1] * sizes[i] * Expr(2);
  return flops;
}

Expr tensordot_flops(Call& call) {
  const Operand a = call.tensor("self"), b = call.tensor("other");
  Expr free(1);
  std::vector<bool> taken(b.shape.size(), false);
  for (const std::int64_t d : call.constants("dims_other"))
    if (const std::size_t at = call.dim(d, b.rank()); call.ok() && at < taken.size()) taken[at] = true;
  for (std::size_t i = 0; i < b.shape.size(); ++i)
    if (!taken[i]) free = free * b.shape[i];
  return call.ok() ? product(a.shape) * free * Expr(2) : Expr(0);
}

Expr convolution_backward_flops(Call& call) {
  const Operand gradient = call.tensor("grad_output"), input = call.tensor("input"),
                weight = call.tensor("weight");
  const Arg* mask = call.arg("output_mask");
  const auto* wanted = mask == nullptr ? nullptr : std::get_if<arg::List>(&mask->is);
  if (!call.ok() || wanted == nullptr || wanted->items.size() != 3 || input.shape.size() < 3 ||
      gradient.shape.size() != input.shape.size() || weight.shape.size() != input.shape.size())
    return 0;
  const auto asked = [&](std::size_t i) { return wanted->items[i] == Arg{true}; };
  const Shape& places = call.flag("transposed") ? input.shape : gradient.shape;
  const Expr positions = input.shape.front() * product(places, 2);
  Expr flops(0);
  if (asked(0)) flops = flops + positions * product(weight.shape) * Expr(2);
  if (asked(1))
    flops = flops + positions * product(weight.shape, 2) * input.shape[1] * gradient.shape[1] * Expr(2);
  return flops;
}

}  // namespace genie::plan::detail
