#include "torch/tree.hpp"

#include <cctype>
#include <optional>

#include "torch/json_cursor.hpp"

namespace genie::pytorch {
namespace {

using plan::json::Document;
using plan::json::Kind;
using plan::json::View;

/// A key of a dict as a name. Keys that are no strings or integers are named by their JSON text.
std::string key_name(const View& key) {
  if (key.is(Kind::string)) return std::string(key.string());
  return key.canonical();
}

std::vector<std::string> names_in(const View& array) {
  std::vector<std::string> names;
  for (const auto& [unused, item] : array.items())
    names.push_back(key_name(item));
  return names;
}

/// Child names from a node's context. Contexts are whatever a type registers: most are a JSON text with the keys, for
/// dataclasses [fields, fields that are None], for namedtuples the type's name. Anything else counts its children.
std::vector<std::string> child_names(std::string_view type, const View& context, std::size_t count,
                                     const NamedtupleFields& fields) {
  std::vector<std::string> names;
  if (type == "collections.namedtuple" && context.is(Kind::string)) {
    if (const auto known = fields.find(context.string()); known != fields.end()) names = known->second;
  } else if (context.is(Kind::object)) {
    if (const auto keys = context.find("dict_context"); keys && keys->is(Kind::array))
      names = names_in(*keys);
  } else if (context.is(Kind::string)) {
    const auto document = Document::parse(context.string());
    if (document && document->root().is(Kind::array)) {
      const View keys = document->root();
      names = names_in(keys);
      if (names.size() != count && keys.size() == 2) {
        const View first = (*keys.items().begin()).value;
        if (first.is(Kind::array)) names = names_in(first);
      } else if (count == 2 && keys.size() == 2 && (*keys.items().begin()).value.is(Kind::array)) {
        names = names_in((*keys.items().begin()).value);
      }
    }
  }
  if (names.size() == count) return names;
  names.clear();
  for (std::size_t i = 0; i < count; ++i)
    names.push_back(std::to_string(i));
  return names;
}

Tree read_node(JsonCursor& cursor, const View& view, const NamedtupleFields& fields) {
  Tree tree;
  const auto type = cursor.optional_member(view, "type");
  if (!type) return tree;
  tree.type = cursor.text(*type);
  const auto children = cursor.member(view, "children_spec");
  const auto context = cursor.member(view, "context");
  if (!children || !context || !cursor.is_array(*children)) return tree;
  tree.names = child_names(tree.type, *context, children->size(), fields);
  for (const auto& [unused, child] : children->items()) {
    tree.children.push_back(read_node(cursor, child, fields));
    if (cursor.failed()) break;
  }
  return tree;
}

void collect_leaves(const Tree& tree, const std::string& path, std::vector<std::string>& into) {
  if (tree.is_leaf()) into.push_back(path);
  for (std::size_t i = 0; i < tree.children.size(); ++i)
    collect_leaves(tree.children[i], path.empty() ? tree.names[i] : path + "." + tree.names[i], into);
}

/// The subscript or attribute that leads from a container to its child.
std::string step(const Tree& tree, std::size_t child) {
  const std::string& name = tree.names[child];
  if (tree.type == "builtins.tuple" || tree.type == "builtins.list" || tree.type == "collections.deque")
    return "[" + name + "]";
  if (tree.type.find("dict") != std::string::npos || tree.type.find("Dict") != std::string::npos)
    return "['" + name + "']";
  return "." + name;
}

void collect_paths(const Tree& tree, const std::string& path, std::vector<std::string>& into) {
  if (tree.is_leaf()) into.push_back(path);
  for (std::size_t i = 0; i < tree.children.size(); ++i)
    collect_paths(tree.children[i], path + step(tree, i), into);
}

}  // namespace

Result<Tree> parse_tree(std::string_view text, const NamedtupleFields& fields, std::string_view file) {
  auto document = Document::parse(text, {}, file);
  if (!document) return std::move(document).errors();
  JsonCursor cursor{std::string(file), "treespec"};
  const View root = document->root();
  Tree tree;
  if (cursor.is_array(root)) {
    // [version, spec]: only version 1 was ever written.
    if (root.size() != 2) {
      cursor.fail(root, "a treespec has a version and a specification");
    } else {
      auto item = root.items().begin();
      if (cursor.integer((*item).value) != 1) cursor.fail(root, "the treespec's version is not 1");
      ++item;
      if (!cursor.failed()) tree = read_node(cursor, (*item).value, fields);
    }
  }
  if (cursor.failed()) return std::move(cursor).error();
  return tree;
}

std::vector<std::string> leaf_names(const Tree& tree, std::string_view sole) {
  if (tree.is_leaf()) return {std::string(sole)};
  std::vector<std::string> names;
  collect_leaves(tree, {}, names);
  return names;
}

std::vector<std::string> input_paths(const Tree& tree, const std::vector<std::string>& names) {
  std::vector<std::string> paths;
  if (tree.children.size() != 2) return paths;
  const Tree& args = tree.children[0];
  const Tree& kwargs = tree.children[1];
  for (std::size_t i = 0; i < args.children.size(); ++i)
    collect_paths(args.children[i], "['" + (i < names.size() ? names[i] : std::to_string(i)) + "']", paths);
  for (std::size_t i = 0; i < kwargs.children.size(); ++i)
    collect_paths(kwargs.children[i], "['" + kwargs.names[i] + "']", paths);
  return paths;
}

}  // namespace genie::pytorch
