// Where an executor's weights come from: by digest, from whoever keeps the bytes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "genie/cpp/core.hpp"

namespace genie::exec {

/// Read-only bytes of a blob, 64-byte aligned, there as long as this lives.
struct Blob {
  std::string digest;
  genie_bytes bytes{};
  std::shared_ptr<const void> hold;
};

/// [any-thread] NOT_FOUND for a digest it does not have.
using BlobSource = std::function<genie::Expected<Blob>(const genie::Call&, std::string_view digest)>;

/// The host's blobs.
[[nodiscard]] inline BlobSource blobs_of(genie::Host host) {
  return [host](const genie::Call& call, std::string_view digest) -> genie::Expected<Blob> {
    auto mapped = host.map_blob(call, digest);
    if (!mapped) return std::move(mapped).error();
    auto hold = std::make_shared<genie::MappedBlob>(*std::move(mapped));
    return Blob{std::string(digest), hold->bytes(), hold};
  };
}

}  // namespace genie::exec
