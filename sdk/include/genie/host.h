/* What the host gives to plug-ins: services at create, a context for every call that may wait.
 *
 * Both are tables of functions with `impl` for the host's use. The host keeps a genie_host valid from create until destroy
 * of that instance has returned; a genie_call is valid for the call (for asynchronous work: until its completion).
 */
#ifndef GENIE_HOST_H
#define GENIE_HOST_H

#include "genie/status.h"
#include "genie/tensor.h"

GENIE_EXTERN_C_BEGIN

#define GENIE_LOG_TRACE UINT32_C(0)
#define GENIE_LOG_DEBUG UINT32_C(1)
#define GENIE_LOG_INFO UINT32_C(2)
#define GENIE_LOG_WARNING UINT32_C(3)
#define GENIE_LOG_ERROR UINT32_C(4)

#define GENIE_NO_DEADLINE UINT64_MAX

/* The context of one call. */
typedef struct genie_call {
  uint64_t struct_size;
  void* impl;
  uint64_t deadline_ns; /* CLOCK_MONOTONIC; GENIE_NO_DEADLINE if none */
  uint64_t job;         /* id of the job this call belongs to; 0 if none */
  /* Non-zero once the caller wants the work to stop; then return CANCELLED soon. [any-thread] [no-block] */
  uint32_t (*cancelled)(const struct genie_call* call) GENIE_NOEXCEPT;
  /* For a progress bar; total 0 if unknown. [any-thread] [no-block] */
  void (*progress)(const struct genie_call* call, uint64_t done, uint64_t total,
                   genie_str what) GENIE_NOEXCEPT;
} genie_call;

/* One event of a timeline. Times are of the clock that the backend executes by: virtual, or monotonic. */
#define GENIE_TRACE_SPAN UINT32_C(0) /* from t_ns for duration_ns */
#define GENIE_TRACE_INSTANT UINT32_C(1)
#define GENIE_TRACE_FLOW_BEGIN UINT32_C(2) /* an arrow from here… */
#define GENIE_TRACE_FLOW_END UINT32_C(3)   /* …to here, joined by `flow` */
#define GENIE_TRACE_COUNTER UINT32_C(4)    /* `bytes` is the counter's value */

typedef struct genie_trace_event {
  uint64_t struct_size;
  uint32_t kind;
  uint32_t step;     /* which submit of the session, from 0 */
  genie_str process; /* device id, or link id */
  genie_str queue;   /* row: "compute", "copy", … */
  genie_str name;    /* stage, transfer or node id */
  genie_str scope;   /* the user's module path, if known */
  uint64_t t_ns;
  uint64_t duration_ns;
  uint64_t bytes;
  uint64_t flow;
} genie_trace_event;

struct genie_kernels_v1;

/* A kernels plug-in as the host lends it: its own checked copy of the table, and the instance. Borrowed from the host. */
typedef struct genie_kernels_ref {
  const struct genie_kernels_v1* table;
  genie_kernels* instance;
} genie_kernels_ref;

typedef void (*genie_completion_fn)(void* ctx, genie_status* status) GENIE_NOEXCEPT;

/* Levels of plan_check: the validation ladder V0…V5. */
#define GENIE_CHECK_V0 UINT32_C(0)
#define GENIE_CHECK_V1 UINT32_C(1)
#define GENIE_CHECK_V2 UINT32_C(2)
#define GENIE_CHECK_V3 UINT32_C(3)
#define GENIE_CHECK_V4 UINT32_C(4)
#define GENIE_CHECK_V5 UINT32_C(5)

typedef struct genie_blob_writer genie_blob_writer;

typedef struct genie_host {
  uint64_t struct_size;
  void* impl;

  /* --- errors: [any-thread] [no-block] --- */
  /* Copies info. Never null: when memory is short a static RESOURCE_EXHAUSTED status is returned. */
  genie_status* (*status_make)(const struct genie_host* host, const genie_status_info* info)GENIE_NOEXCEPT;
  /* Borrowed until release. status must not be null. */
  const genie_status_info* (*status_get)(const struct genie_host* host,
                                         const genie_status* status)GENIE_NOEXCEPT;
  /* Null is allowed. */
  void (*status_release)(const struct genie_host* host, genie_status* status) GENIE_NOEXCEPT;

  /* --- memory: [any-thread] [no-block] --- */
  /* Host memory of `size` bytes at a multiple of `align` (a power of two); null when there is none. */
  void* (*alloc)(const struct genie_host* host, uint64_t size, uint64_t align)GENIE_NOEXCEPT;
  void (*free)(const struct genie_host* host, void* data) GENIE_NOEXCEPT;

  /* --- what a person sees: [any-thread] [no-block] --- */
  /* One line in the host's log. Lines below `log_level` are dropped. */
  void (*log)(const struct genie_host* host, const genie_call* call, uint32_t level, genie_str component,
              genie_str text, const genie_key_value* values, uint64_t value_count) GENIE_NOEXCEPT;
  /* The lowest level that is written: ask before composing an expensive line. */
  uint32_t (*log_level)(const struct genie_host* host) GENIE_NOEXCEPT;
  /* Adds to the timeline of the job. */
  void (*trace)(const struct genie_host* host, const genie_call* call,
                const genie_trace_event* event) GENIE_NOEXCEPT;

  /* --- asynchronous work (A15): [any-thread] [no-block] --- */
  /* A completion that calls fn(ctx, status) when signalled; fn owns the status. For plug-ins that submit work to others.
   * Consumed by its signal; give an unused one back with completion_abandon. */
  genie_status* (*completion_make)(const struct genie_host* host, genie_completion_fn fn, void* ctx,
                                   genie_completion** out)GENIE_NOEXCEPT;
  /* Exactly once per accepted job; takes ownership of status. A second signal is reported and ignored. */
  void (*completion_signal)(const struct genie_host* host, genie_completion* completion,
                            genie_status* status) GENIE_NOEXCEPT;
  void (*completion_abandon)(const struct genie_host* host, genie_completion* completion) GENIE_NOEXCEPT;

  /* --- kernels --- */
  /* The kernels plug-in of that id, created with the options of the run config. NOT_FOUND names those there are.
   * Borrowed until this host is gone. [any-thread] [may-block] */
  genie_status* (*kernels)(const struct genie_host* host, const genie_call* call, genie_str plugin_id,
                           genie_kernels_ref* out)GENIE_NOEXCEPT;

  /* --- blobs: content-addressed bytes, "sha256:…". [any-thread] --- */
  /* Read-only bytes of a blob, 64-byte aligned, valid until the matching unmap. [may-block] */
  genie_status* (*blob_map)(const struct genie_host* host, const genie_call* call, genie_str digest,
                            genie_bytes* out)GENIE_NOEXCEPT;
  void (*blob_unmap)(const struct genie_host* host, genie_str digest) GENIE_NOEXCEPT;
  /* Stores a new blob: begin, write any number of times, commit (checks size and digest, then publishes at once) or
   * abort. RESOURCE_EXHAUSTED beyond the quota. [may-block] */
  genie_status* (*blob_begin)(const struct genie_host* host, const genie_call* call, genie_str digest,
                              uint64_t size, genie_blob_writer** out)GENIE_NOEXCEPT;
  genie_status* (*blob_write)(const struct genie_host* host, genie_blob_writer* writer, const void* data,
                              uint64_t size)GENIE_NOEXCEPT;
  /* Consumes the writer, also on failure. */
  genie_status* (*blob_commit)(const struct genie_host* host, genie_blob_writer* writer)GENIE_NOEXCEPT;
  void (*blob_abort)(const struct genie_host* host, genie_blob_writer* writer) GENIE_NOEXCEPT;

  /* --- plans --- */
  /* Runs the validation ladder up to a level over plan bytes; diagnostics (a JSON array) go to the sink. INVALID_ARGUMENT
   * when a level fails. For V4 and V5 `topology` must be given, else it may be empty. [any-thread] [may-block] */
  genie_status* (*plan_check)(const struct genie_host* host, const genie_call* call, genie_str plan,
                              genie_str topology, uint32_t level, genie_sink diagnostics)GENIE_NOEXCEPT;
} genie_host;

GENIE_EXTERN_C_END

#endif
