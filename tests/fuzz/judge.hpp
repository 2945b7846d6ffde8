// What every reader promises about bytes that it refuses. Shared by the fuzz targets and the damage suite.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "genie/plan/diagnostic.hpp"

namespace genie::fuzz {

/// Reads `bytes` as one kind of document or file and says whether it was accepted. Aborts with a line on stderr if a promise
/// is broken. One for each target; the file's name is its name.
bool read(std::string_view bytes);

/// Aborts unless `holds`.
void require(bool holds, std::string_view promise);

/// A refusal has at least one error; every code is registered, every text is UTF-8 of bounded length, and its JSON reads back.
void judge(const plan::Diagnostics& diagnostics);

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
