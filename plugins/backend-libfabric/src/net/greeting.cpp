#include "net/greeting.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/steady_timer.hpp>

#include "genie/exec/budget.hpp"
#include "genie/plan/model.hpp"
#include "protocol/secret.hpp"

namespace genie::remote {

namespace {

constexpr std::size_t kNonceBytes = 32;
constexpr std::string_view kSoftware = "genie 0.1.0";

std::string range(unsigned from, unsigned to) {
  return from == to ? std::to_string(from) : std::to_string(from) + " to " + std::to_string(to);
}

/// One attempt, kept alive by what is under way.
class Dialling : public std::enable_shared_from_this<Dialling> {
 public:
  Dialling(boost::asio::io_context& io, Dial what, std::function<void(genie::Expected<Greeted>)> answer)
      : what_(std::move(what)),
        answer_(std::move(answer)),
        resolver_(io),
        socket_(io),
        timer_(io, what_.limit) {}

  void begin() {
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error)
        self->fail(exec::problem(GENIE_UNAVAILABLE, "GE0810",
                                 "worker " + self->what_.to.text() + " did not answer within " +
                                     std::to_string(self->what_.limit.count()) + " ms",
                                 "see whether it runs and can be reached"));
    });
    resolver_.async_resolve(what_.to.host, what_.to.port,
                            [self = shared_from_this()](const boost::system::error_code& error,
                                                        const Tcp::resolver::results_type& found) {
                              if (error) return self->unreachable(error);
                              self->connect(found);
                            });
  }

 private:
  void connect(const Tcp::resolver::results_type& found) {
    boost::asio::async_connect(
        socket_, found,
        [self = shared_from_this()](const boost::system::error_code& error, const Tcp::endpoint& to) {
          if (error) return self->unreachable(error);
          if (!self->what_.tls && !to.address().is_loopback())
            return self->fail(exec::problem(
                GENIE_FAILED_PRECONDITION, "GE0802",
                "worker " + self->what_.to.text() + " is on another machine, and no keys are given",
                "give `keys` (`genie-host keys` makes them)"));
          self->what_.tls ? self->secure() : self->greet(Connection::over(std::move(self->socket_)));
        });
  }

  void secure() {
    stream_ = std::make_unique<TlsStream>(std::move(socket_), *what_.tls);
    stream_->async_handshake(
        boost::asio::ssl::stream_base::client,
        [self = shared_from_this()](const boost::system::error_code& error) {
          if (!self->answer_) return;
          if (error)
            return self->fail(exec::problem(
                GENIE_UNAUTHENTICATED, "GE0805",
                "no trust between this client and worker " + self->what_.to.text() + ": " + error.message(),
                "both need certificates of one authority, issued by `genie-host keys "
                "issue`, and still valid"));
          self->greet(Connection::over(std::move(self->stream_)));
        });
  }

  void greet(std::shared_ptr<Connection> connection) {
    if (!answer_) return;
    connection_ = std::move(connection);
    hello_ = own_hello(what_.role);
    hello_.ticket = what_.ticket;
    connection_->start([self = shared_from_this()](Frame frame) { self->heard(std::move(frame)); },
                       [self = shared_from_this()](genie::Error error) {
                         error.message = "worker " + self->what_.to.text() + ": " + error.message;
                         self->fail(std::move(error));
                       });
    connection_->send({Type::hello, 0, encode(hello_), {}});
  }

  void heard(Frame frame) {
    if (!answer_) return;
    if (frame.type() == Type::refused) {
      auto refused = decode<Failed>(frame.message);
      return fail(refused ? std::move(refused->error) : malformed());
    }
    if (frame.type() == Type::hello && theirs_.empty()) {
      const auto theirs = decode<Hello>(frame.message);
      if (!theirs || theirs->role != Role::worker) return fail(malformed());
      if (auto fits = check_versions(hello_, *theirs, "worker " + what_.to.text()); !fits)
        return fail(std::move(fits).error());
      theirs_ = frame.message;
      software_ = theirs->software;
      Auth auth;
      if (!what_.secret.empty()) auth.mac = proof(what_.secret, kClientProof, encode(hello_), theirs_);
      connection_->send({Type::auth, 0, encode(auth), {}});
      // A welcome holds the topology: trusted once it proves that it may.
      connection_->accept_up_to({16u << 20, 0});
      return;
    }
    auto welcome =
        frame.type() == Type::welcome && !theirs_.empty() ? decode<Welcome>(frame.message) : std::nullopt;
    if (!welcome) return fail(malformed());
    if (!what_.secret.empty() &&
        !same(welcome->mac, proof(what_.secret, kWorkerProof, encode(hello_), theirs_)))
      return fail(exec::problem(GENIE_UNAUTHENTICATED, "GE0805",
                                "whoever listens on " + what_.to.text() + " does not know the token",
                                "name the token file of the worker that you mean"));
    timer_.cancel();
    connection_->accept_up_to(kTrusted);
    const auto answer = std::exchange(answer_, nullptr);
    answer(Greeted{std::move(connection_), *std::move(welcome), software_});
  }

  genie::Error malformed() const {
    return exec::problem(GENIE_INVALID_ARGUMENT, "GE0811",
                         "whoever listens on " + what_.to.text() + " does not speak Genie's protocol",
                         "name the address that the worker's ready line shows");
  }
  void unreachable(const boost::system::error_code& error) {
    fail(exec::problem(GENIE_UNAVAILABLE, "GE0810",
                       "worker " + what_.to.text() + " cannot be reached: " + error.message(),
                       "start it with `genie-host serve`, and name the address of its ready line"));
  }
  void fail(genie::Error error) {
    if (!answer_) return;
    timer_.cancel();
    resolver_.cancel();
    boost::system::error_code ignored;
    socket_.close(ignored);
    if (stream_) stream_->next_layer().close(ignored);
    const auto answer = std::exchange(answer_, nullptr);
    if (connection_) connection_->close(error);
    answer(std::move(error));
  }

  Dial what_;
  std::function<void(genie::Expected<Greeted>)> answer_;
  Tcp::resolver resolver_;
  Tcp::socket socket_;
  std::unique_ptr<TlsStream> stream_;
  std::shared_ptr<Connection> connection_;
  Hello hello_;
  std::string theirs_;
  std::string software_;
  boost::asio::steady_timer timer_;
};

}  // namespace

Hello own_hello(Role role) {
  Hello hello;
  hello.plan_major = static_cast<std::uint16_t>(plan::kSchemaMajor);
  hello.plan_minor_max = static_cast<std::uint16_t>(plan::kSchemaMinor);
  // While the major is 0, minors must be equal.
  hello.plan_minor_min = plan::kSchemaMajor == 0 ? hello.plan_minor_max : std::uint16_t{0};
  hello.role = role;
  hello.software = kSoftware;
  hello.nonce = random_bytes(kNonceBytes);
  return hello;
}

genie::Outcome check_versions(const Hello& mine, const Hello& theirs, std::string_view there) {
  const std::string help =
      "install the same release of Genie on both sides, or one whose ranges overlap (`genie-host --version`)";
  const auto differ = [&](std::string_view of, const std::string& here_range,
                          const std::string& there_range) {
    return exec::problem(GENIE_INCOMPATIBLE, "GE0806",
                         std::string(there) + " (" + theirs.software + ") speaks " + std::string(of) + " " +
                             there_range + ", this side (" + mine.software + ") " + here_range,
                         help);
  };
  if (mine.protocol_max < theirs.protocol_min || theirs.protocol_max < mine.protocol_min)
    return differ("protocol", range(mine.protocol_min, mine.protocol_max),
                  range(theirs.protocol_min, theirs.protocol_max));
  const auto plans = [](const Hello& h) {
    return std::to_string(h.plan_major) + "." + range(h.plan_minor_min, h.plan_minor_max);
  };
  if (mine.plan_major != theirs.plan_major || mine.plan_minor_max < theirs.plan_minor_min ||
      theirs.plan_minor_max < mine.plan_minor_min)
    return differ("plans", plans(mine), plans(theirs));
  return genie::Done{};
}

void dial(boost::asio::io_context& io, Dial what, std::function<void(genie::Expected<Greeted>)> answer) {
  std::make_shared<Dialling>(io, std::move(what), std::move(answer))->begin();
}

}  // namespace genie::remote
