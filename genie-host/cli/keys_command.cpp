// genie-host keys init|issue
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "genie/plan/json.hpp"
#include "keys/authority.hpp"

namespace genie::cli {

namespace {

int say(const Console& console, const plan::Result<keys::Files>& made, std::string_view what) {
  if (!made) return console.fail(made.errors(), runtime::Category::config);
  if (console.json()) {
    plan::json::Writer json;
    json.begin_object()
        .key("certificate")
        .value(made->certificate.string())
        .key("key")
        .value(made->key.string());
    json.end_object();
    console.print(json.take() + "\n");
  } else {
    console.print(fmt::format("{}\n  certificate  {}\n  key          {} (readable by you alone)\n", what,
                              made->certificate.string(), made->key.string()));
  }
  return 0;
}

}  // namespace

int keys_init(const Common& common, const KeysArguments& arguments) {
  return say(Console(common.json), keys::make_authority(arguments.folder, arguments.days.value_or(3650)),
             "an authority: copy its certificate, never its key, to the nodes");
}

int keys_issue(const Common& common, const KeysArguments& arguments) {
  return say(
      Console(common.json),
      keys::issue(arguments.folder, {arguments.name, arguments.client_only, arguments.days.value_or(365)}),
      arguments.client_only ? "a client" : "a node, worker or client");
}

}  // namespace genie::cli
