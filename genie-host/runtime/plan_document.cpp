#include "runtime/plan_document.hpp"

#include <system_error>

#include "genie/plan/codec.hpp"

namespace genie::runtime {

std::string document_for(const plan::Plan& plan, const services::BlobStore& blobs,
                         const std::filesystem::path& folder) {
  plan::Plan copy = plan;
  copy.locations.clear();
  std::error_code error;
  const std::filesystem::path base = std::filesystem::absolute(folder, error).lexically_normal();
  for (const auto& [digest, blob] : plan.blobs) {
    const auto place = blobs.place(digest);
    if (!place) continue;
    plan::Location location;
    const std::filesystem::path file = std::filesystem::absolute(place->file, error).lexically_normal();
    const std::filesystem::path relative = file.lexically_relative(base);
    const bool below = !relative.empty() && *relative.begin() != "..";
    location.uri = (below ? relative : file).string();
    location.offset_bytes = place->offset_bytes;
    location.extra.emplace_back("identity", '"' + place->identity.to_text() + '"');
    copy.locations.emplace(digest, std::move(location));
  }
  plan::EncodeOptions options;
  options.locations = true;
  options.indent = 2;
  return plan::encode(copy, options) + '\n';
}

}  // namespace genie::runtime
