// Views into a parsed document.
#include <cassert>
#include <utility>

#include "genie/plan/json.hpp"
#include "json_data.hpp"

namespace genie::plan::json {

Document::Document(std::unique_ptr<DocumentData> data) : data_(std::move(data)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

View Document::root() const {
  return View(data_.get(), 0);
}

namespace {

const Cell& cell(const DocumentData* data, std::uint32_t index) {
  return data->cells[index];
}

/// The numbers of the children on the way from the root to a cell.
std::string path_to(const DocumentData& data, std::uint32_t target) {
  std::string path;
  std::uint32_t at = 0;
  while (at != target) {
    const bool array = data.kind(at) == Kind::array;
    std::uint32_t child = at + 1;
    std::size_t number = 0;
    while (data.after(child) <= target) {
      child = data.after(child);
      ++number;
    }
    path += array ? "/" + std::to_string(number) : pointer_token(data.key(data.cells[child]));
    at = child;
  }
  return path;
}

}  // namespace

Kind View::kind() const {
  return data_->kind(index_);
}

bool View::boolean() const {
  assert(is(Kind::boolean));
  return cell(data_, index_).boolean;
}

std::int64_t View::integer() const {
  assert(is(Kind::integer));
  return cell(data_, index_).integer;
}

double View::real() const {
  assert(is(Kind::real) || is(Kind::integer));
  return is(Kind::real) ? cell(data_, index_).real : static_cast<double>(cell(data_, index_).integer);
}

std::string_view View::string() const {
  assert(is(Kind::string));
  return data_->text(cell(data_, index_).string);
}

std::size_t View::size() const {
  assert(data_->container(index_));
  return cell(data_, index_).extent.count;
}

View::Range View::items() const {
  assert(data_->container(index_));
  const bool object = is(Kind::object);
  return {Iterator(data_, index_ + 1, object), Iterator(data_, cell(data_, index_).extent.end, object)};
}

std::optional<View> View::find(std::string_view key) const {
  if (!is(Kind::object)) return std::nullopt;
  for (const auto& [name, value] : items())
    if (name == key) return value;
  return std::nullopt;
}

std::string View::pointer() const {
  return path_to(*data_, index_);
}

Member View::Iterator::operator*() const {
  return {object_ ? data_->key(cell(data_, index_)) : std::string_view(), View(data_, index_)};
}

View::Iterator& View::Iterator::operator++() {
  index_ = data_->after(index_);
  return *this;
}

}  // namespace genie::plan::json
