#include "scheduler/schedule.hpp"

#include <utility>

#include "genie/plan/codec.hpp"
#include "genie/plan/schedule.hpp"
#include "scheduler/hints.hpp"
#include "scheduler/sizes.hpp"
#include "scheduler/topology.hpp"

namespace genie::scheduler {
namespace {

using runtime::Category;
using runtime::failure;
using runtime::Result;
using runtime::Status;
using runtime::Timer;

// A saved schedule holds for the devices it was made for.
Status check_saved(runtime::EngineCore& core) {
  const std::string present = plan::topology_id(*core.topology);
  const plan::Schedule& schedule = *core.scheduled->schedule;
  if (schedule.topology != present) {
    runtime::Failure other = failure(
        Category::invalid_plan, GENIE_FAILED_PRECONDITION, "GE0581",
        "the saved plan was scheduled for topology " + schedule.topology + ", the present one is " + present,
        "schedule it anew with --reschedule, or restore the devices it was made for");
    other.diagnostics.front().file = core.config.source.plan;
    other.diagnostics.front().pointer = "/schedule/topology";
    return other;
  }
  core.assumes = schedule.assumes;
  return core.validate(*core.scheduled, plan::Level::v5, Category::invalid_plan);
}

// A saved schedule in stages of one node.
Status take_apart(runtime::EngineCore& core) {
  const Timer timer(core.timings.schedule_ns);
  plan::Plan plan = *core.scheduled;
  plan.stage = "captured";
  plan::Schedule schedule = plan::one_node_stages(*std::exchange(plan.schedule, std::nullopt));
  const plan::Costs costs = plan::model_costs(plan, *core.topology, core.assumes);
  auto joined = plan::join_schedule(plan, std::move(schedule), *core.topology, costs);
  if (!joined) return failure(Category::invalid_plan, std::move(joined).errors());
  core.scheduled = std::make_shared<const plan::Plan>(std::move(joined).value());
  core.plan_id = plan::plan_id(*core.scheduled);
  return core.validate(*core.scheduled, plan::Level::v5, Category::invalid_plan);
}

// Asks the policy. Only documents go in and out: the plan without locations, as every receiver sees it.
Result<plan::Schedule> ask_policy(runtime::EngineCore& core, const plan::Plan& plan,
                                  const plan::Costs& costs) {
  auto library = core.library(core.config.policy.plugin);
  if (!library) return std::move(library).failure();
  auto created =
      runtime::PolicyInstance::create(core.services, **library, GENIE_POLICY_V1, core.config.policy.options);
  if (!created) return runtime::in_section(std::move(created).failure(), core.config.file, "/policy");
  core.policy = *std::move(created);
  runtime::PolicyInstance& policy = *core.policy;

  const std::string plan_bytes = plan::encode(plan);
  const std::string topology_bytes = plan::encode_topology(*core.topology);
  const std::string cost_bytes = plan::encode_costs(costs);
  const std::string hint_bytes = plan::encode_constraints(plan.constraints);
  genie_schedule_request request{};
  request.struct_size = sizeof request;
  request.plan = services::str(plan_bytes);
  request.topology = services::str(topology_bytes);
  request.costs = services::str(cost_bytes);
  request.hints = services::str(hint_bytes);
  runtime::TextSink bytes;
  const services::CallContext call = core.context();
  const services::StatusPtr status(policy.call().schedule(call.get(), policy.self(), &request, bytes.sink()));
  if (!status.ok())
    return runtime::failure_of({policy.id(), "schedule the plan", Category::unschedulable, "GE0582"}, status);
  auto schedule = plan::decode_schedule(bytes.value);
  if (!schedule) {
    runtime::Failure bad = failure(Category::plugin, GENIE_INTERNAL, "GE0133",
                                   policy.id() + "'s schedule is malformed", "this is a bug of the policy");
    bad.diagnostics.insert(bad.diagnostics.end(), schedule.errors().begin(), schedule.errors().end());
    return bad;
  }
  plan::Schedule answer = std::move(schedule).value();
  // Who decided is a fact of the host, whatever the answer says.
  answer.policy.plugin = policy.id();
  answer.policy.version = core.versions[policy.id()];
  return answer;
}

// Judges a policy's answer: what is wrong with it is the policy's doing, and a person should read so.
Status judge(runtime::EngineCore& core, const plan::Plan& scheduled) {
  Status valid = core.validate(scheduled, plan::Level::v5, Category::unschedulable);
  if (valid) return valid;
  runtime::Failure why = std::move(valid).failure();
  plan::Diagnostic headline;
  headline.code = "GE0583";
  headline.message = "the schedule of " + core.policy->id() + " does not hold";
  headline.help = "use another policy, more memory or fewer hard hints; what is wrong with it follows";
  why.diagnostics.insert(why.diagnostics.begin(), std::move(headline));
  return why;
}

/// Hints about a device that was lost hold of themselves (never there, at most so much of it) or are wishes that cannot be
/// had any more. A hard pin stays: that it cannot be kept is for a person to know.
std::vector<plan::Constraint> hints_left(const runtime::EngineCore& core) {
  std::vector<plan::Constraint> hints = core.config.hints;
  std::erase_if(hints, [&](const plan::Constraint& hint) {
    return core.lost_devices.contains(hint.device) && (hint.strength != "hard" || hint.kind == "forbid" ||
                                                       hint.kind == "budget" || hint.kind == "replicate");
  });
  return hints;
}

}  // namespace

Status schedule_plan(runtime::EngineCore& core, std::span<const runtime::MethodSizes> sizes) {
  {
    const Timer timer(core.timings.schedule_ns);
    auto topology = make_topology(core);
    if (!topology) return std::move(topology).failure();
    core.topology = *std::move(topology);
  }
  if (core.scheduled) {
    if (auto valid = check_saved(core); !valid || !core.options.one_node_stages) return valid;
    return take_apart(core);
  }

  std::optional<plan::Plan> scheduled;
  {
    const Timer timer(core.timings.schedule_ns);
    plan::Plan plan = *core.captured;
    plan.locations.clear();
    if (auto hinted = apply_hints(plan, hints_left(core), *core.topology); !hinted)
      return failure(Category::config, std::move(hinted).errors());
    auto assumes = assumed_sizes(plan, sizes);
    if (!assumes) {
      // The plan's bounds are right; it is what the config gives that does not keep them.
      runtime::Failure given = std::move(assumes).failure();
      const std::vector<config::Step>& steps = core.config.run.steps;
      for (plan::Diagnostic& diagnostic : given.diagnostics) {
        if (!diagnostic.file.empty() || core.config.file.empty()) continue;
        diagnostic.file = core.config.file;
        diagnostic.pointer = steps.size() == 1 ? steps.front().inputs.pointer : "/run/steps";
      }
      return given;
    }
    core.assumes = *std::move(assumes);
    const plan::Costs costs = plan::model_costs(plan, *core.topology, core.assumes);
    auto schedule = ask_policy(core, plan, costs);
    if (!schedule) return std::move(schedule).failure();
    if (core.cancelled())
      return failure(Category::interrupted, GENIE_CANCELLED, "GE0657", "cancelled while scheduling");
    if (core.options.one_node_stages) *schedule = plan::one_node_stages(*std::move(schedule));
    auto joined = plan::join_schedule(plan, *std::move(schedule), *core.topology, costs);
    if (!joined) {
      runtime::Failure bad = failure(Category::unschedulable, GENIE_FAILED_PRECONDITION, "GE0583",
                                     "the schedule of " + core.policy->id() + " does not fit the plan");
      bad.diagnostics.insert(bad.diagnostics.end(), joined.errors().begin(), joined.errors().end());
      return bad;
    }
    scheduled = std::move(joined).value();
  }
  if (auto valid = judge(core, *scheduled); !valid) return valid;
  core.scheduled = std::make_shared<const plan::Plan>(*std::move(scheduled));
  core.plan_id = plan::plan_id(*core.scheduled);
  return runtime::Unit{};
}

Status place_plan(runtime::EngineCore& core, plan::Plan captured, plan::Schedule schedule) {
  if (auto valid = core.validate(captured, plan::Level::v3, Category::bug); !valid) return valid;
  const plan::Costs costs = plan::model_costs(captured, *core.topology, {});
  auto joined = plan::join_schedule(captured, std::move(schedule), *core.topology, costs);
  if (!joined) return failure(Category::unschedulable, std::move(joined).errors());
  if (auto valid = core.validate(*joined, plan::Level::v5, Category::unschedulable); !valid) return valid;
  core.captured = std::move(captured);
  core.scheduled = std::make_shared<const plan::Plan>(std::move(joined).value());
  core.plan_id = plan::plan_id(*core.scheduled);
  return runtime::Unit{};
}

}  // namespace genie::scheduler
