// The C table that a plug-in instance gets at create (host.h), over the services of one engine.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "genie/host.h"
#include "services/blob_store.hpp"
#include "services/completion.hpp"
#include "services/kernels_registry.hpp"
#include "services/log.hpp"
#include "services/trace.hpp"

namespace genie::services {

/// What all plug-in instances of one engine share. [any-thread]
struct Services {
  explicit Services(LogSink log_sink, std::filesystem::path blob_cache = {},
                    std::uint64_t blob_quota_bytes = 0);

  LogSink log;
  std::unique_ptr<TraceBuffer> trace;  ///< null: nobody wants a timeline
  BlobStore blobs;
  KernelsRegistry kernels;
  CompletionTable completions;
  std::atomic<std::uint64_t> abi_calls{0};  ///< calls that the host made into plug-ins

  /// A plug-in broke a rule: logged as an error, and kept for the report.
  void misbehaved(std::string_view plugin, std::string_view what);
  [[nodiscard]] std::vector<std::string> misbehaviours() const;

 private:
  mutable std::mutex mutex_;  // guards misbehaviours_
  std::vector<std::string> misbehaviours_;
};

/// One plug-in instance's view of the host. Outlives the instance; keeps the services alive.
class HostTable {
 public:
  HostTable(std::shared_ptr<Services> services, std::string plugin_id);
  HostTable(const HostTable&) = delete;

  [[nodiscard]] const genie_host* get() const { return &table_; }
  [[nodiscard]] const std::string& plugin_id() const { return plugin_id_; }
  [[nodiscard]] Services& services() const { return *services_; }

 private:
  std::shared_ptr<Services> services_;
  std::string plugin_id_;
  genie_host table_;
};

}  // namespace genie::services
