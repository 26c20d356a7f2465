// Softmax of the rows of a matrix [rows, classes], and the two losses that begin with it. ROW and FOR_COLUMNS in the prelude
// say which threads have which row and columns: a warp for each row of up to 32 classes, so that each lane holds one class
// and the row is added up by shuffles alone; above that a block for a row.
//
// A kernel of its own for every step (the largest, the difference, the power, the sum, the quotient) would carry the matrix
// to and from memory ten times. Here it is read from memory once: the second and third time a row is near, in the cache.
//
// All sums are float32: a thread adds up its columns, one in 256 of a long row, and the threads' sums are added by halves.
// Nothing here depends on which thread comes first.

// p <- softmax of the row x[classes]; returns {largest of x, sum of e^(x - largest)}. A row of nothing but -infinity gives
// zeros, one with +infinity or NaN gives NaN.
__device__ __forceinline__ float2 probabilities(
    const float* __restrict__ x, float* __restrict__ p, int classes,
    float (&shared_max)[ROW_WARPS], float (&shared_sum)[ROW_WARPS]) {
  float shift = -INFINITY, total = 0.0f;
  FOR_COLUMNS(c, classes) shift = fmaxf(shift, x[c]);  // passes over NaN, which the sum will find
  shift = row_max(shift, shared_max);
  if (shift == -INFINITY) shift = 0.0f;
  FOR_COLUMNS(c, classes) total += p[c] = expf(x[c] - shift);
  total = row_sum(total, shared_sum);
  if (total == 0.0f) total = 1.0f;
  FOR_COLUMNS(c, classes) p[c] /= total;  // each thread what it wrote itself: no barrier
  return make_float2(shift, total);
}

extern "C" __global__ void softmax(const float* __restrict__ x, float* __restrict__ y, int rows, int classes) {
  __shared__ float shared_max[ROW_WARPS], shared_sum[ROW_WARPS];
  const int row = ROW, first = row * classes;
  if (row >= rows) return;
  probabilities(x + first, y + first, classes, shared_max, shared_sum);
}

// dx = y (dy - sum of dy y)
extern "C" __global__ void softmax_backward(
    const float* __restrict__ dy, const float* __restrict__ y, float* __restrict__ dx, int rows, int classes) {
  __shared__ float shared_sum[ROW_WARPS];
  const int row = ROW, first = row * classes;
  if (row >= rows) return;
  float inner = 0.0f;
  FOR_COLUMNS(c, classes) inner += dy[first + c] * y[first + c];
  inner = row_sum(inner, shared_sum);
  FOR_COLUMNS(c, classes) dx[first + c] = y[first + c] * (dy[first + c] - inner);
}

// loss[rows] = sum of t (log total - (z - shift)) over the classes with t other than 0, p = softmax of z, and weight[rows] =
// sum of t, which backward needs.
extern "C" __global__ void softmax_cross_entropy(
    const float* __restrict__ z, const float* __restrict__ t, float* __restrict__ p, float* __restrict__ loss,
    float* __restrict__ weight, int rows, int classes) {
  __shared__ float shared_max[ROW_WARPS], shared_sum[ROW_WARPS], shared_loss[ROW_WARPS], shared_weight[ROW_WARPS];
  const int row = ROW, first = row * classes;
  if (row >= rows) return;
  const float2 found = probabilities(z + first, p + first, classes, shared_max, shared_sum);
  const float log_total = logf(found.y);
  float terms = 0.0f, targets = 0.0f;
  FOR_COLUMNS(c, classes) {
    const float target = t[first + c];
    targets += target;
    if (target != 0.0f) terms += target * (log_total - (z[first + c] - found.x));  // 0 times infinity is not asked
  }
  terms = row_sum(terms, shared_loss);
  targets = row_sum(targets, shared_weight);
  if (threadIdx.x == 0) {
    loss[row] = terms;
    weight[row] = targets;
  }
}

// dz = dy (p weight - t), a thread for each number
extern "C" __global__ void softmax_cross_entropy_backward(
    const float* __restrict__ dy, const float* __restrict__ p, const float* __restrict__ t,
    const float* __restrict__ weight, float* __restrict__ dz, int size, int classes) {
  FOR_EACH(i, size) {
    const int row = i / classes;
    dz[i] = dy[row] * (p[i] * weight[row] - t[i]);
  }
}

// A label that is no class cannot be refused here, and to look for it before would make the host wait: it becomes -1, and
// its row NaN.
__device__ __forceinline__ int class_of(long long label, int classes) {
  return label >= 0 && label < classes ? (int)label : -1;
}

// loss[rows] = log total - (z - shift) at the label, p = softmax of z
extern "C" __global__ void sparse_softmax_cross_entropy(
    const float* __restrict__ z, const long long* __restrict__ labels, float* __restrict__ p, float* __restrict__ loss,
    int rows, int classes) {
  __shared__ float shared_max[ROW_WARPS], shared_sum[ROW_WARPS];
  const int row = ROW, first = row * classes;
  if (row >= rows) return;
  const float2 found = probabilities(z + first, p + first, classes, shared_max, shared_sum);
  if (threadIdx.x > 0) return;
  const int label = class_of(labels[row], classes);
  loss[row] = label < 0 ? NAN : logf(found.y) - (z[first + label] - found.x);
}

// dz = dy (p - 1 at the label, p elsewhere), a thread for each number
extern "C" __global__ void sparse_softmax_cross_entropy_backward(
    const float* __restrict__ dy, const float* __restrict__ p, const long long* __restrict__ labels,
    float* __restrict__ dz, int size, int classes) {
  FOR_EACH(i, size) {
    const int row = i / classes, label = class_of(labels[row], classes);
    dz[i] = label < 0 ? NAN : dy[row] * (i - row * classes == label ? p[i] - 1.0f : p[i]);
  }
}
