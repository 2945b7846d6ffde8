// Pairs over each provider of libfabric that this machine has.
#pragma once

#include <atomic>
#include <cstdlib>
#include <sstream>

#include "fabric/connection.hpp"
#include "fabric/provider.hpp"
#include "pair.hpp"

namespace genie::test {

/// The address that both ends use: loopback, or what GENIE_DATAPATH_ADDRESS says.
inline std::string local_address() {
  const char* const set = std::getenv("GENIE_DATAPATH_ADDRESS");
  return set != nullptr ? set : "127.0.0.1";
}

/// GENIE_DATAPATH_PROVIDERS, separated by spaces; without it, all that this machine has.
inline std::vector<std::string> providers() {
  std::vector<std::string> names;
  if (const char* const set = std::getenv("GENIE_DATAPATH_PROVIDERS")) {
    std::istringstream in(set);
    for (std::string name; in >> name;)
      names.push_back(name);
    return names;
  }
  for (const std::string& name : fabric::known_providers())
    if (fabric::look_at(name, local_address()).usable) names.push_back(name);
  return names;
}

inline Pair fabric_pair(const std::string& provider, datapath::WaitOptions options = {}) {
  auto first = must(fabric::open_end(provider, local_address(), options));
  auto second = must(fabric::open_end(provider, local_address(), options));
  return meet(*first, *second);
}

/// Stays inside receive(), as a worker's connection thread does, and keeps what comes.
class Attendant {
 public:
  explicit Attendant(Connection& connection) : connection_(connection), thread_([this] { attend(); }) {}
  ~Attendant() { stop(); }
  Attendant(const Attendant&) = delete;
  Attendant& operator=(const Attendant&) = delete;
  void stop() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] const std::vector<datapath::Message>& messages() const { return messages_; }

 private:
  void attend() {
    while (!over_) {
      auto message = connection_.receive(deadline_in(20ms));
      if (message)
        messages_.push_back(*std::move(message));
      else if (message.error().code != GENIE_DEADLINE_EXCEEDED)
        return;
    }
  }
  Connection& connection_;
  std::atomic<bool> over_ = false;
  std::vector<datapath::Message> messages_;
  std::thread thread_;
};

/// Runs a test's body for each provider, with its name in every failure.
template <class Body>
void for_each_provider(Body&& body) {
  const auto names = providers();
  REQUIRE_MESSAGE(!names.empty(), "libfabric offers no provider on this machine");
  for (const std::string& name : names) {
    CAPTURE(name);
    body(name);
  }
}

}  // namespace genie::test
