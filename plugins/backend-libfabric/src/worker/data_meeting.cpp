#include "worker/data_meeting.hpp"

#include <algorithm>

#include "genie/exec/budget.hpp"

namespace genie::remote {

namespace {

genie::Error out_of_order(std::string_view what) {
  return exec::problem(GENIE_INVALID_ARGUMENT, "GE0811", "the peer broke the protocol: " + std::string(what));
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void DataMeeting::frame(Frame frame) {
  const std::uint64_t id = frame.id();
  const auto malformed = [&] { failed(id, out_of_order(std::string(name(frame.type())) + " is malformed")); };
  const auto aside = [&](auto work) {
    {
      const std::lock_guard hold(lock_);
      if (busy_) return failed(id, out_of_order("a data path is being looked for already"));
      busy_ = true;
    }
    asides_.run([self = shared_from_this(), id, work = std::move(work)] {
      try {
        work(*self);
      } catch (const std::exception& why) {
        {
          const std::lock_guard hold(self->lock_);
          self->busy_ = false;
        }
        self->failed(id, exec::problem(GENIE_RESOURCE_EXHAUSTED, "GE0662",
                                       "the worker could not open a data path: " + std::string(why.what())));
      }
    });
  };
  switch (frame.type()) {
    case Type::data_paths: {
      auto theirs = decode<DataPaths>(frame.message);
      if (!theirs) return malformed();
      return aside([id, theirs = *std::move(theirs)](DataMeeting& self) { self.choose(id, theirs); });
    }
    case Type::data_open: {
      auto wanted = decode<DataOpen>(frame.message);
      if (!wanted) return malformed();
      return aside([id, wanted = *std::move(wanted), local = control_->local_address()](DataMeeting& self) {
        self.open(id, wanted, local);
      });
    }
    default:
      return begin_to_use(id);
  }
}

void DataMeeting::failed(std::uint64_t id, genie::Error error) const {
  control_->send({Type::failed, id, encode(Failed{std::move(error), false}), {}});
}

void DataMeeting::choose(std::uint64_t id, const DataPaths& theirs) {
  DataChoice choice;
  std::optional<genie::Error> refused;
  if (provider_ != "none") {
    // What both allow: a name that either forces is what both must have.
    const std::string& wanted = theirs.requested == "auto" ? provider_ : theirs.requested;
    std::vector<std::string> paths;
    for (const datapath::Finding& each : theirs.offer.findings)
      if (each.usable) paths.push_back(each.path);
    // A client that would take any may look at the arena alone first; what this worker insists on comes then.
    const bool only_a_look = theirs.requested == "auto" && paths == std::vector<std::string>{"arena"};
    // What is asked for by name is refused with its reason, not for being unknown, where the client cannot have it either.
    for (const std::string& path : datapath::known_paths())
      if (!only_a_look && (path == wanted || path.starts_with(wanted + ";")) &&
          std::ranges::find(paths, path) == paths.end())
        paths.push_back(path);
    if (paths.empty()) paths = datapath::known_paths();
    auto chosen = datapath::choose(wanted, datapath::offer({}, paths), theirs.offer);
    if (chosen)
      choice = {std::move(chosen->paths), std::move(chosen->findings)};
    else if (wanted != "auto" && !only_a_look)
      refused = std::move(chosen).error();
  }
  {
    const std::lock_guard hold(lock_);
    busy_ = false;
  }
  if (refused) return failed(id, *std::move(refused));
  control_->send({Type::done, id, encode(choice), {}});
}

void DataMeeting::open(std::uint64_t id, const DataOpen& wanted, const std::string& local_address) {
  {
    const std::lock_guard hold(lock_);
    met_.reset();
  }
  auto end = datapath::open_end(wanted.path, datapath::Side::waits, local_address, {});
  std::optional<Path> met;
  if (end) {
    control_->send({Type::done, id, text_of((*end)->address()), {}});
    met = (*end)->connect(std::as_bytes(std::span(wanted.address)), datapath::deadline_in(kMeetingLimit));
  }
  {
    const std::lock_guard hold(lock_);
    busy_ = false;
    met_ = std::move(met);
  }
  if (!end) return failed(id, std::move(end).error());
  settle();
}

void DataMeeting::begin_to_use(std::uint64_t id) {
  {
    const std::lock_guard hold(lock_);
    asked_ = id;
  }
  settle();
}

/// The client's wish to use the path, and the end of the meeting: whichever comes last.
void DataMeeting::settle() {
  std::optional<Path> met;
  std::uint64_t id = 0;
  {
    const std::lock_guard hold(lock_);
    if (!asked_ || busy_) return;
    id = *std::exchange(asked_, std::nullopt);
    met = std::exchange(met_, std::nullopt);
  }
  if (!met) return failed(id, out_of_order("no data path was opened"));
  if (!*met) return failed(id, std::move(*met).error());
  // The answer is the last that goes over the socket.
  control_->send({Type::done, id, {}, {}});
  control_->use(std::move(**met));
}

}  // namespace genie::remote
