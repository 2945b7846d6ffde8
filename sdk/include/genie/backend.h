/* genie.backend/1: moves and runs. Reports a topology, prepares scheduled plans, executes steps in sessions.
 *
 * Steps of one session run in submission order; sessions are independent and take turns on a device's one compute queue.
 * A step that fails, is cancelled or expires after its first state write leaves the session lost: later submits answer
 * DATA_LOSS naming that step, until its states are written back.
 */
#ifndef GENIE_BACKEND_H
#define GENIE_BACKEND_H

#include "genie/exec.h"
#include "genie/observe.h"

GENIE_EXTERN_C_BEGIN

#define GENIE_BACKEND_V1 "genie.backend/1"

typedef struct genie_backend_v1 {
  uint64_t struct_size;

  /* As frontend's create. Relative paths among the options were made absolute by the host. [any-thread] [no-block] */
  genie_status* (*create)(const genie_host* host, genie_str options, genie_backend** out)GENIE_NOEXCEPT;
  /* After drain, or when no job is under way and everything was released. */
  void (*destroy)(genie_backend* self) GENIE_NOEXCEPT;

  /* Writes the topology (genie.topology); the host asks those kernels that it leaves undescribed. [serial] [may-block] */
  genie_status* (*topology)(const genie_call* call, genie_backend* self, genie_sink topology)GENIE_NOEXCEPT;

  /* Compiles the stages of a scheduled plan and places its weights. The plan's bytes are its identity: the same bytes may be
   * prepared once. *out is written before the completion signals OK. Not OK returned: completion not taken.
   * [any-thread] [may-block] */
  genie_status* (*prepare)(const genie_call* call, genie_backend* self, genie_str plan, genie_program** out,
                           genie_completion* completion)GENIE_NOEXCEPT;
  /* All its sessions are closed. [any-thread] [no-block] */
  void (*release_program)(genie_backend* self, genie_program* program) GENIE_NOEXCEPT;

  /* One instance of all session states, initialised. seed: of random operators; equals seeding the framework before the
   * first step. [any-thread] [may-block] */
  genie_status* (*open_session)(const genie_call* call, genie_backend* self, genie_program* program,
                                uint64_t seed, genie_session** out)GENIE_NOEXCEPT;
  /* No step is under way. Values it kept are gone. [any-thread] [no-block] */
  void (*close_session)(genie_backend* self, genie_session* session) GENIE_NOEXCEPT;

  /* Runs one step. step and everything it points to stay valid until the completion, which is signalled exactly once, from
   * any thread, possibly before submit returns. Not OK returned: completion not taken. [any-thread] [no-block] */
  genie_status* (*submit)(const genie_call* call, genie_backend* self, genie_session* session,
                          const genie_step* step, genie_completion* completion)GENIE_NOEXCEPT;
  /* Asks the job with that id (genie_call.job) to stop; its completion still signals, with CANCELLED or OK.
   * [any-thread] [no-block] */
  void (*cancel)(genie_backend* self, uint64_t job) GENIE_NOEXCEPT;
  /* Gives a kept value back. [any-thread] [no-block] */
  void (*release_value)(genie_backend* self, genie_value* value) GENIE_NOEXCEPT;

  /* A copy of a state's content, owned by the caller. No step of the session is under way. [any-thread] [may-block] */
  genie_status* (*read_state)(const genie_call* call, genie_backend* self, genie_session* session,
                              genie_str name, genie_tensor** out)GENIE_NOEXCEPT;
  /* Replaces it; dtype and shape must match. Writing every state makes a lost session usable again.
   * [any-thread] [may-block] */
  genie_status* (*write_state)(const genie_call* call, genie_backend* self, genie_session* session,
                               genie_str name, const genie_tensor_view* tensor)GENIE_NOEXCEPT;

  /* Writes a JSON object since create, the `devices`, `links`, `counters` and `steps` parts of the run report
   * (docs/run-config.md). [any-thread] [may-block] */
  genie_status* (*stats)(const genie_call* call, genie_backend* self, genie_sink json)GENIE_NOEXCEPT;

  /* Accepts no more work and waits for what is under way. [serial] [may-block] */
  genie_status* (*drain)(const genie_call* call, genie_backend* self)GENIE_NOEXCEPT;

  /* Optional. From its next step on, the session tells this observer what happens; null: nobody any more. No step is under
   * way. [serial] [no-block] */
  genie_status* (*observe)(const genie_call* call, genie_backend* self, genie_session* session,
                           const genie_step_observer* observer)GENIE_NOEXCEPT;

  /* Optional. Writes what a backend with these options finds, and what stands in its way, as a JSON object of findings
   * (docs/plugin-abi.md); no options (an empty text): what this machine offers. Needs no instance, keeps none, and leaves
   * everything as it is; others may be reached out to. Not OK: nothing could be found out. [any-thread] [may-block] */
  genie_status* (*diagnose)(const genie_call* call, const genie_host* host, genie_str options,
                            genie_sink findings)GENIE_NOEXCEPT;
} genie_backend_v1;

GENIE_EXTERN_C_END

#endif
