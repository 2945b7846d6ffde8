#include "worker/options.hpp"

#include "genie/exec/budget.hpp"
#include "net/options_reader.hpp"

namespace genie::remote {

genie::Expected<ServiceOptions> read_service_options(std::string_view json) {
  auto document = plan::json::Document::parse(json);
  if (!document) return exec::problem(GENIE_INVALID_ARGUMENT, "GE0800", "the options are no JSON");
  OptionsReader reader(document->root(), {"listen", "provider", "payload", "lease_ms", "token_file", "keys",
                                          "blob_bytes", "cache", "share_blobs"});
  ServiceOptions options;
  std::string listen;
  reader.text("listen", listen);
  std::string payload = "auto";
  reader.word("provider", options.provider, kProviders);
  reader.word("payload", payload, {"auto", "tls"});
  if (payload == "tls") options.provider = "none";
  reader.integer("lease_ms", options.lease_ms, 100, 3'600'000);
  reader.text("token_file", options.token_file);
  reader.keys(options.keys);
  if (reader.has("blob_bytes"))
    reader.integer("blob_bytes", options.blob_bytes.emplace(), 0, std::uint64_t{1} << 50);
  reader.object("cache", {"folder", "bytes"}, [&](OptionsReader& cache) {
    cache.text("folder", options.cache_folder);
    cache.integer("bytes", options.cache_bytes, 1, std::uint64_t{1} << 50);
    if (options.cache_folder.empty())
      cache.reject("folder", "no folder is named", R"(write {"folder": "…", "bytes": 17179869184})");
  });
  reader.texts("share_blobs", options.share_blobs);
  if (!options.share_blobs.empty() && !options.keys.given())
    reader.reject("share_blobs", "it names certificates, and without `keys` nobody has one",
                  "leave it out: who knows the token is one and the same");
  if (reader.error()) return *reader.error();
  if (!listen.empty()) {
    auto parsed = parse_endpoint(listen);
    if (!parsed) return std::move(parsed).error();
    options.listen = *std::move(parsed);
  }
  if (!options.keys.given() && !is_loopback(options.listen.host))
    return exec::problem(GENIE_FAILED_PRECONDITION, "GE0802",
                         "a worker that listens on " + options.listen.host +
                             " can be reached by others, and no keys are given",
                         "give `keys` (`genie-host keys` makes them), or listen on 127.0.0.1");
  if (!options.keys.given() && options.token_file.empty())
    return exec::problem(GENIE_INVALID_ARGUMENT, "GE0802",
                         "neither `token_file` nor `keys` says who may use the worker",
                         "name a token file; it is made when there is none");
  return options;
}

}  // namespace genie::remote
