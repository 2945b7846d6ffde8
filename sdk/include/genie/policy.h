/* genie.policy/1: decides where each part of a plan runs. */
#ifndef GENIE_POLICY_H
#define GENIE_POLICY_H

#include "genie/host.h"

GENIE_EXTERN_C_BEGIN

#define GENIE_POLICY_V1 "genie.policy/1"

/* What a policy is given: JSON documents, borrowed for the call. */
typedef struct genie_schedule_request {
  uint64_t struct_size;
  genie_str plan;     /* captured ExecutionPlan, without locations */
  genie_str topology; /* genie.topology */
  genie_str costs;    /* ns per node and device (docs/execution-plan.md, costs) */
  genie_str hints;    /* JSON array of constraints */
} genie_schedule_request;

typedef struct genie_policy_v1 {
  uint64_t struct_size;

  /* As frontend's create. [any-thread] [no-block] */
  genie_status* (*create)(const genie_host* host, genie_str options, genie_policy** out)GENIE_NOEXCEPT;
  void (*destroy)(genie_policy* self) GENIE_NOEXCEPT;

  /* Writes the `schedule` object of an ExecutionPlan to the sink: stages, residence, decisions; transfers only if it cares.
   * The host adds what is missing and judges. FAILED_PRECONDITION when nothing feasible was found, with diagnostics that say
   * what would make it so. The same request gives the same bytes. [serial] [may-block] */
  genie_status* (*schedule)(const genie_call* call, genie_policy* self, const genie_schedule_request* request,
                            genie_sink schedule)GENIE_NOEXCEPT;
} genie_policy_v1;

GENIE_EXTERN_C_END

#endif
