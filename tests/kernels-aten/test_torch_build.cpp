// The version check: built for a torch that is not there, so that it must refuse the one that is.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "torch_build.hpp"

using namespace genie::kernels_aten;

TEST_CASE("the loaded torch says what it is and what it computes with") {
  const TorchFacts facts = loaded_torch();
  CHECK(facts.version.find_first_not_of("0123456789.") == std::string::npos);
  CHECK(facts.version.find('.') != std::string::npos);
  CHECK(facts.library.find("libtorch_cpu") != std::string::npos);
  CHECK_FALSE(facts.blas.empty());
  CHECK_FALSE(facts.cpu_capability.empty());
}

TEST_CASE("GE0638: another torch than the one built for is INCOMPATIBLE, and both are named") {
  const TorchFacts facts = loaded_torch();
  const auto error = torch_mismatch(facts);
  REQUIRE(error);
  CHECK(error->code == GENIE_INCOMPATIBLE);
  CHECK(error->message ==
        "GE0638: kernels-aten was built for torch 0.0.1, and this process has torch " + facts.version + " (" +
            facts.library +
            "). Install torch 0.0.1 there, or rebuild the plug-in with -Dtorch_python naming "
            "the interpreter of the other torch");
}

TEST_CASE("the torch built for is accepted") {
  TorchFacts facts = loaded_torch();
  facts.version = "0.0.1";
  CHECK_FALSE(torch_mismatch(facts));
}
