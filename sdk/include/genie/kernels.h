/* genie.kernels/1: one stage of a plan becomes an executable that turns input tensors into output tensors on one device.
 *
 * Device memory is touched only through the kernels that own it. Backends reach kernels through the host
 * (genie_host.kernels), never directly.
 */
#ifndef GENIE_KERNELS_H
#define GENIE_KERNELS_H

#include "genie/exec.h"

GENIE_EXTERN_C_BEGIN

#define GENIE_KERNELS_V1 "genie.kernels/1"

/* A blob that was put on the device, by digest. */
typedef struct genie_named_weight {
  genie_str digest;
  genie_weight* weight;
} genie_named_weight;

typedef struct genie_kernels_v1 {
  uint64_t struct_size;

  /* As frontend's create. [any-thread] [no-block] */
  genie_status* (*create)(const genie_host* host, genie_str options, genie_kernels** out)GENIE_NOEXCEPT;
  void (*destroy)(genie_kernels* self) GENIE_NOEXCEPT;

  /* Writes {"kinds": ["cpu"], "ops": "*" or [names], "dtypes": [names], "versions": {name: text}}. With "copies_weights": true,
   * compile may keep copies of weights on the device: it takes the option "spare_bytes", how much they may take at most, and
   * `stats` counts them as "packed_bytes". [any-thread] [no-block] */
  genie_status* (*describe)(genie_kernels* self, genie_sink json)GENIE_NOEXCEPT;

  /* --- devices --- */
  /* kind "cpu", "cuda", …; index of that kind on this machine. Several may be open at once. [any-thread] [may-block] */
  genie_status* (*open)(const genie_call* call, genie_kernels* self, genie_str kind, int32_t index,
                        genie_str options, genie_device** out)GENIE_NOEXCEPT;
  /* Everything made on it was given back. */
  void (*close)(genie_device* device) GENIE_NOEXCEPT;

  /* --- memory: [any-thread] --- */
  /* Uninitialised; align is a power of two. *data is an address that views may point into. RESOURCE_EXHAUSTED if there is
   * none. [no-block] */
  genie_status* (*alloc)(genie_device* device, uint64_t size, uint64_t align, genie_memory** out,
                         void** data)GENIE_NOEXCEPT;
  void (*free)(genie_device* device, genie_memory* memory) GENIE_NOEXCEPT;
  /* Copies elements between two tensors of equal dtype and shape; at least one lies on the device, the other there or in
   * host memory. With a stream: enqueued. [may-block] */
  genie_status* (*copy)(const genie_call* call, genie_device* device, const genie_tensor_view* to,
                        const genie_tensor_view* from, genie_stream* stream)GENIE_NOEXCEPT;
  /* A file descriptor another process can map; UNIMPLEMENTED where there is none. The caller closes it. [no-block] */
  genie_status* (*share)(genie_device* device, genie_memory* memory, int32_t* fd)GENIE_NOEXCEPT;
  genie_status* (*stream_create)(genie_device* device, genie_stream** out)GENIE_NOEXCEPT;
  void (*stream_destroy)(genie_device* device, genie_stream* stream) GENIE_NOEXCEPT;

  /* --- weights: [serial] per device --- */
  /* Makes a blob resident: one copy per device and digest, however many stages use it. bytes stay valid and unchanged until
   * release_weight: a device that computes in host memory uses them in place. *copied receives the bytes it copied.
   * [may-block] */
  genie_status* (*put_weight)(const genie_call* call, genie_device* device, genie_str digest,
                              genie_bytes bytes, genie_weight** out, uint64_t* copied)GENIE_NOEXCEPT;
  void (*release_weight)(genie_device* device, genie_weight* weight) GENIE_NOEXCEPT;

  /* --- stages --- */
  /* plan: an ExecutionPlan of one method, "stage", whose inputs and outputs are the stage's boundary values. weights: every
   * blob it names. options: a JSON object. Resolves every operator now: what cannot run is UNIMPLEMENTED here, naming node,
   * scope and source line. [serial] per device [may-block] */
  genie_status* (*compile)(const genie_call* call, genie_device* device, genie_str plan,
                           const genie_named_weight* weights, uint64_t weight_count, genie_str options,
                           genie_executable** out)GENIE_NOEXCEPT;
  void (*release)(genie_executable* executable) GENIE_NOEXCEPT;

  /* Runs it once. completion null: returns when done. Else OK means accepted, and the completion fires when done; args and
   * what it points to stay valid until then. An executable runs one call at a time. [serial] per device [may-block] */
  genie_status* (*run)(const genie_call* call, genie_executable* executable, genie_run_args* args,
                       genie_completion* completion)GENIE_NOEXCEPT;

  /* Writes {"name": number}: counters since open, such as copied bytes and largest bytes alive. [any-thread] [no-block] */
  genie_status* (*stats)(genie_device* device, genie_sink json)GENIE_NOEXCEPT;
} genie_kernels_v1;

GENIE_EXTERN_C_END

#endif
