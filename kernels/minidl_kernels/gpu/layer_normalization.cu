// Layer normalization of the rows of x[rows, n]: y = gamma x^ + beta with x^ = (x - mean)/deviation, where deviation is
// sqrt(variance + epsilon), gamma and beta have n numbers or are absent. ROW and FOR_COLUMNS in the prelude say which threads
// have which row.
//
// A row is read three times forward (its sum, the sum of its squared distances, y), the last two times from the cache. All
// in float64 up to the rounding of the result: around a mean of 10,000 float32 has lost four digits of x - mean. Backward
// makes x^ again from x, mean and deviation, which is one array less to write and to read.
//
// Sums within a row: each thread its columns, then the threads by halves. Sums over rows: as in sums.cu. Both float64.

extern "C" __global__ void layer_norm(
    const float* __restrict__ x, const float* __restrict__ gamma, const float* __restrict__ beta, float* __restrict__ y,
    double* __restrict__ mean, double* __restrict__ factor, double epsilon, int rows, int n) {
  __shared__ double shared_sum[ROW_WARPS], shared_squares[ROW_WARPS];
  const int row = ROW, first = row * n;
  if (row >= rows) return;
  double sum = 0.0, squares = 0.0;
  FOR_COLUMNS(c, n) sum += x[first + c];
  const double middle = row_sum(sum, shared_sum) / n;
  FOR_COLUMNS(c, n) {
    const double distance = x[first + c] - middle;
    squares += distance * distance;
  }
  const double scale = 1.0 / sqrt(row_sum(squares, shared_squares) / n + epsilon);
  FOR_COLUMNS(c, n) {
    const double normalised = (x[first + c] - middle) * scale;
    y[first + c] = (float)(normalised * (gamma ? gamma[c] : 1.0f) + (beta ? beta[c] : 0.0f));
  }
  if (threadIdx.x == 0) {
    mean[row] = middle;
    factor[row] = scale;  // 1 / deviation
  }
}

// dx = factor (g - mean of g - x^ mean of (g x^)), with g = dy gamma
extern "C" __global__ void layer_norm_backward(
    const float* __restrict__ dy, const float* __restrict__ x, const float* __restrict__ gamma,
    const double* __restrict__ mean, const double* __restrict__ factor, float* __restrict__ dx, int rows, int n) {
  __shared__ double shared_sum[ROW_WARPS], shared_products[ROW_WARPS];
  const int row = ROW, first = row * n;
  if (row >= rows) return;
  const double middle = mean[row], scale = factor[row];
  double sum = 0.0, products = 0.0;
  FOR_COLUMNS(c, n) {
    const double g = (double)dy[first + c] * (gamma ? gamma[c] : 1.0f);
    sum += g;
    products += g * ((x[first + c] - middle) * scale);
  }
  const double constant = row_sum(sum, shared_sum) / n, along = row_sum(products, shared_products) / n;
  FOR_COLUMNS(c, n) {
    const double g = (double)dy[first + c] * (gamma ? gamma[c] : 1.0f);
    dx[first + c] = (float)((g - constant - (x[first + c] - middle) * scale * along) * scale);
  }
}

// sums[chunks, 2, n]: of dy x^ and of dy over the rows of a chunk, dgamma and dbeta when the chunks are added. A block of
// 32 x 8 threads takes 32 neighbouring columns (y of the grid) and `chunk` rows (x), each warp every eighth row.
extern "C" __global__ void layer_norm_parameters(
    const float* __restrict__ dy, const float* __restrict__ x, const double* __restrict__ mean,
    const double* __restrict__ factor, double* __restrict__ sums, int rows, int n, int chunk) {
  __shared__ double part[2][8][32];
  const int column = blockIdx.y * 32 + threadIdx.x;
  const int first = blockIdx.x * chunk, last = first + chunk < rows ? first + chunk : rows;
  double d_gamma = 0.0, d_beta = 0.0;
  if (column < n)
    for (int row = first + threadIdx.y; row < last; row += 8) {
      const double d = dy[row * n + column];
      d_gamma += d * ((x[row * n + column] - mean[row]) * factor[row]);
      d_beta += d;
    }
  part[0][threadIdx.y][threadIdx.x] = d_gamma;
  part[1][threadIdx.y][threadIdx.x] = d_beta;
  __syncthreads();
  if (threadIdx.y > 1 || column >= n) return;
  double sum = 0.0;  // the first warp adds up dgamma, the second dbeta
  for (int y = 0; y < 8; ++y) sum += part[threadIdx.y][y][threadIdx.x];
  sums[(blockIdx.x * 2 + threadIdx.y) * n + column] = sum;
}
