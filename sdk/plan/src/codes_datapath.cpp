// GE0850…GE0869: how bytes move between a client and its workers, and between workers.
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> datapath_codes() {
  static constexpr CodeInfo kCodes[] = {
      {"GE0850", "A data path that cannot be opened",
       R"(A path for data ("arena", or a provider of libfabric such as "verbs;ofi_rxm", "net", "tcp", "shm") was forced, or was
the last one left to try, and cannot be opened between these two ends. The message says why: there is no such provider
or no device for it, the peer does not offer it, it lacks what a data path needs, or the ends are on different hosts.

What to do: `genie-host doctor` lists the paths of this machine with the reason for each that is refused. Install what
is missing, or let `provider` be "auto".
)"},
      {"GE0851", "An operation of the data path that failed",
       R"(A write, a read or a message between two ends was refused or failed. The message names the provider, the operation, the
peer, and the text that libfabric gave. The bytes of that operation are undefined on both sides; the step that needed
them failed.

What to do: what the text says. After a broken link or a dead peer the connection is made anew by the next run; set
`run.on_worker_loss` to "replan" to go on without the peer.
)"},
      {"GE0852", "An operation of the data path that was not done in time",
       R"(Every operation between two ends has a deadline of its own, because not every provider notices that a peer died. This
one passed. The message names the operation and the peer.

What to do: see whether the peer still runs and is not stopped, and whether the link carries data; allow more time
(`run.deadline_ms`) if transfers are just slow.
)"},
      {"GE0853", "A peer that breaks the rules of the data path",
       R"(What a peer wrote into shared memory, described, or sent over a fabric cannot come from a program that keeps the rules:
a length or position that is impossible, a memory file that is not sealed, a message of another connection. Nothing of
it was used, and the connection is closed.

What to do: run the same version of Genie at both ends. If they are the same, the peer is broken or hostile.
)"},
      {"GE0854", "Memory that cannot be shared",
       R"(An arena, the memory that two ends share or move bytes between, could not be made, mapped, handed over or registered.
The message has its size and what the system said.

What to do: give the worker less memory to offer, or free memory on its host. For RDMA, memory must be lockable: raise
the limit (`ulimit -l`). Devices need a build with support for their memory.
)"},
      {"GE0855", "A peer that is gone",
       R"(The other end of a data path closed the connection or died while something was wanted from it.

What to do: look at the peer's log. Set `run.on_worker_loss` to "replan" to go on without it.
)"},
  };
  return kCodes;
}

}  // namespace genie::plan::detail
