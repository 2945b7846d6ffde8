// A whole run in one plug-in: a frontend, a policy, a backend and kernels for one small model, y = relu(x) + bias with a state
// that counts bias. The option "fault" makes one of them break a rule, so that the host's answer can be tested.
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <thread>

#include "genie/cpp/backend.hpp"
#include "genie/cpp/frontend.hpp"
#include "genie/cpp/kernels.hpp"
#include "genie/cpp/plugin.hpp"
#include "genie/cpp/policy.hpp"
#include "genie/plan/codec.hpp"
#include "genie/plan/topology.hpp"
#include "plan/plans.hpp"

namespace {

namespace plan = genie::plan;

constexpr std::size_t kColumns = 8;
constexpr std::size_t kBlobOffset = 64;  // where the bias lies in a source file
constexpr std::size_t kBlobBytes = kColumns * sizeof(float);

class Options {
 public:
  explicit Options(std::string_view text) : text_(text) {}
  [[nodiscard]] bool fault(std::string_view name) const {
    return text_.find("\"fault\":\"" + std::string(name) + "\"") != std::string::npos;
  }

 private:
  std::string text_;
};

class Frontend : public genie::Frontend {
 public:
  Frontend(genie::Host, std::string_view options) : options_(options) {
    if (options_.fault("options")) throw genie::invalid_argument("'fault' is no option of this frontend");
  }
  genie::Expected<genie::Probe> probe(const genie::Call&, std::string_view source) override {
    const bool known = source.ends_with(".relu");
    return genie::Probe{known ? 90u : 0u, known ? "a .relu file" : "no .relu file"};
  }
  genie::Expected<std::string> capture(const genie::Call& call, std::string_view source) override {
    call.progress(1, 1, "reading");
    if (call.cancelled()) return genie::cancelled();
    if (options_.fault("malformed")) return std::string("{\"schema\": 7}");
    if (options_.fault("cyclic"))
      return testing_plan("\"args\": [{\"value\": \"v0\"}]", "\"args\": [{\"value\": \"v2\"}]", source);
    return testing_plan("", "", source);
  }

 private:
  static std::string replace(std::string text, std::string_view from, std::string_view to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
    return text;
  }
  static std::string testing_plan(std::string_view from, std::string_view to, std::string_view source) {
    std::ifstream in{std::string(source), std::ios::binary};
    const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (bytes.size() < kBlobOffset + kBlobBytes)
      throw genie::invalid_argument("the file is too short for a bias");
    std::string text(plan::testing::kCaptured);
    if (!from.empty()) text = replace(text, from, to);
    text = replace(text, "sha256:" + std::string(64, '1'),
                   plan::digest(std::string_view(bytes).substr(kBlobOffset, kBlobBytes)));
    text = replace(text, "\"size_bytes\": 64", "\"size_bytes\": 32");
    text = replace(text, "\"offset_bytes\": 32", "\"offset_bytes\": 0");
    text = replace(text, "\"offset_bytes\": 128", "\"offset_bytes\": 64");
    return replace(text, "model.pt2", source);
  }
  Options options_;
};

// Everything on the first device.
class Policy : public genie::Policy {
 public:
  Policy(genie::Host, std::string_view options) : options_(options) {}
  genie::Expected<std::string> schedule(const genie::Call&, const genie::ScheduleRequest& request) override {
    if (options_.fault("infeasible")) return genie::failed_precondition("nothing fits anywhere");
    if (options_.fault("malformed")) return std::string("[]");
    if (options_.fault("throws")) throw std::runtime_error("a bug of the policy");
    const auto captured = plan::decode(request.plan);
    const auto topology = plan::decode_topology(request.topology);
    if (!captured || !topology) return genie::invalid_argument("malformed request");
    if (!captured->locations.empty()) return genie::internal("a policy must not see locations");
    const plan::Device& device = topology->devices.front();
    plan::Schedule schedule;
    schedule.policy = {"org.example.parts", "1.0.0", "latency", {}};
    for (const auto& [name, weight] : captured->weights)
      schedule.residence.weights[name] = {device.id};
    for (const auto& [name, state] : captured->states)
      schedule.residence.states[name] = device.id;
    for (const auto& [name, method] : captured->methods) {
      plan::Stage stage;
      stage.id = "stage_" + name;
      stage.device = options_.fault("unknown_device") ? "nowhere" : device.id;
      stage.kernels = device.kernels.front();
      for (const plan::Node& node : method.nodes)
        stage.nodes.push_back(node.id);
      if (options_.fault("leaves_out")) stage.nodes.pop_back();
      schedule.decisions.push_back({stage.id, stage.device, "memory", "there is one device", {}, {}, {}});
      schedule.methods[name].stages.push_back(std::move(stage));
    }
    return plan::encode_schedule(schedule);
  }

 private:
  Options options_;
};

struct Program {
  std::string digest;
  const float* bias = nullptr;
};
struct Session {
  Program* program;
  std::vector<float> state = std::vector<float>(kColumns, 0.0f);
};
struct Kept {
  std::vector<float> data;
  std::int64_t rows;
};

genie_tensor* make_tensor(std::vector<float> data, std::vector<std::int64_t> shape) {
  struct Owned {
    genie_tensor tensor{};
    std::vector<float> data;
    std::vector<std::int64_t> shape;
  };
  auto* owned = new Owned{{}, std::move(data), std::move(shape)};
  owned->tensor = {GENIE_DLPACK_MAJOR,
                   GENIE_DLPACK_MINOR,
                   owned,
                   [](genie_tensor* self) noexcept { delete static_cast<Owned*>(self->manager); },
                   0,
                   {owned->data.data(),
                    GENIE_DEVICE_CPU,
                    0,
                    static_cast<std::int32_t>(owned->shape.size()),
                    {GENIE_TYPE_FLOAT, 32, 1},
                    owned->shape.data(),
                    nullptr,
                    0}};
  return &owned->tensor;
}

class Backend : public genie::Backend {
 public:
  Backend(genie::Host host, std::string_view options) : host_(host), options_(options) {}
  ~Backend() override {
    for (std::jthread& thread : threads_)
      thread.join();
  }
  genie::Expected<std::string> topology(const genie::Call&) override {
    if (options_.fault("topology")) return std::string("{\"devices\": 1}");
    const std::string memory = options_.fault("small") ? "64" : "1048576";
    return R"({"schema": "genie.topology", "version": {"major": 0, "minor": 1}, "client": {"host": "d0"}, "devices": [{"id": "d0", "kind": "cpu",
      "memory_bytes": )" +
           memory +
           R"(, "compute": {"flops_per_s": 1e9, "memory_bytes_per_s": 1e9, "op_overhead_ns": 10}}], "links": []})";
  }
  genie::Outcome prepare(const genie::Call& call, std::string_view bytes, genie_program** out,
                         genie_completion* completion) override {
    if (options_.fault("prepare_refuses")) return genie::unimplemented("no such operator");
    if (options_.fault("prepare_fails")) {
      host_.signal(completion, host_.status({GENIE_RESOURCE_EXHAUSTED, "no room for the weights"}));
      return genie::Done{};
    }
    if (options_.fault("prepare_gives_nothing")) {
      host_.signal(completion, nullptr);
      return genie::Done{};
    }
    if (options_.fault("prepare_waits")) {
      const std::lock_guard lock(mutex_);
      waiting_[call.job()] = completion;
      return genie::Done{};
    }
    const auto scheduled = plan::decode(bytes);
    if (!scheduled || !scheduled->schedule) return genie::invalid_argument("malformed plan");
    if (!scheduled->locations.empty()) return genie::internal("a backend must not see locations");
    auto program = std::make_unique<Program>();
    program->digest = scheduled->weights.at("lin.bias").blob;
    auto blob = host_.map_blob(call, program->digest);
    if (!blob) return std::move(blob).error();
    program->bias = static_cast<const float*>(blob->bytes().data);
    blobs_.push_back(*std::move(blob));
    *out = reinterpret_cast<genie_program*>(program.release());
    host_.signal(completion, nullptr);
    return genie::Done{};
  }
  void release_program(genie_program* program) noexcept override {
    blobs_.clear();
    delete reinterpret_cast<Program*>(program);
  }
  genie::Expected<genie_session*> open_session(const genie::Call&, genie_program* program,
                                               std::uint64_t) override {
    if (options_.fault("session")) return genie::Error{GENIE_RESOURCE_EXHAUSTED, "too many sessions"};
    return reinterpret_cast<genie_session*>(new Session{reinterpret_cast<Program*>(program)});
  }
  void close_session(genie_session* session) noexcept override { delete reinterpret_cast<Session*>(session); }
  genie::Outcome submit(const genie::Call& call, genie_session* handle, const genie_step& step,
                        genie_completion* completion) override {
    if (options_.fault("refuses")) return genie::failed_precondition("not now");
    if (options_.fault("never")) return genie::Done{};
    if (options_.fault("until_cancelled")) {
      const std::lock_guard lock(mutex_);
      waiting_[call.job()] = completion;
      return genie::Done{};
    }
    if (options_.fault("fails")) {
      host_.signal(completion, host_.status({GENIE_DATA_LOSS, "the device fell over", "cuda", 700, false,
                                             "stage_forward"}));
      return genie::Done{};
    }
    if (options_.fault("no_output")) {
      host_.signal(completion, nullptr);
      return genie::Done{};
    }
    if (options_.fault("another_thread")) {
      threads_.emplace_back([this, handle, &step, completion] {
        compute(*reinterpret_cast<Session*>(handle), step);
        host_.signal(completion, nullptr);
      });
      return genie::Done{};
    }
    compute(*reinterpret_cast<Session*>(handle), step);
    host_.signal(completion, nullptr);
    if (options_.fault("twice")) host_.signal(completion, nullptr);
    return genie::Done{};
  }
  void cancel(std::uint64_t job) noexcept override {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find(job);
    if (found == waiting_.end()) return;
    host_.signal(found->second, host_.status(genie::cancelled()));
    waiting_.erase(found);
  }
  void release_value(genie_value* value) noexcept override { delete reinterpret_cast<Kept*>(value); }
  genie::Expected<genie_tensor*> read_state(const genie::Call&, genie_session* session,
                                            std::string_view name) override {
    if (name != "k0") return genie::not_found("there is no state '" + std::string(name) + "'");
    return make_tensor(reinterpret_cast<Session*>(session)->state, {static_cast<std::int64_t>(kColumns)});
  }
  genie::Outcome write_state(const genie::Call&, genie_session* session, std::string_view,
                             const genie_tensor_view& tensor) override {
    std::memcpy(reinterpret_cast<Session*>(session)->state.data(), tensor.data, kBlobBytes);
    return genie::Done{};
  }
  genie::Expected<std::string> stats(const genie::Call&) override {
    return "{\"counters\": {\"steps\": " + std::to_string(steps_) +
           ", \"input_address\": " + std::to_string(input_address_ % (1ull << 48)) + "}}";
  }
  genie::Outcome drain(const genie::Call&) override { return genie::Done{}; }

 private:
  void compute(Session& session, const genie_step& step) {
    ++steps_;
    const genie_step_input& input = step.inputs[0];
    const Kept* kept = reinterpret_cast<const Kept*>(input.kept);
    const std::int64_t rows = kept ? kept->rows : input.tensor->shape[0];
    const float* x = kept ? kept->data.data() : static_cast<const float*>(input.tensor->data);
    if (!kept) input_address_ = reinterpret_cast<std::uintptr_t>(input.tensor->data);
    std::vector<float> y(static_cast<std::size_t>(rows) * kColumns);
    for (std::size_t i = 0; i < y.size(); ++i)
      y[i] = (x[i] > 0 ? x[i] : 0.0f) + session.program->bias[i % kColumns];
    for (std::size_t i = 0; i < kColumns; ++i)
      session.state[i] += session.program->bias[i];
    for (std::uint64_t o = 0; o < step.output_count; ++o) {
      genie_step_output& output = step.outputs[o];
      if (output.mode == GENIE_OUTPUT_KEEP)
        output.kept = reinterpret_cast<genie_value*>(new Kept{y, rows});
      else if (output.tensor)
        std::memcpy(output.tensor->view.data, y.data(), y.size() * sizeof(float));
      else
        output.tensor = make_tensor(y, {rows, static_cast<std::int64_t>(kColumns)});
    }
  }

  genie::Host host_;
  Options options_;
  std::mutex mutex_;  // guards waiting_
  std::map<std::uint64_t, genie_completion*> waiting_;
  std::vector<genie::MappedBlob> blobs_;
  std::vector<std::jthread> threads_;
  std::uint64_t steps_ = 0;
  std::uintptr_t input_address_ = 0;
};

class Kernels : public genie::Kernels {
 public:
  Kernels(genie::Host, std::string_view) {}
  genie::Expected<std::string> describe() override {
    return std::string(
        R"({"kinds": ["cpu"], "ops": "*", "dtypes": ["f32", "i64"], "versions": {"parts": "1.0"}})");
  }
  genie::Expected<std::unique_ptr<genie::Device>> open(const genie::Call&, std::string_view, std::int32_t,
                                                       std::string_view) override {
    return genie::unimplemented("the test's backend computes by itself");
  }
};

}  // namespace

GENIE_PLUGIN("org.example.parts", "1.0.0", {GENIE_FRONTEND_V1, genie::frontend_table<Frontend>()},
             {GENIE_POLICY_V1, genie::policy_table<Policy>()},
             {GENIE_BACKEND_V1, genie::backend_table<Backend>()},
             {GENIE_KERNELS_V1, genie::kernels_table<Kernels>()})
