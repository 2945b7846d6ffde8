// A connection that carries frames, over TCP or TLS.
//
// Threads: everything happens on the one thread that runs the io_context; send and close may be called from any. Handlers run
// on that thread too. A connection is kept alive by what is under way on it, and by whoever holds it.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "genie/cpp/core.hpp"
#include "net/data_link.hpp"
#include "protocol/frame.hpp"

namespace genie::remote {

using Tcp = boost::asio::ip::tcp;
using TlsStream = boost::asio::ssl::stream<Tcp::socket>;

/// Bytes and frames in both directions. [any-thread]
struct Traffic {
  std::atomic<std::uint64_t> sent_bytes{0};
  std::atomic<std::uint64_t> received_bytes{0};
  std::atomic<std::uint64_t> sent_frames{0};
  std::atomic<std::uint64_t> received_frames{0};
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using OnFrame = std::function<void(Frame)>;
  /// Once: the connection is over; nothing else is called after that.
  using OnClosed = std::function<void(genie::Error)>;

  [[nodiscard]] static std::shared_ptr<Connection> over(Tcp::socket socket);
  /// The TLS handshake is done.
  [[nodiscard]] static std::shared_ptr<Connection> over(std::unique_ptr<TlsStream> stream);
  virtual ~Connection();

  /// Begins to read. On the io thread.
  void start(OnFrame on_frame, OnClosed on_closed);
  /// On the io thread; from the next header on.
  void accept_up_to(Limits limits) { limits_ = limits; }
  void replace_handlers(OnFrame on_frame, OnClosed on_closed);
  /// In the order of the calls of one thread, values with less slack before those with more. What is sent after the end goes nowhere. [any-thread]
  void send(Outgoing frame);
  /// From now on all frames but those of the lease go over the link, which ends with the connection.
  /// [any-thread]
  void use(std::unique_ptr<datapath::Connection> path);
  /// Frames of these payloads will be under way at once: a data path makes room for them now. `then` is called once, on any thread: when
  /// there is room, or will be none. [any-thread]
  void plan(std::vector<std::uint64_t> payload_bytes, std::function<void()> then = nullptr);
  /// Told of what is worth counting about the link. Before `use`, on the io thread.
  void count(DataLink::Counting counting) { counting_ = std::move(counting); }
  /// Room for a payload in memory that the other side sees, too (DataLink::reserve); null: none. [any-thread]
  [[nodiscard]] std::shared_ptr<DataLink::Reserved> reserve(std::uint64_t bytes) const;
  /// What carries frames beside the socket; empty: nothing. On the io thread.
  [[nodiscard]] std::string data_path() const;
  [[nodiscard]] std::string local_address();
  /// From now on every frame has a checksum. So has every frame after one that came with one: what one side wants, both do. [any-thread]
  void check_values();
  [[nodiscard]] bool checks_values() const { return checked_.load(std::memory_order_relaxed); }
  /// Tells the other side why, and ends it. [any-thread]
  void refuse(genie::Error why);
  /// Ends it now. [any-thread]
  void close(genie::Error why);
  /// Ends it once what was sent so far is gone. [any-thread]
  void close_after_sending(genie::Error why);

  [[nodiscard]] const Traffic& traffic() const { return traffic_; }
  /// CLOCK_MONOTONIC, of the last bytes that arrived. [any-thread]
  [[nodiscard]] std::uint64_t heard_ns() const { return heard_ns_.load(std::memory_order_relaxed); }

 protected:
  using Done = std::function<void(boost::system::error_code, std::size_t)>;
  virtual void read_some(boost::asio::mutable_buffer into, Done done) = 0;
  virtual void write_all(const std::vector<boost::asio::const_buffer>& from, Done done) = 0;
  virtual void shut() = 0;
  virtual boost::asio::any_io_executor executor() = 0;
  virtual Tcp::socket& socket() = 0;

 private:
  void read(std::byte* into, std::size_t bytes, std::function<void()> then);
  template <class Work>
  void guarded(Work&& work);
  void read_header();
  void read_message();
  void read_payload();
  void finish_frame();
  void begin(std::shared_ptr<DataLink> link);
  void came_by_link(Frame frame);
  void lost_link(genie::Error why);
  void send_now(Outgoing frame);
  void write_next();
  void end(genie::Error why);

  Limits limits_ = kStranger;
  OnFrame on_frame_;
  OnClosed on_closed_;
  DataLink::Counting counting_;
  std::array<std::byte, kHeaderBytes> header_in_{};
  Frame in_;
  std::array<std::byte, kHeaderBytes> header_out_{};
  std::deque<Outgoing> out_;
  std::shared_ptr<DataLink> link_;
  std::atomic<DataLink*> open_link_{nullptr};  // link_, as long as frames take it
  std::atomic<std::size_t> on_their_way_{0};   // frames that were given to the io thread
  bool writing_ = false;
  bool ended_ = false;
  std::atomic<bool> checked_{false};
  std::optional<genie::Error> end_when_sent_;
  Traffic traffic_;
  std::atomic<std::uint64_t> heard_ns_{0};
};

/// The code of a loss that has this reason: that of a lease (GE0813) or of damage (GE0613), else GE0810.
[[nodiscard]] std::string_view code_of_loss(const genie::Error& why);

/// CLOCK_MONOTONIC
[[nodiscard]] std::uint64_t monotonic_ns();

}  // namespace genie::remote
