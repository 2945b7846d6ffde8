#include "genie/plan/codes.hpp"

#include <algorithm>
#include <vector>

#include "codes_tables.hpp"

namespace genie::plan {

std::span<const CodeInfo> all_codes() {
  static const std::vector<CodeInfo> codes = [] {
    std::vector<CodeInfo> all;
    for (const auto table : {detail::usage_codes(), detail::plugin_codes(), detail::source_codes(),
                             detail::plan_codes(), detail::plan_structure_codes(), detail::type_codes(),
                             detail::schedule_codes(), detail::scheduler_codes(), detail::execution_codes(),
                             detail::kernel_codes(), detail::runtime_codes(), detail::verify_codes(),
                             detail::worker_codes(), detail::datapath_codes(), detail::bug_codes()})
      all.insert(all.end(), table.begin(), table.end());
    std::sort(all.begin(), all.end(), [](const CodeInfo& a, const CodeInfo& b) { return a.code < b.code; });
    return all;
  }();
  return codes;
}

const CodeInfo* find_code(std::string_view code) {
  const auto codes = all_codes();
  const auto found =
      std::lower_bound(codes.begin(), codes.end(), code,
                       [](const CodeInfo& info, std::string_view wanted) { return info.code < wanted; });
  return found != codes.end() && found->code == code ? &*found : nullptr;
}

}  // namespace genie::plan
