// Routes between places. A link that ends at a host serves every device there and may be passed through; one that ends at a
// device serves that device alone.
#include <algorithm>
#include <limits>
#include <map>
#include <optional>

#include "genie/plan/topology.hpp"

namespace genie::plan {
namespace {

using Number = std::uint32_t;
constexpr Number kFar = std::numeric_limits<Number>::max();

struct Edge {
  Number to;
  std::size_t link;
};

/// Places by number: hosts, and devices whose name differs from their host's.
class Network {
 public:
  explicit Network(const Topology& topology) : topology_(topology) {
    for (const Device& device : topology.devices) {
      place(device.host, true);
      if (device.id != device.host) place(device.id, false);
    }
    for (std::size_t i = 0; i < topology.links.size(); ++i) {
      const Number a = place(topology.links[i].ends[0], true);
      const Number b = place(topology.links[i].ends[1], true);
      edges_[a].push_back({b, i});
      if (a != b) edges_[b].push_back({a, i});
    }
  }

  /// The places where a device (or the client's host) reaches links: its own, then its host.
  [[nodiscard]] std::vector<Number> places_of(std::string_view id, std::string_view host) const {
    std::vector<Number> places;
    for (const std::string_view name : {id, host}) {
      const auto found = numbers_.find(name);
      if (found != numbers_.end() && (places.empty() || places.front() != found->second))
        places.push_back(found->second);
    }
    return places;
  }

  /// Fewest links, then the widest narrowest part, then the smallest sequence of link ids.
  [[nodiscard]] Route find(const std::vector<Number>& from, const std::vector<Number>& to) const {
    std::vector<Number> distance(edges_.size(), kFar);  // links to the target
    std::vector<double> width(edges_.size(), 0);        // of the widest shortest way to the target
    std::vector<Number> reached = to;
    for (const Number goal : to) {
      distance[goal] = 0;
      width[goal] = std::numeric_limits<double>::infinity();
    }
    const auto passable = [&](Number place) {
      return passes_[place] || std::find(from.begin(), from.end(), place) != from.end();
    };
    for (std::size_t next = 0; next < reached.size(); ++next) {  // grows while it is walked, by distance
      const Number here = reached[next];
      for (const Edge& edge : edges_[here]) {
        if (!passable(edge.to)) continue;
        if (distance[edge.to] == kFar) {
          distance[edge.to] = distance[here] + 1;
          reached.push_back(edge.to);
        }
        if (distance[edge.to] == distance[here] + 1)
          width[edge.to] = std::max(width[edge.to], std::min(width[here], bandwidth(edge.link)));
      }
    }

    Route route;
    Number links = kFar;
    for (const Number start : from)
      links = std::min(links, distance[start]);
    if (links == kFar) return route;
    for (const Number start : from)
      if (distance[start] == links)
        route.bandwidth_bytes_per_s = std::max(route.bandwidth_bytes_per_s, width[start]);
    route.ok = true;
    std::vector<Number> here = from;
    for (; links > 0; --links) {
      const Edge* best = nullptr;
      for (const Number start : here) {
        if (distance[start] != links) continue;
        for (const Edge& edge : edges_[start]) {
          if (distance[edge.to] + 1 != links) continue;
          if (std::min(bandwidth(edge.link), width[edge.to]) < route.bandwidth_bytes_per_s) continue;
          if (best == nullptr || topology_.links[edge.link].id < topology_.links[best->link].id) best = &edge;
        }
      }
      route.links.push_back(best->link);
      route.latency_ns += topology_.links[best->link].latency_ns;
      here = {best->to};
    }
    return route;
  }

 private:
  Number place(std::string_view name, bool passes) {
    const auto [at, fresh] = numbers_.try_emplace(name, static_cast<Number>(edges_.size()));
    if (fresh) {
      edges_.emplace_back();
      passes_.push_back(passes);
    }
    return at->second;
  }

  [[nodiscard]] double bandwidth(std::size_t link) const {
    return topology_.links[link].bandwidth_bytes_per_s;
  }

  const Topology& topology_;
  std::map<std::string_view, Number> numbers_;
  std::vector<std::vector<Edge>> edges_;
  std::vector<bool> passes_;
};

}  // namespace

struct Router::State {
  explicit State(const Topology& of) : topology(of), network(of) {
    for (const Device& device : topology.devices)
      devices.emplace(device.id, &device);
    for (std::size_t i = 0; i < topology.links.size(); ++i) {
      const Link& link = topology.links[i];
      for (const std::string& end : link.ends)
        client_linked = client_linked || (!topology.client_host.empty() && end == topology.client_host);
      keep_better(direct[std::minmax<std::string_view>(link.ends[0], link.ends[1])], i);
    }
  }

  /// The widest link between the same two ends; of equal ones, the first by id.
  void keep_better(std::optional<std::size_t>& best, std::size_t link) const {
    const Link& candidate = topology.links[link];
    if (best) {
      const Link& other = topology.links[*best];
      if (candidate.bandwidth_bytes_per_s < other.bandwidth_bytes_per_s) return;
      if (candidate.bandwidth_bytes_per_s == other.bandwidth_bytes_per_s && other.id < candidate.id) return;
    }
    best = link;
  }

  [[nodiscard]] const Device* device(std::string_view id) const {
    const auto at = devices.find(id);
    return at == devices.end() ? nullptr : at->second;
  }

  [[nodiscard]] Route same_host(const Device* from, const Device* to) const {
    Route route{.ok = true};
    if (from != nullptr && to != nullptr) {
      const auto at = direct.find(std::minmax<std::string_view>(from->id, to->id));
      if (at != direct.end()) {
        const std::size_t link = *at->second;
        route.bandwidth_bytes_per_s = topology.links[link].bandwidth_bytes_per_s;
        route.latency_ns = topology.links[link].latency_ns;
        route.links = {link};
        return route;
      }
    }
    route.bus = true;
    route.bandwidth_bytes_per_s = std::numeric_limits<double>::infinity();
    for (const Device* device : {from, to})
      if (device != nullptr)
        route.bandwidth_bytes_per_s =
            std::min(route.bandwidth_bytes_per_s, device->compute.memory_bytes_per_s);
    return route;
  }

  const Topology& topology;
  Network network;
  std::map<std::string_view, const Device*> devices;
  std::map<std::pair<std::string_view, std::string_view>, std::optional<std::size_t>> direct;  // by both ends
  bool client_linked = false;
};

Router::Router(const Topology& topology) : state_(std::make_unique<State>(topology)) {}
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;
Router::~Router() = default;

Route Router::find(std::string_view from, std::string_view to) const {
  if (from == to) return {.ok = true};
  const Topology& topology = state_->topology;
  const Device* const source = state_->device(from);
  const Device* const target = state_->device(to);
  if ((source == nullptr && !from.empty()) || (target == nullptr && !to.empty())) return {};
  const std::string_view source_host =
      source != nullptr ? std::string_view(source->host) : std::string_view(topology.client_host);
  const std::string_view target_host =
      target != nullptr ? std::string_view(target->host) : std::string_view(topology.client_host);
  if ((source == nullptr || target == nullptr) && !state_->client_linked) return {.ok = true};
  if (source_host == target_host) return state_->same_host(source, target);
  const auto places = [this](const Device* device, std::string_view host) {
    return state_->network.places_of(device != nullptr ? std::string_view(device->id) : host, host);
  };
  return state_->network.find(places(source, source_host), places(target, target_host));
}

Route route(const Topology& topology, std::string_view from, std::string_view to) {
  return Router(topology).find(from, to);
}

}  // namespace genie::plan
