// One step's faults, as the simulator asks for them. Part of the forecast (faults.cpp).
#pragma once

#include "faults.hpp"

namespace genie::emulation {

class Disturbed final : public plan::Disturbance {
 public:
  struct Context {
    const std::vector<plan::Fault>* faults = nullptr;
    const plan::FaultScript::Delivery* delivery = nullptr;
    const std::vector<plan::Transfer>* transfers = nullptr;
    const std::map<std::string, std::size_t, std::less<>>* gone = nullptr;  ///< given up before
    std::uint64_t seed = 0;
    std::uint64_t serial = 0;  ///< of the step, over all sessions
  };
  /// Writes messages, hits and counts into the forecast, whose windows it reads.
  Disturbed(const Context& context, Forecast& forecast) : c_(context), out_(forecast) {}

  [[nodiscard]] plan::StageOutcome stage(const plan::Stage& stage, std::uint64_t start_ns,
                                         std::uint64_t work_ns) override;
  [[nodiscard]] plan::SendingOutcome sending(const plan::Sending& sending) override;
  [[nodiscard]] std::optional<std::uint64_t> gone_ns(std::string_view device) override;

  /// The fault because of which a transfer did not get through, a device stood still, or is gone.
  std::map<std::string, std::size_t, std::less<>> blamed_transfer, blamed_stall, blamed_gone;

 private:
  [[nodiscard]] std::optional<Window> window(
      std::size_t fault) const;  ///< from the step's start, cut off there
  [[nodiscard]] bool strikes(std::size_t fault, const plan::Sending& sending);
  void hit(std::size_t fault, std::uint64_t at_ns, std::string_view place, std::string_view subject);

  const Context& c_;
  Forecast& out_;
};

/// Whether messages between them pass from one set to another; "" is the client.
[[nodiscard]] bool parts(const plan::Fault& fault, std::string_view a, std::string_view b);

}  // namespace genie::emulation
