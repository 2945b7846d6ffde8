#include "doctor/findings.hpp"

#include <algorithm>
#include <array>

#include "genie/plan/json.hpp"

namespace genie::doctor {
namespace {

using plan::json::Kind;
using plan::json::View;

constexpr std::array<std::string_view, 4> kStates = {"ok", "absent", "warning", "fault"};

plan::Diagnostic malformed(std::string_view plugin, const std::string& why) {
  plan::Diagnostic diagnostic;
  diagnostic.code = "GE0133";
  diagnostic.message = std::string(plugin) + "'s findings are malformed: " + why;
  return diagnostic;
}

/// False when a member is missing that must be there, or is no text.
bool read(const View& object, std::string_view key, bool needed, std::string& into) {
  const auto value = object.find(key);
  if (!value) return !needed;
  if (!value->is(Kind::string)) return false;
  into = value->string();
  return !needed || !into.empty();
}

}  // namespace

std::string_view name(State state) {
  return kStates[static_cast<std::size_t>(state)];
}

plan::Result<std::vector<Finding>> decode_findings(std::string_view json, std::string_view plugin) {
  const auto document = plan::json::Document::parse(json, {}, plugin);
  if (!document) return malformed(plugin, document.errors().front().message);
  const View root = document->root();
  const auto list = root.is(Kind::object) ? root.find("findings") : std::nullopt;
  if (!list || !list->is(Kind::array)) return malformed(plugin, "there is no list `findings`");
  std::vector<Finding> findings;
  for (const auto& [index, item] : list->items()) {
    Finding finding;
    std::string state;
    if (!item.is(Kind::object) || !read(item, "about", true, finding.about) ||
        !read(item, "subject", true, finding.subject) || !read(item, "state", true, state) ||
        !read(item, "detail", true, finding.detail) || !read(item, "help", false, finding.help) ||
        !read(item, "code", false, finding.code))
      return malformed(
          plugin,
          item.pointer() + " lacks `about`, `subject`, `state` or `detail`, or has one that is no text");
    const auto known = std::ranges::find(kStates, state);
    if (known == kStates.end())
      return malformed(plugin,
                       item.pointer() + ": `" + state + "` is not one of ok, absent, warning and fault");
    finding.state = static_cast<State>(known - kStates.begin());
    findings.push_back(std::move(finding));
  }
  return findings;
}

std::string to_json(const Examination& examination) {
  plan::json::Writer json(2);
  json.begin_object().key("ok").value(!examination.fails.has_value()).key("findings").begin_array();
  for (const Finding& finding : examination.findings) {
    json.begin_object().key("about").value(finding.about).key("subject").value(finding.subject);
    json.key("state").value(name(finding.state)).key("detail").value(finding.detail);
    if (!finding.help.empty()) json.key("help").value(finding.help);
    if (!finding.code.empty()) json.key("code").value(finding.code);
    json.end_object();
  }
  json.end_array().end_object();
  return json.take() + "\n";
}

}  // namespace genie::doctor
