#include "library.hpp"

#include <dlfcn.h>

#include <array>
#include <csignal>

#include "../datapath/problem.hpp"

namespace genie::fabric {
namespace {

/// Puts back what was there before. Debian's libfabric loads libpsm2, which takes over the signals of crashes, of Ctrl-C and of SIGTERM.
class SignalsAsTheyWere {
 public:
  SignalsAsTheyWere() {
    for (std::size_t i = 0; i < kSignals.size(); ++i)
      ::sigaction(kSignals[i], nullptr, &before_[i]);
  }
  ~SignalsAsTheyWere() {
    for (std::size_t i = 0; i < kSignals.size(); ++i)
      ::sigaction(kSignals[i], &before_[i], nullptr);
  }
  SignalsAsTheyWere(const SignalsAsTheyWere&) = delete;
  SignalsAsTheyWere& operator=(const SignalsAsTheyWere&) = delete;

 private:
  static constexpr std::array kSignals{SIGHUP, SIGINT, SIGQUIT, SIGILL,  SIGTRAP, SIGABRT,
                                       SIGBUS, SIGFPE, SIGSEGV, SIGPIPE, SIGTERM};
  std::array<struct sigaction, kSignals.size()> before_{};
};

Expected<Library> load() {
  const SignalsAsTheyWere signals;
  void* const handle = ::dlopen("libfabric.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    const char* const why = ::dlerror();
    return datapath::problem(
        GENIE_UNAVAILABLE, datapath::kPathRefused,
        "libfabric cannot be loaded: " + std::string(why != nullptr ? why : "no reason given"),
        "install it (Debian: apt-get install libfabric1)");
  }
  Library found;
  bool whole = true;
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(handle, name));
    whole = whole && function != nullptr;
  };
  find(found.getinfo, "fi_getinfo");
  find(found.freeinfo, "fi_freeinfo");
  find(found.dupinfo, "fi_dupinfo");
  find(found.fabric, "fi_fabric");
  find(found.strerror, "fi_strerror");
  find(found.version, "fi_version");
  if (!whole)
    return datapath::problem(GENIE_UNAVAILABLE, datapath::kPathRefused,
                             "libfabric lacks functions that every version since 1.0 has");
  // Providers are set up by the first question.
  fi_info* none = nullptr;
  if (found.getinfo(FI_VERSION(1, 9), nullptr, nullptr, 0, nullptr, &none) == 0) found.freeinfo(none);
  return found;
}

}  // namespace

const Expected<Library>& library() {
  static const Expected<Library> loaded = load();
  return loaded;
}

}  // namespace genie::fabric
