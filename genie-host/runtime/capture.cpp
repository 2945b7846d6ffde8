// The capture phase: a source, or a saved plan, becomes a captured plan that passed V0–V3.
#include <filesystem>

#include "genie/plan/codec.hpp"
#include "genie/plan/file.hpp"
#include "runtime/derived_outputs.hpp"
#include "runtime/engine_core.hpp"

namespace genie::runtime {
namespace {

struct Score {
  std::string id;
  std::uint32_t score = 0;
  std::string why;
};

std::string folder_of(const std::string& uri) {
  return uri.find("://") == std::string::npos ? std::filesystem::path(uri).parent_path().string()
                                              : std::string();
}

// Creates a frontend and asks how sure it is.
Result<Score> ask(EngineCore& core, const std::string& id, std::unique_ptr<FrontendInstance>* out) {
  auto library = core.library(id);
  if (!library) return std::move(library).failure();
  auto instance = FrontendInstance::create(core.services, **library, GENIE_FRONTEND_V1,
                                           core.config.source.frontend.options);
  if (!instance) return in_section(std::move(instance).failure(), core.config.file, "/source");
  Score score{id, 0, {}};
  TextSink why;
  const services::CallContext call = core.context();
  const services::StatusPtr status((*instance)->call().probe(
      call.get(), (*instance)->self(), services::str(core.config.source.uri), &score.score, why.sink()));
  if (!status.ok()) return failure_of({id, "look at the source", Category::invalid_plan, "GE0140"}, status);
  score.why = std::move(why.value);
  *out = *std::move(instance);
  return score;
}

// The frontend that is surest that it can read the source; the first one, when two are equally sure.
Result<std::unique_ptr<FrontendInstance>> choose_frontend(EngineCore& core) {
  std::unique_ptr<FrontendInstance> best;
  Score best_score;
  plan::Diagnostics refusals;
  const std::vector<std::string> ids = core.catalogue.ids_of_kind("frontend");
  // What is wrong with the options of the only frontend there is needs no list around it.
  const bool alone = ids.size() == 1;
  for (const std::string& id : ids) {
    std::unique_ptr<FrontendInstance> instance;
    auto score = ask(core, id, &instance);
    plan::Diagnostic note;
    note.code = "GE0140";
    note.severity = plan::Severity::note;
    if (!score) {
      if (alone || score.failure().category == Category::interrupted) return std::move(score).failure();
      note.message = id + ": " + score.failure().message();
      refusals.push_back(std::move(note));
    } else if (score->score == 0) {
      note.message = id + ": " + score->why;
      refusals.push_back(std::move(note));
    } else if (!best || score->score > best_score.score) {
      best = std::move(instance);
      best_score = *std::move(score);
    }
  }
  if (best) {
    core.options.log(GENIE_LOG_INFO, "engine", best_score.id + " reads the source: " + best_score.why);
    return best;
  }
  Failure none = failure(
      Category::invalid_plan, GENIE_INVALID_ARGUMENT, "GE0140",
      refusals.empty() ? "no frontend plug-in was found" : "no frontend can read " + core.config.source.uri,
      refusals.empty() ? "name a folder of plug-ins with --plugin or in /plugins/paths of the run config"
                       : "check the file, or name its frontend in /source/plugin");
  none.diagnostics.front().file = core.config.source.uri;
  none.diagnostics.insert(none.diagnostics.end(), refusals.begin(), refusals.end());
  return none;
}

Result<plan::Plan> capture_with_frontend(EngineCore& core) {
  const config::Source& source = core.config.source;
  if (source.frontend.plugin.empty()) {
    auto chosen = choose_frontend(core);
    if (!chosen) return std::move(chosen).failure();
    core.frontend = *std::move(chosen);
  } else {
    auto library = core.library(source.frontend.plugin);
    if (!library) return std::move(library).failure();
    auto instance =
        FrontendInstance::create(core.services, **library, GENIE_FRONTEND_V1, source.frontend.options);
    if (!instance) return in_section(std::move(instance).failure(), core.config.file, "/source");
    core.frontend = *std::move(instance);
  }
  TextSink bytes;
  {
    const Timer timer(core.timings.capture_ns);
    const services::CallContext call = core.context();
    const services::StatusPtr status(core.frontend->call().capture(call.get(), core.frontend->self(),
                                                                   services::str(source.uri), bytes.sink()));
    if (!status.ok()) {
      // A file that is not there is a slip of the config; a file that is no model is something else.
      const bool absent = status.info().code == GENIE_NOT_FOUND;
      const Category category = absent ? Category::config : Category::invalid_plan;
      return failure_of({core.frontend->id(), "read " + source.uri, category, "GE0122"}, status);
    }
  }
  const Timer timer(core.timings.validate_ns);
  auto decoded = plan::decode(bytes.value, {}, core.frontend->id() + "'s plan of " + source.uri);
  if (!decoded) return failure(Category::invalid_plan, std::move(decoded).errors());
  return std::move(decoded).value();
}

Result<plan::Plan> read_saved_plan(EngineCore& core) {
  const std::string& path = core.config.source.plan;
  const Timer timer(core.timings.capture_ns);
  const auto bytes = plan::read_file(path);
  if (!bytes) {
    Failure missing = failure(Category::config, GENIE_NOT_FOUND, "GE0141",
                              "the saved plan " + path + ": " + bytes.errors().front().message,
                              "check /source/plan; it is relative to the folder of the run config");
    missing.diagnostics.front().file = core.config.file;
    missing.diagnostics.front().pointer = "/source/plan";
    return missing;
  }
  auto decoded = plan::decode(*bytes, {}, path);
  if (!decoded) return failure(Category::invalid_plan, std::move(decoded).errors());
  return std::move(decoded).value();
}

// Tells the blob store where the bytes lie, and hashes those that cannot be trusted.
Status register_blobs(EngineCore& core, const plan::Plan& plan) {
  const config::Source& source = core.config.source;
  const bool saved = !source.plan.empty();
  services::BlobStore::Doubts doubts;
  auto added = core.services->blobs.add(plan.blobs, plan.locations,
                                        saved ? folder_of(source.plan) : folder_of(source.uri), &doubts);
  if (!added) {
    plan::Diagnostics errors = std::move(added).errors();
    for (plan::Diagnostic& error : errors)
      if (error.file.empty() && saved) {
        error.file = source.plan;
        error.pointer = "/locations";
      }
    return failure(Category::invalid_plan, std::move(errors), GENIE_NOT_FOUND);
  }
  // A frontend that names no identity has just read the bytes; a saved plan only remembers them.
  std::vector<std::string> unproven = std::move(doubts.changed);
  if (saved) unproven.insert(unproven.end(), doubts.unknown.begin(), doubts.unknown.end());
  const bool all = core.options.verify_blobs;
  if (!all && unproven.empty()) return Unit{};
  auto verified = core.services->blobs.verify(all ? nullptr : &unproven,
                                              [&core](std::uint64_t done, std::uint64_t total) {
                                                if (core.options.progress)
                                                  core.options.progress(done, total, "hashing weights");
                                                return !core.cancelled();
                                              });
  if (verified) return Unit{};
  if (core.cancelled()) return failure(Category::interrupted, std::move(verified).errors(), GENIE_CANCELLED);
  return failure(Category::invalid_plan, std::move(verified).errors(), GENIE_DATA_LOSS);
}

}  // namespace

Status capture_plan(EngineCore& core) {
  if (core.config.source.empty()) {
    Failure nothing =
        failure(Category::config, GENIE_INVALID_ARGUMENT, "GE0142", "the run config names no source",
                "set /source/uri to a model file, or /source/plan to a saved plan");
    nothing.diagnostics.front().file = core.config.file;
    return nothing;
  }
  auto read = core.config.source.plan.empty() ? capture_with_frontend(core) : read_saved_plan(core);
  if (!read) return std::move(read).failure();
  plan::Plan plan = *std::move(read);
  const bool was_scheduled = plan.schedule.has_value();
  if (was_scheduled && core.config.source.plan.empty())
    return failure(Category::plugin, GENIE_INTERNAL, "GE0133",
                   core.frontend->id() + " wrote a scheduled plan; a frontend captures, a policy schedules");
  if (auto valid = core.validate(plan, plan::Level::v3, Category::invalid_plan); !valid) return valid;
  if (auto blobs = register_blobs(core, plan); !blobs) return blobs;

  if (was_scheduled && !core.options.reschedule) {
    if (!core.config.run.add.empty())
      return failure(Category::config, GENIE_FAILED_PRECONDITION, "GE0143",
                     "/run/add adds outputs before scheduling, and the saved plan is scheduled already",
                     "schedule it anew with --reschedule");
    core.scheduled = std::make_shared<const plan::Plan>(std::move(plan));
    core.captured = *core.scheduled;
    core.captured->schedule.reset();
    core.captured->stage = "captured";
  } else {
    plan.schedule.reset();
    plan.stage = "captured";
    if (!core.config.run.add.empty()) {
      if (auto derived = add_outputs(plan, core.config.run.add); !derived) {
        plan::Diagnostics errors = std::move(derived).errors();
        for (plan::Diagnostic& error : errors)
          error.file = core.config.file;
        return failure(Category::config, std::move(errors));
      }
      if (auto valid = core.validate(plan, plan::Level::v3, Category::config); !valid) return valid;
    }
    core.captured = std::move(plan);
  }
  core.plan_id = plan::plan_id(core.scheduled ? *core.scheduled : *core.captured);
  return Unit{};
}

}  // namespace genie::runtime
