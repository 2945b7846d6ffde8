// Tensor files: both readers see every input, and every byte that they hand out can be read.
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

}  // namespace

bool read(std::string_view bytes) {
  const MemoryFile file(bytes);
  const auto array = tensors::read_npy(file.path());
  if (array)
    touch(*array);
  else
    judge(array.errors());

  const auto table = tensors::Safetensors::open(file.path());
  if (!table) {
    judge(table.errors());
    return array.ok();
  }
  for (const auto& [name, tensor] : table->tensors())
    touch(tensor);
  for (const auto& [name, type] : table->unsupported())
    if (const auto refused = table->get(name); !refused) judge(refused.errors());
  if (const auto absent = table->get("nowhere"); !absent) judge(absent.errors());
  return true;
}

}  // namespace genie::fuzz
