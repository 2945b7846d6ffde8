// The control channel of remote workers: a stream of frames. What decodes is written again as the same bytes, and every tensor
// lies within its payload.
#include <algorithm>
#include <cstring>

#include "judge.hpp"
#include "protocol/frame.hpp"
#include "protocol/messages.hpp"

namespace genie::fuzz {
namespace {

using namespace genie::remote;

void within(const WireTensor& tensor, std::uint64_t payload) {
  if (!tensor.present) return;
  const auto span = spanned(tensor.shape, tensor.strides);
  require(span.has_value(), "a tensor's strides reach a place that has a number");
  require(tensor.offset <= payload && tensor.bytes <= payload - tensor.offset,
          "a tensor lies within its payload");
}

/// A decoded message is written as it came.
template <class Message>
bool round(std::string_view bytes, std::uint64_t payload) {
  const auto message = decode<Message>(bytes, payload);
  if (!message) return false;
  const std::string again = encode(*message);
  // Only a hello may have more at its end: it comes from another version.
  require(std::is_same_v<Message, Hello> ? bytes.starts_with(again) : bytes == again,
          "a message that decodes is written as it came");
  if constexpr (std::is_same_v<Message, Step>)
    for (const StepInput& input : message->inputs)
      within(input.tensor, payload);
  if constexpr (std::is_same_v<Message, Value> || std::is_same_v<Message, StateAccess>)
    within(message->tensor, payload);
  return true;
}

/// A done frame does not say what it answers: each kind of answer is tried.
bool read_message(Type type, std::string_view bytes, std::uint64_t payload) {
  switch (type) {
    case Type::hello:
      return round<Hello>(bytes, payload);
    case Type::auth:
      return round<Auth>(bytes, payload);
    case Type::welcome:
      return round<Welcome>(bytes, payload);
    case Type::failed:
    case Type::refused:
      return round<Failed>(bytes, payload);
    case Type::prepare:
      return round<Prepare>(bytes, payload);
    case Type::blob:
      return round<BlobChunk>(bytes, payload);
    case Type::compile:
      return round<Compile>(bytes, payload);
    case Type::data_paths:
      return round<DataPaths>(bytes, payload);
    case Type::data_open:
      return round<DataOpen>(bytes, payload);
    case Type::open_session:
      return round<OpenSession>(bytes, payload);
    case Type::step:
      return round<remote::Step>(bytes, payload);
    case Type::value:
      return round<remote::Value>(bytes, payload);
    case Type::read_state:
    case Type::write_state:
      return round<StateAccess>(bytes, payload);
    case Type::watch:
      return round<Watch>(bytes, payload);
    case Type::event:
      return round<StepEvent>(bytes, payload);
    case Type::go_on:
    case Type::describe:
      return round<GoOn>(bytes, payload);
    case Type::look:
      return round<Look>(bytes, payload);
    case Type::done: {
      const bool needs = round<Needs>(bytes, payload);
      const bool result = round<StepResult>(bytes, payload);
      const bool state = round<StateAccess>(bytes, payload);
      const bool compiled = round<Compiled>(bytes, payload);
      const bool choice = round<DataChoice>(bytes, payload);
      return needs || result || state || compiled || choice || bytes.empty();
    }
    default:
      return decode_number(bytes).has_value() || bytes.empty();
  }
}

}  // namespace

Reading read(std::string_view bytes) {
  Reading reading;
  reading.accepted = !bytes.empty();
  while (!bytes.empty()) {
    std::string why;
    const bool room = bytes.size() >= kHeaderBytes;
    RawHeader given{};
    if (room) {
      std::memcpy(given.data(), bytes.data(), given.size());
      seal(given);  // a mutation that makes the check right is not to be waited for
    }
    const auto header = room ? decode_header(given.data(), kTrusted, why) : std::nullopt;
    if (!header) {
      require(!room || !why.empty(), "a refused header says why");
      reading.accepted = false;
      break;
    }
    const auto raw = encode(*header);
    require(raw == given, "a header that decodes is written as it came");
    bytes.remove_prefix(kHeaderBytes);
    const std::string_view message = bytes.substr(0, header->message_bytes);
    reading.accepted = read_message(header->type, message, header->payload_bytes) && reading.accepted &&
                       message.size() == header->message_bytes;
    bytes.remove_prefix(message.size());
    reading.accepted = reading.accepted && bytes.size() >= header->payload_bytes;
    bytes.remove_prefix(std::min<std::uint64_t>(bytes.size(), header->payload_bytes));
  }
  if (!reading.accepted) {
    plan::Diagnostic refusal;
    refusal.code = "GE0811";
    refusal.message = "the bytes are not what a peer says";
    reading.refuse({refusal});
  }
  return reading;
}

}  // namespace genie::fuzz
