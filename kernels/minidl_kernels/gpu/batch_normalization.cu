// Batch normalization of a matrix x[rows, features]: y = gamma (x - mean) / sqrt(variance + epsilon) + beta.
//
// Three launches forward, and three of the same form backward:
//   1. sums over chunks of rows. A block of 32 x 8 threads takes 32 features (y of the grid) and `chunk` rows (x): a
//      warp reads 32 neighbours. Two sums at a time, in float64, written as sums[2, chunks, features].
//   2. a block of the same form adds the chunks of 32 features up, and makes what step 3 needs of each feature.
//   3. a thread for each number. Two or three numbers of memory traffic each, and that is all its time.
// Forward reads x twice and backward x and dy twice, which is the least that a sum before each result allows.
//
// The variance comes from sums of d and d d, d = x - x[0]: the deviation from the first row. So a large mean does not drown
// it, as it would in sums of x x; and the difference of the two, in float64, keeps what float32 can hold.

// The sums of first(i) and second(i) along the lines begin .. end-1 of a feature. The eight threads of a feature take
// every eighth line each; the first of them gets both sums, and true.
template <class First, class Second>
__device__ __forceinline__ bool sum_lines(
    double (&part)[2][8][32], First first, Second second, int begin, int end, int features, int feature, double (&sums)[2]) {
  double one = 0.0, two = 0.0;
  if (feature < features)
    for (int line = begin + threadIdx.y; line < end; line += 8) {
      one += first(line * features + feature);
      two += second(line * features + feature);
    }
  part[0][threadIdx.y][threadIdx.x] = one;
  part[1][threadIdx.y][threadIdx.x] = two;
  __syncthreads();
  if (threadIdx.y > 0 || feature >= features) return false;
  for (int which = 0; which < 2; ++which) {
    sums[which] = 0.0;
    for (int y = 0; y < 8; ++y) sums[which] += part[which][y][threadIdx.x];
  }
  return true;
}

// The same for a block's chunk of rows, to sums[2, chunks, features].
template <class First, class Second>
__device__ __forceinline__ void sum_chunk(
    double (&part)[2][8][32], double* __restrict__ sums, First first, Second second, int rows, int features, int chunk) {
  const int feature = blockIdx.y * 32 + threadIdx.x, begin = blockIdx.x * chunk;
  double both[2];
  if (!sum_lines(part, first, second, begin, min(begin + chunk, rows), features, feature, both)) return;
  sums[blockIdx.x * features + feature] = both[0];
  sums[(gridDim.x + blockIdx.x) * features + feature] = both[1];
}

// The same over what the chunks came to.
__device__ __forceinline__ bool sum_chunks(
    double (&part)[2][8][32], const double* __restrict__ sums, int chunks, int features, int feature, double (&both)[2]) {
  auto first = [&](int i) { return sums[i]; };
  auto second = [&](int i) { return sums[chunks * features + i]; };
  return sum_lines(part, first, second, 0, chunks, features, feature, both);
}

extern "C" __global__ void __launch_bounds__(256)
deviations(const float* __restrict__ x, double* __restrict__ sums, int rows, int features, int chunk) {
  __shared__ double part[2][8][32];
  const double base = x[min((int)(blockIdx.y * 32 + threadIdx.x), features - 1)];
  auto once = [&](int i) { return x[i] - base; };
  auto twice = [&](int i) { return (x[i] - base) * (x[i] - base); };
  sum_chunk(part, sums, once, twice, rows, features, chunk);
}

// moments[2, features]: mean and sqrt(variance + epsilon), which backward reads too; mean and variance as they are returned.
extern "C" __global__ void __launch_bounds__(256) statistics(
    const double* __restrict__ sums, const float* __restrict__ x, double* __restrict__ moments, float* __restrict__ mean,
    float* __restrict__ variance, double epsilon, int chunks, int rows, int features) {
  __shared__ double part[2][8][32];
  const int f = blockIdx.y * 32 + threadIdx.x;
  double both[2];
  if (!sum_chunks(part, sums, chunks, features, f, both)) return;
  const double shift = both[0] / rows, rounded = both[1] / rows - shift * shift;
  const double spread = rounded < 0.0 ? 0.0 : rounded;  // NaN stays, which max would take for 0
  moments[f] = x[f] + shift;
  moments[features + f] = sqrt(spread + epsilon);
  mean[f] = (float)(x[f] + shift);
  variance[f] = (float)spread;
}

// gamma and beta may be null: 1 and 0.
extern "C" __global__ void normalise(
    const float* __restrict__ x, const double* __restrict__ moments, const float* __restrict__ gamma,
    const float* __restrict__ beta, float* __restrict__ y, int features, int size) {
  FOR_EACH(i, size) {
    const int f = i % features;
    const float away = (float)(x[i] - moments[f]), scale = gamma ? gamma[f] : 1.0f;
    y[i] = away * (scale / (float)moments[features + f]) + (beta ? beta[f] : 0.0f);
  }
}

extern "C" __global__ void __launch_bounds__(256)
products(const float* __restrict__ dy, const float* __restrict__ x, const double* __restrict__ moments,
         double* __restrict__ sums, int rows, int features, int chunk) {
  __shared__ double part[2][8][32];
  const double mean = moments[min((int)(blockIdx.y * 32 + threadIdx.x), features - 1)];
  auto plain = [&](int i) { return (double)dy[i]; };
  auto product = [&](int i) { return dy[i] * (x[i] - mean); };
  sum_chunk(part, sums, plain, product, rows, features, chunk);
}

// coefficients[3, features]: dx = [0] dy + [1] (x - mean) + [2]. d_mean and d_variance: what reaches the statistics themselves.
extern "C" __global__ void __launch_bounds__(256) gradients(
    const double* __restrict__ sums, const double* __restrict__ moments, const float* __restrict__ gamma,
    const float* __restrict__ d_mean, const float* __restrict__ d_variance, float* __restrict__ coefficients,
    float* __restrict__ d_gamma, float* __restrict__ d_beta, int chunks, int rows, int features) {
  __shared__ double part[2][8][32];
  const int f = blockIdx.y * 32 + threadIdx.x;
  double both[2];
  if (!sum_chunks(part, sums, chunks, features, f, both)) return;
  const double deviation = moments[features + f], direct = (gamma ? gamma[f] : 1.0f) / deviation;
  const double sum = both[0], product = both[1] / deviation;
  coefficients[f] = (float)direct;
  coefficients[features + f] = (float)((2.0 * d_variance[f] - direct * product / deviation) / rows);
  coefficients[2 * features + f] = (float)((d_mean[f] - direct * sum) / rows);
  d_gamma[f] = (float)product;
  d_beta[f] = (float)sum;
}

extern "C" __global__ void input_gradient(
    const float* __restrict__ dy, const float* __restrict__ x, const double* __restrict__ moments,
    const float* __restrict__ coefficients, float* __restrict__ dx, int features, int size) {
  FOR_EACH(i, size) {
    const int f = i % features;
    const float away = (float)(x[i] - moments[f]);
    dx[i] = coefficients[f] * dy[i] + coefficients[features + f] * away + coefficients[2 * features + f];
  }
}
