// Views into a parsed document.
#include <cassert>
#include <utility>

#include "genie/plan/json.hpp"

namespace genie::plan::json {

Document::Document(std::unique_ptr<DocumentData> data) : data_(std::move(data)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

View Document::root() const {
  return View(data_.get(), 0);
}

namespace {

std::string path_to(const DocumentData& data, std::uint32_t target) {
  std::vector<std::uint32_t> way;
  for (std::uint32_t at = target; at != 0; at = data.places()[at].parent)
    way.push_back(at);
  std::string path;
  for (auto at = way.rbegin(); at != way.rend(); ++at) {
    const Place place = data.places()[*at];
    const bool array = data.kind(place.parent) == Kind::array;
    path += array ? "/" + std::to_string(place.number) : pointer_token(data.key(data.cells[*at]));
  }
  return path;
}

}  // namespace

const std::vector<Place>& DocumentData::places() const {
  std::call_once(places_made_, [this] {
    places_.resize(cells.size());
    const auto count = static_cast<std::uint32_t>(cells.size());
    for (std::uint32_t parent = 0; parent < count; ++parent) {
      if (!container(parent)) continue;
      std::uint32_t number = 0;
      for (std::uint32_t child = parent + 1; child < cells[parent].extent.end; child = after(child))
        places_[child] = {parent, number++};
    }
  });
  return places_;
}

bool View::boolean() const {
  assert(is(Kind::boolean));
  return cell().boolean;
}

std::int64_t View::integer() const {
  assert(is(Kind::integer));
  return cell().integer;
}

double View::real() const {
  assert(is(Kind::real) || is(Kind::integer));
  return is(Kind::real) ? cell().real : static_cast<double>(cell().integer);
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

}  // namespace genie::plan::json
