// The backend that the rig of tests/backend-emulation drives: here, one worker for each device of the topology, in threads of this
// process, reached over loopback. Kernels, blobs and host are the test's own, so nothing needs torch.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <future>
#include <list>
#include <thread>

#include "client/backend.hpp"
#include "genie/plan/json.hpp"
#include "genie/plan/schedule.hpp"
#include "genie/plan/topology.hpp"
#include "host.hpp"
#include "worker/service.hpp"

namespace emulation_test {

/// A service from its ready line on.
class ServiceThread {
 public:
  ServiceThread(const genie_host* host, const std::string& options, const genie::plan::Device& device)
      : host_(host), table_(genie::service_table<genie::remote::WorkerService>()) {
    must(table_->create(host, genie::str(options), &service_));
    genie::plan::Topology one;
    one.devices = {device};
    const std::string document = genie::plan::encode_topology(one);
    const auto parsed = genie::plan::json::Document::parse(document);
    devices_ = parsed->root().find("devices")->canonical();
    auto ready = ready_.get_future();
    thread_ = std::thread([this] {
      const auto tell = [](void* ctx, genie_str json) noexcept {
        static_cast<ServiceThread*>(ctx)->ready_.set_value(std::string(genie::view(json)));
      };
      must(table_->serve(&call_.raw, service_, genie::str(devices_), tell, this));
    });
    const auto line = genie::plan::json::Document::parse(ready.get());
    address_ = "127.0.0.1:" + std::to_string(line->root().find("port")->integer());
  }
  ServiceThread(const ServiceThread&) = delete;
  ~ServiceThread() {
    table_->stop(service_, 0);
    thread_.join();
    table_->destroy(service_);
  }
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  void must(genie_status* status) const {
    if (status != nullptr) throw std::runtime_error(genie::Host(host_).take(status).message);
  }
  const genie_host* host_;
  const genie_service_v1* table_;
  genie_service* service_ = nullptr;
  std::string devices_;
  TestCall call_;
  std::promise<std::string> ready_;
  std::string address_;
  std::thread thread_;
};

class BackendUnderTest {
 public:
  BackendUnderTest(TestHost& host, const genie::plan::Topology& topology, const std::string&) : host_(host) {
    char folder[] = "/tmp/genie-test-XXXXXX";
    if (::mkdtemp(folder) == nullptr) throw std::runtime_error("no folder for the token");
    folder_ = folder;
    const std::string token = R"("token_file":")" + folder_ + R"(/token")";
    text_ = "{" + token + R"(,"workers":[)";
    for (const genie::plan::Device& device : topology.devices) {
      services_.emplace_back(host.get(), "{" + token + "}", device);
      text_ += (services_.size() == 1 ? "\"" : ",\"") + services_.back().address() + "\"";
    }
    text_ += "]}";
  }
  ~BackendUnderTest() {
    services_.clear();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  BackendUnderTest(const BackendUnderTest&) = delete;

  [[nodiscard]] const genie_backend_v1* table() const {
    return genie::backend_table<genie::remote::RemoteBackend>();
  }
  [[nodiscard]] const std::string& options() const { return text_; }

  /// The same stages, joined for the topology that the workers report: its links are declared, not the test's.
  [[nodiscard]] genie::plan::Plan fitted(const genie::plan::Plan& plan, genie_backend* backend) const {
    using namespace genie::plan;
    TestCall call;
    genie::Text text;
    if (genie_status* status = table()->topology(&call.raw, backend, text.sink()))
      throw std::runtime_error(host_.wrapper().take(status).message);
    const auto topology = decode_topology(text.value);
    if (!topology) throw std::runtime_error(to_json(topology.errors()));
    Plan captured = plan;
    captured.schedule.reset();
    captured.stage = "captured";
    Schedule schedule;
    schedule.policy = plan.schedule->policy;
    for (const auto& [name, method] : plan.schedule->methods)
      for (const Stage& stage : method.stages)
        schedule.methods[name].stages.push_back(stage);
    auto joined = join_schedule(captured, schedule, *topology,
                                model_costs(captured, *topology, plan.schedule->assumes));
    if (!joined) throw std::runtime_error(to_json(joined.errors()));
    return *std::move(joined);
  }

 private:
  TestHost& host_;
  std::string folder_;
  std::string text_;
  std::list<ServiceThread> services_;
};

}  // namespace emulation_test
