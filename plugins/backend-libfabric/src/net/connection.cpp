#include "net/connection.hpp"

#include <time.h>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "genie/exec/budget.hpp"
#include "protocol/messages.hpp"

namespace genie::remote {

namespace {

/// A message is read in pieces no larger than what came before: memory grows with what arrives, not with what was announced.
constexpr std::size_t kFirstPiece = std::size_t{1} << 20;

template <class Stream>
Tcp::socket& socket_of(Stream& stream) {
  if constexpr (std::is_same_v<Stream, Tcp::socket>)
    return stream;
  else
    return stream->next_layer();
}
template <class Stream>
auto& io_of(Stream& stream) {
  if constexpr (std::is_same_v<Stream, Tcp::socket>)
    return stream;
  else
    return *stream;
}

template <class Stream>
class Over final : public Connection {
 public:
  explicit Over(Stream stream) : stream_(std::move(stream)) {
    boost::system::error_code ignored;
    socket_of(stream_).set_option(Tcp::no_delay(true), ignored);
  }

 protected:
  void read_some(boost::asio::mutable_buffer into, Done done) override {
    io_of(stream_).async_read_some(into, std::move(done));
  }
  void write_all(const std::vector<boost::asio::const_buffer>& from, Done done) override {
    boost::asio::async_write(io_of(stream_), from, std::move(done));
  }
  void shut() override {
    boost::system::error_code ignored;
    socket_of(stream_).shutdown(Tcp::socket::shutdown_both, ignored);
    socket_of(stream_).close(ignored);
  }
  boost::asio::any_io_executor executor() override { return socket_of(stream_).get_executor(); }
  Tcp::socket& socket() override { return socket_of(stream_); }

 private:
  Stream stream_;
};

/// The lease is about the process and the control channel, and a goodbye is their end.
bool by_link(Type type) {
  return type != Type::ping && type != Type::pong && type != Type::goodbye && type != Type::refused;
}

genie::Error lost(const std::string& what) {
  return exec::problem(GENIE_UNAVAILABLE, "GE0810", "the connection is over: " + what);
}

}  // namespace

std::string_view code_of_loss(const genie::Error& why) {
  for (const std::string_view code : {"GE0813", "GE0613"})
    if (why.diagnostics.find(code) != std::string::npos) return code;
  return "GE0810";
}

std::uint64_t monotonic_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
}

std::shared_ptr<Connection> Connection::over(Tcp::socket socket) {
  return std::make_shared<Over<Tcp::socket>>(std::move(socket));
}

std::shared_ptr<Connection> Connection::over(std::unique_ptr<TlsStream> stream) {
  return std::make_shared<Over<std::unique_ptr<TlsStream>>>(std::move(stream));
}

void Connection::start(OnFrame on_frame, OnClosed on_closed) {
  replace_handlers(std::move(on_frame), std::move(on_closed));
  heard_ns_ = monotonic_ns();
  read_header();
}

void Connection::replace_handlers(OnFrame on_frame, OnClosed on_closed) {
  on_frame_ = std::move(on_frame);
  on_closed_ = std::move(on_closed);
}

void Connection::read(std::byte* into, std::size_t bytes, std::function<void()> then) {
  if (bytes == 0) return then();
  read_some(boost::asio::buffer(into, bytes), [this, self = shared_from_this(), into, bytes,
                                               then = std::move(then)](const boost::system::error_code& error,
                                                                       std::size_t got) mutable {
    if (ended_) return;
    if (error)
      return end(lost(error == boost::asio::error::eof ? "the other side ended it" : error.message()));
    heard_ns_.store(monotonic_ns(), std::memory_order_relaxed);
    traffic_.received_bytes += got;
    guarded([&] { read(into + got, bytes - got, std::move(then)); });
  });
}

/// What a frame brings about may need memory or threads that the system does not give: that ends this connection, and no other.
template <class Work>
void Connection::guarded(Work&& work) {
  try {
    work();
  } catch (const std::exception& why) {
    refuse(exec::problem(GENIE_RESOURCE_EXHAUSTED, "GE0662",
                         "no going on with this connection: " + std::string(why.what()),
                         "leave more memory to the process, or use smaller sizes"));
  }
}

void Connection::read_header() {
  if (ended_) return;
  in_ = {};
  read(header_in_.data(), header_in_.size(), [this] {
    std::string why;
    const auto header = decode_header(header_in_.data(), limits_, why);
    if (!header)
      return end(exec::problem(GENIE_INVALID_ARGUMENT, "GE0811", "the peer broke the protocol: " + why));
    in_.header = *header;
    read_message();
  });
}

void Connection::read_message() {
  const std::size_t have = in_.message.size();
  const std::size_t missing = in_.header.message_bytes - have;
  if (missing == 0) return read_payload();
  const std::size_t piece = std::min(missing, std::max(have, kFirstPiece));
  in_.message.resize(have + piece);
  read(reinterpret_cast<std::byte*>(in_.message.data()) + have, piece, [this] { read_message(); });
}

void Connection::read_payload() {
  if (in_.header.payload_bytes == 0) return finish_frame();
  try {
    // The system gives pages as they are written to.
    in_.payload = std::make_shared<Buffer>(static_cast<std::size_t>(in_.header.payload_bytes));
  } catch (const std::bad_alloc&) {
    return end(exec::problem(GENIE_RESOURCE_EXHAUSTED, "GE0811",
                             "no memory for a payload of " + exec::bytes_text(in_.header.payload_bytes)));
  }
  read(in_.payload->data, in_.payload->size, [this] { finish_frame(); });
}

void Connection::finish_frame() {
  traffic_.received_frames += 1;
  if (!intact(in_)) return refuse(damaged(in_));
  if (in_.header.checksum) checked_ = true;
  const auto self = shared_from_this();
  // A copy: the handler may replace itself.
  const OnFrame handler = on_frame_;
  if (handler) handler(std::move(in_));
  read_header();
}

void Connection::send(Outgoing frame) {
  // A link is sent over from any thread, unless what was sent before is still on its way to the io thread.
  if (DataLink* const link = open_link_.load();
      link != nullptr && on_their_way_ == 0 && by_link(frame.type)) {
    frame.checked = checked_;
    traffic_.sent_bytes += kHeaderBytes + frame.message.size() + frame.payload_bytes();
    traffic_.sent_frames += 1;
    return link->send(std::move(frame));
  }
  on_their_way_ += 1;
  boost::asio::dispatch(executor(), [this, self = shared_from_this(), frame = std::move(frame)]() mutable {
    send_now(std::move(frame));
    on_their_way_ -= 1;
  });
}

void Connection::send_now(Outgoing frame) {
  if (ended_ || end_when_sent_) return;
  frame.checked = checked_;
  if (link_ && by_link(frame.type)) {
    traffic_.sent_bytes += kHeaderBytes + frame.message.size() + frame.payload_bytes();
    traffic_.sent_frames += 1;
    return link_->send(std::move(frame));
  }
  queue_up(out_, std::move(frame), writing_ ? 1 : 0);
  if (!writing_) write_next();
}

std::shared_ptr<DataLink::Reserved> Connection::reserve(std::uint64_t bytes) const {
  DataLink* const link = open_link_.load();
  return link == nullptr ? nullptr : link->reserve(bytes);
}

Connection::~Connection() {
  if (link_) link_->stop();
}

void Connection::use(std::unique_ptr<datapath::Connection> path) {
  boost::asio::dispatch(executor(),
                        [self = shared_from_this(), link = std::make_shared<DataLink>(std::move(path))] {
                          if (!self->ended_) self->begin(link);
                        });
}

void Connection::begin(std::shared_ptr<DataLink> link) {
  link_ = std::move(link);
  const std::weak_ptr<Connection> weak = weak_from_this();
  const auto on_frame = [weak](Frame frame) {
    const auto self = weak.lock();
    if (!self) return;
    boost::asio::post(self->executor(), [self, frame = std::make_shared<Frame>(std::move(frame))] {
      self->came_by_link(std::move(*frame));
    });
  };
  const auto on_lost = [weak](genie::Error why) {
    if (const auto self = weak.lock()) self->lost_link(std::move(why));
  };
  guarded([&] { link_->start(on_frame, on_lost, counting_); });
  if (!ended_) open_link_ = link_.get();
}

void Connection::plan(std::vector<std::uint64_t> payload_bytes, std::function<void()> then) {
  boost::asio::dispatch(
      executor(), [self = shared_from_this(), sizes = std::move(payload_bytes), then = std::move(then)] {
        if (self->link_ && !self->ended_) return self->link_->plan(sizes, then);
        if (then) then();
      });
}

/// Of damage only this side knows.
void Connection::lost_link(genie::Error why) {
  if (code_of_loss(why) == "GE0613") return refuse(std::move(why));
  close(std::move(why));
}

void Connection::check_values() {
  checked_ = true;
}

void Connection::refuse(genie::Error why) {
  send({Type::refused, 0, encode(Failed{why, false}), {}});
  close_after_sending(std::move(why));
}

void Connection::came_by_link(Frame frame) {
  if (ended_) return;
  if (frame.header.checksum) checked_ = true;
  heard_ns_.store(monotonic_ns(), std::memory_order_relaxed);
  traffic_.received_bytes += frame.bytes();
  traffic_.received_frames += 1;
  const OnFrame handler = on_frame_;
  if (handler) guarded([&] { handler(std::move(frame)); });
}

std::string Connection::data_path() const {
  return link_ ? link_->facts().path : std::string();
}

std::string Connection::local_address() {
  boost::system::error_code error;
  const auto at = socket().local_endpoint(error);
  return error ? std::string() : at.address().to_string();
}

void Connection::write_next() {
  if (out_.empty()) {
    if (end_when_sent_) end(*end_when_sent_);
    return;
  }
  writing_ = true;
  const Outgoing& frame = out_.front();
  header_out_ = encode(header_of(frame));
  std::vector<boost::asio::const_buffer> buffers{boost::asio::buffer(header_out_),
                                                 boost::asio::buffer(frame.message)};
  for (const Piece& piece : frame.payload) {
    if (piece.gap != 0) buffers.emplace_back(kNothing, piece.gap);
    if (piece.size != 0) buffers.emplace_back(piece.data, piece.size);
  }
  write_all(buffers,
            [this, self = shared_from_this()](const boost::system::error_code& error, std::size_t sent) {
              if (ended_) return;
              writing_ = false;
              if (error) return end(lost(error.message()));
              traffic_.sent_bytes += sent;
              traffic_.sent_frames += 1;
              out_.pop_front();
              write_next();
            });
}

void Connection::close(genie::Error why) {
  boost::asio::dispatch(
      executor(), [this, self = shared_from_this(), why = std::move(why)]() mutable { end(std::move(why)); });
}

void Connection::close_after_sending(genie::Error why) {
  boost::asio::dispatch(executor(), [this, self = shared_from_this(), why = std::move(why)]() mutable {
    open_link_ = nullptr;
    end_when_sent_ = std::move(why);
    if (!writing_ && out_.empty()) end(*end_when_sent_);
  });
}

void Connection::end(genie::Error why) {
  if (ended_) return;
  ended_ = true;
  open_link_ = nullptr;
  const auto self = shared_from_this();
  shut();
  if (link_) link_->stop();
  if (!writing_) out_.clear();  // else the write under way still looks at them
  const OnClosed handler = std::move(on_closed_);
  on_frame_ = nullptr;
  on_closed_ = nullptr;
  if (handler) handler(std::move(why));
}

}  // namespace genie::remote
