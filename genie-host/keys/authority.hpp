// A private certificate authority for workers and their clients: `genie-host keys`. Ed25519 keys, X.509 certificates, PEM files;
// a key is readable by its owner alone. The authority's key signs and is needed for nothing else: keep it off the nodes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "genie/plan/result.hpp"

namespace genie::keys {

/// What was written.
struct Files {
  std::filesystem::path certificate;
  std::filesystem::path key;
};

struct IssueOptions {
  std::string name;          ///< of the node: what the worker knows its client by
  bool client_only = false;  ///< may not be a worker
  unsigned days = 365;
};

/// Makes ca.pem and ca.key. An authority that is there is never overwritten (GE0820).
[[nodiscard]] plan::Result<Files> make_authority(const std::filesystem::path& folder, unsigned days);
/// Makes NAME.pem and NAME.key, signed by the folder's authority (GE0821 when there is none, or the files exist).
[[nodiscard]] plan::Result<Files> issue(const std::filesystem::path& folder, const IssueOptions& options);

}  // namespace genie::keys
