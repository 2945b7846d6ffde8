#include "client/options.hpp"

#include "genie/exec/budget.hpp"
#include "net/options_reader.hpp"

namespace genie::remote {

genie::Expected<ClientOptions> read_client_options(std::string_view json) {
  auto document = plan::json::Document::parse(json, {.comments = true}, "backend options");
  if (!document) return exec::problem(GENIE_INVALID_ARGUMENT, "GE0800", "the options are no JSON");
  OptionsReader reader(document->root(), {"workers", "provider", "payload", "checksums", "token_file", "keys",
                                          "connect_ms", "bandwidth_bytes_per_s", "latency_ns"});
  ClientOptions options;
  std::vector<std::string> workers;
  reader.texts("workers", workers);
  std::string payload = "auto", checksums = "weights";
  reader.word("provider", options.provider, kProviders);
  reader.word("payload", payload, {"auto", "tls"});
  if (payload == "tls") options.provider = "none";
  reader.word("checksums", checksums, {"weights", "all"});
  options.check_values = checksums == "all";
  reader.text("token_file", options.token_file);
  reader.keys(options.keys);
  reader.integer("connect_ms", options.connect_ms, 1, 600'000);
  std::uint64_t bandwidth = 1'000'000'000;
  reader.integer("bandwidth_bytes_per_s", bandwidth, 1, std::uint64_t{1} << 50);
  options.bandwidth_bytes_per_s = static_cast<double>(bandwidth);
  reader.integer("latency_ns", options.latency_ns, 0, 60'000'000'000);
  if (workers.empty())
    reader.reject("workers", "no worker is named",
                  R"(write the addresses of the workers' ready lines: {"workers": ["127.0.0.1:7000"]})");
  if (reader.error()) return *reader.error();
  for (const std::string& worker : workers) {
    auto endpoint = parse_endpoint(worker);
    if (!endpoint) return std::move(endpoint).error();
    options.workers.push_back(*std::move(endpoint));
  }
  if (!options.keys.given() && options.token_file.empty())
    return exec::problem(GENIE_INVALID_ARGUMENT, "GE0802",
                         "neither `token_file` nor `keys` says how this client proves who it is",
                         "name the token file of the workers, or the keys of this node");
  return options;
}

}  // namespace genie::remote
