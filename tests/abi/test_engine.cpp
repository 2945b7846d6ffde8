// The pipeline with plug-ins that work, and with plug-ins that break a rule at each step: what the host says, and that it cleans
// up. The plug-in is plugins/engine_parts.cpp; y = relu(x) + bias.
#include <doctest/doctest.h>

#include <thread>

#include "genie/plan/codec.hpp"
#include "kept_for_ever.hpp"
#include "plugin_folder.hpp"
#include "runtime/engine.hpp"
#include "services/status.hpp"

using namespace genie;
using runtime::Category;
using runtime::Engine;

namespace {

constexpr std::size_t kColumns = 8;

// A model file, and an engine's configuration for it.
class Run {
 public:
  Run() : folder_() {
    folder_.add(
        "engine_parts",
        {.id = "org.example.parts",
         .kind = R"("frontend", "policy", "backend", "kernels")",
         .interfaces = R"("genie.frontend/1", "genie.policy/1", "genie.backend/1", "genie.kernels/1")"});
    write_model(1.0f);
    config.source.uri = model();
    config.policy = {"org.example.parts", "{}"};
    config.backend = {"org.example.parts", "{}"};
    config.plugins.paths = {folder_.path().string()};
    options.host_executable = test::from_environment("GENIE_HOST");
    options.grace = std::chrono::milliseconds(30);
    ::setenv("XDG_CACHE_HOME", folder_.path().c_str(), 1);
  }
  void write_model(float first_bias) const {
    std::string bytes(64, '.');
    for (std::size_t i = 0; i < kColumns; ++i) {
      const float bias = first_bias + static_cast<float>(i);
      bytes.append(reinterpret_cast<const char*>(&bias), sizeof bias);
    }
    std::filesystem::rename(folder_.scratch().file("new", bytes), model());
  }
  [[nodiscard]] std::string model() const { return (folder_.path() / "model.relu").string(); }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
  void frontend_fault(const std::string& name) {
    config.source.frontend = {"org.example.parts", R"({"fault":")" + name + "\"}"};
  }
  void policy_fault(const std::string& name) { config.policy.options = R"({"fault":")" + name + "\"}"; }
  void backend_fault(const std::string& name) { config.backend.options = R"({"fault":")" + name + "\"}"; }

  [[nodiscard]] runtime::Result<Engine> create() const { return Engine::create(config, options); }
  [[nodiscard]] Engine engine() const {
    auto made = create();
    REQUIRE_MESSAGE(made.ok(), (made.ok() ? std::string() : made.failure().message()));
    return *std::move(made);
  }
  [[nodiscard]] Engine loaded() const {
    Engine made = engine();
    const auto status = made.load({});
    REQUIRE_MESSAGE(status.ok(), (status.ok() ? std::string() : status.failure().message()));
    return made;
  }

  config::RunConfig config;
  runtime::EngineOptions options;

 private:
  test::PluginFolder folder_;
};

// A 2-d tensor of f32 and the view of it.
struct Matrix {
  explicit Matrix(std::int64_t rows, float value = 1.0f)
      : data(static_cast<std::size_t>(rows) * kColumns, value),
        shape{rows, static_cast<std::int64_t>(kColumns)} {
    view = {data.data(), GENIE_DEVICE_CPU, 0, 2, {GENIE_TYPE_FLOAT, 32, 1}, shape, nullptr, 0};
  }
  Matrix(const Matrix&) = delete;
  std::vector<float> data;
  std::int64_t shape[2];
  genie_tensor_view view{};
};

runtime::StepRequest request(const Matrix& x) {
  return {"forward", {{"x", &x.view, nullptr}}, {{"output", false, nullptr}}, std::nullopt};
}

const float* floats(const runtime::OwnedTensor& tensor) {
  return static_cast<const float*>(tensor.view().data);
}

void check_failure(const runtime::Failure& failure, Category category, std::string_view code,
                   std::string_view text) {
  CAPTURE(failure.message());
  CHECK(static_cast<int>(failure.category) == static_cast<int>(category));
  CHECK(failure.diagnostics.front().code == code);
  CHECK(failure.message().find(text) != std::string::npos);
}

runtime::Failure load_failure(const Run& run) {
  Engine engine = run.engine();
  const auto status = engine.load({});
  REQUIRE_FALSE(status.ok());
  return status.failure();
}

}  // namespace

TEST_CASE("engine: a config becomes results, every phase is timed, everything is named") {
  const Run run;
  Engine engine = run.loaded();
  CHECK(engine.captured()->stage == "captured");
  CHECK(engine.scheduled()->stage == "scheduled");
  CHECK(engine.plan_id() == plan::plan_id(*engine.scheduled()));
  CHECK(engine.scheduled()->schedule->policy.plugin == "org.example.parts");
  CHECK(engine.scheduled()->schedule->assumes.at("s0") == 64);  // the symbol's maximum: nobody said a size
  CHECK(engine.topology()->devices[0].kernels == std::vector<std::string>{"org.example.parts"});
  CHECK(engine.timings().load_plugins_ns > 0);
  CHECK(engine.timings().validate_ns > 0);
  CHECK(engine.versions().at("org.example.parts") == "1.0.0");
  CHECK(engine.versions().at("parts") == "1.0");
  auto session = engine.open_session(0);
  REQUIRE(session.ok());
  Matrix x(3, -2.0f);
  x.data[1] = 5.0f;
  const auto result = session->step(request(x));
  REQUIRE(result.ok());
  const runtime::OwnedTensor& y = result->outputs[0].tensor;
  CHECK(std::vector<std::int64_t>(y.shape().begin(), y.shape().end()) == std::vector<std::int64_t>{3, 8});
  CHECK(floats(y)[0] == 1.0f);
  CHECK(floats(y)[1] == 7.0f);
  CHECK(floats(y)[8] == 1.0f);
  CHECK(result->index == 0);
}
TEST_CASE("engine: inputs are lent, not copied, and outputs may be filled in place") {
  const Run run;
  Engine engine = run.loaded();
  auto session = engine.open_session(0);
  const Matrix x(2);
  Matrix y(2, 0.0f);
  genie_tensor into{};
  into.view = y.view;
  auto wanted = request(x);
  wanted.outputs[0].into = &into;
  const auto result = session->step(wanted);
  REQUIRE(result.ok());
  CHECK_FALSE(result->outputs[0].tensor);
  CHECK(y.data[7] == 9.0f);
  const auto stats = engine.stats();
  REQUIRE(stats.ok());
  const auto address = reinterpret_cast<std::uintptr_t>(x.data.data()) % (1ull << 48);
  CHECK(stats->find("\"input_address\":" + std::to_string(address)) != std::string::npos);
  CHECK(stats->find("\"abi_calls\":") != std::string::npos);
}
TEST_CASE("engine: a kept output feeds the next step where it is; states are read and written") {
  const Run run;
  Engine engine = run.loaded();
  auto session = engine.open_session(0);
  const Matrix x(2);
  auto keep = request(x);
  keep.outputs[0].keep = true;
  auto first = session->step(keep);
  REQUIRE(first.ok());
  runtime::StepRequest second{
      "forward", {{"x", nullptr, &first->outputs[0].kept}}, {{"output", false, nullptr}}, std::nullopt};
  const auto result = session->step(second);
  REQUIRE(result.ok());
  CHECK(floats(result->outputs[0].tensor)[0] == 3.0f);
  CHECK(result->index == 1);
  auto state = session->read_state("k0");
  REQUIRE(state.ok());
  CHECK(floats(*state)[1] == 4.0f);
  std::vector<float> zeros(kColumns, 0.0f);
  std::int64_t shape[] = {static_cast<std::int64_t>(kColumns)};
  REQUIRE(session
              ->write_state(
                  "k0", {zeros.data(), GENIE_DEVICE_CPU, 0, 1, {GENIE_TYPE_FLOAT, 32, 1}, shape, nullptr, 0})
              .ok());
  CHECK(floats(*session->read_state("k0"))[1] == 0.0f);
  const auto unknown = session->read_state("k1");
  REQUIRE_FALSE(unknown.ok());
  check_failure(unknown.failure(), Category::execution, "GE0661", "there is no state 'k1'");
  auto other = engine.open_session(0);
  const auto foreign = other->step(second);
  REQUIRE_FALSE(foreign.ok());
  check_failure(foreign.failure(), Category::config, "GE0652", "a kept output of another session");
}
TEST_CASE("engine: what was given out outlives the engine and its sessions") {
  const Run run;
  const std::int64_t before = services::live_statuses();
  genie_tensor* given = nullptr;
  {
    Engine engine = run.loaded();
    auto session = engine.open_session(0);
    auto result = session->step(request(Matrix(1)));
    REQUIRE(result.ok());
    given = std::move(result->outputs[0].tensor).release();
  }
  REQUIRE(given != nullptr);
  CHECK(static_cast<const float*>(given->view.data)[0] == 2.0f);
  std::jthread([given] { given->deleter(given); }).join();
  CHECK(services::live_statuses() == before);
}

TEST_CASE("engine: wrong inputs and outputs are refused by name before anything runs") {
  const Run run;
  Engine engine = run.loaded();
  auto session = engine.open_session(0);
  const Matrix x(2);
  const auto failure_of = [&](const runtime::StepRequest& wrong) {
    auto result = session->step(wrong);
    REQUIRE_FALSE(result.ok());
    return result.failure();
  };
  auto wrong = request(x);
  wrong.method = "forwards";
  check_failure(failure_of(wrong), Category::config, "GE0651", "no method 'forwards'");
  wrong = request(x);
  wrong.inputs[0].name = "y";
  check_failure(failure_of(wrong), Category::config, "GE0652", "no input 'y'");
  wrong = request(x);
  wrong.inputs.push_back(wrong.inputs[0]);
  check_failure(failure_of(wrong), Category::config, "GE0652", "more than once");
  wrong = request(x);
  wrong.inputs.clear();
  check_failure(failure_of(wrong), Category::config, "GE0653", "input 'x' of method 'forward' is missing");
  wrong = request(x);
  wrong.outputs[0].name = "logits";
  check_failure(failure_of(wrong), Category::config, "GE0655", "no output 'logits'");
  Matrix bad(2);
  bad.view.dtype.bits = 64;
  check_failure(failure_of(request(bad)), Category::config, "GE0654", "must be f32, not f64");
  bad.view.dtype.bits = 32;
  bad.view.rank = 1;
  check_failure(failure_of(request(bad)), Category::config, "GE0654", "must have 2 dimensions, not 1");
  bad.view.rank = 2;
  bad.view.device_kind = GENIE_DEVICE_CUDA;
  CHECK(failure_of(request(bad)).code == GENIE_UNIMPLEMENTED);
  const Matrix many(65);
  CHECK(static_cast<int>(failure_of(request(many)).category) == static_cast<int>(Category::config));
  CHECK(session->step(request(x)).ok());
}

TEST_CASE("engine: phases in the wrong order name the missing one") {
  const Run run;
  Engine engine = run.engine();
  CHECK(engine.schedule({}).failure().message() == "schedule was called before capture");
  CHECK(engine.prepare().failure().message() == "prepare was called before schedule");
  CHECK(engine.open_session(0).failure().message() == "open_session was called before prepare");
}
TEST_CASE("engine: the frontend is the one that knows the file; none is an error with a reason each") {
  Run run;
  std::filesystem::copy_file(run.model(), run.folder() / "model.txt");
  run.config.source.uri = (run.folder() / "model.txt").string();
  const runtime::Failure failure = load_failure(run);
  check_failure(failure, Category::invalid_plan, "GE0140", "no frontend can read");
  REQUIRE(failure.diagnostics.size() == 2);
  CHECK(failure.diagnostics[1].message == "org.example.parts: no .relu file");
}

TEST_CASE("unwinding: a failure at any phase says whose it is and leaves nothing behind") {
  const std::int64_t before = services::live_statuses();
  Run run;
  SUBCASE("no source") {
    run.config.source = {};
    check_failure(load_failure(run), Category::config, "GE0142", "names no source");
  }
  SUBCASE("a plug-in that is not there") {
    run.config.policy.plugin = "org.example.part";
    const auto made = run.create();
    REQUIRE_FALSE(made.ok());
    check_failure(made.failure(), Category::plugin, "GE0101", "there is no plug-in org.example.part");
  }
  SUBCASE("options refused") {
    run.frontend_fault("options");
    check_failure(load_failure(run), Category::config, "GE0121", "'fault' is no option of this frontend");
  }
  SUBCASE("a plan that is no plan") {
    run.frontend_fault("malformed");
    CHECK(static_cast<int>(load_failure(run).category) == static_cast<int>(Category::invalid_plan));
  }
  SUBCASE("a plan that is no graph") {
    run.frontend_fault("cyclic");
    CHECK(static_cast<int>(load_failure(run).category) == static_cast<int>(Category::invalid_plan));
  }
  SUBCASE("a topology that is none") {
    run.backend_fault("topology");
    CHECK(static_cast<int>(load_failure(run).category) == static_cast<int>(Category::plugin));
  }
  SUBCASE("a policy that finds nothing") {
    run.policy_fault("infeasible");
    check_failure(load_failure(run), Category::unschedulable, "GE0582", "nothing fits anywhere");
  }
  SUBCASE("a policy that writes nonsense") {
    run.policy_fault("malformed");
    check_failure(load_failure(run), Category::plugin, "GE0133", "schedule is malformed");
  }
  SUBCASE("A11: a policy that throws") {
    run.policy_fault("throws");
    check_failure(load_failure(run), Category::plugin, "GE0582", "a bug of the policy");
  }
  SUBCASE("a schedule for a device that does not exist") {
    run.policy_fault("unknown_device");
    check_failure(load_failure(run), Category::unschedulable, "GE0583",
                  "the schedule of org.example.parts does not");
  }
  SUBCASE("a schedule that leaves a node out") {
    run.policy_fault("leaves_out");
    check_failure(load_failure(run), Category::unschedulable, "GE0583",
                  "the schedule of org.example.parts does not");
  }
  SUBCASE("a schedule that does not fit") {
    run.backend_fault("small");
    check_failure(load_failure(run), Category::unschedulable, "GE0583", "does not hold");
  }
  SUBCASE("prepare refused") {
    run.backend_fault("prepare_refuses");
    check_failure(load_failure(run), Category::execution, "GE0659", "no such operator");
  }
  SUBCASE("prepare failed") {
    run.backend_fault("prepare_fails");
    check_failure(load_failure(run), Category::execution, "GE0659", "no room for the weights");
  }
  SUBCASE("prepared nothing") {
    run.backend_fault("prepare_gives_nothing");
    check_failure(load_failure(run), Category::plugin, "GE0132", "gave no program");
  }
  SUBCASE("no session") {
    run.backend_fault("session");
    Engine engine = run.loaded();
    check_failure(engine.open_session(0).failure(), Category::execution, "GE0660", "too many sessions");
  }
  CHECK(services::live_statuses() == before);
}

TEST_CASE("hints: a device or selector that does not exist points to the hint") {
  Run run;
  plan::Constraint hint;
  hint.id = "h0";
  hint.kind = "pin";
  hint.select = "lin";
  hint.device = "d1";
  hint.origin = "run.json#/hints/0";
  SUBCASE("device") {
    run.config.hints = {hint};
    const runtime::Failure failure = load_failure(run);
    check_failure(failure, Category::config, "GE0580", "names device 'd1'");
    CHECK(failure.diagnostics[0].help.find("did you mean 'd0'?") == 0);
    CHECK(failure.diagnostics[0].file == "run.json");
    CHECK(failure.diagnostics[0].pointer == "/hints/0");
  }
  SUBCASE("selector") {
    hint.device = "d0";
    hint.select = "linn";
    run.config.hints = {hint};
    const runtime::Failure failure = load_failure(run);
    CHECK(static_cast<int>(failure.category) == static_cast<int>(Category::config));
    CHECK(failure.diagnostics[0].pointer == "/hints/0");
  }
  SUBCASE("one that holds is kept in the plan, and a correction is the user's") {
    hint.device = "d0";
    plan::Constraint phase;
    phase.id = "h1";
    phase.kind = "phase";
    phase.select = "act";
    phase.value = "vision_encode";
    run.config.hints = {hint, phase};
    Engine engine = run.loaded();
    CHECK(engine.scheduled()->constraints.size() == 2);
    const plan::Node& node = engine.scheduled()->methods.at("forward").nodes.at(0);
    CHECK(node.semantics.phase->is == "vision_encode");
    CHECK(node.semantics.phase->by == "user");
  }
}

TEST_CASE("A15: a step that is refused, fails, or gives nothing") {
  Run run;
  const auto failure_of = [&](const char* fault) {
    run.backend_fault(fault);
    Engine engine = run.loaded();
    auto session = engine.open_session(0);
    auto result = session->step(request(Matrix(2)));
    REQUIRE_FALSE(result.ok());
    return result.failure();
  };
  check_failure(failure_of("refuses"), Category::execution, "GE0660", "not now");
  const runtime::Failure failed = failure_of("fails");
  check_failure(failed, Category::execution, "GE0660", "the device fell over (cuda 700)");
  CHECK(failed.code == GENIE_DATA_LOSS);
  CHECK(failed.diagnostics[0].node == "stage_forward");
  check_failure(failure_of("no_output"), Category::plugin, "GE0132", "gave no output 'output'");
}
TEST_CASE("A15: signals from another thread, and a second one, do no harm") {
  Run run;
  std::vector<std::string> lines;
  run.options.log = {GENIE_LOG_ERROR, [&](const services::LogLine& line) { lines.emplace_back(line.text); }};
  for (const char* fault : {"another_thread", "twice"}) {
    run.backend_fault(fault);
    Engine engine = run.loaded();
    auto session = engine.open_session(0);
    for (int i = 0; i < 3; ++i)
      CHECK(session->step(request(Matrix(2))).ok());
  }
  CHECK(lines.size() == 3);  // of the second one
}
TEST_CASE("A15: an engine that goes right after a step is not destroyed on the plug-in's thread") {
  Run run;
  run.backend_fault("another_thread");
  for (int i = 0; i < 40; ++i) {
    Engine engine = run.loaded();
    auto session = engine.open_session(0);
    CHECK(session->step(request(Matrix(2))).ok());
  }
}
TEST_CASE(
    "A15: a job that never ends is given up after its deadline and the grace, and the session with it") {
  Run run;
  std::vector<std::string> lines;
  run.options.log = {GENIE_LOG_ERROR, [&](const services::LogLine& line) { lines.emplace_back(line.text); }};
  run.backend_fault("never");
  {
    const test::KeptForEver engine_and_job;
    Engine engine = run.loaded();
    auto session = engine.open_session(0);
    // Lent for ever: the plug-in may write there at any time.
    static const Matrix x(2);
    auto late = request(x);
    late.deadline_ms = 5;
    auto result = session->step(late);
    REQUIRE_FALSE(result.ok());
    check_failure(result.failure(), Category::plugin, "GE0131", "never said that it ended");
    auto again = session->step(request(x));
    REQUIRE_FALSE(again.ok());
    check_failure(again.failure(), Category::plugin, "GE0658", "an earlier step of this session never ended");
  }
  CHECK_FALSE(lines.empty());
}
TEST_CASE("cancel: a waiting prepare and a waiting step end as interrupted, by the deadline as well") {
  Run run;
  SUBCASE("prepare") {
    run.backend_fault("prepare_waits");
    Engine engine = run.engine();
    REQUIRE(engine.capture().ok());
    REQUIRE(engine.schedule({}).ok());
    std::jthread other([&] { engine.cancel(); });
    const auto prepared = engine.prepare();
    REQUIRE_FALSE(prepared.ok());
    check_failure(prepared.failure(), Category::interrupted, "GE0657", "cancelled");
  }
  SUBCASE("step") {
    run.backend_fault("until_cancelled");
    Engine engine = run.loaded();
    auto session = engine.open_session(0);
    {
      std::jthread other([&] { engine.cancel(); });
      const auto result = session->step(request(Matrix(2)));
      REQUIRE_FALSE(result.ok());
      check_failure(result.failure(), Category::interrupted, "GE0657", "cancelled");
    }
    engine.cancel_token()->reset();
    auto late = request(Matrix(2));
    const Matrix x(2);
    late = request(x);
    late.deadline_ms = 1;
    const auto result = session->step(late);
    REQUIRE_FALSE(result.ok());
    check_failure(result.failure(), Category::execution, "GE0656", "the deadline of 1 ms passed");
    CHECK(result.failure().code == GENIE_DEADLINE_EXCEEDED);
  }
}

TEST_CASE("GE0670: a model file that changes between capture and prepare is an error") {
  const Run run;
  Engine engine = run.engine();
  REQUIRE(engine.capture().ok());
  REQUIRE(engine.schedule({}).ok());
  run.write_model(9.0f);
  const auto prepared = engine.prepare();
  REQUIRE_FALSE(prepared.ok());
  check_failure(prepared.failure(), Category::invalid_plan, "GE0670", "another file has taken its place");
}
TEST_CASE("saved plans: scheduled and captured ones run; other devices and other bytes are refused") {
  Run run;
  {
    Engine engine = run.loaded();
    std::ofstream(run.folder() / "scheduled.json") << engine.plan_document(run.folder());
    Engine captured = run.engine();
    REQUIRE(captured.capture().ok());
    std::ofstream(run.folder() / "captured.json") << captured.plan_document(run.folder());
  }
  const auto result_of = [&](const char* plan) {
    run.config.source = {};
    run.config.source.plan = (run.folder() / plan).string();
    Engine engine = run.engine();
    auto status = engine.load({});
    if (!status) return runtime::Result<float>(std::move(status).failure());
    auto session = engine.open_session(0);
    const Matrix x(1);
    auto result = session->step(request(x));
    REQUIRE(result.ok());
    return runtime::Result<float>(floats(result->outputs[0].tensor)[0]);
  };
  CHECK(*result_of("captured.json") == 2.0f);
  run.config.policy.plugin = "org.example.nobody";  // a scheduled plan needs none
  CHECK(*result_of("scheduled.json") == 2.0f);
  SUBCASE("other devices") {
    run.backend_fault("small");
    const auto refused = result_of("scheduled.json");
    REQUIRE_FALSE(refused.ok());
    check_failure(refused.failure(), Category::invalid_plan, "GE0581",
                  "the saved plan was scheduled for topology sha256:");
    CHECK(refused.failure().diagnostics[0].help.find("--reschedule") != std::string::npos);
    run.backend_fault("");
    run.config.policy.plugin = "org.example.parts";
    run.options.reschedule = true;
    CHECK(*result_of("scheduled.json") == 2.0f);
  }
  SUBCASE("other bytes, same size: only the digest tells") {
    run.write_model(9.0f);
    const auto refused = result_of("scheduled.json");
    REQUIRE_FALSE(refused.ok());
    check_failure(refused.failure(), Category::invalid_plan, "GE0674", "has other bytes");
  }
  SUBCASE("a new file with the old bytes is fine") {
    run.write_model(1.0f);
    CHECK(*result_of("scheduled.json") == 2.0f);
  }
  SUBCASE("no such plan") {
    const auto refused = result_of("none.json");
    REQUIRE_FALSE(refused.ok());
    check_failure(refused.failure(), Category::config, "GE0141", "there is no such file");
  }
}
TEST_CASE("run.add: argmax and topk become outputs of the plan") {
  Run run;
  config::AddedOutput argmax{"best", config::AddedOutput::Kind::argmax, "output", -1, 1, "/run/add/0"};
  config::AddedOutput topk{"most", config::AddedOutput::Kind::topk, "output", 1, 3, "/run/add/1"};
  SUBCASE("added") {
    run.config.run.add = {argmax, topk};
    Engine engine = run.engine();
    REQUIRE(engine.capture().ok());
    const plan::Method& method = engine.captured()->methods.at("forward");
    std::vector<std::string> names;
    for (const plan::Port& port : method.outputs)
      names.push_back(port.name);
    CHECK(names == std::vector<std::string>{"output", "best", "most.values", "most.indices"});
    const plan::Value& best = method.values.at(std::get<plan::arg::Value>(method.outputs[1].value.is).id);
    CHECK(best.dtype == plan::DType::i64);
    CHECK(plan::to_text(best.shape) == plan::to_text(std::vector<plan::Expr>{plan::Expr::symbol("s0")}));
    CHECK(engine.schedule({}).ok());
  }
  SUBCASE("an output that is not there") {
    argmax.of = "outptu";
    run.config.run.add = {argmax};
    Engine engine = run.engine();
    const auto captured = engine.capture();
    REQUIRE_FALSE(captured.ok());
    check_failure(captured.failure(), Category::config, "GE0144", "no method has an output 'outptu'");
    CHECK(captured.failure().diagnostics[0].help == "did you mean 'output'?");
    CHECK(captured.failure().diagnostics[0].pointer == "/run/add/0");
  }
  SUBCASE("a dimension that is not there") {
    argmax.dim = 2;
    run.config.run.add = {argmax};
    check_failure(run.engine().capture().failure(), Category::config, "GE0144", "there is no dimension 2");
  }
}
