// simple_rnn, gru and lstm (GATES = 1, 3, 4): everything between x W, one product before, and dW, dU, dx, products after.
//
// Step t needs h of step t - 1, so the T steps of a sample come one after another, and what a step costs is not its
// arithmetic but the waiting: for a launch, for memory, for other threads. Hence `forward` and `backward` go
// through all of time in one launch. A block takes ROWS samples, which know nothing of other samples, so no block waits
// for another. U is read once and stays: four numbers ("a quad") at a time, HELD quads of each thread in registers, the
// rest in shared memory. What a step reads from far away is asked for one step earlier. There is one barrier a step.
//
// A unit has four threads, thread 4 unit + part, neighbours in a warp. They divide the work of a step in two ways:
//
//   h U         thread `part` has every fourth quad of h's numbers, and their weights for all gates of the unit. The four sums of
//               products are then passed around so that thread `part` has the whole of gate `part`: 3 shuffles.
//   the cell    thread `part` bends its own gate, and tells the others. All four then know the new h.
//
//   thread         0              1              2                     3
//   lstm           i              f              g                     o
//   gru            z              r              seen = h U_h + b'_h   x W_h + b_h, then the candidate
//   simple_rnn     z              -              -                     -
//
// Backward, dh = dz U^T has fewer results and more terms: the 16 threads of four units divide their terms, so that
// each has every 16th quad of dz, and the weights of these for four units.
//
// Shapes (N samples, T steps, U units, G gates; row by row, a sample's steps one after another):
//
//   xw [N, T, G U]  x W        tape [N, T, U, 4]  the row of the table above, for the way back (simple_rnn: [N, T, U], h_t)
//   u [U, G U]                 before, cells [N, T, U]  h and c before each step
//   mask [N, T] or null        dz [N, T, G U]; of a gru [N, T, 4 U]: da_z, da_r, da_h, d seen = da_h r
//
// A block computes WIDTH units, a multiple of 32; those that are not there have weights 0. For more units than fit into a
// block, `forward_step` and `backward_step` are the cell of one step, and h U or dz U^T a product of matrices between them.

enum Curve { TANH, SIGMOID, RELU, HARD_SIGMOID, SOFTSIGN, LINEAR };

constexpr int THREADS = 4 * WIDTH;
constexpr int RECORD = GATES == 1 ? 1 : 4;                      // numbers on the tape for a unit and step
constexpr int BLOCKS = GATES == 3 ? 4 : GATES;                  // blocks of columns of dz
constexpr int TERMS = (GATES * WIDTH + 63) / 64 * 64;           // of dz U^T, filled up with zeros to whole quads of 16 threads

// y = a(x)
__device__ __forceinline__ float bend(int curve, float x) {
  if (curve == TANH) return tanhf(x);
  if (curve == SIGMOID) return 1.0f / (1.0f + expf(-x));
  if (curve == RELU) return x <= 0.0f ? 0.0f : x;
  if (curve == HARD_SIGMOID) {
    const float line = x / 6.0f + 0.5f;
    return line <= 0.0f ? 0.0f : line >= 1.0f ? 1.0f : line;
  }
  return curve == SOFTSIGN ? x / (1.0f + fabsf(x)) : x;
}

// d a'(x), from y = a(x) alone
__device__ __forceinline__ float unbend(int curve, float d, float y) {
  if (curve == TANH) return d * (1.0f - y * y);
  if (curve == SIGMOID) return d * y * (1.0f - y);
  if (curve == RELU) return y > 0.0f ? d : 0.0f;
  if (curve == HARD_SIGMOID) return y > 0.0f && y < 1.0f ? d / 6.0f : 0.0f;
  return curve == SOFTSIGN ? d * (1.0f - fabsf(y)) * (1.0f - fabsf(y)) : d;
}

// What thread `part` of this unit's four holds.
__device__ __forceinline__ float from(int part, float value) {
  return __shfl_sync(0xffffffffu, value, (threadIdx.x & 28) | part);
}

// Who a thread is, and where its gate lies.
struct Thread {
  int unit, part;
  int block;   // of columns of xw and dz; the last two of a gru change places
  bool input;  // whether it has a column of xw
};

__device__ __forceinline__ Thread who(int first_unit) {
  const int part = threadIdx.x % 4, block = GATES == 3 && part > 1 ? 5 - part : part;
  return {first_unit + (int)threadIdx.x / 4, part, block, block < GATES};
}

// What is added to the sum of its gate. A gru has b and b' [2, 3U]; b' is with the first three threads.
__device__ __forceinline__ float bias_of(const Thread& me, const float* b, int units) {
  if (!b || me.unit >= units) return 0.0f;
  float sum = me.input ? b[me.block * units + me.unit] : 0.0f;
  if (GATES == 3 && me.part < 3) sum += b[(3 + me.part) * units + me.unit];
  return sum;
}

// One step of a unit. `own` is the sum in front of the curve; h and c become those after the step. Returns what the tape keeps.
__device__ __forceinline__ float advance(int part, float own, int curve, int gate, float& h, float& c) {
#if GATES == 4
  own = bend(part == 2 ? curve : gate, own);
  const float i = from(0, own), f = from(1, own), g = from(2, own), o = from(3, own);
  c = f * c + i * g;
  h = o * bend(curve, c);
  return own;
#elif GATES == 3
  if (part < 2) own = bend(gate, own);
  const float z = from(0, own), r = from(1, own), seen = from(2, own), x = from(3, own);
  const float candidate = bend(curve, x + r * seen);
  h = z * h + (1.0f - z) * candidate;
  return part == 3 ? candidate : own;
#else
  h = from(0, bend(curve, own));
  return h;
#endif
}

// The way back through `advance`: `own` is from the tape, `past` c or (gru) h before the step. dh and dc become the gradients of
// h and c before the step; of dh only what does not come through dz U^T. Returns dz of this thread's gate.
__device__ __forceinline__ float retreat(int part, float own, float past, int curve, int gate, float& dh, float& dc) {
#if GATES == 4
  const float i = from(0, own), f = from(1, own), g = from(2, own), o = from(3, own);
  const float shown = bend(curve, f * past + i * g);
  dc += unbend(curve, dh * o, shown);
  const float d = part == 0 ? dc * g : part == 1 ? dc * past : part == 2 ? dc * i : dh * shown;
  dc *= f, dh = 0.0f;
  return unbend(part == 2 ? curve : gate, d, own);
#elif GATES == 3
  const float z = from(0, own), r = from(1, own), seen = from(2, own), candidate = from(3, own);
  const float d_candidate = unbend(curve, dh * (1.0f - z), candidate);
  const float d = part == 0 ? dh * (past - candidate) : d_candidate * seen;
  dh *= z;
  if (part < 2) return unbend(gate, d, own);
  return part == 2 ? d_candidate * r : d_candidate;
#else
  const float d = unbend(curve, dh, from(0, own));
  dh = 0.0f;
  return d;
#endif
}

// A thread's weights: COUNT quads, the first HELD of them in registers.
template <int COUNT>
struct Quads {
  static constexpr int KEPT = COUNT < HELD ? COUNT : HELD;
  float4 held[KEPT];
  float4* rest;  // in shared memory; neighbouring threads have neighbouring quads
};

template <int COUNT>
__device__ __forceinline__ void set(Quads<COUNT>& q, int m, const float (&w)[4]) {
  const float4 quad = make_float4(w[0], w[1], w[2], w[3]);
  if (m < q.KEPT) q.held[m < q.KEPT ? m : 0] = quad;
  else q.rest[(m - q.KEPT) * THREADS + threadIdx.x] = quad;
}

template <int COUNT>
__device__ __forceinline__ float4 get(const Quads<COUNT>& q, int m) {
  return m < q.KEPT ? q.held[m < q.KEPT ? m : 0] : q.rest[(m - q.KEPT) * THREADS + threadIdx.x];
}

// sum[row][o] += products of every LANES-th quad of v[row] with the quads for o; this thread begins with quad `lane`.
template <int OUT, int LANES, int COUNT>
__device__ __forceinline__ void multiply(
    float (&sum)[ROWS][4], const float* v, int pitch, const Quads<COUNT>& weights, int lane) {
#pragma unroll
  for (int i = 0; i < COUNT / OUT; ++i) {
    float4 a[ROWS];
#pragma unroll
    for (int row = 0; row < ROWS; ++row) a[row] = *(const float4*)(v + row * pitch + 4 * (LANES * i + lane));
#pragma unroll
    for (int o = 0; o < OUT; ++o) {
      const float4 w = get(weights, i * OUT + o);
#pragma unroll
      for (int row = 0; row < ROWS; ++row)
        sum[row][o] += a[row].x * w.x + a[row].y * w.y + a[row].z * w.z + a[row].w * w.w;
    }
  }
}

// The four threads whose numbers differ in the bits `far` and `near` add up their four sums, and each takes one
// of the results: sum[0], the one with both bits sum[3]. What it has no use for it sends off, and gets what it needs.
__device__ __forceinline__ float scatter(const float (&sum)[4], int far, int near) {
  const bool second = threadIdx.x & far, odd = threadIdx.x & near;
  float a = second ? sum[2] : sum[0], b = second ? sum[3] : sum[1];
  a += __shfl_xor_sync(0xffffffffu, second ? sum[0] : sum[2], far);
  b += __shfl_xor_sync(0xffffffffu, second ? sum[1] : sum[3], far);
  return (odd ? b : a) + __shfl_xor_sync(0xffffffffu, odd ? a : b, near);
}

// Where what a step leaves behind goes; `at` is its place in [N, T, U].
__device__ __forceinline__ void leave(
    int part, int at, float kept, float h_before, float c_before, float* tape, float* before, float* cells) {
  if (!tape) return;
  if (part < RECORD) tape[at * RECORD + part] = kept;
  if (part == 0) before[at] = h_before;
  if (part == 1 && GATES == 4) cells[at] = c_before;
}

extern "C" __global__ void __launch_bounds__(4 * WIDTH, 1) forward(
    const float* __restrict__ xw, const float* __restrict__ u, const float* __restrict__ b, const float* __restrict__ h0,
    const float* __restrict__ c0, const bool* __restrict__ mask, float* __restrict__ tape, float* __restrict__ before,
    float* __restrict__ cells, float* __restrict__ y, float* __restrict__ c_last,
    int batch, int steps, int units, int sequences, int curve, int gate) {
  __shared__ __align__(16) float shared_h[2][ROWS][WIDTH];  // a step reads one of the two and writes the other
  DYNAMIC_SHARED(float4, rest);
  const Thread me = who(0);
  const int first = blockIdx.x * ROWS, unit = me.unit, part = me.part;
  const float bias = bias_of(me, b, units);

  Quads<GATES * WIDTH / 16> weights;
  weights.rest = rest;
#pragma unroll
  for (int m = 0; m < GATES * WIDTH / 16; ++m) {
    const int k = 16 * (m / GATES) + 4 * part, column = m % GATES * units + unit;
    float w[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) w[i] = unit < units && k + i < units ? u[(k + i) * GATES * units + column] : 0.0f;
    set(weights, m, w);
  }

  float h[ROWS], c[ROWS], next[ROWS];
  bool counts[ROWS];
#pragma unroll
  for (int row = 0; row < ROWS; ++row) {
    const int n = first + row;
    const bool here = n < batch && unit < units;
    h[row] = here ? h0[n * units + unit] : 0.0f;
    c[row] = GATES == 4 && here ? c0[n * units + unit] : 0.0f;
    next[row] = here && me.input ? xw[(n * steps * GATES + me.block) * units + unit] : 0.0f;
    counts[row] = !mask || (n < batch && mask[n * steps]);
    if (part == 0) shared_h[0][row][unit] = h[row];
  }
  __syncthreads();

  for (int t = 0; t < steps; ++t) {
    float sum[ROWS][4], own[ROWS];
    bool now[ROWS];
#pragma unroll
    for (int row = 0; row < ROWS; ++row) {
      const int n = first + row;
      sum[row][0] = sum[row][1] = sum[row][2] = sum[row][3] = 0.0f;
      own[row] = next[row] + bias, now[row] = counts[row];
      if (t + 1 < steps && n < batch && unit < units) {
        if (me.input) next[row] = xw[((n * steps + t + 1) * GATES + me.block) * units + unit];
        if (mask) counts[row] = mask[n * steps + t + 1];
      }
    }
    multiply<GATES, 4>(sum, shared_h[t % 2][0], WIDTH, weights, part);
#pragma unroll
    for (int row = 0; row < ROWS; ++row) {
      const int n = first + row, at = (n * steps + t) * units + unit;
      const bool here = n < batch && unit < units;
      float h_new = h[row], c_new = c[row];
      const float kept = advance(part, own[row] + scatter(sum[row], 2, 1), curve, gate, h_new, c_new);
      if (here) leave(part, at, kept, h[row], c[row], tape, before, cells);
      if (now[row]) h[row] = h_new, c[row] = c_new;
      if (part == 2) shared_h[(t + 1) % 2][row][unit] = unit < units ? h[row] : 0.0f;
      if (here && part == 3 && sequences) y[at] = h[row];
    }
    __syncthreads();
  }
#pragma unroll
  for (int row = 0; row < ROWS; ++row) {
    const int n = first + row;
    if (n >= batch || unit >= units) continue;
    if (part == 0 && !sequences) y[n * units + unit] = h[row];
    if (part == 1 && GATES == 4) c_last[n * units + unit] = c[row];
  }
}

// dy [N, T, U], or that of the last step alone, [N, U]; past: `cells` or `before`; d_last that of c_last, or null.
extern "C" __global__ void __launch_bounds__(4 * WIDTH, 1) backward(
    const float* __restrict__ dy, const float* __restrict__ d_last, const float* __restrict__ u, const bool* __restrict__ mask,
    const float* __restrict__ tape, const float* __restrict__ past, float* __restrict__ dz, float* __restrict__ dh0,
    float* __restrict__ dc0, int batch, int steps, int units, int sequences, int curve, int gate) {
  __shared__ __align__(16) float shared_dz[2][ROWS][TERMS];  // a step writes one of the two, the next one the other
  DYNAMIC_SHARED(float4, rest);
  const Thread me = who(0);
  const int first = blockIdx.x * ROWS, unit = me.unit, part = me.part, lane = threadIdx.x % 16;

  Quads<TERMS / 16> weights;  // of the units unit / 4 * 4 + 0 .. 3
  weights.rest = rest;
#pragma unroll
  for (int m = 0; m < TERMS / 16; ++m) {
    const int term = 64 * (m / 4) + 4 * lane, row = unit / 4 * 4 + m % 4;
    float w[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int g = (term + i) / WIDTH, k = (term + i) % WIDTH;
      w[i] = row < units && k < units && g < GATES ? u[(row * GATES + g) * units + k] : 0.0f;
    }
    set(weights, m, w);
  }
  float* all = shared_dz[0][0];
  for (int i = threadIdx.x; i < 2 * ROWS * TERMS; i += THREADS) all[i] = 0.0f;

  float dh[ROWS], dc[ROWS], own[ROWS], old[ROWS], dy_now[ROWS];
  bool counts[ROWS];
#pragma unroll
  for (int row = 0; row < ROWS; ++row) {
    const int n = first + row;
    const bool here = n < batch && unit < units;
    dh[row] = here && !sequences ? dy[n * units + unit] : 0.0f;
    dc[row] = here && GATES == 4 ? d_last[n * units + unit] : 0.0f;
    const int at = (n * steps + steps - 1) * units + unit;
    own[row] = here && part < RECORD ? tape[at * RECORD + part] : 0.0f;
    old[row] = here && GATES > 1 ? past[at] : 0.0f;
    dy_now[row] = here && sequences ? dy[at] : 0.0f;
    counts[row] = !mask || (n < batch && mask[n * steps + steps - 1]);
  }
  __syncthreads();

  for (int t = steps - 1; t >= 0; --t) {
#pragma unroll
    for (int row = 0; row < ROWS; ++row) {
      const int n = first + row, at = (n * steps + t) * units + unit;
      const bool here = n < batch && unit < units;
      dh[row] += dy_now[row];
      float dh_new = dh[row], dc_new = dc[row];
      float d = retreat(part, own[row], old[row], curve, gate, dh_new, dc_new);
      if (counts[row]) dh[row] = dh_new, dc[row] = dc_new;
      else d = 0.0f;
      if (here && part < GATES) shared_dz[t % 2][row][part * WIDTH + unit] = d;
      if (here && part < BLOCKS) dz[((n * steps + t) * BLOCKS + me.block) * units + unit] = d;
      if (here && t > 0) {
        if (part < RECORD) own[row] = tape[(at - units) * RECORD + part];
        if (GATES > 1) old[row] = past[at - units];
        if (sequences) dy_now[row] = dy[at - units];
        if (mask) counts[row] = mask[n * steps + t - 1];
      }
    }
    __syncthreads();
    float sum[ROWS][4];
#pragma unroll
    for (int row = 0; row < ROWS; ++row) sum[row][0] = sum[row][1] = sum[row][2] = sum[row][3] = 0.0f;
    multiply<4, 16>(sum, shared_dz[t % 2][0], TERMS, weights, lane);
#pragma unroll
    for (int row = 0; row < ROWS; ++row) {
      float through = scatter(sum[row], 8, 4);  // the other two bits are `part`
      through += __shfl_xor_sync(0xffffffffu, through, 2);
      dh[row] += through + __shfl_xor_sync(0xffffffffu, through, 1);
    }
  }
#pragma unroll
  for (int row = 0; row < ROWS; ++row) {
    const int n = first + row;
    if (n >= batch || unit >= units) continue;
    if (part == 0) dh0[n * units + unit] = dh[row];
    if (part == 1 && GATES == 4) dc0[n * units + unit] = dc[row];
  }
}

// Step t of all samples, hu [N, G U] being h U. A block takes 64 units of one sample. before[:, t] and cells[:, t] are there;
// what comes after the step goes to t + 1, and after the last one to y and c_last.
extern "C" __global__ void __launch_bounds__(256) forward_step(
    const float* __restrict__ xw, const float* __restrict__ hu, const float* __restrict__ b, const bool* __restrict__ mask,
    float* __restrict__ tape, float* __restrict__ before, float* __restrict__ cells, float* __restrict__ y,
    float* __restrict__ c_last, int t, int steps, int units, int sequences, int curve, int gate) {
  const Thread me = who(blockIdx.y * 64);
  const int n = blockIdx.x, unit = me.unit, part = me.part, step = n * steps + t, at = step * units + unit;
  const bool here = unit < units;
  float own = bias_of(me, b, units), h = here ? before[at] : 0.0f, c = here && GATES == 4 ? cells[at] : 0.0f;
  if (here && me.input) own += xw[(step * GATES + me.block) * units + unit];
  if (here && part < GATES) own += hu[(n * GATES + part) * units + unit];
  float h_new = h, c_new = c;
  const float kept = advance(part, own, curve, gate, h_new, c_new);
  if (!mask || mask[step]) h = h_new, c = c_new;
  if (!here) return;
  if (tape && part < RECORD) tape[at * RECORD + part] = kept;
  const bool last = t + 1 == steps;
  if (part == 0 && !last) before[at + units] = h;
  if (part == 1 && GATES == 4) *(last ? c_last + n * units + unit : cells + at + units) = c;
  if (part == 2 && sequences) y[at] = h;
  if (part == 2 && !sequences && last) y[n * units + unit] = h;
}

// The way back through step t. `through` [N, U] is dz U^T of step t + 1, or null; dh and dc [N, U] are all else, and become
// what they are before the step.
extern "C" __global__ void __launch_bounds__(256) backward_step(
    const float* __restrict__ dy, const float* __restrict__ through, const bool* __restrict__ mask, const float* __restrict__ tape,
    const float* __restrict__ past, float* __restrict__ dh, float* __restrict__ dc, float* __restrict__ dz,
    int t, int steps, int units, int curve, int gate) {
  const Thread me = who(blockIdx.y * 64);
  const int n = blockIdx.x, unit = me.unit, part = me.part, step = n * steps + t, at = step * units + unit;
  const int place = n * units + unit;
  const bool here = unit < units;
  float dh_old = 0.0f, dc_old = 0.0f;
  if (here && part == 0) dh_old = dh[place] + (through ? through[place] : 0.0f) + (dy ? dy[at] : 0.0f);
  if (here && part == 1 && GATES == 4) dc_old = dc[place];
  dh_old = from(0, dh_old), dc_old = from(1, dc_old);  // who reads them also writes them
  float dh_new = dh_old, dc_new = dc_old;
  const float own = here && part < RECORD ? tape[at * RECORD + part] : 0.0f;
  float d = retreat(part, own, here && GATES > 1 ? past[at] : 0.0f, curve, gate, dh_new, dc_new);
  if (mask && !mask[step]) d = 0.0f, dh_new = dh_old, dc_new = dc_old;
  if (!here) return;
  if (part < BLOCKS) dz[(step * BLOCKS + me.block) * units + unit] = d;
  if (part == 0) dh[place] = dh_new;
  if (part == 1 && GATES == 4) dc[place] = dc_new;
}
