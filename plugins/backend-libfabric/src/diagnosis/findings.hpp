// What was found out about this machine and about options, as `diagnose` of backend and service writes it (docs/plugin-abi.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "genie/cpp/core.hpp"

namespace genie::remote {

/// ok: there, and as it should be. absent: not to be had, and nothing needs it. warning: works, but not as one may expect. fault: what
/// the options say cannot be done.
enum class Found : std::uint8_t { ok, absent, warning, fault };

struct Finding {
  std::string about;    ///< what things it is among: "this machine", "worker 127.0.0.1:7000"
  std::string subject;  ///< the thing
  Found state = Found::ok;
  std::string detail;
  std::string help = {};  ///< what to do
  std::string code = {};  ///< of a diagnostic
};

class Findings {
 public:
  void add(Finding finding) { findings_.push_back(std::move(finding)); }
  /// What an error says, with its own code and help.
  void add(std::string about, std::string subject, const genie::Error& error, Found state = Found::fault);
  void add(Findings others);
  /// The document.
  [[nodiscard]] std::string json() const;

 private:
  std::vector<Finding> findings_;
};

}  // namespace genie::remote
