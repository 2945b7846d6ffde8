// A worker as a client sees it: a connection, what the worker said of itself, requests under way.
//
// Threads: requests come from any; answers are given on the io thread, each exactly once, also when the worker is lost.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "client/options.hpp"
#include "genie/plan/topology.hpp"
#include "net/greeting.hpp"
#include "net/path_search.hpp"

namespace genie::remote {

/// The frame of a done request; the error of a failed one.
[[nodiscard]] genie::Expected<Frame> successful(genie::Expected<Frame> answer);

/// What greets workers with these options. The files that they name are read now.
[[nodiscard]] genie::Expected<Dial> how_to_dial(const ClientOptions& options);

/// The client's io thread.
class Io {
 public:
  Io();
  ~Io() { stop(); }
  [[nodiscard]] boost::asio::io_context& context() { return io_; }
  /// Called on the thread about every 20 ms.
  void every_tick(std::function<void()> look);
  void stop();

 private:
  void tick();
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer timer_;
  std::function<void()> look_;
  std::thread thread_;
};

class WorkerLink : public std::enable_shared_from_this<WorkerLink> {
 public:
  using Answer = std::function<void(genie::Expected<Frame>)>;

  /// provider: the data path to take; "auto" for the best, "none" for the control channel.
  /// checked: every value has a checksum. on_news: what the worker says unasked.
  WorkerLink(Io& io, Endpoint at, std::string provider, bool checked, std::function<void(Frame)> on_news)
      : io_(io),
        at_(std::move(at)),
        provider_(std::move(provider)),
        checked_(checked),
        on_news_(std::move(on_news)) {}

  /// Connects and greets; waits. Fails as the last attempt did.
  [[nodiscard]] genie::Outcome connect(const genie::Call& call, Dial how);
  /// The way that the data takes, and why: after connect.
  [[nodiscard]] const FoundPath& data_path() const { return path_; }
  /// Every path there is, with the reason for or against it: after connect. Waits.
  [[nodiscard]] genie::Expected<std::vector<datapath::Finding>> all_paths(const genie::Call& call);
  [[nodiscard]] bool alive() const { return alive_.load(); }
  /// Nothing while it is connected. [any-thread]
  [[nodiscard]] std::optional<genie::Error> why_lost() const;
  /// Ever connected.
  [[nodiscard]] bool known() const { return known_.load(); }
  [[nodiscard]] const Endpoint& at() const { return at_; }
  /// What the worker said when it was connected last. Not while connect runs.
  [[nodiscard]] const Welcome& welcome() const { return welcome_; }
  [[nodiscard]] const plan::Topology& topology() const { return topology_; }
  /// "genie 0.1.0": as it calls itself.
  [[nodiscard]] const std::string& software() const { return software_; }

  /// Sends a request; its id. `answer` gets the done frame, or the failure. [any-thread]
  std::uint64_t request(Outgoing frame, Answer answer);
  /// The same, for an answer that somebody waits for later. [any-thread]
  using Waiting = std::future<genie::Expected<Frame>>;
  [[nodiscard]] Waiting begin(Outgoing frame);
  /// Waits; cancelled with the call. A failure that the worker answers is the error.
  [[nodiscard]] static genie::Expected<Frame> answer(const genie::Call& call, Waiting waiting);
  /// Both; cancelled with the call. A failure that the worker answers is the error.
  [[nodiscard]] genie::Expected<Frame> ask(const genie::Call& call, Outgoing frame);
  /// Requests with these payloads will be under way at once. [any-thread]
  void plan(std::vector<std::uint64_t> payload_bytes);
  /// What needs no answer. [any-thread]
  void tell(Outgoing frame);
  /// Heartbeat and lease. On the io thread.
  void look_after();
  void close();

  struct Use {
    std::uint64_t bytes = 0;
    std::uint64_t messages = 0;
    std::uint64_t arenas_planned = 0;  ///< regions that were asked of the worker…
    std::uint64_t arenas_grown = 0;    ///< …and those that no plan had foreseen
  };
  /// Since the first connection. [any-thread]
  [[nodiscard]] Use use() const;
  /// Devices of this worker by what the last welcome said.
  [[nodiscard]] std::string name() const;

 private:
  [[nodiscard]] genie::Outcome find_data_path(const genie::Call& call);
  void heard(const std::shared_ptr<Connection>& from, Frame frame);
  void lost(const std::shared_ptr<Connection>& which, genie::Error why);
  void count(const Connection& connection);

  Io& io_;
  const Endpoint at_;
  const std::string provider_;
  const bool checked_;
  bool encrypted_ = false;
  std::string local_address_;  // as the worker sees this end
  FoundPath path_;
  const std::function<void(Frame)> on_news_;
  std::atomic<bool> alive_{false};
  std::atomic<bool> known_{false};
  Welcome welcome_;
  std::string software_;
  plan::Topology topology_;
  mutable std::mutex lock_;  // guards the members below
  std::shared_ptr<Connection> connection_;
  std::map<std::uint64_t, Answer> pending_;
  std::uint64_t next_ = 1;
  std::optional<genie::Error> why_lost_;
  Use earlier_;  // of connections that are over; arenas of all
  std::uint64_t pinged_ns_ = 0;
};

}  // namespace genie::remote
