#include "services/trace.hpp"

#include <utility>

#include "services/status.hpp"

namespace genie::services {

void TraceBuffer::add(std::uint64_t job, const genie_trace_event& event) {
  TraceEvent owned{event.kind,
                   event.step,
                   job,
                   std::string(view(event.process)),
                   std::string(view(event.queue)),
                   std::string(view(event.name)),
                   std::string(view(event.scope)),
                   event.t_ns,
                   event.duration_ns,
                   event.bytes,
                   event.flow};
  const std::lock_guard lock(mutex_);
  if (events_.size() >= capacity_)
    ++dropped_;
  else
    events_.push_back(std::move(owned));
}

std::vector<TraceEvent> TraceBuffer::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(events_, {});
}

std::uint64_t TraceBuffer::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace genie::services
