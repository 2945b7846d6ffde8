/* genie.frontend/1: turns a model source into a captured ExecutionPlan. */
#ifndef GENIE_FRONTEND_H
#define GENIE_FRONTEND_H

#include "genie/host.h"

GENIE_EXTERN_C_BEGIN

#define GENIE_FRONTEND_V1 "genie.frontend/1"

typedef struct genie_frontend_v1 {
  uint64_t struct_size;

  /* An instance; host stays valid until destroy has returned. options: a JSON object, checked here; every unknown or wrong
   * option is INVALID_ARGUMENT with diagnostics. [any-thread] [no-block] */
  genie_status* (*create)(const genie_host* host, genie_str options, genie_frontend** out)GENIE_NOEXCEPT;
  void (*destroy)(genie_frontend* self) GENIE_NOEXCEPT;

  /* How sure it is that it can read the source: 0 not at all … 100 certain, and one line why (also why not). Looks at the
   * head of the file only. [serial] [may-block] */
  genie_status* (*probe)(const genie_call* call, genie_frontend* self, genie_str source, uint32_t* score,
                         genie_sink why)GENIE_NOEXCEPT;

  /* Writes a captured plan with `locations` to the sink. source: a path. Weights are not copied: the plan names blobs by
   * digest and says where they lie. [serial] [may-block] */
  genie_status* (*capture)(const genie_call* call, genie_frontend* self, genie_str source,
                           genie_sink plan)GENIE_NOEXCEPT;
} genie_frontend_v1;

GENIE_EXTERN_C_END

#endif
