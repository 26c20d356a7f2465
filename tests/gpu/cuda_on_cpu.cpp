// How cuda_on_cpu.h runs a kernel: the threads of a block as fibers, and in race mode the watch over memory.
#include "cuda_on_cpu.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <vector>

// The loader's marks: where this library begins and ends in memory, and its section with all __shared__ variables.
extern "C" char __ehdr_start[] __attribute__((visibility("hidden")));
extern "C" char _end[] __attribute__((visibility("hidden")));
extern "C" char __start_cuda_shared[] __attribute__((weak, visibility("hidden")));
extern "C" char __stop_cuda_shared[] __attribute__((weak, visibility("hidden")));

namespace cuda_on_cpu {

// --- 1. fibers ------------------------------------------------------------------------------------------------------

struct Fiber : Thread {
  ucontext_t beginning;
  jmp_buf here;
  bool begun;
  State state;
  int line;  // of the barrier it waits at
};

constexpr int most_threads = 1024;
constexpr size_t stack_bytes = 64 << 10;

Thread* self;
dim3 grid_dim, block_dim, block_idx;
float* dynamic_shared;

static Fiber fibers[most_threads];
static Fiber* running;  // that is self; null outside of kernels
static jmp_buf scheduler;
static char* stacks;
static int block_number;
static std::vector<float> dynamic_shared_memory;
static std::string complaint;
static void (*body)();

// setjmp and longjmp change from stack to stack without asking the system; only the first step onto one does.
static void resume(Fiber& fiber) {
  self = running = &fiber;
  if (_setjmp(scheduler) == 0) {
    if (fiber.begun) _longjmp(fiber.here, 1);
    fiber.begun = true;
    setcontext(&fiber.beginning);
  }
  self = running = nullptr;
}

void wait(State barrier, int line) {
  running->state = barrier;
  running->line = line;
  if (_setjmp(running->here) == 0) _longjmp(scheduler, 1);
}

static void enter() {
  body();
  running->state = finished;
  _longjmp(scheduler, 1);
}

Thread& lane_of_warp(int lane) { return fibers[self->number / warp_size * warp_size + lane]; }

// Leaves the kernel for good: what the thread was about to do might end the process.
[[noreturn]] void give_up(const char* what) {
  complaint = "thread " + std::to_string(self->number) + " of block " + std::to_string(block_number) + " " + what;
  _longjmp(scheduler, 1);
}

// --- 2. a block, a grid ---------------------------------------------------------------------------------------------

static int phase, warp_phases[most_threads / warp_size];  // barriers passed so far: by the block, by each warp

// Fibers first .. last-1 go on, if all of them wait at the same barrier.
static bool pass(int first, int last, State barrier) {
  for (int i = first; i < last; ++i)
    if (fibers[i].state != barrier || fibers[i].line != fibers[first].line) return false;
  for (int i = first; i < last; ++i) fibers[i].state = ready;
  ++(barrier == at_block_barrier ? phase : warp_phases[first / warp_size]);
  return true;
}

static void begin_block(int threads) {
  if (__start_cuda_shared) memset(__start_cuda_shared, 0xff, __stop_cuda_shared - __start_cuda_shared);
  std::fill(dynamic_shared_memory.begin(), dynamic_shared_memory.end(), NAN);
  for (int i = 0; i < threads; ++i) {
    Fiber& fiber = fibers[i];
    fiber.number = i;
    fiber.index = {i % block_dim.x, i / block_dim.x % block_dim.y, i / block_dim.x / block_dim.y};
    fiber.state = ready;
    fiber.begun = false;
    getcontext(&fiber.beginning);
    fiber.beginning.uc_stack.ss_sp = stacks + i * stack_bytes;
    fiber.beginning.uc_stack.ss_size = stack_bytes;
    fiber.beginning.uc_link = nullptr;
    makecontext(&fiber.beginning, enter, 0);
  }
}

static void run_warp(int first, int last, const std::vector<int>& order) {
  do {
    for (int i : order)
      if (i >= first && i < last && fibers[i].state == ready) {
        resume(fibers[i]);
        if (!complaint.empty()) return;
      }
  } while (pass(first, last, at_warp_barrier));
}

static void run_block(const std::vector<int>& order) {
  const int threads = (int)order.size();
  begin_block(threads);
  do {
    for (int i : order)
      if (i % warp_size == 0 && complaint.empty()) run_warp(i, std::min(i + warp_size, threads), order);
    if (!complaint.empty()) return;
  } while (pass(0, threads, at_block_barrier));
  for (int i = 0; i < threads; ++i)
    if (fibers[i].state != finished) {
      complaint = "thread " + std::to_string(i) + " of block " + std::to_string(block_number) + " waits at a barrier in line " +
                  std::to_string(fibers[i].line) + " that not all of its " +
                  (fibers[i].state == at_warp_barrier ? "warp" : "block") + " come to";
      return;
    }
}

// 0 .. n-1, ascending for order 0, descending for 1, else shuffled.
static std::vector<int> numbers(size_t n, unsigned order) {
  std::vector<int> all(n);
  std::iota(all.begin(), all.end(), 0);
  std::mt19937 random(order);
  if (order == 1) std::reverse(all.begin(), all.end());
  if (order > 1) std::shuffle(all.begin(), all.end(), random);
  return all;
}

static void watch_shared();

const char* run_grid(void (*kernel)(), const unsigned* sizes, size_t shared_bytes, unsigned order) {
  body = kernel;
  grid_dim = {sizes[0], sizes[1], sizes[2]};
  block_dim = {sizes[3], sizes[4], sizes[5]};
  dynamic_shared_memory.assign((shared_bytes + 3) / 4, NAN);
  dynamic_shared = dynamic_shared_memory.data();
  if (!stacks) {
    int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    stacks = (char*)mmap(nullptr, most_threads * stack_bytes, PROT_READ | PROT_WRITE, kind, -1, 0);
  }
  watch_shared();
  phase = 0;
  std::fill(std::begin(warp_phases), std::end(warp_phases), 0);
  complaint.clear();
  const auto threads = numbers((size_t)sizes[3] * sizes[4] * sizes[5], order);
  for (int b : numbers((size_t)sizes[0] * sizes[1] * sizes[2], order)) {
    block_number = b;
    block_idx = {b % grid_dim.x, b / grid_dim.x % grid_dim.y, b / grid_dim.x / grid_dim.y};
    run_block(threads);
    if (!complaint.empty()) break;
  }
  return complaint.c_str();
}

// --- 3. race mode: every access to memory ---------------------------------------------------------------------------

struct Access {
  int block = -1, phase, warp_phase;
  short thread;
  bool atomic;
};

// What was last done to four bytes (in arrays of smaller elements: to one element). Of readers, four are kept: the last
// one, the last other thread, the last in another warp and in another block. So whoever writes meets one that is
// not himself and not ordered by a barrier of his own, if there is any.
struct Cell { Access write, read[4]; };

struct Region {
  int number;                            // of the argument
  uintptr_t begin, end;                  // the array
  uintptr_t surrounded_from, surrounded_to;  // with the guards around it
  int unit;                              // bytes a cell
  bool constant;
  std::vector<Cell> cells;
};

static std::vector<Region> arguments;
static Region static_shared, every_dynamic_shared;

static bool in(const void* begin, const void* end, uintptr_t at) { return at >= (uintptr_t)begin && at < (uintptr_t)end; }

// May the access `now` come at the same time as `other`, and does it matter?
static bool clash(const Access& now, const Access& other, bool shared) {
  if (other.block < 0 || (other.atomic && now.atomic)) return false;
  if (other.block != now.block) return !shared;  // shared memory is another one in each block
  if (other.thread == now.thread || other.phase != now.phase) return false;
  return other.thread / warp_size != now.thread / warp_size || other.warp_phase == now.warp_phase;
}

static void remember(Cell& cell, const Access& now, bool writes) {
  if (writes) {
    cell.write = now;
    return;
  }
  const Access last = cell.read[0];
  if (last.block != now.block) cell.read[3] = last;
  else if (last.thread / warp_size != now.thread / warp_size) cell.read[2] = last;
  if (last.block != now.block || last.thread != now.thread) cell.read[1] = last;
  cell.read[0] = now;
}

static void look(Region& region, const std::string& name, uintptr_t at, int bytes, bool writes, bool atomic, bool shared) {
  const std::string does = writes ? "writes " : "reads ";
  if (at < region.begin || at + bytes > region.end) give_up((does + name + " outside of its bounds").c_str());
  if (writes && region.constant) give_up(("writes to " + name + ", which is const").c_str());
  Access now;
  now.block = block_number, now.phase = phase, now.warp_phase = warp_phases[self->number / warp_size];
  now.thread = (short)self->number, now.atomic = atomic;
  const size_t first = (at - region.begin) / region.unit, last = (at - region.begin + bytes - 1) / region.unit;
  for (size_t i = first; i <= last; ++i) {
    Cell& cell = region.cells[i];
    const Access* other = clash(now, cell.write, shared) ? &cell.write : nullptr;
    if (writes)
      for (const Access& read : cell.read)
        if (clash(now, read, shared)) other = &read;
    if (other)
      give_up((does + name + " while thread " + std::to_string(other->thread) + " of block " + std::to_string(other->block) +
               (other == &cell.write ? " wrote" : " read") + " it, with no barrier between").c_str());
    remember(cell, now, writes);
  }
}

void touch(const void* address, int bytes, bool writes, bool atomic) {
  if (!self) return;
  const uintptr_t at = (uintptr_t)address;
  if (in(stacks, stacks + most_threads * stack_bytes, at)) return;
  if (in(__start_cuda_shared, __stop_cuda_shared, at)) {
    look(static_shared, "shared memory", at, bytes, writes, atomic, true);
  } else if (in(dynamic_shared, dynamic_shared + dynamic_shared_memory.size(), at)) {
    look(every_dynamic_shared, "dynamic shared memory", at, bytes, writes, atomic, true);
  } else if (!in(__ehdr_start, _end, at)) {  // variables of this library
    size_t i = 0;
    while (i < arguments.size() && (at < arguments[i].surrounded_from || at >= arguments[i].surrounded_to)) ++i;
    if (i == arguments.size()) give_up(writes ? "writes memory that is nobody's" : "reads memory that is nobody's");
    look(arguments[i], "argument " + std::to_string(arguments[i].number), at, bytes, writes, atomic, false);
  }
}

const char* sentence(const Word* words, int count) {
  static std::string all;
  all.clear();
  for (const Word* word = words; word < words + count; ++word) {
    if (word->pointer) all += word->constant ? "r " : "w ";
    all += word->kind == 'b' ? "bool" : word->kind == 'f' ? "float" : word->kind == 'i' ? "int" : "uint";
    if (word->kind != 'b') all += std::to_string(8 * word->bytes);
    all += ",";
  }
  return all.c_str();
}

static Region region(int number, uintptr_t begin, size_t bytes, size_t guard, int unit, bool constant) {
  Region made{number, begin, begin + bytes, begin - guard, begin + bytes + guard, unit, constant, {}};
  made.cells.resize(bytes / unit + 1);
  return made;
}

static void watch_shared() {
  size_t bytes = __start_cuda_shared ? __stop_cuda_shared - __start_cuda_shared : 0;
  static_shared = region(-1, (uintptr_t)__start_cuda_shared, bytes, 0, 4, false);
  every_dynamic_shared = region(-1, (uintptr_t)dynamic_shared, 4 * dynamic_shared_memory.size(), 0, 4, false);
}

}  // namespace cuda_on_cpu

// --- 4. for Python, and for the compiler in race mode ---------------------------------------------------------

extern "C" {
void cuda_on_cpu_forget() { cuda_on_cpu::arguments.clear(); }
void cuda_on_cpu_watch(int number, uintptr_t begin, size_t bytes, size_t guard, int unit, int constant) {
  cuda_on_cpu::arguments.push_back(cuda_on_cpu::region(number, begin, bytes, guard, unit, constant));
}

// What the compiler calls in race mode.
#define CUDA_ON_CPU_ACCESS(bytes)                                                                  \
  void __tsan_read##bytes(void* at) { cuda_on_cpu::touch(at, bytes, false, false); }               \
  void __tsan_write##bytes(void* at) { cuda_on_cpu::touch(at, bytes, true, false); }               \
  void __tsan_unaligned_read##bytes(void* at) { cuda_on_cpu::touch(at, bytes, false, false); }     \
  void __tsan_unaligned_write##bytes(void* at) { cuda_on_cpu::touch(at, bytes, true, false); }
CUDA_ON_CPU_ACCESS(1) CUDA_ON_CPU_ACCESS(2) CUDA_ON_CPU_ACCESS(4) CUDA_ON_CPU_ACCESS(8) CUDA_ON_CPU_ACCESS(16)
void __tsan_read_range(void* at, size_t bytes) { cuda_on_cpu::touch(at, (int)bytes, false, false); }
void __tsan_write_range(void* at, size_t bytes) { cuda_on_cpu::touch(at, (int)bytes, true, false); }
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
char __tsan_atomic8_load(const volatile char* at, int) { return *at; }  // guards static variables

// And what -fsanitize=alignment,bounds calls when it has found something; `where` begins with the place in the source.
struct CudaOnCpuPlace { const char* file; unsigned line, column; };
void __ubsan_handle_type_mismatch_v1(const CudaOnCpuPlace* where, void*) {
  if (cuda_on_cpu::self)
    cuda_on_cpu::give_up(("takes a float4 or the like from an odd address, line " + std::to_string(where->line)).c_str());
}
void __ubsan_handle_out_of_bounds(const CudaOnCpuPlace* where, void*) {
  cuda_on_cpu::give_up(("goes beyond a row of an array, line " + std::to_string(where->line)).c_str());
}
}
