// What every reader promises about bytes that it refuses. Shared by the fuzz targets and the damage suite.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "genie/plan/diagnostic.hpp"

namespace genie::fuzz {

/// What the readers of a target made of an input.
struct Reading {
  bool accepted = false;                    ///< by one of them
  std::vector<plan::Diagnostics> refusals;  ///< what the others said

  /// Keeps a refusal. Aborts unless it keeps the promises: at least one error and a bounded number of diagnostics, codes that
  /// are registered, texts of bounded length, and JSON that reads back.
  void refuse(plan::Diagnostics diagnostics);
};

/// Reads `bytes` as one kind of document or file. Aborts with a line on stderr if a promise is broken. One for each target;
/// the file's name is its name.
Reading read(std::string_view bytes);

/// Aborts unless `holds`.
void require(bool holds, std::string_view promise);

/// Bytes as a file that lies in memory, for readers that take a path.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  int descriptor_;
  std::string path_;
};

}  // namespace genie::fuzz
