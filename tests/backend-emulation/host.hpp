// The least host that a backend needs: statuses, completions that count their signals, one blob, one kernels plug-in.
#pragma once

#include <time.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "genie/cpp/core.hpp"
#include "genie/plan/codec.hpp"
#include "genie/plan/topology.hpp"
#include "genie/plan/validate.hpp"

struct genie_status {
  std::string message, domain, node, diagnostics;
  genie_status_info info{};
};

struct genie_completion {
  std::mutex lock;
  std::condition_variable changed;
  int signals = 0;                    // guarded by lock
  std::optional<genie::Error> error;  // of the first signal
};

namespace emulation_test {

/// CLOCK_MONOTONIC, the clock of deadlines.
inline std::uint64_t now_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
}

/// Where a kernel stops and waits, and which one fails: set by a test, obeyed by the kernels.
class Puppeteer {
 public:
  /// From now on the kernel of this node stops before it computes.
  void hold(std::string node) {
    const std::lock_guard hold(lock_);
    held_ = std::move(node);
    arrived_ = false;
  }
  /// Returns once the held kernel has stopped.
  void await_arrival() {
    std::unique_lock hold(lock_);
    changed_.wait(hold, [&] { return arrived_; });
  }
  void release() {
    {
      const std::lock_guard hold(lock_);
      held_.clear();
    }
    changed_.notify_all();
  }
  void fail(std::string node) {
    const std::lock_guard hold(lock_);
    failing_ = std::move(node);
  }
  /// Called by kernels. True: fail.
  bool at(const std::string& node) {
    std::unique_lock hold(lock_);
    if (held_ == node) {
      arrived_ = true;
      changed_.notify_all();
      changed_.wait(hold, [&] { return held_ != node; });
    }
    return failing_ == node;
  }

 private:
  std::mutex lock_;  // guards all
  std::condition_variable changed_;
  std::string held_, failing_;
  bool arrived_ = false;
};

struct TraceLine {
  std::uint32_t kind, step;
  std::string process, queue, name;
  std::uint64_t t_ns, duration_ns, bytes, flow;
};

class TestHost {
 public:
  TestHost() {
    table_.struct_size = sizeof table_;
    table_.impl = this;
    table_.status_make = [](const genie_host*, const genie_status_info* info) noexcept {
      auto* s = new genie_status{std::string(genie::view(info->message)),
                                 std::string(genie::view(info->domain)), std::string(genie::view(info->node)),
                                 std::string(genie::view(info->diagnostics)), *info};
      s->info.message = genie::str(s->message);
      s->info.domain = genie::str(s->domain);
      s->info.node = genie::str(s->node);
      s->info.diagnostics = genie::str(s->diagnostics);
      return s;
    };
    table_.status_get = [](const genie_host*, const genie_status* s) noexcept { return &s->info; };
    table_.status_release = [](const genie_host*, genie_status* s) noexcept { delete s; };
    table_.alloc = [](const genie_host*, std::uint64_t size, std::uint64_t align) noexcept {
      return std::aligned_alloc(align, size);
    };
    table_.free = [](const genie_host*, void* data) noexcept { std::free(data); };
    table_.log = [](const genie_host* h, const genie_call*, std::uint32_t level, genie_str, genie_str text,
                    const genie_key_value*, std::uint64_t) noexcept {
      const std::lock_guard hold(of(h).lock_);
      if (level >= GENIE_LOG_WARNING) of(h).warnings_.emplace_back(genie::view(text));
    };
    table_.log_level = [](const genie_host*) noexcept { return GENIE_LOG_WARNING; };
    table_.trace = [](const genie_host* h, const genie_call*, const genie_trace_event* e) noexcept {
      const std::lock_guard hold(of(h).lock_);
      of(h).trace_.push_back({e->kind, e->step, std::string(genie::view(e->process)),
                              std::string(genie::view(e->queue)), std::string(genie::view(e->name)), e->t_ns,
                              e->duration_ns, e->bytes, e->flow});
    };
    table_.completion_signal = [](const genie_host* h, genie_completion* c, genie_status* status) noexcept {
      const std::lock_guard hold(c->lock);
      if (status != nullptr) {
        genie::Error error = of(h).wrapper().take(status);
        if (c->signals == 0) c->error = std::move(error);
      }
      ++c->signals;
      c->changed.notify_all();
    };
    table_.kernels = [](const genie_host* h, const genie_call*, genie_str id,
                        genie_kernels_ref* out) noexcept -> genie_status* {
      if (genie::view(id) != of(h).kernels_id)
        return of(h).wrapper().status(genie::not_found("no such kernels"));
      *out = of(h).kernels;
      return nullptr;
    };
    table_.blob_map = [](const genie_host* h, const genie_call*, genie_str digest,
                         genie_bytes* out) noexcept -> genie_status* {
      const auto at = of(h).blobs.find(std::string(genie::view(digest)));
      if (at == of(h).blobs.end()) return of(h).wrapper().status(genie::not_found("no such blob"));
      const std::lock_guard hold(of(h).lock_);
      ++of(h).mapped_;
      *out = {at->second.data(), at->second.size() * sizeof(float)};
      return nullptr;
    };
    table_.plan_check = [](const genie_host* h, const genie_call*, genie_str text, genie_str topology,
                           std::uint32_t level, genie_sink) noexcept -> genie_status* {
      const auto plan = genie::plan::decode(genie::view(text));
      const auto devices = genie::plan::decode_topology(genie::view(topology));
      if (!plan || !devices)
        return of(h).wrapper().status(genie::invalid_argument("no plan, or no topology"));
      genie::plan::ValidateContext context;
      context.up_to = static_cast<genie::plan::Level>(level);
      context.topology = &devices.value();
      const auto verdict = genie::plan::validate(*plan, context);
      if (verdict.ok()) return nullptr;
      return of(h).wrapper().status(genie::invalid_argument(genie::plan::to_json(verdict.diagnostics)));
    };
    table_.blob_unmap = [](const genie_host* h, genie_str) noexcept {
      const std::lock_guard hold(of(h).lock_);
      --of(h).mapped_;
    };
  }

  [[nodiscard]] const genie_host* get() const { return &table_; }
  [[nodiscard]] genie::Host wrapper() const { return genie::Host(&table_); }
  [[nodiscard]] std::vector<TraceLine> trace() const {
    const std::lock_guard hold(lock_);
    return trace_;
  }
  [[nodiscard]] std::vector<std::string> warnings() const {
    const std::lock_guard hold(lock_);
    return warnings_;
  }
  /// Mapped blobs that were not given back.
  [[nodiscard]] int mapped() const {
    const std::lock_guard hold(lock_);
    return mapped_;
  }
  static TestHost& of(const genie_host* host) { return *static_cast<TestHost*>(host->impl); }

  Puppeteer puppeteer;
  bool kernels_copy_weights = false;           ///< they keep 40 bytes for each stage where they may
  std::vector<std::string> options_of_stages;  ///< that compile was given
  std::string kernels_id;
  genie_kernels_ref kernels{};
  std::map<std::string, std::vector<float>> blobs;  // by digest

 private:
  genie_host table_{};
  mutable std::mutex lock_;  // guards all below
  std::vector<std::string> warnings_;
  std::vector<TraceLine> trace_;
  int mapped_ = 0;
};

/// The context of one call: a job, a deadline, a switch.
struct TestCall {
  explicit TestCall(std::uint64_t job = 0, std::uint64_t deadline_ns = GENIE_NO_DEADLINE) {
    raw.struct_size = sizeof raw;
    raw.impl = this;
    raw.deadline_ns = deadline_ns;
    raw.job = job;
    raw.cancelled = [](const genie_call* call) noexcept -> std::uint32_t {
      return static_cast<TestCall*>(call->impl)->cancel.load() ? 1 : 0;
    };
    raw.progress = [](const genie_call*, std::uint64_t, std::uint64_t, genie_str) noexcept {};
  }
  TestCall(const TestCall&) = delete;
  TestCall& operator=(const TestCall&) = delete;
  genie_call raw{};
  std::atomic<bool> cancel{false};
};

}  // namespace emulation_test
