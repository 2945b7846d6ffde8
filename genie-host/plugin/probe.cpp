// The parent's side of a probe.
#include "plugin/probe.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include "services/completion.hpp"

extern char** environ;

namespace genie::plugin {
namespace {

constexpr std::size_t kMostAnswerBytes = 1u << 20;
constexpr std::size_t kMostOutputBytes = 2048;  // of stdout and stderr: enough to show a person
constexpr int kAnswerDescriptor = 3;

// Both ends of a pipe; closed when it goes.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) ends_ = {-1, -1};
  }
  Pipe(const Pipe&) = delete;
  ~Pipe() {
    close(0);
    close(1);
  }
  [[nodiscard]] int end(std::size_t which) const { return ends_[which]; }
  void close(std::size_t which) {
    if (ends_[which] >= 0) ::close(ends_[which]);
    ends_[which] = -1;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

plan::Diagnostic problem(std::string code, std::string message, const std::filesystem::path& file,
                         std::string help) {
  plan::Diagnostic diagnostic;
  diagnostic.code = std::move(code);
  diagnostic.message = std::move(message);
  diagnostic.file = file.string();
  diagnostic.help = std::move(help);
  return diagnostic;
}

// The environment of the child: ours, with the manifest's defaults where we have none.
std::vector<std::string> child_environment(const Manifest& manifest) {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry; ++entry)
    entries.emplace_back(*entry);
  for (const auto& [name, value] : manifest.environment)
    if (!::getenv(name.c_str())) entries.push_back(name + '=' + value);
  return entries;
}

pid_t spawn(const std::string& executable, std::vector<std::string> arguments,
            std::vector<std::string> environment, const Pipe& answer, const Pipe& output,
            const Pipe& errors) {
  std::vector<char*> argv;
  for (std::string& argument : arguments)
    argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::vector<char*> envp;
  for (std::string& entry : environment)
    envp.push_back(entry.data());
  envp.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output.end(1), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors.end(1), STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&actions, answer.end(1), kAnswerDescriptor);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A group of its own, so that an interrupt at the terminal and the time limit reach exactly the child.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  pid_t child = -1;
  if (::posix_spawn(&child, executable.c_str(), &actions, &attributes, argv.data(), envp.data()) != 0)
    child = -1;
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return child;
}

struct Collected {
  std::string answer;
  std::string output;
  std::string errors;
  bool in_time = true;
};

// Reads until all three are closed or the time is up. Pipes never block the child for long: what is too much is dropped.
Collected collect(const Pipe& answer, const Pipe& output, const Pipe& errors, std::uint64_t deadline_ns) {
  Collected collected;
  struct Stream {
    int descriptor;
    std::string* into;
    std::size_t most;
  };
  std::array<Stream, 3> streams = {Stream{answer.end(0), &collected.answer, kMostAnswerBytes},
                                   Stream{output.end(0), &collected.output, kMostOutputBytes},
                                   Stream{errors.end(0), &collected.errors, kMostOutputBytes}};
  std::size_t open = streams.size();
  while (open > 0) {
    const std::uint64_t now = services::monotonic_ns();
    if (now >= deadline_ns) {
      collected.in_time = false;
      break;
    }
    std::array<pollfd, 3> polled{};
    for (std::size_t i = 0; i < streams.size(); ++i)
      polled[i] = {streams[i].descriptor, POLLIN, 0};
    if (::poll(polled.data(), polled.size(), static_cast<int>((deadline_ns - now) / 1'000'000 + 1)) < 0 &&
        errno != EINTR)
      break;
    for (std::size_t i = 0; i < streams.size(); ++i) {
      if (streams[i].descriptor < 0 || polled[i].revents == 0) continue;
      std::array<char, 4096> buffer;
      const ssize_t got = ::read(streams[i].descriptor, buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        streams[i].descriptor = -1;  // the Pipe closes it
        --open;
        continue;
      }
      const std::size_t room = streams[i].most - streams[i].into->size();
      streams[i].into->append(buffer.data(), std::min(room, static_cast<std::size_t>(got)));
    }
  }
  return collected;
}

std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of("\n\r ");
  if (end == std::string::npos) return {};
  const std::size_t begin = text.rfind('\n', end);
  return text.substr(begin == std::string::npos ? 0 : begin + 1,
                     end - (begin == std::string::npos ? 0 : begin + 1) + 1);
}

std::string with_last_words(std::string message, const std::string& errors) {
  if (const std::string words = last_line(errors); !words.empty()) message += "; its last words: " + words;
  return message;
}

}  // namespace

Probe probe(const std::filesystem::path& host_executable, const std::filesystem::path& library,
            const Manifest& manifest, std::chrono::milliseconds limit) {
  Probe result;
  Pipe answer;
  Pipe output;
  Pipe errors;
  std::vector<std::string> arguments = {host_executable.string(), std::string(kProbeCommand),
                                        library.string()};
  arguments.insert(arguments.end(), manifest.interfaces.begin(), manifest.interfaces.end());
  const pid_t child =
      answer.end(0) < 0 || output.end(0) < 0 || errors.end(0) < 0
          ? -1
          : spawn(host_executable.string(), arguments, child_environment(manifest), answer, output, errors);
  if (child < 0) {
    result.diagnostics.push_back(problem("GE0119",
                                         "the child process that tries plug-ins out cannot be started: " +
                                             std::generic_category().message(errno),
                                         host_executable, "genie-host must be installed and executable"));
    return result;
  }
  answer.close(1);
  output.close(1);
  errors.close(1);
  const std::uint64_t limit_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(limit).count());
  const Collected collected = collect(answer, output, errors, services::monotonic_ns() + limit_ns);
  // Whatever the plug-in started in there goes with the child.
  if (!collected.in_time || collected.answer.empty()) ::kill(-child, collected.in_time ? SIGTERM : SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }

  if (!collected.in_time) {
    result.outcome = Probe::Outcome::timed_out;
    result.diagnostics.push_back(
        problem("GE0108",
                with_last_words("it did not finish starting within " + std::to_string(limit.count()) + " ms",
                                collected.errors),
                library, "its entry must be quick (A6): open devices and connections in create"));
    return result;
  }
  if (WIFSIGNALED(status) || collected.answer.empty()) {
    result.outcome = Probe::Outcome::crashed;
    const std::string how =
        WIFSIGNALED(status)
            ? "with signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")"
            : "by ending the process with code " + std::to_string(WEXITSTATUS(status));
    result.diagnostics.push_back(
        problem("GE0107", with_last_words("it crashed " + how + " when it was tried out", collected.errors),
                library, "it is set aside until it changes; `genie-host plugins --rescan` tries again"));
    return result;
  }
  auto decoded = decode_probe(collected.answer);
  if (!decoded) {
    result.diagnostics = std::move(decoded).errors();
    return result;
  }
  result = std::move(decoded).value();
  if (!collected.output.empty()) {
    plan::Diagnostic warning =
        problem("GE0118", "it wrote to stdout when it was loaded: " + last_line(collected.output), library,
                "plug-ins leave stdout alone (A11); use the host's log");
    warning.severity = plan::Severity::warning;
    result.diagnostics.push_back(std::move(warning));
  }
  return result;
}

}  // namespace genie::plugin
