#include "debugger/dump.hpp"

#include <fmt/format.h>

#include "tensors/safetensors.hpp"

namespace genie::debugger {

using runtime::Category;
using runtime::failure;

runtime::Result<std::shared_ptr<Recorder>> watch(const plan::Plan& scheduled,
                                                 const std::vector<std::string>& selectors) {
  NodeSet nodes;
  for (const std::string& selector : selectors) {
    auto selected = select_nodes(scheduled, selector);
    if (!selected) return failure(Category::config, std::move(selected).errors());
    nodes.merge(*selected);
  }
  return std::make_shared<Recorder>(scheduled, std::move(nodes));
}

std::optional<runtime::Failure> write(const Recorder& recorder, bool has_steps, const std::string& file) {
  std::vector<std::pair<std::string, tensors::Tensor>> out;
  for (const auto& [key, tensor] : recorder.values()) {
    const auto& [step, method, value] = key;
    out.emplace_back(has_steps ? fmt::format("{}/{}", step, value) : value, tensor);
  }
  if (out.empty())
    return failure(Category::config, GENIE_NOT_FOUND, "GE0667",
                   "nothing that --dump selects was there when the step ran",
                   "select nodes whose results somebody uses");
  if (auto written = tensors::write_safetensors(file, out); !written)
    return failure(Category::config, std::move(written).errors());
  return std::nullopt;
}

}  // namespace genie::debugger
