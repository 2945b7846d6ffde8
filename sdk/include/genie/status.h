/* Errors (A10): a code for programs, a text for people, and what a person needs to find the place.
 *
 * A genie_status* is made and released by the host (host.h). Null is OK. The receiver of a status owns it.
 */
#ifndef GENIE_STATUS_H
#define GENIE_STATUS_H

#include "genie/types.h"

GENIE_EXTERN_C_BEGIN

/* The canonical codes, and INCOMPATIBLE. An unknown code reads as UNKNOWN. */
#define GENIE_OK UINT32_C(0)
#define GENIE_CANCELLED UINT32_C(1) /* the caller asked to stop */
#define GENIE_UNKNOWN UINT32_C(2)
#define GENIE_INVALID_ARGUMENT UINT32_C(3) /* wrong whatever the state: a document, an option, a shape */
#define GENIE_DEADLINE_EXCEEDED UINT32_C(4)
#define GENIE_NOT_FOUND UINT32_C(5)
#define GENIE_ALREADY_EXISTS UINT32_C(6)
#define GENIE_PERMISSION_DENIED UINT32_C(7)
#define GENIE_RESOURCE_EXHAUSTED UINT32_C(8)  /* memory, quota: less would work */
#define GENIE_FAILED_PRECONDITION UINT32_C(9) /* legal, but not now: drained, not prepared, infeasible */
#define GENIE_ABORTED UINT32_C(10)
#define GENIE_OUT_OF_RANGE UINT32_C(11)
#define GENIE_UNIMPLEMENTED UINT32_C(12)
#define GENIE_INTERNAL UINT32_C(13)    /* a bug */
#define GENIE_UNAVAILABLE UINT32_C(14) /* try again */
#define GENIE_DATA_LOSS UINT32_C(15)   /* state or payload is gone */
#define GENIE_UNAUTHENTICATED UINT32_C(16)
#define GENIE_INCOMPATIBLE UINT32_C(17) /* versions or builds do not fit together */

#define GENIE_STATUS_RETRYABLE UINT32_C(1) /* flags: the same call may succeed later */

/* What a status carries. All but code and message may be empty. */
typedef struct genie_status_info {
  uint64_t struct_size;
  uint32_t code;
  uint32_t flags;
  genie_str message; /* what, with the values, and what to do */
  genie_str domain;  /* whose native_code it is: "errno", "libfabric", "cuda", "torch" */
  int64_t native_code;
  genie_str node; /* plan node, stage or transfer id */
  genie_str
      diagnostics; /* JSON array of diagnostics (docs/diagnostics.md), when there is more than one thing to say */
} genie_status_info;

GENIE_EXTERN_C_END

#endif
