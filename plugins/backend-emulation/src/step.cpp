#include "step.hpp"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>

#include "executor.hpp"
#include "micro_batch.hpp"
#include "stage_times.hpp"
#include "step_faults.hpp"

namespace genie::emulation {

namespace {

std::uint64_t micro_batches_of(const genie_step& step) {
  const bool known = step.struct_size >= offsetof(genie_step, micro_batches) + sizeof step.micro_batches;
  return known ? std::max<std::uint64_t>(1, step.micro_batches) : 1;
}

class Step {
 public:
  Step(const StepContext& context, Job& job, std::shared_ptr<Session> session, const genie_step& step)
      : c_(context), job_(job), session_(std::move(session)), program_(session_->program()), step_(step) {}

  genie::Outcome run() {
    if (auto usable = session_->usable(); !usable) return usable;
    auto method = program_.method(genie::view(step_.method));
    if (!method) return std::move(method).error();
    method_ = *method;
    const std::uint64_t count = micro_batches_of(step_);
    if (auto right = check_count(count); !right) return right;
    for (std::uint64_t m = 0; m < count; ++m)
      batches_.emplace_back(c_, job_, session_, *method_, share(m, count));

    // Faults are scripted by step: with them, each micro-batch goes through all stages before the next.
    const std::size_t together = c_.faults != nullptr ? 1 : batches_.size();
    genie::Outcome outcome = genie::Done{};
    for (first_ = 0; outcome && first_ < batches_.size(); first_ += together)
      outcome = run_together(together);
    if (!outcome) {
      bool wrote = interrupted_a_write_;
      for (MicroBatch& batch : batches_) {
        batch.give_up();
        wrote = wrote || batch.wrote();
      }
      if (wrote) session_->lose(step_.index, genie::view(step_.method), outcome.error());
    }
    return outcome;
  }

 private:
  genie::Outcome check_count(std::uint64_t count) const {
    const std::uint32_t most = program_.plan().schedule->methods.find(*method_->name)->second.micro_batches;
    if (count > most)
      return problem(GENIE_INVALID_ARGUMENT, "GE0606",
                     "step " + std::to_string(step_.index) + " carries " + std::to_string(count) +
                         " micro-batches; method " + *method_->name + " is scheduled for " +
                         std::to_string(most),
                     "split it, or schedule the method for more");
    if (step_.input_count % count == 0 && step_.output_count % count == 0) return genie::Done{};
    return problem(GENIE_INVALID_ARGUMENT, "GE0606",
                   "the inputs and outputs of step " + std::to_string(step_.index) +
                       " cannot be dealt out to " + std::to_string(count) + " micro-batches",
                   "list the same inputs and outputs for each micro-batch, one micro-batch after another");
  }

  StepShare share(std::uint64_t m, std::uint64_t count) const {
    StepShare share;
    share.index = step_.index + m;
    const std::uint64_t inputs = step_.input_count / count, outputs = step_.output_count / count;
    for (std::uint64_t i = 0; i < inputs; ++i)
      share.inputs.push_back(&step_.inputs[m * inputs + i]);
    for (std::uint64_t i = 0; i < outputs; ++i)
      share.outputs.push_back(&step_.outputs[m * outputs + i]);
    return share;
  }

  /// So many micro-batches from `first_` on, overlapping.
  genie::Outcome run_together(std::size_t count) {
    started_ns_ = now_ns();
    count_ = count;
    for (std::size_t m = 0; m < count; ++m)
      if (auto ready = batch(m).prepare(); !ready) return ready;
    for (std::size_t m = 1; m < count; ++m)
      if (batch(m).bound() != batch(0).bound())
        return problem(GENIE_INVALID_ARGUMENT, "GE0606",
                       "micro-batches of step " + std::to_string(step_.index) + " differ in size",
                       "give all micro-batches of a step inputs of the same sizes");
    auto sized = program_.sized(*method_, batch(0).bound(), static_cast<std::uint32_t>(count));
    if (!sized) return std::move(sized).error();
    sized_ = *std::move(sized);
    timeline_ = &sized_->timeline;
    if (auto ready = foresee(); !ready) return ready;
    for (std::size_t m = 0; m < count; ++m)
      batch(m).begin(sized_, faults_ ? &*faults_ : nullptr);

    genie::Outcome outcome = run_stages();
    if (outcome) outcome = faults_ && faults_->halts() ? halt() : finish();
    if (!outcome) end_early();
    return outcome;
  }

  MicroBatch& batch(std::size_t number) { return batches_[first_ + number]; }
  [[nodiscard]] std::uint64_t index() const { return step_.index + first_; }

  /// Everything in the order of the virtual clock, so that a device holds at no time more than it would: a stage has its room
  /// from its start, computes at its end, and what it made leaves then.
  genie::Outcome run_stages() {
    for (const plan::Moment& moment : timeline_->moments) {
      if (faults_) faults_->come_to(moment.at_ns);
      if (auto go = come_to(moment); !go) return go;
      if (auto done = batch(moment.micro_batch).happen(moment); !done)
        return short_of_memory(moment, std::move(done));
    }
    return genie::Done{};
  }

  genie::Outcome come_to(const plan::Moment& moment) {
    if (moment.kind == plan::Event::Kind::transfer) return genie::Done{};
    if (auto go = job_.check(); !go) return go;
    c_.worker->look_after_waiting();
    // With `timing: wall`, nothing happens before its time.
    if (c_.options->timing != Timing::wall || c_.options->costs != Costs::model) return genie::Done{};
    return c_.worker->wait_until(job_, started_ns_ + moment.at_ns);
  }

  // --- faults ---

  genie::Outcome foresee() {
    faults_.reset();
    if (c_.faults == nullptr) return genie::Done{};
    auto forecast = c_.faults->forecast(program_, *method_, sized_->sizes, index(), c_.record->clock_ns());
    if (!forecast) return std::move(forecast).error();
    faults_.emplace(c_, job_, program_, *method_, index(), *std::move(forecast));
    timeline_ = &faults_->timeline();
    return genie::Done{};
  }

  genie::Outcome short_of_memory(const plan::Moment& moment, genie::Outcome outcome) const {
    if (!faults_) return outcome;
    const bool message = moment.kind == plan::Event::Kind::transfer;
    const Index place = message ? method_->messages[moment.number].place : method_->places[moment.number];
    return place < method_->stages.size()
               ? faults_->short_of_memory(method_->stages[place], std::move(outcome))
               : std::move(outcome);
  }

  /// The step ends where the forecast halts it.
  genie::Outcome halt() {
    interrupted_a_write_ = faults_->interrupts_a_write();
    if (c_.options->timing == Timing::wall)
      if (auto paced = c_.worker->wait_until(job_, started_ns_ + faults_->halt_ns()); !paced) return paced;
    record(faults_->seen(faults_->halt_ns()));
    return faults_->halted();
  }

  /// The step failed by itself, at the time it had come to.
  void end_early() {
    if (!faults_ || faults_->ended()) return;
    record(faults_->seen(faults_->now_ns()));
    faults_->end(faults_->now_ns());
  }

  void record(const plan::Timeline& timeline) {
    c_.record->add(c_.host, job_.call(), *method_, program_.plan(), timeline,
                   {job_.call().job(), index(), *method_->name, timeline.predicted.makespan_ns,
                    now_ns() - started_ns_, static_cast<std::uint32_t>(count_)});
  }

  // --- the end ---

  genie::Outcome finish() {
    for (std::size_t m = 0; m < count_; ++m)
      if (auto got = batch(m).deliver_rest(); !got) return got;
    const plan::Timeline* timeline = timeline_;
    plan::Timeline measured;
    if (c_.options->costs != Costs::model) {
      std::vector<const StageTimes*> times;
      for (std::size_t m = 0; m < count_; ++m)
        times.push_back(&batch(m).stage_ns());
      auto made = observed_timeline(*c_.options, program_, *method_, sized_->sizes, times, index());
      if (!made) return std::move(made).error();
      measured = *std::move(made);
      timeline = &measured;
    }
    if (c_.options->timing == Timing::wall)
      if (auto paced = c_.worker->wait_until(job_, started_ns_ + timeline->predicted.makespan_ns); !paced)
        return paced;
    record(*timeline);
    if (faults_) faults_->end(timeline->predicted.makespan_ns);
    return genie::Done{};
  }

  const StepContext& c_;
  Job& job_;
  std::shared_ptr<Session> session_;
  Program& program_;
  const genie_step& step_;
  const CompiledMethod* method_ = nullptr;
  std::deque<MicroBatch> batches_;
  std::size_t first_ = 0, count_ = 1;  // of those that are under way
  std::shared_ptr<const Sized> sized_;
  std::optional<StepFaults> faults_;
  const plan::Timeline* timeline_ = nullptr;  // by the cost model and the faults
  std::uint64_t started_ns_ = 0;
  bool interrupted_a_write_ = false;
};

}  // namespace

genie::Outcome run_step(const StepContext& context, Job& job, const std::shared_ptr<Session>& session,
                        const genie_step& step) {
  return Step(context, job, session, step).run();
}

}  // namespace genie::emulation
