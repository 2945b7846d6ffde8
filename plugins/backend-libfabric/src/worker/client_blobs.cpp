// The weights that a client brings, piece by piece: copied and hashed on the way in, on threads that nothing else waits for.
#include <cstring>

#include "worker/upload.hpp"
#include "worker/worker_client.hpp"

namespace genie::remote {

namespace {

/// A piece is as much as is held twice: as it came, and where it belongs.
constexpr std::uint64_t kMostPieceBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kMostPieces = 64;  ///< not hashed yet

}  // namespace

void WorkerClient::take_blob(Frame frame) {
  const auto chunk = decode<BlobChunk>(frame.message, frame.header.payload_bytes);
  if (!chunk) return broken("a piece of a blob is malformed");
  const std::uint64_t bytes = frame.payload ? frame.payload->size : 0;
  if (bytes > kMostPieceBytes) return broken("a piece of a blob is too large");
  if (pieces_ >= kMostPieces) return broken("more pieces of blobs come than were answered");
  const auto refuse = [&] {
    failed(frame.id(), exec::problem(GENIE_INVALID_ARGUMENT, "GE0812",
                                     "nobody asked for blob " + chunk->digest + " of " +
                                         std::to_string(chunk->size) + " bytes",
                                     "prepare the plan that needs it first"));
  };
  {
    const std::lock_guard hold(uploads_lock_);
    const auto at = expected_.find(chunk->digest);
    if (at == expected_.end() || at->second != chunk->size) return refuse();
  }
  auto at = uploads_.find(chunk->digest);
  if (at == uploads_.end()) {
    if (chunk->offset != 0) return refuse();  // what came before it was refused
    auto room = worker_.blobs.make_room(chunk->size);
    if (!room) return failed(frame.id(), std::move(room).error());
    auto upload = std::make_shared<Upload>();
    upload->blob = chunk->digest;
    upload->bytes = std::make_shared<Buffer>(static_cast<std::size_t>(chunk->size));
    upload->room = *std::move(room);
    upload->hasher = &worker_.hashers[worker_.hashed++ % worker_.hashers.size()];
    at = uploads_.emplace(chunk->digest, std::move(upload)).first;
  }
  const std::shared_ptr<Upload> upload = at->second;
  if (chunk->offset != upload->announced) return broken("the pieces of a blob are out of order");
  upload->announced += bytes;
  if (upload->announced == chunk->size) uploads_.erase(at);
  ++pieces_;
  upload->hasher->post([self = shared_from_this(), request = frame.id(), upload,
                        piece = std::move(frame.payload), offset = chunk->offset]() mutable {
    if (!self->gone_) self->guarded([&] { self->store_piece(request, upload, piece.get(), offset); });
    // Before the next one: where it lies, the client may want to write.
    piece.reset();
    --self->pieces_;
  });
}

/// On the upload's hasher.
void WorkerClient::store_piece(std::uint64_t request, const std::shared_ptr<Upload>& upload,
                               const Buffer* piece, std::uint64_t offset) {
  std::uint64_t end = offset;
  if (piece != nullptr) {
    std::memcpy(upload->bytes->data + offset, piece->data, piece->size);
    // Of the copy: where the payload lies, the client may still write.
    upload->digest.update(upload->bytes->data + offset, piece->size);
    end += piece->size;
  }
  if (end != upload->bytes->size) return done(request);
  if (const std::string found = upload->digest.finish(); found != upload->blob)
    return failed(
        request, exec::problem(GENIE_DATA_LOSS, "GE0674",
                               "blob " + upload->blob + " arrived with other bytes: their digest is " + found,
                               "capture the model again if the file changed; else look at the network"));
  const std::shared_ptr<Buffer> bytes = upload->bytes;
  worker_.blobs.add(upload->blob, bytes, {identity_}, std::move(upload->room));
  if (auto kept = worker_.blobs.get(upload->blob, identity_)) {
    const std::lock_guard hold(uploads_lock_);
    expected_.erase(upload->blob);
    arrived_.insert_or_assign(upload->blob, *std::move(kept));
  }
  counters_.add("weight_bytes_received", bytes->size);
  if (worker_.cache)
    worker_.disk.post([self = shared_from_this(), blob = upload->blob, bytes] {
      self->guarded([&] { self->worker_.cache->write(blob, *bytes, self->identity_); });
    });
  done(request);
}

/// On the cache's thread; the executor goes on.
void WorkerClient::load_from_cache(std::uint64_t request, std::uint64_t number,
                                   std::vector<std::string> digests) {
  worker_.disk.post([self = shared_from_this(), request, number, digests = std::move(digests),
                     sizes = programs_.find(number)->second.preparing->needed]() mutable {
    Worker& worker = self->worker_;
    std::optional<genie::Error> error;
    for (const std::string& digest : digests) {
      if (self->gone_) break;
      const std::uint64_t size = sizes.find(digest)->second;
      auto room = worker.blobs.make_room(size);
      if (!room) {
        error = std::move(room).error();
        break;
      }
      const std::set<std::string> seen_by = worker.cache->seen_by(digest);
      std::shared_ptr<Buffer> bytes = worker.cache->read(digest, size);
      if (!bytes) {
        worker.host.log(
            GENIE_LOG_WARNING, "worker",
            "blob " + digest + " was damaged in the cache and is removed; the client is asked for it");
        self->counters_.add("cached_blobs_damaged", 1);
        continue;
      }
      worker.blobs.add(digest, bytes, seen_by, *std::move(room));
      self->counters_.add("weight_bytes_from_cache", size);
    }
    worker.executor.post([self = std::move(self), request, number, error = std::move(error)] {
      if (self->gone_) return;
      if (error) {
        self->forget_program(number);
        return self->failed(request, *error);
      }
      self->ask_for_missing(request, number);
    });
  });
}

}  // namespace genie::remote
