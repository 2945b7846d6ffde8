// Kernels of the test: f32 on this machine's memory, a handful of operators, states written in place.
//
// A node that the test's puppeteer names stops before it computes, or fails.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>

#include "genie/cpp/kernels.hpp"
#include "genie/plan/codec.hpp"
#include "genie/plan/model.hpp"
#include "host.hpp"

namespace emulation_test {

struct Array {
  std::vector<std::int64_t> shape;
  std::vector<float> data;
};

/// Calls f with the byte address of every element, in row-major order.
inline void each(const genie_tensor_view& t, const std::function<void(char*)>& f) {
  const std::size_t width = t.dtype.bits / 8u;
  std::vector<std::int64_t> strides(static_cast<std::size_t>(t.rank), 1);
  for (std::size_t d = strides.size(); d-- > 0;)
    strides[d] = t.strides != nullptr      ? t.strides[d]
                 : d + 1 == strides.size() ? 1
                                           : strides[d + 1] * t.shape[d + 1];
  const std::function<void(std::size_t, char*)> walk = [&](std::size_t d, char* at) {
    if (d == strides.size()) return f(at);
    for (std::int64_t i = 0; i < t.shape[d]; ++i)
      walk(d + 1, at + i * strides[d] * static_cast<std::int64_t>(width));
  };
  walk(0, static_cast<char*>(t.data) + t.byte_offset);
}

inline Array array_of(const genie_tensor_view& t) {
  Array a;
  a.shape.assign(t.shape, t.shape + t.rank);
  each(t, [&](char* at) {
    float value;
    std::memcpy(&value, at, sizeof value);
    a.data.push_back(value);
  });
  return a;
}

/// A tensor description with memory of its own, or over memory that was given.
struct Owned {
  genie_tensor tensor{};
  std::vector<std::int64_t> shape;
  void* memory = nullptr;
  ~Owned() { std::free(memory); }
  static genie_tensor* make(const std::vector<std::int64_t>& shape, std::size_t bytes, void* given) {
    auto self = std::make_unique<Owned>();
    self->shape = shape;
    if (given == nullptr) given = self->memory = std::aligned_alloc(64, (bytes / 64 + 1) * 64);
    self->tensor.dlpack_major = GENIE_DLPACK_MAJOR;
    self->tensor.manager = self.get();
    self->tensor.deleter = [](genie_tensor* t) noexcept { delete static_cast<Owned*>(t->manager); };
    self->tensor.view = {given,
                         GENIE_DEVICE_CPU,
                         0,
                         static_cast<std::int32_t>(shape.size()),
                         {GENIE_TYPE_FLOAT, 32, 1},
                         self->shape.data(),
                         nullptr,
                         0};
    return &self.release()->tensor;
  }
};

class TestStage final : public genie::Executable {
 public:
  TestStage(TestHost& host, std::string_view document, std::span<const genie_named_weight> weights,
            std::uint64_t& kept, std::uint64_t keeps)
      : host_(host), plan_(*genie::plan::decode(document, {}, "stage")), kept_(kept), keeps_(keeps) {
    kept_ += keeps_;
    for (const genie_named_weight& w : weights)
      weights_.emplace(genie::view(w.digest), reinterpret_cast<const char*>(w.weight));
  }

  ~TestStage() override { kept_ -= keeps_; }

  genie::Outcome run(const genie::Call&, genie_run_args& args, genie_completion*) override {
    const genie::plan::Method& method = plan_.methods.at("stage");
    std::map<std::string, Array> values;
    std::map<std::string, genie_tensor_view> states;
    for (std::size_t i = 0; i < args.input_count; ++i)
      values[std::get<genie::plan::arg::Value>(method.inputs[i].value.is).id] = array_of(args.inputs[i]);
    std::size_t number = 0;
    for (const auto& [name, state] : plan_.states)
      states[name] = args.states[number++];

    for (const genie::plan::Node& node : method.nodes) {
      if (host_.puppeteer.at(node.id)) {
        genie::Error error = genie::internal("node " + node.id + " fails because the test says so");
        error.node = node.id;
        return error;
      }
      std::vector<Array> in;
      for (const genie::plan::Arg& arg : node.args) {
        if (const auto* v = std::get_if<genie::plan::arg::Value>(&arg.is)) in.push_back(values.at(v->id));
        if (const auto* w = std::get_if<genie::plan::arg::Weight>(&arg.is)) in.push_back(weight(w->name));
        if (const auto* s = std::get_if<genie::plan::arg::State>(&arg.is))
          in.push_back(array_of(states.at(s->name)));
      }
      if (!compute(node.op, in)) return genie::unimplemented("no kernel for " + node.op);
      values[node.results[0]] = std::move(in[0]);
    }
    for (const auto& write : method.writes) {
      const Array& from = values.at(write.value);
      std::size_t i = 0;
      each(states.at(write.state), [&](char* at) { std::memcpy(at, &from.data[i++], sizeof(float)); });
    }
    for (std::size_t i = 0; i < args.output_count; ++i) {
      const Array& made = values.at(std::get<genie::plan::arg::Value>(method.outputs[i].value.is).id);
      void* place = args.place == nullptr ? nullptr
                                          : args.place(args.place_ctx, i, {GENIE_TYPE_FLOAT, 32, 1},
                                                       static_cast<std::int32_t>(made.shape.size()),
                                                       made.shape.data(), nullptr);
      const std::size_t bytes = made.data.size() * sizeof(float);
      args.outputs[i] = {Owned::make(made.shape, bytes, place),
                         place != nullptr ? GENIE_OUTPUT_PLACED : GENIE_OUTPUT_OWNED, 0};
      if (bytes != 0) std::memcpy(args.outputs[i].tensor->view.data, made.data.data(), bytes);
    }
    return genie::Done{};
  }

 private:
  Array weight(const std::string& name) const {
    const genie::plan::Weight& w = plan_.weights.at(name);
    std::vector<std::int64_t> shape = w.shape;
    return array_of({const_cast<char*>(weights_.at(w.blob)),
                     GENIE_DEVICE_CPU,
                     0,
                     static_cast<std::int32_t>(shape.size()),
                     {GENIE_TYPE_FLOAT, 32, 1},
                     shape.data(),
                     nullptr,
                     w.offset_bytes});
  }

  /// The result takes the first operand's place; a smaller second one repeats over the rows.
  static bool compute(const std::string& op, std::vector<Array>& in) {
    std::vector<float>& a = in[0].data;
    if (op == "aten.relu.default") {
      for (float& x : a)
        x = std::max(x, 0.0f);
    } else if (op == "aten.add.Tensor" || op == "aten.mul.Tensor") {
      const std::vector<float>& b = in[1].data;
      for (std::size_t i = 0; i < a.size(); ++i)
        a[i] = op == "aten.add.Tensor" ? a[i] + b[i % b.size()] : a[i] * b[i % b.size()];
    } else if (op == "aten.masked_select.default") {
      std::vector<float> kept;
      for (std::size_t i = 0; i < a.size(); ++i)
        if (in[1].data[i] > 0) kept.push_back(a[i]);
      in[0] = {{static_cast<std::int64_t>(kept.size())}, kept};
    } else {
      return false;
    }
    return true;
  }

  TestHost& host_;
  genie::plan::Plan plan_;
  std::uint64_t& kept_;
  std::uint64_t keeps_;
  std::map<std::string, const char*, std::less<>> weights_;  // by digest
};

class TestDevice final : public genie::Device {
 public:
  explicit TestDevice(TestHost& host) : host_(host) {}
  genie::Expected<genie::Allocation> alloc(std::uint64_t size, std::uint64_t align) override {
    const std::uint64_t unit = std::max<std::uint64_t>(align, 64);
    void* data = std::aligned_alloc(unit, (size / unit + 1) * unit);
    return genie::Allocation{static_cast<genie_memory*>(data), data};
  }
  void free(genie_memory* memory) noexcept override { std::free(memory); }
  genie::Outcome copy(const genie::Call&, const genie_tensor_view& to, const genie_tensor_view& from,
                      genie_stream*) override {
    std::vector<const char*> source;
    each(from, [&](char* at) { source.push_back(at); });
    std::size_t i = 0;
    each(to, [&](char* at) { std::memcpy(at, source[i++], to.dtype.bits / 8u); });
    return genie::Done{};
  }
  genie::Expected<genie::Weight> put_weight(const genie::Call&, std::string_view,
                                            genie_bytes bytes) override {
    return genie::Weight{
        reinterpret_cast<genie_weight*>(const_cast<void*>(static_cast<const void*>(bytes.data))), 0};
  }
  void release_weight(genie_weight*) noexcept override {}
  genie::Expected<std::unique_ptr<genie::Executable>> compile(const genie::Call&, std::string_view plan,
                                                              std::span<const genie_named_weight> weights,
                                                              std::string_view options) override {
    host_.options_of_stages.emplace_back(options);
    const auto given = genie::plan::json::Document::parse(options);
    const auto spare = given->root().find("spare_bytes");
    const std::uint64_t keeps = spare && spare->integer() >= 40 ? 40 : 0;
    return std::unique_ptr<genie::Executable>(
        std::make_unique<TestStage>(host_, plan, weights, kept_, keeps));
  }
  genie::Expected<std::string> stats() override {
    return "{\"packed_bytes\": " + std::to_string(kept_) + "}";
  }

 private:
  TestHost& host_;
  std::uint64_t kept_ = 0;
};

class TestKernels final : public genie::Kernels {
 public:
  TestKernels(genie::Host host, std::string_view) : host_(TestHost::of(host.get())) {}
  genie::Expected<std::string> describe() override {
    return std::string(R"({"kinds":["cpu"],"ops":"*","dtypes":["f32"],"versions":{})") +
           (host_.kernels_copy_weights ? R"(,"copies_weights":true})" : "}");
  }
  genie::Expected<std::unique_ptr<genie::Device>> open(const genie::Call&, std::string_view, std::int32_t,
                                                       std::string_view) override {
    return std::unique_ptr<genie::Device>(std::make_unique<TestDevice>(host_));
  }

 private:
  TestHost& host_;
};

}  // namespace emulation_test
