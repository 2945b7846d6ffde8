// Canonical objects: members in key order, unknown ones in their places.
#pragma once

#include <algorithm>
#include <cassert>
#include <string_view>

#include "genie/plan/json.hpp"
#include "genie/plan/model.hpp"
#include "utf8.hpp"

namespace genie::plan::detail {

/// Writes one object. key() is called in ascending order; unknown members slip in where they belong.
class ObjectWriter {
 public:
  explicit ObjectWriter(json::Writer& writer, const Extra* extra = nullptr) : writer_(writer) {
    if (extra != nullptr) next_ = extra->begin(), end_ = extra->end();
    writer_.begin_object();
  }
  ObjectWriter(const ObjectWriter&) = delete;
  ObjectWriter& operator=(const ObjectWriter&) = delete;
  ~ObjectWriter() {
    for (; next_ != end_; ++next_)
      write_extra();
    writer_.end_object();
  }

  json::Writer& key(std::string_view name) {
    assert(last_.empty() || utf16_less(last_, name));
    last_ = name;
    for (; next_ != end_ && utf16_less(next_->first, name); ++next_)
      write_extra();
    return writer_.key(name);
  }

  void text_unless_empty(std::string_view name, std::string_view text) {
    if (!text.empty()) key(name).value(text);
  }

 private:
  void write_extra() { writer_.key(next_->first).raw(next_->second); }

  json::Writer& writer_;
  Extra::const_iterator next_{};
  Extra::const_iterator end_{};
  std::string_view last_;
};

/// f(key, value) over a table in the order of RFC 8785, which differs from the table's only beyond U+D7FF.
template <class T, class F>
void each_sorted(const std::map<std::string, T, std::less<>>& table, F&& f) {
  std::vector<const std::pair<const std::string, T>*> entries;
  entries.reserve(table.size());
  for (const auto& entry : table)
    entries.push_back(&entry);
  const auto before = [](const auto* a, const auto* b) { return utf16_less(a->first, b->first); };
  if (!std::is_sorted(entries.begin(), entries.end(), before))
    std::sort(entries.begin(), entries.end(), before);
  for (const auto* entry : entries)
    f(entry->first, entry->second);
}

/// A table as an object: write(value).
template <class T, class F>
void write_table(json::Writer& writer, const std::map<std::string, T, std::less<>>& table, F&& write) {
  ObjectWriter object(writer);
  each_sorted(table, [&](const std::string& key, const T& value) {
    object.key(key);
    write(value);
  });
}

inline void write_ids(json::Writer& writer, const std::vector<std::string>& ids) {
  writer.begin_array();
  for (const std::string& id : ids)
    writer.value(id);
  writer.end_array();
}

}  // namespace genie::plan::detail
