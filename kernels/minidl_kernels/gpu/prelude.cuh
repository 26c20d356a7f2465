// Stands before every .cu file here: what all of them use, and the few words that NVRTC does not know.
//
// The tests run the same sources on the processor, through tests/gpu/cuda_on_cpu.h, which has its own version of
// what is special to a graphics processor; so such things live in the first part of this file and nowhere else.
#ifndef CUDA_ON_CPU
#define INFINITY __int_as_float(0x7f800000)  // NVRTC has no <cmath>
#define NAN __int_as_float(0x7fffffff)

// DYNAMIC_SHARED(float, rest): shared memory whose size the launch gives in bytes.
#define DYNAMIC_SHARED(T, name)                          \
  extern __shared__ __align__(16) unsigned char bytes[]; \
  T* name = (T*)bytes

// d[16, 8] += a[16, 8] b[8, 8] on the tensor cores, by the 32 threads of a warp together. Each holds 4 numbers of d, 4 of a
// and 2 of b, which lie as PTX lays them for mma.m16n8k8; a and b are rounded to TF32, with 10 bits behind the point.
__device__ __forceinline__ void mma_tf32(float* d, const float* a, const float* b) {
  unsigned r[6];
#pragma unroll
  for (int i = 0; i < 6; ++i) asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r[i]) : "f"(i < 4 ? a[i] : b[i - 4]));
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3]), "r"(r[4]), "r"(r[5]));
}
#endif

// FOR_EACH(i, n): this thread's share of 0 .. n-1, for kernels that `launch.each` starts. The threads of a warp take
// neighbours, so that their loads are one transaction; 32 bits are enough, `launch` refuses larger arrays.
#define FOR_EACH(i, n) for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < (n); i += gridDim.x * blockDim.x)

// Every thread of a full warp gets the sum, or the largest, of what its 32 threads hold.
template <class T>
__device__ __forceinline__ T warp_sum(T value) {
#pragma unroll
  for (int apart = 16; apart > 0; apart /= 2) value += __shfl_xor_sync(0xffffffffu, value, apart);
  return value;
}

__device__ __forceinline__ float warp_max(float value) {
#pragma unroll
  for (int apart = 16; apart > 0; apart /= 2) value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, apart));
  return value;
}

// A matrix by rows, as rows.each_row starts its kernels: a row has blockDim.x threads, one to eight whole warps, and those
// side by side in a block take columns side by side. A block has several rows only where each is a warp of its own.
#define ROW (blockIdx.x * blockDim.y + threadIdx.y)
#define FOR_COLUMNS(c, n) for (int c = threadIdx.x; c < (n); c += blockDim.x)
#define ROW_WARPS 8  // at most

// Every thread of a row gets the sum, or the largest, of what its threads hold: within each warp by halves, then warp after
// warp. `part` is shared memory for this one use, so one barrier is enough; a row of one warp needs none.
template <class T>
__device__ __forceinline__ T row_sum(T value, T (&part)[ROW_WARPS]) {
  value = warp_sum(value);
  if (blockDim.x == 32) return value;
  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = value;
  __syncthreads();
  value = part[0];
  for (int warp = 1; warp < blockDim.x / 32; ++warp) value += part[warp];
  return value;
}

__device__ __forceinline__ float row_max(float value, float (&part)[ROW_WARPS]) {
  value = warp_max(value);
  if (blockDim.x == 32) return value;
  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = value;
  __syncthreads();
  value = part[0];
  for (int warp = 1; warp < blockDim.x / 32; ++warp) value = fmaxf(value, part[warp]);
  return value;
}
