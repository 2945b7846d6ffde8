// The sections of a run config, each with a function that reads its object and leaves the defaults where a key is absent. The
// section `run` is in decode_steps.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <system_error>

#include "decode_internal.hpp"
#include "genie/plan/file.hpp"

namespace genie::config {

using plan::json::Document;
using plan::json::Kind;

namespace {

struct HintKind {
  std::string_view name;
  bool needs_device;
  bool needs_bytes;
  bool needs_select;
  std::string_view value_help;  ///< empty: takes no value
};

constexpr std::string_view kOpenValue = "the value to use in place of the inferred one";
constexpr std::array kHintKinds = {
    HintKind{"pin", true, false, true, ""},
    HintKind{"forbid", true, false, true, ""},
    HintKind{"colocate", false, false, true, ""},
    HintKind{"separate", false, false, true, ""},
    HintKind{"replicate", true, false, true, ""},
    HintKind{"phase", false, false, true, kOpenValue},
    HintKind{"role", false, false, true, kOpenValue},
    HintKind{"modality", false, false, true, kOpenValue},
    HintKind{"priority", false, false, true, "a transfer class"},
    HintKind{"budget", true, true, false, ""},
    HintKind{"recompute", false, false, true, "`allow` or `never`"},
};

/// One line for the several keys that a kind of hint has or has not.
void check_presence(Context& context, const ObjectReader& reader, std::string_view kind, std::string_view key,
                    bool wanted, std::string_view why) {
  if (wanted) {
    (void)reader.required(key, why);
  } else if (reader.has(key)) {
    context.findings.report("GE0014", reader.pointer(key),
                            fmt::format("a hint of kind `{}` takes no `{}`", kind, key),
                            fmt::format("leave `{}` out", key));
  }
}

}  // namespace

std::string Context::path(std::string_view text) const {
  return resolve_path(text, folder);
}

void Context::read_path(const ObjectReader& reader, std::string_view key, std::string& into) const {
  std::string text;
  reader.text(key, text);
  if (!text.empty()) into = path(text);
}

void Context::read_plugin(const ObjectReader& reader, PluginUse& into) const {
  reader.text("plugin", into.plugin);
  const auto options = reader.member("options");
  if (!options || !expect_kind(findings, *options, Kind::object)) return;
  // Canonical text of a parsed value parses again.
  if (auto resolved = resolve_option_paths(options->canonical(), folder)) into.options = std::move(*resolved);
}

bool is_foreign(Context& context, View root, std::string_view schema_name, std::string_view kind) {
  if (!root.is(Kind::object)) return false;
  const auto schema = root.find("schema");
  if (!schema || !schema->is(Kind::string) || schema->string() == schema_name) return false;
  const auto help = [&]() -> std::string {
    if (schema->string() == "genie.worker")
      return "a worker config is served: genie-host serve --config FILE";
    if (kind != "run config") return fmt::format("a {} says \"schema\": \"{}\"", kind, schema_name);
    return schema->string() == "genie.plan"
               ? "a plan is run by a config that names it: {\"source\": {\"plan\": \"plan.json\"}}"
               : "a run config says \"schema\": \"genie.run\"; see `genie-host run --help` for an example";
  };
  context.findings.report("GE0015", schema->pointer(),
                          fmt::format("this is a `{}` document, not a {}", schema->string(), kind), help());
  return true;
}

void decode_schema(Context& context, const ObjectReader& root, std::string_view kind) {
  if (const auto schema = root.member("schema")) (void)expect_kind(context.findings, *schema, Kind::string);
  const auto version = root.member("version");
  if (!version) return;
  const ObjectReader reader(context.findings, *version, {"major", "minor"});
  std::int64_t major = plan::kSchemaMajor;
  std::int64_t minor = plan::kSchemaMinor;
  if (const auto view = reader.required("major", "0"))
    if (const auto value = read_integer(context.findings, *view)) major = *value;
  if (const auto view = reader.required("minor", "1"))
    if (const auto value = read_integer(context.findings, *view)) minor = *value;
  if (major != plan::kSchemaMajor || minor != plan::kSchemaMinor)
    context.findings.report("GE0015", version->pointer(),
                            fmt::format("{} version {}.{} is not known to this host, which reads {}.{}", kind,
                                        major, minor, plan::kSchemaMajor, plan::kSchemaMinor),
                            "write the config for this version, or run a host of that version");
}

namespace {

void decode_allowed(Context& context, View list, std::vector<AllowedPlugin>& into) {
  if (!expect_kind(context.findings, list, Kind::array)) return;
  for (const auto [key, item] : list.items()) {
    const ObjectReader reader(context.findings, item, {"id", "sha256"});
    AllowedPlugin allowed;
    if (reader.required("id", "the plug-in's id, such as org.genie.policy-default"))
      reader.text("id", allowed.id);
    if (const auto sha =
            reader.required("sha256", "the digest of its library, as `genie-host plugins` prints it")) {
      if (expect_kind(context.findings, *sha, Kind::string)) {
        allowed.sha256 = sha->string();
        const bool hex = allowed.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
        if (!hex || allowed.sha256.size() != 64)
          context.findings.report("GE0013", sha->pointer(),
                                  fmt::format("`{}` is no SHA-256 digest", allowed.sha256),
                                  "write 64 lower-case hexadecimal digits");
      }
    }
    into.push_back(std::move(allowed));
  }
}

}  // namespace

void decode_plugins(Context& context, View view, Plugins& into) {
  const ObjectReader reader(context.findings, view, {"paths", "allow"});
  if (const auto paths = reader.member("paths"); paths && expect_kind(context.findings, *paths, Kind::array))
    for (const auto [key, item] : paths->items())
      if (const auto path = read_text(context.findings, item)) into.paths.push_back(context.path(*path));
  if (const auto allow = reader.member("allow")) decode_allowed(context, *allow, into.allow);
}

namespace {

void decode_source(Context& context, View view, Source& into) {
  const ObjectReader reader(context.findings, view, {"plugin", "uri", "options", "plan"});
  context.read_plugin(reader, into.frontend);
  context.read_path(reader, "uri", into.uri);
  context.read_path(reader, "plan", into.plan);
  const std::size_t count = at_most_one(context.findings, reader, {"uri", "plan"},
                                        "name a model with `uri`, or a saved plan with `plan`, not both");
  if (reader.ok() && count == 0)
    context.findings.report(
        "GE0011", reader.pointer(), "the source names nothing to run",
        "add `uri`: the path of a model (\"model.pt2\"), or `plan`: the path of a saved plan");
}

}  // namespace

void decode_kernels(Context& context, View view, std::vector<PluginUse>& into) {
  if (!expect_kind(context.findings, view, Kind::array)) return;
  for (const auto [key, item] : view.items()) {
    const ObjectReader reader(context.findings, item, {"plugin", "options"});
    PluginUse use;
    (void)reader.required("plugin", "the id of a kernels plug-in, such as org.genie.kernels-aten");
    context.read_plugin(reader, use);
    into.push_back(std::move(use));
  }
}

namespace {

void decode_hint_kind(Context& context, const ObjectReader& reader, plan::Constraint& hint) {
  const auto kind = reader.required("kind", "what the hint asks for: pin, forbid, colocate, …");
  if (!kind) return;
  std::array<std::string_view, kHintKinds.size()> names;
  std::transform(kHintKinds.begin(), kHintKinds.end(), names.begin(),
                 [](const HintKind& one) { return one.name; });
  const auto index = read_word(context.findings, *kind, names);
  if (!index) return;
  const HintKind& known = kHintKinds[*index];
  hint.kind = known.name;
  check_presence(context, reader, known.name, "device", known.needs_device,
                 "the id of a device of the topology");
  check_presence(context, reader, known.name, "bytes", known.needs_bytes,
                 "the bytes it may use on the device");
  check_presence(context, reader, known.name, "value", !known.value_help.empty(), known.value_help);
  if (known.needs_select)
    (void)reader.required(
        "select",
        "what it is about: a module path with `*` and `**`, or op:, role:, phase:, weight:, state:, node:");
  if (const auto value = reader.member("value"); value && known.name == "recompute") {
    constexpr std::array<std::string_view, 2> kWords = {"allow", "never"};
    (void)read_word(context.findings, *value, kWords);
  }
}

plan::Constraint decode_hint(Context& context, View view, std::size_t number) {
  plan::Constraint hint;
  const ObjectReader reader(context.findings, view,
                            {"id", "kind", "select", "device", "value", "bytes", "strength", "weight"});
  hint.id = fmt::format("h{}", number + 1);
  hint.origin = fmt::format("{}#{}", context.file, view.pointer());
  reader.text("id", hint.id);
  decode_hint_kind(context, reader, hint);
  reader.text("select", hint.select);
  reader.text("device", hint.device);
  if (hint.kind != "recompute") reader.text("value", hint.value);
  if (const auto value = reader.member("value"); value && hint.kind == "recompute" && value->is(Kind::string))
    hint.value = value->string();
  if (const auto bytes = reader.member("bytes"))
    if (const auto value = read_integer(context.findings, *bytes, {0}))
      hint.bytes = static_cast<std::uint64_t>(*value);
  if (const auto strength = reader.member("strength")) {
    constexpr std::array<std::string_view, 2> kWords = {"hard", "soft"};
    if (const auto index = read_word(context.findings, *strength, kWords)) hint.strength = kWords[*index];
  }
  if (const auto weight = reader.member("weight")) {
    if (const auto value = read_number(context.findings, *weight)) {
      hint.weight = *value;
      if (*value <= 0)
        context.findings.report("GE0013", weight->pointer(), "a hint's weight is positive",
                                "write a number above 0; 1 is the default");
    }
    if (hint.strength != "soft")
      context.findings.report("GE0014", weight->pointer(), "a hard hint has no weight",
                              "leave `weight` out, or write \"strength\": \"soft\"");
  }
  return hint;
}

void decode_hints(Context& context, View view, std::vector<plan::Constraint>& into) {
  if (!expect_kind(context.findings, view, Kind::array)) return;
  for (const auto [key, item] : view.items())
    into.push_back(decode_hint(context, item, into.size()));
}

void decode_outputs(Context& context, View view, Outputs& into) {
  const ObjectReader reader(context.findings, view, {"file", "only"});
  context.read_path(reader, "file", into.file);
  const auto only = reader.member("only");
  if (!only || !expect_kind(context.findings, *only, Kind::array)) return;
  into.only.emplace();
  for (const auto [key, item] : only->items())
    if (auto name = read_text(context.findings, item)) into.only->push_back(std::move(*name));
}

void decode_expect(Context& context, View view, Expect& into) {
  const ObjectReader reader(context.findings, view, {"file", "rtol", "atol"});
  if (reader.required("file", "the `.safetensors` file with the expected outputs"))
    context.read_path(reader, "file", into.file);
  reader.number("rtol", into.rtol);
  reader.number("atol", into.atol);
  for (const auto& [key, value] : {std::pair{"rtol", into.rtol}, std::pair{"atol", into.atol}})
    if (value < 0)
      context.findings.report("GE0013", reader.pointer(key),
                              fmt::format("a tolerance of {} can never hold", value),
                              "write 0 (equal bits, when both are 0) or more");
}

void decode_report(Context& context, View view, Report& into) {
  const ObjectReader reader(context.findings, view, {"json", "trace", "plan"});
  context.read_path(reader, "json", into.json);
  context.read_path(reader, "trace", into.trace);
  context.read_path(reader, "plan", into.plan);
}

/// What only makes sense once every section has the right shape.
void check_meaning(Context& context, const RunConfig& config) {
  std::set<std::string_view> ids;
  for (std::size_t i = 0; i < config.hints.size(); ++i)
    if (!ids.insert(config.hints[i].id).second)
      context.findings.report("GE0017", fmt::format("/hints/{}/id", i),
                              fmt::format("two hints have the id `{}`", config.hints[i].id),
                              "give each hint an id of its own, or leave the ids out");
  check_steps(context, config.run);
}

}  // namespace

plan::Result<RunConfig> decode_run(std::string_view bytes, std::string_view file,
                                   const std::filesystem::path& folder, std::span<const Edit> edits) {
  auto text = apply_edits(bytes, edits, file);
  if (!text) return std::move(text).errors();
  auto document = Document::parse(*text, {.comments = true, .limits = {}}, file);
  if (!document) return std::move(document).errors();

  RunConfig config;
  config.file = file;
  std::error_code ignored;  // absolute() fails only without a working directory; the path then stays relative
  config.folder = folder.is_absolute() ? folder : std::filesystem::absolute(folder, ignored);
  std::vector<std::string> set_pointers;
  for (const Edit& edit : edits)
    set_pointers.push_back(edit.pointer);
  Findings findings(file, std::move(set_pointers));
  Context context{findings, config.file, config.folder};

  if (is_foreign(context, document->root(), "genie.run", "run config")) return findings.take();
  const ObjectReader root(findings, document->root(),
                          {"schema", "version", "plugins", "source", "policy", "kernels", "backend", "hints",
                           "run", "outputs", "expect", "report"});
  decode_schema(context, root, "run config");
  if (const auto view = root.member("plugins")) decode_plugins(context, *view, config.plugins);
  if (const auto view = root.member("source")) decode_source(context, *view, config.source);
  if (const auto view = root.member("policy"))
    context.read_plugin(ObjectReader(findings, *view, {"plugin", "options"}), config.policy);
  if (const auto view = root.member("kernels")) decode_kernels(context, *view, config.kernels);
  if (const auto view = root.member("backend"))
    context.read_plugin(ObjectReader(findings, *view, {"plugin", "options"}), config.backend);
  if (const auto view = root.member("hints")) decode_hints(context, *view, config.hints);
  if (const auto view = root.member("run"))
    decode_steps(context, *view, config.run);
  else
    config.run.steps.emplace_back();
  if (const auto view = root.member("outputs")) decode_outputs(context, *view, config.outputs);
  if (const auto view = root.member("expect")) decode_expect(context, *view, config.expect.emplace());
  if (const auto view = root.member("report")) decode_report(context, *view, config.report);

  if (!findings.any()) check_meaning(context, config);
  if (findings.any()) return findings.take();
  return config;
}

plan::Result<RunConfig> read_run(const std::filesystem::path& path, std::span<const Edit> edits) {
  const auto bytes = plan::read_file(path);
  if (!bytes) return bytes.errors();
  if (bytes->starts_with("PK\x03\x04")) {
    plan::Diagnostic diagnostic;
    diagnostic.code = "GE0015";
    diagnostic.file = path.string();
    diagnostic.message = "this is an archive, such as a model, not a run config";
    diagnostic.help =
        "a model is looked at with `genie-host plan show`, and run by a config that names it: "
        "{\"source\": {\"uri\": \"model.pt2\"}}";
    return diagnostic;
  }
  return decode_run(*bytes, path.string(), path.parent_path().empty() ? "." : path.parent_path(), edits);
}

}  // namespace genie::config
