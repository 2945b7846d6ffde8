// Probe results as JSON.
#include "genie/plan/json.hpp"
#include "plugin/probe.hpp"

namespace genie::plugin {
namespace {

using plan::json::Kind;
using plan::json::View;

std::string text_of(View object, std::string_view key) {
  const auto member = object.find(key);
  return member && member->is(Kind::string) ? std::string(member->string()) : std::string();
}

std::uint32_t number_of(View object, std::string_view key) {
  const auto member = object.find(key);
  return member && member->is(Kind::integer) ? static_cast<std::uint32_t>(member->integer()) : 0;
}

}  // namespace

std::string encode_probe(const Probe& probe) {
  plan::json::Writer writer;
  writer.begin_object();
  writer.key("outcome").value(static_cast<int>(probe.outcome));
  writer.key("id").value(probe.description.id);
  writer.key("version").value(probe.description.version);
  writer.key("build").value(probe.description.build);
  writer.key("built").value(std::int64_t{probe.description.abi_minor_built});
  writer.key("needed").value(std::int64_t{probe.description.abi_minor_needed});
  writer.key("interfaces").begin_array();
  for (const std::string& id : probe.interfaces)
    writer.value(id);
  writer.end_array();
  writer.key("dependencies").begin_array();
  for (const Dependency& dependency : probe.dependencies)
    writer.begin_array().value(dependency.path).value(dependency.identity).end_array();
  writer.end_array();
  writer.key("diagnostics").raw(plan::to_json(probe.diagnostics));
  writer.end_object();
  return writer.take();
}

plan::Result<Probe> decode_probe(std::string_view json) {
  auto document = plan::json::Document::parse(json);
  if (!document) return std::move(document).errors();
  const View root = document->root();
  const auto outcome = number_of(root, "outcome");
  if (!root.is(Kind::object) || !root.find("outcome") ||
      outcome > static_cast<std::uint32_t>(Probe::Outcome::timed_out)) {
    plan::Diagnostic diagnostic;
    diagnostic.code = "GE0107";
    diagnostic.message = "the probe's answer makes no sense";
    return diagnostic;
  }
  Probe probe;
  probe.outcome = static_cast<Probe::Outcome>(outcome);
  probe.description = {text_of(root, "id"), text_of(root, "version"), text_of(root, "build"),
                       number_of(root, "built"), number_of(root, "needed")};
  if (const auto interfaces = root.find("interfaces"); interfaces && interfaces->is(Kind::array))
    for (const auto& item : interfaces->items())
      if (item.value.is(Kind::string)) probe.interfaces.emplace_back(item.value.string());
  if (const auto dependencies = root.find("dependencies"); dependencies && dependencies->is(Kind::array))
    for (const auto& item : dependencies->items()) {
      if (!item.value.is(Kind::array)) continue;
      std::vector<std::string> pair;
      for (const auto& part : item.value.items())
        if (part.value.is(Kind::string)) pair.emplace_back(part.value.string());
      if (pair.size() == 2) probe.dependencies.push_back({pair[0], pair[1]});
    }
  if (const auto diagnostics = root.find("diagnostics"))
    probe.diagnostics = plan::diagnostics_from_json(diagnostics->canonical());
  return probe;
}

}  // namespace genie::plugin
