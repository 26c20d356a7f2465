// Pooling of images [batch, height, width, channels]. Forward, a thread makes one number of y: it goes through its
// window. Backward, a thread makes one number of dx: it goes through the windows that contain it and takes what is
// due from each. So nobody adds to what another one writes, and the order of additions is always the same. Threads beside
// each other take neighbouring channels, so each step is one transaction for a warp. The border is not built:
// cells outside of the image are left out.

struct Cell {
  int image, row, column, channel;
};

__device__ __forceinline__ Cell cell(int i, int h, int w, int channels) {
  const int pixel = i / channels, line = pixel / w;
  return {line / h, line % h, pixel % w, i % channels};
}

// Of a window of `size` cells that begins at `first`, the cells begin .. end-1 lie within 0 .. n-1.
struct Range {
  int begin, end;
};

__device__ __forceinline__ Range inside(int first, int size, int n) { return {max(0, -first), min(size, n - first)}; }

// The windows begin .. end-1, of n, which contain the cell `at`, counted from where the border begins.
__device__ __forceinline__ Range windows(int at, int size, int stride, int n) {
  return {at < size ? 0 : (at - size) / stride + 1, min(at / stride + 1, n)};
}

// winner: the place in the window, row by row, of the first cell that holds the largest number. A NaN is larger than any.
extern "C" __global__ void max_pool(
    const float* __restrict__ x, float* __restrict__ y, unsigned char* __restrict__ winner, int h, int w, int channels,
    int out_h, int out_w, int kh, int kw, int stride_h, int stride_w, int top, int left, int size) {
  FOR_EACH(i, size) {
    const Cell at = cell(i, out_h, out_w, channels);
    const int first = at.row * stride_h - top, side = at.column * stride_w - left;
    const Range rows = inside(first, kh, h), columns = inside(side, kw, w);
    float best = -INFINITY;
    int place = 0;
    for (int k = rows.begin; k < rows.end; ++k)
      for (int l = columns.begin; l < columns.end; ++l) {
        const float v = x[((at.image * h + first + k) * w + side + l) * channels + at.channel];
        if (!(v <= best) && best == best) best = v, place = k * kw + l;
      }
    y[i] = best;
    winner[i] = (unsigned char)place;
  }
}

extern "C" __global__ void max_pool_gradient(
    const float* __restrict__ dy, const unsigned char* __restrict__ winner, float* __restrict__ dx, int h, int w,
    int channels, int out_h, int out_w, int kh, int kw, int stride_h, int stride_w, int top, int left, int size) {
  FOR_EACH(i, size) {
    const Cell at = cell(i, h, w, channels);
    const Range rows = windows(at.row + top, kh, stride_h, out_h), columns = windows(at.column + left, kw, stride_w, out_w);
    float sum = 0.0f;
    for (int row = rows.begin; row < rows.end; ++row)
      for (int column = columns.begin; column < columns.end; ++column) {
        const int place = (at.row + top - row * stride_h) * kw + at.column + left - column * stride_w;
        const int window = ((at.image * out_h + row) * out_w + column) * channels + at.channel;
        if (winner[window] == place) sum += dy[window];
      }
    dx[i] = sum;
  }
}

extern "C" __global__ void average_pool(
    const float* __restrict__ x, float* __restrict__ y, int h, int w, int channels, int out_h, int out_w, int kh, int kw,
    int stride_h, int stride_w, int top, int left, int size) {
  FOR_EACH(i, size) {
    const Cell at = cell(i, out_h, out_w, channels);
    const int first = at.row * stride_h - top, side = at.column * stride_w - left;
    const Range rows = inside(first, kh, h), columns = inside(side, kw, w);
    float sum = 0.0f;
    for (int k = rows.begin; k < rows.end; ++k)
      for (int l = columns.begin; l < columns.end; ++l)
        sum += x[((at.image * h + first + k) * w + side + l) * channels + at.channel];
    y[i] = sum / ((rows.end - rows.begin) * (columns.end - columns.begin));
  }
}

extern "C" __global__ void average_pool_gradient(
    const float* __restrict__ dy, float* __restrict__ dx, int h, int w, int channels, int out_h, int out_w, int kh, int kw,
    int stride_h, int stride_w, int top, int left, int size) {
  FOR_EACH(i, size) {
    const Cell at = cell(i, h, w, channels);
    const Range rows = windows(at.row + top, kh, stride_h, out_h), columns = windows(at.column + left, kw, stride_w, out_w);
    float sum = 0.0f;
    for (int row = rows.begin; row < rows.end; ++row) {
      const Range k = inside(row * stride_h - top, kh, h);
      for (int column = columns.begin; column < columns.end; ++column) {
        const Range l = inside(column * stride_w - left, kw, w);
        const float cells = (k.end - k.begin) * (l.end - l.begin);
        sum += dy[((at.image * out_h + row) * out_w + column) * channels + at.channel] / cells;
      }
    }
    dx[i] = sum;
  }
}
