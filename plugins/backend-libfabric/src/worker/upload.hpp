// A blob that is arriving.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "protocol/secret.hpp"
#include "worker/worker_client.hpp"

namespace genie::remote {

struct WorkerClient::Upload {
  std::string blob;               ///< its digest, as the client says
  std::shared_ptr<Buffer> bytes;  ///< where its pieces go; the hasher's
  Digest digest;                  ///< of those so far; the hasher's
  Blobs::Room room;
  Executor* hasher = nullptr;
  std::uint64_t announced = 0;  ///< bytes that came in; the io thread's
};

}  // namespace genie::remote
