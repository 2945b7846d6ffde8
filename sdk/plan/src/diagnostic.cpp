// Diagnostics as text and as JSON.
#include "genie/plan/diagnostic.hpp"

#include <algorithm>
#include <array>

#include "genie/plan/json.hpp"
#include "utf8.hpp"

namespace genie::plan {
namespace {

constexpr std::array<std::string_view, 3> kSeverities{"error", "warning", "note"};

std::string_view word(Severity severity) {
  return kSeverities[static_cast<std::size_t>(severity)];
}

/// The text members in the order in which they are written.
constexpr std::array<std::pair<std::string_view, std::string Diagnostic::*>, 7> kTexts{
    {{"message", &Diagnostic::message},
     {"file", &Diagnostic::file},
     {"pointer", &Diagnostic::pointer},
     {"node", &Diagnostic::node},
     {"scope", &Diagnostic::scope},
     {"source", &Diagnostic::source},
     {"help", &Diagnostic::help}}};

/// Text that can be shown: UTF-8, and no longer than anybody reads. Names come from files of strangers, a name may be a
/// megabyte; what is said about it stands at both ends.
std::string presentable(std::string_view text) {
  constexpr std::size_t kLongestBytes = 8192;
  constexpr std::size_t kKeptAtEnd = kLongestBytes / 4;
  if (text.size() <= kLongestBytes) return repaired_utf8(text);
  const std::size_t left_out = text.size() - kLongestBytes;
  return repaired_utf8(text.substr(0, kLongestBytes - kKeptAtEnd)) + " … (" + std::to_string(left_out) +
         " bytes left out) … " + repaired_utf8(text.substr(text.size() - kKeptAtEnd));
}

/// Names come from files of strangers: what would move a terminal's cursor, or is no text, is shown as U+FFFD.
std::string for_a_terminal(std::string_view text) {
  std::string shown;
  for (const char c : presentable(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f)
      shown += "\xef\xbf\xbd";
    else
      shown += c;
  }
  return shown;
}

std::string string_member(const json::View& object, std::string_view key) {
  const auto found = object.find(key);
  return found && found->is(json::Kind::string) ? std::string(found->string()) : std::string();
}

Diagnostic from_json(const json::View& entry) {
  Diagnostic diagnostic;
  for (const auto& [key, member] : kTexts)
    diagnostic.*member = string_member(entry, key);
  diagnostic.code = string_member(entry, "code");
  const auto severity = std::find(kSeverities.begin(), kSeverities.end(), string_member(entry, "severity"));
  if (severity != kSeverities.end())
    diagnostic.severity = static_cast<Severity>(severity - kSeverities.begin());
  if (diagnostic.message.empty()) diagnostic.message = entry.canonical();
  return diagnostic;
}

}  // namespace

bool has_errors(const Diagnostics& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(),
                     [](const Diagnostic& d) { return d.severity == Severity::error; });
}

std::string to_text(const Diagnostic& given) {
  Diagnostic diagnostic = given;
  for (const auto& [key, member] : kTexts)
    diagnostic.*member = for_a_terminal(diagnostic.*member);
  std::string text(word(diagnostic.severity));
  if (!diagnostic.code.empty()) text += "[" + diagnostic.code + "]";
  text += ": " + diagnostic.message + "\n";
  if (!diagnostic.file.empty() || !diagnostic.pointer.empty()) {
    text += "  --> " + (diagnostic.file.empty() ? std::string("document") : diagnostic.file);
    if (!diagnostic.pointer.empty()) text += " at " + diagnostic.pointer;
    text += "\n";
  }
  const auto line = [&text](std::string_view label, const std::string& value) {
    if (!value.empty()) text.append("   = ").append(label).append(": ").append(value).append("\n");
  };
  line("node", diagnostic.node);
  line("module", diagnostic.scope);
  line("source", diagnostic.source);
  line("help", diagnostic.help);
  return text;
}

std::string to_json(const Diagnostics& diagnostics) {
  json::Writer writer;
  writer.begin_array();
  for (const Diagnostic& diagnostic : diagnostics) {
    writer.begin_object();
    writer.key("code").value(diagnostic.code);
    writer.key("severity").value(word(diagnostic.severity));
    for (const auto& [key, member] : kTexts)
      if (!(diagnostic.*member).empty()) writer.key(key).value(presentable(diagnostic.*member));
    writer.end_object();
  }
  return writer.end_array().take();
}

Diagnostics diagnostics_from_json(std::string_view json) {
  const auto document = json::Document::parse(json);
  Diagnostics diagnostics;
  if (!document || !document->root().is(json::Kind::array)) {
    diagnostics.push_back({.code = "", .message = std::string(json)});
    return diagnostics;
  }
  for (const auto& [key, entry] : document->root().items()) {
    if (entry.is(json::Kind::object))
      diagnostics.push_back(from_json(entry));
    else
      diagnostics.push_back({.code = "", .message = entry.canonical()});
  }
  return diagnostics;
}

}  // namespace genie::plan
