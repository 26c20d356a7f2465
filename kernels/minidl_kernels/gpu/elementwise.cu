// What treats each number by itself, a thread for each: curves y = f(x) with dx from dy and y, and the cross-entropy of a
// sigmoid. There is next to no arithmetic here; a kernel takes as long as its arrays take to come and go. So each is one
// pass, the threads of a warp take neighbours, which come as one transaction, and what is quick to compute is not stored
// only to be read again.

// 1 / (1 + e^-x) by way of e^-|x|, which cannot overflow.
__device__ __forceinline__ float sigmoid_of(float x) {
  const float e = expf(x < 0.0f ? x : -x);
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

extern "C" __global__ void relu(const float* __restrict__ x, float* __restrict__ y, int size) {
  FOR_EACH(i, size) y[i] = x[i] <= 0.0f ? 0.0f : x[i];  // NaN stays NaN, which fmaxf(x, 0) would hide
}

extern "C" __global__ void relu_backward(
    const float* __restrict__ dy, const float* __restrict__ y, float* __restrict__ dx, int size) {
  FOR_EACH(i, size) dx[i] = y[i] > 0.0f ? dy[i] : 0.0f;
}

extern "C" __global__ void sigmoid(const float* __restrict__ x, float* __restrict__ y, int size) {
  FOR_EACH(i, size) y[i] = sigmoid_of(x[i]);
}

extern "C" __global__ void sigmoid_backward(
    const float* __restrict__ dy, const float* __restrict__ y, float* __restrict__ dx, int size) {
  FOR_EACH(i, size) dx[i] = dy[i] * y[i] * (1.0f - y[i]);
}

// loss = max(z, 0) - z t + log(1 + e^-|z|)
extern "C" __global__ void sigmoid_cross_entropy(
    const float* __restrict__ z, const float* __restrict__ t, float* __restrict__ loss, int size) {
  FOR_EACH(i, size) {
    const bool negative = z[i] < 0.0f;
    loss[i] = (negative ? 0.0f : z[i]) - z[i] * t[i] + log1pf(expf(negative ? z[i] : -z[i]));
  }
}

extern "C" __global__ void sigmoid_cross_entropy_backward(
    const float* __restrict__ dy, const float* __restrict__ z, const float* __restrict__ t, float* __restrict__ dz,
    int size) {
  FOR_EACH(i, size) dz[i] = dy[i] * (sigmoid_of(z[i]) - t[i]);
}
