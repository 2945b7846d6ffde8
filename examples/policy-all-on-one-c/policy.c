/* A scheduling policy in plain C: one stage for each method, everything on one device.
 *
 * Shows the ABI without the C++ wrapper: a table of functions, statuses made by the host, documents as JSON text (read here
 * with jansson). The option {"device": "w0"} names the device; without it the one with most memory is taken.
 */
#include <genie/genie.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define ID "com.example.policy-all-on-one"
#define VERSION "1.0.0"

typedef struct {
  const genie_host* host;
  char* device; /* null: choose */
} policy;

static genie_str text(const char* terminated) {
  return (genie_str){terminated, strlen(terminated)};
}

static genie_status* fail(const genie_host* host, uint32_t code, const char* message) {
  genie_status_info info;
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  info.code = code;
  info.message = text(message);
  return host->status_make(host, &info);
}

static genie_status* create(const genie_host* host, genie_str options, genie_policy** out) {
  json_t* given = json_loadb(options.data, options.size, JSON_REJECT_DUPLICATES, NULL);
  const char* device = NULL;
  /* The format ends with '!': keys other than these are an error. */
  if (!given || json_unpack(given, "{s?s!}", "device", &device) != 0) {
    json_decref(given);
    return fail(host, GENIE_INVALID_ARGUMENT, "the only option is {\"device\": \"ID\"}");
  }
  policy* self = calloc(1, sizeof *self);
  char* copy = device ? malloc(strlen(device) + 1) : NULL;
  if (copy) strcpy(copy, device);
  json_decref(given);
  if (!self || (device && !copy)) {
    free(self);
    free(copy);
    return fail(host, GENIE_RESOURCE_EXHAUSTED, "out of memory");
  }
  self->host = host;
  self->device = copy;
  *out = (genie_policy*)self;
  return NULL;
}

static void destroy(genie_policy* opaque) {
  policy* self = (policy*)opaque;
  if (self) free(self->device);
  free(self);
}

/* The device that was asked for, else the one with most memory. Borrowed from the topology. */
static json_t* choose(const policy* self, json_t* topology) {
  json_t *chosen = NULL, *device;
  size_t index;
  json_array_foreach(json_object_get(topology, "devices"), index, device) {
    if (self->device) {
      if (strcmp(self->device, json_string_value(json_object_get(device, "id"))) == 0) return device;
    } else if (!chosen || json_integer_value(json_object_get(device, "memory_bytes")) >
                              json_integer_value(json_object_get(chosen, "memory_bytes"))) {
      chosen = device;
    }
  }
  return chosen;
}

/* One stage that holds every node of a method. */
static json_t* one_stage(const char* id, json_t* device, json_t* method) {
  json_t *names = json_array(), *node;
  size_t index;
  json_array_foreach(json_object_get(method, "nodes"), index, node)
      json_array_append(names, json_object_get(node, "id"));
  return json_pack("{s:s, s:O, s:O, s:o}", "id", id, "device", json_object_get(device, "id"), "kernels",
                   json_array_get(json_object_get(device, "kernels"), 0), "nodes", names);
}

static json_t* schedule_of(json_t* plan, json_t* device, const char* why) {
  json_t *methods = json_object(), *decisions = json_array(), *method;
  const char* name;
  size_t count = 0;
  json_object_foreach(json_object_get(plan, "methods"), name, method) {
    if (json_array_size(json_object_get(method, "nodes")) == 0) {
      json_object_set_new(methods, name, json_pack("{s:[]}", "stages"));
      continue;
    }
    char id[32];
    snprintf(id, sizeof id, "s%zu", count++);
    json_object_set_new(methods, name, json_pack("{s:[o]}", "stages", one_stage(id, device, method)));
    json_array_append_new(
        decisions, json_pack("{s:s, s:O, s:s, s:s}", "subject", id, "chose", json_object_get(device, "id"),
                             "because", "only", "detail", why));
  }
  return json_pack("{s:{s:s, s:s, s:s}, s:o, s:o}", "policy", "plugin", ID, "version", VERSION, "objective",
                   "simplicity", "methods", methods, "decisions", decisions);
}

static genie_status* schedule(const genie_call* call, genie_policy* opaque,
                              const genie_schedule_request* request, genie_sink sink) {
  (void)call; /* quick enough never to be cancelled */
  const policy* self = (const policy*)opaque;
  genie_status* status = NULL;
  json_t* plan = json_loadb(request->plan.data, request->plan.size, 0, NULL);
  json_t* topology = json_loadb(request->topology.data, request->topology.size, 0, NULL);
  json_t* device = plan && topology ? choose(self, topology) : NULL;
  if (!plan || !topology) {
    status = fail(self->host, GENIE_INTERNAL, "the host sent a plan or topology that is no JSON");
  } else if (!device) {
    status = fail(self->host, GENIE_FAILED_PRECONDITION, "the topology has no such device");
  } else {
    json_t* answer =
        schedule_of(plan, device, self->device ? "the options name this device" : "it has most memory");
    char* bytes = answer ? json_dumps(answer, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    status = bytes ? sink.write(sink.ctx, bytes, strlen(bytes))
                   : fail(self->host, GENIE_RESOURCE_EXHAUSTED, "out of memory");
    free(bytes);
    json_decref(answer);
  }
  json_decref(topology);
  json_decref(plan);
  return status;
}

static const void* get_interface(genie_str id) {
  static const genie_policy_v1 table = {sizeof table, create, destroy, schedule};
  const char* known = GENIE_POLICY_V1;
  return id.size == strlen(known) && memcmp(id.data, known, id.size) == 0 ? &table : NULL;
}

GENIE_EXPORT const genie_plugin_desc* genie_plugin_v1(const genie_plugin_in* in, genie_plugin_out* out) {
  static const genie_plugin_desc description = {.magic = GENIE_PLUGIN_MAGIC,
                                                .struct_size = sizeof description,
                                                .abi_major = GENIE_ABI_MAJOR,
                                                .abi_minor_built = GENIE_ABI_MINOR,
                                                .abi_minor_needed = GENIE_ABI_MINOR,
                                                .sanitizer = GENIE_SANITIZER_NONE,
                                                .id = {ID, sizeof ID - 1},
                                                .version = {VERSION, sizeof VERSION - 1},
                                                .build = {"C " __VERSION__, sizeof "C " __VERSION__ - 1},
                                                .get_interface = get_interface};
  if (in->abi_major != GENIE_ABI_MAJOR) {
    out->code = GENIE_INCOMPATIBLE;
    strcpy(out->text, "built for another major version of the ABI");
    return NULL;
  }
  return &description;
}
