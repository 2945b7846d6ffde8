// One client of a worker: its programs, sessions, steps and kept values, for as long as its connection lives.
//
// Threads: frames come on the io thread. Blobs are taken there, so that a long upload does not stop computing, and questions about
// memory answered, so that a long stage does not delay them; everything else
// is handed to the executor, in order. When the connection is over, all that the client had is given back there.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "net/connection.hpp"
#include "protocol/messages.hpp"
#include "protocol/secret.hpp"
#include "worker/data_meeting.hpp"
#include "worker/peer_way.hpp"
#include "worker/remote_program.hpp"
#include "worker/remote_step.hpp"
#include "worker/worker.hpp"

namespace genie::remote {

class WorkerClient : public std::enable_shared_from_this<WorkerClient> {
 public:
  /// Makes a way to another worker. It has no connection where the worker cannot be reached; an error: the data path that is forced
  /// leads not there. `lost`: it ended.
  using ReachPeer = std::function<void(const Peer&, PathWish wish, DataLink::Counting counting,
                                       std::function<void(genie::Expected<PeerWay>)> answer,
                                       std::function<void(genie::Error)> lost)>;

  WorkerClient(Worker& worker, std::string identity, std::shared_ptr<Connection> connection, ReachPeer reach);

  /// Once, before the first frame. On the io thread.
  void begin();
  /// On the io thread.
  void frame(Frame frame);
  /// A value that a peer brought over its own connection. On the io thread.
  void value_from_peer(Frame frame);
  /// The connection of a peer of this program is over. [any-thread]
  void peer_gone(std::uint64_t program, const genie::Error& why);
  /// The connection is over. On the io thread.
  void gone();
  /// Steps under way. [any-thread]
  [[nodiscard]] std::uint64_t busy() const { return busy_.load(); }

 private:
  /// A program between `prepare` and `compile`: admitted, its weights still on their way.
  struct Preparing {
    std::string plan;
    std::string essence;  ///< the id of what is to be done
    std::string topology_text;
    plan::Topology topology;
    exec::Devices devices;
    std::map<std::string, std::uint64_t, std::less<>> needed;  ///< digest → size, of what these devices need
    Pins pins;                                                 ///< what was here
    std::vector<std::string> missing;
    bool asked = false;  ///< the client knows what is missing
  };
  struct Upload;
  struct OpenSessionState {
    std::shared_ptr<exec::Session> session;
    std::shared_ptr<const RemoteProgram> program;
    std::uint64_t program_number = 0;
    bool watched = false;  ///< the client looks at its steps
    std::shared_ptr<RemoteStep> step;
    std::uint64_t next_index = 0;                                  ///< steps below it are over
    std::vector<std::pair<Value, std::shared_ptr<Buffer>>> early;  ///< of steps that have not begun
    /// A peer's connection ended when no step was under way: a value of the next one may have been on it.
    std::optional<genie::Error> lost_between;
  };
  struct ProgramState {
    std::shared_ptr<Preparing> preparing;  ///< until it is compiled
    std::shared_ptr<const RemoteProgram> ready;
    std::map<std::string, PeerWay, std::less<>> peers;  ///< by device
    std::string ticket;
    std::string secret;
  };

  [[nodiscard]] std::map<std::string, std::uint64_t> kernels_counters() const;
  void on_executor(Frame frame);
  void take_blob(Frame frame);
  void store_piece(std::uint64_t request, const std::shared_ptr<Upload>& upload, const Buffer* piece,
                   std::uint64_t offset);
  void prepare(const Frame& frame);
  void load_from_cache(std::uint64_t request, std::uint64_t number, std::vector<std::string> digests);
  void ask_for_missing(std::uint64_t request, std::uint64_t number);
  [[nodiscard]] genie::Outcome pin(Preparing& preparing);
  [[nodiscard]] genie::Expected<std::shared_ptr<const RemoteProgram>> program_for(const Preparing& preparing);
  void compile(const Frame& frame);
  void open_session(const Frame& frame);
  void step(Frame frame);
  void value(Frame frame);
  void watch(const Frame& frame);
  void go_on(const Frame& frame);
  void look(const Frame& frame);
  void describe(const Frame& frame);
  void answer_tensor(std::uint64_t request, StateAccess answer, const exec::Tensor& tensor);
  void read_state(const Frame& frame);
  void write_state(const Frame& frame);
  void stats(const Frame& frame);
  genie::Outcome admit(const Prepare& message, Preparing& into);
  void done(std::uint64_t id, std::string message = {});
  void failed(std::uint64_t id, genie::Error error);
  void broken(std::string_view what);
  void overwhelmed(const std::exception& why);
  /// Does work for this client; what goes wrong unforeseen is the end of this client, and of no other.
  template <class Work>
  void guarded(Work&& work) {
    try {
      work();
    } catch (const std::exception& why) {
      overwhelmed(why);
    }
  }
  void forget_program(std::uint64_t number);
  void forget_session(std::uint64_t number);
  [[nodiscard]] PathWish path_wish(const std::string& of_client) const;
  void meet_peers(std::uint64_t request, const Compile& message);
  void plan_ways(const ProgramState& program, std::function<void()> then);
  void peer_lost(std::uint64_t program, const std::vector<std::string>& devices, const genie::Error& why);
  void send_value(std::uint64_t program, std::string_view device, Outgoing frame);
  /// Null: values for this device go through the client.
  [[nodiscard]] const PeerWay* way_to(std::uint64_t program, std::string_view device) const;
  [[nodiscard]] DataLink::OnRegion counts_regions();

  Worker& worker_;
  const std::string identity_;
  const std::shared_ptr<Connection> connection_;
  const ReachPeer reach_;
  const std::shared_ptr<DataMeeting> data_meeting_;
  exec::Counters counters_;
  /// When the client came: what is counted on is its own, unless others compute meanwhile.
  const std::map<std::string, std::uint64_t> kernels_before_;
  std::atomic<std::uint64_t> busy_{0};
  std::atomic<bool> gone_{false};

  std::mutex uploads_lock_;                                     // guards expected_ and arrived_
  std::map<std::string, std::uint64_t, std::less<>> expected_;  // digest → size of blobs that were asked for
  Pins arrived_;                                                // until the program that asked has them
  std::map<std::string, std::shared_ptr<Upload>, std::less<>> uploads_;  // the io thread's
  std::atomic<std::uint64_t> pieces_{0};                                 // that wait to be hashed

  /// A step from its frame on: it may be cancelled before the executor has come to it.
  struct Running {
    std::weak_ptr<RemoteStep> step;
    std::uint64_t came_ns = 0;
    bool cancelled = false;
  };
  std::mutex cancels_lock_;                   // guards running_
  std::map<std::uint64_t, Running> running_;  // by request

  // The executor's.
  std::map<std::uint64_t, ProgramState> programs_;
  std::map<std::uint64_t, OpenSessionState> sessions_;
  std::map<std::uint64_t, Kept> kept_;
};

}  // namespace genie::remote
