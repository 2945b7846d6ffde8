#include "ledger.hpp"

#include <algorithm>
#include <set>

#include "genie/plan/schedule.hpp"
#include "sizes.hpp"
#include "transfers.hpp"

namespace genie::plan::detail {

namespace {

/// Storage that a weight or a state owns costs nothing more.
bool on_resident_storage(const GraphIndex& index, std::uint32_t storage) {
  const Value* value = index.values()[storage].value;
  return value != nullptr &&
         (value->alias_of.starts_with("state:") || value->alias_of.starts_with("weight:"));
}

}  // namespace

std::map<std::string, std::uint64_t, std::less<>> resident_bytes(const Plan& plan, const Schedule& schedule) {
  std::map<std::string, std::uint64_t, std::less<>> bytes;
  std::set<std::pair<std::string, std::string>> counted;  // device, blob
  for (const auto& [name, devices] : schedule.residence.weights) {
    const auto weight = plan.weights.find(name);
    if (weight == plan.weights.end()) continue;
    const auto blob = plan.blobs.find(weight->second.blob);
    const std::uint64_t size =
        blob != plan.blobs.end() ? blob->second.size_bytes : weight_bytes(weight->second);
    for (const std::string& device : devices)
      if (counted.emplace(device, weight->second.blob).second) bytes[device] += size;
  }
  std::set<std::string, std::less<>> states;
  for (const auto& [name, device] : schedule.residence.states) {
    const std::string root(root_state(plan, name));
    const auto state = plan.states.find(root);
    if (state != plan.states.end() && states.insert(root).second) bytes[device] += state_bytes(state->second);
  }
  return bytes;
}

std::uint64_t peak_of_stage(const Placement& placement, std::uint32_t stage, const Bindings& sizes) {
  const GraphIndex& index = placement.index();
  const StageUse& use = placement.stages()[stage];
  std::map<std::uint32_t, std::size_t> last_use;  // storage made here → position of its last reader
  std::set<std::uint32_t> made;
  for (std::size_t at = 0; at < use.nodes.size(); ++at) {
    for (const std::uint32_t v : index.makes(use.nodes[at])) {
      if (v == kNone) continue;
      const std::uint32_t storage = index.values()[v].storage;
      if (storage == v && !on_resident_storage(index, v)) made.insert(v);
      last_use[storage] = at;
    }
    for (const std::uint32_t v : index.reads(use.nodes[at]))
      if (v != kNone) last_use[index.values()[v].storage] = at;
  }
  for (const std::uint32_t v : use.outputs)
    last_use[index.values()[v].storage] = use.nodes.size();
  for (const StateWrite* write : use.writes)
    if (const std::uint32_t v = index.value(write->value); v != kNone)
      last_use[index.values()[v].storage] = use.nodes.size();

  std::vector<std::uint64_t> freed(use.nodes.size() + 1, 0);  // after the node at that position
  std::uint64_t live = 0;
  std::uint64_t peak = 0;
  for (std::size_t at = 0; at < use.nodes.size(); ++at) {
    const Node& node = placement.method().nodes[use.nodes[at]];
    for (const std::uint32_t v : index.makes(use.nodes[at])) {
      if (v == kNone || !made.contains(v)) continue;
      const std::uint64_t bytes = bytes_of(index.values()[v].value, sizes);
      live += bytes;
      freed[last_use[v]] += bytes;
    }
    const std::uint64_t scratch =
        node.cost && node.cost->peak_bytes ? amount_of(*node.cost->peak_bytes, sizes) : 0;
    peak = std::max(peak, live + scratch);
    live -= freed[at];
  }
  return peak;
}

Ledger::Ledger(const Placement& placement, const Schedule& schedule, const Bindings& sizes,
               std::uint32_t micro_batches)
    : placement_(&placement), sizes_(&sizes) {
  for (const auto& [device, bytes] : resident_bytes(placement.plan(), schedule))
    grow(device_number(device), bytes);
  for (std::uint32_t s = 0; s < placement.stages().size(); ++s) {
    stage_device_.push_back(device_number(placement.schedule().stages[s].device));
    stage_peak_.push_back(peak_of_stage(placement, s, sizes));
  }
  const auto use = [&](std::uint32_t device, std::uint32_t value) {
    Key at = key(device, value, 0);
    for (; at.micro_batch < micro_batches; ++at.micro_batch)
      ++holdings_[at].uses;
  };
  for (std::uint32_t s = 0; s < placement.stages().size(); ++s)
    for (const std::uint32_t v : placement.stages()[s].inputs)
      use(stage_device_[s], v);
  for (const Transfer& t : placement.schedule().transfers) {
    const std::uint32_t v = placement.index().value(t.value);
    const std::string_view from = device_of_end(placement, nullptr, t.from);
    if (v != kNone && !from.empty()) use(device_number(from), v);
  }
}

std::uint32_t Ledger::device_number(std::string_view device) {
  const auto [at, added] =
      numbers_.try_emplace(std::string(device), static_cast<std::uint32_t>(numbers_.size()));
  if (added) accounts_.emplace_back();
  return at->second;
}

// What a device holds for a value: the storage it views, up to the value that was made or received here.
Ledger::Key Ledger::key(std::uint32_t device, std::uint32_t value, std::uint32_t micro_batch) const {
  const GraphIndex& index = placement_->index();
  for (std::size_t steps = 0; steps < index.values().size(); ++steps) {
    const std::uint32_t maker = placement_->maker(value);
    const Value* declared = index.values()[value].value;
    if (maker == kNone || stage_device_[maker] != device || declared == nullptr || declared->alias_of.empty())
      break;
    const std::uint32_t viewed = index.value(declared->alias_of);
    if (viewed == kNone) break;
    value = viewed;
  }
  return {device, value, micro_batch};
}

void Ledger::note(std::uint32_t device) {
  Account& account = accounts_[device];
  if (account.changed) return;
  account.changed = true;
  account.most = account.now;
  changed_.push_back(device);
}

void Ledger::grow(std::uint32_t device, std::uint64_t bytes) {
  note(device);
  Account& account = accounts_[device];
  account.now += bytes;
  account.most = std::max(account.most, account.now);
  account.peak = std::max(account.peak, account.now);
}

void Ledger::shrink(std::uint32_t device, std::uint64_t bytes) {
  note(device);
  accounts_[device].now -= bytes;
}

void Ledger::close_instant(std::uint64_t at_ns) {
  for (const std::uint32_t device : changed_) {
    Account& account = accounts_[device];
    account.changed = false;
    MemoryPoint* last = account.curve.empty() ? nullptr : &account.curve.back();
    if (last != nullptr && last->at_ns == at_ns)  // a later round of the same instant
      *last = {at_ns, std::max(last->most_bytes, account.most), account.now};
    else if (last == nullptr || last->bytes != account.now || account.most != account.now)
      account.curve.push_back({at_ns, account.most, account.now});
  }
  changed_.clear();
}

void Ledger::hold(const Key& key, std::uint64_t bytes) {
  const auto at = holdings_.find(key);
  if (at == holdings_.end() || at->second.held || at->second.uses == 0) return;
  at->second.held = true;
  at->second.bytes = bytes;
  grow(key.device, bytes);
}

void Ledger::release(const Key& key) {
  const auto at = holdings_.find(key);
  if (at == holdings_.end() || at->second.uses == 0 || --at->second.uses != 0 || !at->second.held) return;
  shrink(key.device, at->second.bytes);
  at->second.held = false;
}

void Ledger::stage_starts(std::uint32_t stage) {
  grow(stage_device_[stage], stage_peak_[stage]);
}

void Ledger::stage_ends(std::uint32_t stage, std::uint32_t micro_batch) {
  const std::uint32_t device = stage_device_[stage];
  shrink(device, stage_peak_[stage]);
  const GraphIndex& index = placement_->index();
  for (const std::uint32_t v : placement_->stages()[stage].outputs) {
    const Key k = key(device, v, micro_batch);
    const bool owned = !on_resident_storage(index, k.storage);
    hold(k, owned ? bytes_of(index.values()[k.storage].value, *sizes_) : 0);
  }
  for (const std::uint32_t v : placement_->stages()[stage].inputs)
    release(key(device, v, micro_batch));
}

void Ledger::send_starts(std::uint32_t value, std::string_view to, std::uint32_t micro_batch) {
  if (to.empty()) return;
  hold({device_number(to), value, micro_batch}, bytes_of(placement_->index().values()[value].value, *sizes_));
}

void Ledger::send_ends(std::uint32_t value, std::string_view from, std::uint32_t micro_batch) {
  if (!from.empty()) release(key(device_number(from), value, micro_batch));
}

Table<std::uint64_t> Ledger::peaks() const {
  Table<std::uint64_t> out;
  for (const auto& [device, number] : numbers_)
    if (!device.empty()) out[device] = accounts_[number].peak;
  return out;
}

Table<std::vector<MemoryPoint>> Ledger::curves() && {
  Table<std::vector<MemoryPoint>> out;
  for (const auto& [device, number] : numbers_)
    if (!device.empty()) out[device] = std::move(accounts_[number].curve);
  return out;
}

}  // namespace genie::plan::detail

namespace genie::plan {

std::uint64_t stage_peak_bytes(const Plan& plan, std::string_view method, const Stage& stage,
                               const Bindings& sizes) {
  const auto at = plan.methods.find(method);
  if (at == plan.methods.end()) return 0;
  const detail::StageContext context(plan, method, at->second, stage);
  const detail::Placement placement(plan, at->second, *context.schedule, context.residence);
  return detail::peak_of_stage(placement, context.stage, detail::complete_sizes(plan, sizes));
}

}  // namespace genie::plan
