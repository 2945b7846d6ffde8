// A scheduled method by numbers: which stage fills and empties which place.
#include <algorithm>
#include <queue>
#include <set>

#include "genie/exec/program.hpp"

namespace genie::exec {

namespace {

/// The longest module path that all nodes of a stage share.
std::string common_scope(const plan::GraphIndex& index, const plan::Stage& stage) {
  std::string common;
  bool first = true;
  for (const std::string& id : stage.nodes) {
    const Index n = index.node(id);
    if (n == kNone) continue;
    const std::string& scope = index.graph().nodes[n].scope;
    if (first) {
      common = scope;
      first = false;
      continue;
    }
    std::size_t same = 0;
    while (same < common.size() && same < scope.size() && common[same] == scope[same])
      ++same;
    if (same < common.size() || (same < scope.size() && scope[same] != '.')) {
      // Not in the middle of a name.
      const bool whole =
          same == common.size() ? scope[same] == '.' : same == scope.size() && common[same] == '.';
      if (!whole)
        same = same == 0                                          ? 0
               : common.rfind('.', same - 1) == std::string::npos ? 0
                                                                  : common.rfind('.', same - 1);
      common.resize(same);
    }
  }
  return common;
}

class Layout {
 public:
  Layout(const plan::Plan& plan, const std::string& name, const std::vector<plan::Plan>& documents,
         const std::vector<Index>& stage_devices)
      : documents_(documents), devices_(stage_devices) {
    const auto method = plan.methods.find(name);
    out_.name = &method->first;
    out_.method = &method->second;
    out_.index = std::make_unique<plan::GraphIndex>(method->second);
    schedule_ = &plan.schedule->methods.find(name)->second;
  }

  genie::Expected<CompiledMethod> run() {
    read_documents();
    if (auto ordered = order(); !ordered) return std::move(ordered).error();
    find_mutated();
    out_.places.assign(schedule_->stages.size(), kNone);
    for (const Index s : order_)
      add_stage(s);
    add_messages();
    add_outputs();
    for (const plan::Transfer& transfer : schedule_->transfers) {
      const auto to = std::ranges::find(schedule_->stages, transfer.to, &plan::Stage::id);
      const Index device = to == schedule_->stages.end()
                               ? kNone
                               : devices_[static_cast<std::size_t>(to - schedule_->stages.begin())];
      out_.transfers.emplace(std::pair(std::string_view(transfer.value), device), &transfer);
    }
    return std::move(out_);
  }

 private:
  struct Ends {
    std::vector<Index> inputs, outputs;  // values
  };

  const plan::GraphIndex& index() const { return *out_.index; }
  Index value_of(const plan::Port& port) const {
    const auto* value = std::get_if<plan::arg::Value>(&port.value.is);
    return value == nullptr ? kNone : index().value(value->id);
  }

  void read_documents() {
    maker_.assign(index().values().size(), kNone);
    for (Index s = 0; s < documents_.size(); ++s) {
      const plan::Method& stage = documents_[s].methods.find("stage")->second;
      Ends ends;
      for (const plan::Port& port : stage.inputs)
        ends.inputs.push_back(value_of(port));
      for (const plan::Port& port : stage.outputs)
        ends.outputs.push_back(value_of(port));
      for (const Index v : ends.outputs)
        if (v != kNone) maker_[v] = s;
      ends_.push_back(std::move(ends));
    }
  }

  /// Stages of a device in schedule order, each after what it needs.
  genie::Outcome order() {
    const std::vector<plan::Stage>& stages = schedule_->stages;
    std::vector<std::set<Index>> next(stages.size());
    std::vector<Index> waits(stages.size(), 0);
    const auto before = [&](Index a, Index b) {
      if (a != b && a != kNone && next[a].insert(b).second) ++waits[b];
    };
    awaited_.resize(stages.size());
    // On one device order is enough; elsewhere a value says that its maker is done.
    const auto wait = [&](Index a, Index b) {
      before(a, b);
      if (a == kNone || devices_[a] == devices_[b]) return;
      if (std::ranges::none_of(ends_[b].inputs, [&](Index v) { return v != kNone && maker_[v] == a; }))
        awaited_[b].insert(a);
    };
    std::map<Index, Index> last_on_device;
    std::map<std::string_view, Index> by_id;
    home_.assign(index().graph().nodes.size(), kNone);
    for (Index s = 0; s < stages.size(); ++s) {
      by_id.emplace(stages[s].id, s);
      for (const std::string& id : stages[s].nodes)
        if (const Index n = index().node(id); n != kNone) home_[n] = s;
    }
    for (Index s = 0; s < stages.size(); ++s) {
      if (const auto at = last_on_device.find(devices_[s]); at != last_on_device.end()) before(at->second, s);
      last_on_device[devices_[s]] = s;
      for (const Index v : ends_[s].inputs)
        if (v != kNone) before(maker_[v], s);
      for (const std::string& id : stages[s].after)
        if (const auto at = by_id.find(id); at != by_id.end()) wait(at->second, s);
      for (const std::string& id : stages[s].nodes)
        if (const Index n = index().node(id); n != kNone)
          for (const std::string& earlier : index().graph().nodes[n].after)
            if (const Index e = index().node(earlier); e != kNone) wait(home_[e], s);
    }
    std::priority_queue<Index, std::vector<Index>, std::greater<>> ready;
    for (Index s = 0; s < stages.size(); ++s)
      if (waits[s] == 0) ready.push(s);
    while (!ready.empty()) {
      const Index s = ready.top();
      ready.pop();
      order_.push_back(s);
      for (const Index n : next[s])
        if (--waits[n] == 0) ready.push(n);
    }
    if (order_.size() != stages.size())
      return problem(GENIE_INVALID_ARGUMENT, "GE0601",
                     "the stages of method " + *out_.name + " wait for each other in a circle",
                     "order the stages of each device so that what a stage needs is computed before it");
    return genie::Done{};
  }

  void find_mutated() {
    mutated_.assign(index().values().size(), false);
    const auto mark = [&](const std::string& id) {
      if (const Index v = index().value(id); v != kNone) mutated_[storage(v)] = true;
    };
    for (const plan::Node& node : out_.method->nodes)
      for (const std::string& id : node.mutates)
        mark(id);
  }

  Index storage(Index v) const {
    return index().values()[v].storage == kNone ? v : index().values()[v].storage;
  }
  bool in_state(Index v) const {
    const plan::Value* owner = index().values()[storage(v)].value;
    return owner != nullptr && owner->alias_of.starts_with("state:");
  }

  Index slot(Index value, Index device) {
    const auto [at, added] = slots_.try_emplace({value, device}, static_cast<Index>(out_.slots.size()));
    if (added) out_.slots.push_back({value, device, 0, late(value)});
    return at->second;
  }

  void add_stage(Index s) {
    const plan::Stage& stage = schedule_->stages[s];
    out_.places[s] = static_cast<Index>(out_.stages.size());
    CompiledStage compiled;
    compiled.stage = &stage;
    compiled.number = s;
    compiled.device = devices_[s];
    compiled.scope = common_scope(index(), stage);
    for (const Index v : ends_[s].inputs) {
      const Index from = slot(v, devices_[s]);
      ++out_.slots[from].uses;
      compiled.inputs.push_back({from});
    }
    for (const Index v : ends_[s].outputs)
      compiled.outputs.push_back(output_of(v, devices_[s]));
    for (const auto& [name, state] : documents_[s].states)
      compiled.states.push_back(name);
    for (const auto& [name, symbol] : documents_[s].symbols)
      compiled.symbols.push_back(name);
    for (const Index earlier : awaited_[s])
      compiled.after.push_back(out_.places[earlier]);
    const plan::Method& document = documents_[s].methods.find("stage")->second;
    compiled.writes_state =
        !document.writes.empty() || std::ranges::any_of(document.nodes, [&](const plan::Node& n) {
          return n.effects == "state" || std::ranges::any_of(n.mutates, [&](const std::string& id) {
                   const Index v = index().value(id);
                   return id.starts_with("state:") || (v != kNone && in_state(v));
                 });
        });
    out_.stages.push_back(std::move(compiled));
  }

  /// Up the chain of views to what was made or received on the device.
  StageOutput output_of(Index v, Index device) {
    StageOutput output{slot(v, device), v, {}, v};
    for (std::size_t steps = 0; steps < index().values().size(); ++steps) {
      const plan::Value* value = index().values()[output.holder].value;
      const Index maker = maker_of(output.holder);
      if (maker == kNone || devices_[maker] != device || value == nullptr || value->alias_of.empty()) break;
      const Index viewed = index().value(value->alias_of);
      if (viewed == kNone) break;
      output.holder = viewed;
      if (const auto at = slots_.find({viewed, device}); at != slots_.end())
        output.viewed.push_back(at->second);
    }
    return output;
  }

  /// The stage whose node makes a value, also one that stays inside it.
  Index maker_of(Index v) const {
    const Index node = index().values()[v].producer;
    return node == kNone ? kNone : home_[node];
  }

  void add_messages() {
    std::map<std::string_view, Index> by_id;
    for (Index s = 0; s < schedule_->stages.size(); ++s)
      by_id.emplace(schedule_->stages[s].id, s);
    for (const plan::Transfer& transfer : schedule_->transfers) {
      Message message;
      const Index v = index().value(transfer.value);
      if (v != kNone) {
        if (const auto from = by_id.find(transfer.from); from != by_id.end()) {
          message.from = slot(v, devices_[from->second]);
          ++out_.slots[message.from].uses;
        } else {
          message.port = index().values()[v].input;
        }
        if (const auto to = by_id.find(transfer.to); to != by_id.end()) {
          message.to = slot(v, devices_[to->second]);
          message.place = out_.places[to->second];
        }
      }
      out_.messages.push_back(message);
    }
  }

  bool late(Index v) const { return in_state(v) || mutated_[storage(v)]; }

  void add_outputs() {
    for (const plan::Port& port : out_.method->outputs) {
      Output output;
      output.port = &port;
      output.value = value_of(port);
      if (output.value != kNone) {
        const Index s = maker_[output.value];
        if (s == kNone) {
          output.input = index().values()[output.value].input;
        } else {
          output.slot = slots_.at({output.value, devices_[s]});
          output.late = late(output.value);
        }
      }
      out_.outputs.push_back(output);
    }
  }

  const std::vector<plan::Plan>& documents_;
  const std::vector<Index>& devices_;
  const plan::MethodSchedule* schedule_ = nullptr;
  CompiledMethod out_;
  std::vector<Ends> ends_;
  std::vector<Index> maker_;  // value → stage that makes it and gives it out
  std::vector<Index> home_;   // node → stage
  std::vector<std::set<Index>>
      awaited_;  // stage → those elsewhere that it comes after, reading nothing of theirs
  std::vector<Index> order_;
  std::vector<bool> mutated_;                       // per storage
  std::map<std::pair<Index, Index>, Index> slots_;  // value, device
};

}  // namespace

genie::Expected<CompiledMethod> lay_out(const plan::Plan& plan, const std::string& method,
                                        const std::vector<plan::Plan>& documents,
                                        const std::vector<Index>& stage_devices) {
  return Layout(plan, method, documents, stage_devices).run();
}

}  // namespace genie::exec
