// What all clients of one worker process share.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "genie/exec/device.hpp"
#include "worker/blobs.hpp"
#include "worker/executor.hpp"

namespace genie::remote {

class WorkerClient;

struct Worker {
  Worker(genie::Host its_host, exec::Devices its_devices, std::uint64_t blob_quota)
      : host(its_host), devices(std::move(its_devices)), blobs(blob_quota) {}

  genie::Host host;
  const exec::Devices devices;    ///< of this process
  std::string provider = "auto";  ///< of data paths to clients: "auto", a name, or "none"
  std::atomic<bool> draining{false};
  Blobs blobs;
  /// Invitations that programs gave out: ticket → whose peers they let in, and with which secret.
  struct Invitation {
    std::weak_ptr<WorkerClient> client;
    std::string secret;
  };
  std::mutex invitations_lock;  ///< guards invitations
  std::map<std::string, Invitation, std::less<>> invitations;
  Executor executor;  ///< last: ends first
};

}  // namespace genie::remote
