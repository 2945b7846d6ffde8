// Nodes: the operation, its annotations and its place in the user's model.
#include "codec_parts.hpp"
#include "optional_keys.hpp"

namespace genie::plan::detail {
namespace {

constexpr std::string_view kAnnotationKeys[] = {"is", "by", "confidence"};
constexpr std::string_view kAnnotators[] = {"user", "frontend", "inferred", "measured"};

Annotation read_annotation(Problems& problems, const View& view) {
  const Fields fields(problems, view, kAnnotationKeys);
  Annotation annotation;
  if (const View* is = fields.need("is")) annotation.is = read_id(problems, *is);
  if (const View* by = fields.need("by")) annotation.by = read_choice(problems, *by, kAnnotators);
  if (const View* confidence = fields.find("confidence"))
    annotation.confidence = read_real(problems, *confidence, 0, 1);
  fields.keep_unknown(annotation.extra);
  return annotation;
}

void write_annotation(json::Writer& writer, const Annotation& annotation) {
  ObjectWriter object(writer, &annotation.extra);
  object.key("by").value(annotation.by);
  if (annotation.confidence) object.key("confidence").value(*annotation.confidence);
  object.key("is").value(annotation.is);
}

constexpr std::string_view kSemanticsKeys[] = {"phase", "role", "modality"};

Semantics read_semantics(Problems& problems, const View& view) {
  const Fields fields(problems, view, kSemanticsKeys);
  Semantics semantics;
  if (const View* phase = fields.find("phase")) semantics.phase = read_annotation(problems, *phase);
  if (const View* role = fields.find("role")) semantics.role = read_annotation(problems, *role);
  if (const View* modality = fields.find("modality"))
    semantics.modality = read_annotation(problems, *modality);
  fields.keep_unknown(semantics.extra);
  return semantics;
}

void write_semantics(json::Writer& writer, const Semantics& semantics) {
  ObjectWriter object(writer, &semantics.extra);
  if (semantics.modality) write_annotation(object.key("modality"), *semantics.modality);
  if (semantics.phase) write_annotation(object.key("phase"), *semantics.phase);
  if (semantics.role) write_annotation(object.key("role"), *semantics.role);
}

constexpr std::string_view kCostKeys[] = {"flops", "read_bytes", "written_bytes", "peak_bytes", "by"};
constexpr std::string_view kCostSources[] = {"model", "measured"};

Cost read_cost(Problems& problems, const View& view) {
  const Fields fields(problems, view, kCostKeys);
  Cost cost;
  if (const View* flops = fields.need("flops")) cost.flops = read_size(problems, *flops);
  if (const View* bytes = fields.need("read_bytes")) cost.read_bytes = read_size(problems, *bytes);
  if (const View* bytes = fields.need("written_bytes")) cost.written_bytes = read_size(problems, *bytes);
  if (const View* bytes = fields.find("peak_bytes")) cost.peak_bytes = read_size(problems, *bytes);
  if (const View* by = fields.need("by")) cost.by = read_choice(problems, *by, kCostSources);
  fields.keep_unknown(cost.extra);
  return cost;
}

void write_cost(json::Writer& writer, const Cost& cost) {
  ObjectWriter object(writer, &cost.extra);
  object.key("by").value(cost.by);
  write_expr(object.key("flops"), cost.flops);
  if (cost.peak_bytes) write_expr(object.key("peak_bytes"), *cost.peak_bytes);
  write_expr(object.key("read_bytes"), cost.read_bytes);
  write_expr(object.key("written_bytes"), cost.written_bytes);
}

constexpr std::string_view kSourceKeys[] = {"file", "line"};

SourceLine read_source(Problems& problems, const View& view) {
  const Fields fields(problems, view, kSourceKeys);
  SourceLine source;
  if (const View* file = fields.need("file")) source.file = read_text(problems, *file);
  if (const View* line = fields.need("line")) source.line = read_integer(problems, *line, 0);
  fields.keep_unknown(source.extra);
  return source;
}

void write_source(json::Writer& writer, const SourceLine& source) {
  ObjectWriter object(writer, &source.extra);
  object.key("file").value(source.file);
  object.key("line").value(source.line);
}

constexpr std::string_view kNodeKeys[] = {"id",      "op",    "args",  "kwargs", "results",   "effects",
                                          "mutates", "after", "scope", "source", "semantics", "cost"};
constexpr std::string_view kEffects[] = {"pure", "rng", "state", "io"};

}  // namespace

void read_node(Problems& problems, const View& view, Node& node) {
  const std::size_t before = problems.size();
  const Fields fields(problems, view, kNodeKeys);
  if (const View* id = fields.need("id")) node.id = read_id(problems, *id);
  if (const View* op = fields.need("op")) node.op = read_id(problems, *op);
  if (const View* args = fields.find("args")) node.args = read_args(problems, *args);
  if (const View* kwargs = fields.find("kwargs"))
    read_table_in_place<Arg>(problems, *kwargs, node.kwargs,
                             [&](const View& item, Arg& into) { read_arg(problems, item, into); });
  if (const View* results = fields.need("results"))
    node.results = read_list<std::string>(problems, *results,
                                          [&](const View& item) { return read_text(problems, item); });
  if (const View* effects = fields.find("effects")) node.effects = read_choice(problems, *effects, kEffects);
  if (const View* mutates = fields.find("mutates")) node.mutates = read_ids(problems, *mutates);
  if (const View* after = fields.find("after")) node.after = read_ids(problems, *after);
  if (const View* scope = fields.find("scope")) node.scope = read_text(problems, *scope);
  if (const View* source = fields.find("source")) node.source = read_source(problems, *source);
  if (const View* semantics = fields.find("semantics")) node.semantics = read_semantics(problems, *semantics);
  if (const View* cost = fields.find("cost")) node.cost = read_cost(problems, *cost);
  if (fields.has_unknown())
    check_member(view, kRngStream, [&](const View& stream) { (void)read_integer(problems, stream, 0); });
  fields.keep_unknown(node.extra);
  problems.locate(before, node);
}

void write_node(json::Writer& writer, const Node& node) {
  ObjectWriter object(writer, &node.extra);
  if (!node.after.empty()) write_ids(object.key("after"), node.after);
  if (!node.args.empty()) {
    object.key("args").begin_array();
    for (const Arg& argument : node.args)
      write_arg(writer, argument);
    writer.end_array();
  }
  if (node.cost) write_cost(object.key("cost"), *node.cost);
  if (node.effects != "pure") object.key("effects").value(node.effects);
  object.key("id").value(node.id);
  if (!node.kwargs.empty())
    write_table(object.key("kwargs"), node.kwargs, [&](const Arg& argument) { write_arg(writer, argument); });
  if (!node.mutates.empty()) write_ids(object.key("mutates"), node.mutates);
  object.key("op").value(node.op);
  write_ids(object.key("results"), node.results);
  object.text_unless_empty("scope", node.scope);
  if (!node.semantics.empty()) write_semantics(object.key("semantics"), node.semantics);
  if (node.source) write_source(object.key("source"), *node.source);
}

}  // namespace genie::plan::detail
