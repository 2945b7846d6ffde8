#include "files.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <system_error>

namespace genie::report {

plan::Status write_file(const std::filesystem::path& path, std::string_view text) {
  std::error_code error;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  const std::filesystem::path unfinished = path.string() + ".part";
  errno = 0;
  std::ofstream file(unfinished, std::ios::binary | std::ios::trunc);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  std::string reason;
  if (!file) {
    reason = std::generic_category().message(errno != 0 ? errno : EIO);
  } else {
    std::filesystem::rename(unfinished, path, error);
    if (!error) return plan::Unit{};
    reason = error.message();
  }
  std::error_code ignored;
  std::filesystem::remove(unfinished, ignored);
  plan::Diagnostic diagnostic;
  diagnostic.code = "GE0003";
  diagnostic.file = path.string();
  diagnostic.message = fmt::format("the file cannot be written: {}", reason);
  diagnostic.help = "check that the folder exists, is writable and has room";
  return diagnostic;
}

}  // namespace genie::report
