/* libgenie from a C program, as somebody would embed it: C11, this header, -lgenie. Ends with 0 when everything held. The model
 * and the plug-in are those of tests/abi/plugins/engine_parts.cpp: y = relu(x) + bias. */
#define _DEFAULT_SOURCE /* mkdtemp, setenv */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "genie/libgenie.h"
#include "genie/status.h"

#define COLUMNS 8

static int failures = 0;

#define CHECK(condition)                                                     \
  do {                                                                       \
    if (!(condition)) {                                                      \
      fprintf(stderr, "%s:%d: CHECK(%s)\n", __FILE__, __LINE__, #condition); \
      ++failures;                                                            \
    }                                                                        \
  } while (0)

/* The error must be null; else it is shown and the program ends. */
static void require(genie_error* error) {
  if (!error) return;
  fprintf(stderr, "%s\n", genie_error_message(error));
  genie_error_free(error);
  exit(1);
}

/* The error must be there, with this code and a text that contains `part`. */
static void expect_error(genie_error* error, uint32_t code, int32_t exit_code, const char* part) {
  CHECK(error != NULL);
  CHECK(genie_error_code(error) == code);
  CHECK(genie_error_exit_code(error) == exit_code);
  CHECK(strstr(genie_error_message(error), part) != NULL);
  CHECK(genie_error_diagnostics(error)[0] == '[');
  if (error && !strstr(genie_error_message(error), part))
    fprintf(stderr, "it says: %s\n", genie_error_message(error));
  genie_error_free(error);
}

static unsigned log_lines = 0;
static unsigned progress_calls = 0;

static void on_log(void* ctx, uint32_t level, genie_str component, genie_str text,
                   const genie_key_value* values, uint64_t count) {
  (void)ctx, (void)level, (void)component, (void)text, (void)values, (void)count;
  ++log_lines;
}
static void on_progress(void* ctx, uint64_t done, uint64_t total, genie_str what) {
  (void)ctx, (void)done, (void)total, (void)what;
  ++progress_calls;
}

static void write_model(const char* folder) {
  char path[512];
  char head[64] = {0};
  float bias[COLUMNS];
  snprintf(path, sizeof path, "%s/model.relu", folder);
  for (int i = 0; i < COLUMNS; ++i)
    bias[i] = (float)(i + 1);
  FILE* file = fopen(path, "wb");
  if (!file || fwrite(head, sizeof head, 1, file) != 1 || fwrite(bias, sizeof bias, 1, file) != 1) exit(1);
  fclose(file);
}

static const char kConfig[] =
    "{\"schema\": \"genie.run\", \"version\": {\"major\": 0, \"minor\": 1}, \"source\": {\"uri\": "
    "\"model.relu\"},"
    " \"policy\": {\"plugin\": \"org.example.parts\"}, \"backend\": {\"plugin\": \"org.example.parts\"},"
    " \"run\": {\"inputs\": {}}}";

static genie_engine_options options_for(const char* folder, const char* const* plugins) {
  genie_engine_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.config = kConfig;
  options.base_folder = folder;
  options.plugin_paths = plugins;
  options.plugin_path_count = 1;
  options.host_executable = getenv("GENIE_HOST");
  options.log = on_log;
  options.log_level = GENIE_LOG_DEBUG;
  options.progress = on_progress;
  return options;
}

static void test_arguments(void) {
  genie_engine* engine = NULL;
  genie_engine_options options;
  memset(&options, 0, sizeof options);
  expect_error(genie_engine_create(NULL, &engine), GENIE_INVALID_ARGUMENT, 2, "must not be null");
  expect_error(genie_engine_create(&options, &engine), GENIE_INVALID_ARGUMENT, 2, "struct_size");
  options.struct_size = sizeof options;
  expect_error(genie_engine_create(&options, &engine), GENIE_INVALID_ARGUMENT, 2, "config");
  options.config = "{\"schema\": \"genie.run\", \"sourze\": 1}";
  expect_error(genie_engine_create(&options, &engine), GENIE_INVALID_ARGUMENT, 2, "sourze");
  CHECK(engine == NULL);
  genie_error_free(NULL);
  genie_text_free(NULL);
  genie_engine_destroy(NULL);
  genie_session_close(NULL);
  genie_value_release(NULL);
  genie_engine_cancel(NULL);
}

static void test_run(const char* folder, const char* const* plugins) {
  const genie_engine_options options = options_for(folder, plugins);
  genie_engine* engine = NULL;
  genie_engine_session* session = NULL;
  char* text = NULL;
  require(genie_engine_create(&options, &engine));
  expect_error(genie_engine_describe(engine, &text), GENIE_FAILED_PRECONDITION, 2, "captured");
  expect_error(genie_session_open(engine, 0, &session), GENIE_FAILED_PRECONDITION, 70, "before prepare");

  require(genie_engine_capture(engine));
  require(genie_engine_describe(engine, &text));
  CHECK(strstr(text, "\"inputs\":[{\"name\":\"x\",\"dtype\":\"f32\",\"shape\":[\"s0\",8]}]") != NULL);
  genie_text_free(text);
  const int64_t rows4[] = {4, COLUMNS};
  const genie_input_size size = {"forward", "x", rows4, 2};
  require(genie_engine_load(engine, &size, 1));
  require(genie_engine_plan(engine, 0, &text));
  CHECK(strstr(text, "\"assumes\":{\"s0\":4}") != NULL);
  CHECK(strstr(text, "\"locations\"") == NULL);
  genie_text_free(text);
  require(genie_engine_topology(engine, &text));
  CHECK(strstr(text, "\"d0\"") != NULL);
  genie_text_free(text);
  require(genie_session_open(engine, 7, &session));

  float x[2 * COLUMNS];
  for (int i = 0; i < 2 * COLUMNS; ++i)
    x[i] = i % 2 ? -1.0f : 1.0f;
  int64_t shape[] = {2, COLUMNS};
  genie_tensor_view view;
  memset(&view, 0, sizeof view);
  view.data = x;
  view.device_kind = GENIE_DEVICE_CPU;
  view.rank = 2;
  view.dtype.code = GENIE_TYPE_FLOAT;
  view.dtype.bits = 32;
  view.dtype.lanes = 1;
  view.shape = shape;

  /* A result of its own, then one that stays where it is and is used there. */
  genie_named_input input = {"x", &view, NULL};
  genie_named_output output = {"output", 0, 0, NULL, NULL};
  require(genie_session_step(session, "forward", &input, 1, &output, 1, 1000));
  genie_tensor* first = output.tensor;
  CHECK(first->view.rank == 2 && first->view.shape[0] == 2 && first->view.shape[1] == COLUMNS);
  CHECK(((float*)first->view.data)[0] == 2.0f && ((float*)first->view.data)[1] == 2.0f);

  output.keep = 1;
  output.tensor = NULL;
  require(genie_session_step(session, "forward", &input, 1, &output, 1, 0));
  genie_engine_value* kept = output.value;
  CHECK(kept != NULL && output.tensor == NULL);
  const genie_named_input again = {"x", NULL, kept};
  genie_named_output second = {"output", 0, 0, NULL, NULL};
  require(genie_session_step(session, "forward", &again, 1, &second, 1, 0));
  CHECK(((float*)second.tensor->view.data)[0] == 3.0f);
  second.tensor->deleter(second.tensor);
  genie_value_release(kept);

  genie_tensor* state = NULL;
  require(genie_session_read_state(session, "k0", &state));
  CHECK(((float*)state->view.data)[1] == 6.0f); /* three steps of bias 2 */
  state->deleter(state);
  expect_error(genie_session_read_state(session, "none", &state), GENIE_NOT_FOUND, 5, "no state 'none'");

  const genie_named_input wrong = {"y", &view, NULL};
  output.keep = 0;
  output.tensor = NULL;
  expect_error(genie_session_step(session, "forward", &wrong, 1, &output, 1, 0), GENIE_INVALID_ARGUMENT, 2,
               "no input 'y'");
  CHECK(output.tensor == NULL);
  const genie_named_input both = {"x", &view, kept};
  expect_error(genie_session_step(session, "forward", &both, 1, &output, 1, 0), GENIE_INVALID_ARGUMENT, 2,
               "either");

  genie_engine_cancel(engine);
  expect_error(genie_session_step(session, "forward", &input, 1, &output, 1, 0), GENIE_CANCELLED, 130,
               "cancelled");
  genie_engine_reset_cancel(engine);
  require(genie_session_step(session, "forward", &input, 1, &output, 1, 0));
  output.tensor->deleter(output.tensor);
  output.tensor = NULL;

  require(genie_engine_report(engine, &text));
  CHECK(strstr(text, "abi_calls") != NULL);
  genie_text_free(text);
  CHECK(log_lines > 0);
  CHECK(progress_calls > 0);

  /* In an order that is not the one of making. */
  genie_engine_destroy(engine);
  require(genie_session_step(session, "forward", &input, 1, &output, 1, 0));
  genie_session_close(session);
  output.tensor->deleter(output.tensor);
  first->deleter(first);
}

static void test_failures(const char* folder, const char* const* plugins) {
  genie_engine_options options = options_for(folder, plugins);
  genie_engine* engine = NULL;
  const char* infeasible[] = {"/policy/options={\"fault\":\"infeasible\"}"};
  options.overrides = infeasible;
  options.override_count = 1;
  require(genie_engine_create(&options, &engine));
  expect_error(genie_engine_load(engine, NULL, 0), GENIE_FAILED_PRECONDITION, 4, "nothing fits anywhere");
  genie_engine_destroy(engine);

  const char* missing[] = {"/backend/plugin=org.example.nobody"};
  options.overrides = missing;
  engine = NULL;
  expect_error(genie_engine_create(&options, &engine), GENIE_NOT_FOUND, 6, "no plug-in org.example.nobody");
  CHECK(engine == NULL);

  options.override_count = 0;
  require(genie_engine_create(&options, &engine));
  require(genie_engine_set_source(engine, NULL, "no-such-file.relu"));
  expect_error(genie_engine_load(engine, NULL, 0), GENIE_INVALID_ARGUMENT, 3, "too short");
  genie_engine_destroy(engine);
}

int main(void) {
  const char* plugins[] = {getenv("GENIE_TEST_PLUGINS")};
  char folder[] = "/tmp/genie-embed-XXXXXX";
  char path[64];
  if (!plugins[0] || !getenv("GENIE_HOST") || !mkdtemp(folder)) return 1;
  setenv("XDG_CACHE_HOME", folder, 1);
  write_model(folder);
  CHECK(strcmp(genie_version(), "0.1.0") == 0);
  test_arguments();
  test_run(folder, plugins);
  test_failures(folder, plugins);
  snprintf(path, sizeof path, "rm -rf %s", folder);
  if (system(path) != 0) return 1;
  if (failures == 0) puts("everything held");
  return failures != 0;
}
