#include "services/status.hpp"

#include <array>
#include <atomic>
#include <cassert>
#include <memory>
#include <new>

// A status owns its texts in one block behind it. `info` is what plug-ins see.
struct genie_status {
  genie_status_info info;
  std::string text;  // message, domain, node and diagnostics, one after the other
  bool immortal;
};

namespace genie::services {
namespace {

std::atomic<std::int64_t> live{0};

constexpr std::array<std::string_view, 18> kNames = {
    "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED", "INCOMPATIBLE"};

// What is answered when there is no memory for a status. Never freed, never written after its first use.
genie_status* out_of_memory() noexcept {
  static constexpr std::string_view text = "out of memory: not even the error could be described";
  static genie_status status{
      {sizeof(genie_status_info), GENIE_RESOURCE_EXHAUSTED, 0, str(text), {}, 0, {}, {}}, {}, true};
  return &status;
}

}  // namespace

std::string_view status_name(std::uint32_t code) noexcept {
  return code < kNames.size() ? kNames[code] : kNames[GENIE_UNKNOWN];
}

genie_status* make_status(const genie_status_info& given) noexcept {
  try {
    // A plug-in of an older minor may hand over a shorter struct; what it lacks is empty.
    genie_status_info info{};
    info.code = given.code < kNames.size() && given.code != GENIE_OK ? given.code : GENIE_UNKNOWN;
    info.flags = given.flags;
    info.native_code = given.native_code;
    auto status = std::make_unique<genie_status>(genie_status{info, {}, false});
    const std::array<genie_str, 4> parts = {given.message, given.domain, given.node, given.diagnostics};
    std::size_t size = 0;
    for (const genie_str& part : parts)
      size += view(part).size();
    status->text.reserve(size);
    std::array<genie_str, 4> kept{};
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::size_t at = status->text.size();
      status->text.append(view(parts[i]));
      kept[i] = {status->text.data() + at, status->text.size() - at};
    }
    status->info = {sizeof(genie_status_info), info.code, info.flags, kept[0], kept[1],
                    info.native_code,          kept[2],   kept[3]};
    live.fetch_add(1, std::memory_order_relaxed);
    return status.release();
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

genie_status* make_status(std::uint32_t code, std::string_view message,
                          std::string_view diagnostics) noexcept {
  genie_status_info info{};
  info.struct_size = sizeof info;
  info.code = code;
  info.message = str(message);
  info.diagnostics = str(diagnostics);
  return make_status(info);
}

genie_status* make_status(std::uint32_t code, const plan::Diagnostics& diagnostics) noexcept {
  try {
    return make_status(code, diagnostics.front().message, plan::to_json(diagnostics));
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

const genie_status_info& status_info(const genie_status* status) noexcept {
  assert(status);
  return status->info;
}

void release_status(genie_status* status) noexcept {
  if (!status || status->immortal) return;
  live.fetch_sub(1, std::memory_order_relaxed);
  delete status;
}

std::int64_t live_statuses() noexcept {
  return live.load(std::memory_order_relaxed);
}

}  // namespace genie::services
