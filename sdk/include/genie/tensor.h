/* Tensors (A16): the layouts of DLPack 1.x, declared anew so that the ABI needs no other header.
 *
 * genie_tensor_view is DLPack's DLTensor: it describes memory and owns nothing. genie_tensor is DLManagedTensorVersioned:
 * whoever holds it calls its deleter once, on any thread; the instance that made it outlives it. An unknown element type or
 * device is answered with UNIMPLEMENTED, never with a guess. Tensors handed to kernels have 64-byte aligned data.
 */
#ifndef GENIE_TENSOR_H
#define GENIE_TENSOR_H

#include "genie/types.h"

GENIE_EXTERN_C_BEGIN

/* Device kinds, DLPack's numbers. */
#define GENIE_DEVICE_CPU INT32_C(1)
#define GENIE_DEVICE_CUDA INT32_C(2)
#define GENIE_DEVICE_CUDA_HOST INT32_C(3)
#define GENIE_DEVICE_ROCM INT32_C(10)

/* Element kinds, DLPack's numbers; bits and lanes complete them. */
#define GENIE_TYPE_INT UINT32_C(0)
#define GENIE_TYPE_UINT UINT32_C(1)
#define GENIE_TYPE_FLOAT UINT32_C(2)
#define GENIE_TYPE_BFLOAT UINT32_C(4)
#define GENIE_TYPE_COMPLEX UINT32_C(5)
#define GENIE_TYPE_BOOL UINT32_C(6)
#define GENIE_TYPE_FLOAT8_E4M3FN UINT32_C(10)
#define GENIE_TYPE_FLOAT8_E4M3FNUZ UINT32_C(11)
#define GENIE_TYPE_FLOAT8_E5M2 UINT32_C(12)
#define GENIE_TYPE_FLOAT8_E5M2FNUZ UINT32_C(13)
#define GENIE_TYPE_FLOAT8_E8M0FNU UINT32_C(14)

typedef struct genie_dtype {
  uint8_t code; /* GENIE_TYPE_* */
  uint8_t bits;
  uint16_t lanes; /* 1 */
} genie_dtype;

typedef struct genie_tensor_view {
  void* data;
  int32_t device_kind; /* GENIE_DEVICE_* */
  int32_t device_index;
  int32_t rank;
  genie_dtype dtype;
  int64_t* shape;       /* rank sizes, in elements */
  int64_t* strides;     /* rank strides in elements; null means row-major */
  uint64_t byte_offset; /* from data */
} genie_tensor_view;

#define GENIE_DLPACK_MAJOR UINT32_C(1)
#define GENIE_DLPACK_MINOR UINT32_C(0)
#define GENIE_TENSOR_READ_ONLY UINT64_C(1) /* flags, DLPack's bit */
#define GENIE_TENSOR_COPIED UINT64_C(2)

typedef struct genie_tensor {
  uint32_t dlpack_major; /* on another major only the deleter may be called */
  uint32_t dlpack_minor;
  void* manager;
  void (*deleter)(struct genie_tensor* self) GENIE_NOEXCEPT; /* [any-thread]; may be null */
  uint64_t flags;
  genie_tensor_view view;
} genie_tensor;

GENIE_STATIC_ASSERT(sizeof(genie_tensor_view) == 48, "DLTensor is 48 bytes");
GENIE_STATIC_ASSERT(offsetof(genie_tensor_view, shape) == 24, "DLTensor.shape is at 24");
GENIE_STATIC_ASSERT(sizeof(genie_tensor) == 80, "DLManagedTensorVersioned is 80 bytes");
GENIE_STATIC_ASSERT(offsetof(genie_tensor, view) == 32, "DLManagedTensorVersioned.dl_tensor is at 32");

GENIE_EXTERN_C_END

#endif
