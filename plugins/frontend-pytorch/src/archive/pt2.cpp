#include "archive/pt2.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace genie::pytorch {
namespace {

constexpr std::string_view kFormatEntry = "archive_format";
/// Deflate reaches 1032:1 on zeros alone; weights and programs stay below 20:1.
constexpr std::uint64_t kBombRatio = 100;
constexpr std::uint64_t kBombBytes = std::uint64_t{1} << 20;
constexpr std::string_view kSaveAgain =
    "save the model with torch 2.9 or newer: "
    "torch.export.save(torch.export.export(model, args), \"model.pt2\")";

bool ends_with_component(std::string_view name, std::string_view component) {
  if (name == component) return true;
  return name.size() > component.size() && name.ends_with(component) &&
         name[name.size() - component.size() - 1] == '/';
}

bool has_component(const ZipDirectory& directory, std::string_view component) {
  return std::any_of(directory.entries().begin(), directory.entries().end(),
                     [&](const ZipEntry& entry) { return ends_with_component(entry.name, component); });
}

bool has_folder(const ZipDirectory& directory, std::string_view folder) {
  return std::any_of(directory.entries().begin(), directory.entries().end(), [&](const ZipEntry& entry) {
    const std::size_t at = entry.name.find(folder);
    return at != std::string::npos && (at == 0 || entry.name[at - 1] == '/');
  });
}

std::optional<std::string> find_root(const ZipDirectory& directory) {
  for (const ZipEntry& entry : directory.entries())
    if (ends_with_component(entry.name, kFormatEntry))
      return entry.name.substr(0, entry.name.size() - kFormatEntry.size());
  return std::nullopt;
}

/// Names of the models: every models/<name>.json under the root.
std::vector<std::string> model_names(const ZipDirectory& directory, const std::string& root) {
  const std::string folder = root + "models/";
  std::vector<std::string> names;
  for (const ZipEntry& entry : directory.entries())
    if (entry.name.starts_with(folder) && entry.name.ends_with(".json"))
      names.push_back(entry.name.substr(folder.size(), entry.name.size() - folder.size() - 5));
  return names;
}

SourceKind refused(std::string what, std::string code, std::string help) {
  return {false, false, std::move(what), std::move(code), std::move(help)};
}

SourceKind refused_torch(std::string what, std::string code, std::string help) {
  return {false, true, std::move(what), std::move(code), std::move(help)};
}

/// Whether the bytes begin as pickles of protocol 0 do, which are text: "(dp0\n", "(lp0\n", "ccollections\nOrderedDict\n".
bool begins_as_text_pickle(std::string_view bytes) {
  const std::size_t line = bytes.substr(0, 80).find('\n');
  if (line == std::string_view::npos || line < 2 || !bytes.ends_with('.')) return false;
  if (bytes[0] == '(') return (bytes[1] == 'd' || bytes[1] == 'l' || bytes[1] == 't') && bytes[2] == 'p';
  return bytes[0] == 'c' &&
         std::all_of(bytes.begin() + 1, bytes.begin() + static_cast<std::ptrdiff_t>(line), [](char c) {
           return c == '_' || c == '.' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                  (c >= 'a' && c <= 'z');
         });
}

/// Kinds of files that are no zip archive, by their first bytes.
SourceKind recognise_bytes(std::string_view bytes) {
  const auto begins = [&](std::string_view magic) { return bytes.starts_with(magic); };
  if (bytes.empty()) return refused("an empty file", "GE0203", std::string(kSaveAgain));
  // A pickle of protocol 2 to 5 begins with PROTO; torch.save wrote bare ones before 1.6.
  if ((bytes.size() > 2 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5) ||
      begins_as_text_pickle(bytes))
    return refused_torch(
        "a Python pickle (torch.save wrote such files before torch 1.6)", "GE0224",
        "a pickle runs code when it is read, so Genie never reads one: load it in Python and " +
            std::string(kSaveAgain));
  if (begins("GGUF"))
    return refused("a GGUF file", "GE0212",
                   "load it with transformers in Python and " + std::string(kSaveAgain));
  if (begins("\x89HDF\r\n"))
    return refused("an HDF5 file", "GE0212",
                   "it holds weights of another framework; " + std::string(kSaveAgain));
  std::uint64_t header = 0;
  if (bytes.size() > 9) std::memcpy(&header, bytes.data(), sizeof header);
  if (bytes.size() > 9 && bytes[8] == '{' && header < bytes.size())
    return refused(
        "a safetensors file", "GE0212",
        "it holds tensors but no program: load it into a model in Python and " + std::string(kSaveAgain));
  // ONNX: field 1 (ir_version) of a protobuf message, then field 2 (producer_name) or 7 or 8.
  if (bytes.size() > 3 && bytes[0] == '\x08' && static_cast<unsigned char>(bytes[1]) < 0x20 &&
      (bytes[2] == '\x12' || bytes[2] == '\x3a' || bytes[2] == '\x42'))
    return refused("an ONNX model", "GE0212", "use a frontend for ONNX, or " + std::string(kSaveAgain));
  return refused("no zip archive", "GE0202",
                 "archives of torch.export.save are zip files; " + std::string(kSaveAgain));
}

/// Kinds of zip archives, by the names of their entries.
SourceKind recognise_entries(const ZipDirectory& directory) {
  const auto root = find_root(directory);
  if (!root) {
    if (has_component(directory, "serialized_exported_program.json"))
      return refused_torch("an exported program in the layout of torch 2.7 or older", "GE0214",
                           "load it with torch.export.load in that torch, and " + std::string(kSaveAgain));
    if (has_folder(directory, "data/aotinductor/"))
      return refused_torch(
          "an AOTInductor package", "GE0213",
          "it holds machine code compiled for one kind of machine, not the program; export the module and " +
              std::string(kSaveAgain));
    if (has_component(directory, "data.pkl"))
      return has_component(directory, "constants.pkl") || has_folder(directory, "code/")
                 ? refused_torch("a TorchScript archive", "GE0210",
                                 "PyTorch has deprecated TorchScript; export the module itself and " +
                                     std::string(kSaveAgain))
                 : refused_torch(
                       "a torch.save checkpoint", "GE0211",
                       "it holds pickled weights but no program: load them into the model in Python and " +
                           std::string(kSaveAgain));
    return refused("a zip archive that torch.export.save did not write", "GE0220",
                   "check that this is the right file; " + std::string(kSaveAgain));
  }
  const std::vector<std::string> models = model_names(directory, *root);
  if (models.empty()) {
    if (has_folder(directory, "data/aotinductor/"))
      return refused_torch(
          "an AOTInductor package", "GE0213",
          "it holds machine code compiled for one kind of machine, not the program; export the module and " +
              std::string(kSaveAgain));
    return refused_torch("a PT2 archive without an exported program", "GE0218", std::string(kSaveAgain));
  }
  for (const std::string& model : models)
    if (directory.find(*root + "data/weights/" + model + ".pt") != nullptr)
      return refused_torch("an exported program with pickled weights, as torch 2.8 wrote them", "GE0215",
                           "a pickle runs code when it is read, so Genie never reads one: load the file with "
                           "torch.export.load "
                           "and " +
                               std::string(kSaveAgain));
  return {true, true, "an archive of torch.export.save", {}, {}};
}

bool is_document(std::string_view name) {
  return name.ends_with(".json") || ends_with_component(name, "archive_format") ||
         ends_with_component(name, "archive_version") || ends_with_component(name, "byteorder");
}

std::uint32_t crc32_of(std::string_view bytes) {
  const auto* data = reinterpret_cast<const Bytef*>(bytes.data());
  return static_cast<std::uint32_t>(::crc32_z(0, data, bytes.size()));
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.remove_suffix(1);
  return text;
}

}  // namespace

Result<SourceKind> Pt2Archive::recognise(const std::string& path) {
  auto file = MappedFile::open(path);
  if (!file) return std::move(file).errors();
  if (!ZipDirectory::looks_like_zip(file->bytes())) return recognise_bytes(file->bytes());
  auto directory = ZipDirectory::read(file->bytes(), path);
  if (!directory) {
    const Diagnostic& first = directory.errors().front();
    return refused_torch("a zip archive that cannot be used (" + first.message + ")", first.code, first.help);
  }
  return recognise_entries(*directory);
}

Result<Pt2Archive> Pt2Archive::open(const std::string& path) {
  auto file = MappedFile::open(path);
  if (!file) return std::move(file).errors();
  const auto refuse = [&](const SourceKind& kind) {
    return source_error(kind.code, path,
                        "this is " + kind.what + "; only what torch.export.save writes can be captured",
                        kind.help);
  };
  if (!ZipDirectory::looks_like_zip(file->bytes())) return refuse(recognise_bytes(file->bytes()));
  auto directory = ZipDirectory::read(file->bytes(), path);
  if (!directory) return std::move(directory).errors();
  const SourceKind kind = recognise_entries(*directory);
  if (!kind.exported_program) return refuse(kind);
  std::string root = *find_root(*directory);
  Pt2Archive archive(path, std::move(*file), std::move(*directory), std::move(root));
  if (auto status = archive.check_entries(); !status) return std::move(status).errors();
  if (auto status = archive.check_format(); !status) return std::move(status).errors();
  if (auto status = archive.find_models(); !status) return std::move(status).errors();
  return archive;
}

Status Pt2Archive::check_entries() const {
  constexpr std::string_view kRepack =
      "weights are used where they lie, so every entry must be stored as it is: save the model again, or "
      "unpack it and pack it anew with 'zip -0 -r model.pt2 FOLDER'";
  for (const ZipEntry& entry : directory_.entries()) {
    if (entry.stored) continue;
    if (entry.encrypted)
      return source_error(
          "GE0209", path_, "entry '" + entry.name + "' of the archive is encrypted",
          "Genie asks for no passwords: decrypt the archive, then pack it anew with 'zip -0 -r "
          "model.pt2 FOLDER'");
    if (entry.unpacked_bytes > kBombBytes && entry.unpacked_bytes / kBombRatio > entry.size_bytes)
      return source_error(
          "GE0225", path_,
          "entry '" + entry.name + "' of the archive has " + std::to_string(entry.size_bytes) +
              " bytes and would unpack to " + std::to_string(entry.unpacked_bytes),
          "nothing was unpacked. If you did not pack this file yourself, do not unpack it; if you "
          "did, " +
              std::string(kRepack));
  }
  for (const ZipEntry& entry : directory_.entries())
    if (!entry.stored)
      return source_error("GE0204", path_, "entry '" + entry.name + "' of the archive is compressed",
                          std::string(kRepack));
  // Bytes that are read here, not merely lent. Weights are proved by their SHA-256 wherever they go.
  for (const ZipEntry& entry : directory_.entries())
    if (is_document(entry.name) && crc32_of(bytes(entry)) != entry.crc32)
      return source_error(
          "GE0222", path_,
          "entry '" + entry.name + "' of the archive does not have the checksum it was written with",
          "the file was damaged or edited after it was saved: copy or download it again, or save "
          "the model again with torch.export.save");
  return Unit{};
}

std::string_view Pt2Archive::text(const std::string& name) const {
  const ZipEntry* entry = directory_.find(root_ + name);
  return entry == nullptr ? std::string_view() : bytes(*entry);
}

Status Pt2Archive::check_format() const {
  const std::string_view format = trimmed(text("archive_format"));
  if (format != "pt2")
    return source_error("GE0217", path_,
                        "the archive's format is '" + std::string(format.substr(0, 40)) + "', not 'pt2'",
                        std::string(kSaveAgain));
  const std::string_view version = trimmed(text("archive_version"));
  if (version != "0")
    return source_error(
        "GE0217", path_,
        "the archive's layout has version '" + std::string(version.substr(0, 40)) +
            "'; this Genie reads version 0",
        "use a newer Genie, or save the model with a torch that writes version 0 (2.9 to 2.13 do)");
  const std::string_view order = trimmed(text("byteorder"));
  if (!order.empty() && order != "little")
    return source_error("GE0217", path_,
                        "the weights are in " + std::string(order.substr(0, 40)) + "-endian byte order",
                        "save the model on a little-endian machine");
  return Unit{};
}

Status Pt2Archive::find_models() {
  for (std::string& name : model_names(directory_, root_)) {
    ModelFiles model;
    model.program = text("models/" + name + ".json");
    model.weights_config = text("data/weights/" + name + "_weights_config.json");
    if (model.weights_config.empty())
      model.weights_config = text("data/weights/" + name + "_model_param_config.json");
    model.constants_config = text("data/constants/" + name + "_constants_config.json");
    if (model.constants_config.empty())
      model.constants_config = text("data/constants/" + name + "_model_constants_config.json");
    model.name = std::move(name);
    models_.push_back(std::move(model));
  }
  return Unit{};
}

const ZipEntry* Pt2Archive::storage(std::string_view folder, std::string_view path_name) const {
  return directory_.find(root_ + "data/" + std::string(folder) + "/" + std::string(path_name));
}

std::string_view Pt2Archive::extra(std::string_view name) const {
  return text("extra/" + std::string(name));
}

}  // namespace genie::pytorch
