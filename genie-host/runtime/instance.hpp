// One instance of a plug-in's interface: the host's copy of the table, what create returned, and the host table it was given.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "genie/genie.h"
#include "plugin/library.hpp"
#include "plugin/tables.hpp"
#include "runtime/call_error.hpp"
#include "services/host_table.hpp"

namespace genie::runtime {

/// A sink that appends to a string.
class TextSink {
 public:
  std::string value;
  [[nodiscard]] genie_sink sink() {
    return {this, [](void* ctx, const void* data, std::uint64_t size) noexcept -> genie_status* {
              try {
                static_cast<TextSink*>(ctx)->value.append(static_cast<const char*>(data),
                                                          static_cast<std::size_t>(size));
                return nullptr;
              } catch (const std::exception&) {
                return services::make_status(GENIE_RESOURCE_EXHAUSTED,
                                             "the host has no memory for what the plug-in writes");
              }
            }};
  }
};

/// Not movable: the plug-in holds the address of its host table. Destroys the instance when it goes, unless it was abandoned.
template <class Table, class Handle>
class Instance {
 public:
  /// interface: GENIE_POLICY_V1, …. options: a JSON object. A plug-in without the interface is GE0116; options it refuses are
  /// Category::config.
  [[nodiscard]] static Result<std::unique_ptr<Instance>> create(std::shared_ptr<services::Services> services,
                                                                const plugin::Library& library,
                                                                std::string_view interface,
                                                                std::string_view options) {
    const std::string id = library.description().id;
    const void* raw = library.interface(interface);
    const auto table = raw ? plugin::copy_table<Table>(raw) : std::nullopt;
    if (!table)
      return failure(Category::config, GENIE_INVALID_ARGUMENT, raw ? "GE0117" : "GE0116",
                     raw ? id + "'s table of " + std::string(interface) + " is too small to use"
                         : id + " has no interface " + std::string(interface),
                     raw ? "" : "name a plug-in of that kind; `genie-host plugins` lists them");
    std::unique_ptr<Instance> instance(new Instance(std::move(services), id, *table));
    Handle* handle = nullptr;
    instance->count();
    services::StatusPtr status(
        instance->table_.create(instance->host_.get(), services::str(options), &handle));
    if (!status.ok()) return failure_of({id, "start with its options", Category::config, "GE0121"}, status);
    if (!handle)
      return failure(Category::plugin, GENIE_INTERNAL, "GE0132",
                     id + " said that it started, but gave no instance");
    instance->handle_ = handle;
    return instance;
  }
  ~Instance() {
    if (handle_ && !abandoned_) table_.destroy(handle_);
  }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  /// The table, counting a call. `instance.call().schedule(call, instance.self(), …)`
  [[nodiscard]] const Table& call() {
    count();
    return table_;
  }
  [[nodiscard]] const Table& table() const { return table_; }
  [[nodiscard]] Handle* self() const { return handle_; }
  [[nodiscard]] const std::string& id() const { return host_.plugin_id(); }
  /// Work is still under way in there: leave it alone for ever rather than pull memory from under it.
  void abandon() { abandoned_ = true; }

 private:
  Instance(std::shared_ptr<services::Services> services, std::string id, const Table& table)
      : host_(std::move(services), std::move(id)), table_(table) {}
  void count() { host_.services().abi_calls.fetch_add(1, std::memory_order_relaxed); }

  services::HostTable host_;
  Table table_;
  Handle* handle_ = nullptr;
  bool abandoned_ = false;
};

using FrontendInstance = Instance<genie_frontend_v1, genie_frontend>;
using PolicyInstance = Instance<genie_policy_v1, genie_policy>;
using BackendInstance = Instance<genie_backend_v1, genie_backend>;
using KernelsInstance = Instance<genie_kernels_v1, genie_kernels>;

}  // namespace genie::runtime
