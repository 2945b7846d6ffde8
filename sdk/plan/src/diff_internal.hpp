// The parts of plan diff.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "codec_parts.hpp"
#include "genie/plan/diff.hpp"

namespace genie::plan::detail {

/// What was or is there: exactly, and as a person says it.
struct Said {
  std::string exact;
  std::string words;
};
[[nodiscard]] Said said(const Arg& argument);
[[nodiscard]] Said said_ns(std::uint64_t ns);
[[nodiscard]] Said said_bytes(std::uint64_t bytes);
[[nodiscard]] Said said_digest(const std::string& digest);
/// Two texts that differ, each as long as a line bears, cut so that the difference is seen.
[[nodiscard]] std::pair<std::string, std::string> shown(const std::string& before, const std::string& after);
/// "a, b, c and 4 more".
[[nodiscard]] std::string listed(const std::vector<std::string>& items);

/// The changes found so far, in order.
class Changes {
 public:
  void add(std::string_view kind, std::string subject, std::string before, std::string after,
           std::string text);
  /// "SUBJECT changed from BEFORE to AFTER".
  void changed(std::string_view kind, std::string subject, std::string what, std::string before,
               std::string after);
  /// The same in words; exactly where both have the same words.
  void changed(std::string_view kind, std::string subject, const std::string& what, Said before, Said after);
  [[nodiscard]] std::size_t size() const { return list_.size(); }
  [[nodiscard]] std::vector<Change> take() { return std::move(list_); }

 private:
  std::vector<Change> list_;
};

/// Canonical text of one part, as write(writer, part) writes it.
template <class T, class Write>
[[nodiscard]] std::string written(const T& part, Write&& write) {
  json::Writer writer;
  write(writer, part);
  return writer.take();
}

/// Unknown keys as one text, to compare.
[[nodiscard]] std::string written(const Extra& extra);

/// Adds a change of this kind when the two texts differ.
void compare_text(Changes& changes, std::string_view kind, const std::string& subject,
                  const std::string& what, const std::string& before, const std::string& after);

/// Entries added, removed and changed, by name: changed(name, before, after).
template <class T, class Write, class OnChange>
void compare_tables(Changes& changes, const std::string& noun, const std::string& base, const Table<T>& a,
                    const Table<T>& b, Write&& write, OnChange&& on_change) {
  for (const auto& [name, item] : a) {
    const auto other = b.find(name);
    if (other == b.end())
      changes.add(noun + "-removed", base + json::pointer_token(name), written(item, write), "",
                  noun + " " + name + " removed");
    else if (written(item, write) != written(other->second, write))
      on_change(name, item, other->second);
  }
  for (const auto& [name, item] : b)
    if (!a.contains(name))
      changes.add(noun + "-added", base + json::pointer_token(name), "", written(item, write),
                  noun + " " + name + " added");
}

/// Which node of one graph is which of the other. Numbers of the first graph's nodes to the second's, or kNone.
struct Alignment {
  std::vector<std::uint32_t> to_b;
  std::vector<std::uint32_t> to_a;
};
/// By what nodes do and where they stand, so that an inserted node does not make all later ones differ.
[[nodiscard]] Alignment align(const Graph& a, const Graph& b);

/// Names of the first graph's values and nodes in the second.
struct Renaming {
  std::unordered_map<std::string_view, std::string_view> values;
  std::unordered_map<std::string_view, std::string_view> nodes;
  [[nodiscard]] std::string_view value(std::string_view id) const {
    const auto found = values.find(id);
    return found == values.end() ? id : found->second;
  }
  [[nodiscard]] std::string_view node(std::string_view id) const {
    const auto found = nodes.find(id);
    return found == nodes.end() ? id : found->second;
  }
};
[[nodiscard]] Renaming renaming(const Graph& a, const Graph& b, const Alignment& alignment);

/// Inputs, outputs, values, nodes, writes of one graph; `base` is its pointer.
void diff_graphs(Changes& changes, const std::string& base, const Graph& a, const Graph& b);

/// Placement, stages, transfers, predictions of one method.
void diff_method_schedules(Changes& changes, const std::string& name, const Method& method_a,
                           const Method& method_b, const MethodSchedule& a, const MethodSchedule& b);
/// The rest of the schedule.
void diff_schedules(Changes& changes, const Schedule& a, const Schedule& b);

}  // namespace genie::plan::detail
