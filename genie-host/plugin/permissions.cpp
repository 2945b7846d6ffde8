#include "plugin/permissions.hpp"

#include <sys/stat.h>

namespace genie::plugin {

std::string writable_by_others(const std::filesystem::path& library, const std::filesystem::path& manifest) {
  for (const std::filesystem::path& path : {library.parent_path(), library, manifest}) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) continue;  // absence is reported where the file is needed
    if (status.st_mode & (S_IWGRP | S_IWOTH))
      return path.string() + " can be written by " + (status.st_mode & S_IWOTH ? "everybody" : "its group") +
             ": chmod go-w " + path.string();
  }
  return {};
}

}  // namespace genie::plugin
