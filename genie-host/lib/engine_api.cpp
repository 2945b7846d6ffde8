// The engine's part of libgenie.h.
#include <filesystem>
#include <map>

#include "genie/plan/codec.hpp"
#include "host_version.hpp"
#include "lib/describe.hpp"
#include "lib/engine_options.hpp"
#include "lib/handles.hpp"
#include "report/report.hpp"
#include "runtime/job.hpp"

using genie::lib::bad_argument;
using genie::lib::copy_text;
using genie::lib::error_of;
using genie::lib::guarded;
using genie::lib::make_error;

namespace {

constexpr std::uint64_t kSmallestOptions = offsetof(genie_engine_options, ctx) + sizeof(void*);

genie_error* not_loaded(const char* what, const char* first) {
  return make_error(genie::runtime::failure(genie::runtime::Category::config, GENIE_FAILED_PRECONDITION,
                                            "GE0650",
                                            std::string(what) + " needs an engine that is " + first));
}

std::vector<genie::runtime::MethodSizes> method_sizes(const genie_input_size* sizes, std::uint64_t count) {
  std::map<std::string, genie::runtime::MethodSizes> methods;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto& method = methods[sizes[i].method];
    method.method = sizes[i].method;
    method.inputs.push_back({sizes[i].input, {sizes[i].shape, sizes[i].shape + sizes[i].rank}, std::nullopt});
  }
  std::vector<genie::runtime::MethodSizes> list;
  for (auto& [name, method] : methods)
    list.push_back(std::move(method));
  return list;
}

}  // namespace

extern "C" {

const char* genie_version(void) noexcept {
  return genie::kHostVersion.data();
}

genie_error* genie_engine_create(const genie_engine_options* options, genie_engine** out) noexcept {
  if (!options || !out) return bad_argument("genie_engine_create: options and out must not be null");
  if (options->struct_size < kSmallestOptions)
    return bad_argument("genie_engine_create: struct_size must be sizeof(genie_engine_options)");
  if (!options->config && !options->config_file)
    return bad_argument("genie_engine_create: one of config and config_file must be set");
  return guarded([&]() -> genie_error* {
    auto arguments = genie::lib::engine_arguments(*options);
    if (!arguments) return error_of(arguments);
    auto engine = genie::runtime::Engine::create(std::move(arguments->config), std::move(arguments->options));
    if (!engine) return error_of(engine);
    *out = new genie_engine{*std::move(engine)};
    return nullptr;
  });
}

void genie_engine_destroy(genie_engine* engine) noexcept {
  delete engine;
}

genie_error* genie_engine_set_source(genie_engine* engine, const char* frontend, const char* uri) noexcept {
  if (!engine || !uri) return bad_argument("genie_engine_set_source: engine and uri must not be null");
  return guarded([&]() -> genie_error* {
    if (engine->engine.captured())
      return make_error(genie::runtime::failure(genie::runtime::Category::config, GENIE_FAILED_PRECONDITION,
                                                "GE0650", "the source was read already",
                                                "set it before capture or load"));
    genie::config::Source source = engine->engine.config().source;
    source.plan.clear();
    if (frontend) source.frontend.plugin = frontend;
    source.uri = genie::config::resolve_path(uri, std::filesystem::current_path());
    engine->engine.set_source(std::move(source));
    return nullptr;
  });
}

genie_error* genie_engine_capture(genie_engine* engine) noexcept {
  if (!engine) return bad_argument("genie_engine_capture: engine must not be null");
  return guarded([&]() -> genie_error* {
    auto done = engine->engine.capture();
    return error_of(done);
  });
}

genie_error* genie_engine_load(genie_engine* engine, const genie_input_size* sizes,
                               uint64_t size_count) noexcept {
  if (!engine || (!sizes && size_count > 0))
    return bad_argument("genie_engine_load: engine and sizes must not be null");
  return guarded([&]() -> genie_error* {
    auto done = engine->engine.load(method_sizes(sizes, size_count));
    return error_of(done);
  });
}

genie_error* genie_engine_run_config(genie_engine* engine, char** report) noexcept {
  if (!engine) return bad_argument("genie_engine_run_config: engine must not be null");
  return guarded([&]() -> genie_error* {
    genie::runtime::JobOutcome outcome = genie::runtime::run_job(engine->engine);
    if (report) *report = copy_text(genie::report::to_json(outcome.report));
    return outcome.failure ? make_error(*std::move(outcome.failure)) : nullptr;
  });
}

genie_error* genie_engine_describe(genie_engine* engine, char** json) noexcept {
  if (!engine || !json) return bad_argument("genie_engine_describe: engine and json must not be null");
  return guarded([&]() -> genie_error* {
    if (!engine->engine.captured()) return not_loaded("genie_engine_describe", "captured");
    const genie::plan::Plan& plan =
        engine->engine.scheduled() ? *engine->engine.scheduled() : *engine->engine.captured();
    *json = copy_text(genie::lib::describe_methods(plan, engine->engine.plan_id()));
    return nullptr;
  });
}

genie_error* genie_engine_plan(genie_engine* engine, uint32_t indent, char** json) noexcept {
  if (!engine || !json) return bad_argument("genie_engine_plan: engine and json must not be null");
  return guarded([&]() -> genie_error* {
    if (!engine->engine.captured()) return not_loaded("genie_engine_plan", "captured");
    const genie::plan::Plan& plan =
        engine->engine.scheduled() ? *engine->engine.scheduled() : *engine->engine.captured();
    *json = copy_text(genie::plan::encode(plan, {false, indent}));
    return nullptr;
  });
}

genie_error* genie_engine_topology(genie_engine* engine, char** json) noexcept {
  if (!engine || !json) return bad_argument("genie_engine_topology: engine and json must not be null");
  return guarded([&]() -> genie_error* {
    if (!engine->engine.topology()) return not_loaded("genie_engine_topology", "loaded");
    *json = copy_text(genie::plan::encode_topology(*engine->engine.topology(), 2));
    return nullptr;
  });
}

genie_error* genie_engine_report(genie_engine* engine, char** json) noexcept {
  if (!engine || !json) return bad_argument("genie_engine_report: engine and json must not be null");
  return guarded([&]() -> genie_error* {
    *json = copy_text(genie::report::to_json(genie::runtime::describe(engine->engine)));
    return nullptr;
  });
}

genie_error* genie_engine_trace(genie_engine* engine, char** json) noexcept {
  if (!engine || !json) return bad_argument("genie_engine_trace: engine and json must not be null");
  return guarded([&]() -> genie_error* {
    *json = copy_text(genie::report::trace_json(engine->engine.take_trace(), engine->engine.scheduled()));
    return nullptr;
  });
}

void genie_engine_cancel(genie_engine* engine) noexcept {
  if (engine) engine->engine.cancel();
}
void genie_engine_reset_cancel(genie_engine* engine) noexcept {
  if (engine) engine->engine.cancel_token()->reset();
}

}  // extern "C"
