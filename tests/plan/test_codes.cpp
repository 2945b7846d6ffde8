// The registry of diagnostic codes.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "genie/plan/codes.hpp"

using namespace genie::plan;

TEST_CASE("codes are unique, ascending, and explained") {
  const auto codes = all_codes();
  CHECK(codes.size() > 30);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const std::string code(codes[i].code);
    INFO(code);
    CHECK(code.size() == 6);
    CHECK(code.substr(0, 2) == "GE");
    CHECK(code.find_first_not_of("0123456789", 2) == std::string::npos);
    if (i > 0) CHECK(codes[i - 1].code < codes[i].code);
    CHECK_FALSE(codes[i].title.empty());
    CHECK(codes[i].title.find('\n') == std::string_view::npos);
    CHECK(codes[i].explanation.size() > 20);
    CHECK(find_code(code) == &codes[i]);
  }
  CHECK(find_code("GE9999") == nullptr);
  CHECK(find_code("") == nullptr);
}

TEST_CASE("explanations fit a terminal and say what to do") {
  for (const CodeInfo& info : all_codes()) {
    INFO(std::string(info.code));
    constexpr std::size_t kColumns = 125;
    std::size_t start = 0;
    while (start < info.explanation.size()) {
      const std::size_t end = std::min(info.explanation.find('\n', start), info.explanation.size());
      CHECK(end - start <= kColumns);
      start = end + 1;
    }
    if (info.code >= "GE0300" && info.code < "GE0400")
      CHECK(info.explanation.find("What to do:") != std::string_view::npos);
  }
}
