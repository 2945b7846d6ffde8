// Messages of a client that looks at steps.
#include "protocol/bytes.hpp"
#include "protocol/messages.hpp"

namespace genie::remote {

namespace {

/// Nothing unless all of the bytes were read, and nothing was wrong.
template <class Message>
std::optional<Message> whole(const Decoder& in, Message message) {
  if (!in.complete()) return std::nullopt;
  return message;
}

}  // namespace

std::string encode(const Watch& m) {
  return Encoder().number(m.session).number(static_cast<std::uint8_t>(m.on)).take();
}

template <>
std::optional<Watch> decode<Watch>(std::string_view bytes, std::uint64_t) {
  Decoder in(bytes);
  Watch m;
  m.session = in.number<std::uint64_t>();
  m.on = in.below<std::uint8_t>(2) == 1;
  return whole(in, m);
}

std::string encode(const StepEvent& m) {
  return Encoder()
      .number(m.session)
      .number(m.index)
      .number(static_cast<std::uint8_t>(m.kind))
      .number(m.number)
      .number(m.at_ns)
      .number(m.bytes)
      .take();
}

template <>
std::optional<StepEvent> decode<StepEvent>(std::string_view bytes, std::uint64_t) {
  Decoder in(bytes);
  StepEvent m;
  m.session = in.number<std::uint64_t>();
  m.index = in.number<std::uint64_t>();
  m.kind = static_cast<StepEvent::Kind>(in.below<std::uint8_t>(3));
  m.number = in.number<std::uint32_t>();
  m.at_ns = in.number<std::uint64_t>();
  m.bytes = in.number<std::uint64_t>();
  return whole(in, m);
}

std::string encode(const GoOn& m) {
  return Encoder().number(m.session).number(m.index).take();
}

template <>
std::optional<GoOn> decode<GoOn>(std::string_view bytes, std::uint64_t) {
  Decoder in(bytes);
  GoOn m;
  m.session = in.number<std::uint64_t>();
  m.index = in.number<std::uint64_t>();
  return whole(in, m);
}

std::string encode(const Look& m) {
  return Encoder().number(m.session).number(m.index).text(m.device).text(m.value).take();
}

template <>
std::optional<Look> decode<Look>(std::string_view bytes, std::uint64_t) {
  Decoder in(bytes);
  Look m;
  m.session = in.number<std::uint64_t>();
  m.index = in.number<std::uint64_t>();
  m.device = in.text();
  m.value = in.text();
  return whole(in, std::move(m));
}

}  // namespace genie::remote
