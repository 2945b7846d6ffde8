// The plug-in: genie.frontend/1 over the capture. One capture at a time per instance; instances are independent.
#include <algorithm>
#include <string>
#include <string_view>

#include "archive/pt2.hpp"
#include "capture/capture.hpp"
#include "genie/cpp/frontend.hpp"
#include "genie/cpp/plugin.hpp"
#include "genie/plan/codec.hpp"

namespace {

using genie::plan::Diagnostics;

constexpr std::string_view kComponent = "frontend-pytorch";

genie::Error error_of(std::uint32_t code, const Diagnostics& diagnostics) {
  genie::Error error;
  error.code = code;
  error.message = diagnostics.front().message;
  error.node = diagnostics.front().node;
  error.diagnostics = genie::plan::to_json(diagnostics);
  return error;
}

/// Files that cannot be read are NOT_FOUND; what they hold is the caller's argument.
std::uint32_t code_of(const Diagnostics& diagnostics) {
  return diagnostics.front().code == "GE0201" ? GENIE_NOT_FOUND : GENIE_INVALID_ARGUMENT;
}

class PytorchFrontend : public genie::Frontend {
 public:
  PytorchFrontend(genie::Host host, std::string_view options) : host_(host) {
    auto parsed = genie::pytorch::parse_options(options);
    if (!parsed) throw error_of(GENIE_INVALID_ARGUMENT, parsed.errors());
    options_ = *parsed;
  }

  genie::Expected<genie::Probe> probe(const genie::Call&, std::string_view source) override {
    auto kind = genie::pytorch::Pt2Archive::recognise(std::string(source));
    // What torch wrote, or is named as if it had, is ours to explain though it cannot be read.
    const bool named = std::ranges::any_of(kEndings, [&](auto ending) { return source.ends_with(ending); });
    if (!kind) return genie::Probe{named ? kOursToExplain : 0, kind.errors().front().message};
    if (kind->exported_program) return genie::Probe{kCertain, "it is " + kind->what};
    return genie::Probe{kind->of_torch || named ? kOursToExplain : 0,
                        "it is " + kind->what + "; " + kind->help};
  }

  genie::Expected<std::string> capture(const genie::Call& call, std::string_view source) override {
    bool stopped = false;
    const auto progress = [&](std::uint64_t done, std::uint64_t total, std::string_view what) {
      call.progress(done, total, what);
      return !call.cancelled();
    };
    auto captured = genie::pytorch::capture(std::string(source), options_, progress, stopped);
    if (stopped) return genie::cancelled();
    if (!captured) return error_of(code_of(captured.errors()), captured.errors());
    for (const auto& warning : captured->warnings)
      host_.log(GENIE_LOG_WARNING, kComponent, warning.code + ": " + warning.message);
    return genie::plan::encode(captured->plan, {.locations = true});
  }

 private:
  static constexpr std::uint32_t kCertain = 100;
  static constexpr std::uint32_t kOursToExplain = 1;
  static constexpr std::string_view kEndings[] = {".pt2", ".pt", ".pth"};

  genie::Host host_;
  genie::pytorch::Options options_;
};

}  // namespace

GENIE_PLUGIN("org.genie.frontend-pytorch", "0.1.0",
             {GENIE_FRONTEND_V1, genie::frontend_table<PytorchFrontend>()})
