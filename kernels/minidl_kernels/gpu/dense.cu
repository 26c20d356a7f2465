// What a dense layer does beside its matrix products: y[rows, units] += b[units], a thread for each number of y.

extern "C" __global__ void add_bias(const float* __restrict__ b, float* __restrict__ y, int units, int size) {
  FOR_EACH(i, size) y[i] += b[i % units];
}
