#include "runtime/stats.hpp"

#include "genie/plan/json.hpp"

namespace genie::runtime {

Result<std::string> engine_stats(EngineCore& core) {
  TextSink json;
  const services::CallContext call = core.context();
  const services::StatusPtr status(core.backend->call().stats(call.get(), core.backend->self(), json.sink()));
  if (!status.ok() && status.info().code != GENIE_UNIMPLEMENTED)
    return failure_of({core.backend->id(), "say what it counted", Category::execution, "GE0122"}, status);
  if (json.value.empty()) json.value = "{}";
  auto document = plan::json::Document::parse(json.value, {}, core.backend->id() + "'s statistics");
  if (!document || !document->root().is(plan::json::Kind::object))
    return failure(Category::plugin, GENIE_INTERNAL, "GE0133",
                   core.backend->id() + "'s statistics are no JSON object");

  plan::json::Writer writer;
  writer.begin_object();
  bool counters = false;
  const auto host_counters = [&] {
    writer.key("abi_calls").value(core.services->abi_calls.load(std::memory_order_relaxed));
    writer.key("blob_bytes_copied").value(core.services->blobs.copied_bytes());
  };
  for (const auto& [key, value] : document->root().items()) {
    writer.key(key);
    if (key != "counters" || !value.is(plan::json::Kind::object)) {
      writer.raw(value.canonical());
      continue;
    }
    counters = true;
    writer.begin_object();
    for (const auto& [name, count] : value.items())
      if (name != "abi_calls" && name != "blob_bytes_copied") writer.key(name).raw(count.canonical());
    host_counters();
    writer.end_object();
  }
  if (!counters) {
    writer.key("counters").begin_object();
    host_counters();
    writer.end_object();
  }
  writer.end_object();
  return writer.take();
}

}  // namespace genie::runtime
