/* Looking at a step while it runs: what debuggers and dumps need of a backend.
 *
 * The host gives an observer to a session; the backend calls it between the parts of each step and waits for its answer, so
 * that the observer may take its time and look at whatever is there. Nothing is changed by looking: a step gives the same
 * bits, and the same times on a virtual clock, with an observer and without.
 */
#ifndef GENIE_OBSERVE_H
#define GENIE_OBSERVE_H

#include "genie/host.h"

GENIE_EXTERN_C_BEGIN

#define GENIE_STEP_TRANSFER UINT32_C(0) /* a value has arrived at a device */
#define GENIE_STEP_STAGE_BEGIN \
  UINT32_C(1) /* everything that the stage takes is there; nothing is computed yet */
#define GENIE_STEP_STAGE_END \
  UINT32_C(2) /* its outputs are there, its state writes are done; nothing is freed yet */
#define GENIE_STEP_UNKNOWN_TIME UINT64_MAX

/* One event. Borrowed for the call. */
typedef struct genie_step_event {
  uint64_t struct_size;
  uint32_t kind; /* GENIE_STEP_TRANSFER… */
  uint32_t reserved;
  uint64_t step; /* its index in the session */
  genie_str method;
  genie_str stage;  /* of a transfer: empty */
  genie_str device; /* where the stage runs, or where the value arrived */
  genie_str value;  /* of a transfer: the value's id */
  genie_str from;   /* of a transfer: the device it left; empty for the client */
  uint64_t bytes;   /* of a transfer */
  /* On the clock that the backend executes by, since the step began; GENIE_STEP_UNKNOWN_TIME if it has no answer yet. */
  uint64_t t_ns;
} genie_step_event;

/* What can be looked at during an event. Borrowed for the call. [callback] [may-block] on the observer's thread only. */
typedef struct genie_step_view {
  uint64_t struct_size;
  void* ctx;
  /* A copy, owned by the caller, of a value's present content on a device. NOT_FOUND where the device does not have it now:
   * not made yet, or nobody needs it any more. */
  genie_status* (*read_value)(void* ctx, genie_str device, genie_str value, genie_tensor** out)GENIE_NOEXCEPT;
  /* A copy of a state's present content. */
  genie_status* (*read_state)(void* ctx, genie_str state, genie_tensor** out)GENIE_NOEXCEPT;
  /* Writes a JSON object: `devices` (id → `used_bytes`, `limit_bytes`, `holds`: name and bytes each, `runs`: the stage that has
   * begun there, or `idle_since_ns`, `queue`: stages that wait there, in order). Keys a backend cannot know are absent. */
  genie_status* (*describe)(void* ctx, genie_sink json)GENIE_NOEXCEPT;
} genie_step_view;

/* Given by the host; valid until it is replaced or the session is closed. A status it returns ends the step with it.
 * [callback] one event at a time per session, on the thread that runs the step. */
typedef struct genie_step_observer {
  uint64_t struct_size;
  void* ctx;
  genie_status* (*event)(void* ctx, const genie_step_event* event, const genie_step_view* view)GENIE_NOEXCEPT;
} genie_step_observer;

GENIE_EXTERN_C_END

#endif
