#include "measure/fit.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <vector>

namespace genie::measure {

namespace {

constexpr double kNsPerSecond = 1e9;

/// A sample whose time is a sum of unknowns with these factors.
template <std::size_t N>
struct Row {
  std::array<double, N> factors{};
  double ns = 0;
  double weight = 0;
};

/// Weighted least squares by the normal equations. A column that no row has, or that others determine, comes out as 0; so do
/// unknowns that would be negative, and the others are then solved without them.
template <std::size_t N>
std::array<double, N> solve_weighted(const std::vector<Row<N>>& rows) {
  std::array<bool, N> fixed{};
  for (;;) {
    std::array<std::array<double, N + 1>, N> m{};
    for (const Row<N>& row : rows)
      for (std::size_t i = 0; i < N; ++i) {
        if (fixed[i]) continue;
        const double at = row.factors[i] * row.weight;
        for (std::size_t j = 0; j < N; ++j)
          if (!fixed[j]) m[i][j] += at * row.factors[j];
        m[i][N] += at * row.ns;
      }
    // The scales of latencies and of bytes differ by many powers of ten: pivots are judged beside what their row began with.
    std::array<double, N> scale{};
    for (std::size_t i = 0; i < N; ++i)
      scale[i] = m[i][i];
    for (std::size_t k = 0; k < N; ++k) {
      if (fixed[k] || !(m[k][k] > scale[k] * 1e-12)) {
        for (std::size_t j = 0; j <= N; ++j)
          m[k][j] = 0;
        continue;
      }
      for (std::size_t i = 0; i < N; ++i) {
        if (i == k) continue;
        const double factor = m[i][k] / m[k][k];
        for (std::size_t j = k; j <= N; ++j)
          m[i][j] -= factor * m[k][j];
      }
    }
    std::array<double, N> found{};
    std::size_t worst = N;
    for (std::size_t k = 0; k < N; ++k) {
      if (m[k][k] > 0) found[k] = m[k][N] / m[k][k];
      if (found[k] < 0 && (worst == N || found[k] < found[worst])) worst = k;
    }
    if (worst == N) return found;
    fixed[worst] = true;
  }
}

template <std::size_t N>
double foretold(const Row<N>& row, const std::array<double, N>& unknowns) {
  double ns = 0;
  for (std::size_t i = 0; i < N; ++i)
    ns += row.factors[i] * unknowns[i];
  return ns;
}

/// Least squares of log(foretold / measured), by solving anew with weights from the last solution: what is squared, weighted, is
/// (f − t)² / (f · m), m the logarithmic mean of f and t, whose slope in f is that of log²(f / t).
template <std::size_t N>
std::array<double, N> solve(std::vector<Row<N>> rows) {
  for (Row<N>& row : rows)
    row.weight = 1 / (row.ns * row.ns);
  std::array<double, N> found = solve_weighted(rows);
  constexpr int kTurns = 100;
  for (int turn = 0; turn < kTurns; ++turn) {
    for (Row<N>& row : rows) {
      // A time that is foretold as next to nothing would weigh all that there is.
      const double f = std::max(foretold(row, found), row.ns * 1e-3);
      const double ratio = f / row.ns;
      const double mean = std::abs(ratio - 1) < 1e-9 ? f : (f - row.ns) / std::log(ratio);
      row.weight = 1 / (f * mean);
    }
    const std::array<double, N> next = solve_weighted(rows);
    // Half way: whole steps may go to and fro.
    for (std::size_t i = 0; i < N; ++i)
      found[i] = std::midpoint(found[i], next[i]);
  }
  return found;
}

double mean_error(double sum, std::size_t count) {
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

}  // namespace

std::optional<LinkFit> fit_link(std::span<const LinkSample> samples) {
  std::vector<Row<2>> rows;
  for (const LinkSample& sample : samples)
    if (sample.ns > 0) rows.push_back({{1, sample.bytes}, sample.ns, 0});
  const auto differs = [&](const Row<2>& row) { return row.factors[1] != rows.front().factors[1]; };
  if (rows.empty() || std::ranges::none_of(rows, differs)) return std::nullopt;
  const auto [latency, ns_per_byte] = solve(rows);
  if (!(ns_per_byte > 0)) return std::nullopt;
  LinkFit fit{latency, kNsPerSecond / ns_per_byte, 0};
  for (const Row<2>& row : rows)
    fit.error += std::abs(latency + ns_per_byte * row.factors[1] - row.ns) / row.ns;
  fit.error = mean_error(fit.error, rows.size());
  return fit;
}

std::optional<ComputeFit> fit_compute(std::span<const ComputeSample> given) {
  std::vector<ComputeSample> samples;
  std::ranges::copy_if(given, std::back_inserter(samples), [](const ComputeSample& s) { return s.ns > 0; });
  double ns_per_flop = std::numeric_limits<double>::infinity(), ns_per_byte = ns_per_flop;
  for (const ComputeSample& s : samples)
    if (s.flops > 0)
      ns_per_flop = std::min(ns_per_flop, s.ns / s.flops);
    else if (s.bytes > 0)
      ns_per_byte = std::min(ns_per_byte, s.ns / s.bytes);
  if (!std::isfinite(ns_per_flop) || !std::isfinite(ns_per_byte)) return std::nullopt;

  double overhead = 0;
  std::vector<bool> computes(samples.size()), before;
  // Each turn fits better than the one before or changes nothing; the bound is for ties that go back and forth.
  constexpr int kTurns = 64;
  for (int turn = 0; turn < kTurns; ++turn) {
    std::vector<Row<3>> rows;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const ComputeSample& s = samples[i];
      computes[i] = s.flops * ns_per_flop > s.bytes * ns_per_byte;
      rows.push_back({{1, computes[i] ? s.flops : 0, computes[i] ? 0 : s.bytes}, s.ns, 0});
    }
    if (computes == before) break;
    before = computes;
    const auto [o, f, b] = solve(rows);
    overhead = o;
    // A kind that no sample is of now keeps what it had, so that it can come back.
    if (f > 0) ns_per_flop = f;
    if (b > 0) ns_per_byte = b;
  }
  ComputeFit fit{kNsPerSecond / ns_per_flop, kNsPerSecond / ns_per_byte, overhead, 0};
  for (const ComputeSample& s : samples)
    fit.error += std::abs(overhead + std::max(s.flops * ns_per_flop, s.bytes * ns_per_byte) - s.ns) / s.ns;
  fit.error = mean_error(fit.error, samples.size());
  return fit;
}

double relative_speed(std::span<const double> reference_ns, std::span<const double> measured_ns) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(reference_ns.size(), measured_ns.size()); ++i)
    if (reference_ns[i] > 0 && measured_ns[i] > 0) ratios.push_back(reference_ns[i] / measured_ns[i]);
  if (ratios.empty()) return 1;
  std::ranges::sort(ratios);
  // The middle of an even number lies between two, as far from the one as from the other in proportion.
  return std::sqrt(ratios[(ratios.size() - 1) / 2] * ratios[ratios.size() / 2]);
}

double lower_quartile(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  const auto quarter = sorted.begin() + static_cast<std::ptrdiff_t>((sorted.size() - 1) / 4);
  std::ranges::nth_element(sorted, quarter);
  return *quarter;
}

}  // namespace genie::measure
