// run-cases LIBRARY CASES RESULTS: runs many small stages, one call each, and writes down what came of them. The comparison
// with PyTorch (tests/ops) writes the cases and reads the results.
//
// Both files are a sequence of records of native integers (u64 unless said) and texts (length, bytes).
//   case:   plan text, seed, number of inputs, for each the bytes from its first to its last element
//   result: text of the failure (empty: none), number of outputs, for each: 0 absent or 1 present, DLPack code, bits, rank,
//           sizes (i64), strides (i64), elements in row-major order (text)
#include <fstream>
#include <iostream>

#include "genie/plan/codec.hpp"
#include "genie/plan/dtype.hpp"
#include "values.hpp"

using namespace kernels_test;
namespace plan = genie::plan;

namespace {

class Reader {
 public:
  explicit Reader(const char* path) : file_(path, std::ios::binary) {
    if (!file_) throw std::runtime_error(std::string(path) + ": cannot be opened");
  }
  /// False at the end of the file.
  bool more() { return file_.peek() != std::ifstream::traits_type::eof(); }
  std::uint64_t number() {
    std::uint64_t number = 0;
    file_.read(reinterpret_cast<char*>(&number), sizeof number);
    if (!file_) throw std::runtime_error("the cases end in the middle of one");
    return number;
  }
  std::string text() {
    std::string text(number(), '\0');
    file_.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file_) throw std::runtime_error("the cases end in the middle of one");
    return text;
  }

 private:
  std::ifstream file_;
};

class Writer {
 public:
  explicit Writer(const char* path) : file_(path, std::ios::binary) {}
  template <class T>
  void number(T number) {
    file_.write(reinterpret_cast<const char*>(&number), sizeof number);
  }
  void text(std::string_view text) {
    number(std::uint64_t{text.size()});
    file_.write(text.data(), static_cast<std::streamsize>(text.size()));
  }
  /// Throws when anything could not be written.
  void close() {
    file_.close();
    if (!file_) throw std::runtime_error("the results cannot be written");
  }

 private:
  std::ofstream file_;
};

std::vector<std::int64_t> constants(const plan::Exprs& exprs) {
  std::vector<std::int64_t> out;
  for (const plan::Expr& expr : exprs)
    out.push_back(expr.as_int());
  return out;
}

/// An input as its value declares it, over the bytes of the case.
Buffer input_of(const plan::Value& value, const std::string& bytes) {
  const plan::DlpackType type = plan::dlpack_type(value.dtype);
  Buffer buffer({type.code, type.bits, 1}, constants(value.shape),
                std::vector<char>(bytes.begin(), bytes.end()));
  if (!value.strides.empty()) buffer.viewed(constants(value.shape), constants(value.strides));
  return buffer;
}

std::string dense(const OpenDevice& device, const genie_tensor_view& view) {
  std::size_t size = view.dtype.bits / 8;
  for (const std::int64_t extent : shape_of(view))
    size *= static_cast<std::size_t>(extent);
  Buffer aligned(view.dtype, shape_of(view), std::vector<char>(size));
  TestCall call;
  must(device.host(), device.table()->copy(&call.raw, device.device(), &aligned.view(), &view, nullptr));
  const std::vector<char> bytes = aligned.all<char>();
  return {bytes.begin(), bytes.end()};
}

Outputs run(const OpenDevice& device, const plan::Method& method, genie_executable* stage,
            const std::vector<Buffer>& buffers, std::uint64_t seed) {
  std::vector<genie_tensor_view> inputs;
  for (const Buffer& buffer : buffers)
    inputs.push_back(buffer.view());
  Outputs outputs(method.outputs.size());
  genie_run_args args{};
  args.struct_size = sizeof args;
  args.inputs = inputs.data();
  args.input_count = inputs.size();
  args.outputs = outputs.data();
  args.output_count = outputs.size();
  args.seed = seed;
  TestCall call;
  must(device.host(), device.table()->run(&call.raw, stage, &args, nullptr));
  return outputs;
}

void write_outputs(Writer& to, const OpenDevice& device, const Outputs& outputs) {
  to.number(std::uint64_t{outputs.size()});
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const bool present = outputs[i].origin != GENIE_OUTPUT_ABSENT;
    to.number(std::uint64_t{present});
    if (!present) continue;
    const genie_tensor_view& view = outputs[i].tensor->view;
    to.number(std::uint64_t{view.dtype.code});
    to.number(std::uint64_t{view.dtype.bits});
    to.number(static_cast<std::uint64_t>(view.rank));
    for (const std::int64_t size : shape_of(view))
      to.number(size);
    for (const std::int64_t stride : strides_of(view))
      to.number(stride);
    to.text(dense(device, view));
  }
}

void run_all(const char* library, const char* cases_path, const char* results_path) {
  const TestHost host;
  const OpenDevice device(host, load(library), R"({"threads": 1})");
  Reader cases(cases_path);
  Writer results(results_path);
  while (cases.more()) {
    const std::string text = cases.text();
    const std::uint64_t seed = cases.number();
    std::vector<std::string> given(cases.number());
    for (std::string& bytes : given)
      bytes = cases.text();
    const plan::Result<plan::Plan> decoded = plan::decode(text);
    if (!decoded) throw std::runtime_error(plan::to_text(decoded.errors().front()) + "\n" + text);
    const plan::Method& method = decoded->methods.at("stage");
    std::vector<Buffer> buffers;
    for (std::size_t i = 0; i < given.size(); ++i)
      buffers.push_back(
          input_of(method.values.at(std::get<plan::arg::Value>(method.inputs.at(i).value.is).id), given[i]));
    try {
      const auto stage = device.compile(text);
      const Outputs outputs = run(device, method, stage.get(), buffers, seed);
      results.text("");
      write_outputs(results, device, outputs);
    } catch (const Failure& failure) {
      results.text(failure.error.message + "\n" + failure.error.diagnostics);
    }
  }
  results.close();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 4) throw std::runtime_error("usage: run-cases LIBRARY CASES RESULTS");
    run_all(argv[1], argv[2], argv[3]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
