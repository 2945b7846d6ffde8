// What all clients of one worker process share.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "genie/exec/device.hpp"
#include "net/asides.hpp"
#include "worker/blob_cache.hpp"
#include "worker/blobs.hpp"
#include "worker/executor.hpp"
#include "worker/remote_program.hpp"

namespace genie::remote {

class WorkerClient;

struct Worker {
  Worker(genie::Host its_host, exec::Devices its_devices, std::uint64_t blob_quota)
      : host(its_host), devices(std::move(its_devices)), blobs(blob_quota) {}

  genie::Host host;
  const exec::Devices devices;    ///< of this process
  std::string provider = "auto";  ///< of data paths: "auto", a name, or "none"
  bool encrypted = false;         ///< control channels are
  std::atomic<bool> draining{false};
  Blobs blobs;
  std::unique_ptr<BlobCache> cache;  ///< null: nothing is kept on disk
  /// Invitations that programs gave out: ticket → whose peers they let in, for what, and with which secret.
  struct Invitation {
    std::weak_ptr<WorkerClient> client;
    std::uint64_t program = 0;
    std::string secret;
  };
  std::mutex invitations_lock;  ///< guards invitations
  std::map<std::string, Invitation, std::less<>> invitations;
  /// By what is to be done, and on which topology. The executor's.
  std::map<std::pair<std::string, std::string>, std::weak_ptr<const RemoteProgram>> programs;
  Executor executor;
  // What takes long and is no computing, so that neither steps nor heartbeats wait for it. They end first.
  Executor disk;                         ///< the cache's files
  std::array<Executor, 4> hashers;       ///< a blob that arrives has one of them, its pieces in order
  std::atomic<std::uint64_t> hashed{0};  ///< blobs that began to arrive
  Asides asides;
};

}  // namespace genie::remote
