// The sums of the columns of a matrix x[rows, columns], which lies row by row: the gradient of a bias, and statistics.
//
// A block of 32 x 8 threads takes 32 neighbouring columns (x of the grid) and `chunk` rows (y). Its eight rows of threads take every
// eighth row each, so a warp reads 32 numbers side by side, and add in float64; then the eight sums of a column are added
// in their order. A tall matrix is summed in two launches, first in chunks of rows, then over the chunks. The order of
// additions depends on the shape alone: the same numbers give the same bits.

template <class From, class To>
__device__ __forceinline__ void sum_columns(
    double (&part)[8][32], const From* __restrict__ x, To* __restrict__ sums, int rows, int columns, int chunk) {
  const int column = blockIdx.x * 32 + threadIdx.x;
  const int first = blockIdx.y * chunk, last = min(first + chunk, rows);
  double sum = 0.0;
  if (column < columns)
    for (int row = first + threadIdx.y; row < last; row += 8) sum += x[row * columns + column];
  part[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y == 0 && column < columns) {
    for (int y = 1; y < 8; ++y) sum += part[y][threadIdx.x];
    sums[blockIdx.y * columns + column] = (To)sum;
  }
}

extern "C" __global__ void __launch_bounds__(256)
sums(const float* __restrict__ x, float* __restrict__ sums, int rows, int columns, int chunk) {
  __shared__ double part[8][32];
  sum_columns(part, x, sums, rows, columns, chunk);
}

// sums[chunks, columns] of each chunk
extern "C" __global__ void __launch_bounds__(256)
sums_of_chunks(const float* __restrict__ x, double* __restrict__ sums, int rows, int columns, int chunk) {
  __shared__ double part[8][32];
  sum_columns(part, x, sums, rows, columns, chunk);
}

extern "C" __global__ void __launch_bounds__(256)
sums_of_sums(const double* __restrict__ x, float* __restrict__ sums, int rows, int columns, int chunk) {
  __shared__ double part[8][32];
  sum_columns(part, x, sums, rows, columns, chunk);
}
