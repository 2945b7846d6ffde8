/* genie.service/1: the far end of a backend's transport, run by `genie-host serve`.
 *
 * A service reaches kernels, blobs and the validator through its host, as a backend does.
 */
#ifndef GENIE_SERVICE_H
#define GENIE_SERVICE_H

#include "genie/host.h"

GENIE_EXTERN_C_BEGIN

#define GENIE_SERVICE_V1 "genie.service/1"

/* Called once the service listens, with a JSON object: {"ready": true, "address", "port", "fingerprint"}. [callback] */
typedef void (*genie_ready_fn)(void* ctx, genie_str json) GENIE_NOEXCEPT;

typedef struct genie_service_v1 {
  uint64_t struct_size;

  /* As frontend's create. [any-thread] [no-block] */
  genie_status* (*create)(const genie_host* host, genie_str options, genie_service** out)GENIE_NOEXCEPT;
  void (*destroy)(genie_service* self) GENIE_NOEXCEPT;

  /* Serves until stop, or until the call is cancelled. devices: the JSON array of the worker config. [serial] [may-block] */
  genie_status* (*serve)(const genie_call* call, genie_service* self, genie_str devices, genie_ready_fn ready,
                         void* ready_ctx)GENIE_NOEXCEPT;
  /* Refuses new work, finishes what is under way until deadline_ns (CLOCK_MONOTONIC), then makes serve return.
   * [any-thread] [no-block] */
  void (*stop)(genie_service* self, uint64_t deadline_ns) GENIE_NOEXCEPT;

  /* Optional; as backend's. [any-thread] [may-block] */
  genie_status* (*diagnose)(const genie_call* call, const genie_host* host, genie_str options,
                            genie_sink findings)GENIE_NOEXCEPT;
} genie_service_v1;

GENIE_EXTERN_C_END

#endif
