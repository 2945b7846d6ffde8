// Where a command writes: results on stdout, everything that is said to the person on stderr.
#pragma once

#include <string>
#include <string_view>

#include "genie/plan/diagnostic.hpp"
#include "report/format.hpp"
#include "runtime/failure.hpp"

namespace genie::cli {

class Console {
 public:
  explicit Console(bool json);

  [[nodiscard]] bool json() const { return json_; }
  [[nodiscard]] const report::Style& out_style() const { return out_style_; }
  [[nodiscard]] const report::Style& err_style() const { return err_style_; }

  /// A result, to stdout.
  void print(std::string_view text) const;
  /// Diagnostics for the person, to stderr.
  void say(const plan::Diagnostics& diagnostics) const;
  /// Diagnostics, and on stdout {"diagnostics": […]} when JSON was asked for. Returns the exit code.
  int fail(const plan::Diagnostics& diagnostics, runtime::Category category) const;
  int fail(const runtime::Failure& failure) const { return fail(failure.diagnostics, failure.category); }

 private:
  bool json_;
  report::Style out_style_;
  report::Style err_style_;
};

}  // namespace genie::cli
