// Probing and loading what discovery found.
#include "plugin/catalogue.hpp"

#include <algorithm>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "genie/plan/json.hpp"
#include "plugin/permissions.hpp"
#include "plugin/probe_cache.hpp"
#include "services/sha256.hpp"

namespace genie::plugin {
namespace {

plan::Diagnostic problem(std::string code, std::string message, const std::filesystem::path& file,
                         std::string help) {
  plan::Diagnostic diagnostic;
  diagnostic.code = std::move(code);
  diagnostic.message = std::move(message);
  diagnostic.file = file.string();
  diagnostic.help = std::move(help);
  return diagnostic;
}

std::string join(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items)
    text += (text.empty() ? "" : ", ") + item;
  return text;
}

}  // namespace

std::string_view name(Candidate::State state) {
  switch (state) {
    case Candidate::State::found:
      return "found";
    case Candidate::State::usable:
      return "usable";
    case Candidate::State::loaded:
      return "loaded";
    case Candidate::State::skipped:
      return "skipped";
    case Candidate::State::refused:
      return "refused";
    case Candidate::State::failed:
      return "failed";
    case Candidate::State::quarantined:
      return "quarantined";
  }
  return "unknown";
}

void Catalogue::fail(Candidate& candidate, Candidate::State state, plan::Diagnostic diagnostic) {
  candidate.state = state;
  const std::string subject = !candidate.manifest.id.empty() ? candidate.manifest.id
                              : !candidate.library.empty()   ? candidate.library.string()
                                                             : candidate.manifest_path.string();
  // What a person named is reported by check_named().
  log_(candidate.named ? GENIE_LOG_INFO : GENIE_LOG_WARNING, "loader",
       subject + ": " + diagnostic.message +
           (diagnostic.help.empty() ? std::string() : " (" + diagnostic.help + ")"));
  candidate.diagnostics.push_back(std::move(diagnostic));
}

std::vector<std::string> Catalogue::ids_of_kind(std::string_view kind) const {
  std::vector<std::string> ids;
  for (const Candidate& candidate : candidates_) {
    const bool possible = candidate.state == Candidate::State::found ||
                          candidate.state == Candidate::State::usable ||
                          candidate.state == Candidate::State::loaded;
    if (possible && candidate.manifest.has_kind(kind)) ids.push_back(candidate.manifest.id);
  }
  return ids;
}

const Candidate* Catalogue::find(std::string_view id) const {
  const auto found = std::find_if(candidates_.begin(), candidates_.end(), [id](const Candidate& candidate) {
    return candidate.manifest.id == id && candidate.state != Candidate::State::skipped;
  });
  return found == candidates_.end() ? nullptr : &*found;
}

bool Catalogue::make_usable(Candidate& candidate) {
  if (candidate.state == Candidate::State::usable || candidate.state == Candidate::State::loaded) return true;
  if (candidate.state != Candidate::State::found) return false;
  const Manifest& manifest = candidate.manifest;
  std::error_code error;
  if (!std::filesystem::is_regular_file(candidate.library, error)) {
    fail(candidate, Candidate::State::failed,
         problem("GE0103", "its manifest names a library that is not there", candidate.library,
                 "build or install the plug-in again"));
    return false;
  }
  if (std::string why = writable_by_others(candidate.library, candidate.manifest_path); !why.empty()) {
    const std::size_t remedy = why.rfind(": ");
    fail(candidate, Candidate::State::refused,
         problem("GE0105", "others could change it: " + why.substr(0, remedy), candidate.library,
                 why.substr(remedy + 2)));
    return false;
  }
  const bool listed =
      options_.allow.empty() ||
      std::any_of(options_.allow.begin(), options_.allow.end(), [&](const config::AllowedPlugin& allowed) {
        return allowed.id == manifest.id && allowed.sha256 == manifest.sha256;
      });
  if (!listed) {
    fail(candidate, Candidate::State::refused,
         problem("GE0106", "the run config's allow-list does not have it with sha256 " + manifest.sha256,
                 candidate.library,
                 "add {\"id\": \"" + manifest.id + "\", \"sha256\": …} to /plugins/allow if you trust it"));
    return false;
  }
  const ProbeCache cache(options_.cache_folder.empty() ? user_cache_folder() : options_.cache_folder,
                         options_.host_executable);
  std::optional<Probe> probed;
  if (!options_.rescan) probed = cache.find(candidate.library, manifest);
  candidate.remembered = probed.has_value();
  // The cache's key holds the digest and the file's identity: what is remembered was compared then. An allow-list is worth
  // nothing unless the bytes are looked at.
  if (!probed || !options_.allow.empty()) {
    if (const std::string found = services::sha256_of_file(candidate.library.string());
        found != manifest.sha256) {
      fail(candidate, Candidate::State::failed,
           problem("GE0104",
                   "the library is not the one its manifest describes: its sha256 is " + found +
                       ", the manifest says " + manifest.sha256,
                   candidate.library, "write the manifest anew with genie-manifest"));
      return false;
    }
  }
  if (!probed) {
    probed = probe(options_.host_executable, candidate.library, manifest, options_.probe_limit);
    const Description& described = probed->description;
    if (probed->outcome == Probe::Outcome::ok &&
        (described.id != manifest.id || described.version != manifest.version)) {
      probed->outcome = Probe::Outcome::refused;
      probed->diagnostics.insert(probed->diagnostics.begin(),
                                 problem("GE0115",
                                         "its manifest says " + manifest.id + " " + manifest.version +
                                             ", the library says " + described.id + " " + described.version,
                                         candidate.library, "write the manifest anew with genie-manifest"));
    }
    cache.store(candidate.library, manifest, *probed);
  }
  candidate.build = probed->description.build;
  candidate.diagnostics = probed->diagnostics;
  if (probed->outcome == Probe::Outcome::ok) {
    candidate.state = Candidate::State::usable;
    for (const plan::Diagnostic& warning : candidate.diagnostics)
      log_(GENIE_LOG_WARNING, "loader", manifest.id + ": " + warning.message);
    return true;
  }
  candidate.state =
      probed->outcome == Probe::Outcome::crashed ? Candidate::State::quarantined : Candidate::State::failed;
  for (const plan::Diagnostic& why : candidate.diagnostics)
    log_(candidate.named ? GENIE_LOG_INFO : GENIE_LOG_WARNING, "loader", manifest.id + ": " + why.message);
  return false;
}

plan::Diagnostics Catalogue::check_named() {
  plan::Diagnostics wrong;
  for (Candidate& candidate : candidates_) {
    const bool meant = candidate.named && candidate.state != Candidate::State::skipped &&
                       (candidate.through == kThroughOption || candidate.through == kThroughConfig);
    if (meant && !make_usable(candidate))
      wrong.insert(wrong.end(), candidate.diagnostics.begin(), candidate.diagnostics.end());
  }
  return wrong;
}

void Catalogue::probe_all() {
  for (Candidate& candidate : candidates_)
    make_usable(candidate);
}

plan::Result<const Library*> Catalogue::load(std::string_view id) {
  if (const auto loaded = libraries_.find(id); loaded != libraries_.end()) return loaded->second.get();
  const Candidate* found = find(id);
  if (!found) {
    std::vector<std::string_view> known;
    std::vector<std::string> ids;
    for (const Candidate& candidate : candidates_) {
      if (candidate.manifest.id.empty() || candidate.state == Candidate::State::skipped) continue;
      known.push_back(candidate.manifest.id);
      ids.push_back(candidate.manifest.id);
    }
    const std::string_view near = plan::json::nearest(id, known);
    std::string help = ids.empty() ? "no plug-in was found at all: name a folder with --plugin, in "
                                     "/plugins/paths of the run config, or in GENIE_PLUGIN_PATH"
                                   : "found are " + join(ids);
    if (!near.empty()) help = "did you mean " + std::string(near) + "? " + help;
    return problem("GE0101", "there is no plug-in " + std::string(id), {}, std::move(help));
  }
  Candidate& candidate = candidates_[static_cast<std::size_t>(found - candidates_.data())];
  if (!make_usable(candidate)) {
    plan::Diagnostics diagnostics = candidate.diagnostics;
    for (plan::Diagnostic& diagnostic : diagnostics)
      diagnostic.message = std::string(id) + ": " + diagnostic.message;
    return diagnostics;
  }
  auto library = Library::load(candidate.library);
  if (!library) {
    candidate.state = Candidate::State::failed;
    candidate.diagnostics = library.errors();
    return candidate.diagnostics;
  }
  candidate.state = Candidate::State::loaded;
  candidate.build = library->description().build;
  log_(GENIE_LOG_INFO, "loader",
       candidate.manifest.id + " " + candidate.manifest.version + " loaded from " +
           candidate.library.string());
  auto& kept = libraries_[std::string(id)];
  kept = std::make_unique<Library>(std::move(library).value());
  return static_cast<const Library*>(kept.get());
}

void Catalogue::set_environment(std::span<const std::string> ids) const {
  for (const std::string& id : ids) {
    const Candidate* candidate = find(id);
    if (!candidate || candidate->state == Candidate::State::failed) continue;
    for (const auto& [variable, value] : candidate->manifest.environment)
      ::setenv(variable.c_str(), value.c_str(), 0);
  }
}

std::vector<std::string> Catalogue::explain() const {
  std::vector<std::string> lines;
  for (const Candidate& candidate : candidates_) {
    std::string line = candidate.manifest.id.empty()
                           ? candidate.manifest_path.string()
                           : candidate.manifest.id + " " + candidate.manifest.version;
    line += ": " + std::string(name(candidate.state));
    for (std::size_t i = 0; i < candidate.diagnostics.size(); ++i)
      line += (i == 0 ? ", " : "; ") + candidate.diagnostics[i].message;
    if (!candidate.library.empty())
      line += " (" + candidate.library.string() + ", through " + candidate.through + ")";
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace genie::plugin
