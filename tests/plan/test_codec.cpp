// Plan documents: what V1 refuses and how it says so, and what survives a round trip.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "genie/plan/codec.hpp"
#include "plans.hpp"

using namespace genie::plan;
using genie::plan::testing::kCaptured;
using genie::plan::testing::kScheduled;
using genie::plan::testing::replaced;

namespace {

/// "GE0310 /stage" of each error, joined by lines.
std::string errors_of(const Result<Plan>& result) {
  if (result) return "ok";
  std::string text;
  for (const Diagnostic& d : result.errors())
    text += (text.empty() ? "" : "\n") + d.code + " " + d.pointer;
  return text;
}

std::string errors_of(std::string_view text) {
  return errors_of(decode(text));
}

Plan decoded(std::string_view text) {
  auto plan = decode(text);
  REQUIRE_MESSAGE(plan.ok(), to_text(plan.ok() ? Diagnostic{} : plan.errors()[0]));
  return std::move(*plan);
}

}  // namespace

TEST_CASE("P4 canonical bytes are a fixed point of decode and encode") {
  for (const std::string_view text : {kCaptured, kScheduled}) {
    const std::string bytes = encode(decoded(text));
    CHECK(encode(decoded(bytes)) == bytes);
    CHECK(*json::canonicalize(bytes) == bytes);
  }
}

TEST_CASE("defaults are not written: a plan has one spelling") {
  const std::string explicit_defaults =
      replaced(kCaptured, R"("results": ["v1"])",
               R"("results": ["v1"], "effects": "pure", "mutates": [], "after": [])");
  CHECK(encode(decoded(explicit_defaults)) == encode(decoded(kCaptured)));
  const Plan plan = decoded(kCaptured);
  CHECK(encode(plan).find("effects") == std::string::npos);
  CHECK(plan.methods.at("forward").values.at("v0").strides == Exprs{Expr(8), Expr(1)});
  CHECK(encode(plan).find("strides") == std::string::npos);
}

TEST_CASE("locations stay outside the id") {
  Plan plan = decoded(kCaptured);
  const std::string id = plan_id(plan);
  CHECK(id.substr(0, 7) == "sha256:");
  CHECK(id.size() == 71);
  CHECK_FALSE(plan.locations.empty());
  CHECK(encode(plan, {.locations = true}).find("locations") != std::string::npos);
  plan.locations.clear();
  CHECK(plan_id(plan) == id);
  CHECK(digest("abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("P2 unknown optional keys survive a round trip in every object") {
  const std::string text =
      R"({"schema": "genie.plan", "version": {"major": 0, "minor": 1}, "stage": "scheduled", "zz": {"b": 1, "a": [1.5]},
    "producer": {"plugin": "p", "version": "1", "x": 1, "source": {"framework": "torch", "x": 1}},
    "opsets": {"aten": 1}, "symbols": {"s0": {"x": 1, "from": {"input": "a", "dim": 0, "x": 1}}},
    "blobs": {"sha256:0000000000000000000000000000000000000000000000000000000000000000": {"size_bytes": 1, "x": 1}},
    "weights": {"w": {"kind": "buffer", "dtype": "u8", "shape": [1], "blob": "sha256:0000000000000000000000000000000000000000000000000000000000000000", "x": 1}},
    "states": {"k": {"dtype": "f32", "shape": [], "x": 1}},
    "constraints": [{"id": "h", "kind": "pin", "select": "*", "device": "d", "x": 1}],
    "methods": {"m": {"inputs": [{"name": "a", "value": "v", "x": 1}], "outputs": [{"name": "b", "value": "v", "A": 1}],
      "values": {"v": {"dtype": "f32", "shape": ["s0"], "x": 1}, "n": {"scalar": "int", "x": 1}}, "x": 1,
      "nodes": [{"id": "n", "op": "o", "results": ["n"], "x": 1, "source": {"file": "f", "line": 1, "x": 1},
        "semantics": {"x": 1, "phase": {"is": "encode", "by": "user", "x": 1}},
        "cost": {"flops": 1, "read_bytes": 1, "written_bytes": 1, "by": "measured", "mean_ns": 5}}],
      "writes": [{"state": "k", "value": "v", "x": 1}],
      "graphs": {"g": {"inputs": [], "outputs": [], "values": {}, "nodes": [], "x": 1}}}},
    "schedule": {"x": 1, "policy": {"x": 1}, "residence": {"x": 1}, "methods": {"m": {"x": 1,
      "stages": [{"id": "s", "device": "d", "nodes": ["n"], "x": 1}],
      "transfers": [{"id": "t", "value": "v", "from": "s", "to": "s", "x": 1}],
      "predicted": {"makespan_ns": 1, "wire_bytes": 1, "x": 1}}},
      "decisions": [{"subject": "s", "chose": "d", "x": 1, "alternatives": [{"device": "e", "x": 1}]}]},
    "extensions": {"com.example.tool": {"x": [1, {"b": 0, "a": 0}]}}})";
  CHECK(encode(decoded(text)) == *json::canonicalize(text));
}

TEST_CASE("tagged arguments keep every bit") {
  const auto arguments = [](const char* args) {
    return replaced(kCaptured, R"("args": [{"value": "v0"}])", std::string("\"args\": ") + args);
  };
  const auto round_trip = [&](const char* args) {
    const std::string text = arguments(args);
    return encode(decoded(text)) == *json::canonicalize(encode(decoded(text))) &&
           encode(decoded(text)).find(*json::canonicalize(args)) != std::string::npos;
  };
  CHECK(round_trip(
      R"([null, {"value": "v0"}, {"weight": "w"}, {"state": "k0"}, {"int": -5}, {"float": 1}, {"float": 0.1}, {"bool": true}])"));
  CHECK(round_trip(
      R"([{"float": "-0"}, {"float": "NaN"}, {"float": "Infinity"}, {"float": "-Infinity"}, {"complex": [1, "-0"]}])"));
  CHECK(round_trip(
      R"([{"int": "9223372036854775807"}, {"int": "-9223372036854775808"}, {"int": 9007199254740991}])"));
  CHECK(round_trip(
      R"([{"str": ""}, {"dtype": "bf16"}, {"layout": "strided"}, {"memory_format": "channels_last"}, {"device": "local"}])"));
  CHECK(round_trip(
      R"([{"dim": ["add", 1, ["mul", 4, "s0"]]}, {"graph": "g"}, {"list": [{"list": []}, null, {"dim": "s0"}]}, {"float": 1e+20}])"));
  const Plan plan =
      decoded(arguments(R"([{"float": "-0"}, {"float": 3}, {"int": 3}, {"float": 100000000000000000000}])"));
  const auto& args = plan.methods.at("forward").nodes[0].args;
  CHECK(std::signbit(std::get<double>(args[0].is)));
  CHECK(std::get<double>(args[1].is) == 3.0);
  CHECK(std::get<std::int64_t>(args[2].is) == 3);
  CHECK(std::get<double>(args[3].is) == 1e20);
  CHECK(errors_of(arguments(R"([{"int": 1, "float": 1}])")) == "GE0320 /methods/forward/nodes/0/args/0");
  CHECK(errors_of(arguments(R"([{"integer": 1}, 7, {}])")) ==
        "GE0320 /methods/forward/nodes/0/args/0/integer\nGE0320 /methods/forward/nodes/0/args/1\nGE0320 "
        "/methods/forward/nodes/0/args/2");
  CHECK(errors_of(arguments(R"([{"int": "5"}])")) == "GE0310 /methods/forward/nodes/0/args/0/int");
  CHECK(errors_of(arguments(R"([{"int": "9223372036854775808"}])")) ==
        "GE0341 /methods/forward/nodes/0/args/0/int");
  CHECK(errors_of(arguments(R"([{"device": "cuda"}])")) == "GE0313 /methods/forward/nodes/0/args/0/device");
  CHECK(errors_of(arguments(R"([{"int": 1.0}])")) == "GE0309 /methods/forward/nodes/0/args/0/int");
  CHECK(errors_of(arguments(R"([{"int": 1.5}])")) == "GE0310 /methods/forward/nodes/0/args/0/int");
}

TEST_CASE("P4 an expression that is not in normal form is refused with its normal form") {
  const auto with_shape = [](const char* dim) {
    return replaced(kCaptured, R"(["s0", 8])", std::string("[") + dim + ", 8]");
  };
  CHECK(errors_of(with_shape(R"(["add", 1, "s0"])")) == "ok");
  const auto plan = decode(with_shape(R"(["add", "s0", 1])"));
  REQUIRE_FALSE(plan.ok());
  CHECK(plan.errors()[0].code == "GE0340");
  CHECK(plan.errors()[0].help == R"(write ["add",1,"s0"])");
  CHECK(errors_of(with_shape(R"(["mul", 2, 3])")).substr(0, 6) == "GE0340");
  CHECK(errors_of(with_shape(R"(["floordiv", "s0", 0])")).substr(0, 6) == "GE0340");
  CHECK(errors_of(with_shape(R"(["sub", "s0", 1])")).substr(0, 6) == "GE0321");
  CHECK(errors_of(with_shape(R"(["add", "s0"])")).substr(0, 6) == "GE0321");
  CHECK(errors_of(with_shape("\"9x\"")).substr(0, 6) == "GE0321");
  CHECK(errors_of(with_shape("-1")).substr(0, 6) == "GE0314");
}

TEST_CASE("V1 reports every error of the level, each with its pointer and the user's place") {
  std::string text = replaced(kCaptured, R"("stage": "captured")", R"("stage": "captrued")");
  text = replaced(text, R"("op": "aten.relu.default")", R"("op": 5)");
  text = replaced(text, R"("size_bytes": 64)", R"("size_byte": 64)");
  const auto plan = decode(text, {}, "plan.json");
  REQUIRE_FALSE(plan.ok());
  CHECK(errors_of(plan) ==
        "GE0313 /stage\n"
        "GE0311 /blobs/sha256:1111111111111111111111111111111111111111111111111111111111111111\n"
        "GE0310 /methods/forward/nodes/0/op");
  CHECK(plan.errors()[0].help == "did you mean \"captured\"?");
  CHECK(plan.errors()[1].help == "did you mean \"size_bytes\" where it says \"size_byte\"?");
  CHECK(to_text(plan.errors()[2]) ==
        "error[GE0310]: expected a string, found 5\n"
        "  --> plan.json at /methods/forward/nodes/0/op\n"
        "   = node: n0\n"
        "   = module: act\n"
        "   = source: model.py:7\n"
        "   = help: write a string here\n");
}

TEST_CASE("P1 P3 another document, version or feature is refused by name") {
  CHECK(errors_of(replaced(kCaptured, "genie.plan", "genie.run")) == "GE0315 /schema");
  for (const char* version :
       {R"({"major": 1, "minor": 0})", R"({"major": 0, "minor": 2})", R"({"major": 0, "minor": 0})"}) {
    const auto plan = decode(replaced(kCaptured, R"({"major": 0, "minor": 1})", version));
    REQUIRE_FALSE(plan.ok());
    CHECK(plan.errors().size() == 1);
    CHECK(plan.errors()[0].code == "GE0316");
    CHECK(plan.errors()[0].message.find("this Genie reads 0.1") != std::string::npos);
  }
  const auto feature =
      decode(replaced(kCaptured, R"("requires": ["state"])", R"("requires": ["state", "teleport"])"));
  REQUIRE_FALSE(feature.ok());
  CHECK(feature.errors()[0].code == "GE0317");
  CHECK(feature.errors()[0].pointer == "/requires/1");
  CHECK(feature.errors()[0].message.find("\"teleport\"") != std::string::npos);
}

TEST_CASE("V0 comes before V1: an integer written 1.0 is all that is said") {
  const std::string text = replaced(replaced(kCaptured, R"("size_bytes": 64)", R"("size_bytes": 64.0)"),
                                    R"("stage": "captured")", R"("stage": "?")");
  CHECK(errors_of(text) ==
        "GE0309 /blobs/sha256:1111111111111111111111111111111111111111111111111111111111111111/size_bytes");
}

TEST_CASE("a million equal mistakes are one bounded report") {
  std::string bad = "[1";
  for (int i = 0; i < 200000; ++i)
    bad += ",1";
  const auto plan = decode(replaced(kCaptured, R"("args": [{"value": "v0"}])", "\"args\": " + bad + "]"));
  REQUIRE_FALSE(plan.ok());
  CHECK(plan.errors().size() <= 101);
  CHECK(plan.errors().back().message.find("more problems") != std::string::npos);
}

TEST_CASE("truncation at every byte of a plan is a diagnostic, never a crash") {
  for (const std::string_view text : {kCaptured, kScheduled})
    for (std::size_t size = 0; size < text.size(); ++size) {
      if (text.find_first_not_of(" \n", size) == std::string_view::npos) break;
      const auto plan = decode(text.substr(0, size));
      REQUIRE_FALSE(plan.ok());
      REQUIRE(plan.errors()[0].code == "GE0301");
    }
}

TEST_CASE("every byte of a plan replaced by another is decoded or refused, never a crash") {
  std::string text(kCaptured);
  std::size_t accepted = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const char other : {'0', '"', '}', '[', '\x80', 'e', '-'}) {
      const char original = text[i];
      text[i] = other;
      if (decode(text).ok()) ++accepted;
      text[i] = original;
    }
  }
  CHECK(accepted > 0);
}

TEST_CASE("schedules and constraints travel alone") {
  const Plan plan = decoded(kScheduled);
  const std::string bytes = encode_schedule(*plan.schedule);
  const auto schedule = decode_schedule(bytes);
  REQUIRE(schedule.ok());
  CHECK(encode_schedule(*schedule) == bytes);
  CHECK(bytes == *json::canonicalize(bytes));
  CHECK(decode_schedule(
            R"({"methods": {"forward": {"stages": [{"id": "s0", "device": "w0", "nodes": ["n0"]}]}}})")
            .ok());
  CHECK_FALSE(decode_schedule(R"({"methods": {"forward": {}}})").ok());

  const std::string hints =
      R"([{"device":"w0","kind":"pin","select":"a.*"},{"bytes":5,"device":"w0","kind":"budget","strength":"soft","weight":0.5}])";
  const auto constraints = decode_constraints(hints);
  REQUIRE(constraints.ok());
  CHECK(encode_constraints(*constraints) == hints);
  for (const char* bad : {R"([{"kind":"pin","select":"a"}])", R"([{"kind":"pni","select":"a","device":"w"}])",
                          R"([{"kind":"budget","device":"w"}])",
                          R"([{"kind":"recompute","select":"a","value":"maybe"}])", R"({})"})
    CHECK_FALSE(decode_constraints(bad).ok());
}

TEST_CASE("indented text for people decodes to the same plan") {
  const Plan plan = decoded(kScheduled);
  const std::string text = encode(plan, {.locations = true, .indent = 2});
  CHECK(text.find("\n  \"methods\"") != std::string::npos);
  CHECK(encode(decoded(text), {.locations = true}) == encode(plan, {.locations = true}));
}

TEST_CASE("diagnostics survive JSON; foreign entries keep their text") {
  const auto plan = decode(replaced(kCaptured, "captured", "x"), {}, "p.json");
  const Diagnostics back = diagnostics_from_json(to_json(plan.errors()));
  CHECK(to_json(back) == to_json(plan.errors()));
  CHECK(diagnostics_from_json("[3, \"boom\"]").at(1).message == "\"boom\"");
  CHECK(diagnostics_from_json("no json").at(0).message == "no json");
}

TEST_CASE("diagnostics are UTF-8, harmless to a terminal, and no longer than anybody reads") {
  const Diagnostic hostile{
      .code = "GE0301", .message = "\x1b[2J and \xff", .help = std::string(1'000'000, 'x') + " the end"};
  const std::string text = to_text(hostile);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("\xef\xbf\xbd[2J and \xef\xbf\xbd\n") != std::string::npos);
  CHECK(text.size() < 10'000);
  CHECK(text.find(" bytes left out) … x") != std::string::npos);
  CHECK(text.ends_with("the end\n"));
  const Diagnostics back = diagnostics_from_json(to_json({hostile}));
  REQUIRE(back.size() == 1);
  CHECK(back[0].message == "\x1b[2J and \xef\xbf\xbd");
  CHECK(back[0].help.ends_with("the end"));
}
