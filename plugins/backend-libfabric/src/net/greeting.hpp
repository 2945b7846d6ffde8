// How two ends of a connection come to trust each other: hellos with version ranges, proof of the secret, welcome.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "net/connection.hpp"
#include "net/endpoint.hpp"
#include "protocol/messages.hpp"

namespace genie::remote {

/// How long a handshake may take.
inline constexpr std::chrono::milliseconds kGreetingLimit{5000};

/// Purposes of the two proofs: one cannot be shown as the other.
inline constexpr std::string_view kClientProof = "genie client";
inline constexpr std::string_view kWorkerProof = "genie worker";

/// This build's hello with a fresh nonce.
[[nodiscard]] Hello own_hello(Role role);
/// GE0806 names both versions and what to do when the two cannot speak with each other. `there`: who said it.
[[nodiscard]] genie::Outcome check_versions(const Hello& mine, const Hello& theirs, std::string_view there);

struct Dial {
  Endpoint to;
  std::shared_ptr<boost::asio::ssl::context> tls;  ///< null: plain, to loopback addresses only
  std::string secret;                              ///< empty: certificates are the proof
  Role role = Role::client;
  std::string ticket;
  std::chrono::milliseconds limit = kGreetingLimit;
};
struct Greeted {
  std::shared_ptr<Connection> connection;  ///< trusted; set its handlers before anything arrives
  Welcome welcome;
  std::string software;  ///< what the worker says it is
};
/// Connects and greets. The answer comes once, on the io thread.
void dial(boost::asio::io_context& io, Dial what, std::function<void(genie::Expected<Greeted>)> answer);

}  // namespace genie::remote
