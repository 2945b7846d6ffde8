/* What goes in and out of an execution: shared by backends (a step of a method) and kernels (one stage). */
#ifndef GENIE_EXEC_H
#define GENIE_EXEC_H

#include "genie/host.h"

GENIE_EXTERN_C_BEGIN

/* --- a step of a method, for backends --- */

/* An input by name: a tensor, or a value that an earlier step kept. Exactly one is not null. */
typedef struct genie_step_input {
  genie_str name;
  const genie_tensor_view* tensor; /* borrowed until the completion; host memory */
  genie_value* kept;               /* borrowed; of the same session */
} genie_step_input;

#define GENIE_OUTPUT_FETCH UINT32_C(0) /* bring it here */
#define GENIE_OUTPUT_KEEP UINT32_C(1)  /* leave it where it was made; `kept` receives an owned handle */

/* A wanted output. With FETCH, a null `tensor` receives an owned tensor; a tensor put there by the caller is filled
 * (its shape, dtype and strides must match) and stays the caller's. Slots stay valid until the completion. */
typedef struct genie_step_output {
  genie_str name;
  uint32_t mode;
  uint32_t reserved;
  genie_tensor* tensor;
  genie_value* kept;
} genie_step_output;

typedef struct genie_step {
  uint64_t struct_size;
  genie_str method;
  const genie_step_input* inputs;
  uint64_t input_count;
  genie_step_output* outputs; /* only what the caller wants; nothing else is moved */
  uint64_t output_count;
  uint64_t index; /* counts the session's steps, from 0: names the step in errors and traces */
  /* Where the method is scheduled for several (micro_batches of its schedule): how many the step carries, at most that many; 0
   * and 1: one. Inputs and outputs are then listed for one micro-batch after another, equally many for each, of the same sizes;
   * micro-batch k counts as step index + k. A backend that does not
   * take several refuses the submission with UNIMPLEMENTED; the host then gives them one at a time. */
  uint64_t micro_batches;
} genie_step;

/* --- one stage, for kernels --- */

#define GENIE_OUTPUT_PLACED UINT32_C(0) /* written into the memory that `place` gave */
#define GENIE_OUTPUT_OWNED \
  UINT32_C(1) /* memory the executable allocated; `tensor` is the caller's to delete */
#define GENIE_OUTPUT_VIEW_INPUT UINT32_C(2) /* shares storage with inputs[source] */
#define GENIE_OUTPUT_VIEW_STATE UINT32_C(3) /* shares storage with states[source] */
#define GENIE_OUTPUT_VIEW_WEIGHT \
  UINT32_C(4) /* shares storage with a weight; source is its place in the stage's weights */
#define GENIE_OUTPUT_VIEW_OUTPUT \
  UINT32_C(5)                           /* shares storage with outputs[source], which says what that one is */
#define GENIE_OUTPUT_ABSENT UINT32_C(6) /* the operator returned None */

/* A result of a stage. `tensor` is always filled (unless absent) and the caller deletes it; for views and placed outputs
 * that frees only the description: the caller keeps the storage alive. */
typedef struct genie_stage_output {
  genie_tensor* tensor;
  uint32_t origin; /* GENIE_OUTPUT_PLACED… */
  uint32_t source;
} genie_stage_output;

/* Asks the caller for memory of one output, once its shape is known: the start of at least the bytes that shape and strides
 * span, 64-byte aligned, or null, and then the executable allocates. [callback] on the executing thread, [no-block] */
typedef void* (*genie_place_fn)(void* ctx, uint64_t output, genie_dtype dtype, int32_t rank,
                                const int64_t* shape, const int64_t* strides)GENIE_NOEXCEPT;

/* Arguments of one run of an executable. Arrays have the order of the stage document: inputs and outputs as the method
 * lists them, states and symbols as their tables list them (sorted by key). A number crosses as a 0-d i64, f64 or bool
 * tensor in host memory. */
typedef struct genie_run_args {
  uint64_t struct_size;
  const genie_tensor_view* inputs; /* borrowed until the completion */
  uint64_t input_count;
  const genie_tensor_view* states; /* read and written in place */
  uint64_t state_count;
  const int64_t* dims; /* one per symbol; INT64_MIN where the stage itself decides it */
  uint64_t dim_count;
  uint64_t seed;        /* of random operators in this run */
  genie_stream* stream; /* null: run on the calling thread and return when done */
  genie_stage_output* outputs;
  uint64_t output_count;
  genie_place_fn place; /* may be null: nothing is placed */
  void* place_ctx;
} genie_run_args;

GENIE_EXTERN_C_END

#endif
