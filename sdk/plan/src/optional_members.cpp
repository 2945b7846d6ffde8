#include "genie/plan/optional_members.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "codec_parts.hpp"
#include "optional_keys.hpp"

namespace genie::plan {

Arg detail::read_number(Problems& problems, const View& view) {
  if (view.is(Kind::object) && view.size() == 1) {
    const std::string_view tag = (*view.items().begin()).key;
    if (tag == "int" || tag == "float" || tag == "bool") {
      Arg number;
      read_arg(problems, view, number);
      return number;
    }
  }
  problems.add(view, "GE0320", "expected {\"int\": …}, {\"float\": …} or {\"bool\": …}");
  return {};
}

namespace {

const std::string* find(const Extra& extra, std::string_view key) {
  const auto at =
      std::find_if(extra.begin(), extra.end(), [&](const auto& entry) { return entry.first == key; });
  return at == extra.end() ? nullptr : &at->second;
}

/// Keeps the keys in order, as the canonical form has them.
void put(Extra& extra, std::string_view key, std::string text) {
  const auto at =
      std::lower_bound(extra.begin(), extra.end(), key,
                       [](const auto& entry, std::string_view wanted) { return entry.first < wanted; });
  if (at != extra.end() && at->first == key)
    at->second = std::move(text);
  else
    extra.emplace(at, std::string(key), std::move(text));
}

}  // namespace

std::optional<std::uint64_t> rng_stream(const Node& node) {
  const std::string* text = find(node.extra, detail::kRngStream);
  if (text == nullptr) return std::nullopt;
  const auto document = json::Document::parse(*text);
  if (!document) return std::nullopt;
  detail::Problems problems("");
  const std::int64_t stream = detail::read_integer(problems, document->root(), 0);
  return problems.empty() ? std::optional(static_cast<std::uint64_t>(stream)) : std::nullopt;
}

void set_rng_stream(Node& node, std::uint64_t stream) {
  put(node.extra, detail::kRngStream, std::to_string(stream));
}

std::optional<Arg> constant(const Port& input) {
  const std::string* text = find(input.extra, detail::kConstant);
  if (text == nullptr) return std::nullopt;
  const auto document = json::Document::parse(*text);
  if (!document) return std::nullopt;
  detail::Problems problems("");
  Arg number = detail::read_number(problems, document->root());
  return problems.empty() ? std::optional(std::move(number)) : std::nullopt;
}

void set_constant(Port& input, const Arg& number) {
  json::Writer writer;
  detail::write_arg(writer, number);
  put(input.extra, detail::kConstant, writer.take());
}

bool requires_grad(const Port& input) {
  const std::string* text = find(input.extra, detail::kRequiresGrad);
  return text != nullptr && *text == "true";
}

void set_requires_grad(Port& input) {
  put(input.extra, detail::kRequiresGrad, "true");
}

}  // namespace genie::plan
