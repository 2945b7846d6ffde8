#include "capture/capture.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "archive/pt2.hpp"
#include "capture/aliases.hpp"
#include "capture/inline.hpp"
#include "capture/method.hpp"
#include "capture/rename.hpp"
#include "capture/symbols.hpp"
#include "genie/plan/codec.hpp"
#include "genie/plan/json.hpp"
#include "semantics/semantics.hpp"
#include "torch/read_program.hpp"

namespace genie::pytorch {
namespace {

/// A lone program is the method "forward"; an archive of several has one method per model, by its name.
constexpr std::string_view kLoneMethod = "forward";

Result<std::vector<Program>> read_programs(const Pt2Archive& archive, const Options& options,
                                           Diagnostics& warnings) {
  std::vector<Program> programs;
  Diagnostics errors;
  std::vector<std::string_view> names;
  for (const ModelFiles& files : archive.models()) {
    names.push_back(files.name);
    if (!options.method.empty() && options.method != files.name &&
        !(archive.models().size() == 1 && options.method == kLoneMethod))
      continue;
    auto program = read_program(archive, files, warnings);
    if (!program) {
      for (const Diagnostic& error : program.errors())
        errors.push_back(error);
      continue;
    }
    inline_modes(*program);
    programs.push_back(std::move(*program));
  }
  if (!errors.empty()) return errors;
  if (programs.empty()) {
    const std::string_view near = plan::json::nearest(options.method, names);
    std::string list;
    for (const std::string_view name : names)
      list += (list.empty() ? "" : ", ") + std::string(name);
    return source_error(
        "GE0252", archive.path(), "the archive has no model '" + options.method + "'",
        (near.empty() ? std::string() : "did you mean '" + std::string(near) + "'? ") + "it has: " + list);
  }
  separate_symbols(programs);
  return programs;
}

/// One digest of everything that was read: the programs, and the storages that they use.
std::string source_digest(const std::vector<Program>& programs, const WeightTable& weights) {
  std::string text;
  for (const Program& program : programs)
    text += "program " + program.name + " " + program.digest + "\n";
  for (const auto& [key, digest] : weights.storage_digests())
    text += "storage " + key + " " + digest + "\n";
  return plan::digest(text);
}

}  // namespace

Result<Capture> capture(const std::string& path, const Options& options, const Progress& progress,
                        bool& stopped) {
  stopped = false;
  auto archive = Pt2Archive::open(path);
  if (!archive) return std::move(archive).errors();
  Capture result;
  plan::Plan& plan = result.plan;
  auto programs = read_programs(*archive, options, result.warnings);
  if (!programs) return std::move(programs).errors();

  std::vector<Aliases> aliases;
  for (const Program& program : *programs)
    aliases.push_back(find_aliases(program.graph, placeholder_storages(program)));
  auto weights = WeightTable::build(*archive, *programs, aliases, options, progress, plan, stopped);
  if (!weights) return std::move(weights).errors();

  const SymbolNames symbol_names = read_symbol_names(archive->extra("genie.json"));
  const bool several = archive->models().size() > 1;
  Diagnostics errors;
  bool has_graphs = false;
  for (std::size_t i = 0; i < programs->size(); ++i) {
    const Program& program = (*programs)[i];
    plan::Method& method = plan.methods[several ? program.name : std::string(kLoneMethod)];
    MethodContext context;
    context.file = path;
    context.id_prefix = several ? program.name + "." : std::string();
    context.bound = bound_symbols(program);
    context.method = &method;
    build_method(program, i, aliases[i], *weights, context, method);
    errors.insert(errors.end(), context.errors.begin(), context.errors.end());
    for (const auto& [domain, version] : context.domains)
      plan.opsets[domain] = version;
    add_symbols(program, method, context.guards, symbol_names, path, plan, result.warnings);
    add_constants(context.constants, context.id_prefix, plan);
    has_graphs = has_graphs || !method.graphs.empty();
  }
  if (!errors.empty()) return errors;

  if (has_graphs) plan.required.emplace_back("graphs");
  if (!plan.states.empty()) plan.required.emplace_back("state");
  plan.producer.plugin = kPluginId;
  plan.producer.version = kPluginVersion;
  plan.producer.source = plan::Producer::Source{
      "torch", programs->front().torch_version, source_digest(*programs, *weights), {}};
  annotate(plan);
  return result;
}

}  // namespace genie::pytorch
