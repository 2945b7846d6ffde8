#include "archive/zip.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace genie::pytorch {
namespace {

constexpr std::uint32_t kLocalHeader = 0x04034b50;
constexpr std::uint32_t kCentralHeader = 0x02014b50;
constexpr std::uint32_t kEndOfDirectory = 0x06054b50;
constexpr std::uint32_t kZip64EndOfDirectory = 0x06064b50;
constexpr std::uint32_t kZip64Locator = 0x07064b50;

constexpr std::uint64_t kLocalHeaderBytes = 30;
constexpr std::uint64_t kCentralHeaderBytes = 46;
constexpr std::uint64_t kEndOfDirectoryBytes = 22;
constexpr std::uint64_t kZip64EndOfDirectoryBytes = 56;
constexpr std::uint64_t kZip64LocatorBytes = 20;
constexpr std::uint64_t kLongestComment = 0xffff;

constexpr std::uint16_t kZip64Extra = 0x0001;
constexpr std::uint16_t kEncrypted = 0x0001;
constexpr std::uint32_t kFileKind = 0170000;  ///< of the Unix mode in the upper half of an entry's attributes
constexpr std::uint32_t kRegularFile = 0100000;
constexpr std::uint32_t kFolder = 0040000;
/// Files are no longer than this on any system, so a larger number was never a size.
constexpr std::uint64_t kLargestFileBytes = std::uint64_t{1} << 63;
constexpr std::uint16_t kSaturated16 = 0xffff;
constexpr std::uint32_t kSaturated32 = 0xffffffff;

/// Little-endian fields of a header at a checked place.
class Fields {
 public:
  explicit Fields(const char* at) : at_(at) {}
  [[nodiscard]] std::uint16_t u16(std::size_t offset) const { return load<std::uint16_t>(offset); }
  [[nodiscard]] std::uint32_t u32(std::size_t offset) const { return load<std::uint32_t>(offset); }
  [[nodiscard]] std::uint64_t u64(std::size_t offset) const { return load<std::uint64_t>(offset); }

 private:
  template <class T>
  [[nodiscard]] T load(std::size_t offset) const {
    T value;
    std::memcpy(&value, at_ + offset, sizeof value);
    return value;
  }
  const char* at_;
};

/// A window of the file, or nothing when it reaches beyond the end. Safe against overflow of offset + size.
std::optional<Fields> window(std::string_view bytes, std::uint64_t offset, std::uint64_t size) {
  if (offset > bytes.size() || size > bytes.size() - offset) return std::nullopt;
  return Fields(bytes.data() + offset);
}

Diagnostic damaged(std::string_view file, std::string what) {
  return source_error(
      "GE0203", file, "the archive is damaged or truncated: " + std::move(what),
      "copy or download the file again, or save it again with torch.export.save; compare its size "
      "with the original's");
}

struct Directory {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t entries = 0;
};

/// Position of the end-of-central-directory record: the last one whose comment ends exactly at the end of the file.
std::optional<std::uint64_t> find_end(std::string_view bytes) {
  if (bytes.size() < kEndOfDirectoryBytes) return std::nullopt;
  const std::uint64_t last = bytes.size() - kEndOfDirectoryBytes;
  const std::uint64_t first = last > kLongestComment ? last - kLongestComment : 0;
  for (std::uint64_t at = last + 1; at-- > first;) {
    const Fields fields(bytes.data() + at);
    if (fields.u32(0) == kEndOfDirectory && at + kEndOfDirectoryBytes + fields.u16(20) == bytes.size())
      return at;
  }
  return std::nullopt;
}

Result<Directory> find_directory(std::string_view bytes, std::string_view file) {
  const auto end = find_end(bytes);
  if (!end) return damaged(file, "there is no end-of-directory record");
  const Fields fields(bytes.data() + *end);
  Directory directory{fields.u32(16), fields.u32(12), fields.u16(10)};
  std::uint64_t limit = *end;
  bool several_disks = fields.u16(4) != 0 || fields.u16(6) != 0 || fields.u16(8) != fields.u16(10);

  const bool saturated =
      directory.entries == kSaturated16 || directory.size == kSaturated32 || directory.offset == kSaturated32;
  if (saturated) {
    const auto locator = *end >= kZip64LocatorBytes
                             ? window(bytes, *end - kZip64LocatorBytes, kZip64LocatorBytes)
                             : std::nullopt;
    // Exactly 65,535 entries or so are possible without zip64: only a locator makes it one.
    if (locator && locator->u32(0) == kZip64Locator) {
      const std::uint64_t at = locator->u64(8);
      const auto record = window(bytes, at, kZip64EndOfDirectoryBytes);
      if (!record || record->u32(0) != kZip64EndOfDirectory ||
          at + kZip64EndOfDirectoryBytes > *end - kZip64LocatorBytes)
        return damaged(file, "its zip64 end-of-directory record is not where the locator says");
      directory = {record->u64(48), record->u64(40), record->u64(32)};
      limit = at;
      several_disks = record->u32(16) != 0 || record->u32(20) != 0 || record->u64(24) != record->u64(32);
    }
  }
  if (several_disks)
    return source_error("GE0208", file, "the archive is one part of a zip split over several disks",
                        "join the parts first, or save the model again with torch.export.save");
  if (directory.offset > limit || directory.size > limit - directory.offset)
    return damaged(file, "its directory reaches beyond the end of the file");
  if (directory.entries > directory.size / kCentralHeaderBytes)
    return damaged(file, "its directory is too small for the " + std::to_string(directory.entries) +
                             " entries it announces");
  return directory;
}

/// Replaces the saturated 32-bit fields by those of the zip64 extra field; false when they are missing.
bool read_zip64_extra(std::string_view extra, std::uint64_t& size, std::uint64_t& packed,
                      std::uint64_t& header) {
  std::uint64_t* wanted[3];
  std::size_t count = 0;
  for (std::uint64_t* field : {&size, &packed, &header})
    if (*field == kSaturated32) wanted[count++] = field;
  if (count == 0) return true;
  while (extra.size() >= 4) {
    const Fields head(extra.data());
    const std::size_t bytes = head.u16(2);
    if (bytes > extra.size() - 4) return false;
    if (head.u16(0) == kZip64Extra) {
      if (bytes < count * 8) return false;
      for (std::size_t i = 0; i < count; ++i)
        *wanted[i] = Fields(extra.data() + 4).u64(i * 8);
      return true;
    }
    extra.remove_prefix(4 + bytes);
  }
  return false;
}

bool is_safe_name(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.find('\\') != std::string_view::npos) return false;
  if (name.size() >= 2 && name[1] == ':') return false;
  if (std::any_of(name.begin(), name.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
    return false;
  for (std::size_t start = 0; start <= name.size();) {
    const std::size_t stop = std::min(name.find('/', start), name.size());
    const std::string_view part = name.substr(start, stop - start);
    if (part == ".." || part == ".") return false;
    start = stop + 1;
  }
  return true;
}

/// A name as it may be printed: control characters and foreign bytes replaced.
std::string printable(std::string_view name) {
  std::string text(name.substr(0, 200));
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  return text;
}

/// An entry and the bytes of the file that it occupies, for the overlap check.
struct Extent {
  std::uint64_t begin;
  std::uint64_t end;
  std::string_view name;
};

}  // namespace

bool ZipDirectory::looks_like_zip(std::string_view head) {
  return head.size() >= 4 &&
         (Fields(head.data()).u32(0) == kLocalHeader || Fields(head.data()).u32(0) == kEndOfDirectory);
}

Result<ZipDirectory> ZipDirectory::read(std::string_view bytes, std::string_view file) {
  auto found = find_directory(bytes, file);
  if (!found) return std::move(found).errors();
  const Directory directory = *found;

  std::vector<ZipEntry> entries;
  std::vector<Extent> extents;
  entries.reserve(directory.entries);
  extents.reserve(directory.entries);
  std::string_view rest = bytes.substr(directory.offset, directory.size);
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    if (rest.size() < kCentralHeaderBytes || Fields(rest.data()).u32(0) != kCentralHeader)
      return damaged(file, "entry " + std::to_string(i) + " of its directory is not one");
    const Fields fields(rest.data());
    const std::uint64_t name_bytes = fields.u16(28);
    const std::uint64_t extra_bytes = fields.u16(30);
    const std::uint64_t entry_bytes = kCentralHeaderBytes + name_bytes + extra_bytes + fields.u16(32);
    if (entry_bytes > rest.size())
      return damaged(file, "entry " + std::to_string(i) + " of its directory is cut off");
    const std::string_view name = rest.substr(kCentralHeaderBytes, name_bytes);
    if (!is_safe_name(name))
      return source_error(
          "GE0205", file,
          "the archive names an entry '" + printable(name) + "', which is no plain relative path",
          "do not use this file: archives of torch.export.save never have such names, so somebody made "
          "it to mislead a reader");
    const std::uint32_t kind = (fields.u32(38) >> 16) & kFileKind;
    if (kind != 0 && kind != kRegularFile && kind != kFolder)
      return source_error("GE0221", file,
                          "entry '" + printable(name) + "' of the archive is a link or a device, not a file",
                          "do not use this file: archives of torch.export.save hold plain files alone");
    std::uint64_t packed = fields.u32(20);
    std::uint64_t size = fields.u32(24);
    std::uint64_t header = fields.u32(42);
    if (!read_zip64_extra(rest.substr(kCentralHeaderBytes + name_bytes, extra_bytes), size, packed, header))
      return damaged(file, "entry '" + printable(name) + "' lacks its zip64 sizes");
    for (const std::uint64_t number : {packed, size, header})
      if (number >= kLargestFileBytes)
        return source_error("GE0223", file,
                            "entry '" + printable(name) + "' of the archive claims " +
                                std::to_string(number) + " bytes, which no file can have",
                            "do not use this file: save the model again with torch.export.save");
    const auto local = window(bytes.substr(0, directory.offset), header, kLocalHeaderBytes);
    if (!local || local->u32(0) != kLocalHeader)
      return damaged(file, "entry '" + printable(name) + "' is not where the directory says");
    const std::uint64_t payload = header + kLocalHeaderBytes + local->u16(26) + local->u16(28);
    if (payload > directory.offset || packed > directory.offset - payload)
      return damaged(file, "entry '" + printable(name) + "' reaches beyond the entries' part of the file");
    const bool encrypted = (fields.u16(8) & kEncrypted) != 0;
    const bool stored = fields.u16(10) == 0 && !encrypted;
    if (stored && packed != size)
      return damaged(file, "stored entry '" + printable(name) + "' has two different sizes");
    entries.push_back({std::string(name), payload, packed, stored, encrypted, size, fields.u32(16)});
    extents.push_back({header, payload + packed, name});
    rest.remove_prefix(entry_bytes);
  }

  std::sort(extents.begin(), extents.end(),
            [](const Extent& a, const Extent& b) { return a.begin < b.begin; });
  for (std::size_t i = 1; i < extents.size(); ++i)
    if (extents[i].begin < extents[i - 1].end)
      return source_error("GE0207", file,
                          "entries '" + printable(extents[i - 1].name) + "' and '" +
                              printable(extents[i].name) + "' of the archive claim the same bytes",
                          "do not use this file: save the model again with torch.export.save");
  std::sort(entries.begin(), entries.end(),
            [](const ZipEntry& a, const ZipEntry& b) { return a.name < b.name; });
  for (std::size_t i = 1; i < entries.size(); ++i)
    if (entries[i].name == entries[i - 1].name)
      return source_error(
          "GE0206", file, "the archive has two entries named '" + printable(entries[i].name) + "'",
          "two readers could take different ones for the model: save it again with torch.export.save");
  return ZipDirectory(std::move(entries));
}

const ZipEntry* ZipDirectory::find(std::string_view name) const {
  const auto at =
      std::lower_bound(entries_.begin(), entries_.end(), name,
                       [](const ZipEntry& entry, std::string_view wanted) { return entry.name < wanted; });
  return at != entries_.end() && at->name == name ? &*at : nullptr;
}

}  // namespace genie::pytorch
