// The parts of a plan document, each read (V1) and written (canonically) by one pair of functions.
#pragma once

#include "codec_fields.hpp"
#include "codec_write.hpp"

namespace genie::plan::detail {

// codec_args.cpp
[[nodiscard]] Expr read_expr(Problems& problems, const View& view);
/// An expression that, when it is an integer, is not negative: dimensions, strides, work.
[[nodiscard]] Expr read_size(Problems& problems, const View& view);
/// Into one that is null.
void read_arg(Problems& problems, const View& view, Arg& into);
[[nodiscard]] std::vector<Arg> read_args(Problems& problems, const View& view);
void write_expr(json::Writer& writer, const Expr& expr);
void write_arg(json::Writer& writer, const Arg& arg);

// codec_graph.cpp
[[nodiscard]] Graph read_graph(Problems& problems, const View& view);
[[nodiscard]] Method read_method(Problems& problems, const View& view);
void write_graph(json::Writer& writer, const Graph& graph);
void write_method(json::Writer& writer, const Method& method);

// codec_node.cpp
void read_node(Problems& problems, const View& view, Node& node);
void write_node(json::Writer& writer, const Node& node);

// codec_program.cpp
[[nodiscard]] Producer read_producer(Problems& problems, const View& view);
[[nodiscard]] Symbol read_symbol(Problems& problems, const View& view);
[[nodiscard]] Guard read_guard(Problems& problems, const View& view);
[[nodiscard]] Blob read_blob(Problems& problems, const View& view);
[[nodiscard]] Weight read_weight(Problems& problems, const View& view);
[[nodiscard]] State read_state(Problems& problems, const View& view);
[[nodiscard]] Constraint read_constraint(Problems& problems, const View& view);
[[nodiscard]] Location read_location(Problems& problems, const View& view);
void write_producer(json::Writer& writer, const Producer& producer);
void write_symbol(json::Writer& writer, const Symbol& symbol);
void write_guard(json::Writer& writer, const Guard& guard);
void write_blob(json::Writer& writer, const Blob& blob);
void write_weight(json::Writer& writer, const Weight& weight);
void write_state(json::Writer& writer, const State& state);
void write_constraint(json::Writer& writer, const Constraint& constraint);
void write_location(json::Writer& writer, const Location& location);

// codec_schedule.cpp
[[nodiscard]] Schedule read_schedule(Problems& problems, const View& view);
void write_schedule(json::Writer& writer, const Schedule& schedule);

/// Whether symbols, and so expressions, may have this name.
[[nodiscard]] bool is_symbol_id(std::string_view text);
/// Reads {"major", "minor"} and reports what this library cannot read; `what` names the document.
[[nodiscard]] Version read_version(Problems& problems, const View& view, std::string_view what);
void write_version(json::Writer& writer, const Version& version);
/// Row-major strides of a fixed shape, in elements; nothing when they do not fit in 64 bits.
[[nodiscard]] std::optional<std::vector<std::int64_t>> contiguous_strides_of(
    const std::vector<std::int64_t>& shape);

}  // namespace genie::plan::detail
