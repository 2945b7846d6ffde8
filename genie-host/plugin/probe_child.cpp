// The child's side of a probe: `genie-host __probe LIBRARY [INTERFACE...]`.
#include <link.h>
#include <unistd.h>

#include <set>
#include <string>

#include "plugin/probe.hpp"
#include "plugin/tables.hpp"
#include "services/file_identity.hpp"

namespace genie::plugin {
namespace {

constexpr int kAnswerDescriptor = 3;

// Paths of all objects mapped now.
std::set<std::string> mapped_objects() {
  std::set<std::string> paths;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* into) {
        if (info->dlpi_name && info->dlpi_name[0] == '/')
          static_cast<std::set<std::string>*>(into)->insert(info->dlpi_name);
        return 0;
      },
      &paths);
  return paths;
}

// Whether the host can use the table of an interface it knows; interfaces of vendors are taken as they are.
bool usable(std::string_view interface, const void* table) {
  if (interface == GENIE_FRONTEND_V1) return copy_table<genie_frontend_v1>(table).has_value();
  if (interface == GENIE_POLICY_V1) return copy_table<genie_policy_v1>(table).has_value();
  if (interface == GENIE_BACKEND_V1) return copy_table<genie_backend_v1>(table).has_value();
  if (interface == GENIE_KERNELS_V1) return copy_table<genie_kernels_v1>(table).has_value();
  if (interface == GENIE_SERVICE_V1) return copy_table<genie_service_v1>(table).has_value();
  return true;
}

Probe examine(const std::string& path, const std::vector<std::string>& wanted) {
  Probe probe;
  const std::set<std::string> before = mapped_objects();
  auto library = Library::load(path);
  if (!library) {
    probe.diagnostics = std::move(library).errors();
    return probe;
  }
  probe.description = library->description();
  for (const std::string& id : wanted) {
    const void* table = library->interface(id);
    plan::Diagnostic diagnostic;
    diagnostic.file = path;
    if (!table) {
      diagnostic.code = "GE0115";
      diagnostic.message = "its manifest promises the interface " + id + ", the library does not have it";
      diagnostic.help = "write the manifest anew with genie-manifest";
    } else if (!usable(id, table)) {
      diagnostic.code = "GE0117";
      diagnostic.message = "its table of " + id + " is too small to hold even create and destroy";
    } else {
      probe.interfaces.push_back(id);
      continue;
    }
    probe.diagnostics.push_back(std::move(diagnostic));
  }
  for (const std::string& object : mapped_objects()) {
    if (before.contains(object)) continue;
    if (const auto identity = services::FileIdentity::of_path(object))
      probe.dependencies.push_back({object, identity->to_text()});
  }
  if (probe.diagnostics.empty()) probe.outcome = Probe::Outcome::ok;
  return probe;
}

}  // namespace

int probe_main(int argc, const char* const* argv) {
  if (argc < 1) return 2;
  const std::string answer = encode_probe(examine(argv[0], {argv + 1, argv + argc}));
  for (std::size_t at = 0; at < answer.size();) {
    const ssize_t written = ::write(kAnswerDescriptor, answer.data() + at, answer.size() - at);
    if (written <= 0) return 1;
    at += static_cast<std::size_t>(written);
  }
  // Static destructors of a plug-in's libraries are none of the probe's business.
  ::_exit(0);
}

}  // namespace genie::plugin
