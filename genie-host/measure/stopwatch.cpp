#include "measure/stopwatch.hpp"

#include <algorithm>
#include <optional>

#include "genie/plan/json.hpp"
#include "measure/fit.hpp"
#include "tensors/random.hpp"

namespace genie::measure {

using runtime::Result;

Result<Stopwatch> Stopwatch::start(runtime::Engine& engine) {
  auto session = engine.open_session(0);
  if (!session) return std::move(session).failure();
  return Stopwatch(engine, *std::move(session));
}

Result<runtime::StepResult> Stopwatch::step(const std::string& name) {
  const plan::Method& method = engine_->scheduled()->methods.find(name)->second;
  runtime::StepRequest request;
  request.method = name;
  std::vector<genie_tensor_view> views;
  views.reserve(method.inputs.size());  // their addresses are lent
  for (const plan::Port& port : method.inputs) {
    const std::int64_t elements =
        method.values.find(port.name)->second.shape.front().evaluate({}).value_or(1);
    auto known = inputs_.find(static_cast<std::uint64_t>(elements));
    if (known == inputs_.end()) {
      auto tensor = tensors::random_tensor({.seed = 1, .dtype = plan::DType::f32, .shape = {elements}});
      if (!tensor) return runtime::failure(runtime::Category::execution, std::move(tensor).errors());
      known = inputs_.emplace(static_cast<std::uint64_t>(elements), *std::move(tensor)).first;
    }
    views.push_back(known->second.view());
    request.inputs.push_back({.name = port.name, .tensor = &views.back()});
  }
  for (const plan::Port& port : method.outputs)
    request.outputs.push_back({.name = port.name});
  return session_.step(request);
}

Result<std::map<std::uint64_t, std::uint64_t>> Stopwatch::virtual_times() {
  auto stats = engine_->stats();
  if (!stats) return std::move(stats).failure();
  std::map<std::uint64_t, std::uint64_t> times;
  const auto document = plan::json::Document::parse(*stats);
  const auto steps = document ? document->root().find("steps") : std::nullopt;
  if (!steps || !steps->is(plan::json::Kind::array)) return times;
  for (const auto& item : steps->items()) {
    if (!item.value.is(plan::json::Kind::object)) continue;
    const auto job = item.value.find("job"), ns = item.value.find("virtual_ns");
    if (job && ns && job->is(plan::json::Kind::integer) && ns->is(plan::json::Kind::integer))
      times[static_cast<std::uint64_t>(job->integer())] = static_cast<std::uint64_t>(ns->integer());
  }
  return times;
}

runtime::Status Stopwatch::turn(std::span<const std::string> methods,
                                std::vector<std::vector<double>>& times) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> steps;  // job, wall
  for (const std::string& method : methods) {
    auto done = step(method);
    if (!done) return std::move(done).failure();
    steps.emplace_back(done->job, done->wall_ns);
  }
  auto known = virtual_times();
  if (!known) return std::move(known).failure();
  times.resize(methods.size());
  for (std::size_t m = 0; m < methods.size(); ++m) {
    const auto at = known->find(steps[m].first);
    times[m].push_back(static_cast<double>(at == known->end() ? steps[m].second : at->second));
  }
  return runtime::Unit{};
}

runtime::Status time_together(std::span<Series> series, std::uint32_t repeat) {
  std::vector<std::vector<std::vector<double>>> times(series.size());
  for (std::uint32_t turn = 0; turn <= repeat; ++turn)
    for (std::size_t i = 0; i < series.size(); ++i) {
      if (turn == 1) times[i].clear();
      if (auto done = series[i].stopwatch->turn(series[i].methods, times[i]); !done) return done;
    }
  for (std::size_t i = 0; i < series.size(); ++i)
    for (const std::vector<double>& of : times[i])
      series[i].ns.push_back(lower_quartile(of));
  return runtime::Unit{};
}

}  // namespace genie::measure
