#include "net/data_link.hpp"

#include <algorithm>
#include <cstring>

#include "datapath/problem.hpp"
#include "datapath/wire_bytes.hpp"

namespace genie::remote {

namespace {

using datapath::deadline_in;
using datapath::problem;

enum class Word : std::uint8_t { inline_frame = 1, placed_frame = 2, let_go = 3, need = 4, region = 5 };

/// The lease ends a connection whose peer is silent; this only keeps a thread from waiting for ever.
constexpr auto kPatience = std::chrono::seconds(60);
/// How soon a wish to stop is seen.
constexpr auto kGlance = std::chrono::milliseconds(100);
constexpr std::uint64_t kFirstRegion = std::uint64_t{4} << 20;
constexpr std::uint64_t kLargestRegion = kTrusted.payload_bytes;
/// What the message of a frame with a payload takes at most, as far as is planned.
constexpr std::uint64_t kPlannedMessage = 1024;

std::uint64_t aligned(std::uint64_t bytes) {
  return (bytes + kPayloadAlign - 1) / kPayloadAlign * kPayloadAlign;
}

genie::Error broken(std::string_view how) {
  return problem(GENIE_INVALID_ARGUMENT, datapath::kBrokenRules,
                 "the peer broke the rules of the data path: " + std::string(how));
}

std::vector<std::byte> word(Word what) {
  return {static_cast<std::byte>(what)};
}

void append(std::vector<std::byte>& to, const void* from, std::size_t size) {
  const auto* bytes = static_cast<const std::byte*>(from);
  to.insert(to.end(), bytes, bytes + size);
}

/// The first thing that goes wrong.
class Steps {
 public:
  void add(genie::Outcome outcome) {
    if (!outcome && !error_) error_ = std::move(outcome).error();
  }
  [[nodiscard]] bool good() const { return !error_; }
  [[nodiscard]] genie::Outcome outcome() const {
    return error_ ? genie::Outcome(*error_) : genie::Outcome(genie::Done{});
  }

 private:
  std::optional<genie::Error> error_;
};

}  // namespace

genie::Error damaged(const Frame& frame) {
  return problem(GENIE_DATA_LOSS, "GE0613",
                 "a message (" + std::string(name(frame.type())) + ", " + exec::bytes_text(frame.bytes()) +
                     ") arrived damaged, as its checksum shows",
                 "look at the network and the memory of both machines; nothing of it was used");
}

std::optional<std::uint64_t> FreeParts::take(std::uint64_t size) {
  const auto fits = std::ranges::find_if(free_, [&](const auto& part) { return part.second >= size; });
  if (fits == free_.end()) return std::nullopt;
  const auto [offset, free] = *fits;
  free_.erase(fits);
  if (free > size) free_.emplace(offset + size, free - size);
  taken_.emplace(offset, size);
  return offset;
}

bool FreeParts::give_back(std::uint64_t offset) {
  const auto taken = taken_.find(offset);
  if (taken == taken_.end()) return false;
  auto at = free_.emplace(offset, taken->second).first;
  taken_.erase(taken);
  if (const auto next = std::next(at); next != free_.end() && at->first + at->second == next->first) {
    at->second += next->second;
    free_.erase(next);
  }
  if (at != free_.begin()) {
    if (const auto before = std::prev(at); before->first + before->second == at->first) {
      before->second += at->second;
      free_.erase(at);
    }
  }
  return true;
}

DataLink::DataLink(std::unique_ptr<datapath::Connection> connection) : connection_(std::move(connection)) {}

DataLink::~DataLink() {
  stop();
}

void DataLink::start(OnFrame on_frame, OnLost on_lost, OnRegion on_region) {
  on_region_ = std::move(on_region);
  on_frame_ = std::move(on_frame);
  on_lost_ = std::move(on_lost);
  try {
    receiver_ = std::thread([this] { guarded([this] { receive(); }); });
    transmitter_ = std::thread([this] { guarded([this] { transmit(); }); });
  } catch (const std::exception&) {
    stop();  // else the first thread waits for what never comes
    throw;
  }
}

/// A frame may be larger than the memory that is left.
template <class Work>
void DataLink::guarded(Work&& work) {
  const std::shared_ptr<DataLink> self = shared_from_this();
  try {
    work();
  } catch (const std::exception& why) {
    lost(problem(GENIE_RESOURCE_EXHAUSTED, "GE0662",
                 "no going on with this data path: " + std::string(why.what())));
  }
}

void DataLink::stop() {
  {
    const std::lock_guard hold(lock_);
    if (std::exchange(stopped_, true)) return;
    out_.clear();
  }
  connection_->fail(genie::cancelled());
  changed_.notify_all();
  for (std::thread* thread : {&receiver_, &transmitter_}) {
    if (!thread->joinable()) continue;
    // A handler that lets the last reference go is on one of these threads.
    if (thread->get_id() == std::this_thread::get_id())
      thread->detach();
    else
      thread->join();
  }
}

void DataLink::lost(genie::Error why) {
  {
    const std::lock_guard hold(lock_);
    if (stopped_ || failed_) return;
    failed_ = why;
  }
  changed_.notify_all();
  connection_->fail(why);
  on_lost_(std::move(why));
}

// --- out ---

void DataLink::send(Outgoing frame) {
  {
    const std::lock_guard hold(lock_);
    if (stopped_ || failed_) return;
    queue_up(out_, std::move(frame));
  }
  changed_.notify_all();
}

void DataLink::plan(std::span<const std::uint64_t> payload_bytes) {
  std::uint64_t bytes = 0;
  for (const std::uint64_t each : payload_bytes)
    if (each + kHeaderBytes > connection_->facts().max_message)
      bytes += std::min(kLargestRegion, aligned(each) + kPlannedMessage);
  bytes = std::min(bytes, kLargestRegion);
  std::vector<std::byte> need = word(Word::need);
  append(need, &bytes, sizeof bytes);
  {
    const std::lock_guard hold(lock_);
    if (bytes == 0 || stopped_ || failed_) return;
    std::uint64_t have = 0;
    for (const Target& target : targets_)
      have += target.region->size();
    if (asked_ || have >= bytes) return;
    asked_ = true;
    words_.push_back(std::move(need));
  }
  if (on_region_) on_region_(true);
  changed_.notify_all();
}

void DataLink::transmit() {
  const std::shared_ptr<DataLink> self = shared_from_this();
  for (;;) {
    std::deque<Bytes> words;
    std::optional<Outgoing> frame;
    {
      std::unique_lock hold(lock_);
      changed_.wait(hold, [&] { return stopped_ || failed_ || !words_.empty() || !out_.empty(); });
      if (stopped_ || failed_) return;
      words.swap(words_);
      if (!out_.empty()) {
        frame = std::move(out_.front());
        out_.pop_front();
      }
    }
    Steps steps;
    for (const Bytes& each : words)
      if (steps.good()) steps.add(connection_->send(each, deadline_in(kPatience)));
    if (frame && steps.good()) steps.add(transmit_one(*frame));
    if (!steps.good()) return lost(steps.outcome().error());
  }
}

genie::Outcome DataLink::transmit_one(const Outgoing& frame) {
  const Header header = header_of(frame);
  const auto head = encode(header);
  const std::uint64_t in_all = 1 + head.size() + frame.message.size() + header.payload_bytes;
  if (in_all <= connection_->facts().max_message) {
    std::vector<std::byte> bytes = word(Word::inline_frame);
    bytes.reserve(static_cast<std::size_t>(in_all));
    append(bytes, head.data(), head.size());
    append(bytes, frame.message.data(), frame.message.size());
    for (const Piece& piece : frame.payload) {
      bytes.resize(bytes.size() + piece.gap);
      append(bytes, piece.data, piece.size);
    }
    return connection_->send(bytes, deadline_in(kPatience));
  }
  const std::uint64_t payload_at = aligned(frame.message.size());
  auto place = place_for(aligned(payload_at + header.payload_bytes), frame.type);
  if (!place) return std::move(place).error();
  std::shared_ptr<datapath::RemoteRegion> region;
  {
    const std::lock_guard hold(lock_);
    region = targets_[place->region].region;
  }
  std::vector<datapath::Transfer> transfers;
  Steps steps;
  const auto write = [&](const void* from, std::size_t size, std::uint64_t offset,
                         std::shared_ptr<const void> owner) {
    if (size == 0 || !steps.good()) return;
    // Reading only: a write into the peer's memory leaves ours as it is.
    const datapath::Memory memory{datapath::MemoryKind::host, reinterpret_cast<std::uint64_t>(from), size};
    auto begun = connection_->write({memory, std::move(owner)}, {region, place->offset + offset},
                                    deadline_in(kPatience));
    if (begun)
      transfers.push_back(*std::move(begun));
    else
      steps.add(std::move(begun).error());
  };
  write(frame.message.data(), frame.message.size(), 0, nullptr);
  std::uint64_t at = payload_at;
  for (const Piece& piece : frame.payload) {
    // What lay in the gap before is no part of a frame that is checked.
    if (frame.checked) write(kNothing, piece.gap, at, nullptr);
    at += piece.gap;
    write(piece.data, piece.size, at, piece.hold);
    at += piece.size;
  }
  if (steps.good()) {
    std::vector<std::byte> bytes = word(Word::placed_frame);
    append(bytes, head.data(), head.size());
    append(bytes, &place->region, sizeof place->region);
    append(bytes, &place->offset, sizeof place->offset);
    steps.add(connection_->send(bytes, deadline_in(kPatience)));
  }
  // The frame's bytes are ours until they have left.
  for (const datapath::Transfer& transfer : transfers)
    if (steps.good()) steps.add(connection_->wait(transfer));
  return steps.outcome();
}

genie::Expected<DataLink::Place> DataLink::place_for(std::uint64_t bytes, Type of) {
  std::unique_lock hold(lock_);
  for (;;) {
    if (failed_) return *failed_;
    if (stopped_) return genie::cancelled();
    for (std::uint32_t region = 0; region < targets_.size(); ++region)
      if (const auto offset = targets_[region].parts.take(bytes)) return Place{region, *offset};
    if (!std::exchange(asked_, true)) {
      std::vector<std::byte> need = word(Word::need);
      append(need, &bytes, sizeof bytes);
      hold.unlock();
      if (on_region_ && (of == Type::step || of == Type::value || of == Type::done)) on_region_(false);
      if (auto asked = connection_->send(need, deadline_in(kPatience)); !asked)
        return std::move(asked).error();
      hold.lock();
      continue;
    }
    // The peer's own words still go out meanwhile: it may wait for them as we do.
    if (!words_.empty()) {
      std::deque<Bytes> words;
      words.swap(words_);
      hold.unlock();
      for (const Bytes& each : words)
        if (auto sent = connection_->send(each, deadline_in(kPatience)); !sent)
          return std::move(sent).error();
      hold.lock();
      continue;
    }
    if (changed_.wait_for(hold, kPatience) == std::cv_status::timeout)
      return problem(GENIE_DEADLINE_EXCEEDED, datapath::kDeadline,
                     "the peer gave no room for " + std::to_string(bytes) + " bytes");
  }
}

// --- in ---

void DataLink::receive() {
  // The handlers may let the last reference but this one go.
  const std::shared_ptr<DataLink> self = shared_from_this();
  for (;;) {
    {
      const std::lock_guard hold(lock_);
      if (stopped_ || failed_) return;
    }
    auto message = connection_->receive(deadline_in(kGlance));
    if (!message && message.error().code == GENIE_DEADLINE_EXCEEDED) continue;
    genie::Outcome handled = message ? handle(*message) : genie::Outcome(std::move(message).error());
    if (!handled) return lost(std::move(handled).error());
  }
}

genie::Outcome DataLink::handle(std::span<const std::byte> message) {
  if (message.empty()) return broken("a word of no bytes");
  const auto what = static_cast<Word>(message.front());
  datapath::Reader rest(message.subspan(1));
  switch (what) {
    case Word::inline_frame:
      return take_inline(message.subspan(1));
    case Word::placed_frame:
      return take_placed(message.subspan(1));
    case Word::let_go: {
      const auto region = rest.number<std::uint32_t>();
      const auto offset = rest.number<std::uint64_t>();
      const std::lock_guard hold(lock_);
      if (!rest.complete() || region >= targets_.size() || !targets_[region].parts.give_back(offset))
        return broken("it gave back what it was never given");
      changed_.notify_all();
      return genie::Done{};
    }
    case Word::need: {
      const auto bytes = rest.number<std::uint64_t>();
      if (!rest.complete() || bytes == 0 ||
          bytes > kTrusted.payload_bytes + kTrusted.message_bytes + kPayloadAlign)
        return broken("it needs a region of a size that no frame has");
      return expose(bytes);
    }
    case Word::region: {
      const auto number = rest.number<std::uint32_t>();
      auto region = connection_->import(message.subspan(1 + sizeof number), deadline_in(kPatience));
      if (!region) return std::move(region).error();
      const std::lock_guard hold(lock_);
      if (!rest.good() || number != targets_.size() || !asked_)
        return broken("it gave a region that nobody asked for");
      const std::uint64_t size = (*region)->size();
      targets_.push_back({*std::move(region), FreeParts(size)});
      asked_ = false;
      changed_.notify_all();
      return genie::Done{};
    }
  }
  return broken("a word that does not exist");
}

genie::Outcome DataLink::expose(std::uint64_t bytes) {
  // As much again as there was: a stream of growing frames asks seldom. And twice what is asked for: payloads in one half of the memory
  // are used where they lie.
  const std::uint64_t size = std::max({2 * bytes, kFirstRegion, inbound_bytes_});
  auto memory = arena::Arena::create(datapath::MemoryKind::host, size);
  if (!memory && size > bytes) memory = arena::Arena::create(datapath::MemoryKind::host, bytes);
  if (!memory) return std::move(memory).error();
  auto region = connection_->expose(*memory, deadline_in(kPatience));
  if (!region) return std::move(region).error();
  std::vector<std::byte> answer = word(Word::region);
  const auto number = static_cast<std::uint32_t>(inbound_.size());
  append(answer, &number, sizeof number);
  append(answer, (*region)->descriptor().data(), (*region)->descriptor().size());
  inbound_bytes_ += (*memory)->size();
  inbound_.push_back({*std::move(memory), *std::move(region)});
  {
    const std::lock_guard hold(lock_);
    words_.push_back(std::move(answer));
  }
  changed_.notify_all();
  return genie::Done{};
}

genie::Outcome DataLink::take_inline(std::span<const std::byte> rest) {
  std::string why;
  const auto header = rest.size() >= kHeaderBytes ? decode_header(rest.data(), kTrusted, why) : std::nullopt;
  if (!header || rest.size() - kHeaderBytes != header->message_bytes + header->payload_bytes)
    return broken("a frame is malformed: " + why);
  Frame frame;
  frame.header = *header;
  const auto body = rest.subspan(kHeaderBytes);
  frame.message.assign(reinterpret_cast<const char*>(body.data()), header->message_bytes);
  if (header->payload_bytes > 0) {
    frame.payload = std::make_shared<Buffer>(static_cast<std::size_t>(header->payload_bytes));
    std::memcpy(frame.payload->data, body.data() + header->message_bytes, frame.payload->size);
  }
  if (!intact(frame)) return damaged(frame);
  on_frame_(std::move(frame));
  return genie::Done{};
}

genie::Outcome DataLink::take_placed(std::span<const std::byte> rest) {
  std::string why;
  const auto header = rest.size() >= kHeaderBytes ? decode_header(rest.data(), kTrusted, why) : std::nullopt;
  if (!header) return broken("a frame is malformed: " + why);
  datapath::Reader reader(rest.subspan(kHeaderBytes));
  const auto region = reader.number<std::uint32_t>();
  const auto offset = reader.number<std::uint64_t>();
  const std::uint64_t payload_at = aligned(header->message_bytes);
  const std::uint64_t bytes = aligned(payload_at + header->payload_bytes);
  if (!reader.complete() || region >= inbound_.size() || offset % kPayloadAlign != 0)
    return broken("a frame lies in no region");
  const std::shared_ptr<arena::Arena>& memory = inbound_[region].arena;
  const auto place = memory->memory().part(offset, bytes);
  if (!place) return broken("a frame lies outside its region");
  const std::span<std::byte> body = place->bytes();
  Frame frame;
  frame.header = *header;
  // What is judged is copied out: the peer can still write there.
  frame.message.assign(reinterpret_cast<const char*>(body.data()), header->message_bytes);
  bool keep = false;
  if (header->payload_bytes > 0) {
    const std::lock_guard hold(lock_);
    // Payloads that are held for long must not use the region up.
    keep = used_bytes_ + bytes <= inbound_bytes_ / 2;
    if (keep) used_bytes_ += bytes;
  }
  const auto payload_bytes = static_cast<std::size_t>(header->payload_bytes);
  if (keep) {
    auto owner = std::shared_ptr<const void>(
        memory.get(), [memory, weak = weak_from_this(), region, offset, bytes](const void*) {
          if (const auto link = weak.lock()) link->let_go(region, offset, bytes);
        });
    frame.payload = std::make_shared<Buffer>(body.data() + payload_at, payload_bytes, std::move(owner));
  } else {
    if (payload_bytes > 0) {
      frame.payload = std::make_shared<Buffer>(payload_bytes);
      std::memcpy(frame.payload->data, body.data() + payload_at, payload_bytes);
    }
    let_go(region, offset, 0);
  }
  if (!intact(frame)) return damaged(frame);
  on_frame_(std::move(frame));
  return genie::Done{};
}

void DataLink::let_go(std::uint32_t region, std::uint64_t offset, std::uint64_t bytes) {
  std::vector<std::byte> said = word(Word::let_go);
  append(said, &region, sizeof region);
  append(said, &offset, sizeof offset);
  {
    const std::lock_guard hold(lock_);
    used_bytes_ -= bytes;
    if (stopped_ || failed_) return;
    words_.push_back(std::move(said));
  }
  changed_.notify_all();
}

}  // namespace genie::remote
