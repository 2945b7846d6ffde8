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
/// In memory that both sides see, larger payloads than this are copied once, into place, not twice, by way of the message queue…
constexpr std::uint64_t kQueuedWhereShared = std::uint64_t{64} << 10;
/// …and room is reserved for those that take longer to copy than to give back.
constexpr std::uint64_t kLeastReserved = std::uint64_t{4} << 10;

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

std::vector<std::byte> inline_word(const Outgoing& frame) {
  const auto head = encode(header_of(frame));
  std::vector<std::byte> bytes = word(Word::inline_frame);
  bytes.reserve(1 + head.size() + frame.message.size() + static_cast<std::size_t>(frame.payload_bytes()));
  append(bytes, head.data(), head.size());
  append(bytes, frame.message.data(), frame.message.size());
  for (const Piece& piece : frame.payload) {
    bytes.resize(bytes.size() + piece.gap);
    append(bytes, piece.data, piece.size);
  }
  return bytes;
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

DataLink::DataLink(std::unique_ptr<datapath::Connection> connection) : connection_(std::move(connection)) {}

DataLink::~DataLink() {
  stop();
}

void DataLink::start(OnFrame on_frame, OnLost on_lost, Counting counting) {
  counting_ = std::move(counting);
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
  std::deque<Outgoing> unsent;  // without the lock: to let go of what was reserved takes it
  {
    const std::lock_guard hold(lock_);
    if (std::exchange(stopped_, true)) return;
    unsent.swap(out_);
  }
  connection_->fail(genie::cancelled());
  changed_.notify_all();
  tell_of_region();
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
  tell_of_region();
  on_lost_(std::move(why));
}

// --- out ---

/// Whatever goes wrong here goes wrong again on the transmitting thread, which knows what to do then.
bool DataLink::transmit_now(std::span<const std::byte> message) {
  {
    const std::lock_guard hold(lock_);
    if (transmitting_ || stopped_ || failed_ || !words_.empty() || !out_.empty()) return false;
    transmitting_ = true;
  }
  const bool sent = static_cast<bool>(connection_->send(message, datapath::Clock::now()));
  bool more = false;
  {
    const std::lock_guard hold(lock_);
    transmitting_ = false;
    more = !words_.empty() || !out_.empty();
  }
  if (more) changed_.notify_all();
  return sent;
}

void DataLink::count_copy(const Outgoing& frame) const {
  if (counting_.copy && frame.type == Type::value && !frame.payload.empty() && connection_->facts().shared)
    counting_.copy();
}

bool DataLink::fits_inline(std::uint64_t payload_bytes, std::uint64_t bytes_in_all) const {
  const datapath::Facts& facts = connection_->facts();
  return bytes_in_all <= facts.max_message && !(facts.shared && payload_bytes > kQueuedWhereShared);
}

void DataLink::send(Outgoing frame) {
  const std::uint64_t payload_bytes = frame.payload_bytes();
  if (payload_bytes < kLeastReserved &&
      fits_inline(payload_bytes, 1 + kHeaderBytes + frame.message.size() + payload_bytes) &&
      transmit_now(inline_word(frame))) {
    count_copy(frame);
    return;
  }
  {
    const std::lock_guard hold(lock_);
    if (stopped_ || failed_) return;
    queue_up(out_, std::move(frame));
  }
  changed_.notify_all();
}

// --- room that is reserved ---

DataLink::Reserved::Reserved(std::weak_ptr<DataLink> link, std::shared_ptr<datapath::RemoteRegion> region,
                             std::byte* data, std::uint64_t size)
    : link_(std::move(link)), region_(std::move(region)), data_(data), size_(size) {}

DataLink::Reserved::~Reserved() {
  if (const auto link = link_.lock()) link->release(data_);
}

std::shared_ptr<DataLink::Reserved> DataLink::reserve(std::uint64_t bytes) {
  if (!connection_->facts().shared || bytes < kLeastReserved || bytes > kLargestRegion) return nullptr;
  const std::lock_guard hold(lock_);
  if (stopped_ || failed_) return nullptr;
  auto room = peers_.reserve(bytes);
  if (!room) return nullptr;
  return std::make_shared<Reserved>(weak_from_this(), std::move(room->region), room->data, bytes);
}

void DataLink::release(const std::byte* reserved) {
  {
    const std::lock_guard hold(lock_);
    peers_.release(reserved);
  }
  changed_.notify_all();
}

/// Whether one came or none will.
void DataLink::tell_of_region() {
  std::vector<std::function<void()>> waiting;
  {
    const std::lock_guard hold(lock_);
    waiting.swap(when_it_comes_);
  }
  for (const auto& then : waiting)
    then();
}

void DataLink::plan(std::span<const std::uint64_t> payload_bytes, std::function<void()> then) {
  std::uint64_t bytes = 0;
  for (const std::uint64_t each : payload_bytes)
    if (!fits_inline(each, each + kHeaderBytes) || (connection_->facts().shared && each >= kLeastReserved))
      bytes += std::min(kLargestRegion, payload_aligned(each) + PeerMemory::kMessage);
  bytes = std::min(bytes, kLargestRegion);
  std::vector<std::byte> need = word(Word::need);
  append(need, &bytes, sizeof bytes);
  bool ask = false;
  {
    const std::lock_guard hold(lock_);
    const bool wanted = bytes != 0 && !stopped_ && !failed_ && peers_.bytes() < bytes;
    ask = wanted && !asked_;
    asked_ = asked_ || wanted;
    if (ask) words_.push_back(std::move(need));
    if (wanted && then) when_it_comes_.push_back(std::exchange(then, nullptr));
  }
  if (ask && counting_.region) counting_.region(true);
  if (ask) changed_.notify_all();
  if (then) then();
}

void DataLink::transmit() {
  const std::shared_ptr<DataLink> self = shared_from_this();
  for (;;) {
    std::deque<Bytes> words;
    std::optional<Outgoing> frame;
    {
      std::unique_lock hold(lock_);
      changed_.wait(hold, [&] {
        return stopped_ || failed_ || (!transmitting_ && (!words_.empty() || !out_.empty()));
      });
      if (stopped_ || failed_) return;
      words.swap(words_);
      if (!out_.empty()) {
        frame = std::move(out_.front());
        out_.pop_front();
      }
      transmitting_ = true;
    }
    Steps steps;
    for (const Bytes& each : words)
      if (steps.good()) steps.add(connection_->send(each, deadline_in(kPatience)));
    if (frame && steps.good()) steps.add(transmit_one(*frame));
    if (!steps.good()) return lost(steps.outcome().error());
    const std::lock_guard hold(lock_);
    transmitting_ = false;
  }
}

genie::Outcome DataLink::transmit_one(const Outgoing& frame) {
  const std::uint64_t payload_bytes = frame.payload_bytes();
  const std::uint64_t payload_at = payload_aligned(frame.message.size());
  genie::Expected<PeerMemory::Place> place = PeerMemory::Place{};
  std::optional<PeerMemory::Place> reserved;
  if (frame.payload.size() == 1 && frame.payload[0].gap == 0) {
    const std::lock_guard hold(lock_);
    reserved = peers_.announce(static_cast<const std::byte*>(frame.payload[0].data), payload_at);
  }
  if (reserved) {
    place = *reserved;
  } else {
    count_copy(frame);
    if (fits_inline(payload_bytes, 1 + kHeaderBytes + frame.message.size() + payload_bytes))
      return connection_->send(inline_word(frame), deadline_in(kPatience));
    place = place_for(payload_aligned(payload_at + payload_bytes), frame.type);
    if (!place) return std::move(place).error();
  }
  std::shared_ptr<datapath::RemoteRegion> region;
  {
    const std::lock_guard hold(lock_);
    region = peers_.region(place->region);
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
    if (reserved) break;
    // What lay in the gap before is no part of a frame that is checked.
    if (frame.checked) write(kNothing, piece.gap, at, nullptr);
    at += piece.gap;
    write(piece.data, piece.size, at, piece.hold);
    at += piece.size;
  }
  if (steps.good()) {
    const auto head = encode(header_of(frame));
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

genie::Expected<PeerMemory::Place> DataLink::place_for(std::uint64_t bytes, Type of) {
  std::unique_lock hold(lock_);
  for (;;) {
    if (failed_) return *failed_;
    if (stopped_) return genie::cancelled();
    if (const auto place = peers_.take(bytes)) return *place;
    if (!std::exchange(asked_, true)) {
      std::vector<std::byte> need = word(Word::need);
      append(need, &bytes, sizeof bytes);
      hold.unlock();
      if (counting_.region && (of == Type::step || of == Type::value || of == Type::done))
        counting_.region(false);
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
      if (!rest.complete() || !peers_.give_back({region, offset}))
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
      if (!rest.good()) return broken("a region without a number");
      auto region = connection_->import(message.subspan(1 + sizeof number), deadline_in(kPatience));
      if (!region) return std::move(region).error();
      {
        const std::lock_guard hold(lock_);
        if (number != peers_.regions() || !asked_) return broken("it gave a region that nobody asked for");
        peers_.add(*std::move(region));
        asked_ = false;
      }
      changed_.notify_all();
      tell_of_region();
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
  const std::uint64_t payload_at = payload_aligned(header->message_bytes);
  const std::uint64_t bytes = payload_aligned(payload_at + header->payload_bytes);
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
  }
  if (transmit_now(said)) return;
  {
    const std::lock_guard hold(lock_);
    words_.push_back(std::move(said));
  }
  changed_.notify_all();
}

}  // namespace genie::remote
