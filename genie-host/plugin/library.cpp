#include "plugin/library.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <cctype>
#include <cstring>
#include <utility>

#include "genie/cpp/plugin.hpp"
#include "host_version.hpp"

namespace genie::plugin {
namespace {

plan::Diagnostic problem(std::string code, std::string message, std::string_view file, std::string help) {
  plan::Diagnostic diagnostic;
  diagnostic.code = std::move(code);
  diagnostic.message = std::move(message);
  diagnostic.file = file;
  diagnostic.help = std::move(help);
  return diagnostic;
}

std::string_view sanitizer_name(std::uint32_t kind) {
  switch (kind) {
    case GENIE_SANITIZER_NONE:
      return "no sanitizer";
    case GENIE_SANITIZER_ADDRESS:
      return "the address sanitizer";
    case GENIE_SANITIZER_THREAD:
      return "the thread sanitizer";
    case GENIE_SANITIZER_MEMORY:
      return "the memory sanitizer";
    default:
      return "an unknown sanitizer";
  }
}

std::string version(std::uint32_t major, std::uint32_t minor) {
  return std::to_string(major) + '.' + std::to_string(minor);
}

// Reverse DNS: at least two parts of letters, digits, '-' and '_'.
bool is_plugin_id(std::string_view id) {
  bool dot = false;
  bool part = false;
  for (const char c : id) {
    if (c == '.') {
      if (!part) return false;
      dot = true;
      part = false;
    } else if (std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_') {
      part = true;
    } else {
      return false;
    }
  }
  return dot && part;
}

}  // namespace

std::uint32_t host_sanitizer() noexcept {
  return genie::detail::sanitizer();
}
std::string_view host_version() noexcept {
  return kHostVersion;
}

plan::Result<Description> check_descriptor(const genie_plugin_desc* desc, const genie_plugin_out& out,
                                           std::string_view file) {
  const std::string kRebuild =
      "rebuild the plug-in with the SDK of genie-host " + std::string(host_version());
  if (!desc) {
    const std::size_t size = ::strnlen(out.text, sizeof out.text);
    std::string text = size == 0 ? "without saying why" : std::string(out.text, size);
    return problem("GE0111", "the plug-in refused to start: " + text, file,
                   out.code == GENIE_INCOMPATIBLE ? kRebuild : "");
  }
  if (desc->magic != GENIE_PLUGIN_MAGIC || desc->struct_size < sizeof(genie_plugin_desc))
    return problem("GE0114", "its entry returned something that is no plug-in descriptor", file, kRebuild);
  const std::string ours = version(GENIE_ABI_MAJOR, GENIE_ABI_MINOR);
  if (desc->abi_major != GENIE_ABI_MAJOR)
    return problem("GE0112",
                   "it was built for plug-in ABI " + version(desc->abi_major, desc->abi_minor_built) +
                       ", this host speaks " + ours + ": the majors differ",
                   file, kRebuild);
  if (GENIE_ABI_MAJOR == 0 && desc->abi_minor_built != GENIE_ABI_MINOR)
    return problem("GE0112",
                   "it was built for plug-in ABI " + version(desc->abi_major, desc->abi_minor_built) +
                       ", this host speaks " + ours + "; before 1.0 they must be equal",
                   file, kRebuild);
  if (desc->abi_minor_needed > GENIE_ABI_MINOR)
    return problem("GE0112",
                   "it needs plug-in ABI " + version(desc->abi_major, desc->abi_minor_needed) +
                       " or later, this host speaks " + ours,
                   file, "use a newer genie-host");
  if (desc->sanitizer != GENIE_SANITIZER_NONE && desc->sanitizer != host_sanitizer())
    return problem("GE0113",
                   "it was built with " + std::string(sanitizer_name(desc->sanitizer)) + ", this host with " +
                       std::string(sanitizer_name(host_sanitizer())),
                   file, "build both the same way (Meson's b_sanitize)");
  const auto text = [](genie_str given) {
    return given.data ? std::string(given.data, static_cast<std::size_t>(given.size)) : std::string();
  };
  Description description{text(desc->id), text(desc->version), text(desc->build), desc->abi_minor_built,
                          desc->abi_minor_needed};
  if (!desc->get_interface || !is_plugin_id(description.id))
    return problem("GE0114",
                   desc->get_interface
                       ? "its id '" + description.id + "' is not reverse DNS (\"org.example.name\")"
                       : "its descriptor has no get_interface",
                   file, {});
  return description;
}

struct Library::Handle {
  boost::dll::shared_library library;
};

Library::Library(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
Library::Library(Library&&) noexcept = default;
Library& Library::operator=(Library&&) noexcept = default;
Library::~Library() = default;

plan::Result<Library> Library::load(const std::filesystem::path& path) {
  auto handle = std::make_unique<Handle>();
  try {
    handle->library.load(path,
                         static_cast<boost::dll::load_mode::type>(RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE));
  } catch (const std::exception& e) {
    // Boost puts dlerror's text in brackets behind its own.
    std::string text = e.what();
    constexpr std::string_view kBefore = "(dlerror system message: ";
    if (const std::size_t at = text.find(kBefore); at != std::string::npos) {
      text.erase(0, at + kBefore.size());
      if (const std::size_t end = text.rfind(')'); end != std::string::npos) text.resize(end);
    }
    return problem("GE0109", "the library cannot be loaded: " + text, path.string(),
                   "install what is missing; `ldd " + path.string() + "` lists what it needs");
  }
  if (!handle->library.has(GENIE_PLUGIN_ENTRY))
    return problem("GE0110", std::string("the library does not export ") + GENIE_PLUGIN_ENTRY, path.string(),
                   "is it a Genie plug-in? GENIE_PLUGIN of genie/cpp/plugin.hpp makes the entry");
  auto* const entry =
      reinterpret_cast<genie_plugin_entry>(::dlsym(handle->library.native(), GENIE_PLUGIN_ENTRY));
  genie_plugin_in in{};
  in.struct_size = sizeof in;
  in.abi_major = GENIE_ABI_MAJOR;
  in.abi_minor = GENIE_ABI_MINOR;
  in.host_version = {host_version().data(), host_version().size()};
  in.sanitizer = host_sanitizer();
  genie_plugin_out out{};
  out.struct_size = sizeof out;
  const genie_plugin_desc* desc = entry(&in, &out);
  auto description = check_descriptor(desc, out, path.string());
  if (!description) return std::move(description).errors();
  Library library(std::move(handle));
  library.description_ = std::move(description).value();
  library.desc_ = desc;
  return library;
}

const void* Library::interface(std::string_view id) const {
  return desc_->get_interface({id.data(), id.size()});
}

}  // namespace genie::plugin
