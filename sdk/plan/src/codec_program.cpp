// What a program consists of beside its graphs: producer, symbols, guards, weights, states, constraints, locations.
#include "codec_parts.hpp"
#include "messages.hpp"

namespace genie::plan::detail {
namespace {

constexpr std::string_view kSourceKeys[] = {"framework", "framework_version", "digest"};

Producer::Source read_producer_source(Problems& problems, const View& view) {
  const Fields fields(problems, view, kSourceKeys);
  Producer::Source source;
  if (const View* framework = fields.need("framework")) source.framework = read_id(problems, *framework);
  if (const View* version = fields.find("framework_version"))
    source.framework_version = read_text(problems, *version);
  if (const View* digest = fields.find("digest")) source.digest = read_digest(problems, *digest);
  fields.keep_unknown(source.extra);
  return source;
}

constexpr std::string_view kFromKeys[] = {"input", "dim", "node"};

SymbolFrom read_from(Problems& problems, const View& view) {
  const Fields fields(problems, view, kFromKeys);
  SymbolFrom from;
  const View* const input = fields.find("input");
  const View* const dim = fields.find("dim");
  const View* const node = fields.find("node");
  if (input != nullptr) from.input = read_id(problems, *input);
  if (dim != nullptr) from.dim = read_integer(problems, *dim, 0);
  if (node != nullptr) from.node = read_id(problems, *node);
  const bool an_input = input != nullptr && dim != nullptr && node == nullptr;
  const bool a_node = node != nullptr && input == nullptr && dim == nullptr;
  if (fields.is_object() && !an_input && !a_node)
    problems.add(view, "GE0322", "a symbol comes from an input's dimension or from a node",
                 "write {\"input\": NAME, \"dim\": NUMBER} or {\"node\": ID}");
  fields.keep_unknown(from.extra);
  return from;
}

void write_from(json::Writer& writer, const SymbolFrom& from) {
  ObjectWriter object(writer, &from.extra);
  if (from.node.empty()) object.key("dim").value(from.dim);
  object.text_unless_empty("input", from.input);
  object.text_unless_empty("node", from.node);
}

constexpr std::string_view kStorageKinds[] = {"parameter", "buffer", "constant"};
constexpr std::string_view kWeightKeys[] = {"kind", "dtype",        "shape",        "strides",
                                            "blob", "offset_bytes", "requires_grad"};
constexpr std::string_view kStateKeys[] = {"dtype", "shape", "strides",  "init",
                                           "role",  "scope", "alias_of", "offset_bytes"};
constexpr std::string_view kScopes[] = {"session", "program"};

std::vector<std::int64_t> read_sizes(Problems& problems, const View& view) {
  return read_list<std::int64_t>(problems, view,
                                 [&](const View& item) { return read_integer(problems, item, 0); });
}

/// Absent strides are contiguous ones; V2 reports a shape for which those do not fit.
std::vector<std::int64_t> read_strides(Problems& problems, const View* view,
                                       const std::vector<std::int64_t>& shape) {
  if (view != nullptr) return read_sizes(problems, *view);
  return contiguous_strides_of(shape).value_or(std::vector<std::int64_t>{});
}

void write_sizes(json::Writer& writer, const std::vector<std::int64_t>& sizes) {
  writer.begin_array();
  for (const std::int64_t size : sizes)
    writer.value(size);
  writer.end_array();
}

void write_strides(ObjectWriter& object, const std::vector<std::int64_t>& shape,
                   const std::vector<std::int64_t>& strides, json::Writer& writer) {
  if (strides == contiguous_strides_of(shape).value_or(std::vector<std::int64_t>{})) return;
  object.key("strides");
  write_sizes(writer, strides);
}

StateInit read_init(Problems& problems, const View& view) {
  if (view.is(Kind::string) && view.string() == "zeros") return {};
  if (view.is(Kind::object) && view.size() == 1)
    if (const auto weight = view.find("weight")) return {read_id(problems, *weight)};
  problems.add(view, "GE0322",
               "a state starts as \"zeros\" or as a copy of {\"weight\": NAME}, found " +
                   quoted_value(view.canonical()));
  return {};
}

constexpr std::string_view kConstraintKeys[] = {"id",    "kind",     "select", "device", "value",
                                                "bytes", "strength", "weight", "origin"};
constexpr std::string_view kConstraintKinds[] = {"pin",       "forbid", "colocate", "separate",
                                                 "replicate", "phase",  "role",     "modality",
                                                 "priority",  "budget", "recompute"};
constexpr std::string_view kStrengths[] = {"hard", "soft"};
constexpr std::string_view kPriorities[] = {"control", "bulk"};
constexpr std::string_view kRecomputes[] = {"allow", "never"};

bool one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// The keys that a kind of constraint cannot do without.
void check_constraint(const Fields& fields, const Constraint& constraint) {
  const std::string& kind = constraint.kind;
  const auto demand = [&](std::string_view key) {
    if (fields.find(key) == nullptr)
      fields.problems().add(fields.view(), "GE0311",
                            "a constraint of kind " + kind + " needs the key \"" + std::string(key) + "\"");
  };
  if (kind != "budget") demand("select");
  if (one_of(kind, {"pin", "forbid", "budget"})) demand("device");
  if (one_of(kind, {"phase", "role", "modality", "priority", "recompute"})) demand("value");
  if (kind == "budget") demand("bytes");
}

}  // namespace

Producer read_producer(Problems& problems, const View& view) {
  static constexpr std::string_view kKeys[] = {"plugin", "version", "source"};
  const Fields fields(problems, view, kKeys);
  Producer producer;
  if (const View* plugin = fields.need("plugin")) producer.plugin = read_id(problems, *plugin);
  if (const View* version = fields.need("version")) producer.version = read_text(problems, *version);
  if (const View* source = fields.find("source")) producer.source = read_producer_source(problems, *source);
  fields.keep_unknown(producer.extra);
  return producer;
}

void write_producer(json::Writer& writer, const Producer& producer) {
  ObjectWriter object(writer, &producer.extra);
  object.key("plugin").value(producer.plugin);
  if (producer.source) {
    object.key("source");
    ObjectWriter source(writer, &producer.source->extra);
    source.text_unless_empty("digest", producer.source->digest);
    source.key("framework").value(producer.source->framework);
    source.text_unless_empty("framework_version", producer.source->framework_version);
  }
  object.key("version").value(producer.version);
}

Symbol read_symbol(Problems& problems, const View& view) {
  static constexpr std::string_view kKeys[] = {"name", "min", "max", "from"};
  const Fields fields(problems, view, kKeys);
  Symbol symbol;
  if (const View* name = fields.find("name")) symbol.name = read_id(problems, *name);
  if (const View* min = fields.find("min")) symbol.min = read_integer(problems, *min);
  if (const View* max = fields.find("max")) symbol.max = read_integer(problems, *max);
  if (const View* from = fields.find("from")) symbol.from = read_from(problems, *from);
  fields.keep_unknown(symbol.extra);
  return symbol;
}

void write_symbol(json::Writer& writer, const Symbol& symbol) {
  ObjectWriter object(writer, &symbol.extra);
  if (symbol.from) write_from(object.key("from"), *symbol.from);
  if (symbol.max) object.key("max").value(*symbol.max);
  if (symbol.min) object.key("min").value(*symbol.min);
  if (symbol.name) object.key("name").value(*symbol.name);
}

Guard read_guard(Problems& problems, const View& view) {
  static constexpr std::string_view kRelations[] = {"eq", "ne", "lt", "le", "gt", "ge"};
  Guard guard;
  if (!view.is(Kind::array) || view.size() != 4) {
    problems.add(view, "GE0322", "a guard is [relation, a, b, text]",
                 "the text is the condition as the user would write it");
    return guard;
  }
  std::size_t number = 0;
  for (const auto& [key, item] : view.items()) {
    switch (number++) {
      case 0:
        guard.relation = read_choice(problems, item, kRelations);
        break;
      case 1:
        guard.a = read_expr(problems, item);
        break;
      case 2:
        guard.b = read_expr(problems, item);
        break;
      default:
        guard.text = read_text(problems, item);
    }
  }
  return guard;
}

void write_guard(json::Writer& writer, const Guard& guard) {
  writer.begin_array().value(guard.relation);
  write_expr(writer, guard.a);
  write_expr(writer, guard.b);
  writer.value(guard.text).end_array();
}

Blob read_blob(Problems& problems, const View& view) {
  static constexpr std::string_view kKeys[] = {"size_bytes"};
  const Fields fields(problems, view, kKeys);
  Blob blob;
  if (const View* size = fields.need("size_bytes")) blob.size_bytes = read_count(problems, *size);
  fields.keep_unknown(blob.extra);
  return blob;
}

void write_blob(json::Writer& writer, const Blob& blob) {
  ObjectWriter object(writer, &blob.extra);
  object.key("size_bytes").value(blob.size_bytes);
}

Weight read_weight(Problems& problems, const View& view) {
  const Fields fields(problems, view, kWeightKeys);
  Weight weight;
  if (const View* kind = fields.need("kind")) weight.kind = read_choice(problems, *kind, kStorageKinds);
  if (const View* dtype = fields.need("dtype")) weight.dtype = read_dtype(problems, *dtype);
  if (const View* shape = fields.need("shape")) weight.shape = read_sizes(problems, *shape);
  weight.strides = read_strides(problems, fields.find("strides"), weight.shape);
  if (const View* blob = fields.need("blob")) weight.blob = read_digest(problems, *blob);
  if (const View* offset = fields.find("offset_bytes")) weight.offset_bytes = read_count(problems, *offset);
  if (const View* tracked = fields.find("requires_grad"))
    weight.requires_grad = read_boolean(problems, *tracked);
  fields.keep_unknown(weight.extra);
  return weight;
}

void write_weight(json::Writer& writer, const Weight& weight) {
  ObjectWriter object(writer, &weight.extra);
  object.key("blob").value(weight.blob);
  object.key("dtype").value(name(weight.dtype));
  object.key("kind").value(weight.kind);
  if (weight.offset_bytes != 0) object.key("offset_bytes").value(weight.offset_bytes);
  if (weight.requires_grad) object.key("requires_grad").value(true);
  object.key("shape");
  write_sizes(writer, weight.shape);
  write_strides(object, weight.shape, weight.strides, writer);
}

State read_state(Problems& problems, const View& view) {
  const Fields fields(problems, view, kStateKeys);
  State state;
  if (const View* dtype = fields.need("dtype")) state.dtype = read_dtype(problems, *dtype);
  if (const View* shape = fields.need("shape")) state.shape = read_sizes(problems, *shape);
  state.strides = read_strides(problems, fields.find("strides"), state.shape);
  if (const View* init = fields.find("init")) state.init = read_init(problems, *init);
  if (const View* role = fields.find("role")) state.role = read_id(problems, *role);
  if (const View* scope = fields.find("scope")) state.scope = read_choice(problems, *scope, kScopes);
  if (const View* alias = fields.find("alias_of")) state.alias_of = read_id(problems, *alias);
  if (const View* offset = fields.find("offset_bytes")) state.offset_bytes = read_count(problems, *offset);
  fields.keep_unknown(state.extra);
  return state;
}

void write_state(json::Writer& writer, const State& state) {
  ObjectWriter object(writer, &state.extra);
  object.text_unless_empty("alias_of", state.alias_of);
  object.key("dtype").value(name(state.dtype));
  if (!state.init.weight.empty()) {
    object.key("init");
    ObjectWriter(writer).key("weight").value(state.init.weight);
  }
  if (state.offset_bytes != 0) object.key("offset_bytes").value(state.offset_bytes);
  object.text_unless_empty("role", state.role);
  if (state.scope != "session") object.key("scope").value(state.scope);
  object.key("shape");
  write_sizes(writer, state.shape);
  write_strides(object, state.shape, state.strides, writer);
}

Constraint read_constraint(Problems& problems, const View& view) {
  const Fields fields(problems, view, kConstraintKeys);
  Constraint constraint;
  if (const View* id = fields.find("id")) constraint.id = read_id(problems, *id);
  if (const View* kind = fields.need("kind")) {
    const std::size_t before = problems.size();
    constraint.kind = read_choice(problems, *kind, kConstraintKinds);
    if (problems.size() == before) check_constraint(fields, constraint);
  }
  if (const View* select = fields.find("select")) constraint.select = read_id(problems, *select);
  if (const View* device = fields.find("device")) constraint.device = read_id(problems, *device);
  if (const View* value = fields.find("value")) {
    if (constraint.kind == "priority")
      constraint.value = read_choice(problems, *value, kPriorities);
    else if (constraint.kind == "recompute")
      constraint.value = read_choice(problems, *value, kRecomputes);
    else
      constraint.value = read_id(problems, *value);
  }
  if (const View* bytes = fields.find("bytes")) constraint.bytes = read_count(problems, *bytes);
  if (const View* strength = fields.find("strength"))
    constraint.strength = read_choice(problems, *strength, kStrengths);
  if (const View* weight = fields.find("weight"))
    constraint.weight = read_real(problems, *weight, 0, std::numeric_limits<double>::max());
  if (const View* origin = fields.find("origin")) constraint.origin = read_text(problems, *origin);
  fields.keep_unknown(constraint.extra);
  return constraint;
}

void write_constraint(json::Writer& writer, const Constraint& constraint) {
  ObjectWriter object(writer, &constraint.extra);
  if (constraint.bytes) object.key("bytes").value(*constraint.bytes);
  object.text_unless_empty("device", constraint.device);
  object.text_unless_empty("id", constraint.id);
  object.key("kind").value(constraint.kind);
  object.text_unless_empty("origin", constraint.origin);
  object.text_unless_empty("select", constraint.select);
  if (constraint.strength != "hard") object.key("strength").value(constraint.strength);
  object.text_unless_empty("value", constraint.value);
  if (constraint.weight) object.key("weight").value(*constraint.weight);
}

Location read_location(Problems& problems, const View& view) {
  static constexpr std::string_view kKeys[] = {"uri", "offset_bytes"};
  const Fields fields(problems, view, kKeys);
  Location location;
  if (const View* uri = fields.need("uri")) location.uri = read_id(problems, *uri);
  if (const View* offset = fields.find("offset_bytes")) location.offset_bytes = read_count(problems, *offset);
  fields.keep_unknown(location.extra);
  return location;
}

void write_location(json::Writer& writer, const Location& location) {
  ObjectWriter object(writer, &location.extra);
  if (location.offset_bytes != 0) object.key("offset_bytes").value(location.offset_bytes);
  object.key("uri").value(location.uri);
}

std::optional<std::vector<std::int64_t>> contiguous_strides_of(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t step = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = step;
    if (i != 0 && __builtin_mul_overflow(step, std::max<std::int64_t>(shape[i], 1), &step))
      return std::nullopt;
  }
  return strides;
}

}  // namespace genie::plan::detail
