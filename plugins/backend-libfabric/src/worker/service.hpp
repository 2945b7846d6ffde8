// genie.service/1: a worker.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "genie/cpp/service.hpp"
#include "worker/server.hpp"
#include "worker/service_diagnosis.hpp"

namespace genie::remote {

class WorkerService final : public genie::Service {
 public:
  /// Throws genie::Error for wrong options.
  WorkerService(genie::Host host, std::string_view options);
  [[nodiscard]] static genie::Expected<std::string> diagnose(genie::Host, const genie::Call&,
                                                             std::string_view options) {
    return diagnose_service(options);
  }
  genie::Outcome serve(const genie::Call& call, std::string_view devices,
                       const std::function<void(std::string_view)>& ready) override;
  void stop(std::uint64_t deadline_ns) noexcept override;

 private:
  genie::Host host_;
  ServiceOptions options_;
  std::mutex lock_;  // guards the members below
  Server* server_ = nullptr;
  std::optional<std::uint64_t> stopped_;  // before it served
};

}  // namespace genie::remote
