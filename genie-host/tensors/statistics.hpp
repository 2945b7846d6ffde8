// What a tensor's numbers are like, and parts of it as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tensor.hpp"

namespace genie::tensors {

/// Over all elements; of complex ones their absolute values. `min` to `deviation` are over the finite elements and absent when
/// there are none.
struct Statistics {
  std::uint64_t elements = 0;
  std::uint64_t nan = 0;
  std::uint64_t inf = 0;
  std::uint64_t zero = 0;
  std::optional<double> min, max, mean;
  std::optional<double> deviation;  ///< of the population
};
[[nodiscard]] Statistics statistics(const Tensor& tensor);
/// "min -1.25, max 3, mean 0.5, std 0.8; 2 NaN, 1 infinite"
[[nodiscard]] std::string statistics_text(const Statistics& statistics);

/// Which indices of each dimension: `0,:,1:8` as in numpy, one part for each of the first dimensions; negative numbers count from
/// the end, bounds beyond it are cut off. `step` is positive.
struct Slice {
  struct Part {
    bool single = false;  ///< an index: the dimension is left out of the text
    std::optional<std::int64_t> begin, end;
    std::int64_t step = 1;
  };
  std::vector<Part> parts;
};
/// GE0665 for what is no slice.
[[nodiscard]] plan::Result<Slice> parse_slice(std::string_view text);
/// The elements as nested lists, at most `limit` of each dimension from either end. GE0665 when the slice has more parts than
/// the tensor dimensions, or an index beyond its size.
[[nodiscard]] plan::Result<std::string> tensor_text(const Tensor& tensor, const Slice& slice,
                                                    std::size_t limit = 6);

}  // namespace genie::tensors
