#include "diagnosis/findings.hpp"

#include <array>

#include "genie/plan/json.hpp"

namespace genie::remote {

namespace {

constexpr std::array<std::string_view, 4> kStates = {"ok", "absent", "warning", "fault"};

std::string text_at(const plan::json::View& object, std::string_view key) {
  const auto value = object.find(key);
  return value && value->is(plan::json::Kind::string) ? std::string(value->string()) : std::string();
}

}  // namespace

void Findings::add(std::string about, std::string subject, const genie::Error& error, Found state) {
  Finding finding{std::move(about), std::move(subject), state, error.message};
  const auto diagnostics = plan::json::Document::parse(error.diagnostics.empty() ? "[]" : error.diagnostics);
  if (diagnostics && diagnostics->root().is(plan::json::Kind::array))
    for (const auto& [index, diagnostic] : diagnostics->root().items()) {
      if (!diagnostic.is(plan::json::Kind::object)) continue;
      finding.code = text_at(diagnostic, "code");
      finding.help = text_at(diagnostic, "help");
      break;
    }
  add(std::move(finding));
}

void Findings::add(Findings others) {
  for (Finding& finding : others.findings_)
    add(std::move(finding));
}

std::string Findings::json() const {
  plan::json::Writer json;
  json.begin_object().key("findings").begin_array();
  for (const Finding& finding : findings_) {
    json.begin_object().key("about").value(finding.about).key("subject").value(finding.subject);
    json.key("state").value(kStates[static_cast<std::size_t>(finding.state)]);
    json.key("detail").value(finding.detail);
    if (!finding.help.empty()) json.key("help").value(finding.help);
    if (!finding.code.empty()) json.key("code").value(finding.code);
    json.end_object();
  }
  json.end_array().end_object();
  return json.take();
}

}  // namespace genie::remote
