// Convolution of images as one matrix product that is never written down ("implicit GEMM").
//
// Put what each output pixel sees through its window into a row of a matrix: (pixels, taps * channels). Times the weights,
// (taps * channels, filters), that is the convolution. The matrix is up to taps times as large as the image, so nobody
// builds it: each block gathers just the piece of it that it multiplies next. All three passes are such a product:
//
//   forward           y[pixel, f]   = sum over (tap, c)    x[what the pixel sees, c]       w[tap, c, f]       + bias, rectifier
//   input_gradient    dx[pixel, c]  = sum over (tap, f)    dy[who sees the pixel, f]       w[tap, c, f]
//   weight_gradient   dw[tap c, f]  = sum over pixels      x[what the pixel sees, c]       dy[pixel, f]
//
// Images are [batch, height, width, channels], weights [kh, kw, channels of a group, filters].
//
// A block of 128 threads makes a tile of 64 x 64 results, of one group. It walks along the sum in steps of 16: a[16][64] and
// b[16][64] come to shared memory, every thread multiplies from there. Of 64 + 64 numbers fetched, 64 * 64 products are
// made, so memory is not what it waits for. There are two tiles of each: while one is multiplied, the numbers of the
// next are on their way to registers, and one barrier a step is enough.
//
//   TF32 0   a thread holds 8 x 4 results in registers: 3 reads of 4 numbers from shared memory for 32 multiply-adds.
//   TF32 1   a warp holds 32 x 32 results as 2 x 4 fragments of the tensor cores; factors are rounded to 10 bits.
//   LANES    numbers that a thread fetches at once: 4 if channels and filters of a group come in fours, else 1.
//
// Nobody divides on the way: a place (tap row, tap column, channel) or (image, row, column) is counted on like a clock.

#define TILE 64
#define DEPTH 16
#define THREADS 128
#define FETCHED (TILE * DEPTH / THREADS)  // numbers of each of a and b that a thread brings in a step
#define ACROSS (TILE / LANES)             // threads beside each other along a line of 64; THREADS / ACROSS lines at once
#define LINES (THREADS / ACROSS)

// 8 words more than a line needs: then the 4 lines that a fragment reads lie in different banks of shared memory.
typedef float Tile[DEPTH][TILE + 8];

// Where the number for column i of line k lies. Four lines that are written at once (turned, below) are moved apart by
// 8 words each, so that they too lie in different banks; k is known to the compiler where tiles are read.
__device__ __forceinline__ int moved(int k, int i) { return i ^ (k / 4 % 4 * 8); }

struct Place {
  int high, middle, low;
};

__device__ __forceinline__ void advance(Place& place, int by, int middles, int lows) {
  place.low += by;
  while (place.low >= lows) {
    place.low -= lows;
    if (++place.middle == middles) place.middle = 0, ++place.high;
  }
}

// LANES numbers from an address, or zeros where there is nothing.
__device__ __forceinline__ void fetch(float* to, const float* from, bool there) {
  if constexpr (LANES == 4) {
    const float4 v = there ? *(const float4*)from : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
  } else {
    to[0] = there ? *from : 0.0f;
  }
}

// What was fetched along the lines of a tile goes there: ACROSS threads a line.
__device__ __forceinline__ void keep(Tile& tile, const float* fetched) {
#pragma unroll
  for (int i = 0; i < FETCHED / LANES; ++i) {
    const int k = threadIdx.x / ACROSS + LINES * i;
    float* to = &tile[k][moved(k, threadIdx.x % ACROSS * LANES)];
    if constexpr (LANES == 4)
      *(float4*)to = make_float4(fetched[4 * i], fetched[4 * i + 1], fetched[4 * i + 2], fetched[4 * i + 3]);
    else
      *to = fetched[i];
  }
}

// What was fetched along the sum, LANES steps of it for one column of the tile, is turned.
__device__ __forceinline__ void keep_turned(Tile& tile, const float* fetched) {
  if constexpr (LANES == 1) {
    keep(tile, fetched);
  } else {
#pragma unroll
    for (int i = 0; i < FETCHED; ++i) {
      const int k = threadIdx.x % 4 * 4 + i % 4;
      tile[k][moved(k, threadIdx.x / 4 + THREADS / 4 * (i / 4))] = fetched[i];
    }
  }
}

// acc += a^T b, the part of this thread.
#if TF32
__device__ __forceinline__ void multiply(float (&acc)[32], const Tile& a, const Tile& b) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, row = lane / 4, line = lane % 4;
  const int top = warp % 2 * 32 + row, left = warp / 2 * 32 + row;
#pragma unroll
  for (int k = 0; k < DEPTH; k += 8) {
    float fa[2][4], fb[4][2];
#pragma unroll
    for (int q = 0; q < 8; ++q) {
      const int four = k + q / 2 % 2 * 4;  // the lane's line is one of the four from here on
      fa[q / 4][q % 4] = a[four + line][moved(four, top + q / 4 * 16 + q % 2 * 8)];
    }
#pragma unroll
    for (int q = 0; q < 8; ++q) {
      const int four = k + q % 2 * 4;
      fb[q / 2][q % 2] = b[four + line][moved(four, left + q / 2 * 8)];
    }
#pragma unroll
    for (int i = 0; i < 8; ++i) mma_tf32(&acc[4 * i], fa[i / 4], fb[i % 4]);
  }
}
#else
__device__ __forceinline__ void multiply(float (&acc)[32], const Tile& a, const Tile& b) {
  const int top = threadIdx.x / 16 * 4, left = threadIdx.x % 16 * 4;
#pragma unroll
  for (int k = 0; k < DEPTH; ++k) {
    const float4 upper = *(const float4*)&a[k][moved(k, top)], lower = *(const float4*)&a[k][moved(k, top + 32)];
    const float4 right = *(const float4*)&b[k][moved(k, left)];
    const float fa[8] = {upper.x, upper.y, upper.z, upper.w, lower.x, lower.y, lower.z, lower.w};
    const float fb[4] = {right.x, right.y, right.z, right.w};
#pragma unroll
    for (int i = 0; i < 32; ++i) acc[i] += fa[i / 4] * fb[i % 4];
  }
}
#endif

// The results of a thread lie in runs of neighbours: row and first column in the tile of the run that begins with acc[i].
constexpr int RUN = TF32 ? 2 : 4;

__device__ __forceinline__ int row_of(int i) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  if (TF32) return warp % 2 * 32 + i / 16 * 16 + i / 2 % 2 * 8 + lane / 4;
  return threadIdx.x / 16 * 4 + i / 16 * 32 + i / 4 % 4;
}

__device__ __forceinline__ int column_of(int i) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  return TF32 ? warp / 2 * 32 + i / 4 % 4 * 8 + lane % 4 * 2 : threadIdx.x % 16 * 4;
}

// The tile goes to out[row, column], whose rows are `apart`; out begins at the group. bias may be null.
__device__ __forceinline__ void write(
    float* out, const float* bias, float (&acc)[32], int row, int rows, int column, int columns, int apart, bool rectify) {
  const bool whole = columns % 4 == 0 && apart % 4 == 0;  // then so is each run, and stores of a whole run save time
#pragma unroll
  for (int i = 0; i < 32; i += RUN) {
    const int r = row + row_of(i), c = column + column_of(i);
    if (r >= rows || c >= columns) continue;
#pragma unroll
    for (int j = 0; j < RUN; ++j) {
      if (bias && c + j < columns) acc[i + j] += bias[c + j];
      if (rectify && acc[i + j] < 0.0f) acc[i + j] = 0.0f;  // NaN stays
    }
    float* to = out + r * apart + c;
    if (whole) {
      if constexpr (RUN == 4) *(float4*)to = make_float4(acc[i], acc[i + 1], acc[i + 2], acc[i + 3]);
      else *(float2*)to = make_float2(acc[i], acc[i + 1]);
    } else {
#pragma unroll
      for (int j = 0; j < RUN; ++j)
        if (c + j < columns) to[j] = acc[i + j];
    }
  }
}

// The line of the input that line `out` of the output sees through a tap; negative or too large: none.
__device__ __forceinline__ int seen(int out, int tap, int stride, int dilation, int before) {
  return out * stride - before + tap * dilation;
}

// The line of the output that sees line `in` of the input through a tap; negative or too large: none.
__device__ __forceinline__ int seeing(int in, int tap, int stride, int dilation, int before) {
  const int at = in + before - tap * dilation;
  if (stride == 1) return at;
  return at % stride ? -1 : at / stride;
}

// forward (from = x, to = y) and, BACK, input_gradient (from = dy, to = dx). A block of the grid: 64 pixels (x), 64
// columns (y) of a group (z). channels and columns are those of a group, wide_from and wide_to those of all.
template <bool BACK>
__device__ __forceinline__ void convolve(
    Tile (&a)[2], Tile (&b)[2], const float* __restrict__ from, const float* __restrict__ w,
    const float* __restrict__ bias, float* __restrict__ to, int images, int from_h, int from_w, int channels, int wide_from,
    int to_h, int to_w, int columns, int wide_to, int kh, int kw, int stride_h, int stride_w, int dilation_h,
    int dilation_w, int top, int left, bool rectify) {
  const int t = threadIdx.x, first_pixel = blockIdx.x * TILE, first_column = blockIdx.y * TILE;
  const int pixels = images * to_h * to_w, depth = kh * kw * channels, filters = BACK ? wide_from : wide_to;
  from += blockIdx.z * channels;
  w += blockIdx.z * (BACK ? channels : columns);

  // Along the sum this thread begins at `tap`. Four at once: one place of four, for two pixels; else eight, for one.
  constexpr int HELD = LANES == 4 ? 2 : 1;
  Place tap = {0, 0, 0}, pixel[HELD];
  advance(tap, LANES == 4 ? t % 4 * 4 : t / TILE, kw, channels);
#pragma unroll
  for (int i = 0; i < HELD; ++i) {
    const int p = first_pixel + (LANES == 4 ? t / 4 + THREADS / 4 * i : t % TILE);
    pixel[i] = {p < pixels ? p / (to_h * to_w) : -1, p / to_w % to_h, p % to_w};
  }

  float fa[FETCHED], fb[FETCHED], acc[32] = {};
  auto bring = [&](int step) {
#pragma unroll
    for (int i = 0; i < FETCHED / LANES; ++i) {
      const Place& p = pixel[i % HELD];
      const int y = (BACK ? seeing : seen)(p.middle, tap.high, stride_h, dilation_h, top);
      const int x = (BACK ? seeing : seen)(p.low, tap.middle, stride_w, dilation_w, left);
      const bool there = p.high >= 0 && tap.high < kh && y >= 0 && y < from_h && x >= 0 && x < from_w;
      fetch(&fa[LANES * i], from + ((p.high * from_h + y) * from_w + x) * wide_from + tap.low, there);
      if (BACK) {
        const int column = first_column + (LANES == 4 ? t / 4 + THREADS / 4 * i : t % TILE);
        const float* row = w + ((tap.high * kw + tap.middle) * columns + column) * filters;
        fetch(&fb[LANES * i], row + tap.low, tap.high < kh && column < columns);
      } else {
        const int k = step + t / ACROSS + LINES * i, column = first_column + t % ACROSS * LANES;
        fetch(&fb[LANES * i], w + k * filters + column, k < depth && column < columns);
      }
      if (LANES == 1) advance(tap, LINES, kw, channels);
    }
    if (LANES == 4) advance(tap, DEPTH, kw, channels);
  };

  bring(0);
  for (int step = 0, now = 0; step < depth; step += DEPTH, now ^= 1) {
    keep_turned(a[now], fa);
    if (BACK) keep_turned(b[now], fb);
    else keep(b[now], fb);
    __syncthreads();
    if (step + DEPTH < depth) bring(step + DEPTH);
    multiply(acc, a[now], b[now]);
  }
  const int before = blockIdx.z * columns;
  write(to + before, bias ? bias + before : bias, acc, first_pixel, pixels, first_column, columns, wide_to, rectify);
}

extern "C" __global__ void __launch_bounds__(128, 4) forward(
    const float* __restrict__ x, const float* __restrict__ w, const float* __restrict__ bias, float* __restrict__ y,
    int images, int h, int wide, int channels, int all_channels, int out_h, int out_w, int filters, int all_filters, int kh,
    int kw, int stride_h, int stride_w, int dilation_h, int dilation_w, int top, int left, int rectify) {
  __shared__ __align__(16) Tile a[2], b[2];
  convolve<false>(a, b, x, w, bias, y, images, h, wide, channels, all_channels, out_h, out_w, filters, all_filters, kh, kw,
                  stride_h, stride_w, dilation_h, dilation_w, top, left, rectify);
}

extern "C" __global__ void __launch_bounds__(128, 4) input_gradient(
    const float* __restrict__ dy, const float* __restrict__ w, float* __restrict__ dx,
    int images, int h, int wide, int channels, int all_channels, int out_h, int out_w, int filters, int all_filters, int kh,
    int kw, int stride_h, int stride_w, int dilation_h, int dilation_w, int top, int left) {
  __shared__ __align__(16) Tile a[2], b[2];
  convolve<true>(a, b, dy, w, nullptr, dx, images, out_h, out_w, filters, all_filters, h, wide, channels, all_channels, kh, kw,
                 stride_h, stride_w, dilation_h, dilation_w, top, left, false);
}

// dw[part, tap * channel, filter], each part summed over `share` pixels. A block: 64 rows of dw of a part (x, part after
// part), 64 filters (y) of a group (z). A thread looks through one tap, at one channel or four, from pixel to pixel.
extern "C" __global__ void __launch_bounds__(128, 4) weight_gradient(
    const float* __restrict__ x, const float* __restrict__ dy, float* __restrict__ dw,
    int images, int h, int wide, int channels, int all_channels, int out_h, int out_w, int filters, int all_filters, int kh,
    int kw, int stride_h, int stride_w, int dilation_h, int dilation_w, int top, int left, int share) {
  __shared__ __align__(16) Tile a[2], b[2];
  const int rows = kh * kw * channels, tiles = (rows + TILE - 1) / TILE, part = blockIdx.x / tiles;
  const int first_row = blockIdx.x % tiles * TILE, first_column = blockIdx.y * TILE;
  const int pixels = images * out_h * out_w, first = part * share, last = min(first + share, pixels);
  const int row = first_row + threadIdx.x % ACROSS * LANES, column = first_column + threadIdx.x % ACROSS * LANES;
  const Place tap = {row / channels / kw, row / channels % kw, row % channels};
  int p = first + threadIdx.x / ACROSS;
  Place pixel = {p / (out_h * out_w), p / out_w % out_h, p % out_w};
  x += blockIdx.z * channels + tap.low;
  dy += blockIdx.z * filters + column;

  float fa[FETCHED], fb[FETCHED], acc[32] = {};
  auto bring = [&]() {
#pragma unroll
    for (int i = 0; i < FETCHED / LANES; ++i) {
      const int line = seen(pixel.middle, tap.high, stride_h, dilation_h, top);
      const int place = seen(pixel.low, tap.middle, stride_w, dilation_w, left);
      const bool there = p < last && row < rows && line >= 0 && line < h && place >= 0 && place < wide;
      fetch(&fa[LANES * i], x + ((pixel.high * h + line) * wide + place) * all_channels, there);
      fetch(&fb[LANES * i], dy + p * all_filters, p < last && column < filters);
      p += LINES;
      advance(pixel, LINES, out_h, out_w);
    }
  };

  bring();
  for (int step = first, now = 0; step < last; step += DEPTH, now ^= 1) {
    keep(a[now], fa);
    keep(b[now], fb);
    __syncthreads();
    if (step + DEPTH < last) bring();
    multiply(acc, a[now], b[now]);
  }
  dw += part * rows * all_filters + blockIdx.z * filters;
  write(dw, nullptr, acc, first_row, rows, first_column, filters, all_filters, false);
}
