// The update of Adam for all weights at once; w, g, m and v are flat, a thread for each weight. It reads four numbers
// and writes three, and that traffic is all its time: what is the same for all weights is computed before, once.
//
//   m <- beta_1 m + (1 - beta_1) g     v <- beta_2 v + (1 - beta_2) g g     w <- w - w decay - rate m / (sqrt(v) + epsilon)
//
// `rate` is lr sqrt(1 - beta_2^t) / (1 - beta_1^t), `decay` what weight decay takes of each weight. Both change from step
// to step. A captured step is replayed with the numbers it was captured with, so it passes `now`, {rate, decay} in the
// memory of the GPU, which adam_now renews at each replay; without `now` the two numbers are taken as they are.

extern "C" __global__ void adam(
    float* __restrict__ w, const float* __restrict__ g, float* __restrict__ m, float* __restrict__ v,
    const float* __restrict__ now, float rate, float decay, float epsilon,
    float beta_1, float beta_2, float new_1, float new_2, int size) {
  const float top = 9.223372036854775808e18f;  // 2^63, the largest power of two that may be squared
  if (now) rate = now[0], decay = now[1];
  FOR_EACH(i, size) {
    float d = g[i];
    if (d > top) d = d == INFINITY ? NAN : top;  // an infinite gradient is NaN, and is seen
    if (d < -top) d = d == -INFINITY ? NAN : -top;
    m[i] = beta_1 * m[i] + new_1 * d;
    v[i] = beta_2 * v[i] + new_2 * (d * d);
    w[i] = w[i] - w[i] * decay - m[i] * rate / (sqrtf(v[i]) + epsilon);
  }
}

// now <- {rate, decay} for step number step[0]. One thread, in float64: 1 - beta_2 in float32 has four digits.
extern "C" __global__ void adam_now(
    const double* __restrict__ learning_rate, const int* __restrict__ step, float* __restrict__ now,
    double beta_1, double beta_2, double weight_decay) {
  const double t = step[0], rate = learning_rate[0];
  now[0] = (float)(rate * sqrt(1.0 - pow(beta_2, t)) / (1.0 - pow(beta_1, t)));
  now[1] = (float)(rate * weight_decay);
}
