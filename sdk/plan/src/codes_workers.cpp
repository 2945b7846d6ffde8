// GE0800…GE0849: remote workers, both ends.
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> worker_codes() {
  static constexpr CodeInfo kCodes[] = {
      {"GE0800", "A wrong option of backend-libfabric",
       "The options of the backend in the run config, or of the service in the worker config, are checked "
       "when the plug-in\n"
       "starts.\n"
       "\n"
       "What to do: the message names the option and what it may be; docs/remote-workers.md lists them "
       "all.\n"},
      {"GE0801", "An address that cannot be used",
       "Workers are named as host:port. A worker listens on an address of its own machine and a port that is "
       "free; port 0 takes\n"
       "any free one, and the ready line says which.\n"},
      {"GE0802", "Nothing says who may use the worker",
       "Whoever can reach a worker's port could compute on it and fill its memory. On a loopback address a "
       "token file is the\n"
       "key: whoever may read it may use the worker. Anything else needs certificates on both sides.\n"
       "\n"
       "What to do: on one machine name the same `token_file` on both sides. Between machines run "
       "`genie-host keys init` once\n"
       "and `genie-host keys issue` for each node, and name the files in `keys`.\n"},
      {"GE0803", "A token file that cannot be used",
       "The file holds the secret that a worker and its clients share. It is refused when others than its "
       "owner may read it,\n"
       "or when it does not hold a token.\n"
       "\n"
       "What to do: let the worker make it: it does when there is none.\n"},
      {"GE0804", "A key file that cannot be used",
       "A certificate or key is missing, damaged, readable by others, or does not belong to the other "
       "files.\n"
       "\n"
       "What to do: issue the node's files anew with `genie-host keys issue`.\n"},
      {"GE0805", "The other side is not trusted",
       "Client and worker prove to each other that they know the same token, or that their certificates come "
       "from the same\n"
       "authority. One of them could not.\n"
       "\n"
       "What to do: name the same token file on both sides, or issue both certificates from one "
       "authority.\n"},
      {"GE0806", "Versions that cannot speak with each other",
       "Each side says which versions of the protocol and of plans it understands. The two ranges have "
       "nothing in common.\n"
       "\n"
       "What to do: install releases whose ranges overlap; the message names both.\n"},
      {"GE0807", "Two workers with one device id",
       "Plans name devices by id, so each id may exist once among the workers of a run.\n"
       "\n"
       "What to do: give the devices of each worker config ids of their own.\n"},
      {"GE0808", "A cache folder that cannot be used",
       "A worker may keep weights on disk. The folder holds them and the list of who may use them, so it "
       "must "
       "be the worker's\n"
       "own: open to nobody else, and used by no other worker at the same time.\n"
       "\n"
       "What to do: name a folder that does not exist yet, and one for each worker.\n"},
      {"GE0810", "A worker cannot be reached",
       "The worker is not there, or the connection to it ended: its process is gone, or the network between. "
       "What ran on it is\n"
       "lost; workers keep nothing of a client that is gone but its weights.\n"
       "\n"
       "What to do: look at the worker's own output. `\"run\": {\"on_worker_loss\": \"replan\"}` goes on "
       "with the workers that are\n"
       "left.\n"},
      {"GE0811", "The other side broke the protocol",
       "A message was malformed, too large, or came when it must not. The connection ends, because nothing "
       "that follows can be\n"
       "trusted to mean what it says.\n"
       "\n"
       "What to do: see that the address is that of a Genie worker; else report it with both versions.\n"},
      {"GE0812", "A request that does not fit the program",
       "A worker checks every number, name and shape it is sent against the program that it prepared "
       "itself.\n"},
      {"GE0813", "A lease ran out",
       "Client and worker hear from each other several times per lease. When one hears nothing for a whole "
       "lease, the other is\n"
       "taken for dead: it may be stopped, hung, or cut off.\n"
       "\n"
       "What to do: raise the worker's `lease_ms` if its machine is at times too busy to answer.\n"},
      {"GE0820", "There is an authority already",
       "`genie-host keys init` never overwrites an authority: everything that it has issued would be "
       "worthless.\n"},
      {"GE0821", "A node's keys cannot be issued",
       "`genie-host keys issue` needs the authority's certificate and key, and makes new files only.\n"
       "\n"
       "What to do: run it where `genie-host keys init` was run, or name that folder with --folder.\n"},
  };
  return kCodes;
}

}  // namespace genie::plan::detail
