#include "worker/listening.hpp"

#include "genie/exec/budget.hpp"

namespace genie::remote {

genie::Expected<boost::asio::ip::tcp::acceptor> listen_at(boost::asio::io_context& io, const Endpoint& at) {
  using boost::asio::ip::tcp;
  boost::system::error_code error;
  const auto found = tcp::resolver(io).resolve(at.host, at.port, tcp::resolver::passive, error);
  tcp::acceptor acceptor(io);
  if (!error && found.empty()) error = boost::asio::error::host_not_found;
  if (!error) {
    const tcp::endpoint endpoint = found.begin()->endpoint();
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(boost::asio::socket_base::max_listen_connections, error);
  }
  if (error)
    return exec::problem(GENIE_UNAVAILABLE, "GE0801",
                         "cannot listen on " + at.text() + ": " + error.message(),
                         "name an address of this machine and a free port (0: any)");
  return acceptor;
}

}  // namespace genie::remote
