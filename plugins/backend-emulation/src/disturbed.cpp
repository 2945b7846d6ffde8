#include "disturbed.hpp"

#include <algorithm>
#include <cmath>

namespace genie::emulation {

namespace {

using plan::FaultKind;

constexpr std::uint64_t kLongNs = kForEver / 2;

std::uint64_t scaled(double work_ns, double factor) {
  const double ns = std::ceil(work_ns * factor);
  return ns >= static_cast<double>(kLongNs) ? kLongNs : static_cast<std::uint64_t>(ns);
}

bool is_end(std::string_view wanted, std::string_view device) {
  return wanted.empty() || wanted == device || (device.empty() && wanted == "client");
}

std::size_t side_of(const plan::Fault& fault, std::string_view device) {
  for (std::size_t s = 0; s < fault.sets.size(); ++s)
    if (std::ranges::find(fault.sets[s], device) != fault.sets[s].end()) return s;
  return 0;
}

}  // namespace

bool parts(const plan::Fault& fault, std::string_view a, std::string_view b) {
  return side_of(fault, a) != side_of(fault, b);
}

std::optional<Window> Disturbed::window(std::size_t fault) const {
  const auto& absolute = out_.windows[fault];
  if (!absolute || absolute->to_ns <= out_.clock_ns) return std::nullopt;
  const auto relative = [&](std::uint64_t ns) {
    return ns == kForEver ? kForEver : ns - std::min(ns, out_.clock_ns);
  };
  return Window{relative(absolute->from_ns), relative(absolute->to_ns)};
}

void Disturbed::hit(std::size_t fault, std::uint64_t at_ns, std::string_view place,
                    std::string_view subject) {
  out_.hits.push_back({fault, at_ns, std::string(place), std::string(subject)});
}

plan::StageOutcome Disturbed::stage(const plan::Stage& stage, std::uint64_t start_ns, std::uint64_t work_ns) {
  struct Active {
    Window window;
    std::size_t fault;
    double factor;  // 0: stalled
  };
  std::vector<Active> active;
  for (std::size_t f = 0; f < c_.faults->size(); ++f) {
    const plan::Fault& fault = (*c_.faults)[f];
    if ((fault.kind != FaultKind::slow && fault.kind != FaultKind::stall) || fault.device != stage.device)
      continue;
    if (const auto open = window(f); open && open->to_ns > start_ns)
      active.push_back({*open, f, fault.kind == FaultKind::stall ? 0 : fault.factor});
  }
  plan::StageOutcome outcome{start_ns + work_ns, std::nullopt};
  if (active.empty()) return outcome;

  std::uint64_t now = start_ns;
  double left = static_cast<double>(work_ns);
  std::uint64_t stalled_since = kForEver;  // kForEver: it is not
  std::size_t stalled_by = 0;
  for (;;) {
    double factor = 1;
    bool stalled = false;
    std::uint64_t next = kForEver;
    for (const Active& one : active) {
      if (one.window.from_ns > now) {
        next = std::min(next, one.window.from_ns);
      } else if (one.window.to_ns > now) {
        next = std::min(next, one.window.to_ns);
        stalled = stalled || one.factor == 0;
        if (one.factor == 0) stalled_by = one.fault;
        factor *= one.factor == 0 ? 1 : one.factor;
      }
    }
    if (stalled) {
      stalled_since = std::min(stalled_since, now);
      if (next - stalled_since > c_.delivery->patience_ns) {
        const std::uint64_t given_up_ns = stalled_since + c_.delivery->patience_ns;
        outcome.given_up_ns = given_up_ns;
        outcome.end_ns = std::max(given_up_ns + 1, std::min(next, kLongNs));
        blamed_stall.insert_or_assign(stage.device, stalled_by);
        break;
      }
      now = next;
      continue;
    }
    stalled_since = kForEver;
    const std::uint64_t needs =
        factor == 1 ? static_cast<std::uint64_t>(std::ceil(left)) : scaled(left, factor);
    if (next == kForEver || needs <= next - now) {
      outcome.end_ns = now + needs;
      break;
    }
    left -= static_cast<double>(next - now) / factor;
    now = next;
  }
  const std::uint64_t until = outcome.given_up_ns.value_or(outcome.end_ns);
  for (const Active& one : active)
    if (one.window.from_ns < until || (one.window.from_ns == until && until == start_ns))
      hit(one.fault, std::max(start_ns, one.window.from_ns), stage.device, stage.id);
  return outcome;
}

/// Whether the fault meets this message: by its time, its selection, its count and its dice.
bool Disturbed::strikes(std::size_t f, const plan::Sending& sending) {
  const plan::Fault& fault = (*c_.faults)[f];
  const auto open = window(f);
  if (!open || sending.sent_ns < open->from_ns || sending.sent_ns >= open->to_ns) return false;
  if (!fault.link.empty() && std::ranges::find(sending.places, fault.link) == sending.places.end())
    return false;
  if (!is_end(fault.from, sending.from) || !is_end(fault.to, sending.to)) return false;
  if (!fault.transfer.empty() && fault.transfer != sending.transfer->id) return false;
  if (!fault.value.empty() && fault.value != sending.transfer->value) return false;
  if (fault.count && out_.messages_hit[f] >= *fault.count) return false;
  const auto number = static_cast<std::uint64_t>(sending.transfer - c_.transfers->data());
  const std::uint64_t draw = plan::fault_draw({c_.seed, f, c_.serial, number, sending.attempt});
  if (std::ldexp(static_cast<double>(draw >> 11), -53) >= fault.probability) return false;
  ++out_.messages_hit[f];
  hit(f, sending.sent_ns, fault.link.empty() ? sending.places.front() : fault.link, sending.transfer->id);
  return true;
}

plan::SendingOutcome Disturbed::sending(const plan::Sending& sending) {
  const std::uint64_t there_ns = sending.left_ns + sending.latency_ns;
  plan::SendingOutcome outcome;
  Attempt attempt;
  std::uint64_t extra = 0, late = 0;
  bool retry = true;
  for (std::size_t f = 0; f < c_.faults->size(); ++f) {
    const plan::Fault& fault = (*c_.faults)[f];
    if (fault.kind == FaultKind::drop || fault.kind == FaultKind::partition) {
      const auto open = window(f);
      const bool meets = fault.kind == FaultKind::drop
                             ? std::ranges::find(sending.places, fault.link) != sending.places.end()
                             : parts(fault, sending.from, sending.to);
      if (!open || !meets || !open->overlaps(sending.sent_ns, there_ns)) continue;
      attempt.lost = true;
      blamed_transfer.insert_or_assign(sending.transfer->id, f);
      hit(f, std::max(sending.sent_ns, open->from_ns),
          fault.link.empty() ? sending.places.front() : fault.link, sending.transfer->id);
      continue;
    }
    if (!fault.on_messages() || !strikes(f, sending)) continue;
    switch (fault.kind) {
      case FaultKind::loss:
        attempt.lost = true;
        blamed_transfer.insert_or_assign(sending.transfer->id, f);
        break;
      case FaultKind::corrupt:
        attempt.damaged = true;
        retry = retry && fault.retry;
        blamed_transfer.insert_or_assign(sending.transfer->id, f);
        break;
      case FaultKind::duplicate:
        attempt.twice = true;
        break;
      case FaultKind::latency:
        extra += fault.delay_ns;
        break;
      default:
        late += fault.delay_ns;
    }
  }
  const bool last = sending.attempt >= c_.delivery->retries;
  attempt.arrives_ns = there_ns + extra + late;
  if (attempt.lost) {
    attempt.arrives_ns = kForEver;
    attempt.twice = false;
    outcome.again_ns = there_ns + extra + c_.delivery->timeout_ns;
    outcome.give_up = last;
  } else if (attempt.damaged) {
    // The receiver sees it at once, and asks for it again.
    outcome.again_ns = attempt.arrives_ns + sending.latency_ns;
    outcome.give_up = last || !retry;
  } else {
    outcome.arrives_ns = attempt.arrives_ns;
    outcome.twice = attempt.twice;
    if (late > c_.delivery->timeout_ns && !last)
      outcome.again_ns = there_ns + extra + c_.delivery->timeout_ns;
  }
  out_.messages[sending.transfer->id].push_back(attempt);
  return outcome;
}

std::optional<std::uint64_t> Disturbed::gone_ns(std::string_view device) {
  if (const auto before = c_.gone->find(device); before != c_.gone->end()) {
    blamed_gone.insert_or_assign(std::string(device), before->second);
    return 0;
  }
  std::optional<std::uint64_t> first;
  for (std::size_t f = 0; f < c_.faults->size(); ++f) {
    const plan::Fault& fault = (*c_.faults)[f];
    if (fault.kind != FaultKind::crash || fault.device != device) continue;
    if (const auto open = window(f); open && (!first || open->from_ns < *first)) {
      first = open->from_ns;
      blamed_gone.insert_or_assign(std::string(device), f);
    }
  }
  return first;
}

}  // namespace genie::emulation
