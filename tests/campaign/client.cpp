// Runs configurations as a program does that embeds Genie, many in one process, and says where it is.
//
// A line on standard input is a list, separated by tabs: phases to stop at (joined by commas, or -), then configurations, which
// run at once, each in a thread. Answers on standard output: "at PHASE", then it waits for a line; "end NUMBER CODE DIAGNOSTICS"
// for each; "done" when all are. Phases: connect, upload, close.
#include <algorithm>
#include <iostream>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "genie/libgenie.h"

namespace {

class Console {
 public:
  void say(const std::string& line) {
    const std::lock_guard lock(mutex_);
    std::cout << line << std::endl;
  }
  /// Says where it is and waits for a line, if that was asked for.
  void stop(const std::vector<std::string>& phases, const std::string& phase) {
    const std::lock_guard lock(mutex_);
    if (std::find(phases.begin(), phases.end(), phase) == phases.end()) return;
    std::cout << "at\t" << phase << std::endl;
    std::string line;
    std::getline(std::cin, line);
  }

 private:
  std::mutex mutex_;  // of both streams: one thread at a time talks
};

struct Run {
  Console& console;
  const std::vector<std::string>& phases;
  bool uploading = false;
};

void on_progress(void* ctx, std::uint64_t, std::uint64_t, genie_str what) noexcept {
  Run& run = *static_cast<Run*>(ctx);
  if (run.uploading || !std::string_view(what.data, what.size).starts_with("sending weights")) return;
  run.uploading = true;
  run.console.stop(run.phases, "upload");
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

void run_one(Console& console, const std::vector<std::string>& phases, std::size_t number,
             const std::string& config) {
  Run run{console, phases};
  genie_engine_options options{};
  options.struct_size = sizeof options;
  options.config_file = config.c_str();
  options.log_level = GENIE_LOG_ERROR;
  options.progress = on_progress;
  options.ctx = &run;
  genie_engine* engine = nullptr;
  genie_error* error = genie_engine_create(&options, &engine);
  console.stop(phases, "connect");
  if (error == nullptr) error = genie_engine_run_config(engine, nullptr);
  console.stop(phases, "close");
  genie_engine_destroy(engine);
  std::string end = "end\t" + std::to_string(number) + "\t";
  end += error == nullptr
             ? "0\t[]"
             : std::to_string(genie_error_exit_code(error)) + "\t" + one_line(genie_error_diagnostics(error));
  genie_error_free(error);
  console.say(end);
}

}  // namespace

int main() {
  Console console;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::vector<std::string> words, phases;
    std::istringstream stream(line);
    for (std::string word; std::getline(stream, word, '\t');)
      words.push_back(word);
    if (words.size() < 2) {
      std::cerr << "a line is phases and configurations\n";
      return 2;
    }
    std::istringstream listed(words[0]);
    for (std::string phase; std::getline(listed, phase, ',');)
      phases.push_back(phase);
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < words.size(); ++i)
      threads.emplace_back([&, i] { run_one(console, phases, i - 1, words[i]); });
    threads.clear();
    console.say("done");
  }
}
