#include "genie/exec/device.hpp"

#include "genie/plan/json.hpp"

namespace genie::exec {

namespace {

std::int32_t memory_kind(std::string_view device_kind) {
  if (device_kind == "cuda") return GENIE_DEVICE_CUDA;
  if (device_kind == "rocm") return GENIE_DEVICE_ROCM;
  return GENIE_DEVICE_CPU;
}

/// What kernels say of themselves.
bool says_it_copies_weights(const genie::Host& host, genie_kernels_ref kernels) {
  genie::Text text;
  if (genie_status* status = kernels.table->describe(kernels.instance, text.sink())) {
    host.get()->status_release(host.get(), status);
    return false;
  }
  const auto document = plan::json::Document::parse(text.value);
  if (!document || !document->root().is(plan::json::Kind::object)) return false;
  const auto says = document->root().find("copies_weights");
  return says && says->is(plan::json::Kind::boolean) && says->boolean();
}

}  // namespace

std::uint64_t KernelsDevice::counter(std::string_view name) const {
  genie::Text text;
  if (genie_status* status = table().stats(device_, text.sink())) {
    host_.get()->status_release(host_.get(), status);
    return 0;
  }
  const auto document = plan::json::Document::parse(text.value);
  if (!document || !document->root().is(plan::json::Kind::object)) return 0;
  const auto value = document->root().find(name);
  const bool counts = value && value->is(plan::json::Kind::integer) && value->integer() > 0;
  return counts ? static_cast<std::uint64_t>(value->integer()) : 0;
}

ResidentWeight::~ResidentWeight() {
  for (const auto& [kernels, weight] : put_)
    kernels->table().release_weight(kernels->device(), weight);
}

genie::Expected<genie_weight*> ResidentWeight::put(const genie::Call& call, KernelsDevice& kernels,
                                                   Counters& counters) {
  for (const auto& [where, weight] : put_)
    if (where == &kernels) return weight;
  genie_weight* weight = nullptr;
  std::uint64_t copied = 0;
  if (genie_status* status = kernels.table().put_weight(
          call.get(), kernels.device(), genie::str(blob_.digest), blob_.bytes, &weight, &copied))
    return kernels.host().take(status);
  counters.add("weight_bytes_copied", copied);
  put_.emplace_back(&kernels, weight);
  return weight;
}

genie::Expected<KernelsDevice*> Device::open(genie::Host host, const genie::Call& call,
                                             const std::string& plugin_id) {
  for (const auto& [id, device] : opened_)
    if (id == plugin_id) return device.get();
  auto kernels = host.kernels(call, plugin_id);
  if (!kernels) return std::move(kernels).error();
  genie_device* device = nullptr;
  // Each has the first of its kind on this machine to itself.
  if (genie_status* status = kernels->table->open(call.get(), kernels->instance, genie::str(spec_.kind), 0,
                                                  genie::str("{}"), &device)) {
    genie::Error error = host.take(status);
    error.message = "device " + spec_.id + ": " + error.message;
    return error;
  }
  const std::lock_guard hold(lock_);
  opened_.emplace_back(plugin_id,
                       std::make_unique<KernelsDevice>(host, *kernels, device, memory_kind(spec_.kind),
                                                       says_it_copies_weights(host, *kernels)));
  return opened_.back().second.get();
}

KernelsDevice* Device::any_kernels() const {
  const std::lock_guard hold(lock_);
  return opened_.empty() ? nullptr : opened_.front().second.get();
}

genie::Expected<std::shared_ptr<ResidentWeight>> Device::weight(const BlobSource& blobs,
                                                                const genie::Call& call,
                                                                const std::string& digest,
                                                                const std::string& name) {
  std::weak_ptr<ResidentWeight>& known = weights_[digest];
  if (auto resident = known.lock()) return resident;
  auto blob = blobs(call, digest);
  if (!blob) return std::move(blob).error();
  auto claim = budget_.take("weight " + name, blob->bytes.size);
  if (!claim) return std::move(claim).error();
  auto resident = std::make_shared<ResidentWeight>(*std::move(blob), *std::move(claim));
  known = resident;
  return resident;
}

bool Device::holds(std::string_view digest) const {
  const auto known = weights_.find(digest);
  return known != weights_.end() && !known->second.expired();
}

genie::Outcome Device::claim_copies() {
  std::uint64_t bytes = 0;
  for (const auto& [id, kernels] : opened_)
    if (kernels->copies_weights()) bytes += kernels->counter("packed_bytes");
  if (bytes == copies_.bytes()) return genie::Done{};
  return budget_.resize(copies_, "weights packed by kernels", bytes);
}

std::vector<std::string> Device::kernels_stats(genie::Host host) const {
  std::vector<std::string> out;
  const std::lock_guard hold(lock_);
  for (const auto& [id, kernels] : opened_) {
    genie::Text text;
    if (genie_status* status = kernels->table().stats(kernels->device(), text.sink()))
      host.get()->status_release(host.get(), status);
    else
      out.push_back(std::move(text.value));
  }
  return out;
}

}  // namespace genie::exec
