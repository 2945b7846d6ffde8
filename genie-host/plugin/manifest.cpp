#include "plugin/manifest.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "genie/plan/json.hpp"

namespace genie::plugin {
namespace {

using plan::json::Kind;
using plan::json::View;

// Collects what is wrong while members are read.
class Reader {
 public:
  Reader(View root, std::string_view file) : root_(root), file_(file) {}

  std::string text(std::string_view key) {
    const auto member = root_.find(key);
    if (!member || !member->is(Kind::string) || member->string().empty()) {
      wrong(key, "must be a text");
      return {};
    }
    return std::string(member->string());
  }
  std::vector<std::string> texts(std::string_view key) {
    std::vector<std::string> found;
    const auto member = root_.find(key);
    bool good = member && member->is(Kind::array) && member->size() > 0;
    if (good)
      for (const auto& item : member->items()) {
        good = good && item.value.is(Kind::string);
        if (good) found.emplace_back(item.value.string());
      }
    if (!good) wrong(key, "must be a list of texts");
    return found;
  }
  int number(std::string_view object, std::string_view key) {
    const auto outer = root_.find(object);
    const auto member = outer ? outer->find(key) : std::optional<View>();
    if (!member || !member->is(Kind::integer) || member->integer() < 0 || member->integer() > 1'000'000) {
      wrong(std::string(object) + '/' + std::string(key), "must be a version number");
      return 0;
    }
    return static_cast<int>(member->integer());
  }
  plan::Table<std::string> text_table(std::string_view key) {
    plan::Table<std::string> found;
    const auto member = root_.find(key);
    if (!member) return found;
    bool good = member->is(Kind::object);
    if (good)
      for (const auto& [name, value] : member->items()) {
        good = good && value.is(Kind::string) && !name.empty() && name.find('=') == std::string_view::npos;
        if (good) found.emplace(name, value.string());
      }
    if (!good) wrong(key, "must be an object of texts");
    return found;
  }
  void wrong(std::string_view key, const std::string& what) {
    plan::Diagnostic diagnostic;
    diagnostic.code = "GE0102";
    diagnostic.message = "the manifest's '" + std::string(key) + "' " + what;
    diagnostic.file = file_;
    diagnostic.pointer = '/' + std::string(key);
    diagnostic.help = "write the manifest with genie-manifest, which comes with the SDK";
    errors.push_back(std::move(diagnostic));
  }

  plan::Diagnostics errors;

 private:
  View root_;
  std::string file_;
};

bool is_sha256(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

bool Manifest::has_kind(std::string_view kind) const {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

plan::Result<Manifest> decode_manifest(std::string_view bytes, std::string_view file) {
  plan::json::ReadOptions options;
  options.comments = true;
  options.limits.bytes = 1u << 20;
  auto document = plan::json::Document::parse(bytes, options, file);
  if (!document) return std::move(document).errors();
  const View root = document->root();
  Reader reader(root, file);
  if (!root.is(Kind::object)) {
    reader.wrong("", "must be an object");
    return std::move(reader.errors);
  }
  Manifest manifest;
  if (const auto schema = root.find("schema");
      !schema || !schema->is(Kind::string) || schema->string() != "genie.plugin")
    reader.wrong("schema", "must be \"genie.plugin\"");
  manifest.id = reader.text("id");
  manifest.version = reader.text("version");
  manifest.kinds = reader.texts("kind");
  manifest.library = reader.text("library");
  if (manifest.library.find('/') != std::string::npos)
    reader.wrong("library", "must be a file name without a folder");
  manifest.abi_major = reader.number("abi", "major");
  manifest.abi_minor = reader.number("abi", "minor");
  manifest.interfaces = reader.texts("interfaces");
  manifest.sha256 = reader.text("sha256");
  if (!manifest.sha256.empty() && !is_sha256(manifest.sha256))
    reader.wrong("sha256", "must be 64 hexadecimal digits");
  manifest.environment = reader.text_table("env");
  if (!reader.errors.empty()) return std::move(reader.errors);
  return manifest;
}

plan::Result<Manifest> read_manifest(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in && bytes.empty()) {
    plan::Diagnostic diagnostic;
    diagnostic.code = "GE0102";
    diagnostic.message = "the manifest cannot be read";
    diagnostic.file = path.string();
    diagnostic.help = "make it readable, or write it with genie-manifest";
    return diagnostic;
  }
  return decode_manifest(bytes, path.string());
}

}  // namespace genie::plugin
