#include "archive/pt2.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace genie::pytorch {
namespace {

constexpr std::string_view kFormatEntry = "archive_format";
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
  return {false, std::move(what), std::move(code), std::move(help)};
}

/// Kinds of files that are no zip archive, by their first bytes.
SourceKind recognise_bytes(std::string_view bytes) {
  const auto begins = [&](std::string_view magic) { return bytes.starts_with(magic); };
  if (bytes.empty()) return refused("an empty file", "GE0203", std::string(kSaveAgain));
  // A pickle of protocol 2 to 5 begins with PROTO; torch.save wrote bare ones before 1.6.
  if (bytes.size() > 2 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5)
    return refused("a Python pickle (an old torch.save file)", "GE0212",
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
      return refused("an exported program in the layout of torch 2.8 or older", "GE0214",
                     "load it with torch.export.load in that torch, and " + std::string(kSaveAgain));
    if (has_folder(directory, "data/aotinductor/"))
      return refused(
          "an AOTInductor package", "GE0213",
          "it holds machine code compiled for one kind of machine, not the program; export the module and " +
              std::string(kSaveAgain));
    if (has_component(directory, "data.pkl"))
      return has_component(directory, "constants.pkl") || has_folder(directory, "code/")
                 ? refused("a TorchScript archive", "GE0210",
                           "PyTorch has deprecated TorchScript; export the module itself and " +
                               std::string(kSaveAgain))
                 : refused(
                       "a torch.save checkpoint", "GE0211",
                       "it holds pickled weights but no program: load them into the model in Python and " +
                           std::string(kSaveAgain));
    return refused("a zip archive that torch.export.save did not write", "GE0220",
                   "check that this is the right file; " + std::string(kSaveAgain));
  }
  const std::vector<std::string> models = model_names(directory, *root);
  if (models.empty()) {
    if (has_folder(directory, "data/aotinductor/"))
      return refused(
          "an AOTInductor package", "GE0213",
          "it holds machine code compiled for one kind of machine, not the program; export the module and " +
              std::string(kSaveAgain));
    return refused("a PT2 archive without an exported program", "GE0218", std::string(kSaveAgain));
  }
  for (const std::string& model : models)
    if (directory.find(*root + "data/weights/" + model + ".pt") != nullptr)
      return refused("an exported program with pickled weights, as torch 2.8 wrote them", "GE0215",
                     "a pickle runs code when it is read, so Genie never reads one: load the file with "
                     "torch.export.load "
                     "and " +
                         std::string(kSaveAgain));
  return {true, "an archive of torch.export.save", {}, {}};
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
    return refused("a zip archive that cannot be used (" + first.message + ")", first.code, first.help);
  }
  return recognise_entries(*directory);
}

Result<Pt2Archive> Pt2Archive::open(const std::string& path) {
  auto file = MappedFile::open(path);
  if (!file) return std::move(file).errors();
  const auto refuse = [&](const SourceKind& kind) {
    return source_error(kind.code, path, "this is " + kind.what + ", not an archive of torch.export.save",
                        kind.help);
  };
  if (!ZipDirectory::looks_like_zip(file->bytes())) return refuse(recognise_bytes(file->bytes()));
  auto directory = ZipDirectory::read(file->bytes(), path);
  if (!directory) return std::move(directory).errors();
  const SourceKind kind = recognise_entries(*directory);
  if (!kind.exported_program) return refuse(kind);
  for (const ZipEntry& entry : directory->entries())
    if (!entry.stored)
      return source_error(
          "GE0204", path, "entry '" + entry.name + "' of the archive is compressed or encrypted",
          "weights are used in place, so every entry must be stored as it is: save the model again, or "
          "repack the files with 'zip -0'");
  std::string root = *find_root(*directory);
  Pt2Archive archive(path, std::move(*file), std::move(*directory), std::move(root));
  if (auto status = archive.check_format(); !status) return std::move(status).errors();
  if (auto status = archive.find_models(); !status) return std::move(status).errors();
  return archive;
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
