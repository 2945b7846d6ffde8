// What costs one pointer while it is absent: large members, and lists, that few have.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace genie::plan {

/// std::optional's interface, as far as it is used, and its value semantics: a copy copies the value.
template <class T>
class Boxed {
 public:
  Boxed() = default;
  Boxed(std::nullopt_t) {}
  Boxed(T value) : value_(std::make_unique<T>(std::move(value))) {}
  Boxed(const Boxed& other) : value_(other ? std::make_unique<T>(*other) : nullptr) {}
  Boxed(Boxed&&) noexcept = default;
  Boxed& operator=(Boxed other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }
  ~Boxed() = default;

  [[nodiscard]] bool has_value() const { return value_ != nullptr; }
  explicit operator bool() const { return has_value(); }
  void reset() { value_.reset(); }
  // Only with a value.
  [[nodiscard]] T& operator*() { return *value_; }
  [[nodiscard]] const T& operator*() const { return *value_; }
  [[nodiscard]] T* operator->() { return value_.get(); }
  [[nodiscard]] const T* operator->() const { return value_.get(); }

 private:
  std::unique_ptr<T> value_;
};

/// std::vector's interface, as far as it is used, and its value semantics.
template <class T>
class BoxedList {
 public:
  using value_type = T;
  using iterator = T*;
  using const_iterator = const T*;

  [[nodiscard]] bool empty() const { return !items_ || items_->empty(); }
  [[nodiscard]] std::size_t size() const { return items_ ? items_->size() : 0; }
  [[nodiscard]] iterator begin() { return items_ ? items_->data() : nullptr; }
  [[nodiscard]] iterator end() { return begin() + size(); }
  [[nodiscard]] const_iterator begin() const { return items_ ? items_->data() : nullptr; }
  [[nodiscard]] const_iterator end() const { return begin() + size(); }
  // Only of a list that is not empty.
  [[nodiscard]] T& front() { return *begin(); }
  [[nodiscard]] const T& front() const { return *begin(); }

  template <class... Arguments>
  T& emplace_back(Arguments&&... arguments) {
    if (!items_) items_ = std::vector<T>();
    return items_->emplace_back(std::forward<Arguments>(arguments)...);
  }
  template <class... Arguments>
  iterator emplace(const_iterator at, Arguments&&... arguments) {
    const auto place = at - begin();
    if (!items_) items_ = std::vector<T>();
    return &*items_->emplace(items_->begin() + place, std::forward<Arguments>(arguments)...);
  }
  iterator erase(const_iterator at) {
    const auto place = at - begin();
    items_->erase(items_->begin() + place);
    return begin() + place;
  }

  friend bool operator==(const BoxedList& a, const BoxedList& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  Boxed<std::vector<T>> items_;
};

}  // namespace genie::plan
