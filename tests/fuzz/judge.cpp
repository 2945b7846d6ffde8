#include "judge.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "genie/plan/codes.hpp"
#include "genie/plan/json.hpp"

namespace genie::fuzz {
namespace {

/// Of one diagnostic as a person sees it.
constexpr std::size_t kLongestText = 64 * 1024;
/// A hundred, and the line that counts the rest.
constexpr std::size_t kMostDiagnostics = 101;

}  // namespace

void require(bool holds, std::string_view promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %.*s\n", static_cast<int>(promise.size()), promise.data());
  std::abort();
}

void Reading::refuse(plan::Diagnostics diagnostics) {
  require(plan::has_errors(diagnostics), "a refusal has at least one error");
  require(diagnostics.size() <= kMostDiagnostics, "a document has a bounded number of diagnostics");
  for (const plan::Diagnostic& one : diagnostics) {
    require(plan::find_code(one.code) != nullptr, "the code " + one.code + " is registered");
    require(!one.message.empty(), one.code + " has a message");
    const std::string text = plan::to_text(one);
    require(text.size() <= kLongestText, one.code + " has a text of bounded length");
    require(text.find('\0') == std::string::npos && text.find('\x1b') == std::string::npos,
            one.code + " says nothing to a terminal");
  }
  const std::string json = plan::to_json(diagnostics);
  const auto document = plan::json::Document::parse(json);
  require(document.ok(), document.ok() ? "" : "diagnostics are JSON: " + document.errors().front().message);
  refusals.push_back(std::move(diagnostics));
}

MemoryFile::MemoryFile(std::string_view bytes)
    : descriptor_(::memfd_create("genie-fuzz", MFD_CLOEXEC)),
      path_("/proc/self/fd/" + std::to_string(descriptor_)) {
  require(descriptor_ >= 0, "memory files can be made");
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    require(written > 0, "memory files can be written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

MemoryFile::~MemoryFile() {
  ::close(descriptor_);
}

}  // namespace genie::fuzz
