// Reads the JSON objects that options are: both ends of the transport refuse the same mistakes with the same words.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "genie/cpp/core.hpp"
#include "genie/plan/json.hpp"
#include "net/tls.hpp"

namespace genie::remote {

/// What `provider` may be: data paths by name, as datapath::choose takes them.
inline constexpr std::array<std::string_view, 6> kProviders = {"auto", "arena", "verbs", "net", "tcp", "shm"};

class OptionsReader {
 public:
  OptionsReader(plan::json::View root, std::initializer_list<std::string_view> known);

  void text(std::string_view key, std::string& into);
  void integer(std::string_view key, std::uint64_t& into, std::uint64_t min, std::uint64_t max);
  void texts(std::string_view key, std::vector<std::string>& into);
  /// One of these words, or the one that is there already.
  void word(std::string_view key, std::string& into, std::span<const std::string_view> words);
  void word(std::string_view key, std::string& into, std::initializer_list<std::string_view> words) {
    word(key, into, std::span(words.begin(), words.size()));
  }
  /// An object with these keys, read by `read` when it is there.
  void object(std::string_view key, std::initializer_list<std::string_view> known,
              const std::function<void(OptionsReader&)>& read);
  void keys(Keys& into);
  void reject(std::string_view key, std::string message, std::string help);
  [[nodiscard]] bool has(std::string_view key) const { return root_.find(key).has_value(); }
  /// The first thing that is wrong.
  [[nodiscard]] const std::optional<genie::Error>& error() const { return error_; }

 private:
  std::optional<plan::json::View> of_kind(std::string_view key, plan::json::Kind kind,
                                          std::string_view words);
  plan::json::View root_;
  std::optional<genie::Error> error_;
};

}  // namespace genie::remote
