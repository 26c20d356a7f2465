// Dropout with random numbers that are a function of where they stand: y = x m, m = scale where the number drawn for x[i] is
// at least the rate, else 0. The CPU's kernel and NumPy draw the same numbers, so the masks agree to the bit.
//
// Philox4x64 (J. Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC, 2011): a key of two words of 64 bits and a
// counter of four go through ten rounds of multiplying and mixing, and are eight numbers of 32 bits. Any thread can draw any
// of them; nothing is stored from one to the next.
//
// A warp takes 32 blocks of eight numbers together, 256 of x. Each lane draws one block, which is most of the work, and
// makes one byte of it: a bit for each number that is kept. Then the warp walks through the 256 numbers, 32 neighbours at
// a time, which come as one transaction, and each lane asks the one that has the byte it needs. The bytes are stored for
// the way back: an eighth of a byte for each number, far cheaper than to draw again.

typedef unsigned long long word;

// Bit j of the result: the number j of block i is at least `least` / 2^24. A number counts with its upper 24 bits.
__device__ __forceinline__ unsigned kept_of_block(word key_0, word key_1, word i, word call, word step, int least) {
  word a = i + 1, b = call, c = step, d = 0;  // NumPy counts from 1
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const word m_0 = 0xD2E7470EE14C6C93ull, m_1 = 0xCA5A826395121157ull;
    const word high_0 = __umul64hi(m_0, a), low_0 = m_0 * a, high_1 = __umul64hi(m_1, c), low_1 = m_1 * c;
    a = high_1 ^ b ^ key_0, b = low_1, c = high_0 ^ d ^ key_1, d = low_0;
    key_0 += 0x9E3779B97F4A7C15ull, key_1 += 0xBB67AE8584CAA73Bull;
  }
  const word words[4] = {a, b, c, d};
  unsigned bits = 0;
#pragma unroll
  for (int j = 0; j < 4; ++j) {  // the lower half of a word comes first
    bits |= ((int)((unsigned)words[j] >> 8) >= least) << (2 * j);
    bits |= ((int)(words[j] >> 40) >= least) << (2 * j + 1);
  }
  return bits;
}

// Coordinates of the draw: a key of two words, the call and the step. As for adam, a captured step passes `now`, the
// four in the memory of the GPU, which changes from replay to replay; without it they are taken as they are.
extern "C" __global__ void dropout(
    const float* __restrict__ x, float* __restrict__ y, unsigned char* __restrict__ kept, const word* __restrict__ now,
    word key_0, word key_1, word call, word step, float scale, int least, int size) {
  if (now) key_0 = now[0], key_1 = now[1], call = now[2], step = now[3];
  const int lane = threadIdx.x % 32, warps = gridDim.x * blockDim.x / 32, blocks = (size + 7) / 8;
  for (int warp = (blockIdx.x * blockDim.x + threadIdx.x) / 32; 32 * warp < blocks; warp += warps) {
    const int block = 32 * warp + lane;
    const unsigned bits = kept_of_block(key_0, key_1, block, call, step, least);
    if (block < blocks) kept[block] = bits;
    for (int j = 0; j < 8; ++j) {
      const int i = 256 * warp + 32 * j + lane;
      const unsigned mine = __shfl_sync(0xffffffffu, bits, 4 * j + lane / 8);
      if (i < size) y[i] = x[i] * (mine >> lane % 8 & 1 ? scale : 0.0f);
    }
  }
}

extern "C" __global__ void dropout_backward(
    const float* __restrict__ dy, const unsigned char* __restrict__ kept, float* __restrict__ dx, float scale, int size) {
  FOR_EACH(i, size) dx[i] = dy[i] * (kept[i / 8] >> i % 8 & 1 ? scale : 0.0f);
}
