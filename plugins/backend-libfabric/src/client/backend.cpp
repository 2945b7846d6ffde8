#include "client/backend.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <thread>

#include "protocol/secret.hpp"
#include "protocol/values.hpp"

namespace genie::remote {

namespace {

/// How soon a worker that was lost must answer when it is asked whether it is back.
constexpr std::chrono::milliseconds kComeBack{300};
constexpr std::chrono::milliseconds kDrainPoll{2};

struct ProgramHandle {
  std::shared_ptr<ClientProgram> program;
};
struct SessionHandle {
  std::shared_ptr<ClientSession> session;
};
ProgramHandle& handle(genie_program* p) {
  return *reinterpret_cast<ProgramHandle*>(p);
}
SessionHandle& handle(genie_session* s) {
  return *reinterpret_cast<SessionHandle*>(s);
}

/// The worker that has a state; no step of the session is under way.
genie::Expected<std::shared_ptr<WorkerLink>> worker_of_state(ClientSession& session, std::string_view name) {
  const exec::Program& program = *session.program->program;
  if (!program.plan().states.contains(name)) {
    std::vector<std::string_view> known;
    for (const auto& [id, state] : program.plan().states)
      known.push_back(id);
    const std::string_view near = plan::json::nearest(name, known);
    return exec::problem(
        GENIE_NOT_FOUND, "GE0604", "the program has no state " + std::string(name),
        near.empty() ? "`genie-host plan show` lists the states" : "did you mean " + std::string(near) + "?");
  }
  const std::lock_guard hold(session.lock);
  if (session.running || !session.waiting.empty())
    return exec::problem(GENIE_FAILED_PRECONDITION, "GE0605", "a step of the session is under way",
                         "wait for its completion");
  return session.program->workers[session.program->worker_of[program.state_device(name)]];
}

genie::Error draining() {
  return exec::problem(GENIE_FAILED_PRECONDITION, "GE0608", "the backend is draining: it takes no more work",
                       "create another one");
}

}  // namespace

void ClientSession::lose(std::uint64_t step, std::string_view method, const genie::Error& why) {
  const std::lock_guard hold(lock);
  restored.clear();
  lost = exec::problem(GENIE_DATA_LOSS, "GE0621",
                       "the session's states are lost: step " + std::to_string(step) + " (" +
                           std::string(method) + ") ended after it had begun to write them: " + why.message,
                       "write every state back, or open a new session and repeat its steps");
}

void ClientSession::restore(std::string_view state) {
  const std::lock_guard hold(lock);
  restored.emplace(state);
  const bool whole = std::ranges::all_of(program->program->plan().states, [&](const auto& entry) {
    return !entry.second.alias_of.empty() || restored.contains(entry.first);
  });
  if (!whole) return;
  lost.reset();
  restored.clear();
}

RemoteBackend::RemoteBackend(genie::Host host, std::string_view options) : host_(host) {
  auto read = read_client_options(options);
  if (!read) throw std::move(read).error();
  options_ = *std::move(read);
  for (const Endpoint& at : options_.workers)
    workers_.push_back(std::make_shared<WorkerLink>(io_, at, options_.provider, options_.check_values,
                                                    [this](Frame frame) { came(std::move(frame)); }));
  io_.every_tick([this] { look_after(); });
}

RemoteBackend::~RemoteBackend() {
  for (const auto& worker : workers_)
    worker->close();
  // Goodbyes go out first, so that workers need not wait for the lease.
  const std::uint64_t until = monotonic_ns() + 200'000'000;
  while (std::ranges::any_of(workers_, &WorkerLink::alive) && monotonic_ns() < until)
    std::this_thread::sleep_for(kDrainPoll);
  asides_.finish();
  io_.stop();
  values_.clear();
}

// --- workers ---

/// Those never reached must answer; one that was lost may be back, or stay away.
genie::Outcome RemoteBackend::reach_workers(const genie::Call& call) {
  if (std::ranges::all_of(workers_, &WorkerLink::alive)) return genie::Done{};
  auto how = how_to_dial(options_);
  if (!how) return std::move(how).error();
  std::vector<std::thread> dialling;
  std::vector<genie::Outcome> outcomes(workers_.size(), genie::Done{});
  std::vector<bool> fresh(workers_.size());
  for (std::size_t w = 0; w < workers_.size(); ++w) {
    if (workers_[w]->alive()) continue;
    fresh[w] = true;
    Dial mine = *how;
    if (workers_[w]->known()) mine.limit = std::min(mine.limit, kComeBack);
    dialling.emplace_back([&, w, mine = std::move(mine)] { outcomes[w] = workers_[w]->connect(call, mine); });
  }
  for (std::thread& thread : dialling)
    thread.join();
  for (std::size_t w = 0; w < outcomes.size(); ++w)
    if (workers_[w]->alive() && fresh[w])
      log_way("the client", workers_[w]->name(), workers_[w]->data_path().path,
              workers_[w]->data_path().findings);
  for (std::size_t w = 0; w < workers_.size(); ++w)
    if (!outcomes[w] && (!workers_[w]->known() || outcomes[w].error().code == GENIE_CANCELLED))
      return std::move(outcomes[w]).error();
  return genie::Done{};
}

/// Bits depend on the instruction set and the library: a mixed set is said, once.
void RemoteBackend::warn_of_mixture() {
  if (std::exchange(warned_, true)) return;
  std::map<std::string, std::map<std::string, std::string>> said;  // name → version → a worker
  for (const auto& worker : workers_) {
    if (!worker->alive()) continue;
    const auto document = plan::json::Document::parse(worker->welcome().versions);
    if (!document || !document->root().is(plan::json::Kind::object)) continue;
    for (const auto& [name, version] : document->root().items())
      if (version.is(plan::json::Kind::string) && (name == "torch" || name == "cpu_capability"))
        said[std::string(name)].emplace(version.string(), worker->name());
  }
  for (const auto& [name, versions] : said) {
    if (versions.size() < 2) continue;
    std::string all;
    for (const auto& [version, worker] : versions)
      all += (all.empty() ? "" : ", ") + version + " on " + worker;
    host_.log(GENIE_LOG_WARNING, "libfabric",
              "the workers differ in " + name + " (" + all +
                  "): results may differ in their last bits by placement");
  }
}

void RemoteBackend::log_way(const std::string& from, const std::string& to, std::string_view path,
                            const std::vector<datapath::Finding>& findings) const {
  std::string text = "values from " + from + " to " + to + " take " + std::string(path);
  for (const datapath::Finding& each : findings)
    text += "; " + each.path + (each.usable ? ": " : " not: ") + each.why;
  host_.log(GENIE_LOG_INFO, "libfabric", text);
}

genie::Expected<std::string> RemoteBackend::topology(const genie::Call& call) {
  if (auto reached = reach_workers(call); !reached) return std::move(reached).error();
  plan::Topology topology;
  topology.client_host = "client";
  std::map<std::string, std::string> taken;
  for (const auto& worker : workers_) {
    if (!worker->alive()) continue;
    for (const plan::Device& device : worker->topology().devices) {
      const auto [at, fresh] = taken.emplace(device.id, worker->at().text());
      if (!fresh)
        return exec::problem(
            GENIE_FAILED_PRECONDITION, "GE0807",
            "workers " + at->second + " and " + worker->at().text() + " both have a device " + device.id,
            "give each device an id of its own in the worker configs");
      topology.devices.push_back(device);
    }
    for (const auto& [id, kernels] : worker->topology().kernels)
      topology.kernels.insert_or_assign(id, kernels);
  }
  if (topology.devices.empty())
    return exec::problem(GENIE_UNAVAILABLE, "GE0611", "no worker is left that the client can reach",
                         "start workers again, and name them in `workers`");
  std::vector<std::string> hosts{topology.client_host};
  for (const plan::Device& device : topology.devices) {
    const std::string& host = device.host.empty() ? device.id : device.host;
    if (std::ranges::find(hosts, host) == hosts.end()) hosts.push_back(host);
  }
  for (std::size_t a = 0; a < hosts.size(); ++a)
    for (std::size_t b = a + 1; b < hosts.size(); ++b) {
      plan::Link link;
      link.id = hosts[a] + "--" + hosts[b];
      link.ends[0] = hosts[a];
      link.ends[1] = hosts[b];
      link.bandwidth_bytes_per_s = options_.bandwidth_bytes_per_s;
      link.latency_ns = options_.latency_ns;
      topology.links.push_back(std::move(link));
    }
  warn_of_mixture();
  topology_ = topology;
  return plan::encode_topology(topology);
}

void RemoteBackend::look_after() {
  for (const auto& worker : workers_)
    worker->look_after();
  std::vector<std::shared_ptr<StepJob>> running;
  {
    const std::lock_guard hold(lock_);
    for (const auto& [number, weak] : sessions_)
      if (const auto session = weak.lock()) {
        const std::lock_guard inner(session->lock);
        if (session->running) running.push_back(session->running);
      }
  }
  for (const auto& job : running)
    job->look_after();
  end_waiting([](const StepJob& job) -> std::optional<genie::Error> {
    auto state = job.check();
    return state ? std::nullopt : std::optional(std::move(state).error());
  });
}

void RemoteBackend::end_waiting(const std::function<std::optional<genie::Error>(const StepJob&)>& why) {
  std::vector<std::pair<std::shared_ptr<StepJob>, genie::Error>> ended;
  {
    const std::lock_guard hold(lock_);
    for (const auto& [number, weak] : sessions_) {
      const auto session = weak.lock();
      if (!session) continue;
      const std::lock_guard inner(session->lock);
      std::erase_if(session->waiting, [&](const std::shared_ptr<StepJob>& job) {
        auto error = why(*job);
        if (error) ended.emplace_back(job, *std::move(error));
        return error.has_value();
      });
    }
  }
  for (auto& [job, error] : ended)
    job->end(std::move(error));
}

/// What a worker says unasked: a value for another one, or what happened in a step.
void RemoteBackend::came(Frame frame) {
  const bool event = frame.type() == Type::event;
  const auto value = event ? std::nullopt : decode<Value>(frame.message, frame.header.payload_bytes);
  const auto news = event ? decode<StepEvent>(frame.message) : std::nullopt;
  if (!value && !news) return;
  std::shared_ptr<StepJob> job;
  {
    const std::lock_guard hold(lock_);
    const auto at = sessions_.find(value ? value->session : news->session);
    const auto session = at == sessions_.end() ? nullptr : at->second.lock();
    if (!session) return;
    const std::lock_guard inner(session->lock);
    job = session->running;
  }
  if (!job) return;
  if (news)
    job->happened(*news);
  else
    job->pass_on(std::move(frame), *value);
}

// --- programs ---

genie::Outcome RemoteBackend::prepare(const genie::Call& call, std::string_view plan, genie_program** out,
                                      genie_completion* completion) {
  {
    const std::lock_guard hold(lock_);
    if (draining_) return draining();
  }
  auto made = prepare_program(call, plan);
  if (made) *out = reinterpret_cast<genie_program*>(new ProgramHandle{*std::move(made)});
  host_.signal(completion, made ? nullptr : host_.status(made.error()));
  return genie::Done{};
}

void RemoteBackend::release_program(genie_program* program) noexcept {
  const std::unique_ptr<ProgramHandle> owner(&handle(program));
  for (const auto& worker : owner->program->workers)
    worker->tell({Type::release_program, 0, encode_number(owner->program->number), {}});
}

// --- sessions ---

genie::Expected<genie_session*> RemoteBackend::open_session(const genie::Call& call, genie_program* program,
                                                            std::uint64_t seed) {
  auto session = std::make_shared<ClientSession>();
  session->number = next_number_++;
  session->program = handle(program).program;
  auto local = exec::Session::open(host_, call, session->program->program, seed);
  if (!local) return std::move(local).error();
  session->local = *std::move(local);
  const OpenSession message{session->number, session->program->number, seed};
  for (const auto& worker : session->program->workers)
    if (auto answer = worker->ask(call, {Type::open_session, 0, encode(message), {}}); !answer) {
      for (const auto& opened : session->program->workers)
        opened->tell({Type::close_session, 0, encode_number(session->number), {}});
      return std::move(answer).error();
    }
  const std::lock_guard hold(lock_);
  sessions_.emplace(session->number, session);
  return reinterpret_cast<genie_session*>(new SessionHandle{std::move(session)});
}

void RemoteBackend::close_session(genie_session* session) noexcept {
  const std::unique_ptr<SessionHandle> owner(&handle(session));
  for (const auto& worker : owner->session->program->workers)
    worker->tell({Type::close_session, 0, encode_number(owner->session->number), {}});
  const std::lock_guard hold(lock_);
  sessions_.erase(owner->session->number);
  std::erase_if(values_, [&](const auto& entry) { return entry.second->session == owner->session; });
}

JobLinks RemoteBackend::job_links() {
  JobLinks links;
  links.host = host_;
  links.counters = &counters_;
  links.keep = [this](KeptValue value) { return keep(std::move(value)); };
  links.kept = [this](genie_value* value) -> std::optional<KeptValue> {
    const std::lock_guard hold(lock_);
    const auto at = values_.find(value);
    if (at == values_.end()) return std::nullopt;
    return *at->second;
  };
  links.release = [this](genie_value* value) { release_value(value); };
  links.number = [this] { return next_number_++; };
  links.record = [this](const StepSeen& step) { record_.add(host_, step); };
  links.aside = [this](std::function<void()> work) { asides_.run(std::move(work)); };
  links.over = [this](const StepJob& job, bool ok) {
    if (ok) record_.over(job.job(), job.index(), job.method_name(), monotonic_ns() - job.began_ns());
    {
      const std::lock_guard hold(lock_);
      --open_jobs_;
    }
    const std::shared_ptr<ClientSession> session = job.session();
    bool ran = false;
    {
      const std::lock_guard hold(session->lock);
      ran = session->running.get() == &job;
      if (ran) session->running.reset();
    }
    if (ran) {
      const std::lock_guard hold(lock_);
      --steps_under_way_;
    }
    begin_next(*session);
  };
  return links;
}

genie::Outcome RemoteBackend::submit(const genie::Call& call, genie_session* session, const genie_step& step,
                                     genie_completion* completion) {
  if (step.micro_batches > 1) return genie::unimplemented("workers take one micro-batch at a time");
  const std::shared_ptr<ClientSession> target = handle(session).session;
  {
    const std::lock_guard hold(lock_);
    if (draining_) return draining();
    ++open_jobs_;
  }
  auto job = std::make_shared<StepJob>(job_links(), call, target, step, completion);
  {
    const std::lock_guard hold(target->lock);
    target->waiting.push_back(std::move(job));
  }
  begin_next(*target);
  return genie::Done{};
}

void RemoteBackend::begin_next(ClientSession& session) {
  std::shared_ptr<StepJob> next;
  {
    const std::lock_guard hold(session.lock);
    if (session.running || session.waiting.empty()) return;
    next = session.running = std::move(session.waiting.front());
    session.waiting.pop_front();
  }
  {
    const std::lock_guard hold(lock_);
    most_steps_ = std::max(most_steps_, ++steps_under_way_);
  }
  next->begin();
}

void RemoteBackend::cancel(std::uint64_t job) noexcept {
  std::vector<std::shared_ptr<StepJob>> meant;
  {
    const std::lock_guard hold(lock_);
    for (const auto& [number, weak] : sessions_)
      if (const auto session = weak.lock()) {
        const std::lock_guard inner(session->lock);
        if (session->running && session->running->job() == job) meant.push_back(session->running);
      }
  }
  for (const auto& running : meant)
    running->cancel();
  end_waiting([&](const StepJob& waiting) {
    return waiting.job() == job ? std::optional(genie::cancelled()) : std::nullopt;
  });
}

genie_value* RemoteBackend::keep(KeptValue value) {
  auto owned = std::make_unique<KeptValue>(std::move(value));
  auto* made = reinterpret_cast<genie_value*>(owned.get());
  const std::lock_guard hold(lock_);
  values_.emplace(made, std::move(owned));
  return made;
}

void RemoteBackend::release_value(genie_value* value) noexcept {
  std::unique_ptr<KeptValue> gone;
  {
    const std::lock_guard hold(lock_);
    const auto at = values_.find(value);
    if (at == values_.end()) return;
    gone = std::move(at->second);
    values_.erase(at);
  }
  if (gone->worker) gone->worker->tell({Type::release_value, 0, encode_number(gone->number), {}});
}

genie::Expected<genie_tensor*> RemoteBackend::read_state(const genie::Call& call, genie_session* session,
                                                         std::string_view name) {
  ClientSession& target = *handle(session).session;
  auto worker = worker_of_state(target, name);
  if (!worker) return std::move(worker).error();
  auto answer = (*worker)->ask(
      call, {Type::read_state, 0, encode(StateAccess{target.number, std::string(name), {}}), {}});
  if (!answer) return std::move(answer).error();
  const auto state = decode<StateAccess>(answer->message, answer->header.payload_bytes);
  if (!state || !state->tensor.present)
    return exec::problem(GENIE_INTERNAL, "GE0811", "the worker answered read_state with nonsense");
  return to_owned(state->tensor, answer->payload);
}

genie::Outcome RemoteBackend::write_state(const genie::Call& call, genie_session* session,
                                          std::string_view name, const genie_tensor_view& tensor) {
  ClientSession& target = *handle(session).session;
  auto worker = worker_of_state(target, name);
  if (!worker) return std::move(worker).error();
  StateAccess message{target.number, std::string(name), {}};
  Outgoing frame;
  frame.type = Type::write_state;
  auto sent = append(frame, exec::describe(tensor), true, host_, call);
  if (!sent) return std::move(sent).error();
  message.tensor = *std::move(sent);
  frame.message = encode(message);
  if (auto done = (*worker)->ask(call, std::move(frame)); !done) return std::move(done).error();
  target.restore(name);
  return genie::Done{};
}

// --- the report ---

genie::Expected<std::string> RemoteBackend::stats(const genie::Call& call) {
  std::map<std::string, std::uint64_t> counts = {
      {"weight_bytes_copied", 0}, {"state_bytes_copied", 0}, {"payload_copies", 0}, {"kernel_calls", 0},
      {"abi_calls", 0},           {"wire_bytes", 0},         {"wire_messages", 0},  {"weight_bytes_sent", 0},
      {"staging_copies", 0},      {"arenas_planned", 0},     {"arenas_grown", 0}};
  for (const auto& [name, value] : counters_.all())
    counts[name] += value;
  {
    const std::lock_guard hold(lock_);
    counts["most_steps_under_way"] = most_steps_;
  }
  std::map<std::string, std::uint64_t> peaks;
  for (const auto& worker : workers_) {
    const WorkerLink::Use use = worker->use();
    counts["wire_bytes"] += use.bytes;
    counts["wire_messages"] += use.messages;
    counts["arenas_planned"] += use.arenas_planned;
    counts["arenas_grown"] += use.arenas_grown;
    if (!worker->alive()) continue;
    ++counts["workers_on_" + worker->data_path().path];
    const auto answer = worker->ask(call, {Type::stats, 0, {}, {}});
    if (!answer) continue;
    const auto document = plan::json::Document::parse(answer->message);
    if (!document || !document->root().is(plan::json::Kind::object)) continue;
    if (const auto counters = document->root().find("counters");
        counters && counters->is(plan::json::Kind::object))
      for (const auto& [name, value] : counters->items())
        if (value.is(plan::json::Kind::integer) && value.integer() > 0)
          counts[std::string(name)] += static_cast<std::uint64_t>(value.integer());
    if (const auto devices = document->root().find("devices");
        devices && devices->is(plan::json::Kind::object))
      for (const auto& [id, device] : devices->items())
        if (device.is(plan::json::Kind::object))
          if (const auto peak = device.find("peak_bytes"); peak && peak->is(plan::json::Kind::integer))
            peaks[std::string(id)] = static_cast<std::uint64_t>(std::max<std::int64_t>(0, peak->integer()));
  }
  plan::json::Writer w;
  w.begin_object().key("devices").begin_object();
  for (const plan::Device& device : topology_.devices) {
    w.key(device.id).begin_object();
    w.key("busy_ns").value(record_.busy_ns(device.id));
    w.key("peak_bytes").value(peaks[device.id]);
    w.key("memory_bytes").value(device.memory_bytes).end_object();
  }
  w.end_object().key("counters").begin_object();
  for (const auto& [name, value] : counts)
    w.key(name).value(value);
  w.end_object();
  record_.write(w, topology_);
  w.end_object();
  return w.take();
}

genie::Outcome RemoteBackend::observe(const genie::Call&, genie_session* session,
                                      const genie_step_observer* observer) {
  ClientSession& target = *handle(session).session;
  {
    const std::lock_guard hold(target.lock);
    if (target.running || !target.waiting.empty())
      return exec::problem(GENIE_FAILED_PRECONDITION, "GE0605", "a step of the session is under way",
                           "wait for its completion to change its observer");
  }
  target.observer = observer;
  // Each worker hears of it before it hears of the next step.
  for (const auto& worker : target.program->workers)
    worker->tell({Type::watch, 0, encode(Watch{target.number, observer != nullptr}), {}});
  return genie::Done{};
}

genie::Outcome RemoteBackend::drain(const genie::Call& call) {
  for (;;) {
    std::uint64_t open = 0;
    {
      const std::lock_guard hold(lock_);
      draining_ = true;
      open = open_jobs_;
    }
    if (open == 0) return genie::Done{};
    if (call.cancelled()) return genie::cancelled();
    if (call.deadline_ns() != GENIE_NO_DEADLINE && monotonic_ns() >= call.deadline_ns())
      return exec::problem(GENIE_DEADLINE_EXCEEDED, "GE0620",
                           std::to_string(open) + " jobs were still under way at the deadline of drain",
                           "cancel them, or drain with a later deadline");
    std::this_thread::sleep_for(kDrainPoll);
  }
}

}  // namespace genie::remote
