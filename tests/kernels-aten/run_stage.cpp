// run-stage LIBRARY PLAN [--threads N] [--repeat N] [--out FILE] INPUTS…: runs the one method of a captured plan (with its
// locations) as one stage, weights mapped from where they lie. Each INPUTS file is a step of one session; outputs of several
// steps are named <step>/<output>. Prints timings, counters and memory (what the stage needs by the plan, what the process's
// allocator saw in each run) as JSON. For the comparison with PyTorch and for benchmarks.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>

#include "genie/plan/codec.hpp"
#include "genie/plan/index.hpp"
#include "genie/plan/json.hpp"
#include "genie/plan/schedule.hpp"
#include "genie/plan/validate.hpp"
#include "safetensors.hpp"
#include "values.hpp"

using namespace kernels_test;
namespace plan = genie::plan;
namespace arg = genie::plan::arg;
using Clock = std::chrono::steady_clock;

namespace {

struct Arguments {
  std::string library, plan, out, options = "{}";
  int repeat = 1;
  std::vector<std::string> inputs;
};

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  std::vector<std::string> positional;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto next = [&] { return std::string(i + 1 < argc ? argv[++i] : ""); };
    if (word == "--threads")
      arguments.options = "{\"threads\": " + next() + "}";
    else if (word == "--repeat")
      arguments.repeat = std::stoi(next());
    else if (word == "--out")
      arguments.out = next();
    else
      positional.push_back(word);
  }
  if (positional.size() < 3)
    throw std::runtime_error("usage: run-stage LIBRARY PLAN [--threads N] [--repeat N] [--out FILE] INPUTS…");
  arguments.library = positional[0];
  arguments.plan = positional[1];
  arguments.inputs.assign(positional.begin() + 2, positional.end());
  return arguments;
}

template <class T>
T must_be(plan::Result<T> result) {
  if (!result) throw std::runtime_error(plan::to_text(result.errors().front()));
  return *std::move(result);
}

/// A file mapped read-only for as long as the process lives.
const char* mapped(const std::string& path) {
  static std::map<std::string, const char*> maps;
  if (const auto known = maps.find(path); known != maps.end()) return known->second;
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat about {};
  if (file < 0 || fstat(file, &about) != 0) throw std::runtime_error(path + ": cannot be opened");
  void* data = mmap(nullptr, static_cast<std::size_t>(about.st_size), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (data == MAP_FAILED) throw std::runtime_error(path + ": cannot be mapped");
  return maps[path] = static_cast<const char*>(data);
}

genie_dtype abi_type(plan::DType dtype) {
  const plan::DlpackType type = plan::dlpack_type(dtype);
  return {type.code, type.bits, 1};
}

genie_tensor_view view_of(void* data, plan::DType dtype, std::vector<std::int64_t>& shape,
                          std::vector<std::int64_t>* strides = nullptr) {
  genie_tensor_view view{};
  view.data = data;
  view.device_kind = GENIE_DEVICE_CPU;
  view.rank = static_cast<std::int32_t>(shape.size());
  view.dtype = abi_type(dtype);
  view.shape = shape.data();
  view.strides = strides ? strides->data() : nullptr;
  return view;
}

/// The allocator's own count, where allocations.cpp is preloaded.
class Allocations {
 public:
  [[nodiscard]] bool counted() const { return peak_ != nullptr; }
  void start() {
    if (!counted()) return;
    forget_();
    before_ = in_use_();
  }
  [[nodiscard]] std::int64_t most() const { return counted() ? peak_() - before_ : 0; }

 private:
  template <class Function>
  static Function* find(const char* name) {
    void* const symbol = dlsym(RTLD_DEFAULT, name);
    Function* function = nullptr;
    std::memcpy(&function, &symbol, sizeof function);
    return function;
  }
  std::int64_t (*in_use_)() = find<std::int64_t()>("count_allocations_in_use");
  std::int64_t (*peak_)() = find<std::int64_t()>("count_allocations_peak");
  void (*forget_)() = find<void()>("count_allocations_forget_peak");
  std::int64_t before_ = 0;
};

class Session {
 public:
  Session(const TestHost& host, OpenDevice& device, plan::Plan& plan)
      : host_(host), device_(device), plan_(plan) {
    for (auto& [name, state] : plan_.states)
      if (state.alias_of.empty()) memory_[name] = made(name, state);
    for (auto& [name, state] : plan_.states) {
      const std::string& base = state.alias_of.empty() ? name : state.alias_of;
      views_.push_back(
          view_of(memory_.at(base) + state.offset_bytes, state.dtype, state.shape, &state.strides));
    }
  }
  [[nodiscard]] const std::vector<genie_tensor_view>& states() const { return views_; }

 private:
  char* made(const std::string&, plan::State& state) {
    genie_memory* memory = nullptr;
    void* data = nullptr;
    const std::uint64_t size = plan::state_bytes(state);
    must(host_, device_.table()->alloc(device_.device(), size, 64, &memory, &data));
    std::memset(data, 0, size);
    if (!state.init.weight.empty()) {
      plan::Weight& weight = plan_.weights.at(state.init.weight);
      const plan::Location& at = plan_.locations.at(weight.blob);
      const genie_tensor_view from =
          view_of(const_cast<char*>(mapped(at.uri) + at.offset_bytes + weight.offset_bytes), weight.dtype,
                  weight.shape, &weight.strides);
      const genie_tensor_view to = view_of(data, state.dtype, state.shape, &state.strides);
      TestCall call;
      must(host_, device_.table()->copy(&call.raw, device_.device(), &to, &from, nullptr));
    }
    return static_cast<char*>(data);
  }

  const TestHost& host_;
  OpenDevice& device_;
  plan::Plan& plan_;
  std::map<std::string, char*> memory_;
  std::vector<genie_tensor_view> views_;
};

DenseTensor dense(const TestHost& host, const OpenDevice& device, const genie_tensor_view& view) {
  DenseTensor out;
  out.dtype = plan::dtype_from_dlpack(view.dtype.code, view.dtype.bits, view.dtype.lanes).value();
  out.shape = shape_of(view);
  std::size_t size = plan::size_bytes(out.dtype);
  for (const std::int64_t extent : out.shape)
    size *= static_cast<std::size_t>(extent);
  Buffer aligned(abi_type(out.dtype), out.shape, std::vector<char>(size));
  TestCall call;
  must(host, device.table()->copy(&call.raw, device.device(), &aligned.view(), &view, nullptr));
  out.bytes = aligned.all<char>();
  return out;
}

int run_all(const Arguments& arguments) {
  const auto begin = Clock::now();
  std::ifstream file(arguments.plan);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  plan::Plan whole = must_be(plan::decode(text, {}, arguments.plan));
  if (whole.methods.size() != 1) throw std::runtime_error("the plan has several methods");
  plan::Method method = whole.methods.begin()->second;
  plan::Plan stage_plan = whole;
  stage_plan.methods.clear();
  stage_plan.methods["stage"] = method;
  stage_plan.locations.clear();

  const TestHost host;
  OpenDevice device(host, load(arguments.library.c_str()), arguments.options);
  for (const auto& [digest, blob] : whole.blobs) {
    const plan::Location& at = whole.locations.at(digest);
    device.put(digest, mapped(at.uri) + at.offset_bytes, blob.size_bytes);
  }
  const auto loaded = Clock::now();
  const auto stage = device.compile(plan::encode(stage_plan));
  const auto compiled = Clock::now();

  Session session(host, device, whole);
  Allocations allocations;
  Tensors results;
  std::vector<std::int64_t> times_ns, needed_bytes, allocated;
  for (std::size_t step = 0; step < arguments.inputs.size(); ++step) {
    Tensors given = read_safetensors(arguments.inputs[step]);
    std::vector<Buffer> buffers;
    std::vector<plan::InputShape> shapes;
    for (const plan::Port& port : method.inputs) {
      DenseTensor& tensor = given.at(port.name);
      buffers.emplace_back(abi_type(tensor.dtype), tensor.shape, tensor.bytes);
      plan::InputShape shape{port.name, tensor.shape, {}};
      if (tensor.shape.empty() && tensor.dtype == plan::DType::i64)
        shape.number = static_cast<double>(buffers.back().all<std::int64_t>()[0]);
      shapes.push_back(std::move(shape));
    }
    const plan::Bindings bound = must_be(plan::bind_symbols(whole, method, shapes));
    std::vector<std::int64_t> dims;
    for (const auto& [id, symbol] : whole.symbols) {
      const auto found = bound.find(id);
      dims.push_back(found == bound.end() ? std::numeric_limits<std::int64_t>::min() : found->second);
    }
    std::vector<genie_tensor_view> inputs;
    for (const Buffer& buffer : buffers)
      inputs.push_back(buffer.view());
    plan::Stage all{.id = "stage"};
    for (const plan::Node& node : method.nodes)
      all.nodes.push_back(node.id);
    needed_bytes.push_back(
        static_cast<std::int64_t>(plan::stage_peak_bytes(whole, whole.methods.begin()->first, all, bound)));
    for (int turn = 0; turn < arguments.repeat; ++turn) {
      Outputs outputs(method.outputs.size());
      genie_run_args args{};
      args.struct_size = sizeof args;
      args.inputs = inputs.data();
      args.input_count = inputs.size();
      args.states = session.states().data();
      args.state_count = session.states().size();
      args.dims = dims.data();
      args.dim_count = dims.size();
      args.outputs = outputs.data();
      args.output_count = outputs.size();
      TestCall call;
      allocations.start();
      const auto start = Clock::now();
      must(host, device.table()->run(&call.raw, stage.get(), &args, nullptr));
      times_ns.push_back(std::chrono::nanoseconds(Clock::now() - start).count());
      allocated.push_back(allocations.most());
      if (turn + 1 < arguments.repeat) continue;
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (outputs[i].origin == GENIE_OUTPUT_ABSENT) continue;
        std::string name = method.outputs[i].name;
        if (arguments.inputs.size() > 1) name = std::to_string(step) + "/" + name;
        results[name] = dense(host, device, outputs[i].tensor->view);
      }
    }
  }
  if (!arguments.out.empty()) write_safetensors(arguments.out, results);
  plan::json::Writer writer;
  writer.begin_object();
  writer.key("load_ns").value(static_cast<std::int64_t>(std::chrono::nanoseconds(loaded - begin).count()));
  writer.key("compile_ns")
      .value(static_cast<std::int64_t>(std::chrono::nanoseconds(compiled - loaded).count()));
  const auto list = [&writer](std::string_view key, const std::vector<std::int64_t>& numbers) {
    writer.key(key).begin_array();
    for (const std::int64_t number : numbers)
      writer.value(number);
    writer.end_array();
  };
  list("run_ns", times_ns);
  list("needed_bytes", needed_bytes);  // of each step
  if (allocations.counted()) list("allocated_bytes", allocated);
  writer.key("stats").raw(device.stats());
  writer.end_object();
  std::cout << writer.take() << '\n';
  for (const std::string& line : host.lines())
    std::cerr << line << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run_all(parse(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
