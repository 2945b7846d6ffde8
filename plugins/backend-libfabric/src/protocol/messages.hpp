// Every message of the control channel: what it says, its bytes, and what of it can be wrong whatever the program is. Each has
// one encode and one decode; a decode that returns nothing means the peer broke the protocol. What depends on the program
// (ids, shapes, sizes) is judged by whoever has the program.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "datapath/choice.hpp"
#include "genie/cpp/core.hpp"
#include "genie/plan/expr.hpp"

namespace genie::remote {

// --- who is there ---

/// Protocol versions that this build speaks.
inline constexpr std::uint16_t kProtocolMin = 1;
inline constexpr std::uint16_t kProtocolMax = 1;

enum class Role : std::uint8_t { client = 0, worker = 1, peer = 2 };

/// First in both directions.
struct Hello {
  std::uint16_t protocol_min = kProtocolMin;
  std::uint16_t protocol_max = kProtocolMax;
  std::uint16_t plan_major = 0;
  std::uint16_t plan_minor_min = 0;
  std::uint16_t plan_minor_max = 0;
  Role role = Role::client;
  std::string software;  ///< "genie 0.1.0", for messages
  std::string nonce;     ///< 32 bytes
  std::string ticket;    ///< of a peer: which invitation it follows; else empty
};
/// Proof of the shared secret, or empty where certificates were the proof.
struct Auth {
  std::string mac;
};
struct Welcome {
  std::uint16_t protocol = kProtocolMax;
  std::uint64_t lease_ms = 0;
  std::string mac;       ///< the worker's own proof
  std::string identity;  ///< whom the worker takes the client for
  std::string instance;  ///< of this worker process: another one has nothing of the last one's
  std::string topology;  ///< genie.topology of its devices and kernels
  std::string versions;  ///< JSON object: torch, cpu_capability, …
};

// --- values ---

/// A tensor whose bytes lie in the payload.
struct WireTensor {
  bool present = false;  ///< false: an operator returned None
  genie_dtype dtype{};
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
  std::uint64_t offset = 0;  ///< in the payload
  std::uint64_t bytes = 0;   ///< those that shape and strides span
};

// --- programs ---

struct Peer {
  std::string device;
  std::string address;  ///< host:port
  std::string ticket;
  std::string secret;
};
struct Prepare {
  std::uint64_t program = 0;  ///< the client's number for it
  std::string plan;
  std::string topology;
};
/// Answers Prepare.
struct Needs {
  std::vector<std::string> digests;  ///< blobs that the client has not shown yet
  std::string ticket;                ///< lets peers of this program in
  std::string secret;
};
struct BlobChunk {
  std::string digest;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
};
struct Compile {
  std::uint64_t program = 0;
  std::string data_path;  ///< between workers: what the client asks for, as DataPaths::requested, or "none"
  std::vector<Peer> peers;
};
/// Answers Compile.
struct Compiled {
  struct Way {
    std::string device;  ///< of another worker
    std::string
        path;  ///< that values take to it: a data path, "control" for a connection's socket, or "client"
    std::vector<datapath::Finding> findings;
  };
  std::vector<Way> ways;
};

// --- data paths ---

/// What one end can do, and what the client asks for. Answered by DataChoice.
struct DataPaths {
  std::string requested;
  datapath::Offer offer;
};
struct DataChoice {
  std::vector<std::string> paths;  ///< to try, the best first; none: the control channel carries all
  std::vector<datapath::Finding> findings;
};
/// Opens an end of a path; answered by the worker's own address.
struct DataOpen {
  std::string path;
  std::string address;
};

// --- sessions ---

struct OpenSession {
  std::uint64_t session = 0;
  std::uint64_t program = 0;
  std::uint64_t seed = 0;
};

struct StepInput {
  enum class From : std::uint8_t { sent = 0, kept = 1 };
  std::uint32_t port = 0;
  From from = From::sent;
  WireTensor tensor;       ///< sent: here, unless no device of this worker takes it
  std::string device;      ///< kept: on which device
  std::uint64_t kept = 0;  ///< …as which value
};
struct StepOutput {
  std::uint32_t output = 0;
  bool keep = false;
  std::uint64_t kept = 0;  ///< the number that the client gives it
};
struct Step {
  std::uint64_t session = 0;
  std::uint64_t index = 0;
  std::string method;
  std::uint64_t deadline_ns = 0;  ///< from now; 0: none
  plan::Bindings sizes;           ///< that the inputs decide
  std::vector<StepInput> inputs;
  std::vector<StepOutput> outputs;
};
struct StageTime {
  std::uint32_t stage = 0;  ///< number in the schedule
  std::uint64_t begin_ns = 0;
  std::uint64_t duration_ns = 0;
  std::uint64_t most_bytes = 0;  ///< on its device while it computed
  std::uint64_t left_bytes = 0;  ///< on its device afterwards
};
/// When a value left for another device, or was there.
struct TransferTime {
  std::uint32_t transfer = 0;  ///< number in the schedule
  bool arrived = false;
  std::uint64_t at_ns = 0;
  std::uint64_t bytes = 0;
};
/// Times count from when the step's message came, by the worker's clock.
struct StepResult {
  struct Output {
    std::uint32_t output = 0;
    std::string device;  ///< where it is
    bool kept = false;
    WireTensor tensor;  ///< of a kept one without bytes
  };
  bool wrote_state = false;
  std::vector<Output> outputs;
  plan::Bindings sizes;  ///< that data decided
  std::vector<StageTime> stages;
  std::vector<TransferTime> transfers;
  std::uint64_t spent_ns = 0;  ///< until this answer
};

/// A transfer of the plan, from the device that made it.
struct Value {
  std::uint64_t session = 0;
  std::uint64_t index = 0;
  std::uint32_t message = 0;  ///< number of the transfer in the method's schedule
  plan::Bindings sizes;       ///< that data decided so far
  WireTensor tensor;
};

struct StateAccess {
  std::uint64_t session = 0;
  std::string name;
  WireTensor tensor;  ///< to write; absent when reading
};

// --- looking at steps ---

/// From the session's next step on, the client looks at its steps, or no longer.
struct Watch {
  std::uint64_t session = 0;
  bool on = false;
};
/// What happened in a step that is looked at. The worker takes the step no further until it is told to.
struct StepEvent {
  enum class Kind : std::uint8_t { arrived = 0, stage_begin = 1, stage_end = 2 };
  std::uint64_t session = 0;
  std::uint64_t index = 0;
  Kind kind = Kind::arrived;
  std::uint32_t number = 0;  ///< of the transfer, or of the stage, in the method's schedule
  std::uint64_t at_ns = 0;   ///< since the step's message came, by the worker's clock
  std::uint64_t bytes = 0;   ///< of a transfer
};
struct GoOn {
  std::uint64_t session = 0;
  std::uint64_t index = 0;
};
/// Asks for a value's present content; answered by StateAccess with the value's id for a name.
struct Look {
  std::uint64_t session = 0;
  std::uint64_t index = 0;
  std::string device;
  std::string value;
};

/// What went wrong, as the status it becomes. `wrote_state`: of a step that had begun to write states.
struct Failed {
  genie::Error error;
  bool wrote_state = false;
};

[[nodiscard]] std::string encode(const Hello& m);
[[nodiscard]] std::string encode(const Auth& m);
[[nodiscard]] std::string encode(const Welcome& m);
[[nodiscard]] std::string encode(const Prepare& m);
[[nodiscard]] std::string encode(const Needs& m);
[[nodiscard]] std::string encode(const BlobChunk& m);
[[nodiscard]] std::string encode(const Compile& m);
[[nodiscard]] std::string encode(const Compiled& m);
[[nodiscard]] std::string encode(const DataPaths& m);
[[nodiscard]] std::string encode(const DataChoice& m);
[[nodiscard]] std::string encode(const DataOpen& m);
[[nodiscard]] std::string encode(const OpenSession& m);
[[nodiscard]] std::string encode(const Step& m);
[[nodiscard]] std::string encode(const StepResult& m);
[[nodiscard]] std::string encode(const Value& m);
[[nodiscard]] std::string encode(const StateAccess& m);
[[nodiscard]] std::string encode(const Watch& m);
[[nodiscard]] std::string encode(const StepEvent& m);
[[nodiscard]] std::string encode(const GoOn& m);
[[nodiscard]] std::string encode(const Look& m);
[[nodiscard]] std::string encode(const Failed& m);
/// Messages that are one number: a program, session, step or kept value.
[[nodiscard]] std::string encode_number(std::uint64_t number);

/// payload_bytes: of the frame; a tensor must lie within.
template <class Message>
[[nodiscard]] std::optional<Message> decode(std::string_view bytes, std::uint64_t payload_bytes = 0);
[[nodiscard]] std::optional<std::uint64_t> decode_number(std::string_view bytes);

/// Elements from the first to the last that the strides reach, or nothing if that number makes no sense.
[[nodiscard]] std::optional<std::uint64_t> spanned(const std::vector<std::int64_t>& shape,
                                                   const std::vector<std::int64_t>& strides);

}  // namespace genie::remote
