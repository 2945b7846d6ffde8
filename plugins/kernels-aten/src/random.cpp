#include "random.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <c10/util/Exception.h>

namespace genie::kernels_aten {

namespace {

std::mutex& turns() {
  static std::mutex mutex;
  return mutex;
}

std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

}  // namespace

std::uint64_t stream_seed(std::uint64_t run_seed, std::uint64_t stream) {
  // The run's seed is mixed first: the seeds of the steps of a session are near each other, and so are the streams.
  return stream == 0 ? run_seed : mixed(mixed(run_seed) + stream * 0x9e3779b97f4a7c15u);
}

std::uint64_t stream_of(std::string_view node_id) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : node_id)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

RandomRun::RandomRun(std::uint64_t seed)
    : turn_(turns()), generator_(at::detail::getDefaultCPUGenerator()), saved_(generator_.get_state()) {
  generator_.set_current_seed(seed);
}

RandomRun::~RandomRun() {
  try {
    generator_.set_state(saved_);
  } catch (const c10::Error&) {
    // The state came from this very generator: it cannot be refused, and a destructor has nobody to tell.
  }
}

void RandomRun::begin(std::uint64_t seed) {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  generator.set_current_seed(seed);
}

}  // namespace genie::kernels_aten
