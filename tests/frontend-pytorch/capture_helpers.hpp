// What the tests of the capture share: capture bytes, look into the plan.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "capture/capture.hpp"
#include "genie/plan/codec.hpp"
#include "program_builder.hpp"
#include "scratch.hpp"

namespace genie::pytorch::testing {

namespace arg = genie::plan::arg;
using genie::plan::Arg;
using genie::plan::Expr;
using genie::plan::Plan;

inline constexpr int kF32 = 7;
inline constexpr int kI64 = 5;
inline const std::string kFloats16(16, '\1');
inline const std::string kZeros16(16, '\0');

inline Result<Capture> capture_bytes(const std::string& bytes, const Options& options = {}) {
  const Scratch scratch;
  bool stopped = false;
  // The digest cache is the user's: tests hash anew, and young files are never remembered.
  return genie::pytorch::capture(scratch.write("m.pt2", bytes), options, {}, stopped);
}

inline Plan plan_of(const std::string& bytes, const Options& options = {}) {
  auto captured = capture_bytes(bytes, options);
  if (!captured.ok())
    for (const auto& error : captured.errors())
      MESSAGE(genie::plan::to_text(error));
  REQUIRE(captured.ok());
  // What is captured can be written and read back.
  const auto decoded = genie::plan::decode(genie::plan::encode(captured->plan, {.locations = true}));
  if (!decoded.ok())
    for (const auto& error : decoded.errors())
      MESSAGE(genie::plan::to_text(error));
  REQUIRE(decoded.ok());
  return captured->plan;
}

inline std::string code_of(const std::string& bytes, const Options& options = {}) {
  const auto captured = capture_bytes(bytes, options);
  return captured.ok() ? "ok" : captured.errors().front().code;
}

inline const genie::plan::Node& node_of(const Plan& plan, const std::string& id,
                                        const std::string& method = "forward") {
  for (const auto& node : plan.methods.at(method).nodes)
    if (node.id == id) return node;
  FAIL("no node " << id);
  return plan.methods.at(method).nodes.front();
}

inline TestNode relu(const std::string& name, const std::string& from) {
  return {name, "torch.ops.aten.relu.default", {{"self", tensor(from)}}, {tensor(name)}};
}
inline TestNode add_in_place(const std::string& name, const std::string& to) {
  return {name, "torch.ops.aten.add_.Tensor", {{"self", tensor(to)}, {"other", number(1)}}, {tensor(name)}};
}

/// x → relu → output, and nothing else.
inline ProgramBuilder simple() {
  return ProgramBuilder()
      .input("x", meta(kF32, {"2", "4"}))
      .node(relu("relu", "x"), {{"relu", meta(kF32, {"2", "4"})}})
      .output(tensor("relu"));
}

}  // namespace genie::pytorch::testing
