#include <fmt/format.h>

#include "genie/plan/json.hpp"
#include "run_config.hpp"

namespace genie::config {

using plan::json::Kind;
using plan::json::View;
using plan::json::Writer;

namespace {

bool has_scheme(std::string_view path) {
  const std::size_t colon = path.find("://");
  return colon != std::string_view::npos && colon > 0 &&
         path.substr(0, colon).find('/') == std::string_view::npos;
}

bool names_a_path(std::string_view key) {
  for (const std::string_view exact : {"file", "path", "folder", "topology", "faults"})
    if (key == exact) return true;
  for (const std::string_view ending : {"_file", "_path", "_folder"})
    if (key.ends_with(ending)) return true;
  return false;
}

void write_resolved(Writer& writer, View view, bool is_path, const std::filesystem::path& folder) {
  switch (view.kind()) {
    case Kind::string:
      if (is_path)
        writer.value(resolve_path(view.string(), folder));
      else
        writer.value(view.string());
      return;
    case Kind::array:
      writer.begin_array();
      for (const auto [key, item] : view.items())
        write_resolved(writer, item, is_path, folder);
      writer.end_array();
      return;
    case Kind::object:
      writer.begin_object();
      for (const auto [key, member] : view.items()) {
        // Inside `keys` ({"ca": "ca.pem", …}) every string is a file; a topology written in place is an object and has
        // ordinary keys of its own.
        const bool in_keys = key == "keys" && member.is(Kind::object);
        writer.key(key);
        if (in_keys) {
          writer.begin_object();
          for (const auto [name, file] : member.items()) {
            writer.key(name);
            write_resolved(writer, file, true, folder);
          }
          writer.end_object();
        } else {
          write_resolved(writer, member, names_a_path(key), folder);
        }
      }
      writer.end_object();
      return;
    default:
      writer.raw(view.canonical());
  }
}

}  // namespace

std::string resolve_path(std::string_view path, const std::filesystem::path& folder) {
  if (path.empty() || has_scheme(path)) return std::string(path);
  return (folder / std::filesystem::path(path)).lexically_normal().string();
}

plan::Result<std::string> resolve_option_paths(std::string_view options,
                                               const std::filesystem::path& folder) {
  auto document = plan::json::Document::parse(options);
  if (!document) return std::move(document).errors();
  Writer writer;
  write_resolved(writer, document->root(), false, folder);
  return plan::json::canonicalize(writer.take());
}

}  // namespace genie::config
