// A folder with plug-ins as a user has it: libraries of the build copied there, manifests written beside.
#pragma once

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "host/scratch.hpp"
#include "plugin/catalogue.hpp"
#include "services/sha256.hpp"

namespace test {

/// What the build says: the folder of the test plug-ins, and genie-host.
inline std::filesystem::path from_environment(const char* name) {
  const char* value = std::getenv(name);
  REQUIRE_MESSAGE(value != nullptr, name, " must be set: run through `meson test`");
  return value;
}
inline std::filesystem::path built_plugin(const std::string& name) {
  const std::filesystem::path folder = from_environment("GENIE_TEST_PLUGINS");
  const std::filesystem::path library = folder / (name + ".so");
  return std::filesystem::exists(library) ? library : folder / "parts" / (name + ".so");
}

struct ManifestText {
  std::string id = "org.example.policy";
  std::string version = "1.0.0";
  std::string kind = "\"policy\"";
  std::string interfaces = "\"genie.policy/1\"";
  std::string sha256;  ///< empty: the library's own
  std::string rest;    ///< further members, beginning with a comma
};

class PluginFolder {
 public:
  PluginFolder() { ::chmod(scratch_.path().c_str(), S_IRWXU); }

  /// Copies a built plug-in and writes its manifest.
  std::filesystem::path add(const std::string& built, const ManifestText& manifest = {},
                            const std::string& as = "") {
    const std::string name = as.empty() ? built : as;
    const std::filesystem::path library = scratch_.path() / (name + ".so");
    std::filesystem::create_directories(library.parent_path());
    // A new file, as installers make it: writing into a library that is mapped would change it under its users.
    std::filesystem::remove(library);
    std::filesystem::copy_file(built_plugin(built), library);
    ::chmod(library.c_str(), S_IRUSR | S_IWUSR | S_IXUSR);
    const std::string sha =
        manifest.sha256.empty() ? genie::services::sha256_of_file(library.string()) : manifest.sha256;
    scratch_.file(name + ".genie.json",
                  R"({"schema": "genie.plugin", "id": ")" + manifest.id + R"(", "version": ")" +
                      manifest.version + R"(", "kind": [)" + manifest.kind + R"(], "library": ")" +
                      library.filename().string() + R"(", "abi": {"major": 0, "minor": 1}, "interfaces": [)" +
                      manifest.interfaces + R"(], "sha256": ")" + sha + "\"" + manifest.rest + "}");
    ::chmod((scratch_.path() / (name + ".genie.json")).c_str(), S_IRUSR | S_IWUSR);
    return library;
  }
  [[nodiscard]] const std::filesystem::path& path() const { return scratch_.path(); }
  [[nodiscard]] const Scratch& scratch() const { return scratch_; }

  /// Options that see this folder only, and remember in a folder of their own.
  [[nodiscard]] genie::plugin::CatalogueOptions options() const {
    genie::plugin::CatalogueOptions options;
    options.paths = {scratch_.path().string()};
    options.search_environment = false;
    options.install_folder = cache_.path() / "nothing-installed";
    std::filesystem::create_directories(options.install_folder);
    options.host_executable = from_environment("GENIE_HOST");
    options.cache_folder = cache_.path() / "plugins";
    return options;
  }
  [[nodiscard]] genie::plugin::Catalogue discover() const {
    return genie::plugin::Catalogue::discover(options());
  }

 private:
  Scratch scratch_;
  Scratch cache_;
};

}  // namespace test
