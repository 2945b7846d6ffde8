#include "diagnosis/machine.hpp"

#include <dlfcn.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "arena/arena.hpp"
#include "arena/connection.hpp"
#include "datapath/choice.hpp"
#include "datapath/problem.hpp"
#include "fabric/library.hpp"

namespace genie::remote {

namespace {

constexpr const char* kMachine = "this machine";
constexpr const char* kPaths = "data paths of this machine";
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

struct RdmaDevices {
  std::string names;
  bool in_software = false;  ///< one of them is made of a network device (rxe): with small completion queues
};

RdmaDevices rdma_devices() {
  namespace fs = std::filesystem;
  RdmaDevices found;
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at("/sys/class/infiniband", error), end; !error && at != end;
       at.increment(error)) {
    names.push_back(at->path().filename().string());
    std::error_code ignored;
    found.in_software = found.in_software || fs::exists(at->path() / "parent", ignored);
  }
  std::ranges::sort(names);
  for (const std::string& name : names)
    found.names += (found.names.empty() ? "" : ", ") + name;
  return found;
}

void look_at_library(Findings& findings) {
  const auto& library = fabric::library();
  if (!library) {
    findings.add(kMachine, "libfabric", library.error(), Found::warning);
    return;
  }
  const std::uint32_t version = library->version();
  std::string detail = std::to_string(FI_MAJOR(version)) + "." + std::to_string(FI_MINOR(version));
  Dl_info where{};
  if (::dladdr(reinterpret_cast<const void*>(library->getinfo), &where) != 0 && where.dli_fname != nullptr)
    detail += ", " + std::string(where.dli_fname);
  findings.add({kMachine, "libfabric", Found::ok, std::move(detail)});
}

void look_at_rdma(Findings& findings) {
  const RdmaDevices devices = rdma_devices();
  if (devices.names.empty()) {
    findings.add({kMachine, "RDMA devices", Found::absent, "the system lists none"});
    return;
  }
  findings.add({kMachine, "RDMA devices", Found::ok, devices.names});
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) == 0) {
    if (limit.rlim_cur == RLIM_INFINITY || ::geteuid() == 0)
      findings.add({kMachine, "lockable memory", Found::ok, "no limit"});
    else
      findings.add(
          {kMachine, "lockable memory", Found::warning,
           std::to_string(limit.rlim_cur / kMiB) + " MiB: RDMA can reach no more than that",
           "raise it for whoever runs clients and workers: `ulimit -l unlimited`, or LimitMEMLOCK=infinity "
           "of a systemd unit"});
  }
  if (devices.in_software && std::getenv("FI_UNIVERSE_SIZE") == nullptr)
    findings.add({kMachine, "completion queues", Found::warning,
                  "software RDMA has small ones, and libfabric asks for large ones",
                  "set FI_UNIVERSE_SIZE=16 in the environment of clients and workers"});
}

/// Memory that two processes map, and the socket over which it is handed.
void look_at_arena(Findings& findings) {
  auto memory = arena::Arena::create(datapath::MemoryKind::host, 1);
  if (!memory) return findings.add(kMachine, "shared memory", memory.error(), Found::warning);
  auto end = arena::open_end(arena::Role::waits, {});
  if (!end) return findings.add(kMachine, "shared memory", end.error(), Found::warning);
  findings.add({kMachine, "shared memory", Found::ok, "sealed memory files, handed over Unix sockets"});
}

}  // namespace

Findings look_at_machine(std::string_view provider) {
  Findings findings;
  look_at_library(findings);
  look_at_rdma(findings);
  look_at_arena(findings);
  for (datapath::Finding& path : datapath::offer({}, datapath::known_paths()).findings) {
    const bool forced = path.path == provider || path.path.starts_with(std::string(provider) + ";");
    // The name stands before it.
    if (path.why.starts_with(path.path + ": ")) path.why.erase(0, path.path.size() + 2);
    if (path.usable)
      findings.add(
          {kPaths, path.path, Found::ok,
           path.version.empty() || path.path == "arena" ? path.why : path.version + "; " + path.why});
    else if (forced)
      findings.add({kPaths, path.path, Found::fault, path.why,
                    "install what is missing, or let `provider` be \"auto\"",
                    std::string(datapath::kPathRefused)});
    else
      findings.add({kPaths, path.path, Found::absent, path.why});
  }
  return findings;
}

}  // namespace genie::remote
