// The address that a worker listens on.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "genie/cpp/core.hpp"
#include "net/endpoint.hpp"

namespace genie::remote {

/// Listens from now on. GE0801 when that cannot be.
[[nodiscard]] genie::Expected<boost::asio::ip::tcp::acceptor> listen_at(boost::asio::io_context& io,
                                                                        const Endpoint& at);

}  // namespace genie::remote
