/* One small policy plug-in, built many times: -DVARIANT_... says what is wrong with it. Plain C, so that it also shows what a
 * plug-in without the C++ wrapper looks like. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "genie/genie.h"

struct genie_policy {
  const genie_host* host;
};

static genie_str text(const char* c) {
  genie_str s = {c, strlen(c)};
  return s;
}

static genie_status* fail(const genie_host* host, uint32_t code, const char* message) {
  genie_status_info info = {sizeof info, code, 0, text(message), {NULL, 0}, 0, {NULL, 0}, {NULL, 0}};
  return host->status_make(host, &info);
}

static genie_status* create(const genie_host* host, genie_str options, genie_policy** out) {
  (void)options;
  *out = host->alloc(host, sizeof **out, 64);
  if (!*out) return fail(host, GENIE_RESOURCE_EXHAUSTED, "no memory");
  (*out)->host = host;
  return NULL;
}

static void destroy(genie_policy* self) {
  self->host->free(self->host, self);
}

#ifndef VARIANT_HOLES
static genie_status* schedule(const genie_call* call, genie_policy* self,
                              const genie_schedule_request* request, genie_sink sink) {
  (void)call;
  (void)request;
  (void)sink;
  return fail(self->host, GENIE_FAILED_PRECONDITION, "this policy never finds anything");
}
#endif

#if defined VARIANT_HOLES
static const genie_policy_v1 table = {sizeof table, create, destroy, NULL};
#elif defined VARIANT_SHORT
/* As if built before `schedule` was added: the table ends behind destroy. */
static const genie_policy_v1 table = {offsetof(genie_policy_v1, schedule), create, destroy, schedule};
#elif defined VARIANT_TINY
static const genie_policy_v1 table = {sizeof(uint64_t), create, destroy, schedule};
#elif defined VARIANT_LONG
/* As if built for a later minor: more functions than this host knows. */
static const struct {
  genie_policy_v1 known;
  void (*later)(void);
} table = {{sizeof table, create, destroy, schedule}, NULL};
#else
static const genie_policy_v1 table = {sizeof table, create, destroy, schedule};
#endif

/* The only interface id that this variant answers. */
#ifdef VARIANT_NO_INTERFACE
#define OFFERED "test.interface-nobody-asks-for/v1"
#else
#define OFFERED GENIE_POLICY_V1
#endif

static const void* get_interface(genie_str id) {
  const genie_str known = text(OFFERED);
  return id.size == known.size && memcmp(id.data, known.data, id.size) == 0 ? &table : NULL;
}

#ifdef VARIANT_MISSING_SYMBOL
void a_function_that_nobody_has(void);
void (*keep_the_reference)(void) = a_function_that_nobody_has;
#endif

#ifdef VARIANT_NO_ENTRY
GENIE_EXPORT const genie_plugin_desc* another_name(const genie_plugin_in* in, genie_plugin_out* out) {
#else
GENIE_EXPORT const genie_plugin_desc* genie_plugin_v1(const genie_plugin_in* in, genie_plugin_out* out) {
#endif
  static genie_plugin_desc desc;
  (void)in;
  (void)out;
#ifdef VARIANT_REFUSES
  out->code = GENIE_UNAVAILABLE;
  strcpy(out->text, "there is no accelerator on this machine");
  return NULL;
#endif
#ifdef VARIANT_SILENT
  return NULL;
#endif
#ifdef VARIANT_CRASHES
  fprintf(stderr, "about to fall over\n");
  raise(SIGSEGV);
#endif
#ifdef VARIANT_HANGS
  for (;;)
    pause();
#endif
#ifdef VARIANT_EXITS
  _exit(3);
#endif
#ifdef VARIANT_STDOUT
  printf("hello from the plug-in\n");
  fflush(stdout);
#endif
  desc.magic = GENIE_PLUGIN_MAGIC;
  desc.struct_size = sizeof desc;
  desc.abi_major = GENIE_ABI_MAJOR;
  desc.abi_minor_built = GENIE_ABI_MINOR;
  desc.abi_minor_needed = GENIE_ABI_MINOR;
  desc.sanitizer = GENIE_SANITIZER_NONE;
  desc.id = text("org.example.policy");
  desc.version = text("1.0.0");
  desc.build = text("C, by hand");
  desc.get_interface = get_interface;
#ifdef VARIANT_WRONG_MAJOR
  desc.abi_major = GENIE_ABI_MAJOR + 1;
#endif
#ifdef VARIANT_WRONG_MINOR
  desc.abi_minor_built = GENIE_ABI_MINOR + 1;
  desc.abi_minor_needed = GENIE_ABI_MINOR + 1;
#endif
#ifdef VARIANT_SANITIZER
  desc.sanitizer = GENIE_SANITIZER_MEMORY;
#endif
#ifdef VARIANT_MAGIC
  desc.magic = 42;
#endif
#ifdef VARIANT_BAD_ID
  desc.id = text("policy");
#endif
#ifdef VARIANT_OTHER_ID
  desc.id = text("org.example.another");
#endif
  return &desc;
}
