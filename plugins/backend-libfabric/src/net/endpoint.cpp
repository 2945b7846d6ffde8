#include "net/endpoint.hpp"

#include <boost/asio/ip/address.hpp>
#include <charconv>

#include "genie/exec/budget.hpp"

namespace genie::remote {

std::string Endpoint::text() const {
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port;
}

genie::Expected<Endpoint> parse_endpoint(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return exec::problem(GENIE_INVALID_ARGUMENT, "GE0801",
                         "`" + std::string(text) + "` is no address: " + std::string(why),
                         "write host:port, such as 127.0.0.1:7000 or [::1]:7000");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong("it names no port");
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return wrong("an IPv6 address stands in brackets");
  }
  if (host.empty()) return wrong("it names no host");
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || number > 65535)
    return wrong("the port is a number from 0 to 65535");
  return Endpoint{std::string(host), std::string(port)};
}

bool is_loopback(std::string_view host) {
  if (host == "localhost") return true;
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(std::string(host), error);
  return !error && address.is_loopback();
}

}  // namespace genie::remote
