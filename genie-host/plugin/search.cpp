// Discovery (A17): where manifests are looked for, and in which order.
#include <dlfcn.h>
#include <sys/auxv.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "genie/plan/file.hpp"
#include "plugin/catalogue.hpp"

namespace genie::plugin {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLibrarySuffix = ".so";
constexpr std::string_view kEntrySymbol = "genie_plugin_v1";
constexpr std::size_t kMostLibraryBytes = std::size_t{256} << 20;

bool is_manifest(const fs::path& path) {
  return path.filename().string().ends_with(kManifestSuffix);
}

fs::path manifest_beside(fs::path library) {
  library.replace_extension();
  return library.string() + std::string(kManifestSuffix);
}

// Whether a library names the plug-in entry among its symbols. Other libraries may lie in the folder as they like.
bool names_the_entry(const fs::path& library) {
  const auto bytes = plan::read_file(library, kMostLibraryBytes);
  return bytes && bytes->find(kEntrySymbol) != std::string::npos;
}

// Appends what matters of one folder, by name, so that the order is the same everywhere: manifests, and libraries that look
// like plug-ins but have none. Returns its subfolders.
std::vector<fs::path> look_into(const fs::path& folder, std::vector<fs::path>& found) {
  std::vector<fs::path> files;
  std::vector<fs::path> subfolders;
  std::error_code error;
  for (const auto& entry :
       fs::directory_iterator(folder, fs::directory_options::skip_permission_denied, error)) {
    const fs::path& path = entry.path();
    if (entry.is_directory(error))
      subfolders.push_back(path);
    else if (is_manifest(path) || (path.extension() == kLibrarySuffix &&
                                   !fs::exists(manifest_beside(path), error) && names_the_entry(path)))
      files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  std::sort(subfolders.begin(), subfolders.end());
  found.insert(found.end(), files.begin(), files.end());
  return subfolders;
}

// What look_into() finds in a folder and in its direct subfolders (a build tree has one a plug-in).
std::vector<fs::path> plugins_below(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const fs::path& subfolder : look_into(folder, found))
    (void)look_into(subfolder, found);
  return found;
}

plan::Diagnostic problem(std::string code, std::string message, const fs::path& file, std::string help) {
  plan::Diagnostic diagnostic;
  diagnostic.code = std::move(code);
  diagnostic.message = std::move(message);
  diagnostic.file = file.string();
  diagnostic.help = std::move(help);
  return diagnostic;
}

/// The file that this code is in; empty if that is not to be found. Of the executable the loader knows only what it was called as,
/// which is no path where it was found through PATH.
fs::path own_file() {
  Dl_info here{};
  Dl_info executable{};
  if (::dladdr(reinterpret_cast<const void*>(&find_install_folder), &here) == 0 || !here.dli_fname) return {};
  std::error_code error;
  const bool alone = ::dladdr(reinterpret_cast<const void*>(::getauxval(AT_PHDR)), &executable) != 0 &&
                     executable.dli_fbase == here.dli_fbase;
  fs::path found = alone ? fs::read_symlink("/proc/self/exe", error) : fs::canonical(here.dli_fname, error);
  return error ? fs::path() : found;
}

}  // namespace

fs::path find_install_folder() {
  std::error_code error;
  const fs::path file = own_file();
  if (file.empty()) return {};
  const fs::path folder = file.parent_path();
  if (const fs::path installed = folder / "genie" / "plugins"; fs::is_directory(installed, error))
    return installed;
  // A build tree: Meson keeps what it knows of it beside.
  if (fs::is_directory(folder.parent_path() / "meson-info", error)) {
    if (const fs::path built = folder.parent_path() / "plugins"; fs::is_directory(built, error)) return built;
  }
  return {};
}

Catalogue::Catalogue(CatalogueOptions options, services::LogSink log)
    : options_(std::move(options)), log_(std::move(log)) {}

Catalogue Catalogue::discover(CatalogueOptions options, services::LogSink log) {
  Catalogue catalogue(std::move(options), std::move(log));
  for (const std::string& path : catalogue.options_.paths)
    catalogue.search(path, kThroughOption);
  for (const std::string& path : catalogue.options_.config_paths)
    catalogue.search(path, kThroughConfig);
  // With raised rights a caller's environment must not choose what is loaded.
  const char* const environment = ::getauxval(AT_SECURE) == 0 ? ::getenv("GENIE_PLUGIN_PATH") : nullptr;
  if (catalogue.options_.search_environment && environment) {
    std::string_view rest = environment;
    while (!rest.empty()) {
      const std::size_t colon = std::min(rest.find(':'), rest.size());
      if (colon > 0) catalogue.search(std::string(rest.substr(0, colon)), "GENIE_PLUGIN_PATH");
      rest.remove_prefix(std::min(colon + 1, rest.size()));
    }
  }
  const fs::path installed =
      catalogue.options_.install_folder.empty() ? find_install_folder() : catalogue.options_.install_folder;
  if (!installed.empty()) catalogue.search(installed, "the install folder");
  return catalogue;
}

void Catalogue::search(const fs::path& given, std::string_view through) {
  std::error_code error;
  const fs::path path = fs::absolute(given, error).lexically_normal();
  if (fs::is_directory(path, error)) {
    for (const fs::path& file : plugins_below(path))
      if (is_manifest(file))
        add_manifest(file, through);
      else
        add_without_manifest(file, through, false);
    return;
  }
  if (fs::exists(path, error)) {
    if (is_manifest(path)) return add_manifest(path, through, true);
    const fs::path manifest = manifest_beside(path);
    if (fs::exists(manifest, error)) return add_manifest(manifest, through, true);
    return add_without_manifest(path, through, true);
  }
  // Something a person named explicitly and that is not there deserves a line; a missing folder of a search path does not
  // stop a run.
  Candidate candidate;
  candidate.manifest_path = path;
  candidate.through = through;
  candidate.named = through == kThroughOption;
  fail(candidate, Candidate::State::failed,
       problem("GE0103", "there is no such file or folder", path, "it was named by " + std::string(through)));
  candidates_.push_back(std::move(candidate));
}

void Catalogue::add_without_manifest(const fs::path& library, std::string_view through, bool named) {
  for (const Candidate& other : candidates_)
    if (other.library == library) return;
  Candidate candidate;
  candidate.manifest_path = manifest_beside(library);
  candidate.library = library;
  candidate.through = through;
  candidate.named = named;
  fail(candidate, Candidate::State::failed,
       problem("GE0102", "there is no manifest beside it, and without one no plug-in is loaded", library,
               "write it with genie-manifest, which comes with the SDK: genie-manifest --library " +
                   library.filename().string() +
                   " --id org.example.name --version 1.0.0 --interface genie.KIND/1 --headers INCLUDE"));
  candidates_.push_back(std::move(candidate));
}

void Catalogue::add_manifest(const fs::path& path, std::string_view through, bool named) {
  // The same file reached twice (a folder named in two places) is one candidate.
  std::error_code error;
  const fs::path canonical = fs::weakly_canonical(path, error);
  const fs::path& key = error ? path : canonical;
  for (const Candidate& other : candidates_)
    if (other.manifest_path == key) return;
  Candidate candidate;
  candidate.manifest_path = key;
  candidate.through = through;
  candidate.named = named;
  auto manifest = read_manifest(candidate.manifest_path);
  if (!manifest) {
    candidate.diagnostics = std::move(manifest).errors();
    candidate.state = Candidate::State::failed;
    log_(named ? GENIE_LOG_INFO : GENIE_LOG_WARNING, "loader",
         candidate.manifest_path.string() + ": " + candidate.diagnostics.front().message);
    candidates_.push_back(std::move(candidate));
    return;
  }
  candidate.manifest = std::move(manifest).value();
  candidate.library = candidate.manifest_path.parent_path() / candidate.manifest.library;
  for (const Candidate& other : candidates_) {
    if (other.manifest.id != candidate.manifest.id || other.state == Candidate::State::skipped) continue;
    candidate.state = Candidate::State::skipped;
    candidate.diagnostics.push_back(
        problem("GE0120", "found first at " + other.library.string(), candidate.library, {}));
    candidate.diagnostics.back().severity = plan::Severity::note;
    break;
  }
  log_(GENIE_LOG_DEBUG, "loader",
       candidate.manifest.id + " " + candidate.manifest.version + ": " + std::string(name(candidate.state)) +
           " through " + candidate.through + " at " + candidate.library.string());
  candidates_.push_back(std::move(candidate));
}

}  // namespace genie::plugin
