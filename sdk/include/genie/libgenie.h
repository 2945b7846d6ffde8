/* libgenie: Genie inside another program. The same pipeline as genie-host, behind C.
 *
 *   genie_engine* engine;
 *   genie_engine_options options = {.struct_size = sizeof options, .config_file = "run.json"};
 *   genie_error* error = genie_engine_create(&options, &engine);
 *   if (!error) error = genie_engine_load(engine, NULL, 0);
 *   if (!error) error = genie_session_open(engine, 0, &session);
 *   if (!error) error = genie_session_step(session, "forward", inputs, 1, outputs, 1, 0);
 *
 * Link with -lgenie (genie.pc). This header is for programs that embed Genie; plug-ins do not use it.
 *
 * Errors: every function that can fail returns null for success or an owned error, freed with genie_error_free. Out
 * parameters are written only on success.
 * Ownership: what *_create, *_open and char** out parameters give belongs to the caller: the matching *_destroy, *_close,
 * genie_text_free. Sessions, values and tensors keep what they need alive: any order of destruction is fine.
 * Text is UTF-8, terminated.
 * Threads: [serial] one call at a time per object, any thread; [any-thread] concurrently. Different objects are
 * independent, except that one engine's load is not concurrent with anything else on it.
 */
#ifndef GENIE_LIBGENIE_H
#define GENIE_LIBGENIE_H

#include "genie/host.h"
#include "genie/tensor.h"

GENIE_EXTERN_C_BEGIN

#define GENIE_API __attribute__((visibility("default")))

typedef struct genie_engine genie_engine;
typedef struct genie_engine_session genie_engine_session;
typedef struct genie_engine_value genie_engine_value; /* an output that stayed where it was made */
typedef struct genie_error genie_error;

/* "0.1.0". [any-thread] */
GENIE_API const char* genie_version(void) GENIE_NOEXCEPT;

/* --- errors: [any-thread] --- */

/* GENIE_* of status.h. */
GENIE_API uint32_t genie_error_code(const genie_error* error) GENIE_NOEXCEPT;
/* The exit code genie-host would end with (docs/run-config.md). */
GENIE_API int32_t genie_error_exit_code(const genie_error* error) GENIE_NOEXCEPT;
/* What a person should read: code, what, where, why, what to do; several lines. Valid until genie_error_free. */
GENIE_API const char* genie_error_message(const genie_error* error) GENIE_NOEXCEPT;
/* The same as a JSON array of diagnostics (docs/diagnostics.md). Valid until genie_error_free. */
GENIE_API const char* genie_error_diagnostics(const genie_error* error) GENIE_NOEXCEPT;
/* Null is allowed. */
GENIE_API void genie_error_free(genie_error* error) GENIE_NOEXCEPT;

/* Frees text that this library gave away; null is allowed. [any-thread] */
GENIE_API void genie_text_free(char* text) GENIE_NOEXCEPT;

/* --- engines --- */

#define GENIE_ENGINE_RESCAN UINT32_C(1)       /* probe plug-ins anew */
#define GENIE_ENGINE_VERIFY_BLOBS UINT32_C(2) /* hash every weight blob after capture */
#define GENIE_ENGINE_RESCHEDULE UINT32_C(4)   /* a saved scheduled plan is scheduled anew */
#define GENIE_ENGINE_TRACE UINT32_C(8)        /* collect trace events */
/* Set what manifests name as environment defaults (OMP_WAIT_POLICY, …), before plug-ins are loaded: only for a process that
 * has one thread yet. */
#define GENIE_ENGINE_SET_ENVIRONMENT UINT32_C(16)

/* One line of the log; borrowed for the call. [callback] any thread */
typedef void (*genie_log_fn)(void* ctx, uint32_t level, genie_str component, genie_str text,
                             const genie_key_value* values, uint64_t value_count) GENIE_NOEXCEPT;
/* For a progress bar; total 0 if unknown. [callback] any thread */
typedef void (*genie_progress_fn)(void* ctx, uint64_t done, uint64_t total, genie_str what) GENIE_NOEXCEPT;

/* Everything may be null or 0 but struct_size and one of config and config_file. Borrowed for the call, except the callbacks
 * and their ctx, which stay valid until the engine and all it gave out are gone. */
typedef struct genie_engine_options {
  uint64_t struct_size;
  const char* config;      /* a run config (docs/run-config.md), JSON text; null: config_file is read */
  const char* config_file; /* names the config in errors; its folder is what relative paths are relative to */
  const char*
      base_folder; /* that folder, when it is another one or there is no file; null: the current folder */
  const char* const* overrides; /* "/json/pointer=value", as genie-host --set */
  uint64_t override_count;
  const char* const* plugin_paths; /* searched first, as genie-host --plugin */
  uint64_t plugin_path_count;
  const char*
      host_executable; /* genie-host, which probes plug-ins; null: found beside this library or on PATH */
  uint32_t flags;      /* GENIE_ENGINE_* */
  uint32_t log_level;  /* GENIE_LOG_*: the lowest level that is written */
  genie_log_fn log;
  genie_progress_fn progress;
  void* ctx;
} genie_engine_options;

/* Reads the config, discovers, checks and loads the plug-ins it names. [any-thread] */
GENIE_API genie_error* genie_engine_create(const genie_engine_options* options,
                                           genie_engine** out) GENIE_NOEXCEPT;
/* Null is allowed. Open sessions go on working; the rest goes with the last of them. */
GENIE_API void genie_engine_destroy(genie_engine* engine) GENIE_NOEXCEPT;

/* Replaces the source of the config, before load: a model for a frontend (frontend null: whichever knows it), relative to
 * the current folder. [serial] */
GENIE_API genie_error* genie_engine_set_source(genie_engine* engine, const char* frontend,
                                               const char* uri) GENIE_NOEXCEPT;

/* Reads the source and checks it, without scheduling it: what genie_engine_describe needs. [serial] */
GENIE_API genie_error* genie_engine_capture(genie_engine* engine) GENIE_NOEXCEPT;

/* Sizes that a method's inputs will have, for the schedule. Only where the model leaves sizes open. */
typedef struct genie_input_size {
  const char* method;
  const char* input;
  const int64_t* shape;
  uint64_t rank;
} genie_input_size;

/* Captures (unless done), schedules and prepares. A symbolic size that nothing binds takes its maximum. [serial] */
GENIE_API genie_error* genie_engine_load(genie_engine* engine, const genie_input_size* sizes,
                                         uint64_t size_count) GENIE_NOEXCEPT;

/* Executes the `run` section of the config: inputs, steps, outputs, expect and the report files. Loads what is not loaded.
 * *report (may be null) receives the report as JSON, also when outputs were wrong: then the error has exit code 1 and
 * *report is written. [serial] */
GENIE_API genie_error* genie_engine_run_config(genie_engine* engine, char** report) GENIE_NOEXCEPT;

/* {"plan": id, "methods": {name: {"inputs": [{"name", "dtype", "shape"}], "outputs": […]}}, "symbols": {…}}. After capture;
 * a size that is open is text. [serial] */
GENIE_API genie_error* genie_engine_describe(genie_engine* engine, char** json) GENIE_NOEXCEPT;
/* The newest plan, scheduled once loaded; indent 0: canonical bytes without locations, else for people. [serial] */
GENIE_API genie_error* genie_engine_plan(genie_engine* engine, uint32_t indent, char** json) GENIE_NOEXCEPT;
/* The topology that was scheduled for. After load. [serial] */
GENIE_API genie_error* genie_engine_topology(genie_engine* engine, char** json) GENIE_NOEXCEPT;
/* {"versions", "time", "devices", "links", "counters", "warnings", …} so far. After load. [serial] */
GENIE_API genie_error* genie_engine_report(genie_engine* engine, char** json) GENIE_NOEXCEPT;
/* Chrome's trace-event JSON of what ran since the last call (GENIE_ENGINE_TRACE). [serial] */
GENIE_API genie_error* genie_engine_trace(genie_engine* engine, char** json) GENIE_NOEXCEPT;

/* Makes running and later calls of this engine end with GENIE_CANCELLED. [any-thread], async-signal-safe. */
GENIE_API void genie_engine_cancel(genie_engine* engine) GENIE_NOEXCEPT;
/* Allows calls again. */
GENIE_API void genie_engine_reset_cancel(genie_engine* engine) GENIE_NOEXCEPT;

/* --- sessions --- */

/* One instance of the model's states. seed: of random operators, equals seeding the framework before the first step.
 * [any-thread] */
GENIE_API genie_error* genie_session_open(genie_engine* engine, uint64_t seed,
                                          genie_engine_session** out) GENIE_NOEXCEPT;
/* Null is allowed. */
GENIE_API void genie_session_close(genie_engine_session* session) GENIE_NOEXCEPT;

/* One of the two is set. A tensor is in host memory, used without a copy where its data is 64-byte aligned, and borrowed for
 * the call. */
typedef struct genie_named_input {
  const char* name;
  const genie_tensor_view* tensor;
  const genie_engine_value* value;
} genie_named_input;

/* `name` and `keep` are read; with keep 0 `tensor` receives a DLPack tensor that the caller deletes (any time, any thread),
 * unless the caller put one there: then it is filled. With keep 1 `value` receives a handle. */
typedef struct genie_named_output {
  const char* name;
  uint32_t keep;
  uint32_t reserved;
  genie_tensor* tensor;
  genie_engine_value* value;
} genie_named_output;

/* Runs one step of a method and waits. deadline_ms 0: none. On an error no output was written. [serial] */
GENIE_API genie_error* genie_session_step(genie_engine_session* session, const char* method,
                                          const genie_named_input* inputs, uint64_t input_count,
                                          genie_named_output* outputs, uint64_t output_count,
                                          uint64_t deadline_ms) GENIE_NOEXCEPT;
/* A copy of a state's content, owned by the caller. [serial] */
GENIE_API genie_error* genie_session_read_state(genie_engine_session* session, const char* name,
                                                genie_tensor** out) GENIE_NOEXCEPT;
/* Replaces it; dtype and shape must match. [serial] */
GENIE_API genie_error* genie_session_write_state(genie_engine_session* session, const char* name,
                                                 const genie_tensor_view* tensor) GENIE_NOEXCEPT;
/* Null is allowed. [any-thread] */
GENIE_API void genie_value_release(genie_engine_value* value) GENIE_NOEXCEPT;

GENIE_EXTERN_C_END

#endif
