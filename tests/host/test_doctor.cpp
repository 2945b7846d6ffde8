// What plug-ins say they found, as the doctor takes it.
#include <doctest/doctest.h>

#include "doctor/findings.hpp"

using genie::doctor::decode_findings;
using genie::doctor::State;

namespace {

std::string refusal(std::string_view json) {
  const auto findings = decode_findings(json, "com.example.backend");
  REQUIRE(!findings);
  CHECK(findings.errors().front().code == "GE0133");
  return findings.errors().front().message;
}

}  // namespace

TEST_CASE("findings of a plug-in are read with and without help and code") {
  const auto findings = decode_findings(
      R"({"findings": [{"about": "a", "subject": "s", "state": "fault", "detail": "d", "help": "h", "code": "GE0850"},
                       {"about": "a", "subject": "t", "state": "absent", "detail": "e"}], "later": 1})",
      "com.example.backend");
  REQUIRE(findings);
  REQUIRE(findings->size() == 2);
  CHECK(findings->front().state == State::fault);
  CHECK(findings->front().help == "h");
  CHECK(findings->front().code == "GE0850");
  CHECK(findings->back().state == State::absent);
  CHECK(findings->back().help.empty());
}

TEST_CASE("findings that are malformed are refused by what is wrong with them") {
  CHECK(refusal("{").find("com.example.backend") != std::string::npos);
  CHECK(refusal("[]").find("`findings`") != std::string::npos);
  CHECK(refusal(R"({"findings": [{"about": "a", "subject": "s", "state": "ok"}]})").find("/findings/0") !=
        std::string::npos);
  CHECK(refusal(R"({"findings": [{"about": "a", "subject": "s", "state": "ok", "detail": 1}]})")
            .find("no text") != std::string::npos);
  CHECK(refusal(R"({"findings": [{"about": "a", "subject": "s", "state": "fine", "detail": "d"}]})")
            .find("`fine`") != std::string::npos);
}

TEST_CASE("an examination is written with the members that its findings have") {
  genie::doctor::Examination examination;
  examination.findings.push_back({"a", "s", State::warning, "d", "", ""});
  CHECK(genie::doctor::to_json(examination) ==
        "{\n  \"ok\": true,\n  \"findings\": [\n    {\n      \"about\": \"a\",\n      \"subject\": \"s\",\n  "
        "    \"state\": "
        "\"warning\",\n      \"detail\": \"d\"\n    }\n  ]\n}\n");
  examination.fails = genie::runtime::Category::execution;
  CHECK(genie::doctor::to_json(examination).find("\"ok\": false") != std::string::npos);
}
