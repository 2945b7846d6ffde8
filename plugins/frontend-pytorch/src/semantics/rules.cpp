#include "semantics/rules.hpp"

#include <cctype>
#include <stdexcept>

#include "genie/plan/json.hpp"

namespace genie::pytorch {
namespace {

using plan::json::Kind;
using plan::json::View;

std::vector<std::string> strings(const View& view) {
  std::vector<std::string> out;
  for (const auto& [unused, item] : view.items())
    out.emplace_back(item.string());
  return out;
}

Rule read_rule(const View& view) {
  Rule rule;
  for (const auto& [key, value] : view.items()) {
    if (key == "is")
      rule.is = value.string();
    else if (key == "confidence")
      rule.confidence = value.real();
    else if (key == "scope")
      rule.scope = strings(value);
    else if (key == "not_scope")
      rule.not_scope = strings(value);
    else if (key == "op")
      rule.op = strings(value);
    else if (key == "name")
      rule.name = strings(value);
    else if (key == "input")
      rule.input = strings(value);
    else if (key == "updated_by")
      rule.updated_by = strings(value);
    else if (key == "touches_state")
      rule.touches_state = strings(value);
    else if (key == "method")
      rule.method = strings(value);
    else if (key == "role")
      rule.role =
          value.is(Kind::string) ? std::vector<std::string>{std::string(value.string())} : strings(value);
    else if (key == "modality")
      rule.modality = strings(value);
    else if (key == "has_state")
      rule.has_state = strings(value);
    else if (key == "has_role")
      rule.has_role = strings(value);
    else if (key == "rank")
      rule.rank = value.integer();
    else if (key == "min_rank")
      rule.min_rank = value.integer();
    else if (key == "max_rank")
      rule.max_rank = value.integer();
    else if (key == "floating")
      rule.floating = value.boolean();
    else if (key == "same_shape")
      rule.same_shape = value.boolean();
    else if (key == "single_step")
      rule.single_step = value.boolean();
    else if (key == "channels")
      for (const auto& [unused, item] : value.items())
        rule.channels.push_back(item.integer());
    else
      throw std::logic_error("semantics.json: unknown condition " + std::string(key));
  }
  return rule;
}

std::vector<Rule> read_rules(const View& root, std::string_view key) {
  const auto list = root.find(key);
  if (!list) throw std::logic_error("semantics.json: no " + std::string(key));
  std::vector<Rule> rules;
  for (const auto& [unused, item] : list->items())
    rules.push_back(read_rule(item));
  return rules;
}

bool same_letter(char a, char b) {
  return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

std::string_view first_component(std::string_view path) {
  return path.substr(0, path.find('.'));
}
std::string_view rest_of(std::string_view path) {
  const std::size_t dot = path.find('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
}

}  // namespace

Rules load_rules() {
  const auto document = plan::json::Document::parse(kRulesJson, {}, "semantics.json");
  if (!document) throw std::logic_error("semantics.json: " + document.errors().front().message);
  const View root = document->root();
  Rules rules;
  rules.states = read_rules(root, "states");
  rules.state_residency = read_rules(root, "state_residency");
  rules.modalities = read_rules(root, "modalities");
  rules.modality_scopes = read_rules(root, "modality_scopes");
  rules.roles = read_rules(root, "roles");
  rules.phases = read_rules(root, "phases");
  rules.fusion = read_rule(root.find("modality_fusion").value());
  rules.inherited_confidence = root.find("modality_inherited_confidence").value().real();
  rules.sole_confidence = root.find("modality_sole_confidence").value().real();
  return rules;
}

bool matches_text(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') {
    for (std::size_t i = 0; i <= text.size(); ++i)
      if (matches_text(pattern.substr(1), text.substr(i))) return true;
    return false;
  }
  if (pattern.front() == '#') {
    std::size_t digits = 0;
    while (digits < text.size() && std::isdigit(static_cast<unsigned char>(text[digits])) != 0)
      ++digits;
    return digits > 0 && matches_text(pattern.substr(1), text.substr(digits));
  }
  return !text.empty() && same_letter(pattern.front(), text.front()) &&
         matches_text(pattern.substr(1), text.substr(1));
}

bool matches_path(std::string_view pattern, std::string_view path) {
  if (pattern.empty()) return path.empty();
  if (first_component(pattern) == "**") {
    const std::string_view rest = rest_of(pattern);
    if (matches_path(rest, path)) return true;
    return !path.empty() && matches_path(pattern, rest_of(path));
  }
  if (path.empty()) return false;
  return matches_text(first_component(pattern), first_component(path)) &&
         matches_path(rest_of(pattern), rest_of(path));
}

}  // namespace genie::pytorch
