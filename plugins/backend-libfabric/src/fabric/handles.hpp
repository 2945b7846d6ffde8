// Ownership of libfabric's objects.
#pragma once

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>

#include <memory>
#include <string>
#include <string_view>

#include "../datapath/problem.hpp"
#include "library.hpp"

namespace genie::fabric {

struct CloseFid {
  template <class T>
  void operator()(T* object) const {
    ::fi_close(&object->fid);
  }
};
/// Closed by its owner; objects that depend on it go first.
template <class T>
using Handle = std::unique_ptr<T, CloseFid>;

struct FreeInfo {
  void operator()(fi_info* info) const { (*library()).freeinfo(info); }
};
using Info = std::unique_ptr<fi_info, FreeInfo>;

/// libfabric's words for a number of its own. Whoever has such a number has the library.
[[nodiscard]] inline const char* strerror_of(int number) {
  return (*library()).strerror(number);
}

/// What libfabric refused: `what` names the provider, the operation and the peer; `result` is its negative error number.
[[nodiscard]] inline genie::Error fabric_problem(std::uint32_t status, std::string_view code,
                                                 std::string_view what, std::int64_t result,
                                                 std::string help = {}) {
  const int number = static_cast<int>(result < 0 ? -result : result);
  genie::Error error = datapath::problem(
      status, code,
      std::string(what) + ": " + strerror_of(number) + " (libfabric error " + std::to_string(number) + ")",
      std::move(help));
  error.domain = "libfabric";
  error.native_code = number;
  return error;
}

}  // namespace genie::fabric
