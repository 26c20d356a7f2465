// Rows of a table table[words, width], and the gradients of those that were taken.

// y[i] = the row of ids[i], a thread for each number of y. An id that is not in the table cannot be refused here: its row is
// NaN, and shows in the loss.
extern "C" __global__ void look_up(
    const long long* __restrict__ ids, const float* __restrict__ table, float* __restrict__ y,
    int words, int width, int size) {
  FOR_EACH(k, size) {
    const int i = k / width, column = k - i * width;
    const long long id = ids[i];
    y[k] = id >= 0 && id < words ? table[(int)id * width + column] : NAN;
  }
}

// values[r] = the sum of dy[order[k]] for k = starts[r] ... starts[r + 1] - 1: the gradient of a row that was taken there.
// `order` sorts the ids and keeps equal ones in the order of the batch.
//
// Atomic additions, the usual way, come in another order each time and give other digits. Here all gradients of a row are in
// one place, and a block owns them: 32 columns of one row (a long row has several blocks). Its eight warps take every
// eighth gradient each, 32 neighbouring columns at once, so that a word that is everywhere (padding, "the") does not keep
// a single warp busy; they add in float64, and then the eight sums are added in their order. That order is fixed, so the
// bits are.
extern "C" __global__ void sums_of_segments(
    const long long* __restrict__ order, const long long* __restrict__ starts, const float* __restrict__ dy,
    float* __restrict__ values, int width) {
  __shared__ double part[8][32];
  const int pieces = (width + 31) / 32, row = blockIdx.x / pieces;
  const int column = blockIdx.x % pieces * 32 + threadIdx.x;
  const int last = (int)starts[row + 1];
  double sum = 0.0;
  if (column < width)
    for (int k = (int)starts[row] + threadIdx.y; k < last; k += 8) sum += dy[(int)order[k] * width + column];
  part[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y > 0 || column >= width) return;
  for (int y = 1; y < 8; ++y) sum += part[y][threadIdx.x];
  values[row * width + column] = (float)sum;
}
