#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  // These cancel and let the kernel go on at once, and expect the wish to win. Over a network either may: backend.h promises
  // CANCELLED or OK.
  context.addFilter("test-case-exclude",
                    "the caller's own switch cancels too,a cancelled step stops before its next "
                    "stage*,GE0621: a step cancelled between*,cancelled jobs are over when drain returns*");
  return context.run();
}
