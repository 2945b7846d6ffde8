#include "staging.hpp"

#include <cstring>

namespace genie::fabric {

Expected<std::shared_ptr<const Staging::Buffer>> Staging::copy(const datapath::Memory& bytes) {
  for (auto& buffer : buffers_) {
    if (buffer == nullptr) {
      auto memory = arena::Arena::create(datapath::MemoryKind::host, kBytes);
      if (!memory) return std::move(memory).error();
      auto registration = Registration::make(endpoint_, (*memory)->memory(), Access::local);
      if (!registration) return std::move(registration).error();
      buffer = std::make_shared<const Buffer>(Buffer{*std::move(memory), *std::move(registration)});
      ++made_;
    }
    if (buffer.use_count() > 1) continue;
    std::memcpy(buffer->memory->bytes().data(), bytes.bytes().data(), bytes.size);
    return buffer;
  }
  return std::shared_ptr<const Buffer>();
}

}  // namespace genie::fabric
