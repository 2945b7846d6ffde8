// Frames over a data path: what a connection's frames take once both ends have met on one, in place of its socket.
//
// A frame that fits into one message of the path goes inside it. Of a larger one, message and payload are written into memory that the
// receiver exposed, and the receiver uses the payload where it lies, until whoever holds it lets go. The sender keeps the account of
// the receiver's memory, and asks for more where it does not suffice.
//
//   u8 1 | header | message | payload                      a frame
//   u8 2 | header | u32 region | u64 offset                a frame; message, padding to 64 bytes, payload lie there
//   u8 3 | u32 region | u64 offset                         the receiver no longer uses what lies there
//   u8 4 | u64 bytes                                       the sender needs a region of so many bytes
//   u8 5 | u32 region | descriptor                         …which is this one
//
// Where both sides see the same memory, a value's maker may write it there itself: `reserve` gives room for it before it is made, and a
// frame whose payload lies there is announced, not copied.
//
// Threads: one receives, one sends what a caller could not send at once; send, reserve, stop and the destructor may be called from any.
// on_frame and on_lost are called on the receiving thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "datapath/connection.hpp"
#include "net/peer_memory.hpp"
#include "protocol/frame.hpp"

namespace genie::remote {

/// A frame that is not what its sender made it: its checksum says so (GE0613).
[[nodiscard]] genie::Error damaged(const Frame& frame);

class DataLink : public std::enable_shared_from_this<DataLink> {
 public:
  using OnFrame = std::function<void(Frame)>;
  using OnLost = std::function<void(genie::Error)>;
  /// A region was asked of the peer: as planned, or because a frame of a step did not fit into what there was.
  using OnRegion = std::function<void(bool planned)>;
  /// The payload of a value was copied by the processor on its way into memory that both sides see. [any-thread]
  using OnCopy = std::function<void()>;
  /// What is worth counting.
  struct Counting {
    OnRegion region;
    OnCopy copy;
  };
  /// Memory of the receiver's that a payload is written into before its frame is sent. Its bytes may be used here until it goes.
  class Reserved {
   public:
    Reserved(std::weak_ptr<DataLink> link, std::shared_ptr<datapath::RemoteRegion> region, std::byte* data,
             std::uint64_t size);
    ~Reserved();
    Reserved(const Reserved&) = delete;
    Reserved& operator=(const Reserved&) = delete;
    /// A multiple of 64.
    [[nodiscard]] std::byte* data() const { return data_; }
    [[nodiscard]] std::uint64_t size() const { return size_; }

   private:
    std::weak_ptr<DataLink> link_;
    std::shared_ptr<datapath::RemoteRegion> region_;  // keeps the memory mapped
    std::byte* data_;
    std::uint64_t size_;
  };

  explicit DataLink(std::unique_ptr<datapath::Connection> connection);
  ~DataLink();
  DataLink(const DataLink&) = delete;
  DataLink& operator=(const DataLink&) = delete;

  /// Begins to receive. Once.
  void start(OnFrame on_frame, OnLost on_lost, Counting counting = {});
  /// In the order of the calls, values with less slack before those with more. Does not block.
  void send(Outgoing frame);
  /// Room for a payload in memory that both sides see; null where there is none now, or it is too small to be worth it. Sends nothing
  /// and does not block. [any-thread]
  [[nodiscard]] std::shared_ptr<Reserved> reserve(std::uint64_t bytes);
  /// Asks the peer for a region that frames of these payloads fit into at once, beside what there is, before any of them is sent.
  /// `then` is called once, on any thread: when it is there, when none is wanted, or when the link is over. [any-thread]
  void plan(std::span<const std::uint64_t> payload_bytes, std::function<void()> then = nullptr);
  /// Nothing is sent or received any more; frames that arrived stay good.
  void stop();

  [[nodiscard]] const datapath::Facts& facts() const { return connection_->facts(); }

 private:
  /// What we exposed.
  struct Inbound {
    std::shared_ptr<arena::Arena> arena;
    std::shared_ptr<datapath::Region> region;
  };
  using Bytes = std::vector<std::byte>;

  void receive();
  template <class Work>
  void guarded(Work&& work);
  void transmit();
  [[nodiscard]] genie::Outcome handle(std::span<const std::byte> message);
  [[nodiscard]] genie::Outcome take_inline(std::span<const std::byte> rest);
  [[nodiscard]] genie::Outcome take_placed(std::span<const std::byte> rest);
  [[nodiscard]] genie::Outcome expose(std::uint64_t bytes);
  [[nodiscard]] genie::Outcome transmit_one(const Outgoing& frame);
  /// On the caller's thread, where nothing waits: false if it has to wait for its turn.
  [[nodiscard]] bool transmit_now(std::span<const std::byte> message);
  void count_copy(const Outgoing& frame) const;
  [[nodiscard]] bool fits_inline(std::uint64_t payload_bytes, std::uint64_t bytes_in_all) const;
  void release(const std::byte* reserved);
  [[nodiscard]] genie::Expected<PeerMemory::Place> place_for(std::uint64_t bytes, Type of);
  void let_go(std::uint32_t region, std::uint64_t offset, std::uint64_t bytes);
  void lost(genie::Error why);
  void tell_of_region();

  const std::unique_ptr<datapath::Connection> connection_;
  OnFrame on_frame_;
  OnLost on_lost_;
  Counting counting_;
  std::vector<Inbound> inbound_;     // the receiving thread's
  std::uint64_t inbound_bytes_ = 0;  // likewise

  std::mutex lock_;  // guards the members below
  std::condition_variable changed_;
  std::deque<Outgoing> out_;
  std::deque<Bytes> words_;       // messages of the receiving side, which go before the next frame
  bool transmitting_ = false;     // somebody gives words or a frame to the path just now
  PeerMemory peers_;              // what the peer exposed, for us to write into
  std::uint64_t used_bytes_ = 0;  // of ours, by payloads that somebody holds
  bool asked_ = false;            // for a region that has not come yet
  std::vector<std::function<void()>> when_it_comes_;
  bool stopped_ = false;
  std::optional<genie::Error> failed_;
  std::thread receiver_;
  std::thread transmitter_;
};

}  // namespace genie::remote
