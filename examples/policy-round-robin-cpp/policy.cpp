// A scheduling policy in one screen: cuts each method into equal stages and deals them out to the devices in turn.
#include <genie/cpp/plugin.hpp>
#include <genie/cpp/policy.hpp>
#include <nlohmann/json.hpp>
#include <set>

using nlohmann::json;
class RoundRobin : public genie::Policy {
 public:
  RoundRobin(genie::Host, std::string_view options) {
    const json given = json::parse(options);
    length_ = given.value("nodes_per_stage", std::size_t{8});
    if (given.size() > given.count("nodes_per_stage") || length_ == 0)
      throw genie::invalid_argument("the only option is nodes_per_stage, at least 1");
  }
  genie::Expected<std::string> schedule(const genie::Call&, const genie::ScheduleRequest& request) override {
    const json plan = json::parse(request.plan), devices = json::parse(request.topology)["devices"];
    json methods = json::object(), decisions = json::array();
    for (const auto& [name, method] : plan["methods"].items()) {
      const json &nodes = method["nodes"], &values = method["values"];
      // Storage that something writes to stays on one device (rule V4): the stage `home` has all nodes that touch it.
      const auto root = [&](std::string id) {
        while (values.contains(id) && values[id].contains("alias_of"))
          id = values[id]["alias_of"];
        return id;
      };
      std::set<std::string> written;
      for (const json& node : nodes)
        for (const json& value : node.value("mutates", json::array()))
          written.insert(root(value));
      for (const json& write : method.value("writes", json::array()))
        written.insert(root(write["value"]));
      std::size_t first = nodes.size(), last = 0, home = 0;
      for (std::size_t i = 0; i < nodes.size(); ++i)
        for (const json flat = nodes[i].flatten(); const auto& [path, text] : flat.items())
          if (path.ends_with("/state") || (text.is_string() && written.contains(root(text))))
            first = std::min(first, i), last = i;
      json stages = json::array();
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (stages.empty() || (stages.back()["nodes"].size() >= length_ && !(i > first && i <= last)))
          stages.push_back({{"id", "s" + std::to_string(decisions.size() + stages.size())}});
        stages.back()["nodes"].push_back(nodes[i]["id"]);
        if (i == first) home = stages.size() - 1;
      }
      for (std::size_t i = 0; i < stages.size(); ++i) {
        const json& device =
            devices[(i + home * (devices.size() - 1)) % devices.size()];  // home's is the first
        stages[i].update({{"device", device["id"]}, {"kernels", device["kernels"][0]}});
        decisions.push_back({{"subject", stages[i]["id"]}, {"chose", device["id"]}, {"because", "turn"}});
      }
      methods[name] = {{"stages", stages}};
    }
    const json self = {{"plugin", "com.example.policy-round-robin"}, {"version", "1.0.0"}};
    return json{{"policy", self}, {"methods", methods}, {"decisions", decisions}}.dump();
  }

 private:
  std::size_t length_;
};
GENIE_PLUGIN("com.example.policy-round-robin", "1.0.0", {GENIE_POLICY_V1, genie::policy_table<RoundRobin>()})
