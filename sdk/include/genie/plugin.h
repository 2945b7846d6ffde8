/* What a plug-in library exports, and the life of an instance.
 *
 * One function, genie_plugin_v1 (A6), returns the descriptor; the descriptor answers interface ids (A8) with immutable
 * tables. The entry is pure: reentrant, under 100 ms, no threads, no host calls, callable many times. It may fail before any
 * host service exists: it then returns null and writes code and text into `out`.
 *
 * States of an instance (A13) and the calls that are legal in each:
 *
 *   loaded      the library is mapped                genie_plugin_v1
 *   queried     a table was returned                 create
 *   created     create returned OK                   every function of the table
 *   active      work is under way (backend, service) every function of the table
 *   draining    drain was called                     cancel, stats, release and close functions, destroy when drained
 *   destroyed   destroy was called                   nothing; the table may be used to create again
 *
 * Several instances live at once; nothing may be a singleton. Libraries are never unloaded.
 *
 * Thread tags (A14), on every function of the ABI:
 *   [any-thread] concurrently from any thread   [serial] one call at a time per object, any thread
 *   [callback]   called by the other side, on a thread it chooses
 *   [no-block]   returns promptly               [may-block] may wait: takes a genie_call with a deadline
 */
#ifndef GENIE_PLUGIN_H
#define GENIE_PLUGIN_H

#include "genie/status.h"

GENIE_EXTERN_C_BEGIN

#define GENIE_PLUGIN_MAGIC UINT64_C(0x00313045494e4547) /* "GENIE01" in memory */

/* Which sanitizer a binary was built with: a mix is refused with a message instead of a crash. */
#define GENIE_SANITIZER_NONE UINT32_C(0)
#define GENIE_SANITIZER_ADDRESS UINT32_C(1)
#define GENIE_SANITIZER_THREAD UINT32_C(2)
#define GENIE_SANITIZER_MEMORY UINT32_C(3)

/* What the host says of itself. */
typedef struct genie_plugin_in {
  uint64_t struct_size;
  uint32_t abi_major;
  uint32_t abi_minor;
  genie_str host_version;
  uint32_t sanitizer;
  uint32_t reserved; /* 0 */
} genie_plugin_in;

/* Where a failing entry says why. Host-owned. */
typedef struct genie_plugin_out {
  uint64_t struct_size;
  uint32_t code; /* GENIE_* of status.h */
  uint32_t reserved;
  char text[256]; /* terminated, UTF-8 */
} genie_plugin_out;

typedef struct genie_plugin_desc {
  uint64_t magic; /* GENIE_PLUGIN_MAGIC */
  uint64_t struct_size;
  uint32_t abi_major;
  uint32_t abi_minor_built;
  uint32_t abi_minor_needed;
  uint32_t sanitizer;
  genie_str id;      /* reverse DNS, "org.genie.policy-default" */
  genie_str version; /* "0.1.0" */
  genie_str build;   /* compiler, libraries: one line for a person */
  /* The immutable table of an interface id ("genie.policy/1"), or null for an id it does not know. Borrowed, for ever.
   * [any-thread] [no-block] */
  const void* (*get_interface)(genie_str id)GENIE_NOEXCEPT;
} genie_plugin_desc;

typedef const genie_plugin_desc* (*genie_plugin_entry)(const genie_plugin_in* in,
                                                       genie_plugin_out* out)GENIE_NOEXCEPT;

#define GENIE_PLUGIN_ENTRY "genie_plugin_v1"

GENIE_EXTERN_C_END

#endif
