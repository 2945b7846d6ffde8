#include "worker/server.hpp"

#include <algorithm>

#include <boost/asio/post.hpp>

#include "protocol/secret.hpp"
#include "worker/listening.hpp"

namespace genie::remote {

namespace {

/// How often leases, the drain and the wish to stop are looked at.
constexpr std::chrono::milliseconds kLook{50};
/// Connections that have not proved who they are. More are closed at once.
constexpr std::size_t kMostStrangers = 64;
/// What identities are called that a certificate proves.
const std::string kCertificate = "certificate ";

}  // namespace

/// A connection from its first byte to its end.
class Server::Visitor : public std::enable_shared_from_this<Server::Visitor> {
 public:
  explicit Visitor(Server& server) : server_(server), arrived_ns_(monotonic_ns()) {}

  void meet(Tcp::socket socket) {
    if (!server_.tls_) return greet(Connection::over(std::move(socket)));
    stream_ = std::make_unique<TlsStream>(std::move(socket), *server_.tls_);
    stream_->async_handshake(boost::asio::ssl::stream_base::server,
                             [self = shared_from_this()](const boost::system::error_code& error) {
                               if (error) return self->leave();
                               self->name_ = peer_name(*self->stream_);
                               self->greet(Connection::over(std::move(self->stream_)));
                             });
  }

  [[nodiscard]] bool stranger() const { return !client_ && !peer_of_; }
  [[nodiscard]] std::uint64_t busy() const { return client_ ? client_->busy() : 0; }

  /// A handshake that takes too long, a client that was not heard of for its lease.
  void look(std::uint64_t now_ns) {
    const auto ms = [](std::uint64_t n) { return n * 1'000'000; };
    if (stranger()) {
      if (now_ns - arrived_ns_ > ms(static_cast<std::uint64_t>(kGreetingLimit.count())))
        end("it did not greet");
    } else if (client_ &&
               now_ns - std::min(now_ns, connection_->heard_ns()) > ms(server_.options_.lease_ms)) {
      server_.worker_.host.log(GENIE_LOG_WARNING, "worker", "a client's lease ran out: it is given up");
      end("its lease ran out");
    } else if (client_ && now_ns - heartbeat_ns_ > ms(server_.options_.lease_ms) / 4) {
      // A client that sends a long upload hears nothing else meanwhile.
      heartbeat_ns_ = now_ns;
      connection_->send({Type::pong, 0, {}, {}});
    }
  }
  void end(const std::string& why) {
    if (connection_)
      connection_->close(exec::problem(GENIE_UNAVAILABLE, "GE0813", why));
    else
      leave();
    boost::system::error_code ignored;
    if (stream_) stream_->next_layer().close(ignored);
  }

 private:
  void greet(std::shared_ptr<Connection> connection) {
    connection_ = std::move(connection);
    connection_->start([self = shared_from_this()](Frame frame) { self->heard(std::move(frame)); },
                       [self = shared_from_this()](const genie::Error& why) {
                         if (self->peer_of_) self->peer_of_->peer_gone(self->peers_program_, why);
                         self->leave();
                       });
  }

  void heard(Frame frame) {
    if (client_) return client_->frame(std::move(frame));
    if (peer_of_) return heard_from_peer(std::move(frame));
    if (refused_) return;
    if (frame.type() == Type::hello && theirs_.empty()) return hello(frame);
    if (frame.type() == Type::auth && !theirs_.empty()) return auth(frame);
    refuse(exec::problem(GENIE_INVALID_ARGUMENT, "GE0811",
                         "message " + std::string(name(frame.type())) + " came before the greeting"));
  }

  void heard_from_peer(Frame frame) {
    switch (frame.type()) {
      case Type::value:
        return peer_of_->value_from_peer(std::move(frame));
      case Type::data_paths:
      case Type::data_open:
      case Type::data_use:
        return meeting_->frame(std::move(frame));
      default:
        return refuse(exec::problem(GENIE_INVALID_ARGUMENT, "GE0811",
                                    "message " + std::string(name(frame.type())) + " is not one of a peer"));
    }
  }

  void hello(const Frame& frame) {
    const auto theirs = decode<Hello>(frame.message);
    if (!theirs || theirs->role == Role::worker)
      return refuse(exec::problem(GENIE_INVALID_ARGUMENT, "GE0811", "the hello is malformed"));
    mine_ = own_hello(Role::worker);
    if (auto fits = check_versions(mine_, *theirs, "the client"); !fits) {
      // The peer hears what this side speaks, so that its own words can name both.
      return refuse(std::move(fits).error());
    }
    theirs_ = frame.message;
    role_ = theirs->role;
    ticket_ = theirs->ticket;
    connection_->send({Type::hello, 0, encode(mine_), {}});
  }

  void auth(const Frame& frame) {
    const auto given = decode<Auth>(frame.message);
    std::string secret;
    std::shared_ptr<WorkerClient> host_of_peer;
    if (role_ == Role::peer) {
      const std::lock_guard hold(server_.worker_.invitations_lock);
      if (const auto at = server_.worker_.invitations.find(ticket_);
          at != server_.worker_.invitations.end()) {
        host_of_peer = at->second.client.lock();
        secret = at->second.secret;
        peers_program_ = at->second.program;
      }
    } else {
      secret = server_.token_;
    }
    // With keys and without a token the certificate was the proof.
    const bool by_certificate = role_ == Role::client && server_.tls_ && secret.empty();
    const bool proved =
        given && (by_certificate ||
                  (!secret.empty() && same(given->mac, proof(secret, kClientProof, theirs_, encode(mine_)))));
    if (!proved || (role_ == Role::peer && !host_of_peer))
      return refuse(exec::problem(GENIE_UNAUTHENTICATED, "GE0805",
                                  "the worker does not let this client in: it did not "
                                  "prove that it knows the worker's token",
                                  "name the token file that the worker uses (`token_file` on both sides)"));
    Welcome welcome;
    welcome.lease_ms = server_.options_.lease_ms;
    if (!secret.empty()) welcome.mac = proof(secret, kWorkerProof, theirs_, encode(mine_));
    const std::string identity = server_.tls_ ? kCertificate + name_ : "token";
    welcome.identity = identity;
    welcome.instance = server_.instance_;
    if (role_ == Role::client) {
      welcome.topology = server_.topology_;
      welcome.versions = server_.versions_;
    }
    connection_->send({Type::welcome, 0, encode(welcome), {}});
    connection_->accept_up_to(kTrusted);
    if (role_ == Role::peer) {
      peer_of_ = std::move(host_of_peer);
      meeting_ = std::make_shared<DataMeeting>(connection_, server_.worker_.provider, server_.worker_.asides);
      return;
    }
    client_ = std::make_shared<WorkerClient>(
        server_.worker_, identity_mark(server_.authority_, identity), connection_,
        [server = &server_](const Peer& peer, PathWish wish, DataLink::Counting counting,
                            std::function<void(genie::Expected<PeerWay>)> answer,
                            std::function<void(genie::Error)> lost) {
          boost::asio::post(server->io_,
                            [server, peer, wish = std::move(wish), counting = std::move(counting),
                             answer = std::move(answer),
                             lost = std::move(lost)] { server->reach(peer, wish, counting, answer, lost); });
        });
    client_->begin();
  }

  void refuse(genie::Error error) {
    refused_ = true;
    server_.worker_.host.log(GENIE_LOG_WARNING, "worker", "a connection was refused: " + error.message);
    connection_->refuse(std::move(error));
  }

  void leave() {
    const auto self = shared_from_this();
    if (client_) client_->gone();
    client_.reset();
    peer_of_.reset();
    meeting_.reset();
    connection_.reset();
    server_.visitors_.erase(self);
  }

  Server& server_;
  const std::uint64_t arrived_ns_;
  std::unique_ptr<TlsStream> stream_;
  std::shared_ptr<Connection> connection_;
  Hello mine_;
  std::string theirs_;
  Role role_ = Role::client;
  std::string ticket_;
  std::string name_;
  bool refused_ = false;
  std::uint64_t heartbeat_ns_ = 0;
  std::shared_ptr<WorkerClient> client_;
  std::shared_ptr<WorkerClient> peer_of_;
  std::uint64_t peers_program_ = 0;
  std::shared_ptr<DataMeeting> meeting_;  ///< of a peer; a client has its own
};

Server::Server(Worker& worker, const ServiceOptions& options, std::string topology, std::string versions)
    : worker_(worker),
      options_(options),
      topology_(std::move(topology)),
      versions_(std::move(versions)),
      instance_(to_hex(random_bytes(16))) {}

Server::~Server() = default;

genie::Outcome Server::serve(const genie::Call& call, const Ready& ready) {
  Digest digest;
  digest.update(instance_.data(), instance_.size());
  std::string print = digest.finish();
  if (options_.keys.given()) {
    auto context = tls_context(options_.keys);
    if (!context) return std::move(context).error();
    tls_ = *std::move(context);
    auto own = fingerprint(options_.keys);
    if (!own) return std::move(own).error();
    print = *std::move(own);
    auto authority = fingerprint({options_.keys.ca, options_.keys.ca, options_.keys.key});
    if (!authority) return std::move(authority).error();
    authority_ = *std::move(authority);
  }
  if (!options_.token_file.empty()) {
    auto token = read_or_make_token(options_.token_file);
    if (!token) return std::move(token).error();
    token_ = *std::move(token);
    if (authority_.empty()) authority_ = token_;
  }
  std::set<std::string> shared;
  for (const std::string& name : options_.share_blobs)
    shared.insert(identity_mark(authority_, kCertificate + name));
  worker_.blobs.share(std::move(shared));
  auto listening = listen_at(io_, options_.listen);
  if (!listening) return std::move(listening).error();
  acceptor_ = *std::move(listening);
  boost::system::error_code error;
  const Tcp::endpoint bound = acceptor_.local_endpoint(error);
  if (error)
    return exec::problem(GENIE_UNAVAILABLE, "GE0801",
                         "cannot listen on " + options_.listen.text() + ": " + error.message(),
                         "name an address of this machine and a free port (0: any)");
  call_ = &call;
  accept();
  look_after();
  ready(bound.address().to_string(), bound.port(), print);
  // What a visitor brings about ends with the visitor; this is for what belongs to none.
  while (!io_.stopped()) {
    try {
      io_.run();
    } catch (const std::exception& why) {
      worker_.host.log(GENIE_LOG_WARNING, "worker",
                       "something could not be done: " + std::string(why.what()));
    }
  }
  worker_.asides.finish();
  worker_.executor.finish();
  return genie::Done{};
}

void Server::accept() {
  acceptor_.async_accept([this](const boost::system::error_code& error, Tcp::socket socket) {
    if (!acceptor_.is_open()) return;
    accept();  // first: whatever comes of this one, others come, too
    const auto strangers = std::ranges::count_if(visitors_, [](const auto& v) { return v->stranger(); });
    if (!error && static_cast<std::size_t>(strangers) < kMostStrangers) {
      auto visitor = std::make_shared<Visitor>(*this);
      visitors_.insert(visitor);
      visitor->meet(std::move(socket));
    }
  });
}

void Server::look_after() {
  timer_.expires_after(kLook);
  timer_.async_wait([this](const boost::system::error_code&) {
    const std::uint64_t now = monotonic_ns();
    const std::set<std::shared_ptr<Visitor>> all = visitors_;
    for (const auto& visitor : all) {
      try {
        visitor->look(now);
      } catch (const std::exception& why) {
        visitor->end(why.what());
      }
    }
    if (stop_at_ns_ == 0 && call_->cancelled()) stop_at_ns_ = now;
    if (stop_at_ns_ != 0) {
      boost::system::error_code ignored;
      acceptor_.close(ignored);
      const bool busy = std::ranges::any_of(visitors_, [](const auto& v) { return v->busy() != 0; });
      if (!busy || now >= stop_at_ns_) return end();
    }
    look_after();
  });
}

void Server::end() {
  const std::set<std::shared_ptr<Visitor>> all = visitors_;
  for (const auto& visitor : all)
    visitor->end("the worker was stopped");
  boost::asio::post(io_, [this] { io_.stop(); });
}

void Server::stop(std::uint64_t deadline_ns) {
  worker_.draining = true;
  boost::asio::post(io_, [this, deadline_ns] { stop_at_ns_ = std::max<std::uint64_t>(1, deadline_ns); });
}

/// Without keys, workers of one machine meet; the program's own invitation is the secret.
void Server::reach(const Peer& peer, PathWish wish, DataLink::Counting counting,
                   std::function<void(genie::Expected<PeerWay>)> answer,
                   std::function<void(genie::Error)> lost) {
  const auto none = [](std::string why) {
    PeerWay way;
    way.found.findings.push_back({"control", false, {}, {}, std::move(why)});
    return way;
  };
  auto to = parse_endpoint(peer.address);
  if (!to) return answer(none(to.error().message));
  Dial call{*std::move(to), tls_, peer.secret, Role::peer, peer.ticket};
  dial(io_, std::move(call),
       [this, none, wish = std::move(wish), counting = std::move(counting), answer = std::move(answer),
        lost = std::move(lost)](genie::Expected<Greeted> met) mutable {
         if (!met) return answer(none(met.error().message));
         met->connection->count(std::move(counting));
         find_way(std::move(met->connection), std::move(wish), worker_.asides, std::move(answer),
                  std::move(lost));
       });
}

}  // namespace genie::remote
