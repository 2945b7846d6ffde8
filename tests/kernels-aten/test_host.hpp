// The least host that kernels need, and RAII around their C table: what a backend does, in a few lines.
//
// Everything goes through the exported entry and the table, as in a real host; nothing of the plug-in is linked.
#pragma once

#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "genie/cpp/core.hpp"

struct genie_status {
  std::string message, domain, node, diagnostics;
  genie_status_info info{};
};

struct genie_completion {
  genie_completion_fn fn;
  void* ctx;
};

namespace kernels_test {

/// A host that makes statuses, keeps log lines and counts what is alive.
class TestHost {
 public:
  TestHost() {
    table_.struct_size = sizeof table_;
    table_.impl = this;
    table_.status_make = [](const genie_host*, const genie_status_info* info) noexcept {
      auto* status = new genie_status{
          std::string(genie::view(info->message)), std::string(genie::view(info->domain)),
          std::string(genie::view(info->node)), std::string(genie::view(info->diagnostics)), *info};
      status->info.message = genie::str(status->message);
      status->info.domain = genie::str(status->domain);
      status->info.node = genie::str(status->node);
      status->info.diagnostics = genie::str(status->diagnostics);
      return status;
    };
    table_.status_get = [](const genie_host*, const genie_status* status) noexcept { return &status->info; };
    table_.status_release = [](const genie_host*, genie_status* status) noexcept { delete status; };
    table_.alloc = [](const genie_host*, std::uint64_t size, std::uint64_t align) noexcept {
      return std::aligned_alloc(align, size);
    };
    table_.free = [](const genie_host*, void* data) noexcept { std::free(data); };
    table_.log = [](const genie_host* host, const genie_call*, std::uint32_t level, genie_str component,
                    genie_str text, const genie_key_value*, std::uint64_t) noexcept {
      if (level < GENIE_LOG_WARNING) return;
      auto& self = *static_cast<TestHost*>(host->impl);
      const std::lock_guard lock(self.lines_mutex_);
      self.lines_.push_back(std::string(genie::view(component)) + ": " + std::string(genie::view(text)));
    };
    table_.log_level = [](const genie_host*) noexcept { return GENIE_LOG_DEBUG; };
    table_.trace = [](const genie_host*, const genie_call*, const genie_trace_event*) noexcept {};
    table_.completion_signal = [](const genie_host*, genie_completion* completion,
                                  genie_status* status) noexcept { completion->fn(completion->ctx, status); };
  }
  [[nodiscard]] const genie_host* get() const { return &table_; }
  [[nodiscard]] genie::Host wrapper() const { return genie::Host(&table_); }
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

 private:
  genie_host table_{};
  std::mutex lines_mutex_;  // protects lines_
  std::vector<std::string> lines_;
};

/// A call that can be cancelled after so many questions whether it is.
struct TestCall {
  explicit TestCall(std::uint64_t deadline_ns = GENIE_NO_DEADLINE) {
    raw.struct_size = sizeof raw;
    raw.impl = this;
    raw.deadline_ns = deadline_ns;
    raw.cancelled = [](const genie_call* call) noexcept {
      auto& self = *static_cast<TestCall*>(call->impl);
      return static_cast<std::uint32_t>(self.asked++ >= self.cancel_after ? 1 : 0);
    };
    raw.progress = [](const genie_call*, std::uint64_t, std::uint64_t, genie_str) noexcept {};
  }
  genie_call raw{};
  std::uint64_t asked = 0;
  std::uint64_t cancel_after = UINT64_MAX;
};

/// What a failing function of the table said.
struct Failure : std::runtime_error {
  explicit Failure(genie::Error e) : std::runtime_error(e.message), error(std::move(e)) {}
  genie::Error error;
};

inline void must(const TestHost& host, genie_status* status) {
  if (status) throw Failure(host.wrapper().take(status));
}

/// The plug-in's table, from its library.
inline const genie_kernels_v1* load(const char* path) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) throw std::runtime_error(dlerror());
  genie_plugin_entry entry = nullptr;
  void* symbol = dlsym(library, GENIE_PLUGIN_ENTRY);
  std::memcpy(&entry, &symbol, sizeof entry);
  genie_plugin_in in{sizeof in,          GENIE_ABI_MAJOR,      GENIE_ABI_MINOR,
                     genie::str("test"), GENIE_SANITIZER_NONE, 0};
  genie_plugin_out out{};
  out.struct_size = sizeof out;
  const genie_plugin_desc* description = entry(&in, &out);
  if (description == nullptr) throw std::runtime_error(out.text);
  return static_cast<const genie_kernels_v1*>(description->get_interface(genie::str(GENIE_KERNELS_V1)));
}

/// An instance and one open device.
class OpenDevice {
 public:
  OpenDevice(const TestHost& host, const genie_kernels_v1* table, std::string_view options = "{}")
      : host_(host), table_(table) {
    must(host_, table_->create(host_.get(), genie::str(options), &kernels_));
    TestCall call;
    must(host_, table_->open(&call.raw, kernels_, genie::str("cpu"), 0, genie::str("{}"), &device_));
  }
  OpenDevice(const OpenDevice&) = delete;
  OpenDevice& operator=(const OpenDevice&) = delete;
  ~OpenDevice() {
    for (genie_weight* weight : weights_)
      table_->release_weight(device_, weight);
    if (device_) table_->close(device_);
    if (kernels_) table_->destroy(kernels_);
  }

  [[nodiscard]] const genie_kernels_v1* table() const { return table_; }
  [[nodiscard]] genie_device* device() const { return device_; }
  [[nodiscard]] genie_kernels* kernels() const { return kernels_; }
  [[nodiscard]] const TestHost& host() const { return host_; }

  void put(const std::string& digest, const void* data, std::uint64_t size) {
    TestCall call;
    genie_weight* weight = nullptr;
    std::uint64_t copied = 0;
    must(host_, table_->put_weight(&call.raw, device_, genie::str(digest), {data, size}, &weight, &copied));
    weights_.push_back(weight);
    names_.push_back(digest);
  }

  using Stage = std::unique_ptr<genie_executable, void (*)(genie_executable*)>;
  [[nodiscard]] Stage compile(std::string_view plan, std::string_view options = "{}") const {
    std::vector<genie_named_weight> named;
    for (std::size_t i = 0; i < weights_.size(); ++i)
      named.push_back({genie::str(names_[i]), weights_[i]});
    TestCall call;
    genie_executable* executable = nullptr;
    must(host_, table_->compile(&call.raw, device_, genie::str(plan), named.data(), named.size(),
                                genie::str(options), &executable));
    return Stage(executable, table_->release);
  }

  [[nodiscard]] std::string stats() const {
    genie::Text text;
    must(host_, table_->stats(device_, text.sink()));
    return text.value;
  }
  /// One counter of the statistics.
  [[nodiscard]] std::uint64_t counter(const std::string& name) const {
    const std::string text = stats();
    const std::string key = '"' + name + "\":";
    const std::size_t at = text.find(key);
    if (at == std::string::npos) throw std::runtime_error("no counter " + name + " in " + text);
    return std::stoull(text.substr(at + key.size()));
  }

 private:
  const TestHost& host_;
  const genie_kernels_v1* table_;
  genie_kernels* kernels_ = nullptr;
  genie_device* device_ = nullptr;
  std::vector<genie_weight*> weights_;
  std::vector<std::string> names_;
};

/// One run's outputs; deletes their descriptions.
class Outputs {
 public:
  explicit Outputs(std::size_t count) : slots_(count) {}
  Outputs(Outputs&&) = default;
  Outputs& operator=(Outputs&&) = delete;
  ~Outputs() {
    for (genie_stage_output& slot : slots_)
      if (slot.tensor && slot.tensor->deleter) slot.tensor->deleter(slot.tensor);
  }
  [[nodiscard]] genie_stage_output* data() { return slots_.data(); }
  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  [[nodiscard]] const genie_stage_output& operator[](std::size_t i) const { return slots_[i]; }

 private:
  std::vector<genie_stage_output> slots_;
};

}  // namespace kernels_test
