// Preparing a program on the workers: each judges the plan, gets the weights it lacks, and compiles.
#include <algorithm>
#include <deque>

#include "client/backend.hpp"
#include "client/upload.hpp"

namespace genie::remote {

genie::Expected<std::shared_ptr<ClientProgram>> RemoteBackend::prepare_program(const genie::Call& call,
                                                                               std::string_view plan) {
  auto program = std::make_shared<ClientProgram>();
  program->number = next_number_++;
  exec::Devices devices;
  for (const plan::Device& device : topology_.devices)
    devices.push_back(std::make_shared<exec::Device>(device, false));
  exec::Counters nothing;
  auto made =
      exec::Program::make(host_, call, {topology_, devices, exec::blobs_of(host_), false}, nothing, plan);
  if (!made) return std::move(made).error();
  program->program = *std::move(made);
  for (const auto& device : devices) {
    const auto at = std::ranges::find_if(workers_, [&](const auto& worker) {
      return worker->alive() && worker->topology().device(device->spec().id) != nullptr;
    });
    if (at == workers_.end())
      return exec::problem(GENIE_UNAVAILABLE, "GE0810",
                           "the worker of device " + device->spec().id + " is gone",
                           "schedule the plan anew");
    const auto known = std::ranges::find(program->workers, *at);
    program->worker_of.push_back(static_cast<std::size_t>(known - program->workers.begin()));
    if (known == program->workers.end()) program->workers.push_back(*at);
  }
  const auto release = [&] {
    for (const auto& worker : program->workers)
      worker->tell({Type::release_program, 0, encode_number(program->number), {}});
  };
  const auto all = [&]() -> genie::Outcome {
    const Prepare message{program->number, std::string(plan), plan::encode_topology(topology_)};
    std::vector<std::vector<std::string>> missing;
    std::vector<Needs> invitations;
    // All at once: reading a cache takes its time on each.
    std::deque<WorkerLink::Waiting> waiting;
    for (const auto& worker : program->workers)
      waiting.push_back(worker->begin({Type::prepare, 0, encode(message), {}}));
    for (const auto& worker : program->workers) {
      auto answer = WorkerLink::answer(call, std::move(waiting.front()));
      waiting.pop_front();
      if (!answer) return std::move(answer).error();
      auto needs = decode<Needs>(answer->message);
      if (!needs)
        return exec::problem(GENIE_INTERNAL, "GE0811",
                             "worker " + worker->name() + " answered prepare with nonsense");
      missing.push_back(needs->digests);
      invitations.push_back(*std::move(needs));
    }
    if (auto sent = upload(call, *program, missing); !sent) return sent;
    for (std::size_t w = 0; w < program->workers.size(); ++w) {
      Compile compile{program->number, options_.provider, {}};
      for (std::size_t d = 0; d < devices.size(); ++d)
        if (const std::size_t other = program->worker_of[d]; other != w)
          compile.peers.push_back({devices[d]->spec().id, program->workers[other]->at().text(),
                                   invitations[other].ticket, invitations[other].secret});
      call.progress(w, program->workers.size(), "compiling, on " + program->workers[w]->name());
      auto answer = program->workers[w]->ask(call, {Type::compile, 0, encode(compile), {}});
      if (!answer) return std::move(answer).error();
      const auto compiled = decode<Compiled>(answer->message);
      if (!compiled)
        return exec::problem(GENIE_INTERNAL, "GE0811",
                             "worker " + program->workers[w]->name() + " answered compile with nonsense");
      for (const Compiled::Way& way : compiled->ways)
        log_way(program->workers[w]->name(), "device " + way.device, way.path, way.findings);
    }
    plan_inputs(*program);
    return genie::Done{};
  };
  if (auto done = all(); !done) {
    release();
    return std::move(done).error();
  }
  return program;
}

genie::Outcome RemoteBackend::upload(const genie::Call& call, const ClientProgram& program,
                                     const std::vector<std::vector<std::string>>& missing) {
  const auto& blobs = program.program->plan().blobs;
  const auto upload = std::make_shared<Upload>(counters_);
  for (std::size_t w = 0; w < missing.size(); ++w)
    for (const std::string& digest : missing[w]) {
      if (!blobs.contains(digest))
        return exec::problem(GENIE_INTERNAL, "GE0811",
                             "a worker asks for blob " + digest + ", which the plan lacks");
      auto mapped = host_.map_blob(call, digest);
      if (!mapped) return std::move(mapped).error();
      upload->add(program.workers[w], digest, *std::move(mapped));
    }
  return upload->run(call, io_);
}

/// Room at each worker for the inputs of one call, at the sizes that the schedule assumes.
void RemoteBackend::plan_inputs(const ClientProgram& program) {
  const exec::Program& made = *program.program;
  std::vector<std::uint64_t> most(program.workers.size());
  for (const auto& [name, schedule] : made.plan().schedule->methods) {
    const auto method = made.method(name);
    if (!method) continue;
    std::map<std::pair<std::size_t, Index>, std::uint64_t> inputs;  // each goes to a worker once
    for (Index m = 0; m < (*method)->messages.size(); ++m)
      if (const exec::Message& message = (*method)->messages[m];
          message.from == kNone && message.port != kNone && message.to != kNone)
        inputs[{program.worker_of[(*method)->slots[message.to].device], message.port}] =
            schedule.transfers[m].size_bytes;
    std::vector<std::uint64_t> bytes(most.size());
    for (const auto& [where, size] : inputs)
      bytes[where.first] += size;
    for (std::size_t w = 0; w < most.size(); ++w)
      most[w] = std::max(most[w], bytes[w]);
  }
  for (std::size_t w = 0; w < most.size(); ++w)
    program.workers[w]->plan({most[w]});
}

}  // namespace genie::remote
