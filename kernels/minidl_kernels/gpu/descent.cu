// The updates of SGD and RMSprop for all weights at once, as adam.cu has that of Adam: flat arrays, a thread for each weight.
//
//   sgd            w <- w - rate g
//   sgd_momentum   m <- momentum m - rate g               w <- w + m, or with nesterov w + momentum m - rate g
//   rmsprop        v <- rho v + (1 - rho) g g             w <- w - d, d = rate g / sqrt(v - mean mean + epsilon)
//                  mean <- rho mean + (1 - rho) g  (centred; else 0)     m <- momentum m + d  (if asked for; then w - m)
//
// A captured step passes `now`, the learning rate in the memory of the GPU, since it is replayed with the `rate` that it was
// captured with.

extern "C" __global__ void sgd(
    float* __restrict__ w, const float* __restrict__ g, const float* __restrict__ now, float rate, int size) {
  if (now) rate = now[0];
  FOR_EACH(i, size) w[i] = w[i] - rate * g[i];
}

extern "C" __global__ void sgd_momentum(
    float* __restrict__ w, const float* __restrict__ g, float* __restrict__ m, const float* __restrict__ now,
    float rate, float momentum, int nesterov, int size) {
  if (now) rate = now[0];
  FOR_EACH(i, size) {
    const float down = rate * g[i], next = momentum * m[i] - down;
    m[i] = next;
    w[i] = nesterov ? w[i] + momentum * next - down : w[i] + next;
  }
}

// `m` and `mean` are null where they are not asked for.
extern "C" __global__ void rmsprop(
    float* __restrict__ w, const float* __restrict__ g, float* __restrict__ v, float* __restrict__ m,
    float* __restrict__ mean, const float* __restrict__ now, float rate, float rho, float fresh, float momentum,
    float epsilon, int size) {
  const float top = 9.223372036854775808e18f;  // 2^63, the largest power of two that may be squared
  if (now) rate = now[0];
  FOR_EACH(i, size) {
    float d = g[i];
    if (d > top) d = d == INFINITY ? NAN : top;  // an infinite gradient is NaN, and is seen
    if (d < -top) d = d == -INFINITY ? NAN : -top;
    float spread = v[i] = rho * v[i] + fresh * (d * d);
    if (mean) {
      const float middle = mean[i] = rho * mean[i] + fresh * d;
      spread -= middle * middle;
      if (spread < 0.0f) spread = 0.0f;  // a variance cannot be negative, the difference of two rounded numbers can
    }
    float increment = rate * d / sqrtf(spread + epsilon);
    if (m) increment = m[i] = momentum * m[i] + increment;
    w[i] = w[i] - increment;
  }
}
