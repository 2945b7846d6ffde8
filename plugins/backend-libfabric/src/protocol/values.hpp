// Tensors in and out of frames.
#pragma once

#include <memory>

#include "genie/exec/tensor.hpp"
#include "protocol/frame.hpp"
#include "protocol/messages.hpp"

namespace genie::remote {

/// A tensor in the memory that it arrived in: no copy. The message was decoded, so it lies within.
[[nodiscard]] exec::Tensor received(const WireTensor& tensor, const std::shared_ptr<Buffer>& payload,
                                    exec::Claim claim);

/// Adds the bytes that a tensor spans to a frame. In host memory they go out from where they lie, held by the tensor's
/// storage, unless `snapshot`: then, and from other memory, a copy goes.
[[nodiscard]] genie::Expected<WireTensor> append(Outgoing& frame, const exec::Tensor& tensor, bool snapshot,
                                                 genie::Host host, const genie::Call& call);

/// A tensor for the ABI, in the memory that it arrived in.
[[nodiscard]] genie_tensor* to_owned(const WireTensor& tensor, std::shared_ptr<Buffer> payload);

}  // namespace genie::remote
