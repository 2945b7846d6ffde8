// Archives of torch.export.save, captured with their weights: what is captured is a plan that decodes and has a sound structure.
//
// An input that begins as zip files do is read as it is. Every other input is the content of an archive, packed here: program,
// table of weights, table of constants, storage, parted by lines of `---`. So changes reach the readers behind the checksums.
#include <array>
#include <cstdlib>

#include "archive/pt2.hpp"
#include "capture/capture.hpp"
#include "genie/plan/codec.hpp"
#include "genie/plan/validate.hpp"
#include "judge.hpp"
#include "zip_builder.hpp"

namespace genie::fuzz {
namespace {

constexpr std::string_view kPart = "\n---\n";

std::string pack(std::string_view bytes) {
  std::array<std::string_view, 4> parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t end = i + 1 < parts.size() ? std::min(bytes.find(kPart), bytes.size()) : bytes.size();
    parts[i] = bytes.substr(0, end);
    bytes.remove_prefix(std::min(bytes.size(), end + kPart.size()));
  }
  const auto text = [](std::string_view part) { return std::string(part); };
  return pytorch::testing::ZipBuilder()
      .add("m/archive_format", "pt2")
      .add("m/archive_version", "0")
      .add("m/byteorder", "little")
      .add("m/models/model.json", text(parts[0]))
      .add("m/data/weights/model_weights_config.json", text(parts[1]))
      .add("m/data/constants/model_constants_config.json", text(parts[2]))
      .add("m/data/weights/weight_0", text(parts[3]))
      .add("m/data/weights/weight_1", text(parts[3]))
      .add("m/data/constants/tensor_0", text(parts[3]))
      .build();
}

/// Digests of these files are worth nothing: the cache's folder is one that cannot be.
bool without_cache() {
  return ::setenv("XDG_CACHE_HOME", "/dev/null", 1) == 0;
}

}  // namespace

Reading read(std::string_view bytes) {
  Reading reading;
  static const bool alone = without_cache();
  require(alone, "the environment can be set");
  const MemoryFile file(bytes.starts_with("PK") ? std::string(bytes) : pack(bytes));
  const auto kind = pytorch::Pt2Archive::recognise(file.path());
  bool stopped = false;
  const auto captured = pytorch::capture(file.path(), {}, {}, stopped);
  if (!captured) {
    reading.refuse(captured.errors());
    return reading;
  }
  require(kind.ok(), "what is captured is recognised");
  const auto plan = plan::decode(plan::encode(captured->plan, {.locations = true}));
  if (!plan) {
    reading.refuse(plan.errors());
    return reading;
  }
  const plan::Validation verdict = plan::validate(*plan, {});
  reading.accepted = verdict.ok();
  if (!verdict.ok()) reading.refuse(verdict.diagnostics);
  return reading;
}

}  // namespace genie::fuzz
