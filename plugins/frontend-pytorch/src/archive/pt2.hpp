// An archive of torch.export.save: which models it holds and where their parts lie. Whatever else is called .pt2 or .pt is
// recognised and refused with the way out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "archive/mapped_file.hpp"
#include "archive/zip.hpp"
#include "error.hpp"

namespace genie::pytorch {

/// One exported program of an archive. Views are into the mapped file; an absent configuration is empty.
struct ModelFiles {
  std::string name;
  std::string_view program;           ///< models/<name>.json
  std::string_view weights_config;    ///< name → storage file, for parameters and persistent buffers
  std::string_view constants_config;  ///< the same for constants and non-persistent buffers
};

/// What a file is, from a look at it.
struct SourceKind {
  bool exported_program =
      false;  ///< an archive that Pt2Archive::open accepts, as far as the entry names tell
  bool of_torch =
      false;  ///< written by torch, or a zip archive as torch writes: ours to explain, though it is refused
  std::string what;  ///< "an archive of torch.export.save", "a TorchScript archive", …
  std::string code;  ///< of the refusal; empty when accepted
  std::string help;  ///< what to do with a file of this kind
};

/// The mapped archive. Movable; views into it stay valid across a move.
class Pt2Archive {
 public:
  /// Opens and checks everything but the models' content: GE0201–GE0225.
  [[nodiscard]] static Result<Pt2Archive> open(const std::string& path);
  /// Recognises the kind of a file without reading more than its directory. Fails only if it cannot be read.
  [[nodiscard]] static Result<SourceKind> recognise(const std::string& path);

  [[nodiscard]] const std::vector<ModelFiles>& models() const { return models_; }
  /// The storage file of a weight ("weights" or "constants" and the path its configuration names); null if there is none.
  [[nodiscard]] const ZipEntry* storage(std::string_view folder, std::string_view path_name) const;
  [[nodiscard]] std::string_view bytes(const ZipEntry& entry) const {
    return file_.bytes().substr(entry.offset, entry.size_bytes);
  }
  /// The text kept under extra/NAME; empty if there is none.
  [[nodiscard]] std::string_view extra(std::string_view name) const;
  [[nodiscard]] const FileIdentity& identity() const { return file_.identity(); }
  /// The path as given to open().
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  Pt2Archive(std::string path, MappedFile file, ZipDirectory directory, std::string root)
      : path_(std::move(path)),
        file_(std::move(file)),
        directory_(std::move(directory)),
        root_(std::move(root)) {}
  [[nodiscard]] std::string_view text(const std::string& name) const;
  [[nodiscard]] Status check_entries() const;
  [[nodiscard]] Status check_format() const;
  [[nodiscard]] Status find_models();

  std::string path_;
  MappedFile file_;
  ZipDirectory directory_;
  std::string root_;  ///< "minilm/", or empty: the folder that everything lies in
  std::vector<ModelFiles> models_;
};

}  // namespace genie::pytorch
