#include "statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "element.hpp"

namespace genie::tensors {

namespace {

plan::Diagnostics not_a_slice(std::string_view text, std::string_view why) {
  plan::Diagnostic diagnostic;
  diagnostic.code = "GE0665";
  diagnostic.message = fmt::format("`{}` is no slice: {}", text, why);
  diagnostic.help = "write an index or BEGIN:END for each dimension, like 0,:,1:8 or -1";
  return {diagnostic};
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ')
    text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ')
    text.remove_suffix(1);
  return text;
}

bool read_number(std::string_view text, std::optional<std::int64_t>& into) {
  text = trimmed(text);
  if (text.empty()) return true;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  into = value;
  return true;
}

/// The indices of one dimension that a slice selects.
struct Indices {
  bool single = false;
  std::vector<std::int64_t> at;
};

std::int64_t bound(std::optional<std::int64_t> given, std::int64_t absent, std::int64_t size) {
  if (!given) return absent;
  const std::int64_t index = *given < 0 ? (*given < -size ? 0 : *given + size) : *given;
  return std::min(index, size);
}

class Printer {
 public:
  Printer(const Tensor& tensor, std::vector<Indices> indices, std::size_t limit)
      : tensor_(tensor), indices_(std::move(indices)), limit_(limit) {}

  std::string run() {
    part(0, 0, 0);
    return std::move(out_);
  }

 private:
  void part(std::size_t dimension, std::uint64_t offset, std::size_t depth) {
    if (dimension == indices_.size()) {
      out_ +=
          element_text(tensor_.dtype(), tensor_.bytes().data() + offset * plan::size_bytes(tensor_.dtype()));
      return;
    }
    const Indices& here = indices_[dimension];
    const auto size = static_cast<std::uint64_t>(tensor_.shape()[dimension]);
    const auto element = [&](std::int64_t index) {
      return offset * size + static_cast<std::uint64_t>(index);
    };
    if (here.single) return part(dimension + 1, element(here.at.front()), depth);
    const bool innermost = std::all_of(indices_.begin() + static_cast<std::ptrdiff_t>(dimension) + 1,
                                       indices_.end(), [](const Indices& i) { return i.single; });
    const std::string between = innermost ? ", " : ",\n" + std::string(depth + 1, ' ');
    out_ += '[';
    const std::size_t count = here.at.size();
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) out_ += between;
      if (count > 2 * limit_ && i == limit_) {
        out_ += "…";
        i = count - limit_ - 1;
        continue;
      }
      part(dimension + 1, element(here.at[i]), depth + 1);
    }
    out_ += ']';
  }

  const Tensor& tensor_;
  std::vector<Indices> indices_;
  std::size_t limit_;
  std::string out_;
};

}  // namespace

Statistics statistics(const Tensor& tensor) {
  Statistics out;
  out.elements = tensor.elements();
  const std::size_t width = plan::size_bytes(tensor.dtype());
  const bool complex = plan::is_complex(tensor.dtype());
  std::uint64_t finite = 0;
  double mean = 0, squares = 0;  // Welford's running mean and sum of squared deviations
  for (std::uint64_t i = 0; i < out.elements; ++i) {
    const std::byte* at = tensor.bytes().data() + i * width;
    const double value = complex ? std::abs(load_complex(tensor.dtype(), at)) : load_real(tensor.dtype(), at);
    if (std::isnan(value)) {
      ++out.nan;
      continue;
    }
    if (std::isinf(value)) {
      ++out.inf;
      continue;
    }
    if (value == 0) ++out.zero;
    out.min = std::min(out.min.value_or(value), value);
    out.max = std::max(out.max.value_or(value), value);
    ++finite;
    const double delta = value - mean;
    mean += delta / static_cast<double>(finite);
    squares += delta * (value - mean);
  }
  if (finite > 0) {
    out.mean = mean;
    out.deviation = std::sqrt(squares / static_cast<double>(finite));
  }
  return out;
}

std::string statistics_text(const Statistics& s) {
  if (s.elements == 0) return "no elements";
  std::string out;
  if (s.min)
    out =
        fmt::format("min {:.6g}, max {:.6g}, mean {:.6g}, std {:.6g}", *s.min, *s.max, *s.mean, *s.deviation);
  else
    out = "nothing finite";
  if (s.nan + s.inf > 0) out += fmt::format("; {} NaN, {} infinite of {}", s.nan, s.inf, s.elements);
  return out;
}

plan::Result<Slice> parse_slice(std::string_view text) {
  Slice slice;
  const std::string_view whole = text;
  text = trimmed(text);
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  while (!trimmed(text).empty() || !slice.parts.empty()) {
    const std::size_t comma = text.find(',');
    std::string_view part = trimmed(text.substr(0, comma));
    Slice::Part out;
    if (part.empty()) return not_a_slice(whole, "a part is empty");
    const std::size_t colon = part.find(':');
    if (colon == std::string_view::npos) {
      out.single = true;
      if (!read_number(part, out.begin)) return not_a_slice(whole, fmt::format("`{}` is no number", part));
    } else {
      const std::string_view rest = part.substr(colon + 1);
      const std::size_t second = rest.find(':');
      std::optional<std::int64_t> step;
      if (!read_number(part.substr(0, colon), out.begin) || !read_number(rest.substr(0, second), out.end) ||
          (second != std::string_view::npos && !read_number(rest.substr(second + 1), step)))
        return not_a_slice(whole, fmt::format("`{}` has something that is no number", part));
      out.step = step.value_or(1);
      if (out.step < 1) return not_a_slice(whole, "a step is at least 1");
    }
    slice.parts.push_back(out);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return slice;
}

plan::Result<std::string> tensor_text(const Tensor& tensor, const Slice& slice, std::size_t limit) {
  if (slice.parts.size() > tensor.shape().size())
    return not_a_slice(tensor.type_text(),
                       fmt::format("{} parts for {} dimensions", slice.parts.size(), tensor.shape().size()));
  std::vector<Indices> indices;
  for (std::size_t d = 0; d < tensor.shape().size(); ++d) {
    const std::int64_t size = tensor.shape()[d];
    const Slice::Part part = d < slice.parts.size() ? slice.parts[d] : Slice::Part{};
    Indices out;
    if (part.single) {
      const std::int64_t index = *part.begin < 0 ? *part.begin + size : *part.begin;
      if (index < 0 || index >= size)
        return not_a_slice(tensor.type_text(),
                           fmt::format("index {} of dimension {}, whose size is {}", *part.begin, d, size));
      out.single = true;
      out.at.push_back(index);
    } else {
      for (std::int64_t i = bound(part.begin, 0, size); i < bound(part.end, size, size); i += part.step)
        out.at.push_back(i);
    }
    indices.push_back(std::move(out));
  }
  return Printer(tensor, std::move(indices), limit).run();
}

}  // namespace genie::tensors
