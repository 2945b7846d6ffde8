// A backend with its host and kernels, driven through genie_backend_v1 alone.
#pragma once

#include <list>
#include <span>
#include <under_test.hpp>

#include "genie/plan/schedule.hpp"
#include "kernels.hpp"

namespace emulation_test {

namespace plan = genie::plan;

inline constexpr const char* kKernels = "org.example.test-kernels";
inline const std::string kDigest = "sha256:c75091e4b7bf847b99fcf74a972e1ec043c009eaf1a43c2c15cde1291b055134";

/// A completion and everything that must outlive it.
class Pending {
 public:
  Pending(std::uint64_t job, std::uint64_t deadline_ns) : call(job, deadline_ns) {}
  /// Returns once it was signalled: the error, or nothing.
  std::optional<genie::Error> wait() {
    std::unique_lock hold(completion.lock);
    completion.changed.wait(hold, [&] { return completion.signals != 0; });
    return completion.error;
  }
  int signals() {
    const std::lock_guard hold(completion.lock);
    return completion.signals;
  }
  /// A fetched output's elements.
  [[nodiscard]] std::vector<float> fetched(std::size_t i = 0) const {
    return array_of(outputs[i].tensor->view).data;
  }
  ~Pending() {
    for (genie_step_output& o : outputs)
      if (o.tensor != nullptr && o.tensor->deleter != nullptr) o.tensor->deleter(o.tensor);
  }

  TestCall call;
  genie_completion completion;
  std::list<Array> arrays;
  std::list<genie_tensor_view> views;
  std::list<std::string> names;
  std::vector<genie_step_input> inputs;
  std::vector<genie_step_output> outputs;
  genie_step step{};
  std::optional<genie::Error> refused;  // submit itself said no: the completion was not taken
};

struct In {
  std::string name;
  Array array = {};
  genie_value* kept = nullptr;
  genie_dtype dtype = {GENIE_TYPE_FLOAT, 32, 1};
};
struct Out {
  std::string name;
  std::uint32_t mode = GENIE_OUTPUT_FETCH;
};

class Rig {
 public:
  Rig(const plan::Topology& topology, const std::string& options = {}) {
    host.kernels_id = kKernels;
    host.kernels.table = genie::kernels_table<TestKernels>();
    must(host.kernels.table->create(host.get(), genie::str("{}"), &host.kernels.instance));
    host.blobs[kDigest] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    under_test_ = std::make_unique<BackendUnderTest>(host, topology, options);
    table = under_test_->table();
    must(table->create(host.get(), genie::str(under_test_->options()), &backend));
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;
  ~Rig() {
    destroy();
    under_test_.reset();
    host.kernels.table->destroy(host.kernels.instance);
  }
  void destroy() {
    for (genie_session* s : sessions_)
      table->close_session(backend, s);
    for (genie_program* p : programs_)
      table->release_program(backend, p);
    sessions_.clear();
    programs_.clear();
    if (backend != nullptr) table->destroy(std::exchange(backend, nullptr));
  }

  void must(genie_status* status) {
    if (status != nullptr) throw std::runtime_error(host.wrapper().take(status).message);
  }
  std::optional<genie::Error> error(genie_status* status) {
    if (status == nullptr) return std::nullopt;
    return host.wrapper().take(status);
  }

  std::optional<genie::Error> try_prepare(const plan::Plan& scheduled, genie_program** out) {
    const std::string bytes = plan::encode(under_test_->fitted(scheduled, backend));
    Pending pending(1, GENIE_NO_DEADLINE);
    if (auto refused =
            error(table->prepare(&pending.call.raw, backend, genie::str(bytes), out, &pending.completion)))
      return refused;
    auto failed = pending.wait();
    if (!failed) programs_.push_back(*out);
    return failed;
  }
  genie_program* prepare(const plan::Plan& scheduled) {
    genie_program* program = nullptr;
    if (auto failed = try_prepare(scheduled, &program))
      throw std::runtime_error(failed->message + " " + failed->diagnostics);
    return program;
  }
  void release(genie_program* program) {
    std::erase(programs_, program);
    table->release_program(backend, program);
  }
  genie_session* open(genie_program* program) {
    TestCall call;
    genie_session* session = nullptr;
    must(table->open_session(&call.raw, backend, program, 0, &session));
    sessions_.push_back(session);
    return session;
  }
  void close(genie_session* session) {
    std::erase(sessions_, session);
    table->close_session(backend, session);
  }

  /// Submits and returns at once.
  std::unique_ptr<Pending> submit(genie_session* session, std::uint64_t index, std::vector<In> inputs,
                                  std::vector<Out> outputs, std::uint64_t deadline_ns = GENIE_NO_DEADLINE,
                                  const std::string& method = "forward", std::uint64_t micro_batches = 0) {
    auto p = std::make_unique<Pending>(100 + index, deadline_ns);
    for (In& in : inputs) {
      Array& a = p->arrays.emplace_back(std::move(in.array));
      genie_tensor_view& v = p->views.emplace_back(
          genie_tensor_view{a.data.data(), GENIE_DEVICE_CPU, 0, static_cast<std::int32_t>(a.shape.size()),
                            in.dtype, a.shape.data(), nullptr, 0});
      p->inputs.push_back(
          {genie::str(p->names.emplace_back(in.name)), in.kept == nullptr ? &v : nullptr, in.kept});
    }
    for (const Out& out : outputs)
      p->outputs.push_back({genie::str(p->names.emplace_back(out.name)), out.mode, 0, nullptr, nullptr});
    p->step = {sizeof p->step,
               genie::str(p->names.emplace_back(method)),
               p->inputs.data(),
               p->inputs.size(),
               p->outputs.data(),
               p->outputs.size(),
               index,
               micro_batches};
    p->refused = error(table->submit(&p->call.raw, backend, session, &p->step, &p->completion));
    return p;
  }

  std::vector<float> state(genie_session* session, const std::string& name) {
    TestCall call;
    genie_tensor* tensor = nullptr;
    must(table->read_state(&call.raw, backend, session, genie::str(name), &tensor));
    Array a = array_of(tensor->view);
    tensor->deleter(tensor);
    return a.data;
  }
  std::optional<genie::Error> write(genie_session* session, const std::string& name, Array a) {
    TestCall call;
    const genie_tensor_view v{a.data.data(),
                              GENIE_DEVICE_CPU,
                              0,
                              static_cast<std::int32_t>(a.shape.size()),
                              {GENIE_TYPE_FLOAT, 32, 1},
                              a.shape.data(),
                              nullptr,
                              0};
    return error(table->write_state(&call.raw, backend, session, genie::str(name), &v));
  }
  /// The number at a path of keys in the statistics.
  std::int64_t stat(std::initializer_list<const char*> path) {
    TestCall call;
    genie::Text text;
    must(table->stats(&call.raw, backend, text.sink()));
    const auto document = plan::json::Document::parse(text.value);
    plan::json::View at = document->root();
    for (const char* key : path) {
      if (at.is(plan::json::Kind::array)) {
        int skip = std::atoi(key);
        for (const auto [none, item] : at.items())
          if (skip-- == 0) {
            at = item;
            break;
          }
        continue;
      }
      const auto found = at.find(key);
      if (!found) throw std::runtime_error(std::string("no ") + key + " in " + text.value);
      at = *found;
    }
    return at.integer();
  }

  TestHost host;
  const genie_backend_v1* table = nullptr;
  genie_backend* backend = nullptr;

 private:
  std::unique_ptr<BackendUnderTest> under_test_;
  std::vector<genie_session*> sessions_;
  std::vector<genie_program*> programs_;
};

}  // namespace emulation_test
