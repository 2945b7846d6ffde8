// Write kernels: derive from genie::Kernels, genie::Device and genie::Executable, register with GENIE_PLUGIN. kernels.h is the
// contract; what a class leaves alone answers UNIMPLEMENTED.
#pragma once

#include "genie/cpp/core.hpp"

namespace genie {
inline namespace v1 {

/// A compiled stage. Destroyed by release.
class Executable {
 public:
  virtual ~Executable() = default;
  /// completion null: return when done. Else Done means accepted, signalled exactly once.
  virtual Outcome run(const Call& call, genie_run_args& args, genie_completion* completion) = 0;
};

struct Allocation {
  genie_memory* memory;
  void* data;
};

struct Weight {
  genie_weight* weight;
  std::uint64_t copied;  ///< bytes
};

/// An opened device. Destroyed by close, after everything made on it.
class Device {
 public:
  virtual ~Device() = default;
  virtual Expected<Allocation> alloc(std::uint64_t size, std::uint64_t align) = 0;
  virtual void free(genie_memory* memory) noexcept = 0;
  virtual Outcome copy(const Call& call, const genie_tensor_view& to, const genie_tensor_view& from,
                       genie_stream* stream) = 0;
  virtual Expected<std::int32_t> share(genie_memory*) {
    return unimplemented("this device's memory cannot be shared");
  }
  virtual Expected<genie_stream*> stream_create() { return unimplemented("this device has no streams"); }
  virtual void stream_destroy(genie_stream*) noexcept {}
  virtual Expected<Weight> put_weight(const Call& call, std::string_view digest, genie_bytes bytes) = 0;
  virtual void release_weight(genie_weight* weight) noexcept = 0;
  virtual Expected<std::unique_ptr<Executable>> compile(const Call& call, std::string_view plan,
                                                        std::span<const genie_named_weight> weights,
                                                        std::string_view options) = 0;
  virtual Expected<std::string> stats() { return std::string("{}"); }
};

/// Constructed as T(Host, std::string_view options_json); throw Error for options that are wrong.
class Kernels {
 public:
  virtual ~Kernels() = default;
  virtual Expected<std::string> describe() = 0;
  virtual Expected<std::unique_ptr<Device>> open(const Call& call, std::string_view kind, std::int32_t index,
                                                 std::string_view options) = 0;
};

namespace detail {

struct DeviceBox {
  Host host;
  std::unique_ptr<Device> object;
};
struct ExecutableBox {
  Host host;
  std::unique_ptr<Executable> object;
};
inline DeviceBox& box(genie_device* device) {
  return *reinterpret_cast<DeviceBox*>(device);
}
inline ExecutableBox& box(genie_executable* executable) {
  return *reinterpret_cast<ExecutableBox*>(executable);
}

}  // namespace detail

/// The table of a kernels class.
template <class T>
const genie_kernels_v1* kernels_table() {
  using detail::box;
  using detail::guarded;
  using detail::instance;
  static const genie_kernels_v1 table = {
      sizeof(genie_kernels_v1),
      &detail::create<T, genie_kernels>,
      &detail::destroy<T, genie_kernels>,
      [](genie_kernels* self, genie_sink sink) noexcept -> genie_status* {
        auto& me = instance<T>(self);
        return guarded(me.host, [&]() -> Outcome {
          auto text = me.object->describe();
          if (!text) return std::move(text).error();
          return detail::write(me.host, sink, *text);
        });
      },
      [](const genie_call* call, genie_kernels* self, genie_str kind, std::int32_t index, genie_str options,
         genie_device** out) noexcept -> genie_status* {
        auto& me = instance<T>(self);
        return guarded(me.host, [&]() -> Outcome {
          auto device = me.object->open(Call(call), view(kind), index, view(options));
          if (!device) return std::move(device).error();
          *out = reinterpret_cast<genie_device*>(new detail::DeviceBox{me.host, *std::move(device)});
          return Done{};
        });
      },
      [](genie_device* device) noexcept { delete &box(device); },
      [](genie_device* device, std::uint64_t size, std::uint64_t align, genie_memory** out,
         void** data) noexcept -> genie_status* {
        return guarded(box(device).host, [&]() -> Outcome {
          auto allocation = box(device).object->alloc(size, align);
          if (!allocation) return std::move(allocation).error();
          *out = allocation->memory;
          *data = allocation->data;
          return Done{};
        });
      },
      [](genie_device* device, genie_memory* memory) noexcept { box(device).object->free(memory); },
      [](const genie_call* call, genie_device* device, const genie_tensor_view* to,
         const genie_tensor_view* from, genie_stream* stream) noexcept -> genie_status* {
        return guarded(box(device).host,
                       [&] { return box(device).object->copy(Call(call), *to, *from, stream); });
      },
      [](genie_device* device, genie_memory* memory, std::int32_t* fd) noexcept -> genie_status* {
        return guarded(box(device).host, [&]() -> Outcome {
          auto shared = box(device).object->share(memory);
          if (!shared) return std::move(shared).error();
          *fd = *shared;
          return Done{};
        });
      },
      [](genie_device* device, genie_stream** out) noexcept -> genie_status* {
        return guarded(box(device).host, [&]() -> Outcome {
          auto stream = box(device).object->stream_create();
          if (!stream) return std::move(stream).error();
          *out = *stream;
          return Done{};
        });
      },
      [](genie_device* device, genie_stream* stream) noexcept { box(device).object->stream_destroy(stream); },
      [](const genie_call* call, genie_device* device, genie_str digest, genie_bytes bytes,
         genie_weight** out, std::uint64_t* copied) noexcept -> genie_status* {
        return guarded(box(device).host, [&]() -> Outcome {
          auto weight = box(device).object->put_weight(Call(call), view(digest), bytes);
          if (!weight) return std::move(weight).error();
          *out = weight->weight;
          *copied = weight->copied;
          return Done{};
        });
      },
      [](genie_device* device, genie_weight* weight) noexcept { box(device).object->release_weight(weight); },
      [](const genie_call* call, genie_device* device, genie_str plan, const genie_named_weight* weights,
         std::uint64_t count, genie_str options, genie_executable** out) noexcept -> genie_status* {
        return guarded(box(device).host, [&]() -> Outcome {
          auto made = box(device).object->compile(Call(call), view(plan),
                                                  {weights, static_cast<std::size_t>(count)}, view(options));
          if (!made) return std::move(made).error();
          *out = reinterpret_cast<genie_executable*>(
              new detail::ExecutableBox{box(device).host, *std::move(made)});
          return Done{};
        });
      },
      [](genie_executable* executable) noexcept { delete &box(executable); },
      [](const genie_call* call, genie_executable* executable, genie_run_args* args,
         genie_completion* completion) noexcept -> genie_status* {
        return guarded(box(executable).host,
                       [&] { return box(executable).object->run(Call(call), *args, completion); });
      },
      [](genie_device* device, genie_sink sink) noexcept -> genie_status* {
        return guarded(box(device).host, [&]() -> Outcome {
          auto text = box(device).object->stats();
          if (!text) return std::move(text).error();
          return detail::write(box(device).host, sink, *text);
        });
      }};
  return &table;
}

}  // namespace v1
}  // namespace genie
