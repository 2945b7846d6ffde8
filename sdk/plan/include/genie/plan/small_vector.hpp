// A vector that holds its first elements in itself: for the model's many short lists.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace genie::plan {

/// std::vector's interface, as far as it is used. Up to N elements cost no allocation and lie beside what owns them. Unlike a
/// std::vector's, references into a list of up to N elements end when the list is moved.
template <class T, std::size_t N>
class SmallVector {
 public:
  using value_type = T;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using reference = T&;
  using const_reference = const T&;
  using iterator = T*;
  using const_iterator = const T*;

  SmallVector() noexcept {}
  explicit SmallVector(std::size_t count) { resize(count); }
  SmallVector(std::size_t count, const T& value) { resize(count, value); }
  template <std::input_iterator Iterator>
  SmallVector(Iterator first, Iterator last) {
    append(first, last);
  }
  SmallVector(std::initializer_list<T> items) { append(items.begin(), items.end()); }
  SmallVector(const SmallVector& other) { append(other.begin(), other.end()); }
  SmallVector(SmallVector&& other) noexcept { take(other); }
  SmallVector& operator=(const SmallVector& other) {
    if (this != &other) assign(other.begin(), other.end());
    return *this;
  }
  SmallVector& operator=(SmallVector&& other) noexcept {
    if (this == &other) return *this;
    release();
    take(other);
    return *this;
  }
  SmallVector& operator=(std::initializer_list<T> items) {
    assign(items.begin(), items.end());
    return *this;
  }
  ~SmallVector() { release(); }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] T* data() { return is_inline() ? own() : far_; }
  [[nodiscard]] const T* data() const { return is_inline() ? own() : far_; }
  [[nodiscard]] T* begin() { return data(); }
  [[nodiscard]] T* end() { return data() + size_; }
  [[nodiscard]] const T* begin() const { return data(); }
  [[nodiscard]] const T* end() const { return data() + size_; }
  [[nodiscard]] auto rbegin() { return std::reverse_iterator(end()); }
  [[nodiscard]] auto rend() { return std::reverse_iterator(begin()); }
  [[nodiscard]] auto rbegin() const { return std::reverse_iterator(end()); }
  [[nodiscard]] auto rend() const { return std::reverse_iterator(begin()); }
  [[nodiscard]] T& operator[](std::size_t i) {
    assert(i < size_);
    return data()[i];
  }
  [[nodiscard]] const T& operator[](std::size_t i) const {
    assert(i < size_);
    return data()[i];
  }
  [[nodiscard]] T& front() { return (*this)[0]; }
  [[nodiscard]] const T& front() const { return (*this)[0]; }
  [[nodiscard]] T& back() { return (*this)[size_ - 1]; }
  [[nodiscard]] const T& back() const { return (*this)[size_ - 1]; }

  void reserve(std::size_t count) {
    if (count > capacity_) move_to(count);
  }
  void clear() {
    std::destroy_n(data(), size_);
    size_ = 0;
  }
  template <class... Arguments>
  T& emplace_back(Arguments&&... arguments) {
    if (size_ == capacity_) {
      // Made first: an argument may be an element.
      T made(std::forward<Arguments>(arguments)...);
      move_to(grown(size_ + std::size_t{1}));
      return *std::construct_at(data() + size_++, std::move(made));
    }
    return *std::construct_at(data() + size_++, std::forward<Arguments>(arguments)...);
  }
  void push_back(const T& value) { emplace_back(value); }
  void push_back(T&& value) { emplace_back(std::move(value)); }
  void pop_back() {
    assert(size_ != 0);
    std::destroy_at(data() + --size_);
  }
  void resize(std::size_t count) { resize(count, T()); }
  void resize(std::size_t count, const T& value) {
    const T kept = value;  // may be an element
    reserve(count);
    while (size_ > count)
      pop_back();
    while (size_ < count)
      std::construct_at(data() + size_++, kept);
  }
  void assign(std::size_t count, const T& value) {
    T kept = value;
    clear();
    resize(count, kept);
  }
  /// The range is not of this list.
  template <std::input_iterator Iterator>
  void assign(Iterator first, Iterator last) {
    clear();
    append(first, last);
  }
  iterator insert(const_iterator at, T value) {
    const std::ptrdiff_t place = at - begin();
    emplace_back(std::move(value));
    std::rotate(begin() + place, end() - 1, end());
    return begin() + place;
  }
  /// The range is not of this list.
  template <std::input_iterator Iterator>
  iterator insert(const_iterator at, Iterator first, Iterator last) {
    const std::ptrdiff_t place = at - begin();
    const std::size_t before = size_;
    append(first, last);
    std::rotate(begin() + place, begin() + before, end());
    return begin() + place;
  }
  iterator insert(const_iterator at, std::initializer_list<T> items) {
    return insert(at, items.begin(), items.end());
  }
  iterator erase(const_iterator at) { return erase(at, at + 1); }
  iterator erase(const_iterator first, const_iterator last) {
    T* const hole = begin() + (first - begin());
    T* const rest = begin() + (last - begin());
    T* const new_end = std::move(rest, end(), hole);
    while (end() != new_end)
      pop_back();
    return hole;
  }

  friend bool operator==(const SmallVector& a, const SmallVector& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  static_assert(std::is_nothrow_move_constructible_v<T>);

  [[nodiscard]] bool is_inline() const { return capacity_ == N; }
  [[nodiscard]] T* own() { return std::launder(reinterpret_cast<T*>(own_)); }
  [[nodiscard]] const T* own() const { return std::launder(reinterpret_cast<const T*>(own_)); }

  [[nodiscard]] std::size_t grown(std::size_t least) const {
    return std::max(least, std::size_t{capacity_} * 2);
  }

  template <class Iterator>
  void append(Iterator first, Iterator last) {
    if constexpr (std::forward_iterator<Iterator>) {
      const auto count = static_cast<std::size_t>(std::distance(first, last));
      if (size_ + count > capacity_) move_to(grown(size_ + count));
      std::uninitialized_copy(first, last, end());
      size_ += static_cast<std::uint32_t>(count);
    } else {
      for (; first != last; ++first)
        emplace_back(*first);
    }
  }

  /// To memory outside, for so many elements: more than N.
  void move_to(std::size_t capacity) {
    assert(capacity > N);
    if (capacity > std::numeric_limits<std::uint32_t>::max()) throw std::bad_array_new_length();
    T* const memory = std::allocator<T>().allocate(capacity);
    std::uninitialized_move_n(data(), size_, memory);
    std::destroy_n(data(), size_);
    if (!is_inline()) std::allocator<T>().deallocate(far_, capacity_);
    far_ = memory;
    capacity_ = static_cast<std::uint32_t>(capacity);
  }

  /// This list owns nothing; the other is empty afterwards.
  void take(SmallVector& other) noexcept {
    size_ = other.size_;
    capacity_ = other.capacity_;
    if (other.is_inline()) {
      std::uninitialized_move_n(other.own(), size_, own());
      other.clear();
      return;
    }
    far_ = other.far_;
    other.size_ = 0;
    other.capacity_ = N;
  }

  void release() noexcept {
    clear();
    if (!is_inline()) std::allocator<T>().deallocate(far_, capacity_);
    capacity_ = N;
  }

  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = N;  ///< N: the elements are in this object
  union {
    T* far_;
    alignas(T) std::byte own_[N * sizeof(T)];
  };
};

}  // namespace genie::plan
