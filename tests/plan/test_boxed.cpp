// Boxed: an optional value on the heap that copies as a value.
#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "genie/plan/boxed.hpp"
#include "genie/plan/model.hpp"

using genie::plan::Boxed;
using genie::plan::BoxedList;

TEST_CASE("a boxed value is absent, set, replaced and taken away") {
  Boxed<std::string> box;
  CHECK(!box);
  box = std::string("one");
  REQUIRE(box.has_value());
  CHECK(*box == "one");
  box = std::string("three");
  CHECK(box->size() == 5);
  box = std::nullopt;
  CHECK(!box);
  box = std::string("two");
  box.reset();
  CHECK(!box.has_value());
}

TEST_CASE("a copy of a boxed value is a value of its own") {
  Boxed<std::string> box(std::string("one"));
  Boxed<std::string> copy(box);
  *copy = "two";
  CHECK(*box == "one");
  box = copy;
  *copy = "three";
  CHECK(*box == "two");
  const Boxed<std::string>& itself = box;
  box = itself;
  CHECK(*box == "two");
  const Boxed<std::string> moved(std::move(copy));
  CHECK(*moved == "three");
}

TEST_CASE("a boxed list is empty until it is given something, and copies as a value") {
  BoxedList<std::string> list;
  CHECK(list.empty());
  CHECK(list.begin() == list.end());
  list.emplace(list.end(), "two");
  list.emplace(list.begin(), "one");
  list.emplace_back("three");
  const BoxedList<std::string> copy = list;
  list.erase(list.begin());
  CHECK(list.size() == 2);
  CHECK(list.front() == "two");
  REQUIRE(copy.size() == 3);
  CHECK(copy.front() == "one");
  CHECK_FALSE(copy == list);
}

TEST_CASE("a copied node's work and annotations are its own") {
  genie::plan::Node node;
  node.cost = genie::plan::Cost{1, 2, 3, {}, "model", {}};
  node.semantics.role = genie::plan::Annotation{"norm", "user", {}, {}};
  genie::plan::Node copy = node;
  copy.cost->flops = 9;
  copy.semantics.role.reset();
  CHECK(node.cost->flops == genie::plan::Expr(1));
  CHECK(node.semantics.role->is == "norm");
}
