// What the opaque handles of libgenie.h point to, and how results cross.
#pragma once

#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "genie/libgenie.h"
#include "runtime/engine.hpp"

struct genie_error {
  genie::runtime::Failure failure;
  std::string text;         // for a person
  std::string diagnostics;  // JSON
};

struct genie_engine {
  genie::runtime::Engine engine;
};

struct genie_engine_session {
  genie::runtime::Session session;
};

struct genie_engine_value {
  genie::runtime::KeptValue value;
};

namespace genie::lib {

/// Owned by the caller of the C function; without memory, a static error.
[[nodiscard]] genie_error* make_error(runtime::Failure failure) noexcept;
/// An argument that no caller should give: a null pointer, a struct of no size.
[[nodiscard]] genie_error* bad_argument(const char* what) noexcept;

/// A copy that genie_text_free frees. Throws std::bad_alloc.
[[nodiscard]] char* copy_text(const std::string& text);

/// Runs f, which returns a genie_error*, and turns whatever it throws into one.
template <class F>
genie_error* guarded(F&& f) noexcept {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    return make_error(
        runtime::failure(runtime::Category::execution, GENIE_RESOURCE_EXHAUSTED, "GE0662", "out of memory"));
  } catch (const std::exception& e) {
    return make_error(runtime::failure(runtime::Category::bug, GENIE_INTERNAL, "GE0901",
                                       std::string("an unexpected error: ") + e.what()));
  } catch (...) {
    return make_error(
        runtime::failure(runtime::Category::bug, GENIE_INTERNAL, "GE0901", "an unexpected error"));
  }
}

/// Null for a result that is fine.
template <class T>
genie_error* error_of(runtime::Result<T>& result) noexcept {
  return result.ok() ? nullptr : make_error(std::move(result).failure());
}

}  // namespace genie::lib
