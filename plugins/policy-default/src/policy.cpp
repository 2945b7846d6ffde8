#include "policy.hpp"

#include <algorithm>

#include "answer.hpp"
#include "fill.hpp"
#include "genie/plan/codec.hpp"

namespace genie::policy {

namespace {

/// Rounds in which the search's budgets shrink by what the plan library's count was above its own.
constexpr int kMaxRounds = 8;
/// Plans of at most so many nodes have their finalists simulated: there a reader sees through any placement, so time alone counts.
constexpr Index kMaxSimulated = 32;

genie::Error error_of(std::uint32_t code, const plan::Diagnostics& diagnostics) {
  genie::Error error{code, diagnostics.front().message};
  if (!diagnostics.front().help.empty()) error.message += ": " + diagnostics.front().help;
  error.node = diagnostics.front().node;
  error.diagnostics = plan::to_json(diagnostics);
  return error;
}

bool is_infeasible(const plan::Diagnostics& diagnostics) {
  return std::ranges::all_of(diagnostics, [](const plan::Diagnostic& d) {
    return d.code == "GE0552" || d.code == "GE0553" || d.code == "GE0554";
  });
}

struct Solution {
  Placed placed;
  plan::Plan joined;
};

std::uint64_t total_makespan(const plan::Plan& joined) {
  std::uint64_t sum = 0;
  for (const auto& [name, method] : joined.schedule->methods)
    sum += method.predicted ? method.predicted->makespan_ns : 0;
  return sum;
}

/// Small plans: the search's finalists by the plan library's own clock, which knows what the search's estimate leaves out.
void decide_by_simulation(const Question& question, const std::vector<std::uint64_t>& memory,
                          Solution& best) {
  const Problem& p = *question.problem;
  if (question.goal.objective != Objective::latency || p.methods.size() != 1 || p.device_count == 1 ||
      p.node_count > kMaxSimulated)
    return;
  const auto simulated = [&](const Placed& placed) -> std::optional<plan::Plan> {
    auto joined = plan::join_schedule(*p.plan, make_schedule(question, placed), *p.topology, *question.costs);
    if (!joined) return std::nullopt;
    const auto& predicted = joined->schedule->methods.begin()->second.predicted;
    if (!predicted) return std::nullopt;
    for (std::size_t d = 0; d < p.device_count; ++d)
      if (const auto peak = predicted->peak_bytes.find(p.device_id(d));
          peak != predicted->peak_bytes.end() && peak->second > memory[d])
        return std::nullopt;
    return *std::move(joined);
  };
  std::optional<Solution> other;
  for (Placed& placed : contenders(p, question.rules, memory))
    if (auto joined = simulated(placed);
        joined && total_makespan(*joined) < total_makespan(other ? other->joined : best.joined))
      other = Solution{std::move(placed), *std::move(joined)};
  if (!other) return;
  const std::uint64_t limit = total_makespan(other->joined);
  other->placed = merged_while(p, std::move(other->placed), [&](const Placed& placed) {
    const auto joined = simulated(placed);
    return joined && total_makespan(*joined) <= limit;
  });
  if (auto joined = simulated(other->placed)) best = {std::move(other->placed), *std::move(joined)};
}

/// Has the plan library predict what a search found, and searches again under tighter budgets while its peaks exceed the real ones.
/// The two counts differ by another amount for each placement, so budgets shrink by what was too much, or by ever more of it.
/// `search`: budgets → placement, or nothing; `first` is what it found for the real ones.
template <class Search>
std::optional<Solution> solve_within(const Question& question, const std::vector<std::uint64_t>& real,
                                     const Placed& first, bool faster, Search search) {
  const Problem& p = *question.problem;
  std::vector<std::uint64_t> memory = real;
  std::optional<Placed> placed = first;
  for (int round = 0; round < kMaxRounds; ++round) {
    if (round > 0) placed = search(memory);
    if (!placed) return std::nullopt;
    auto joined =
        plan::join_schedule(*p.plan, make_schedule(question, *placed), *p.topology, *question.costs);
    if (!joined) return std::nullopt;
    bool fits = true;
    for (const auto& [name, method] : joined->schedule->methods) {
      if (!method.predicted) return std::nullopt;
      for (std::size_t d = 0; d < p.device_count; ++d) {
        const auto peak = method.predicted->peak_bytes.find(p.device_id(d));
        if (peak == method.predicted->peak_bytes.end() || peak->second <= real[d]) continue;
        memory[d] -= std::min(memory[d], (peak->second - real[d]) << (faster ? round : 0));
        fits = false;
      }
    }
    if (fits) return Solution{*std::move(placed), *std::move(joined)};
  }
  return std::nullopt;
}

/// More devices than the search takes: filled one after the other.
std::optional<Solution> solve_by_filling(const Question& question) {
  const Problem& p = *question.problem;
  const std::vector<std::uint64_t> real = memory_under(p, question.rules);
  for (const bool cautious : {true, false}) {
    const auto search = [&](const std::vector<std::uint64_t>& memory) {
      return fill(p, question.rules, memory, cautious);
    };
    if (const auto first = search(real))
      if (auto solution = solve_within(question, real, *first, true, search)) return solution;
  }
  return std::nullopt;
}

std::optional<Solution> solve(const Question& question) {
  const Problem& p = *question.problem;
  const std::vector<std::uint64_t> real = memory_under(p, question.rules);
  for (const bool thorough : {true, false}) {
    const auto search = [&](const std::vector<std::uint64_t>& memory) {
      return place(p, question.rules, memory, question.goal, thorough);
    };
    // What has no room by the search's own count will not get any from smaller budgets.
    const auto first = search(real);
    if (!first) continue;
    for (const bool faster : {false, true})
      if (auto solution = solve_within(question, real, *first, faster, search)) {
        decide_by_simulation(question, real, *solution);
        return solution;
      }
  }
  return std::nullopt;
}

/// With separate rules: the best of the first few ways to keep their groups apart.
std::optional<Solution> solve_apart(const Question& question) {
  if (question.problem->device_count > kMaxSearched) return solve_by_filling(question);
  constexpr int kThorough = 6;
  const auto ways = separations(*question.problem, question.rules);
  if (ways.size() == 1 && ways.front().empty()) return solve(question);
  std::optional<Solution> best;
  int tried = 0;
  for (const std::vector<Rule>& way : ways) {
    Question narrowed = question;
    for (const Rule& pin : way)
      narrowed.rules.push_back(&pin);
    if (!place(*question.problem, narrowed.rules, memory_under(*question.problem, narrowed.rules),
               question.goal, false))
      continue;
    auto solution = solve(narrowed);
    if (solution && (!best || total_makespan(solution->joined) < total_makespan(best->joined)))
      best = std::move(solution);
    if (++tried == kThorough) break;
  }
  return best;
}

}  // namespace

plan::Result<plan::Schedule> make_schedule(const plan::Plan& plan, const plan::Topology& topology,
                                           const plan::Costs& costs,
                                           const std::vector<plan::Constraint>& hints,
                                           const Options& options) {
  auto problem = make_problem(plan, topology, costs);
  if (!problem) return std::move(problem).errors();
  auto rules = make_rules(*problem, hints);
  if (!rules) return std::move(rules).errors();

  Question question{
      &*problem, &costs, {}, {}, {options.objective, options.micro_batches}, options.micro_batches};
  for (const Rule& rule : *rules)
    question.rules.push_back(&rule);
  for (;;) {
    // Fewer micro-batches hold less at once.
    for (question.goal.micro_batches = options.micro_batches; question.goal.micro_batches > 0;
         question.goal.micro_batches /= 2)
      if (auto solution = solve_apart(question))
        return finish_schedule(question, solution->placed, solution->joined);
    question.goal.micro_batches = 1;
    // The lightest soft rule goes, the later one of two equals.
    auto lightest = question.rules.end();
    for (auto at = question.rules.begin(); at != question.rules.end(); ++at)
      if ((*at)->soft && (*at)->kind != Rule::Kind::other &&
          (lightest == question.rules.end() || (*at)->weight <= (*lightest)->weight))
        lightest = at;
    if (lightest == question.rules.end())
      return problem->device_count > kMaxSearched ? explain_unfilled(*problem, question.rules)
                                                  : explain_infeasible(*problem, question.rules);
    question.dropped.push_back(*lightest);
    question.rules.erase(lightest);
  }
}

DefaultPolicy::DefaultPolicy(genie::Host host, std::string_view options) : host_(host) {
  auto read = read_options(options);
  if (!read) throw error_of(GENIE_INVALID_ARGUMENT, read.errors());
  options_ = *read;
}

genie::Expected<std::string> DefaultPolicy::schedule(const genie::Call& call,
                                                     const genie::ScheduleRequest& request) {
  auto plan = plan::decode(request.plan, {}, "plan");
  if (!plan) return error_of(GENIE_INVALID_ARGUMENT, plan.errors());
  auto topology = plan::decode_topology(request.topology, {}, "topology");
  if (!topology) return error_of(GENIE_INVALID_ARGUMENT, topology.errors());
  std::vector<plan::Constraint> hints;
  if (!request.hints.empty()) {
    auto read = plan::decode_constraints(request.hints);
    if (!read) return error_of(GENIE_INVALID_ARGUMENT, read.errors());
    hints = *std::move(read);
  }
  plan::Costs costs;
  if (request.costs.empty()) {
    costs = plan::model_costs(*plan, *topology, {});
  } else {
    auto read = plan::decode_costs(request.costs);
    if (!read) return error_of(GENIE_INVALID_ARGUMENT, read.errors());
    costs = *std::move(read);
  }
  if (call.cancelled()) return genie::cancelled();
  auto schedule = make_schedule(*plan, *topology, costs, hints, options_);
  if (!schedule)
    return error_of(is_infeasible(schedule.errors()) ? GENIE_FAILED_PRECONDITION : GENIE_INVALID_ARGUMENT,
                    schedule.errors());
  return plan::encode_schedule(*schedule);
}

}  // namespace genie::policy
