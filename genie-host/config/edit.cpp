// `--set pointer=value`: the document is written anew with one value replaced, so that what is decoded, and what its
// diagnostics say, is one document however it came about.
#include <fmt/format.h>

#include <charconv>

#include "genie/plan/json.hpp"
#include "run_config.hpp"

namespace genie::config {

using plan::json::Document;
using plan::json::Kind;
using plan::json::View;
using plan::json::Writer;

namespace {

plan::Diagnostic edit_error(const std::string& pointer, std::string message, std::string help) {
  plan::Diagnostic diagnostic;
  diagnostic.code = "GE0016";
  diagnostic.file = "--set";
  diagnostic.pointer = pointer;
  diagnostic.message = std::move(message);
  diagnostic.help = std::move(help);
  return diagnostic;
}

/// RFC 6901: '/'-separated keys with "~1" for '/' and "~0" for '~'. Nothing when the pointer is malformed.
std::optional<std::vector<std::string>> tokens_of(std::string_view pointer) {
  if (pointer.empty() || pointer.front() != '/') return std::nullopt;
  std::vector<std::string> tokens;
  for (std::size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] == '/') {
      tokens.emplace_back();
    } else if (pointer[i] == '~') {
      if (i + 1 >= pointer.size() || (pointer[i + 1] != '0' && pointer[i + 1] != '1')) return std::nullopt;
      tokens.back() += pointer[++i] == '0' ? '~' : '/';
    } else {
      tokens.back() += pointer[i];
    }
  }
  return tokens;
}

/// An index into a list of `size` items: "0" … "size-1", and "-" or the size itself for one more at the end.
std::optional<std::size_t> list_index(std::string_view token, std::size_t size) {
  if (token == "-") return size;
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  if (error != std::errc{} || end != token.data() + token.size() || index > size) return std::nullopt;
  return index;
}

class Rewriter {
 public:
  Rewriter(const std::vector<std::string>& tokens, std::string_view replacement)
      : tokens_(tokens), replacement_(replacement) {}

  plan::Result<std::string> rewrite(View root) {
    replace(root, 0);
    if (!problem_.empty()) return edit_error(where_, problem_, help_);
    return writer_.take();
  }

 private:
  /// What is missing on the way becomes an object, or a list where the pointer appends.
  void make(std::size_t depth) {
    if (depth == tokens_.size()) {
      writer_.raw(replacement_);
    } else if (tokens_[depth] == "-") {
      writer_.begin_array();
      make(depth + 1);
      writer_.end_array();
    } else {
      writer_.begin_object().key(tokens_[depth]);
      make(depth + 1);
      writer_.end_object();
    }
  }

  void replace(View view, std::size_t depth) {
    if (depth == tokens_.size()) {
      writer_.raw(replacement_);
    } else if (view.is(Kind::object)) {
      replace_member(view, depth);
    } else if (view.is(Kind::array)) {
      replace_item(view, depth);
    } else {
      fail(view, depth, "neither an object nor a list",
           "set a value on the way to it, or leave the pointer shorter");
    }
  }

  void replace_member(View view, std::size_t depth) {
    writer_.begin_object();
    bool found = false;
    for (const auto [key, value] : view.items()) {
      writer_.key(key);
      if (key == tokens_[depth]) {
        found = true;
        replace(value, depth + 1);
      } else {
        writer_.raw(value.canonical());
      }
    }
    if (!found) {
      writer_.key(tokens_[depth]);
      make(depth + 1);
    }
    writer_.end_object();
  }

  void replace_item(View view, std::size_t depth) {
    const auto wanted = list_index(tokens_[depth], view.size());
    if (!wanted) {
      fail(view, depth, fmt::format("a list of {}", view.size()),
           fmt::format("write an index from 0 to {}, or `-` to append", view.size()));
      return;
    }
    writer_.begin_array();
    std::size_t index = 0;
    for (const auto [key, value] : view.items()) {
      if (index++ == *wanted)
        replace(value, depth + 1);
      else
        writer_.raw(value.canonical());
    }
    if (*wanted == view.size()) make(depth + 1);
    writer_.end_array();
  }

  void fail(View view, std::size_t depth, std::string_view what, std::string help) {
    if (!problem_.empty()) return;
    where_ = view.pointer() + plan::json::pointer_token(tokens_[depth]);
    problem_ = fmt::format("`{}` cannot be set: {} is {}", tokens_[depth],
                           depth == 0 ? "the document" : view.pointer(), what);
    help_ = std::move(help);
    writer_.null();  // keeps the writer's nesting right; the text is thrown away
  }

  const std::vector<std::string>& tokens_;
  std::string_view replacement_;
  Writer writer_;
  std::string where_;
  std::string problem_;
  std::string help_;
};

/// A value that is no JSON is what its characters say: `--set /policy/options/objective=latency` needs no quotes.
std::string as_json(const std::string& value) {
  if (auto document = Document::parse(value, {.comments = true, .limits = {}}))
    return document->root().canonical();
  return Writer().value(value).take();
}

}  // namespace

plan::Result<Edit> parse_edit(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || !tokens_of(text.substr(0, equals)))
    return edit_error("", fmt::format("`{}` is not of the form POINTER=VALUE", text),
                      "write a JSON pointer and a value: --set /policy/options/objective=memory");
  return Edit{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

plan::Result<std::vector<Edit>> parse_edits(std::span<const std::string> texts) {
  std::vector<Edit> edits;
  plan::Diagnostics wrong;
  for (const std::string& text : texts) {
    auto edit = parse_edit(text);
    if (edit)
      edits.push_back(std::move(*edit));
    else
      wrong.insert(wrong.end(), edit.errors().begin(), edit.errors().end());
  }
  if (!wrong.empty()) return wrong;
  return edits;
}

plan::Result<std::string> apply_edits(std::string_view json, std::span<const Edit> edits,
                                      std::string_view file) {
  auto document = Document::parse(json, {.comments = true, .limits = {}}, file);
  if (!document) return std::move(document).errors();
  if (edits.empty()) return std::string(json);
  std::string text;
  for (const Edit& edit : edits) {
    const auto tokens = tokens_of(edit.pointer);
    if (!tokens)
      return edit_error(edit.pointer, "not a JSON pointer",
                        "a pointer is keys joined by `/`, with a `/` first: /run/repeat");
    auto rewritten = Rewriter(*tokens, as_json(edit.value)).rewrite(document->root());
    if (!rewritten) return std::move(rewritten).errors();
    text = std::move(*rewritten);
    document = Document::parse(text, {}, file);
    if (!document) return std::move(document).errors();
  }
  return text;
}

}  // namespace genie::config
