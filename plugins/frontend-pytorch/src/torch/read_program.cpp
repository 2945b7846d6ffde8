#include "torch/read_program.hpp"

#include <utility>

#include "genie/plan/codec.hpp"
#include "torch/graph_reader.hpp"
#include "torch/json_cursor.hpp"
#include "torch/program_digest.hpp"
#include "torch/tree.hpp"

namespace genie::pytorch {
namespace {

using plan::json::Document;
using plan::json::Kind;
using plan::json::ReadOptions;
using plan::json::View;

ReadOptions program_options() {
  ReadOptions options;
  // Integers reach 2^63 - 1 (the end of an open slice); graphs nest in graphs; stack traces are long.
  options.exact_numbers = true;
  options.limits.depth = 512;
  options.limits.string_bytes = std::size_t{64} << 20;
  return options;
}

class ProgramReader {
 public:
  ProgramReader(const Pt2Archive& archive, const ModelFiles& files, Diagnostics& warnings)
      : archive_(archive),
        files_(files),
        warnings_(warnings),
        cursor_(archive.path(), "models/" + files.name + ".json") {}

  Result<Program> read() {
    auto document = parse(files_.program, "models/" + files_.name + ".json");
    if (!document) return std::move(document).errors();
    const View root = document->root();
    check_version(root);
    if (!cursor_.failed()) read_root(root);
    if (!cursor_.failed()) read_payloads("weights", files_.weights_config);
    if (!cursor_.failed()) read_payloads("constants", files_.constants_config);
    if (cursor_.failed()) return std::move(cursor_).error();
    program_.name = files_.name;
    program_.digest = program_digest(files_.program);
    return std::move(program_);
  }

 private:
  /// A document of the archive; an error says which one.
  [[nodiscard]] Result<Document> parse(std::string_view bytes, const std::string& part) const {
    auto document = Document::parse(bytes, program_options(), archive_.path());
    if (document) return document;
    Diagnostic error = document.errors().front();
    error.message = part + ": " + error.message;
    error.help += "; or save the model again with torch.export.save";
    return error;
  }

  void check_version(const View& root) {
    const auto version = cursor_.member(root, "schema_version");
    if (!version) return;
    const std::int64_t major = cursor_.integer(*version, "major");
    const std::int64_t minor = cursor_.integer(*version, "minor");
    if (cursor_.failed()) return;
    const std::string text = std::to_string(major) + "." + std::to_string(minor);
    if (major != kSchemaMajor) {
      cursor_.fail(source_error("GE0231", archive_.path(),
                                "model '" + files_.name + "' is written in torch's export schema " + text +
                                    "; this Genie reads schema " + std::to_string(kSchemaMajor) + ".x",
                                major > kSchemaMajor
                                    ? "use a newer Genie, or save the model with torch 2.9 to 2.13"
                                    : "save the model again with torch 2.9 or newer"));
      return;
    }
    if (minor > kCheckedSchemaMinor) {
      Diagnostic warning = source_error(
          "GE0232", archive_.path(),
          "model '" + files_.name + "' is written in torch's export schema " + text + ", newer than " +
              std::to_string(kSchemaMajor) + "." + std::to_string(kCheckedSchemaMinor) +
              " that this Genie was checked with",
          "it should work: unknown parts are refused by name; compare the outputs with PyTorch's once");
      warning.severity = Severity::warning;
      warnings_.push_back(std::move(warning));
    }
  }

  void read_root(const View& root) {
    if (const auto version = cursor_.optional_member(root, "torch_version"))
      program_.torch_version = cursor_.text(*version);
    if (const auto ranges = cursor_.optional_member(root, "range_constraints");
        ranges && cursor_.is_object(*ranges))
      for (const auto& [key, item] : ranges->items()) {
        RangeConstraint range;
        range.expression = key;
        if (const auto min = cursor_.optional_member(item, "min_val")) range.min = cursor_.integer(*min);
        if (const auto max = cursor_.optional_member(item, "max_val")) range.max = cursor_.integer(*max);
        program_.ranges.push_back(std::move(range));
      }
    if (const auto guards = cursor_.optional_member(root, "guards_code"); guards && cursor_.is_array(*guards))
      for (const auto& [unused, item] : guards->items())
        program_.guards.emplace_back(cursor_.text(item));
    const auto module = cursor_.member(root, "graph_module");
    if (!module) return;
    GraphReader graphs(cursor_, program_.opaque_symbols);
    const auto graph = cursor_.member(*module, "graph");
    const auto signature = cursor_.member(*module, "signature");
    if (!graph || !signature) return;
    program_.graph = graphs.graph(*graph);
    if (!cursor_.failed()) read_signature(graphs, *signature);
    if (!cursor_.failed()) read_trees(*module);
  }

  void read_signature(GraphReader& graphs, const View& signature) {
    const auto inputs = cursor_.member(signature, "input_specs");
    const auto outputs = cursor_.member(signature, "output_specs");
    if (!inputs || !outputs || !cursor_.is_array(*inputs) || !cursor_.is_array(*outputs)) return;
    for (const auto& [unused, item] : inputs->items()) {
      if (cursor_.failed()) return;
      program_.inputs.push_back(input_spec(graphs, item));
    }
    for (const auto& [unused, item] : outputs->items()) {
      if (cursor_.failed()) return;
      program_.outputs.push_back(output_spec(graphs, item));
    }
    if (program_.inputs.size() != program_.graph.inputs.size() ||
        program_.outputs.size() != program_.graph.outputs.size())
      cursor_.fail(signature, "the signature and the graph have different numbers of inputs or outputs");
  }

  InputSpec input_spec(GraphReader& graphs, const View& view) {
    InputSpec spec;
    const auto member = cursor_.union_member(view);
    if (!member) return spec;
    const std::string_view kind = member->first;
    const View value = member->second;
    if (kind == "constant_input") {
      spec.kind = InputSpec::Kind::constant;
      spec.arg = cursor_.text(value, "name");
      if (const auto constant = cursor_.member(value, "value")) spec.value = graphs.argument(*constant);
      return spec;
    }
    const auto arg = cursor_.member(value, "arg");
    if (!arg) return spec;
    if (kind == "user_input") {
      spec.value = graphs.argument(*arg);
      if (const auto* tensor = std::get_if<argument::Tensor>(&spec.value.is)) spec.arg = tensor->name;
      if (const auto* number = std::get_if<argument::SymInt>(&spec.value.is)) spec.arg = number->name;
      if (const auto* number = std::get_if<argument::SymFloat>(&spec.value.is)) spec.arg = number->name;
      if (const auto* flag = std::get_if<argument::SymBool>(&spec.value.is)) spec.arg = flag->name;
      return spec;
    }
    spec.arg = graphs.name(*arg);
    if (kind == "parameter") {
      spec.kind = InputSpec::Kind::parameter;
      spec.target = cursor_.text(value, "parameter_name");
    } else if (kind == "buffer") {
      spec.kind = InputSpec::Kind::buffer;
      spec.target = cursor_.text(value, "buffer_name");
    } else if (kind == "tensor_constant") {
      spec.kind = InputSpec::Kind::tensor_constant;
      spec.target = cursor_.text(value, "tensor_constant_name");
    } else if (kind == "custom_obj") {
      spec.kind = InputSpec::Kind::custom_object;
      spec.target = cursor_.text(value, "custom_obj_name");
    } else if (kind == "token") {
      spec.kind = InputSpec::Kind::token;
    } else {
      cursor_.fail(view, "'" + std::string(kind) + "' is no kind of program input that is known here",
                   "GE0233");
    }
    return spec;
  }

  OutputSpec output_spec(GraphReader& graphs, const View& view) {
    OutputSpec spec;
    const auto member = cursor_.union_member(view);
    if (!member) return spec;
    const std::string_view kind = member->first;
    const View value = member->second;
    const auto arg = cursor_.member(value, "arg");
    if (!arg) return spec;
    if (kind == "user_output") {
      spec.arg = graphs.argument(*arg);
      return spec;
    }
    spec.arg = {argument::Tensor{graphs.name(*arg)}};
    if (kind == "buffer_mutation") {
      spec.kind = OutputSpec::Kind::buffer_mutation;
      spec.target = cursor_.text(value, "buffer_name");
    } else if (kind == "parameter_mutation") {
      spec.kind = OutputSpec::Kind::parameter_mutation;
      spec.target = cursor_.text(value, "parameter_name");
    } else if (kind == "user_input_mutation") {
      spec.kind = OutputSpec::Kind::input_mutation;
      spec.target = cursor_.text(value, "user_input_name");
    } else if (kind == "loss_output") {
      spec.kind = OutputSpec::Kind::loss;
    } else if (kind == "gradient_to_parameter" || kind == "gradient_to_user_input") {
      spec.kind = OutputSpec::Kind::gradient;
    } else if (kind == "token") {
      spec.kind = OutputSpec::Kind::token;
    } else {
      cursor_.fail(view, "'" + std::string(kind) + "' is no kind of program output that is known here",
                   "GE0233");
    }
    return spec;
  }

  /// The trees of the root module: how the user calls it and what it returns.
  void read_trees(const View& module) {
    NamedtupleFields fields;
    if (const auto types = cursor_.optional_member(module, "treespec_namedtuple_fields");
        types && cursor_.is_object(*types))
      for (const auto& [type, definition] : types->items())
        if (const auto names = cursor_.member(definition, "field_names"); names && cursor_.is_array(*names))
          for (const auto& [unused, item] : names->items())
            fields[std::string(type)].emplace_back(cursor_.text(item));
    const auto calls = cursor_.member(module, "module_call_graph");
    if (!calls || !cursor_.is_array(*calls)) return;
    for (const auto& [unused, call] : calls->items()) {
      if (!cursor_.text(call, "fqn").empty() || cursor_.failed()) continue;
      const auto signature = cursor_.optional_member(call, "signature");
      if (!signature) continue;
      program_.in_tree = tree(cursor_.text(*signature, "in_spec"), fields);
      program_.out_tree = tree(cursor_.text(*signature, "out_spec"), fields);
      if (const auto names = cursor_.optional_member(*signature, "forward_arg_names");
          names && cursor_.is_array(*names))
        for (const auto& [index, item] : names->items())
          program_.forward_arg_names.emplace_back(cursor_.text(item));
      return;
    }
    cursor_.fail(module, "the call signature of the root module is missing");
  }

  Tree tree(std::string_view text, const NamedtupleFields& fields) {
    if (cursor_.failed()) return {};
    auto parsed = parse_tree(text, fields, archive_.path());
    if (!parsed) {
      cursor_.fail(parsed.errors().front());
      return {};
    }
    return std::move(*parsed);
  }

  void read_payloads(std::string_view folder, std::string_view config) {
    if (config.empty()) return;
    const std::string part =
        "data/" + std::string(folder) + "/" + files_.name + "_" + std::string(folder) + "_config.json";
    cursor_ = JsonCursor(archive_.path(), part);
    auto document = parse(config, part);
    if (!document) {
      cursor_.fail(document.errors().front());
      return;
    }
    const auto table = cursor_.member(document->root(), "config");
    if (!table || !cursor_.is_object(*table)) return;
    for (const auto& [key, item] : table->items()) {
      read_payload(folder, std::string(key), item);
      if (cursor_.failed()) return;
    }
  }

  void read_payload(std::string_view folder, const std::string& name, const View& view) {
    Payload payload;
    payload.folder = folder;
    payload.path_name = cursor_.text(view, "path_name");
    const auto pickled = cursor_.member(view, "use_pickle");
    const auto parameter = cursor_.member(view, "is_param");
    if (!pickled || !parameter) return;
    payload.is_parameter = cursor_.boolean(*parameter);
    const auto meta_view = cursor_.optional_member(view, "tensor_meta");
    if (cursor_.boolean(*pickled) || !meta_view) {
      cursor_.fail(source_error(
          "GE0216", archive_.path(),
          "'" + name + "' is kept as a Python pickle (a tensor subclass or a custom object)",
          "a pickle runs code when it is read, so Genie never reads one: turn it into plain tensors "
          "before exporting (for a quantised or distributed tensor, dequantise or gather it)"));
      return;
    }
    GraphReader graphs(cursor_, program_.opaque_symbols);
    const TensorMeta meta = graphs.tensor_meta(*meta_view);
    if (meta.layout != "strided") {
      cursor_.fail(source_error("GE0246", archive_.path(),
                                "'" + name + "' has layout " + meta.layout + ", which no plan has",
                                "make it a dense tensor before exporting: t.to_dense()"));
      return;
    }
    payload.dtype = meta.dtype;
    payload.requires_grad = meta.requires_grad;
    bool whole = true;
    for (const plan::Expr& size : meta.sizes)
      payload.shape.push_back((whole &= size.is_int()) ? size.as_int() : 0);
    for (const plan::Expr& stride : meta.strides)
      payload.strides.push_back((whole &= stride.is_int()) ? stride.as_int() : 0);
    const auto offset = cursor_.member(view.find("tensor_meta").value(), "storage_offset");
    const auto number = offset ? cursor_.union_member(*offset) : std::nullopt;
    if (number) payload.storage_offset = cursor_.integer(number->second);
    if (!whole) cursor_.fail(view, "'" + name + "' has a size that is no number");
    if (!cursor_.failed()) program_.payloads.insert_or_assign(name, std::move(payload));
  }

  const Pt2Archive& archive_;
  const ModelFiles& files_;
  Diagnostics& warnings_;
  JsonCursor cursor_;
  Program program_;
};

}  // namespace

Result<Program> read_program(const Pt2Archive& archive, const ModelFiles& files, Diagnostics& warnings) {
  return ProgramReader(archive, files, warnings).read();
}

}  // namespace genie::pytorch
