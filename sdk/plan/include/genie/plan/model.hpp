// The ExecutionPlan in memory: one struct per object of the document, members named as its keys.
//
// A Plan is a plain value: copy it, edit it, encode it (codec.hpp), check it (validate.hpp). Maps are ordered, so walking
// a plan is deterministic. `extra` keeps what a newer minor wrote and this one does not know; it survives a round trip.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "genie/plan/boxed.hpp"
#include "genie/plan/dtype.hpp"
#include "genie/plan/expr.hpp"

namespace genie::plan {

inline constexpr int kSchemaMajor = 0;
inline constexpr int kSchemaMinor = 1;

template <class T>
using Table = std::map<std::string, T, std::less<>>;

/// Unknown optional keys with their value as canonical JSON text, in key order.
using Extra = BoxedList<std::pair<std::string, std::string>>;

struct Version {
  int major = kSchemaMajor;
  int minor = kSchemaMinor;
  friend bool operator==(const Version&, const Version&) = default;
};

struct Producer {
  struct Source {
    std::string framework;          ///< "torch"
    std::string framework_version;  ///< "2.13.0"
    std::string digest;             ///< "sha256:…" of the source file
    Extra extra;
  };
  std::string plugin;   ///< id of the frontend
  std::string version;  ///< its version
  std::optional<Source> source;
  Extra extra;
};

/// Where a symbol gets its value: an input's dimension, or the node whose data decides it.
struct SymbolFrom {
  std::string input;     ///< input name, or empty
  std::int64_t dim = 0;  ///< with `input`
  std::string node;      ///< node id, or empty: the symbol is known once this node has run
  Extra extra = {};
  friend bool operator==(const SymbolFrom&, const SymbolFrom&) = default;
};

struct Symbol {
  std::optional<std::string> name;  ///< the user's name for it (torch.export.Dim)
  std::optional<std::int64_t> min;
  std::optional<std::int64_t> max;
  std::optional<SymbolFrom> from;  ///< absent when no single place binds it (solved from expressions)
  Extra extra;
};

/// A condition checked before each call: ["eq", a, b, "the export's own text"].
struct Guard {
  std::string relation;  ///< eq ne lt le gt ge
  Expr a;
  Expr b;
  std::string text;
};

struct Blob {
  std::uint64_t size_bytes = 0;
  Extra extra;
};

/// A tensor with bytes in the source. `strides` and `offset_bytes` say how it views its blob.
struct Weight {
  std::string kind;  ///< parameter, buffer, constant
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  ///< in elements
  std::string blob;                   ///< "sha256:…", key of Plan::blobs
  std::uint64_t offset_bytes = 0;
  /// The framework tracks gradients of it. Inference depends on it too: torch chooses by it how a product of many
  /// matrices is folded into one, and with that how it rounds.
  bool requires_grad = false;
  Extra extra;
};

/// Initial content of a state: zeros, or a copy of a weight.
struct StateInit {
  std::string weight;  ///< empty: zeros
  friend bool operator==(const StateInit&, const StateInit&) = default;
};

/// A tensor that outlives a call.
struct State {
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t>
      strides;  ///< in elements; empty in the document means contiguous, always filled in memory
  StateInit init;
  std::string role;                ///< kv_cache, running_mean, …; may be empty
  std::string scope = "session";   ///< session or program
  std::string alias_of;            ///< the state whose storage this one views, or empty
  std::uint64_t offset_bytes = 0;  ///< into that storage, with alias_of
  Extra extra;
};

struct Arg;

namespace arg {
struct Null {
  friend bool operator==(const Null&, const Null&) = default;
};
struct Value {
  std::string id;
  friend bool operator==(const Value&, const Value&) = default;
};
struct Weight {
  std::string name;
  friend bool operator==(const Weight&, const Weight&) = default;
};
struct State {
  std::string name;
  friend bool operator==(const State&, const State&) = default;
};
struct Complex {
  double real;
  double imag;
  friend bool operator==(const Complex&, const Complex&) = default;
};
struct Str {
  std::string text;
  friend bool operator==(const Str&, const Str&) = default;
};
struct Layout {
  std::string name;
  friend bool operator==(const Layout&, const Layout&) = default;
};  ///< "strided"
struct MemoryFormat {
  std::string name;
  friend bool operator==(const MemoryFormat&, const MemoryFormat&) = default;
};  ///< contiguous channels_last channels_last_3d preserve
struct Device {
  friend bool operator==(const Device&, const Device&) = default;
};  ///< always "local": the stage's own
struct Dim {
  Expr expr;
  friend bool operator==(const Dim&, const Dim&) = default;
};  ///< a symbolic integer
struct Graph {
  std::string name;
  friend bool operator==(const Graph&, const Graph&) = default;
};
struct List {
  std::vector<Arg> items;
  friend bool operator==(const List& a, const List& b);
};
}  // namespace arg

/// One argument of a node: null, or exactly one tagged value. std::int64_t and double are the tags `int` and `float`.
struct Arg {
  std::variant<arg::Null, arg::Value, arg::Weight, arg::State, std::int64_t, double, bool, arg::Complex,
               arg::Str, DType, arg::Layout, arg::MemoryFormat, arg::Device, arg::Dim, arg::Graph, arg::List>
      is;
  friend bool operator==(const Arg& a, const Arg& b);
};
namespace arg {
inline bool operator==(const List& a, const List& b) {
  return a.items == b.items;
}
}  // namespace arg
inline bool operator==(const Arg& a, const Arg& b) {
  return a.is == b.is;
}

enum class ScalarKind : std::uint8_t { integer, floating, boolean };  ///< "int", "float", "bool"

/// What flows between nodes: a tensor, or a number. A number crosses stages and the ABI as a 0-d i64, f64 or bool tensor.
struct Value {
  std::optional<ScalarKind>
      scalar;  ///< set: a number, and dtype/shape/strides say the 0-d tensor it crosses as
  DType dtype = DType::f32;
  Shape shape;
  Exprs strides;  ///< in elements; absent in the document means contiguous, always filled in memory
  std::string
      alias_of;  ///< the value (or "state:NAME", "weight:NAME") whose storage this one shares, or empty
  std::string residency;  ///< ephemeral_activation, stateful_kv_cache, external_output, …; may be empty
  Extra extra;
};

/// An annotation with its provenance.
struct Annotation {
  std::string is;
  std::string by;                    ///< user, frontend, inferred, measured
  std::optional<double> confidence;  ///< 0…1, when inferred
  Extra extra;
};

struct Semantics {
  Boxed<Annotation> phase;
  Boxed<Annotation> role;
  Boxed<Annotation> modality;
  Extra extra;
  [[nodiscard]] bool empty() const { return !phase && !role && !modality && extra.empty(); }
};

/// Work of one node. Units are in the names.
struct Cost {
  Expr flops;
  Expr read_bytes;
  Expr written_bytes;
  std::optional<Expr> peak_bytes;
  std::string by;  ///< model or measured
  Extra extra;
};

struct SourceLine {
  std::string file;
  std::int64_t line = 0;
  Extra extra = {};
};

struct Node {
  std::string id;
  std::string op;  ///< "aten.linear.default"
  std::vector<Arg> args;
  Table<Arg> kwargs;
  std::vector<std::string> results;  ///< value ids; "" where the op returned None or the result is unused
  std::string effects = "pure";      ///< pure, rng, state, io
  std::vector<std::string> mutates;  ///< value ids, or "state:NAME", written in place
  std::vector<std::string> after;    ///< nodes that must run before, beyond what data flow shows
  std::string scope;                 ///< the user's module path
  std::optional<SourceLine> source;
  Semantics semantics;
  Boxed<Cost> cost;
  Extra extra;
};

/// A named input or output of a method. An output may also be a state, a weight, an input value, or a number.
struct Port {
  std::string name;
  Arg value;  ///< input: arg::Value. Output: arg::Value, Weight, State, Dim, or a constant number, string or null
  Extra extra;
};

/// A value that becomes the new content of a state at the end of the call.
struct StateWrite {
  std::string state;
  std::string value;
  bool in_place = false;  ///< the runtime must not copy the old content
  Extra extra;
};

/// A sub-graph of a method, named by a `graph` argument. Captures nothing implicitly.
struct Graph {
  std::vector<Port> inputs;
  std::vector<Port> outputs;
  Table<Value> values;
  std::vector<Node> nodes;  ///< in an order that runs
  std::vector<StateWrite> writes;
  Extra extra;
};

struct Method : Graph {
  Table<Graph> graphs;
};

struct Constraint {
  std::string id;
  std::string kind;  ///< pin forbid colocate separate replicate phase role modality priority budget recompute
  std::string select;                  ///< selector, see run config
  std::string device;                  ///< pin, forbid, budget
  std::string value;                   ///< phase, role, modality, priority, recompute
  std::optional<std::uint64_t> bytes;  ///< budget
  std::string strength = "hard";       ///< hard or soft
  std::optional<double> weight;        ///< with soft
  std::string origin;                  ///< "run.json#/hints/0"
  Extra extra;
};

/// Where a blob's bytes lie. Outside the plan id; removed before a plan leaves the host.
struct Location {
  std::string uri;  ///< file path
  std::uint64_t offset_bytes = 0;
  Extra extra;
};

struct Stage {
  std::string id;
  std::string device;
  std::string kernels;  ///< id of the kernels plug-in that computes it
  std::vector<std::string> nodes;
  std::vector<std::string> recomputes;  ///< nodes of other stages run again here instead of a transfer
  std::vector<std::string> after;       ///< stages that must finish first, beyond transfers and device order
  Extra extra;
};

struct Transfer {
  std::string id;
  std::string value;
  std::string from;              ///< stage id, or "input:NAME"
  std::string to;                ///< stage id, or "output:NAME"
  std::string klass = "bulk";    ///< key "class": control, bulk
  std::uint64_t size_bytes = 0;  ///< at `assumes`
  std::optional<std::uint64_t> slack_ns;
  Extra extra;
};

struct Predicted {
  std::uint64_t makespan_ns = 0;
  std::uint64_t wire_bytes = 0;
  Table<std::uint64_t> device_busy_ns;
  Table<std::uint64_t> peak_bytes;
  Extra extra;
};

inline constexpr std::uint32_t kMaxMicroBatches = 1024;

struct MethodSchedule {
  std::vector<Stage> stages;  ///< per device, in execution order
  /// How many micro-batches a call carries through the stages at most, one behind the other. `predicted` is of that many.
  std::uint32_t micro_batches = 1;
  std::vector<Transfer> transfers;
  std::optional<Predicted> predicted;
  Extra extra;
};

struct Alternative {
  std::string device;
  std::string refused;  ///< reason ("capacity", "kernels", "hint:h1"), or empty when merely worse
  std::optional<std::uint64_t> makespan_ns;  ///< predicted, had it been chosen
  std::string detail;
  Extra extra;
};

struct Decision {
  std::string subject;  ///< stage, weight or state id
  std::string chose;    ///< device; empty where there was none to choose
  std::string because;  ///< memory, makespan, colocation, hint, …
  std::string detail;   ///< one sentence with the numbers
  std::vector<Alternative> alternatives;
  std::vector<std::string> honours;  ///< constraint ids
  Extra extra;
};

struct Residence {
  Table<std::vector<std::string>> weights;  ///< devices that hold a copy
  Table<std::string> states;                ///< the one device that owns it
  Extra extra;
};

struct Schedule {
  struct Policy {
    std::string plugin;
    std::string version;
    std::string objective;
    Extra extra;
  };
  Policy policy;
  std::string topology;                ///< "sha256:…" of the topology's canonical bytes
  std::optional<std::string> profile;  ///< "sha256:…", or null
  Bindings assumes;                    ///< the sizes that all numbers hold at
  Residence residence;
  Table<MethodSchedule> methods;
  std::vector<Decision> decisions;
  Extra extra;
};

/// The artifact that every component understands.
struct Plan {
  Version version;
  std::string stage = "captured";  ///< captured or scheduled
  Producer producer;
  std::vector<std::string> required;  ///< key "requires": features a reader must know
  std::map<std::string, int, std::less<>> opsets;
  Table<Symbol> symbols;
  std::vector<Guard> guards;
  Table<Blob> blobs;
  Table<Weight> weights;
  Table<State> states;
  Table<Method> methods;
  std::vector<Constraint> constraints;
  std::optional<Schedule> schedule;
  Table<Location> locations;  ///< outside the id
  std::string extensions;     ///< canonical JSON object text, or empty
  Extra extra;
};

}  // namespace genie::plan
