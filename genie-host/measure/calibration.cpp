#include "measure/calibration.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace genie::measure {

namespace {

namespace arg = plan::arg;

constexpr std::int64_t kElementBytes = 4;  // f32
/// A tensor takes part on a device with so many times its memory: copies, results and other sizes live beside it.
constexpr std::uint64_t kRoom = 16;

using Shape = std::vector<std::int64_t>;

/// Writes one method and where it runs: nodes that follow each other on a device are one stage.
class MethodWriter {
 public:
  MethodWriter(Calibration& into, const std::string& name)
      : name_(name), plan_(into.plan), method_(plan_.methods[name]), placed_(into.schedule.methods[name]) {}

  /// A tensor that is there when the method begins, zeros.
  std::string state(const std::string& device, const Shape& shape) {
    const std::string name = fmt::format("{}/{}", device, fmt::join(shape, "x"));
    plan::State& state = plan_.states[name];
    state.shape = shape;
    state.strides = dense(shape);
    return "state:" + name;
  }
  std::string input(const std::string& name, const Shape& shape) {
    method_.inputs.push_back({name, {arg::Value{name}}, {}});
    return value(name, shape, dense(shape), "");
  }
  void output(const std::string& of) {
    method_.outputs.push_back({fmt::format("out{}", method_.outputs.size()), {arg::Value{of}}, {}});
  }
  std::string alias(const std::string& device, const std::string& of, const Shape& shape) {
    return node(device, "aten.alias.default", {reference(of)}, {}, shape, of);
  }
  /// The first `count` of its outermost dimension.
  std::string first(const std::string& device, const std::string& of, Shape shape, std::int64_t count) {
    shape.front() = count;
    return node(
        device, "aten.slice.Tensor",
        {reference(of), {std::int64_t{0}}, {std::int64_t{0}}, {std::int64_t{count}}, {std::int64_t{1}}}, {},
        shape, of);
  }
  std::string add(const std::string& device, const std::string& a, const std::string& b, const Shape& shape) {
    return node(device, "aten.add.Tensor", {reference(a), reference(b)}, {{"alpha", {std::int64_t{1}}}},
                shape, "");
  }
  std::string mm(const std::string& device, const std::string& a, const std::string& b, const Shape& shape) {
    return node(device, "aten.mm.default", {reference(a), reference(b)}, {}, shape, "");
  }

 private:
  static plan::Arg reference(const std::string& name) {
    constexpr std::string_view kState = "state:";
    if (name.starts_with(kState)) return {arg::State{name.substr(kState.size())}};
    return {arg::Value{name}};
  }
  static std::vector<std::int64_t> dense(const Shape& shape) {
    std::vector<std::int64_t> strides(shape.size());
    std::int64_t step = 1;
    for (std::size_t i = shape.size(); i-- > 0; step *= shape[i])
      strides[i] = step;
    return strides;
  }
  std::string value(const std::string& id, const Shape& shape, const std::vector<std::int64_t>& strides,
                    const std::string& alias_of) {
    plan::Value& made = method_.values[id];
    made.shape.assign(shape.begin(), shape.end());
    made.strides.assign(strides.begin(), strides.end());
    made.alias_of = alias_of;
    return id;
  }
  std::string node(const std::string& device, std::string op, std::vector<plan::Arg> args,
                   plan::Table<plan::Arg> kwargs, const Shape& shape, const std::string& alias_of) {
    const std::string number = std::to_string(method_.nodes.size());
    plan::Node& made = method_.nodes.emplace_back();
    made.id = name_ + "n" + number;  // unique in the plan
    made.op = std::move(op);
    made.args = std::move(args);
    made.kwargs = std::move(kwargs);
    made.results = {"v" + number};
    if (placed_.stages.empty() || placed_.stages.back().device != device) {
      plan::Stage& stage = placed_.stages.emplace_back();
      stage.id = fmt::format("s{}", placed_.stages.size() - 1);
      stage.device = device;
    }
    placed_.stages.back().nodes.push_back(made.id);
    return value(made.results.front(), shape, dense(shape), alias_of);
  }

  std::string name_;
  plan::Plan& plan_;
  plan::Method& method_;
  plan::MethodSchedule& placed_;
};

class Maker {
 public:
  Maker(const plan::Topology& topology, bool links) : topology_(topology), links_(links) {
    made_.plan.producer = {"genie-host", "1", {}, {}};
    made_.plan.required = {"state"};
    made_.plan.opsets["aten"] = 1;
    made_.schedule.policy = {"genie-host", "1", "measure", {}};
  }

  Calibration make() {
    for (const plan::Device& device : topology_.devices) {
      add_compute(device);
      if (links_) add_echoes(device);
    }
    if (links_)
      for (std::size_t a = 0; a < topology_.devices.size(); ++a)
        for (std::size_t b = a + 1; b < topology_.devices.size(); ++b)
          add_pair(topology_.devices[a], topology_.devices[b]);
    return std::move(made_);
  }

 private:
  static bool has_room(const plan::Device& device, std::int64_t bytes) {
    return device.memory_bytes / kRoom >= static_cast<std::uint64_t>(bytes);
  }
  std::string next_method() { return fmt::format("m{}", made_.plan.methods.size()); }

  /// Both begin with a copy of the state: memory that was never written may be one page of zeros over and over.
  template <class Body>
  void add_task(const plan::Device& device, std::string name, const Shape& shape, std::uint32_t nodes,
                double flops, double bytes, Body&& body) {
    ComputeTask task{device.id, std::move(name), {}, {}, nodes, flops, bytes};
    for (const std::uint32_t count : {nodes, 0u}) {
      std::string& name_of = count == 0 ? task.without : task.with;
      name_of = next_method();
      MethodWriter method(made_, name_of);
      const std::string zeros = method.state(device.id, shape);
      const std::string whole = method.add(device.id, zeros, zeros, shape);
      const auto [last, last_shape] = body(method, whole, count);
      method.output(method.first(device.id, last, last_shape, 1));
    }
    made_.compute.push_back(std::move(task));
  }

  void add_matrices(const plan::Device& device, std::int64_t rows, std::int64_t size, std::uint32_t nodes) {
    if (!has_room(device, size * size * kElementBytes)) return;
    const auto m = static_cast<double>(rows), n = static_cast<double>(size);
    const double bytes = (2 * m * n + n * n) * static_cast<double>(kElementBytes);
    add_task(device, fmt::format("mm {}x{}x{}", rows, size, size), {size, size}, nodes, 2 * m * n * n, bytes,
             [&](MethodWriter& method, const std::string& whole, std::uint32_t count) {
               const Shape shape{rows, size};
               std::string x = method.first(device.id, whole, {size, size}, rows);
               for (std::uint32_t i = 0; i < count; ++i)
                 x = method.mm(device.id, x, whole, shape);
               return std::pair(x, shape);
             });
  }

  void add_sums(const plan::Device& device, std::int64_t size, std::uint32_t nodes) {
    if (!has_room(device, size * kElementBytes)) return;
    add_task(device, fmt::format("add {}", size), {size}, nodes, 0,
             2 * static_cast<double>(size * kElementBytes),
             [&](MethodWriter& method, std::string x, std::uint32_t count) {
               const Shape shape{size};
               for (std::uint32_t i = 0; i < count; ++i)
                 x = method.add(device.id, x, x, shape);
               return std::pair(x, shape);
             });
  }

  /// Numbers of nodes that take a core of a present-day processor some 1 to 20 ms. Sizes that are no powers of two: rows of such lie
  /// in the same few places of a cache, or not, as memory happens to be.
  void add_compute(const plan::Device& device) {
    add_matrices(device, 160, 160, 32);
    add_matrices(device, 320, 320, 8);
    add_matrices(device, 640, 640, 2);
    add_matrices(device, 96, 720, 4);
    add_matrices(device, 16, 720, 16);
    add_matrices(device, 1, 720, 32);
    add_sums(device, 16, 512);
    add_sums(device, 20'000, 128);
    add_sums(device, 100'000, 64);
    add_sums(device, 500'000, 16);
  }

  void add_echoes(const plan::Device& device) {
    for (const std::int64_t bytes : kMessageBytes) {
      if (!has_room(device, bytes)) continue;
      const Shape shape{bytes / kElementBytes};
      EchoTask echo{device.id, static_cast<std::uint64_t>(bytes), next_method()};
      MethodWriter method(made_, echo.method);
      method.output(method.alias(device.id, method.input("x", shape), shape));
      made_.echoes.push_back(std::move(echo));
    }
    if (has_room(device, kUploadBytes)) add_upload({device.id});
  }

  void add_upload(const std::vector<std::string>& devices) {
    UploadTask upload{devices, kUploadBytes, next_method()};
    MethodWriter method(made_, upload.method);
    const Shape shape{kUploadBytes / kElementBytes};
    for (std::size_t i = 0; i < devices.size(); ++i)
      method.output(method.first(devices[i], method.input(i == 0 ? "x" : "y", shape), shape, 1));
    made_.uploads.push_back(std::move(upload));
  }

  void add_pair(const plan::Device& a, const plan::Device& b) {
    for (const std::int64_t bytes : kMessageBytes) {
      if (!has_room(a, bytes) || !has_room(b, bytes)) continue;
      const Shape shape{bytes / kElementBytes};
      PairTask pair{a.id, b.id, static_cast<std::uint64_t>(bytes), {}, {}};
      for (const bool travels : {true, false}) {
        (travels ? pair.with : pair.without) = next_method();
        MethodWriter method(made_, next_method());
        std::string x = method.alias(a.id, method.state(a.id, shape), shape);
        x = method.alias(travels ? b.id : a.id, x, shape);
        x = method.alias(a.id, x, shape);
        method.output(method.first(a.id, x, shape, 1));
      }
      made_.pairs.push_back(std::move(pair));
    }
    if (has_room(a, kUploadBytes) && has_room(b, kUploadBytes)) add_upload({a.id, b.id});
  }

  static constexpr std::int64_t kMessageBytes[] = {64, 4 << 10, 32 << 10, 256 << 10, 1 << 20, 4 << 20};
  static constexpr std::int64_t kUploadBytes = 1 << 20;

  const plan::Topology& topology_;
  bool links_;
  Calibration made_;
};

}  // namespace

Calibration make_calibration(const plan::Topology& topology, bool links) {
  return Maker(topology, links).make();
}

}  // namespace genie::measure
