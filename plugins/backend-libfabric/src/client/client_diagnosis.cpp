#include "client/client_diagnosis.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

#include "client/worker_link.hpp"
#include "diagnosis/machine.hpp"
#include "diagnosis/trust.hpp"
#include "genie/exec/program.hpp"
#include "genie/plan/json.hpp"

namespace genie::remote {

namespace {

constexpr std::chrono::milliseconds kGoodbye{200};
constexpr std::chrono::milliseconds kPoll{5};

/// A client's connections to its workers, and nothing else of it.
class Workers {
 public:
  Workers(const genie::Call& call, const ClientOptions& options, const Dial& how)
      : outcomes_(options.workers.size(), genie::Done{}) {
    for (const Endpoint& at : options.workers)
      links_.push_back(
          std::make_shared<WorkerLink>(io_, at, options.provider, options.check_values, [](Frame) {}));
    io_.every_tick([this] {
      for (const auto& link : links_)
        link->look_after();
    });
    std::vector<std::thread> dialling;
    for (std::size_t w = 0; w < links_.size(); ++w)
      dialling.emplace_back([&, w] { outcomes_[w] = links_[w]->connect(call, how); });
    for (std::thread& thread : dialling)
      thread.join();
  }
  Workers(const Workers&) = delete;
  ~Workers() {
    for (const auto& link : links_)
      link->close();
    // Workers that hear a goodbye need not wait for the lease.
    const auto until = std::chrono::steady_clock::now() + kGoodbye;
    while (std::ranges::any_of(links_, &WorkerLink::alive) && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(kPoll);
    io_.stop();
  }
  [[nodiscard]] const std::vector<std::shared_ptr<WorkerLink>>& links() const { return links_; }
  [[nodiscard]] const std::vector<genie::Outcome>& outcomes() const { return outcomes_; }

 private:
  std::vector<std::shared_ptr<WorkerLink>> links_;
  std::vector<genie::Outcome> outcomes_;
  Io io_;  // last: its thread ends first
};

/// {"torch": "2.13.0"} as "torch 2.13.0".
std::map<std::string, std::string> versions_of(const WorkerLink& link) {
  std::map<std::string, std::string> versions;
  const auto document = plan::json::Document::parse(link.welcome().versions);
  if (!document || !document->root().is(plan::json::Kind::object)) return versions;
  for (const auto& [name, version] : document->root().items())
    if (version.is(plan::json::Kind::string)) versions.emplace(name, version.string());
  return versions;
}

void look_at_paths(const genie::Call& call, Findings& findings, const std::string& about, WorkerLink& link) {
  const FoundPath& taken = link.data_path();
  auto all = link.all_paths(call);
  if (!all) return findings.add(about, "data path", all.error());
  if (taken.path == kControl)
    findings.add({about, "data path", Found::ok,
                  all->empty() ? "taken: control; `payload` leaves everything there"
                               : "taken: control, as none of the others can be"});
  for (const datapath::Finding& path : *all) {
    if (path.usable && path.provider == taken.path)
      findings.add({about, path.path, Found::ok, "taken: " + path.why});
    else if (path.usable)
      findings.add({about, path.path, Found::ok, "could be taken, after " + taken.path + ": " + path.why});
    else
      findings.add({about, path.path, Found::absent, path.why});
  }
}

void look_at_worker(const genie::Call& call, Findings& findings, WorkerLink& link,
                    const genie::Outcome& connected) {
  const std::string about = "worker " + link.at().text();
  if (!connected) return findings.add(about, "connection", connected.error());
  const Welcome& welcome = link.welcome();
  findings.add({about, "connection", Found::ok,
                link.software() + ", protocol " + std::to_string(welcome.protocol) +
                    ", takes this client for " + welcome.identity + ", lease " +
                    std::to_string(welcome.lease_ms) + " ms"});
  std::string versions;
  for (const auto& [name, version] : versions_of(link))
    versions += (versions.empty() ? "" : ", ") + name + " " + version;
  if (!versions.empty()) findings.add({about, "versions", Found::ok, versions});
  for (const plan::Device& device : link.topology().devices) {
    std::string kernels;
    for (const std::string& id : device.kernels)
      kernels += (kernels.empty() ? "" : ", ") + id;
    findings.add({about, "device " + device.id, Found::ok,
                  device.kind + ", " + std::to_string(device.memory_bytes >> 20) + " MiB, " + kernels});
  }
  look_at_paths(call, findings, about, link);
}

/// What can only be wrong with several of them.
void compare(Findings& findings, const std::vector<std::shared_ptr<WorkerLink>>& links) {
  std::map<std::string, std::string> owners;
  std::map<std::string, std::map<std::string, std::string>> said;  // name → version → a worker
  for (const auto& link : links) {
    if (!link->alive()) continue;
    for (const plan::Device& device : link->topology().devices)
      if (const auto [at, fresh] = owners.emplace(device.id, link->at().text()); !fresh)
        findings.add({"all workers", "devices", Found::fault,
                      at->second + " and " + link->at().text() + " both have a device " + device.id,
                      "give each device an id of its own in the worker configs", "GE0807"});
    for (const auto& [name, version] : versions_of(*link))
      if (name == "torch" || name == "cpu_capability") said[name].emplace(version, link->name());
  }
  for (const auto& [name, versions] : said) {
    if (versions.size() < 2) continue;
    std::string all;
    for (const auto& [version, worker] : versions)
      all += (all.empty() ? "" : ", ") + version + " on " + worker;
    findings.add({"all workers", name, Found::warning,
                  "they differ (" + all + "): results may differ in their last bits by placement",
                  "use machines and releases of one kind where equal bits matter"});
  }
}

}  // namespace

genie::Expected<std::string> diagnose_client(const genie::Call& call, std::string_view text) {
  if (text.empty()) return look_at_machine("auto").json();
  auto options = read_client_options(text);
  if (!options) return std::move(options).error();
  Findings findings = look_at_machine(options->provider);
  findings.add(look_at_trust(options->token_file, options->keys, Role::client));
  auto how = how_to_dial(*options);
  if (!how) {
    // What is wrong with the files was said; without them nobody can be asked.
    for (const Endpoint& at : options->workers)
      findings.add({"worker " + at.text(), "connection", Found::fault,
                    "not tried: there is nothing to prove this client with"});
    return findings.json();
  }
  const Workers workers(call, *options, *how);
  for (std::size_t w = 0; w < workers.links().size(); ++w)
    look_at_worker(call, findings, *workers.links()[w], workers.outcomes()[w]);
  compare(findings, workers.links());
  return findings.json();
}

}  // namespace genie::remote
