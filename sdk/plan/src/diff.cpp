// What changed between two plans.
#include "genie/plan/diff.hpp"

#include <algorithm>
#include <set>

#include "diff_internal.hpp"
#include "genie/plan/codec.hpp"
#include "messages.hpp"

namespace genie::plan {

using namespace detail;

namespace {

template <class T>
std::string list_text(const std::vector<T>& shape) {
  std::string text;
  for (const T& size : shape)
    text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

/// dtype and shape first, because they are what a person looks for; whatever else differs, as a whole.
template <class T, class Write>
void diff_tensor(Changes& changes, const std::string& noun, const std::string& base, const std::string& name,
                 T a, const T& b, Write&& write) {
  const std::string subject = base + json::pointer_token(name);
  const std::string who = noun + " " + name;
  compare_text(changes, "dtype-changed", subject, who + ": dtype", std::string(plan::name(a.dtype)),
               std::string(plan::name(b.dtype)));
  compare_text(changes, "shape-changed", subject, who + ": shape", list_text(a.shape), list_text(b.shape));
  const bool contiguous =
      a.strides == contiguous_strides_of(a.shape) && b.strides == contiguous_strides_of(b.shape);
  if (!contiguous)
    compare_text(changes, "strides-changed", subject, who + ": strides", list_text(a.strides),
                 list_text(b.strides));
  a.dtype = b.dtype;
  a.shape = b.shape;
  a.strides = b.strides;
  compare_text(changes, noun + "-changed", subject, who, written(a, write), written(b, write));
}

void diff_symbol(Changes& changes, const std::string& id, const Symbol& a, const Symbol& b) {
  const auto compare = [&](const char* what, const std::string& before, const std::string& after) {
    compare_text(changes, "symbol-changed", "/symbols" + json::pointer_token(id),
                 "symbol " + id + ": " + what, before, after);
  };
  const auto bound = [](const std::optional<std::int64_t>& size) {
    return size ? std::to_string(*size) : std::string();
  };
  compare("name", a.name.value_or(""), b.name.value_or(""));
  compare("smallest size", bound(a.min), bound(b.min));
  compare("largest size", bound(a.max), bound(b.max));
  const auto rest = [](Symbol symbol) {
    symbol.name.reset();
    symbol.min.reset();
    symbol.max.reset();
    return written(symbol, write_symbol);
  };
  compare("where it comes from", rest(a), rest(b));
}

void diff_weights(Changes& changes, const Plan& a, const Plan& b) {
  compare_tables(changes, "weight", "/weights", a.weights, b.weights, write_weight,
                 [&](const std::string& name, Weight x, const Weight& y) {
                   if (x.blob != y.blob)
                     changes.changed("content-changed", "/weights" + json::pointer_token(name),
                                     "weight " + name + ": content", said_digest(x.blob),
                                     said_digest(y.blob));
                   x.blob = y.blob;
                   diff_tensor(changes, "weight", "/weights", name, x, y, write_weight);
                 });
}

void diff_producer(Changes& changes, const Producer& a, const Producer& b) {
  const auto compare = [&](const std::string& what, const std::string& before, const std::string& after) {
    compare_text(changes, "producer-changed", "/producer", what, before, after);
  };
  compare("producer", a.plugin + " " + a.version, b.plugin + " " + b.version);
  const Producer::Source x = a.source.value_or(Producer::Source{});
  const Producer::Source y = b.source.value_or(Producer::Source{});
  compare("framework", x.framework + " " + x.framework_version, y.framework + " " + y.framework_version);
  if (x.digest != y.digest)
    changes.changed("source-changed", "/producer/source/digest", "source file", said_digest(x.digest),
                    said_digest(y.digest));
  const auto rest = [](Producer producer) {
    producer.plugin.clear();
    producer.version.clear();
    if (producer.source) producer.source = Producer::Source{{}, {}, {}, producer.source->extra};
    return written(producer, write_producer);
  };
  compare("producer: other keys", rest(a), rest(b));
}

void diff_header(Changes& changes, const Plan& a, const Plan& b) {
  compare_text(changes, "version-changed", "/version", "plan version", written(a.version, write_version),
               written(b.version, write_version));
  compare_text(changes, "stage-changed", "/stage", "plan", a.stage, b.stage);
  diff_producer(changes, a.producer, b.producer);
  compare_text(changes, "requires-changed", "/requires", "required features", joined(a.required),
               joined(b.required));
  const auto opsets = [](const Plan& plan) {
    return written(plan.opsets, [](json::Writer& w, const auto& table) {
      write_table(w, table, [&](int version) { w.value(version); });
    });
  };
  compare_text(changes, "opsets-changed", "/opsets", "op sets", opsets(a), opsets(b));
  compare_text(changes, "extensions-changed", "/extensions", "extensions", a.extensions, b.extensions);
  compare_text(changes, "plan-changed", "", "unknown keys", written(a.extra), written(b.extra));
}

/// Blobs of the first plan that a change of a weight tells about.
std::set<std::string_view> told_by_weights(const Plan& plan, const Plan& other) {
  std::set<std::string_view> told;
  for (const auto& [name, weight] : plan.weights) {
    const auto same = other.weights.find(name);
    if (same == other.weights.end() || same->second.blob != weight.blob) told.insert(weight.blob);
  }
  return told;
}

/// Contents come and go with weights: only what no weight tells.
void diff_blobs(Changes& changes, const Plan& a, const Plan& b) {
  const auto untold = [](const Plan& plan, const Plan& other) {
    Table<Blob> blobs = plan.blobs;
    const std::set<std::string_view> told = told_by_weights(plan, other);
    std::erase_if(blobs, [&](const auto& blob) {
      return !other.blobs.contains(blob.first) && told.contains(blob.first);
    });
    return blobs;
  };
  compare_tables(changes, "blob", "/blobs", untold(a, b), untold(b, a), write_blob,
                 [&](const std::string& digest, const Blob& x, const Blob& y) {
                   changes.changed("blob-changed", "/blobs" + json::pointer_token(digest), "blob " + digest,
                                   written(x, write_blob), written(y, write_blob));
                 });
}

void diff_tables(Changes& changes, const Plan& a, const Plan& b) {
  const auto whole = [&](const char* noun, const std::string& base, auto write) {
    return [&changes, noun, base, write](const std::string& name, const auto& x, const auto& y) {
      changes.changed(std::string(noun) + "-changed", base + json::pointer_token(name),
                      std::string(noun) + " " + name, written(x, write), written(y, write));
    };
  };
  compare_tables(
      changes, "symbol", "/symbols", a.symbols, b.symbols, write_symbol,
      [&](const std::string& id, const Symbol& x, const Symbol& y) { diff_symbol(changes, id, x, y); });
  diff_blobs(changes, a, b);
  diff_weights(changes, a, b);
  compare_tables(changes, "state", "/states", a.states, b.states, write_state,
                 [&](const std::string& name, const State& x, const State& y) {
                   diff_tensor(changes, "state", "/states", name, x, y, write_state);
                 });

  Table<Constraint> left;
  Table<Constraint> right;
  for (const Constraint& constraint : a.constraints)
    left[constraint.id] = constraint;
  for (const Constraint& constraint : b.constraints)
    right[constraint.id] = constraint;
  compare_tables(changes, "constraint", "/constraints", left, right, write_constraint,
                 whole("constraint", "/constraints", write_constraint));
  const auto order = [](const Plan& plan) {
    std::vector<std::string> ids;
    for (const Constraint& constraint : plan.constraints)
      ids.push_back(constraint.id);
    return ids;
  };
  if (left.size() == right.size() &&
      std::equal(left.begin(), left.end(), right.begin(),
                 [](const auto& x, const auto& y) { return x.first == y.first; }))
    compare_text(changes, "constraints-reordered", "/constraints", "order of constraints", joined(order(a)),
                 joined(order(b)));
}

void diff_guards(Changes& changes, const Plan& a, const Plan& b) {
  const auto texts = [](const Plan& plan) {
    std::vector<std::string> all;
    for (const Guard& guard : plan.guards)
      all.push_back(written(guard, write_guard));
    return all;
  };
  const std::vector<std::string> left = texts(a);
  const std::vector<std::string> right = texts(b);
  const std::size_t before = changes.size();
  for (std::size_t i = 0; i < left.size(); ++i)
    if (std::find(right.begin(), right.end(), left[i]) == right.end())
      changes.add("guard-removed", "/guards/" + std::to_string(i), left[i], "",
                  "guard removed: " + a.guards[i].text);
  for (std::size_t i = 0; i < right.size(); ++i)
    if (std::find(left.begin(), left.end(), right[i]) == left.end())
      changes.add("guard-added", "/guards/" + std::to_string(i), "", right[i],
                  "guard added: " + b.guards[i].text);
  if (changes.size() == before)
    compare_text(changes, "guards-reordered", "/guards", "order of guards", joined(left), joined(right));
}

void diff_methods(Changes& changes, const Plan& a, const Plan& b) {
  for (const auto& [name, method] : a.methods)
    if (!b.methods.contains(name))
      changes.add("method-removed", "/methods" + json::pointer_token(name), name, "",
                  "method " + name + " removed");
  for (const auto& [name, method] : b.methods) {
    const std::string base = "/methods" + json::pointer_token(name);
    const auto other = a.methods.find(name);
    if (other == a.methods.end()) {
      changes.add("method-added", base, "", name,
                  "method " + name + " added (" + std::to_string(method.nodes.size()) + " nodes)");
      continue;
    }
    diff_graphs(changes, base, other->second, method);
    compare_tables(changes, "sub-graph", base + "/graphs", other->second.graphs, method.graphs, write_graph,
                   [&](const std::string& id, const Graph& x, const Graph& y) {
                     diff_graphs(changes, base + "/graphs" + json::pointer_token(id), x, y);
                   });
    if (!a.schedule || !b.schedule) continue;
    const auto x = a.schedule->methods.find(name);
    const auto y = b.schedule->methods.find(name);
    if (x != a.schedule->methods.end() && y != b.schedule->methods.end())
      diff_method_schedules(changes, name, other->second, method, x->second, y->second);
  }
}

/// The last resort: the first places where two documents differ, by pointer alone.
void diff_documents(Changes& changes, const json::View& a, const json::View& b) {
  const bool arrays = a.is(Kind::array) && b.is(Kind::array) && a.size() == b.size();
  if (arrays) {
    auto y = b.items().begin();
    for (const auto& [key, item] : a.items()) {
      diff_documents(changes, item, (*y).value);
      ++y;
    }
  } else if (a.is(Kind::object) && b.is(Kind::object)) {
    for (const auto& [key, value] : a.items()) {
      if (const auto other = b.find(key))
        diff_documents(changes, value, *other);
      else
        changes.add("removed", value.pointer(), value.canonical(), "", value.pointer() + " removed");
    }
    for (const auto& [key, value] : b.items())
      if (!a.find(key))
        changes.add("added", value.pointer(), "", value.canonical(), value.pointer() + " added");
  } else if (std::string x = a.canonical(), y = b.canonical(); x != y) {
    changes.changed("changed", b.pointer(), b.pointer(), std::move(x), std::move(y));
  }
}

}  // namespace

namespace detail {

void Changes::add(std::string_view kind, std::string subject, std::string before, std::string after,
                  std::string text) {
  list_.push_back(
      {std::string(kind), std::move(subject), std::move(before), std::move(after), std::move(text)});
}

void Changes::changed(std::string_view kind, std::string subject, std::string what, std::string before,
                      std::string after) {
  Said x{before, before};
  Said y{after, after};
  changed(kind, std::move(subject), what, std::move(x), std::move(y));
}

void Changes::changed(std::string_view kind, std::string subject, const std::string& what, Said before,
                      Said after) {
  const bool told = before.words != after.words;
  const auto [from, to] = told ? shown(before.words, after.words) : shown(before.exact, after.exact);
  std::string text = what + " changed from " + from + " to " + to;
  add(kind, std::move(subject), std::move(before.exact), std::move(after.exact), std::move(text));
}

std::string written(const Extra& extra) {
  if (extra.empty()) return {};
  json::Writer writer;
  { const ObjectWriter object(writer, &extra); }
  return writer.take();
}

void compare_text(Changes& changes, std::string_view kind, const std::string& subject,
                  const std::string& what, const std::string& before, const std::string& after) {
  if (before != after) changes.changed(kind, subject, what, before, after);
}

}  // namespace detail

std::vector<Change> diff(const Plan& a, const Plan& b) {
  const std::string left = encode(a);
  const std::string right = encode(b);
  if (left == right) return {};
  Changes changes;
  diff_header(changes, a, b);
  diff_tables(changes, a, b);
  diff_guards(changes, a, b);
  diff_methods(changes, a, b);
  if (a.schedule && b.schedule) diff_schedules(changes, *a.schedule, *b.schedule);
  if (changes.size() == 0) {
    const auto x = json::Document::parse(left);
    const auto y = json::Document::parse(right);
    if (x && y) diff_documents(changes, x->root(), y->root());
  }
  return changes.take();
}

}  // namespace genie::plan
