#include <cstdlib>

#include "lib/handles.hpp"

namespace genie::lib {
namespace {

// What is answered when there is no memory for an error. Freed never, written once.
genie_error* out_of_memory() noexcept {
  static genie_error error{runtime::Failure{runtime::Category::execution, GENIE_RESOURCE_EXHAUSTED, {}},
                           "error: out of memory", "[]"};
  return &error;
}

}  // namespace

genie_error* make_error(runtime::Failure failure) noexcept {
  try {
    auto error = std::make_unique<genie_error>(genie_error{std::move(failure), {}, {}});
    for (const plan::Diagnostic& diagnostic : error->failure.diagnostics) {
      if (!error->text.empty()) error->text += '\n';
      error->text += plan::to_text(diagnostic);
    }
    error->diagnostics = plan::to_json(error->failure.diagnostics);
    return error.release();
  } catch (const std::exception&) {
    return out_of_memory();
  }
}

genie_error* bad_argument(const char* what) noexcept {
  try {
    return make_error(runtime::failure(runtime::Category::config, GENIE_INVALID_ARGUMENT, "GE0663", what));
  } catch (const std::exception&) {
    return out_of_memory();
  }
}

char* copy_text(const std::string& text) {
  auto* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (!copy) throw std::bad_alloc();
  std::memcpy(copy, text.c_str(), text.size() + 1);
  return copy;
}

}  // namespace genie::lib

extern "C" {

uint32_t genie_error_code(const genie_error* error) noexcept {
  return error ? error->failure.code : GENIE_OK;
}
int32_t genie_error_exit_code(const genie_error* error) noexcept {
  return error ? error->failure.exit_code() : 0;
}
const char* genie_error_message(const genie_error* error) noexcept {
  return error ? error->text.c_str() : "";
}
const char* genie_error_diagnostics(const genie_error* error) noexcept {
  return error ? error->diagnostics.c_str() : "[]";
}
void genie_error_free(genie_error* error) noexcept {
  if (error != genie::lib::out_of_memory()) delete error;
}
void genie_text_free(char* text) noexcept {
  std::free(text);
}

}  // extern "C"
