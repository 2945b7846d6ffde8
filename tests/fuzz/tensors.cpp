// Tensor files: both readers see every input, and every byte that they hand out can be read.
//
// An input that begins with a brace is a header in want of the magic and the length before it: of a .npy file if it is a
// Python dictionary, else of a .safetensors file. The data stands after a line of `---`. So changes reach the headers' readers.
#include "judge.hpp"
#include "tensors/element.hpp"
#include "tensors/npy.hpp"
#include "tensors/safetensors.hpp"

namespace genie::fuzz {
namespace {

void touch(const tensors::Tensor& tensor) {
  std::uint64_t bytes = plan::size_bytes(tensor.dtype());
  for (const std::int64_t size : tensor.shape())
    bytes *= static_cast<std::uint64_t>(size);
  require(bytes == tensor.bytes().size(), "a tensor has the bytes that its shape needs");
  unsigned sum = 0;
  for (const std::byte byte : tensor.bytes())
    sum += std::to_integer<unsigned>(byte);
  volatile unsigned sink = sum;
  (void)sink;
  if (tensor.elements() > 0) (void)tensors::element_text(tensor.dtype(), tensor.bytes().data());
}

void append_number(std::string& file, std::size_t number, int bytes) {
  for (int i = 0; i < bytes; ++i)
    file += static_cast<char>(number >> (8 * i) & 0xff);
}

std::string pack(std::string_view bytes) {
  constexpr std::string_view kPart = "\n---\n";
  const std::size_t end = std::min(bytes.find(kPart), bytes.size());
  const std::string_view data = bytes.substr(std::min(bytes.size(), end + kPart.size()));
  std::string file;
  if (bytes.starts_with("{'")) {
    file.assign("\x93NUMPY\2\0", 8);
    append_number(file, end, 4);
  } else {
    append_number(file, end, 8);
  }
  return file.append(bytes.substr(0, end)).append(data);
}

}  // namespace

Reading read(std::string_view bytes) {
  Reading reading;
  const MemoryFile file(bytes.starts_with('{') ? pack(bytes) : std::string(bytes));
  const auto array = tensors::read_npy(file.path());
  reading.accepted = array.ok();
  if (array)
    touch(*array);
  else
    reading.refuse(array.errors());

  const auto table = tensors::Safetensors::open(file.path());
  if (!table) {
    reading.refuse(table.errors());
    return reading;
  }
  for (const auto& [name, tensor] : table->tensors())
    touch(tensor);
  for (const auto& [name, type] : table->unsupported())
    require(!table->get(name), "a tensor of an unknown type is not handed out");
  if (const auto absent = table->get("nowhere"); !absent) Reading().refuse(absent.errors());
  reading.accepted = true;
  return reading;
}

}  // namespace genie::fuzz
