#include "worker/service_diagnosis.hpp"

#include <boost/asio/io_context.hpp>

#include "diagnosis/machine.hpp"
#include "diagnosis/trust.hpp"
#include "worker/listening.hpp"
#include "worker/options.hpp"

namespace genie::remote {

genie::Expected<std::string> diagnose_service(std::string_view text) {
  if (text.empty()) return look_at_machine("auto").json();
  auto options = read_service_options(text);
  if (!options) return std::move(options).error();
  Findings findings = look_at_machine(options->provider);
  findings.add(look_at_trust(options->token_file, options->keys, Role::worker));
  boost::asio::io_context io;
  if (auto listening = listen_at(io, options->listen); !listening)
    findings.add("this worker", "address", listening.error());
  else
    findings.add({"this worker", "address", Found::ok,
                  options->listen.text() + (options->listen.port == "0" ? ", any free port" : " is free")});
  if (options->provider == "none")
    findings.add(
        {"this worker", "data path", Found::ok, "`payload` leaves everything on the control channel"});
  else if (options->keys.given() && options->provider == "auto")
    findings.add(
        {"this worker", "data path", Found::ok,
         "with `keys`, the arena or the control channel, unless the client names another: the others do not "
         "encrypt"});
  return findings.json();
}

}  // namespace genie::remote
