// The listening end of a worker: lets clients in, keeps their leases, drains.
//
// Threads: serve() runs the io_context on its caller's thread; everything here happens on it but stop().
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "net/greeting.hpp"
#include "worker/options.hpp"
#include "worker/worker.hpp"
#include "worker/worker_client.hpp"

namespace genie::remote {

class Server {
 public:
  Server(Worker& worker, const ServiceOptions& options, std::string topology, std::string versions);
  ~Server();

  using Ready =
      std::function<void(const std::string& address, std::uint16_t port, const std::string& fingerprint)>;
  [[nodiscard]] genie::Outcome serve(const genie::Call& call, const Ready& ready);
  /// [any-thread]
  void stop(std::uint64_t deadline_ns);

 private:
  class Visitor;
  void accept();
  void look_after();
  void end();
  void reach(const Peer& peer, PathWish wish, DataLink::Counting counting,
             std::function<void(genie::Expected<PeerWay>)> answer, std::function<void(genie::Error)> lost);

  Worker& worker_;
  const ServiceOptions options_;
  const std::string topology_;
  const std::string versions_;
  const std::string instance_;
  std::string token_;
  std::string authority_;  // whose word identities are: the CA's certificate, or the token
  std::shared_ptr<boost::asio::ssl::context> tls_;
  boost::asio::io_context io_{1};
  Tcp::acceptor acceptor_{io_};
  boost::asio::steady_timer timer_{io_};
  const genie::Call* call_ = nullptr;
  std::set<std::shared_ptr<Visitor>> visitors_;
  std::uint64_t stop_at_ns_ = 0;  // 0: nobody asked
};

}  // namespace genie::remote
