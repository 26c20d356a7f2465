// Runs CUDA C on the processor, so that kernels can be tested where there is no GPU. Slow, and stricter than any GPU.
//
// Every thread of a block is a fiber: a stack and a place to go on from. One thread of the system runs them all, one
// block after another. Within a block a warp runs as far as it can, up to a barrier, before the next warp begins: as far
// from lockstep as barriers allow. The caller chooses the order of blocks and threads (ascending, descending, shuffled).
// A kernel that lacks a barrier gives different results then, or reads the NaN that all shared memory begins with.
//
// Race mode sees every access to memory. The sources are compiled with -fsanitize=thread, for which the compiler calls
// __tsan_read4(address) and the like before each access, and with -fsanitize=alignment,bounds. The libraries that usually
// stand behind these calls are not linked; cuda_on_cpu.cpp takes their place. It stops at the first access that
//   - another thread may make at the same time (no barrier between the two, one of them a write, not both atomic),
//   - lies outside of the arrays given, of shared memory and of the thread's own variables, or writes to a const array,
//   - takes a float4 or the like from an address that is no multiple of its size,
//   - has an index beyond a local or shared array, or beyond a row of one.
// In any mode it is an error if some thread of a block does not come to a barrier, or comes to another one.
//
// There are: indices of grid and block, static and dynamic shared memory, __syncthreads, __syncwarp, shuffles of whole warps,
// atomicAdd, atomicMax, float2 and float4, the bits of a float, __umulhi, __umul64hi, mma_tf32. There are not: other assembly, shuffles
// of parts of a warp, grid-wide barriers, clusters, asynchronous copies, textures, half precision. Not seen: conflicts of
// memory banks, speed, the fused multiply-add by which a GPU rounds otherwise; and shared arrays of bytes are watched by words of 4.
//
// Here is what kernels are compiled with; the fibers and the watch over memory are in cuda_on_cpu.cpp, compiled once.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

struct dim3 { unsigned x, y, z; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };

namespace cuda_on_cpu {

enum State { ready, at_warp_barrier, at_block_barrier, finished };

// What the other threads of its warp, and the kernel, may know of a thread.
struct Thread {
  int number;         // in the block
  dim3 index;
  double offered;     // to the warp, in a shuffle
  float fragment[6];  // and in mma_tf32
};

// What a kernel takes: "r float32" is said of a const float*, "w int32" of an int*, "float64" of a double.
struct Word { bool pointer, constant; char kind; int bytes; };

constexpr int warp_size = 32;

#pragma GCC visibility push(hidden)
extern Thread* self;  // the one that runs
extern dim3 grid_dim, block_dim, block_idx;
extern float* dynamic_shared;
Thread& lane_of_warp(int lane);
void wait(State barrier, int line);
void touch(const void* address, int bytes, bool writes, bool atomic);  // in race mode, an access to come
[[noreturn]] void give_up(const char* what);  // the complaint of this thread
const char* sentence(const Word* words, int count);
const char* run_grid(void (*body)(), const unsigned* sizes, size_t shared_bytes, unsigned order);
#pragma GCC visibility pop

// --- 1. what the threads of a warp do together ------------------------------------------------------------------------

template <class T> static T from_lane(T value, int lane, int keeps, unsigned mask, int line) {
  static_assert(sizeof(T) <= sizeof(double), "a shuffle moves 4 or 8 bytes");
  const int first = self->number / warp_size * warp_size, threads = block_dim.x * block_dim.y * block_dim.z;
  if (mask != 0xffffffffu) give_up("shuffles with another mask than that of the whole warp");
  if (first + warp_size > threads) give_up("shuffles in a warp that is not full");
  memcpy(&self->offered, &value, sizeof value);
  wait(at_warp_barrier, line);
  if (lane < 0 || lane >= warp_size) lane = keeps;
  memcpy(&value, &lane_of_warp(lane).offered, sizeof value);
  wait(at_warp_barrier, line);
  return value;
}

static inline int lane() { return self->number % warp_size; }

static inline float to_tf32(float x) {  // to the nearest with 10 bits behind the point; in the middle away from zero
  uint32_t bits;
  memcpy(&bits, &x, 4);
  bits = (bits + 0x1000) & ~0x1fffu;
  memcpy(&x, &bits, 4);
  return x;
}

// d[16, 8] += a[16, 8] b[8, 8]. Lane 4 r + c holds a at rows r, r+8 and columns c, c+4, b at rows c, c+4 and column r, d at rows
// r, r+8 and columns 2c, 2c+1.
static inline void mma_tf32(float* d, const float* a, const float* b, int line) {
  for (int i = 0; i < 6; ++i) self->fragment[i] = to_tf32(i < 4 ? a[i] : b[i - 4]);
  wait(at_warp_barrier, line);
  for (int i = 0; i < 4; ++i) {
    const int row = lane() / 4, lower = i / 2, column = lane() % 4 * 2 + i % 2;
    for (int k = 0; k < 8; ++k)
      d[i] += lane_of_warp(row * 4 + k % 4).fragment[lower + 2 * (k / 4)] * lane_of_warp(column * 4 + k % 4).fragment[4 + k / 4];
  }
  wait(at_warp_barrier, line);
}

// --- 2. for Python: what a kernel takes, and its launch ------------------------------------------------------------------
//
// Every fault planted is one more source to compile, so this part has few templates, and little in each.

template <class T> constexpr Word word() {
  using Pointed = std::remove_pointer_t<T>;
  using Element = std::remove_cv_t<Pointed>;
  constexpr bool vector = std::is_class_v<Element>;  // float2, float4
  constexpr char kind = vector || std::is_floating_point_v<Element> ? 'f' : std::is_same_v<Element, bool> ? 'b' :
                        std::is_signed_v<Element> ? 'i' : 'u';
  return {std::is_pointer_v<T>, std::is_const_v<Pointed>, kind, vector ? 4 : (int)sizeof(Element)};
}

template <class... A> static const char* takes(void (*)(A...)) {
  static constexpr Word words[] = {word<A>()...};
  return sentence(words, sizeof...(A));
}

// The addresses of the arguments. Static, as is all that a fiber reads besides its own variables.
static void** given;

template <auto kernel, class... A, size_t... I>
static __attribute__((no_sanitize("thread"))) void call(void (*)(A...), std::index_sequence<I...>) {
  kernel(*(A*)given[I]...);
}

template <auto kernel, class... A> static void call(void (*k)(A...)) { call<kernel>(k, std::index_sequence_for<A...>()); }

}  // namespace cuda_on_cpu

// Python puts one behind the source for each kernel in it; `bound` is that of __launch_bounds__.
#define CUDA_ON_CPU_EXPORT(kernel, bound)                                                                              \
  extern "C" const char* kernel##_takes() { return cuda_on_cpu::takes(kernel); }                                      \
  extern "C" int kernel##_bound() { return bound; }                                                                  \
  extern "C" const char* kernel##_start(void** given, const unsigned* sizes, size_t shared, unsigned order) {         \
    cuda_on_cpu::given = given;                                                                                       \
    return cuda_on_cpu::run_grid([] { cuda_on_cpu::call<kernel>(kernel); }, sizes, shared, order);                    \
  }

// --- 3. the words of CUDA -------------------------------------------------------------------------------------------

#define __global__ __attribute__((noinline))  // one copy is enough
#define __host__
#define __device__ static
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __shared__ static __attribute__((section("cuda_shared")))
#define __constant__ static
#define DYNAMIC_SHARED(T, name) T* name = (T*)cuda_on_cpu::dynamic_shared
#define blockIdx cuda_on_cpu::block_idx
#define blockDim cuda_on_cpu::block_dim
#define gridDim cuda_on_cpu::grid_dim
#define threadIdx (cuda_on_cpu::self->index)
#define __syncthreads() cuda_on_cpu::wait(cuda_on_cpu::at_block_barrier, __LINE__)
#define __syncwarp(...) cuda_on_cpu::wait(cuda_on_cpu::at_warp_barrier, __LINE__)
#define __shfl_sync(mask, v, lane) cuda_on_cpu::from_lane(v, (lane) & 31, 0, mask, __LINE__)
#define __shfl_xor_sync(mask, v, bits) cuda_on_cpu::from_lane(v, cuda_on_cpu::lane() ^ (bits), 0, mask, __LINE__)
#define __shfl_down_sync(mask, v, by) \
  cuda_on_cpu::from_lane(v, cuda_on_cpu::lane() + (int)(by), cuda_on_cpu::lane(), mask, __LINE__)
#define __shfl_up_sync(mask, v, by) \
  cuda_on_cpu::from_lane(v, cuda_on_cpu::lane() - (int)(by), cuda_on_cpu::lane(), mask, __LINE__)
#define mma_tf32(d, a, b) cuda_on_cpu::mma_tf32(d, a, b, __LINE__)

// Of a number and a NaN both give the number, as fminf and fmaxf do.
template <class T> static inline T min(T a, T b) { return b < a || a != a ? b : a; }
template <class T> static inline T max(T a, T b) { return a < b || a != a ? b : a; }

static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
#define __expf expf
#define __logf logf
static inline float __fdividef(float x, float y) { return x / y; }
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((uint64_t)a * b >> 32); }
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)((unsigned __int128)a * b >> 64);
}
template <class T> static T __ldg(const T* at) { return *at; }
template <class To, class From> static To cuda_on_cpu_bits(From x) {
  To bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
static inline int __float_as_int(float x) { return cuda_on_cpu_bits<int>(x); }
static inline float __int_as_float(int x) { return cuda_on_cpu_bits<float>(x); }
static inline unsigned __float_as_uint(float x) { return cuda_on_cpu_bits<unsigned>(x); }
static inline float __uint_as_float(unsigned x) { return cuda_on_cpu_bits<float>(x); }

template <class T> static __attribute__((no_sanitize("thread"))) T atomicAdd(T* at, T value) {
  cuda_on_cpu::touch(at, sizeof(T), true, true);
  T old = *at;
  *at = old + value;
  return old;
}
template <class T> static __attribute__((no_sanitize("thread"))) T atomicMax(T* at, T value) {
  cuda_on_cpu::touch(at, sizeof(T), true, true);
  T old = *at;
  *at = max(old, value);
  return old;
}
