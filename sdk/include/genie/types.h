/* Strings, bytes, sinks and the opaque objects of the ABI.
 *
 * Ownership (A12): arguments are borrowed for the call; `create`, `open`, `make` return something the caller owns and
 * gives back through the matching destroy, close, release; `get` returns something borrowed. Text is UTF-8 with a size,
 * not terminated. These small structs are frozen for the major.
 */
#ifndef GENIE_TYPES_H
#define GENIE_TYPES_H

#include "genie/abi.h"

GENIE_EXTERN_C_BEGIN

/* UTF-8 text. data may be null when size is 0. */
typedef struct genie_str {
  const char* data;
  uint64_t size;
} genie_str;

/* Raw bytes. */
typedef struct genie_bytes {
  const void* data;
  uint64_t size;
} genie_bytes;

typedef struct genie_key_value {
  genie_str key;
  genie_str value;
} genie_key_value;

/* An error, made and released through the host; null means OK (status.h). */
typedef struct genie_status genie_status;

/* Where a callee writes bytes that the caller wants (A12). write may be called any number of times; the pieces are
 * concatenated. A status it returns is passed on by the callee. [callback] on the calling thread. */
typedef struct genie_sink {
  void* ctx;
  genie_status* (*write)(void* ctx, const void* data, uint64_t size)GENIE_NOEXCEPT;
} genie_sink;

/* Plug-in instances: one opaque type per kind, made by the create of its table. */
typedef struct genie_frontend genie_frontend;
typedef struct genie_policy genie_policy;
typedef struct genie_backend genie_backend;
typedef struct genie_kernels genie_kernels;
typedef struct genie_service genie_service;

/* Objects of a backend. */
typedef struct genie_program genie_program; /* a prepared plan */
typedef struct genie_session genie_session; /* one instance of its session states */
typedef struct genie_value genie_value;     /* an output kept where it was made */

/* Objects of a kernels plug-in. */
typedef struct genie_device genie_device;         /* an opened device */
typedef struct genie_memory genie_memory;         /* memory it allocated */
typedef struct genie_stream genie_stream;         /* an in-order queue of a device */
typedef struct genie_weight genie_weight;         /* a blob resident on a device */
typedef struct genie_executable genie_executable; /* a compiled stage */

/* A promise to call back exactly once, made by the host (A15). */
typedef struct genie_completion genie_completion;

GENIE_EXTERN_C_END

#endif
