#include "protocol/messages.hpp"

#include "protocol/bytes.hpp"

namespace genie::remote {

namespace {

constexpr std::uint32_t kMostRank = 64;
constexpr std::size_t kLeastText = 4;  ///< bytes of a text that is empty

void put(Encoder& out, const plan::Bindings& sizes) {
  out.number(static_cast<std::uint32_t>(sizes.size()));
  for (const auto& [symbol, size] : sizes)
    out.text(symbol).number(size);
}

/// In ascending order, each symbol once.
plan::Bindings get_sizes(Decoder& in) {
  plan::Bindings sizes;
  std::string_view before;
  for (auto n = in.count(kLeastText + 8); n > 0 && in.ok(); --n) {
    const std::string_view symbol = in.text();
    const auto size = in.number<std::int64_t>();
    if (in.ok() && !sizes.empty() && symbol <= before) in.reject();
    if (in.ok()) sizes.emplace(std::string(symbol), size);
    before = symbol;
  }
  return sizes;
}

bool get_flag(Decoder& in) {
  return in.below<std::uint8_t>(2) != 0;
}

void put(Encoder& out, const WireTensor& t) {
  out.number(static_cast<std::uint8_t>(t.present));
  if (!t.present) return;
  out.number(t.dtype.code).number(t.dtype.bits).number(t.dtype.lanes);
  out.number(static_cast<std::uint32_t>(t.shape.size()));
  for (const std::int64_t s : t.shape)
    out.number(s);
  for (const std::int64_t s : t.strides)
    out.number(s);
  out.number(t.offset).number(t.bytes);
}

/// `described`: a tensor without its bytes.
WireTensor get_tensor(Decoder& in, std::uint64_t payload_bytes, bool described = false) {
  WireTensor t;
  t.present = get_flag(in);
  if (!t.present) return t;
  t.dtype.code = in.number<std::uint8_t>();
  t.dtype.bits = in.number<std::uint8_t>();
  t.dtype.lanes = in.number<std::uint16_t>();
  const auto rank = in.below<std::uint32_t>(kMostRank + 1);
  for (std::uint32_t d = 0; d < rank && in.ok(); ++d)
    t.shape.push_back(in.number<std::int64_t>());
  for (std::uint32_t d = 0; d < rank && in.ok(); ++d)
    t.strides.push_back(in.number<std::int64_t>());
  t.offset = in.number<std::uint64_t>();
  t.bytes = in.number<std::uint64_t>();
  if (!in.ok()) return t;
  const auto span = spanned(t.shape, t.strides);
  const std::uint64_t element = (std::uint64_t{t.dtype.bits} + 7) / 8;
  if (!span || !std::has_single_bit(element) || t.dtype.lanes != 1 || *span > UINT64_MAX / element) {
    in.reject();
  } else if (described) {
    if (t.bytes != 0 || t.offset != 0) in.reject();
  } else if (t.bytes != *span * element || t.offset > payload_bytes || t.bytes > payload_bytes - t.offset ||
             t.offset % element != 0) {
    in.reject();
  }
  return t;
}

void put(Encoder& out, const std::vector<datapath::Finding>& findings) {
  out.number(static_cast<std::uint32_t>(findings.size()));
  for (const datapath::Finding& each : findings)
    out.text(each.path)
        .number(static_cast<std::uint8_t>(each.usable))
        .text(each.provider)
        .text(each.version)
        .text(each.why);
}

std::vector<datapath::Finding> findings(Decoder& in) {
  std::vector<datapath::Finding> found;
  for (auto n = in.count(4 * kLeastText + 1); n > 0 && in.ok(); --n) {
    datapath::Finding& each = found.emplace_back();
    each.path = in.text();
    each.usable = in.below(std::uint8_t{2}) != 0;
    each.provider = in.text();
    each.version = in.text();
    each.why = in.text();
  }
  return found;
}

template <class Message>
std::optional<Message> whole(const Decoder& in, Message message) {
  if (!in.complete()) return std::nullopt;
  return message;
}

}  // namespace

std::optional<std::uint64_t> spanned(const std::vector<std::int64_t>& shape,
                                     const std::vector<std::int64_t>& strides) {
  if (shape.size() != strides.size()) return std::nullopt;
  bool empty = false;
  std::uint64_t last = 0;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] < 0 || strides[d] < 0) return std::nullopt;
    if (shape[d] == 0) empty = true;
    std::uint64_t reach = 0;
    if (shape[d] > 1 && __builtin_mul_overflow(static_cast<std::uint64_t>(shape[d] - 1),
                                               static_cast<std::uint64_t>(strides[d]), &reach))
      return std::nullopt;
    if (__builtin_add_overflow(last, reach, &last)) return std::nullopt;
  }
  if (empty) return 0;
  if (last > UINT64_MAX / 64) return std::nullopt;
  return last + 1;
}

// --- who is there ---

std::string encode(const Hello& m) {
  return Encoder()
      .number(m.protocol_min)
      .number(m.protocol_max)
      .number(m.plan_major)
      .number(m.plan_minor_min)
      .number(m.plan_minor_max)
      .number(static_cast<std::uint8_t>(m.role))
      .text(m.software)
      .text(m.nonce)
      .text(m.ticket)
      .take();
}

template <>
std::optional<Hello> decode<Hello>(std::string_view bytes, std::uint64_t) {
  Decoder in(bytes);
  Hello m;
  m.protocol_min = in.number<std::uint16_t>();
  m.protocol_max = in.number<std::uint16_t>();
  m.plan_major = in.number<std::uint16_t>();
  m.plan_minor_min = in.number<std::uint16_t>();
  m.plan_minor_max = in.number<std::uint16_t>();
  m.role = static_cast<Role>(in.below<std::uint8_t>(3));
  m.software = in.text();
  m.nonce = in.text();
  m.ticket = in.text();
  // What follows is of a later version: whoever speaks it must still be able to say which versions it speaks.
  if (!in.ok() || m.nonce.size() != 32) return std::nullopt;
  return m;
}

std::string encode(const Auth& m) {
  return Encoder().text(m.mac).take();
}

template <>
std::optional<Auth> decode<Auth>(std::string_view bytes, std::uint64_t) {
  Decoder in(bytes);
  Auth m{std::string(in.text())};
  return whole(in, std::move(m));
}

std::string encode(const Welcome& m) {
  return Encoder()
      .number(m.protocol)
      .number(m.lease_ms)
      .text(m.mac)
      .text(m.identity)
      .text(m.instance)
      .text(m.topology)
      .text(m.versions)
      .take();
}

template <>
std::optional<Welcome> decode<Welcome>(std::string_view bytes, std::uint64_t) {
  Decoder in(bytes);
  Welcome m;
  m.protocol = in.number<std::uint16_t>();
  m.lease_ms = in.number<std::uint64_t>();
  m.mac = in.text();
  m.identity = in.text();
  m.instance = in.text();
  m.topology = in.text();
  m.versions = in.text();
  return whole(in, std::move(m));
}

// --- programs ---

std::string encode(const Prepare& m) {
  return Encoder().number(m.program).text(m.plan).text(m.topology).take();
}

template <>
std::optional<Prepare> decode<Prepare>(std::string_view bytes, std::uint64_t) {
  Decoder in(bytes);
  Prepare m;
  m.program = in.number<std::uint64_t>();
  m.plan = in.text();
  m.topology = in.text();
  return whole(in, std::move(m));
}

std::string encode(const Needs& m) {
  Encoder out;
  out.number(static_cast<std::uint32_t>(m.digests.size()));
  for (const std::string& digest : m.digests)
    out.text(digest);
  return out.text(m.ticket).text(m.secret).take();
}

template <>
std::optional<Needs> decode<Needs>(std::string_view bytes, std::uint64_t) {
  Decoder in(bytes);
  Needs m;
  for (auto n = in.count(kLeastText); n > 0 && in.ok(); --n)
    m.digests.emplace_back(in.text());
  m.ticket = in.text();
  m.secret = in.text();
  return whole(in, std::move(m));
}

std::string encode(const BlobChunk& m) {
  return Encoder().text(m.digest).number(m.size).number(m.offset).take();
}

template <>
std::optional<BlobChunk> decode<BlobChunk>(std::string_view bytes, std::uint64_t payload_bytes) {
  Decoder in(bytes);
  BlobChunk m;
  m.digest = in.text();
  m.size = in.number<std::uint64_t>();
  m.offset = in.number<std::uint64_t>();
  if (m.offset > m.size || payload_bytes > m.size - m.offset) in.reject();
  return whole(in, std::move(m));
}

std::string encode(const Compile& m) {
  Encoder out;
  out.number(m.program).text(m.data_path).number(static_cast<std::uint32_t>(m.peers.size()));
  for (const Peer& peer : m.peers)
    out.text(peer.device).text(peer.address).text(peer.ticket).text(peer.secret);
  return out.take();
}

template <>
std::optional<Compile> decode<Compile>(std::string_view bytes, std::uint64_t) {
  Decoder in(bytes);
  Compile m;
  m.program = in.number<std::uint64_t>();
  m.data_path = in.text();
  for (auto n = in.count(4 * kLeastText); n > 0 && in.ok(); --n) {
    Peer peer;
    peer.device = in.text();
    peer.address = in.text();
    peer.ticket = in.text();
    peer.secret = in.text();
    m.peers.push_back(std::move(peer));
  }
  return whole(in, std::move(m));
}

std::string encode(const Compiled& m) {
  Encoder out;
  out.number(static_cast<std::uint32_t>(m.ways.size()));
  for (const Compiled::Way& way : m.ways) {
    out.text(way.device).text(way.path);
    put(out, way.findings);
  }
  return out.take();
}

template <>
std::optional<Compiled> decode<Compiled>(std::string_view bytes, std::uint64_t) {
  Decoder in(bytes);
  Compiled m;
  for (auto n = in.count(3 * kLeastText); n > 0 && in.ok(); --n) {
    Compiled::Way way;
    way.device = in.text();
    way.path = in.text();
    way.findings = findings(in);
    m.ways.push_back(std::move(way));
  }
  return whole(in, std::move(m));
}

// --- data paths ---

std::string encode(const DataPaths& m) {
  Encoder out;
  out.text(m.requested).text(m.offer.host);
  put(out, m.offer.findings);
  return out.take();
}

template <>
std::optional<DataPaths> decode<DataPaths>(std::string_view bytes, std::uint64_t) {
  Decoder in(bytes);
  DataPaths m;
  m.requested = in.text();
  m.offer.host = in.text();
  m.offer.findings = findings(in);
  return whole(in, std::move(m));
}

std::string encode(const DataChoice& m) {
  Encoder out;
  out.number(static_cast<std::uint32_t>(m.paths.size()));
  for (const std::string& path : m.paths)
    out.text(path);
  put(out, m.findings);
  return out.take();
}

template <>
std::optional<DataChoice> decode<DataChoice>(std::string_view bytes, std::uint64_t) {
  Decoder in(bytes);
  DataChoice m;
  for (auto n = in.count(kLeastText); n > 0 && in.ok(); --n)
    m.paths.emplace_back(in.text());
  m.findings = findings(in);
  return whole(in, std::move(m));
}

std::string encode(const DataOpen& m) {
  return Encoder().text(m.path).text(m.address).take();
}

template <>
std::optional<DataOpen> decode<DataOpen>(std::string_view bytes, std::uint64_t) {
  Decoder in(bytes);
  DataOpen m;
  m.path = in.text();
  m.address = in.text();
  return whole(in, std::move(m));
}

// --- sessions ---

std::string encode(const OpenSession& m) {
  return Encoder().number(m.session).number(m.program).number(m.seed).take();
}

template <>
std::optional<OpenSession> decode<OpenSession>(std::string_view bytes, std::uint64_t) {
  Decoder in(bytes);
  OpenSession m;
  m.session = in.number<std::uint64_t>();
  m.program = in.number<std::uint64_t>();
  m.seed = in.number<std::uint64_t>();
  return whole(in, m);
}

std::string encode(const Step& m) {
  Encoder out;
  out.number(m.session).number(m.index).text(m.method).number(m.deadline_ns);
  put(out, m.sizes);
  out.number(static_cast<std::uint32_t>(m.inputs.size()));
  for (const StepInput& input : m.inputs) {
    out.number(input.port).number(static_cast<std::uint8_t>(input.from));
    put(out, input.tensor);
    out.text(input.device).number(input.kept);
  }
  out.number(static_cast<std::uint32_t>(m.outputs.size()));
  for (const StepOutput& output : m.outputs)
    out.number(output.output).number(static_cast<std::uint8_t>(output.keep)).number(output.kept);
  return out.take();
}

template <>
std::optional<Step> decode<Step>(std::string_view bytes, std::uint64_t payload_bytes) {
  Decoder in(bytes);
  Step m;
  m.session = in.number<std::uint64_t>();
  m.index = in.number<std::uint64_t>();
  m.method = in.text();
  m.deadline_ns = in.number<std::uint64_t>();
  m.sizes = get_sizes(in);
  for (auto n = in.count(4 + 1 + 1 + kLeastText + 8); n > 0 && in.ok(); --n) {
    StepInput input;
    input.port = in.number<std::uint32_t>();
    input.from = static_cast<StepInput::From>(in.below<std::uint8_t>(2));
    input.tensor = get_tensor(in, payload_bytes);
    input.device = in.text();
    input.kept = in.number<std::uint64_t>();
    m.inputs.push_back(std::move(input));
  }
  for (auto n = in.count(4 + 1 + 8); n > 0 && in.ok(); --n) {
    StepOutput output;
    output.output = in.number<std::uint32_t>();
    output.keep = get_flag(in);
    output.kept = in.number<std::uint64_t>();
    m.outputs.push_back(output);
  }
  return whole(in, std::move(m));
}

std::string encode(const StepResult& m) {
  Encoder out;
  out.number(static_cast<std::uint8_t>(m.wrote_state)).number(static_cast<std::uint32_t>(m.outputs.size()));
  for (const StepResult::Output& output : m.outputs) {
    out.number(output.output).text(output.device).number(static_cast<std::uint8_t>(output.kept));
    put(out, output.tensor);
  }
  put(out, m.sizes);
  out.number(static_cast<std::uint32_t>(m.stages.size()));
  for (const StageTime& stage : m.stages)
    out.number(stage.stage)
        .number(stage.begin_ns)
        .number(stage.duration_ns)
        .number(stage.most_bytes)
        .number(stage.left_bytes);
  out.number(static_cast<std::uint32_t>(m.transfers.size()));
  for (const TransferTime& transfer : m.transfers)
    out.number(transfer.transfer)
        .number(static_cast<std::uint8_t>(transfer.arrived))
        .number(transfer.at_ns)
        .number(transfer.bytes);
  return out.number(m.spent_ns).take();
}

template <>
std::optional<StepResult> decode<StepResult>(std::string_view bytes, std::uint64_t payload_bytes) {
  Decoder in(bytes);
  StepResult m;
  m.wrote_state = get_flag(in);
  for (auto n = in.count(4 + kLeastText + 2); n > 0 && in.ok(); --n) {
    StepResult::Output output;
    output.output = in.number<std::uint32_t>();
    output.device = in.text();
    output.kept = get_flag(in);
    output.tensor = get_tensor(in, payload_bytes, output.kept);
    m.outputs.push_back(std::move(output));
  }
  m.sizes = get_sizes(in);
  for (auto n = in.count(4 + 4 * 8); n > 0 && in.ok(); --n) {
    StageTime stage;
    stage.stage = in.number<std::uint32_t>();
    stage.begin_ns = in.number<std::uint64_t>();
    stage.duration_ns = in.number<std::uint64_t>();
    stage.most_bytes = in.number<std::uint64_t>();
    stage.left_bytes = in.number<std::uint64_t>();
    m.stages.push_back(stage);
  }
  for (auto n = in.count(4 + 1 + 8 + 8); n > 0 && in.ok(); --n) {
    TransferTime transfer;
    transfer.transfer = in.number<std::uint32_t>();
    transfer.arrived = get_flag(in);
    transfer.at_ns = in.number<std::uint64_t>();
    transfer.bytes = in.number<std::uint64_t>();
    m.transfers.push_back(transfer);
  }
  m.spent_ns = in.number<std::uint64_t>();
  return whole(in, std::move(m));
}

std::string encode(const Value& m) {
  Encoder out;
  out.number(m.session).number(m.index).number(m.message);
  put(out, m.sizes);
  put(out, m.tensor);
  return out.take();
}

template <>
std::optional<Value> decode<Value>(std::string_view bytes, std::uint64_t payload_bytes) {
  Decoder in(bytes);
  Value m;
  m.session = in.number<std::uint64_t>();
  m.index = in.number<std::uint64_t>();
  m.message = in.number<std::uint32_t>();
  m.sizes = get_sizes(in);
  m.tensor = get_tensor(in, payload_bytes);
  return whole(in, std::move(m));
}

std::string encode(const StateAccess& m) {
  Encoder out;
  out.number(m.session).text(m.name);
  put(out, m.tensor);
  return out.take();
}

template <>
std::optional<StateAccess> decode<StateAccess>(std::string_view bytes, std::uint64_t payload_bytes) {
  Decoder in(bytes);
  StateAccess m;
  m.session = in.number<std::uint64_t>();
  m.name = in.text();
  m.tensor = get_tensor(in, payload_bytes);
  return whole(in, std::move(m));
}

std::string encode(const Failed& m) {
  return Encoder()
      .number(m.error.code)
      .number(static_cast<std::uint8_t>(m.error.retryable))
      .number(static_cast<std::uint8_t>(m.wrote_state))
      .text(m.error.message)
      .text(m.error.domain)
      .number(m.error.native_code)
      .text(m.error.node)
      .text(m.error.diagnostics)
      .take();
}

template <>
std::optional<Failed> decode<Failed>(std::string_view bytes, std::uint64_t) {
  Decoder in(bytes);
  Failed m;
  m.error.code = in.number<std::uint32_t>();
  m.error.retryable = get_flag(in);
  m.wrote_state = get_flag(in);
  m.error.message = in.text();
  m.error.domain = in.text();
  m.error.native_code = in.number<std::int64_t>();
  m.error.node = in.text();
  m.error.diagnostics = in.text();
  // A failure is one: OK would be taken for success.
  if (m.error.code == GENIE_OK) in.reject();
  return whole(in, std::move(m));
}

std::string encode_number(std::uint64_t number) {
  return Encoder().number(number).take();
}

std::optional<std::uint64_t> decode_number(std::string_view bytes) {
  Decoder in(bytes);
  const auto number = in.number<std::uint64_t>();
  if (!in.complete()) return std::nullopt;
  return number;
}

}  // namespace genie::remote
