// What both programs of this folder share: two processes, their pipes, how often to repeat, and how results are printed.
#pragma once

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace bench {

using Clock = std::chrono::steady_clock;

[[noreturn]] inline void fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

inline double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Processor time of this process so far, in seconds.
inline double processor_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// The other process of a pair, and words to and from it.
class Other {
 public:
  /// Forks. In the child `is_child` is true; both have a channel to the other.
  Other() {
    std::array<int, 2> there{}, back{};
    if (::pipe(there.data()) != 0 || ::pipe(back.data()) != 0) fail("no pipes");
    child_ = ::fork();
    if (child_ < 0) fail("cannot fork");
    in_ = child_ == 0 ? there[0] : back[0];
    out_ = child_ == 0 ? back[1] : there[1];
    ::close(child_ == 0 ? there[1] : back[1]);
    ::close(child_ == 0 ? back[0] : there[0]);
  }
  [[nodiscard]] bool is_child() const { return child_ == 0; }
  void tell(const void* data, std::size_t size) const {
    const auto length = static_cast<std::uint32_t>(size);
    if (::write(out_, &length, sizeof length) != sizeof length ||
        ::write(out_, data, size) != static_cast<ssize_t>(size))
      fail("the other process is gone");
  }
  [[nodiscard]] std::vector<std::byte> hear() const {
    std::uint32_t length = 0;
    if (::read(in_, &length, sizeof length) != sizeof length) fail("the other process is gone");
    std::vector<std::byte> data(length);
    for (std::size_t have = 0; have < length;) {
      const auto got = ::read(in_, data.data() + have, length - have);
      if (got <= 0) fail("the other process is gone");
      have += static_cast<std::size_t>(got);
    }
    return data;
  }
  /// [parent] Its exit code.
  int wait() const {
    int status = 0;
    ::waitpid(child_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }

 private:
  pid_t child_ = -1;
  int in_ = -1;
  int out_ = -1;
};

/// 64 B to 64 MiB, or less far.
inline std::vector<std::size_t> sizes(std::size_t largest) {
  std::vector<std::size_t> all{
      64, 4096, 65536, std::size_t{1} << 20, std::size_t{16} << 20, std::size_t{64} << 20};
  std::erase_if(all, [&](std::size_t size) { return size > largest; });
  return all;
}
inline std::size_t turns_for(std::size_t size) {
  return std::clamp<std::size_t>((std::size_t{256} << 20) / size, 8, 2000);
}
/// The size that an argument limits a run to; at least the smallest.
inline std::size_t largest_of(const char* argument) {
  return argument == nullptr ? SIZE_MAX : std::max<std::size_t>(64, std::strtoull(argument, nullptr, 10));
}

/// Seconds of one run of f: the median of several.
template <class F>
double median_seconds(std::size_t turns, F&& f) {
  std::vector<double> times(turns);
  for (std::size_t i = 0; i < turns / 8 + 1; ++i)
    f();
  for (double& time : times) {
    const auto begin = Clock::now();
    f();
    time = seconds_since(begin);
  }
  std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(turns / 2));
  return times[turns / 2];
}

/// One figure: {"what": "write", "size": 64, "seconds": 1.2e-05}.
inline void print(const char* what, std::size_t size, double seconds) {
  std::printf("{\"what\": \"%s\", \"size\": %zu, \"seconds\": %.9g}\n", what, size, seconds);
  std::fflush(stdout);
}

}  // namespace bench
