// Exported programs made by hand: just enough JSON to put one thing in front of the translation.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "zip_builder.hpp"

namespace genie::pytorch::testing {

inline std::string tensor(const std::string& name) {
  return R"({"as_tensor":{"name":")" + name + R"("}})";
}
inline std::string number(std::int64_t value) {
  return R"({"as_int":)" + std::to_string(value) + "}";
}

/// Tensor metadata; sizes are integers or srepr expressions.
inline std::string meta(int dtype, const std::vector<std::string>& sizes,
                        const std::vector<std::int64_t>& strides = {}) {
  std::string text = R"({"dtype":)" + std::to_string(dtype) + R"(,"sizes":[)";
  const auto symbolic = [](const std::string& size) {
    const bool integer = !size.empty() && size.find_first_not_of("-0123456789") == std::string::npos;
    return integer ? R"({"as_int":)" + size + "}"
                   : R"({"as_expr":{"expr_str":")" + size + R"(","hint":null}})";
  };
  for (std::size_t i = 0; i < sizes.size(); ++i)
    text += (i ? "," : "") + symbolic(sizes[i]);
  text += R"(],"strides":[)";
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    // Row-major unless given; a symbolic size counts as 1 here, which no test looks at.
    std::int64_t stride = 1;
    for (std::size_t j = i + 1; j < sizes.size(); ++j)
      if (sizes[j].find_first_not_of("0123456789") == std::string::npos) stride *= std::stoll(sizes[j]);
    text += std::string(i ? "," : "") + R"({"as_int":)" +
            std::to_string(i < strides.size() ? strides[i] : stride) + "}";
  }
  return text +
         R"(],"storage_offset":{"as_int":0},"requires_grad":false,"device":{"type":"cpu","index":null},"layout":7})";
}

struct TestNode {
  std::string name;
  std::string target;
  std::vector<std::pair<std::string, std::string>>
      inputs;                        ///< name ("dtype=" for a keyword) and argument JSON
  std::vector<std::string> outputs;  ///< argument JSON
};

struct TestWeight {
  std::string fqn;
  std::string path;  ///< "weight_0"
  std::string meta;
  std::int64_t offset = 0;
  std::string kind = "parameter";  ///< parameter, buffer, tensor_constant
};

class ProgramBuilder {
 public:
  ProgramBuilder& weight(const std::string& placeholder, TestWeight weight) {
    inputs_.push_back(tensor(placeholder));
    values_[placeholder] = weight.meta;
    const std::string field = weight.kind + "_name";
    specs_.push_back(R"({")" + weight.kind + R"(":{"arg":{"name":")" + placeholder + R"("},")" + field +
                     R"(":")" + weight.fqn + "\"" + (weight.kind == "buffer" ? R"(,"persistent":true)" : "") +
                     "}}");
    weights_.push_back(std::move(weight));
    return *this;
  }
  ProgramBuilder& input(const std::string& name, const std::string& metadata) {
    inputs_.push_back(tensor(name));
    values_[name] = metadata;
    specs_.push_back(R"({"user_input":{"arg":)" + tensor(name) + "}}");
    names_.push_back(name);
    return *this;
  }
  /// An input that is a plain constant in the graph.
  ProgramBuilder& constant(const std::string& name, const std::string& arg, const std::string& spec) {
    inputs_.push_back(arg);
    specs_.push_back(spec);
    names_.push_back(name);
    return *this;
  }
  ProgramBuilder& node(TestNode node, const std::vector<std::pair<std::string, std::string>>& values = {}) {
    std::string text = R"({"name":")" + node.name + R"(","target":")" + node.target + R"(","inputs":[)";
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const auto& [name, arg] = node.inputs[i];
      const bool keyword = name.ends_with("=");
      text += std::string(i ? "," : "") + R"({"name":")" +
              (keyword ? name.substr(0, name.size() - 1) : name) + R"(","kind":)" + (keyword ? "2" : "1") +
              R"(,"arg":)" + arg + "}";
    }
    text += R"(],"outputs":[)";
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
      text += (i ? "," : "") + node.outputs[i];
    nodes_.push_back(
        text +
        R"(],"metadata":{"nn_module_stack":"L__self__,,m.Net;k,block.0,m.Block","stack_trace":"File \"/a/net.py\", line 5, in forward"},"is_hop_single_tensor_return":null})");
    for (const auto& [name, metadata] : values)
      values_[name] = metadata;
    return *this;
  }
  ProgramBuilder& output(const std::string& arg) {
    return output(arg, R"({"user_output":{"arg":)" + arg + "}}");
  }
  ProgramBuilder& mutation(const std::string& value, const std::string& buffer) {
    return output(tensor(value), R"({"buffer_mutation":{"arg":{"name":")" + value + R"("},"buffer_name":")" +
                                     buffer + R"("}})");
  }
  ProgramBuilder& output(const std::string& arg, const std::string& spec) {
    outputs_.push_back(arg);
    output_specs_.push_back(spec);
    return *this;
  }
  ProgramBuilder& sym_int(const std::string& name, const std::string& expression) {
    sym_ints_[name] = R"({"as_expr":{"expr_str":")" + expression + R"(","hint":null}})";
    return *this;
  }
  ProgramBuilder& range(const std::string& expression, const std::string& min, const std::string& max) {
    ranges_[expression] = R"({"min_val":)" + min + R"(,"max_val":)" + max + "}";
    return *this;
  }
  ProgramBuilder& guard(const std::string& text) {
    guards_.push_back("\"" + text + "\"");
    return *this;
  }
  ProgramBuilder& schema(int major, int minor) {
    schema_ = R"({"major":)" + std::to_string(major) + R"(,"minor":)" + std::to_string(minor) + "}";
    return *this;
  }

  [[nodiscard]] std::string json() const {
    std::string leaves;
    std::size_t users = 0;
    for (const std::string& spec : output_specs_)
      users += spec.find("user_output") != std::string::npos ? 1 : 0;
    for (std::size_t i = 0; i < users; ++i)
      leaves += std::string(i ? "," : "") + kLeaf;
    std::string arguments;
    for (std::size_t i = 0; i < names_.size(); ++i)
      arguments += std::string(i ? "," : "") + kLeaf;
    const std::string in_spec =
        R"([1,{"type":"builtins.tuple","context":"null","children_spec":[{"type":"builtins.tuple","context":"null","children_spec":[)" +
        arguments + R"(]},{"type":"builtins.dict","context":"[]","children_spec":[]}]}])";
    const std::string out_spec =
        R"([1,{"type":"builtins.tuple","context":"null","children_spec":[)" + leaves + "]}]";
    std::string forward;
    for (std::size_t i = 0; i < names_.size(); ++i)
      forward += (i ? ",\"" : "\"") + names_[i] + "\"";
    return R"({"schema_version":)" + schema_ +
           R"(,"torch_version":"2.13.0","opset_version":{"aten":10},"verifiers":["TRAINING"],"some_new_field":[1],)" +
           R"("range_constraints":)" + object(ranges_) + R"(,"guards_code":[)" + join(guards_) +
           R"(],"graph_module":{"graph":{"inputs":[)" + join(inputs_) + R"(],"outputs":[)" + join(outputs_) +
           R"(],"nodes":[)" + join(nodes_) + R"(],"tensor_values":)" + object(values_) +
           R"(,"sym_int_values":)" + object(sym_ints_) +
           R"(,"sym_bool_values":{},"is_single_tensor_return":false},"signature":{"input_specs":[)" +
           join(specs_) + R"(],"output_specs":[)" + join(output_specs_) +
           R"(]},"module_call_graph":[{"fqn":"","signature":{"inputs":[],"outputs":[],"in_spec":)" +
           quoted(in_spec) + R"(,"out_spec":)" + quoted(out_spec) + R"(,"forward_arg_names":[)" + forward +
           R"(]}}],"treespec_namedtuple_fields":{}}})";
  }

  [[nodiscard]] std::string weights_config() const {
    std::string text = R"({"config":{)";
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const TestWeight& w = weights_[i];
      std::string described = w.meta;
      const std::string zero = R"("storage_offset":{"as_int":0})";
      described.replace(described.find(zero), zero.size(),
                        R"("storage_offset":{"as_int":)" + std::to_string(w.offset) + "}");
      text += (i ? ",\"" : "\"") + w.fqn + R"(":{"path_name":")" + w.path + R"(","is_param":)" +
              (w.kind == "parameter" ? "true" : "false") + R"(,"use_pickle":false,"tensor_meta":)" +
              described + "}";
    }
    return text + "}}";
  }

  /// An archive of this program and these storages.
  [[nodiscard]] std::string archive(const std::map<std::string, std::string>& storages = {},
                                    const std::string& model = "model") const {
    ZipBuilder zip;
    zip.add("m/archive_format", "pt2").add("m/archive_version", "0").add("m/byteorder", "little");
    add_to(zip, model);
    for (const auto& [name, bytes] : storages)
      zip.add("m/data/weights/" + name, bytes);
    return zip.build();
  }
  void add_to(ZipBuilder& zip, const std::string& model) const {
    zip.add("m/models/" + model + ".json", json())
        .add("m/data/weights/" + model + "_weights_config.json", weights_config());
  }

 private:
  static constexpr const char* kLeaf = R"({"type":null,"context":null,"children_spec":[]})";
  static std::string join(const std::vector<std::string>& items) {
    std::string text;
    for (std::size_t i = 0; i < items.size(); ++i)
      text += (i ? "," : "") + items[i];
    return text;
  }
  static std::string object(const std::map<std::string, std::string>& items) {
    std::string text = "{";
    for (const auto& [key, value] : items)
      text += (text.size() > 1 ? ",\"" : "\"") + key + "\":" + value;
    return text + "}";
  }
  static std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out + "\"";
  }

  std::vector<std::string> inputs_, outputs_, nodes_, specs_, output_specs_, guards_, names_;
  std::map<std::string, std::string> values_, sym_ints_, ranges_;
  std::vector<TestWeight> weights_;
  std::string schema_ = R"({"major":8,"minor":20})";
};

}  // namespace genie::pytorch::testing
