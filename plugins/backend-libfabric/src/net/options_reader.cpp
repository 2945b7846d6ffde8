#include "net/options_reader.hpp"

#include <algorithm>

#include "genie/exec/budget.hpp"

namespace genie::remote {

using plan::json::Kind;
using plan::json::View;

OptionsReader::OptionsReader(View root, std::initializer_list<std::string_view> known) : root_(root) {
  const std::vector<std::string_view> names(known);
  if (!root.is(Kind::object)) {
    reject("", "the options are no object", "write {}");
    return;
  }
  for (const auto& [key, value] : root.items())
    if (std::ranges::find(names, key) == names.end()) {
      const std::string_view near = plan::json::nearest(key, names);
      std::string all;
      for (const std::string_view name : names)
        all += (all.empty() ? "" : ", ") + std::string(name);
      reject(key, "it is unknown",
             near.empty() ? "known are " + all : "did you mean `" + std::string(near) + "`?");
    }
}

void OptionsReader::reject(std::string_view key, std::string message, std::string help) {
  if (!error_)
    error_ = exec::problem(GENIE_INVALID_ARGUMENT, "GE0800", "option `" + std::string(key) + "`: " + message,
                           std::move(help));
}

std::optional<View> OptionsReader::of_kind(std::string_view key, Kind kind, std::string_view words) {
  if (!root_.is(Kind::object)) return std::nullopt;
  const auto value = root_.find(key);
  if (!value) return std::nullopt;
  if (value->is(kind)) return value;
  reject(key, "it must be " + std::string(words), "write " + std::string(words));
  return std::nullopt;
}

void OptionsReader::text(std::string_view key, std::string& into) {
  if (const auto value = of_kind(key, Kind::string, "a text")) into = value->string();
}

void OptionsReader::integer(std::string_view key, std::uint64_t& into, std::uint64_t min, std::uint64_t max) {
  const auto value = of_kind(key, Kind::integer, "a whole number");
  if (!value) return;
  const std::int64_t number = value->integer();
  if (number < 0 || static_cast<std::uint64_t>(number) < min || static_cast<std::uint64_t>(number) > max)
    return reject(key, std::to_string(number) + " is out of range",
                  "write a number from " + std::to_string(min) + " to " + std::to_string(max));
  into = static_cast<std::uint64_t>(number);
}

void OptionsReader::texts(std::string_view key, std::vector<std::string>& into) {
  const auto value = of_kind(key, Kind::array, "a list of texts");
  if (!value) return;
  for (const auto& [index, item] : value->items()) {
    if (!item.is(Kind::string)) return reject(key, "it must be a list of texts", "write [\"…\"]");
    into.emplace_back(item.string());
  }
}

void OptionsReader::word(std::string_view key, std::string& into, std::span<const std::string_view> words) {
  std::string given = into;
  text(key, given);
  if (std::ranges::find(words, given) == words.end()) {
    std::string all;
    for (const std::string_view word : words)
      all += (all.empty() ? "" : ", ") + std::string(word);
    return reject(key, "`" + given + "` is not one of its words", "write one of " + all);
  }
  into = given;
}

void OptionsReader::object(std::string_view key, std::initializer_list<std::string_view> known,
                           const std::function<void(OptionsReader&)>& read) {
  const auto value = of_kind(key, Kind::object, "an object");
  if (!value) return;
  OptionsReader reader(*value, known);
  if (!reader.error_) read(reader);
  if (reader.error_ && !error_) error_ = reader.error_;
}

void OptionsReader::keys(Keys& into) {
  object("keys", {"ca", "cert", "key"}, [&](OptionsReader& reader) {
    reader.text("ca", into.ca);
    reader.text("cert", into.certificate);
    reader.text("key", into.key);
    if (into.ca.empty() || into.certificate.empty() || into.key.empty())
      reader.reject("keys", "it names not all three files", R"(write {"ca": "…", "cert": "…", "key": "…"})");
  });
}

}  // namespace genie::remote
