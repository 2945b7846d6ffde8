// Zip archives made by hand, right and wrong, as bytes in memory.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace genie::pytorch::testing {

/// One entry; the optional fields lie in the headers.
struct ZipFile {
  std::string name;
  std::string content;
  std::uint16_t method = 0;                  ///< 8: says it is deflated
  std::uint16_t flags = 0x808;               ///< as PyTorch's writer sets them
  bool zip64 = false;                        ///< sizes and offset in the zip64 extra field
  std::optional<std::uint32_t> header_at{};  ///< local header offset that the directory states
  std::optional<std::uint32_t> size{};       ///< size that the directory states
  std::optional<std::uint32_t> crc32{};      ///< checksum that the directory states
  std::uint32_t attributes = 0;              ///< the upper half is a Unix mode
};

struct ZipOptions {
  bool zip64_end = false;                  ///< directory located by a zip64 end record
  std::string comment;                     ///< after the end record
  std::uint16_t disk = 0;                  ///< number of this disk
  std::string prefix;                      ///< bytes before the first entry
  std::optional<std::uint16_t> entries{};  ///< count that the end record states
};

class ZipBuilder {
 public:
  ZipBuilder& add(std::string name, std::string content) {
    files_.push_back({std::move(name), std::move(content)});
    return *this;
  }
  ZipBuilder& add(ZipFile file) {
    files_.push_back(std::move(file));
    return *this;
  }

  [[nodiscard]] std::string build(const ZipOptions& options = {}) const {
    std::string out = options.prefix;
    std::string directory;
    for (const ZipFile& file : files_) {
      const auto at = static_cast<std::uint32_t>(out.size());
      // One pass: the local header of an archive with flag 8 carries no sizes.
      out += "PK\x03\x04";
      number(out, 20, 2);
      number(out, file.flags, 2);
      number(out, file.method, 2);
      number(out, 0, 16);
      number(out, file.name.size(), 2);
      const std::size_t payload = out.size() + 2 + file.name.size() + 4;
      const std::size_t padding = (64 - payload % 64) % 64;
      number(out, 4 + padding, 2);
      out += file.name;
      out += "FB";
      number(out, padding, 2);
      out.append(padding, 'Z');
      out += file.content;

      const std::uint32_t stated = file.size.value_or(static_cast<std::uint32_t>(file.content.size()));
      const std::uint32_t header = file.header_at.value_or(at);
      std::string extra;
      if (file.zip64) {
        number(extra, 1, 2);
        number(extra, 24, 2);
        number(extra, stated, 8);
        number(extra, stated, 8);
        number(extra, header, 8);
      }
      directory += "PK\x01\x02";
      number(directory, 20, 2);
      number(directory, 20, 2);
      number(directory, file.flags, 2);
      number(directory, file.method, 2);
      number(directory, 0, 4);
      number(directory, file.crc32.value_or(crc32_of(file.content)), 4);
      number(directory, file.zip64 ? 0xffffffffu : stated, 4);
      number(directory, file.zip64 ? 0xffffffffu : stated, 4);
      number(directory, file.name.size(), 2);
      number(directory, extra.size(), 2);
      number(directory, 0, 6);
      number(directory, file.attributes, 4);
      number(directory, file.zip64 ? 0xffffffffu : header, 4);
      directory += file.name + extra;
    }
    const std::size_t directory_at = out.size();
    out += directory;
    if (options.zip64_end) {
      const std::size_t record_at = out.size();
      out += "PK\x06\x06";
      number(out, 44, 8);
      number(out, 45, 2);
      number(out, 45, 2);
      number(out, 0, 8);
      number(out, files_.size(), 8);
      number(out, files_.size(), 8);
      number(out, directory.size(), 8);
      number(out, directory_at, 8);
      out += "PK\x06\x07";
      number(out, 0, 4);
      number(out, record_at, 8);
      number(out, 1, 4);
    }
    const std::uint64_t count =
        options.zip64_end ? 0xffff : options.entries.value_or(static_cast<std::uint16_t>(files_.size()));
    out += "PK\x05\x06";
    number(out, options.disk, 2);
    number(out, 0, 2);
    number(out, count, 2);
    number(out, count, 2);
    number(out, options.zip64_end ? 0xffffffffu : directory.size(), 4);
    number(out, options.zip64_end ? 0xffffffffu : directory_at, 4);
    number(out, options.comment.size(), 2);
    return out + options.comment;
  }

 private:
  static std::uint32_t crc32_of(const std::string& content) {
    return static_cast<std::uint32_t>(
        ::crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size()));
  }
  static void number(std::string& out, std::uint64_t value, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) {
      out += static_cast<char>(i < 8 ? value & 0xff : 0);
      value >>= 8;
    }
  }

  std::vector<ZipFile> files_;
};

}  // namespace genie::pytorch::testing
