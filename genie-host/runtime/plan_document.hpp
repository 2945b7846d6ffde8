// A plan as a file that can be used again: with where its blobs lie, seen from the folder it is saved in.
#pragma once

#include <filesystem>
#include <string>

#include "genie/plan/model.hpp"
#include "services/blob_store.hpp"

namespace genie::runtime {

/// Indented JSON. A location is relative where the file lies below `folder`, else absolute, and carries the file's identity, so
/// that whoever reads the plan notices a file that changed.
[[nodiscard]] std::string document_for(const plan::Plan& plan, const services::BlobStore& blobs,
                                       const std::filesystem::path& folder);

}  // namespace genie::runtime
