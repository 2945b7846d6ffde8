#include "services/host_table.hpp"

#include <new>
#include <utility>

#include "genie/plan/validate.hpp"
#include "services/memory.hpp"
#include "services/plan_check.hpp"
#include "services/status.hpp"

namespace genie::services {
namespace {

const HostTable& self(const genie_host* host) {
  return *static_cast<const HostTable*>(host->impl);
}

// Statuses and memory.
genie_status* host_status_make(const genie_host*, const genie_status_info* info) noexcept {
  return make_status(*info);
}
const genie_status_info* host_status_get(const genie_host*, const genie_status* status) noexcept {
  return &status_info(status);
}
void host_status_release(const genie_host*, genie_status* status) noexcept {
  release_status(status);
}
void* host_alloc(const genie_host*, std::uint64_t size, std::uint64_t align) noexcept {
  return allocate(size, align);
}
void host_free(const genie_host*, void* data) noexcept {
  deallocate(data);
}

// What a person sees.
void host_log(const genie_host* host, const genie_call*, std::uint32_t level, genie_str component,
              genie_str text, const genie_key_value* values, std::uint64_t value_count) noexcept {
  const LogSink& log = self(host).services().log;
  if (!log.write || level < log.level) return;
  try {
    const std::string_view named = view(component);
    log.write(LogLine{level, named.empty() ? std::string_view(self(host).plugin_id()) : named, view(text),
                      values, value_count});
  } catch (...) {
    // A log that fails must not fail the work.
  }
}
std::uint32_t host_log_level(const genie_host* host) noexcept {
  const LogSink& log = self(host).services().log;
  return log.write ? log.level : GENIE_LOG_ERROR + 1;
}
void host_trace(const genie_host* host, const genie_call* call, const genie_trace_event* event) noexcept {
  TraceBuffer* trace = self(host).services().trace.get();
  if (!trace) return;
  try {
    trace->add(call ? call->job : 0, *event);
  } catch (const std::bad_alloc&) {
    // A timeline with a gap is better than a failed run.
  }
}

// Asynchronous work.
genie_status* host_completion_make(const genie_host* host, genie_completion_fn fn, void* ctx,
                                   genie_completion** out) noexcept {
  try {
    *out = self(host).services().completions.make(fn, ctx, self(host).plugin_id());
    return nullptr;
  } catch (const std::bad_alloc&) {
    return make_status(GENIE_RESOURCE_EXHAUSTED, "out of memory");
  }
}
void host_completion_signal(const genie_host* host, genie_completion* completion,
                            genie_status* status) noexcept {
  self(host).services().completions.signal(completion, status);
}
void host_completion_abandon(const genie_host* host, genie_completion* completion) noexcept {
  self(host).services().completions.abandon(completion);
}

// Kernels, blobs, plans.
genie_status* host_kernels(const genie_host* host, const genie_call*, genie_str plugin_id,
                           genie_kernels_ref* out) noexcept {
  try {
    const KernelsRegistry& kernels = self(host).services().kernels;
    if (const auto found = kernels.find(view(plugin_id))) {
      *out = *found;
      return nullptr;
    }
    std::string there;
    for (const std::string& id : kernels.ids())
      there += (there.empty() ? "" : ", ") + id;
    return make_status(GENIE_NOT_FOUND, "this run has no kernels plug-in " + std::string(view(plugin_id)) +
                                            "; it has " + (there.empty() ? "none" : there));
  } catch (const std::bad_alloc&) {
    return make_status(GENIE_RESOURCE_EXHAUSTED, "out of memory");
  }
}
genie_status* host_blob_map(const genie_host* host, const genie_call*, genie_str digest,
                            genie_bytes* out) noexcept {
  return self(host).services().blobs.map(view(digest), out);
}
void host_blob_unmap(const genie_host* host, genie_str digest) noexcept {
  self(host).services().blobs.unmap(view(digest));
}
genie_status* host_blob_begin(const genie_host* host, const genie_call*, genie_str digest, std::uint64_t size,
                              genie_blob_writer** out) noexcept {
  return self(host).services().blobs.begin(view(digest), size, out);
}
genie_status* host_blob_write(const genie_host* host, genie_blob_writer* writer, const void* data,
                              std::uint64_t size) noexcept {
  return self(host).services().blobs.write(writer, data, size);
}
genie_status* host_blob_commit(const genie_host* host, genie_blob_writer* writer) noexcept {
  return self(host).services().blobs.commit(writer);
}
void host_blob_abort(const genie_host* host, genie_blob_writer* writer) noexcept {
  self(host).services().blobs.abort(writer);
}
genie_status* host_plan_check(const genie_host*, const genie_call*, genie_str plan, genie_str topology,
                              std::uint32_t level, genie_sink diagnostics) noexcept {
  return plan_check(view(plan), view(topology), level, diagnostics);
}

}  // namespace

Services::Services(LogSink log_sink, std::filesystem::path blob_cache, std::uint64_t blob_quota_bytes)
    : log(std::move(log_sink)),
      blobs(std::move(blob_cache), blob_quota_bytes),
      completions([this](const std::string& plugin, const std::string& what) { misbehaved(plugin, what); }) {}

void Services::misbehaved(std::string_view plugin, std::string_view what) {
  const std::string text =
      (plugin.empty() ? std::string("a plug-in") : std::string(plugin)) + " " + std::string(what);
  log(GENIE_LOG_ERROR, "host", text);
  const std::lock_guard lock(mutex_);
  misbehaviours_.push_back(text);
}

std::vector<std::string> Services::misbehaviours() const {
  const std::lock_guard lock(mutex_);
  return misbehaviours_;
}

HostTable::HostTable(std::shared_ptr<Services> services, std::string plugin_id)
    : services_(std::move(services)), plugin_id_(std::move(plugin_id)) {
  table_ = {sizeof(genie_host),
            this,
            host_status_make,
            host_status_get,
            host_status_release,
            host_alloc,
            host_free,
            host_log,
            host_log_level,
            host_trace,
            host_completion_make,
            host_completion_signal,
            host_completion_abandon,
            host_kernels,
            host_blob_map,
            host_blob_unmap,
            host_blob_begin,
            host_blob_write,
            host_blob_commit,
            host_blob_abort,
            host_plan_check};
}

}  // namespace genie::services
