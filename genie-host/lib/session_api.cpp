// The session's part of libgenie.h.
#include "lib/handles.hpp"

using genie::lib::bad_argument;
using genie::lib::error_of;
using genie::lib::guarded;

extern "C" {

genie_error* genie_session_open(genie_engine* engine, uint64_t seed, genie_engine_session** out) noexcept {
  if (!engine || !out) return bad_argument("genie_session_open: engine and out must not be null");
  return guarded([&]() -> genie_error* {
    auto session = engine->engine.open_session(seed);
    if (!session) return error_of(session);
    *out = new genie_engine_session{*std::move(session)};
    return nullptr;
  });
}

void genie_session_close(genie_engine_session* session) noexcept {
  delete session;
}

genie_error* genie_session_step(genie_engine_session* session, const char* method,
                                const genie_named_input* inputs, uint64_t input_count,
                                genie_named_output* outputs, uint64_t output_count,
                                uint64_t deadline_ms) noexcept {
  if (!session || !method || (!inputs && input_count > 0) || (!outputs && output_count > 0))
    return bad_argument("genie_session_step: session, method, inputs and outputs must not be null");
  return guarded([&]() -> genie_error* {
    genie::runtime::StepRequest request;
    request.method = method;
    for (uint64_t i = 0; i < input_count; ++i) {
      if (!inputs[i].name || !inputs[i].tensor == !inputs[i].value)
        return bad_argument("genie_session_step: an input needs a name, and either a tensor or a value");
      request.inputs.push_back(
          {inputs[i].name, inputs[i].tensor, inputs[i].value ? &inputs[i].value->value : nullptr});
    }
    for (uint64_t i = 0; i < output_count; ++i) {
      if (!outputs[i].name) return bad_argument("genie_session_step: an output needs a name");
      request.outputs.push_back(
          {outputs[i].name, outputs[i].keep != 0, outputs[i].keep ? nullptr : outputs[i].tensor});
    }
    if (deadline_ms > 0) request.deadline_ms = deadline_ms;
    auto result = session->session.step(request);
    if (!result) return error_of(result);
    // Everything is made before anything is handed out, so that an error leaves the caller with nothing to free.
    std::vector<std::unique_ptr<genie_engine_value>> values(output_count);
    std::vector<genie_tensor*> tensors(output_count, nullptr);
    for (uint64_t i = 0; i < output_count; ++i) {
      auto& output = result->outputs[i];
      if (outputs[i].keep)
        values[i] = std::make_unique<genie_engine_value>(genie_engine_value{std::move(output.kept)});
    }
    for (uint64_t i = 0; i < output_count; ++i) {
      if (outputs[i].keep || outputs[i].tensor) continue;
      tensors[i] = std::move(result->outputs[i].tensor).release();
      if (tensors[i]) continue;
      for (uint64_t done = 0; done < i; ++done)
        if (tensors[done] && tensors[done]->deleter) tensors[done]->deleter(tensors[done]);
      throw std::bad_alloc();
    }
    for (uint64_t i = 0; i < output_count; ++i) {
      if (outputs[i].keep) outputs[i].value = values[i].release();
      if (tensors[i]) outputs[i].tensor = tensors[i];
    }
    return nullptr;
  });
}

genie_error* genie_session_read_state(genie_engine_session* session, const char* name,
                                      genie_tensor** out) noexcept {
  if (!session || !name || !out)
    return bad_argument("genie_session_read_state: session, name and out must not be null");
  return guarded([&]() -> genie_error* {
    auto tensor = session->session.read_state(name);
    if (!tensor) return error_of(tensor);
    genie_tensor* given = std::move(*tensor).release();
    if (!given) throw std::bad_alloc();
    *out = given;
    return nullptr;
  });
}

genie_error* genie_session_write_state(genie_engine_session* session, const char* name,
                                       const genie_tensor_view* tensor) noexcept {
  if (!session || !name || !tensor)
    return bad_argument("genie_session_write_state: session, name and tensor must not be null");
  return guarded([&]() -> genie_error* {
    auto written = session->session.write_state(name, *tensor);
    return error_of(written);
  });
}

void genie_value_release(genie_engine_value* value) noexcept {
  delete value;
}

}  // extern "C"
