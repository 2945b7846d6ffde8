// V1's tools: read one object's members, one string, one integer, and say precisely what is wrong with it.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "genie/plan/json.hpp"
#include "genie/plan/model.hpp"
#include "genie/plan/name_table.hpp"
#include "json_numbers.hpp"

namespace genie::plan::detail {

using json::Kind;
using json::View;

/// Collects what is wrong with a document. Bounded: a broken writer makes the same mistake a million times.
class Problems {
 public:
  explicit Problems(std::string_view file) : file_(file) {}

  void add(const View& at, std::string_view code, std::string message, std::string help = {});

  [[nodiscard]] bool empty() const { return errors_.empty(); }
  /// Further ones of this level are only counted: nothing costly need be found out for their texts.
  [[nodiscard]] bool full() const;
  [[nodiscard]] std::size_t size() const { return errors_.size(); }
  /// A symbol; all expressions of a document that name it share it.
  [[nodiscard]] Expr symbol(std::string_view id);
  /// Says where in the user's model the problems from number `first` on stand.
  void locate(std::size_t first, const Node& node);
  /// Only those of the lowest level that has any (V0 before V1 before V2).
  [[nodiscard]] Diagnostics take();

 private:
  std::string file_;
  Diagnostics errors_;
  std::size_t dropped_ = 0;
  std::vector<Expr> symbols_;
  NameTable symbol_numbers_;
};

/// The members of one object, found by name. Reports a value that is no object.
class Fields {
 public:
  static constexpr std::size_t kMost = 20;

  /// `known` outlives this.
  Fields(Problems& problems, const View& object, std::span<const std::string_view> known);

  /// Null when absent; need() reports that.
  [[nodiscard]] const View* find(std::string_view key) const;
  [[nodiscard]] const View* need(std::string_view key) const;
  /// Keeps unknown members for the round trip, in key order.
  void keep_unknown(Extra& into) const;
  /// Reports unknown members with the nearest known key; those with a dot are vendors' own and kept.
  void refuse_unknown(Extra* vendors = nullptr) const;
  [[nodiscard]] bool is_object() const { return object_.is(Kind::object); }
  /// Members that are not in the list of known ones.
  [[nodiscard]] bool has_unknown() const { return is_object() && found_count_ != object_.size(); }
  [[nodiscard]] const View& view() const { return object_; }
  [[nodiscard]] Problems& problems() const { return *problems_; }

 private:
  [[nodiscard]] bool known(std::string_view key) const;
  [[nodiscard]] const View* found(std::size_t i) const {
    return (present_ >> i & 1) == 0 ? nullptr : &found_[i];
  }

  Problems* problems_;
  View object_;
  std::span<const std::string_view> known_;
  std::size_t found_count_ = 0;
  mutable std::size_t asked_ =
      0;                       ///< known key that is probably asked for next: they are in the order of use
  std::uint32_t present_ = 0;  ///< bit i: the known key i is there
  union {
    std::array<View, kMost> found_;  // only those present; most objects have few
  };
};

/// Reports a value of another kind; true when it is right.
bool expect(Problems& problems, const View& view, Kind kind);

// Each returns the value, or reports and returns an empty one.
[[nodiscard]] std::string read_text(Problems& problems, const View& view);
/// Not empty.
[[nodiscard]] std::string read_id(Problems& problems, const View& view);
[[nodiscard]] bool read_boolean(Problems& problems, const View& view);
[[nodiscard]] std::int64_t read_integer(Problems& problems, const View& view,
                                        std::int64_t least = -json::kLargestInteger,
                                        std::int64_t most = json::kLargestInteger);
[[nodiscard]] std::uint64_t read_count(Problems& problems, const View& view);
[[nodiscard]] double read_real(Problems& problems, const View& view, double least, double most);
/// One of a closed set.
[[nodiscard]] std::string read_choice(Problems& problems, const View& view,
                                      std::span<const std::string_view> choices);
/// "sha256:" and 64 hex digits.
[[nodiscard]] std::string read_digest(Problems& problems, const View& view);
[[nodiscard]] bool is_digest(std::string_view text);
/// Reports a key that is no digest.
void check_digest_key(Problems& problems, const json::Member& member);
/// Reports an empty key.
void check_id_key(Problems& problems, const json::Member& member);
[[nodiscard]] DType read_dtype(Problems& problems, const View& view);
[[nodiscard]] std::vector<std::string> read_ids(Problems& problems, const View& view);

/// f(item view) for an array's items.
template <class F>
void each_item(Problems& problems, const View& view, F&& f) {
  if (!expect(problems, view, Kind::array)) return;
  for (const auto& [key, item] : view.items())
    f(item);
}

/// f(member) for an object's members.
template <class F>
void each_member(Problems& problems, const View& view, F&& f) {
  if (!expect(problems, view, Kind::object)) return;
  for (const json::Member& member : view.items())
    f(member);
}

/// A table of named things: read(view) → T.
template <class T, class Map, class Read>
void read_table(Problems& problems, const View& view, Map& into, Read&& read) {
  each_member(problems, view, [&](const json::Member& member) {
    check_id_key(problems, member);
    into.emplace_hint(into.end(), std::string(member.key), read(member.value));
  });
}

/// The same where a thing is large: read(view, T&) fills it where it stays.
template <class T, class Map, class Read>
void read_table_in_place(Problems& problems, const View& view, Map& into, Read&& read) {
  each_member(problems, view, [&](const json::Member& member) {
    check_id_key(problems, member);
    T& made = into.try_emplace(into.end(), std::string(member.key))->second;
    read(member.value, made);
  });
}

template <class T, class List = std::vector<T>, class Read>
[[nodiscard]] List read_list(Problems& problems, const View& view, Read&& read) {
  List list;
  if (!expect(problems, view, Kind::array)) return list;
  list.reserve(view.size());
  for (const auto& [key, item] : view.items())
    list.push_back(read(item));
  return list;
}

}  // namespace genie::plan::detail
