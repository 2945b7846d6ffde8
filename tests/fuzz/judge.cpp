#include "judge.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "genie/plan/codes.hpp"
#include "genie/plan/json.hpp"

namespace genie::fuzz {
namespace {

/// No message needs more: texts of the input are cut before they are quoted.
constexpr std::size_t kLongestText = 4096;
constexpr std::size_t kMostDiagnostics = 2000;

}  // namespace

void require(bool holds, std::string_view promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %.*s\n", static_cast<int>(promise.size()), promise.data());
  std::abort();
}

void judge(const plan::Diagnostics& diagnostics) {
  require(plan::has_errors(diagnostics), "a refusal has at least one error");
  require(diagnostics.size() <= kMostDiagnostics, "a document has a bounded number of diagnostics");
  for (const plan::Diagnostic& one : diagnostics) {
    require(plan::find_code(one.code) != nullptr, "the code " + one.code + " is registered");
    require(!one.message.empty(), one.code + " has a message");
    for (const std::string* text : {&one.message, &one.help, &one.node, &one.scope, &one.source})
      require(text->size() <= kLongestText, one.code + " has a text of bounded length");
  }
  const std::string json = plan::to_json(diagnostics);
  const auto document = plan::json::Document::parse(json);
  require(document.ok(), document.ok() ? "" : "diagnostics are JSON: " + document.errors().front().message);
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
