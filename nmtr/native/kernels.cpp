// What training and ranking spend their time on, for processors with wide vectors. `nmtr.native` compiles this file for
// the machine it runs on; everything here has a counterpart in plain PyTorch that gives the same numbers.
//
// Matrices are row-major float32; every width (of embeddings and of layers) is a multiple of LANES, padded with zeros.
// Nothing here allocates shared state: threads call the same function on their own rows and their own gradients.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif
#if defined(__AMX_BF16__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif

// The highest of the instruction sets that `build.py` knows which this file was compiled for.
extern "C" const char* level() {
#if defined(__AMX_BF16__) && defined(__AVX512BF16__)
    return "amx";
#elif defined(__AVX512BF16__)
    return "bf16";
#elif defined(__AVX512F__)
    return "avx512";
#elif defined(__AVX__)
    return "avx2";
#else
    return "sse";
#endif
}

typedef float Vec __attribute__((vector_size(4 * LANES)));
typedef int32_t Mask __attribute__((vector_size(4 * LANES)));

static inline Vec load(const float* from) { Vec v; std::memcpy(&v, from, sizeof v); return v; }
static inline void store(float* to, Vec v) { std::memcpy(to, &v, sizeof v); }
static inline Vec splat(float x) {
#if defined(__AVX512F__)
    return (Vec)_mm512_set1_ps(x);
#else
    return Vec{} + x;
#endif
}
static inline Vec positive_part(Vec x) { return x > 0 ? x : Vec{}; }
static inline float sum(Vec v) {
#if defined(__AVX512F__)
    return _mm512_reduce_add_ps((__m512)v);  // in four steps; one lane after the other takes sixteen
#else
    float s = 0;
    for (int l = 0; l < LANES; l++) s += v[l];
    return s;
#endif
}

// ---- products ------------------------------------------------------------------------------------------------------

// C (ROWS x COLS vectors) += A B, held in registers. A's element (i, k) stands at a[i * ai + k * ak].
template <int ROWS, int COLS>
static inline void tile(long depth, const float* a, long ai, long ak, const float* b, long ldb, float* c, long ldc) {
    Vec acc[ROWS][COLS];
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLS; j++) acc[i][j] = load(c + i * ldc + j * LANES);
    for (long k = 0; k < depth; k++) {
        Vec row[COLS];
        for (int j = 0; j < COLS; j++) row[j] = load(b + k * ldb + j * LANES);
        for (int i = 0; i < ROWS; i++) {
            const Vec x = splat(a[i * ai + k * ak]);
            for (int j = 0; j < COLS; j++) acc[i][j] += x * row[j];
        }
    }
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLS; j++) store(c + i * ldc + j * LANES, acc[i][j]);
}

template <int ROWS, int COLS>
static inline void strip(long rows, long depth, const float* a, long ai, long ak, const float* b, long ldb, float* c,
                         long ldc) {
    long i = 0;
    for (; i + ROWS <= rows; i += ROWS) tile<ROWS, COLS>(depth, a + i * ai, ai, ak, b, ldb, c + i * ldc, ldc);
    for (; i < rows; i++) tile<1, COLS>(depth, a + i * ai, ai, ak, b, ldb, c + i * ldc, ldc);
}

// Accumulators fill most of the vector registers, 32 where vectors are of 512 bits and 16 elsewhere; a row of B and the
// broadcast of A take the others.
constexpr int TALL = LANES == 16 ? 6 : 3;

// C (rows x cols) += A B.
static void product(long rows, long cols, long depth, const float* a, long ai, long ak, const float* b, long ldb,
                    float* c, long ldc) {
    long j = 0;
    for (; j + 4 * LANES <= cols; j += 4 * LANES) strip<TALL, 4>(rows, depth, a, ai, ak, b + j, ldb, c + j, ldc);
    for (; j + 2 * LANES <= cols; j += 2 * LANES) strip<2 * TALL, 2>(rows, depth, a, ai, ak, b + j, ldb, c + j, ldc);
    for (; j < cols; j += LANES) strip<2 * TALL, 1>(rows, depth, a, ai, ak, b + j, ldb, c + j, ldc);
}

// As `product`, for whole matrices that a thread has to itself.
extern "C" void multiply(long rows, long cols, long depth, const float* a, long ai, long ak, const float* b, float* c) {
    product(rows, cols, depth, a, ai, ak, b, cols, c, cols);
}

// ---- towers: Eq. 7 on pairs ----------------------------------------------------------------------------------------

constexpr int MOST_LAYERS = 5;
constexpr long PAIRS = 96;  // of a tile: their activations stay in the first two caches

struct Tower {
    long layers;                 // hidden ones
    long widths[MOST_LAYERS];    // padded
    float* weight[MOST_LAYERS];  // of layer l >= 1: (widths[l - 1], widths[l]), transposed from PyTorch's; [0] unused
    float* bias[MOST_LAYERS];    // of layer l >= 1: (widths[l],)
    float* project;              // (widths[layers - 1],)
};

// z_1 of `n` pairs: relu(W_user p + W_item q + b_1), of which the halves are given.
static void first_layer(long width, const float* of_users, const float* of_items, const int32_t* users,
                        const int32_t* items, long n, float* z) {
    for (long t = 0; t < n; t++) {
        const float* u = of_users + users[t] * width;
        const float* v = of_items + items[t] * width;
        for (long j = 0; j < width; j += LANES) store(z + t * width + j, positive_part(load(u + j) + load(v + j)));
    }
}

static void next_layer(const Tower& tower, long l, const float* below, long n, float* z) {
    const long in = tower.widths[l - 1], out = tower.widths[l];
    for (long t = 0; t < n; t++) std::memcpy(z + t * out, tower.bias[l], out * sizeof(float));
    product(n, out, in, below, in, 1, tower.weight[l], out, z, out);
    for (long j = 0; j < n * out; j += LANES) store(z + j, positive_part(load(z + j)));
}

static float dot(const float* a, const float* b, long width) {
    Vec s{};
    for (long j = 0; j < width; j += LANES) s += load(a + j) * load(b + j);
    return sum(s);
}

extern "C" int lanes() { return LANES; }

// out (n,) += the tower's output for each pair; users and items index the rows of the halves.
extern "C" void tower_forward(const Tower* given, const float* of_users, const float* of_items, const int32_t* users,
                              const int32_t* items, long n, float* out) {
    const Tower& tower = *given;
    std::vector<float> space[2] = {std::vector<float>(PAIRS * tower.widths[0]),
                                   std::vector<float>(PAIRS * tower.widths[0])};
    for (long start = 0; start < n; start += PAIRS) {
        const long m = n - start < PAIRS ? n - start : PAIRS;
        float *z = space[0].data(), *next = space[1].data();
        first_layer(tower.widths[0], of_users, of_items, users + start, items + start, m, z);
        for (long l = 1; l < tower.layers; l++) {
            next_layer(tower, l, z, m, next);
            std::swap(z, next);
        }
        const long last = tower.widths[tower.layers - 1];
        for (long t = 0; t < m; t++) out[start + t] += dot(z + t * last, tower.project, last);
    }
}

// Adds the gradients of sum(slope * out): of the halves to d_users and d_items, of the weights to `grads`. The forward
// pass is worked out again, tile by tile, which is cheaper than keeping activations in memory.
extern "C" void tower_backward(const Tower* given, const float* of_users, const float* of_items, const int32_t* users,
                               const int32_t* items, long n, const float* slope, float* d_users, float* d_items,
                               const Tower* grads, const float* const* transposed) {
    const Tower& tower = *given;
    const long last = tower.layers - 1;
    std::vector<float> activations[MOST_LAYERS], deltas[2];
    for (long l = 0; l <= last; l++) activations[l].resize(PAIRS * tower.widths[l]);
    for (auto& delta : deltas) delta.resize(PAIRS * tower.widths[0]);
    for (long start = 0; start < n; start += PAIRS) {
        const long m = n - start < PAIRS ? n - start : PAIRS;
        const int32_t *u = users + start, *i = items + start;
        first_layer(tower.widths[0], of_users, of_items, u, i, m, activations[0].data());
        for (long l = 1; l <= last; l++)
            next_layer(tower, l, activations[l - 1].data(), m, activations[l].data());
        float *delta = deltas[0].data(), *below = deltas[1].data();
        for (long t = 0; t < m; t++) {
            const Vec g = splat(slope[start + t]);
            for (long j = 0; j < tower.widths[last]; j += LANES) {
                const Vec z = load(&activations[last][t * tower.widths[last] + j]);
                store(grads->project + j, load(grads->project + j) + g * z);
                store(delta + t * tower.widths[last] + j, z > 0 ? g * load(tower.project + j) : Vec{});
            }
        }
        for (long l = last; l >= 1; l--) {
            const long in = tower.widths[l - 1], out = tower.widths[l];
            const float* z = activations[l - 1].data();
            product(in, out, m, z, 1, in, delta, out, grads->weight[l], out);
            for (long t = 0; t < m; t++)
                for (long j = 0; j < out; j += LANES)
                    store(grads->bias[l] + j, load(grads->bias[l] + j) + load(delta + t * out + j));
            std::memset(below, 0, m * in * sizeof(float));
            product(m, in, out, delta, out, 1, transposed[l], in, below, in);
            for (long j = 0; j < m * in; j += LANES) store(below + j, load(z + j) > 0 ? load(below + j) : Vec{});
            std::swap(delta, below);
        }
        const long width = tower.widths[0];
        for (long t = 0; t < m; t++) {
            float *du = d_users + u[t] * width, *di = d_items + i[t] * width;
            for (long j = 0; j < width; j += LANES) {
                const Vec g = load(delta + t * width + j);
                store(du + j, load(du + j) + g);
                store(di + j, load(di + j) + g);
            }
        }
    }
}

// ---- towers in bfloat16: the forward pass only, for ranking -----------------------------------------------------------

#if defined(__AVX512BF16__)
static inline void store_bf16(uint16_t* to, Vec v) {
    _mm256_storeu_si256((__m256i*)to, (__m256i)_mm512_cvtneps_pbh((__m512)v));
}

static inline Vec load_bf16(const uint16_t* from) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)from));
    return (Vec)_mm512_slli_epi32(wide, 16);
}

// z (n x out) = relu(bias + below W), with activations in bfloat16 and weights as `packed` says: the two inputs 2k and
// 2k + 1 of an output stand next to each other.
template <int PAIRS_AT_ONCE, int COLS>
static inline void tile_bf16(long in, long out, const uint16_t* below, const uint16_t* weight, const float* bias,
                             uint16_t* z) {
    __m512 acc[PAIRS_AT_ONCE][COLS];
    for (int i = 0; i < PAIRS_AT_ONCE; i++)
        for (int j = 0; j < COLS; j++) acc[i][j] = _mm512_loadu_ps(bias + j * LANES);
    for (long k = 0; k < in; k += 2) {
        __m512bh row[COLS];
        for (int j = 0; j < COLS; j++) row[j] = (__m512bh)_mm512_loadu_si512(weight + k * out + 2 * j * LANES);
        for (int i = 0; i < PAIRS_AT_ONCE; i++) {
            int32_t two;
            std::memcpy(&two, below + i * in + k, sizeof two);
            const __m512bh x = (__m512bh)_mm512_set1_epi32(two);
            for (int j = 0; j < COLS; j++) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], x, row[j]);
        }
    }
    for (int i = 0; i < PAIRS_AT_ONCE; i++)
        for (int j = 0; j < COLS; j++)
            store_bf16(z + i * out + j * LANES, positive_part((Vec)acc[i][j]));
}

template <int COLS>
static inline void strip_bf16(long n, long in, long out, const uint16_t* below, const uint16_t* weight,
                              const float* bias, uint16_t* z) {
    long t = 0;
    for (; t + 12 <= n; t += 12) tile_bf16<12, COLS>(in, out, below + t * in, weight, bias, z + t * out);
    for (; t < n; t++) tile_bf16<1, COLS>(in, out, below + t * in, weight, bias, z + t * out);
}

// W (in x out float32) with each two rows interleaved, in bfloat16.
static std::vector<uint16_t> packed(const float* weight, long in, long out) {
    std::vector<uint16_t> rounded(in * out), to(in * out);
    for (long j = 0; j < in * out; j += LANES) store_bf16(&rounded[j], load(weight + j));
    for (long k = 0; k < in; k++)
        for (long j = 0; j < out; j++) to[(k / 2 * out + j) * 2 + k % 2] = rounded[k * out + j];
    return to;
}

// `tower_forward` with the layers after the first in bfloat16, summed in float32.
extern "C" void tower_forward_bf16(const Tower* given, const float* of_users, const float* of_items,
                                   const int32_t* users, const int32_t* items, long n, float* out) {
    const Tower& tower = *given;
    const long width = tower.widths[0], last = tower.widths[tower.layers - 1];
    std::vector<std::vector<uint16_t>> weights(1);
    for (long l = 1; l < tower.layers; l++)
        weights.push_back(packed(tower.weight[l], tower.widths[l - 1], tower.widths[l]));
    std::vector<uint16_t> space[2] = {std::vector<uint16_t>(PAIRS * width), std::vector<uint16_t>(PAIRS * width)};
    for (long start = 0; start < n; start += PAIRS) {
        const long m = n - start < PAIRS ? n - start : PAIRS;
        uint16_t *z = space[0].data(), *next = space[1].data();
        for (long t = 0; t < m; t++) {
            const float* u = of_users + users[start + t] * width;
            const float* v = of_items + items[start + t] * width;
            for (long j = 0; j < width; j += LANES) store_bf16(z + t * width + j, positive_part(load(u + j) + load(v + j)));
        }
        for (long l = 1; l < tower.layers; l++) {
            const long in = tower.widths[l - 1], width = tower.widths[l];
            long j = 0;
            for (; j + 2 * LANES <= width; j += 2 * LANES)
                strip_bf16<2>(m, in, width, z, weights[l].data() + 2 * j, tower.bias[l] + j, next + j);
            for (; j < width; j += LANES)
                strip_bf16<1>(m, in, width, z, weights[l].data() + 2 * j, tower.bias[l] + j, next + j);
            std::swap(z, next);
        }
        for (long t = 0; t < m; t++) {
            Vec s{};
            for (long j = 0; j < last; j += LANES) s += load_bf16(z + t * last + j) * load(tower.project + j);
            out[start + t] += sum(s);
        }
    }
}
#endif

// ---- towers in bfloat16 on matrix tiles: all pairs of users and items, for ranking --------------------------------------

#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__linux__)
// Linux lends the tiles to a process that asks for them.
extern "C" int has_tiles() { return syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18 /* tile data */) == 0; }

constexpr long SIDE = 16;           // rows of a tile, and its columns of 32 bits
constexpr long DEPTH = 2 * SIDE;    // bfloat16 numbers in a row of a tile
constexpr long TILE = SIDE * DEPTH; // of them in a tile
constexpr long CHUNK = 24;          // panels of items that stay in the second cache while users go by

struct alignas(64) TileConfig {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t bytes[16] = {};
    uint8_t rows[16] = {};
};

// One layer as a product of tiles, outputs x inputs times inputs x pairs.
struct TileLayer {
    long deep, tall;                // tiles of inputs and of outputs
    std::vector<uint16_t> weight;   // (tall, deep) tiles of SIDE outputs x DEPTH inputs
    std::vector<float> bias;        // (tall) tiles of SIDE outputs x SIDE pairs, each row the same number
    TileLayer(const float* w, const float* b, long in, long out)
        : deep((in + DEPTH - 1) / DEPTH), tall(out / SIDE), weight(tall * deep * TILE), bias(tall * SIDE * SIDE) {
        std::vector<uint16_t> rounded(in * out);
        for (long j = 0; j < in * out; j += LANES) store_bf16(&rounded[j], load(w + j));
        for (long k = 0; k < in; k++)
            for (long j = 0; j < out; j++)
                weight[((j / SIDE * deep + k / DEPTH) * SIDE + j % SIDE) * DEPTH + k % DEPTH] = rounded[k * out + j];
        for (long j = 0; j < out; j++)
            for (long t = 0; t < SIDE; t++) bias[j * SIDE + t] = b[j];
    }

    // sums (tall tiles of SIDE outputs x SIDE pairs) = weight * z + bias; z: (deep) tiles of two inputs of SIDE pairs a row.
    void apply(const uint16_t* z, float* sums) const {
        long j = 0;
        for (; j + 2 <= tall; j += 2) {
            _tile_loadd(0, &bias[j * SIDE * SIDE], 64);
            _tile_loadd(1, &bias[(j + 1) * SIDE * SIDE], 64);
            for (long k = 0; k < deep; k++) {
                _tile_loadd(2, z + k * TILE, 64);
                _tile_loadd(3, &weight[(j * deep + k) * TILE], 64);
                _tile_loadd(4, &weight[((j + 1) * deep + k) * TILE], 64);
                _tile_dpbf16ps(0, 3, 2);
                _tile_dpbf16ps(1, 4, 2);
            }
            _tile_stored(0, sums + j * SIDE * SIDE, 64);
            _tile_stored(1, sums + (j + 1) * SIDE * SIDE, 64);
        }
        if (j < tall) {
            _tile_loadd(5, &bias[j * SIDE * SIDE], 64);
            for (long k = 0; k < deep; k++) {
                _tile_loadd(6, z + k * TILE, 64);
                _tile_loadd(7, &weight[(j * deep + k) * TILE], 64);
                _tile_dpbf16ps(5, 7, 6);
            }
            _tile_stored(5, sums + j * SIDE * SIDE, 64);
        }
    }
};

// out (users x items) += the tower's output for every pair, its layers after the first in bfloat16, of which there must be
// one or more. `panels` holds W_item q + b_1 of SIDE items each, the last filled up: of each two numbers those of all its
// items stand together, (width / 2, SIDE, 2).
extern "C" void tower_grid(const Tower* given, const float* of_users, long users, const float* panels, long items,
                           float* out) {
    const Tower& tower = *given;
    const long width = tower.widths[0], last = tower.layers - 1, count = (items + SIDE - 1) / SIDE;
    std::vector<TileLayer> layers;
    long most = width;
    for (long l = 1; l <= last; l++) {
        layers.emplace_back(tower.weight[l], tower.bias[l], tower.widths[l - 1], tower.widths[l]);
        most = std::max(most, tower.widths[l]);
    }
    // The inputs of each layer; what fills up their last tile stays 0.
    std::vector<std::vector<uint16_t>> inputs;
    for (const TileLayer& layer : layers) inputs.emplace_back(layer.deep * TILE);
    std::vector<float> sums(most * SIDE);
    TileConfig config;
    for (int t = 0; t < 8; t++) config.bytes[t] = 64, config.rows[t] = SIDE;
    _tile_loadconfig(&config);
    alignas(64) int16_t order[DEPTH];
    for (int t = 0; t < SIDE; t++) order[2 * t] = t, order[2 * t + 1] = SIDE + t;
    const __m512i interleaved = _mm512_load_si512(order);
    const __m512 zero = _mm512_setzero_ps();
    for (long chunk = 0; chunk < count; chunk += CHUNK)
        for (long b = 0; b < users; b++)
            for (long t = chunk; t < std::min(chunk + CHUNK, count); t++) {
                const float *u = of_users + b * width, *v = panels + t * SIDE * width;
                uint16_t* z = inputs[0].data();
                for (long k = 0; k < width; k += 2) {
                    double two;
                    std::memcpy(&two, u + k, sizeof two);
                    const __m512 own = _mm512_castpd_ps(_mm512_set1_pd(two));
                    const __m512 low = _mm512_max_ps(_mm512_add_ps(own, _mm512_loadu_ps(v + k * SIDE)), zero);
                    const __m512 high = _mm512_max_ps(_mm512_add_ps(own, _mm512_loadu_ps(v + k * SIDE + SIDE)), zero);
                    _mm512_storeu_si512(z + k * SIDE, (__m512i)_mm512_cvtne2ps_pbh(high, low));
                }
                for (long l = 1; l < last; l++) {
                    layers[l - 1].apply(inputs[l - 1].data(), sums.data());
                    for (long j = 0; j < tower.widths[l]; j += 2) {
                        const __m512 low = _mm512_max_ps(_mm512_loadu_ps(&sums[j * SIDE]), zero);
                        const __m512 high = _mm512_max_ps(_mm512_loadu_ps(&sums[(j + 1) * SIDE]), zero);
                        const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(high, low);
                        _mm512_storeu_si512(&inputs[l][j * SIDE], _mm512_permutexvar_epi16(interleaved, both));
                    }
                }
                layers[last - 1].apply(inputs[last - 1].data(), sums.data());
                __m512 total[4] = {zero, zero, zero, zero};  // four sums at a time wait for none
                for (long j = 0; j < tower.widths[last]; j++)
                    total[j % 4] = _mm512_fmadd_ps(_mm512_max_ps(_mm512_loadu_ps(&sums[j * SIDE]), zero),
                                                   _mm512_set1_ps(tower.project[j]), total[j % 4]);
                const __m512 sum = _mm512_add_ps(_mm512_add_ps(total[0], total[1]), _mm512_add_ps(total[2], total[3]));
                const long rest = items - t * SIDE;
                const __mmask16 there = rest >= SIDE ? 0xffff : (__mmask16)((1 << rest) - 1);
                float* to = out + b * items + t * SIDE;
                _mm512_mask_storeu_ps(to, there, _mm512_add_ps(sum, _mm512_maskz_loadu_ps(there, to)));
            }
    _tile_release();
}
#else
extern "C" int has_tiles() { return 0; }
#endif

// ---- dot products of pairs -----------------------------------------------------------------------------------------

// out (n,) += p[users] . k[items]
extern "C" void dot_forward(long width, const float* p, const float* k, const int32_t* users, const int32_t* items,
                            long n, float* out) {
    for (long t = 0; t < n; t++) out[t] += dot(p + users[t] * width, k + items[t] * width, width);
}

// Adds the gradients of sum(slope * out) to d_p and d_k.
extern "C" void dot_backward(long width, const float* p, const float* k, const int32_t* users, const int32_t* items,
                             long n, const float* slope, float* d_p, float* d_k) {
    for (long t = 0; t < n; t++) {
        const long u = users[t] * width, i = items[t] * width;
        const Vec g = splat(slope[t]);
        for (long j = 0; j < width; j += LANES) {
            store(d_p + u + j, load(d_p + u + j) + g * load(k + i + j));
            store(d_k + i + j, load(d_k + i + j) + g * load(p + u + j));
        }
    }
}

// One step of Adagrad on the given rows of a table and of its sums of squares; values (n x width) is their gradient.
extern "C" void adagrad_rows(long width, const int64_t* rows, long n, const float* values, float rate, float epsilon,
                             float* table, float* sums) {
    for (long t = 0; t < n; t++) {
        const float* g = values + t * width;
        float *w = table + rows[t] * width, *s = sums + rows[t] * width;
        for (long j = 0; j < width; j++) {
            s[j] += g[j] * g[j];
            w[j] -= rate * g[j] / (std::sqrt(s[j]) + epsilon);
        }
    }
}

// ---- the exact loss of products ------------------------------------------------------------------------------------

// e^x for x <= 0, to about 1e-7 relative (Cephes' polynomial). Below -87 it is 0: with numbers too small to be normal
// the products that follow would take ten times as long.
static inline Vec exp_of_negative(Vec x) {
    const Vec least = splat(-87.0f), bounded = x > least ? x : least;
#if defined(__AVX512F__)
    const Vec n = (Vec)_mm512_roundscale_ps((__m512)(bounded * 1.44269504f), _MM_FROUND_TO_NEAREST_INT);
#else
    const Mask whole = __builtin_convertvector(bounded * 1.44269504f - 0.5f, Mask);  // to nearest: x is not positive
    const Vec n = __builtin_convertvector(whole, Vec);
#endif
    const Vec r = bounded - n * 0.693359375f - n * -2.12194440e-4f;
    Vec y = r * 1.9875691500e-4f + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * r * r + r + 1.0f;
#if defined(__AVX512F__)
    y = (Vec)_mm512_scalef_ps((__m512)y, (__m512)n);
#else
    y = y * (Vec)((whole + 127) << 23);
#endif
    return x > least ? y : Vec{};
}

static float softplus(float x) { return (x > 0 ? x : 0.0f) + std::log1p(std::exp(-std::fabs(x))); }
static float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

// 1 / x for x >= 1.
static inline Vec reciprocal(Vec x) {
#if defined(__AVX512F__)
    const Vec y = (Vec)_mm512_rcp14_ps((__m512)x);  // to 14 bits; one step of Newton's makes it 28, in a third of a division
    return y * (2.0f - x * y);
#else
    return 1.0f / x;
#endif
}

constexpr long ROWS = 24, COLUMNS = 384;  // of a tile of logits: 36 KB, which the first cache holds

// Overwrites a row of logits with weight * sigmoid and returns the sum of their softplus.
static float cost_then_slope(float* x, float weight) {
    Vec linear{}, factor = splat(1.0f);
    for (long j = 0; j < COLUMNS; j += LANES) {
        const Vec v = load(x + j), t = exp_of_negative(v > 0 ? -v : v), one = t + 1.0f;
        linear += positive_part(v);
        factor *= one;  // at most 2 a step and 2^24 in all: one logarithm for many logits
        store(x + j, weight * reciprocal(one) * (v > 0 ? splat(1.0f) : t));
    }
    float cost = sum(linear);
    for (int l = 0; l < LANES; l++) cost += std::log(factor[l]);
    return cost;
}

// The expected log loss of the logits p k' + bias over the items [first, last) and all `users` rows: returns it and adds
// its gradients. User b's positives are columns[starts[b]] ... columns[starts[b + 1] - 1], in ascending order.
extern "C" double exact_block(long users, long width, const float* p, const float* k, const float* bias,
                              const int64_t* starts, const int32_t* columns, const float* weight, long first, long last,
                              float* d_p, float* d_k, float* d_bias) {
    std::vector<float> logits(ROWS * COLUMNS), turned(width * COLUMNS), own(width * COLUMNS), d_own(width * COLUMNS),
        d_sums(COLUMNS);
    std::vector<int64_t> next(users);
    for (long b = 0; b < users; b++) {
        next[b] = starts[b];
        while (next[b] < starts[b + 1] && columns[next[b]] < first) next[b]++;
    }
    std::vector<float> seen;
    float own_bias[COLUMNS];
    double cost = 0;
    for (long item = first; item < last; item += COLUMNS) {
        const long n = last - item < COLUMNS ? last - item : COLUMNS;
        // Columns beyond n have the logit -inf in effect: no cost, no slope.
        std::memset(own.data(), 0, own.size() * sizeof(float));
        std::memcpy(own.data(), k + item * width, n * width * sizeof(float));
        for (long j = 0; j < COLUMNS; j++)
            for (long e = 0; e < width; e++) turned[e * COLUMNS + j] = own[j * width + e];
        std::memset(d_own.data(), 0, d_own.size() * sizeof(float));
        std::memset(d_sums.data(), 0, d_sums.size() * sizeof(float));
        for (long j = 0; j < COLUMNS; j++) own_bias[j] = j < n ? bias[item + j] : -1e30f;
        for (long user = 0; user < users; user += ROWS) {
            const long m = users - user < ROWS ? users - user : ROWS;
            for (long b = 0; b < m; b++)
                std::memcpy(&logits[b * COLUMNS], own_bias, sizeof own_bias);
            product(m, COLUMNS, width, p + user * width, width, 1, turned.data(), COLUMNS, logits.data(), COLUMNS);
            for (long b = 0; b < m; b++) {
                float* row = logits.data() + b * COLUMNS;
                const float w = weight[user + b];
                const int64_t from = next[user + b];
                int64_t to = from;
                seen.clear();
                for (; to < starts[user + b + 1] && columns[to] < item + n; to++)
                    seen.push_back(row[columns[to] - item]);
                next[user + b] = to;
                double own_cost = w * cost_then_slope(row, w);
                for (int64_t s = from; s < to; s++) {
                    const float x = seen[s - from];
                    own_cost += softplus(-x) - w * softplus(x);
                    row[columns[s] - item] = sigmoid(x) - 1;
                }
                cost += own_cost;
                for (long j = 0; j < COLUMNS; j += LANES) store(&d_sums[j], load(&d_sums[j]) + load(row + j));
            }
            product(m, width, COLUMNS, logits.data(), COLUMNS, 1, own.data(), width, d_p + user * width, width);
            product(COLUMNS, width, m, logits.data(), 1, COLUMNS, p + user * width, width, d_own.data(), width);
        }
        for (long j = 0; j < n * width; j++) d_k[item * width + j] += d_own[j];
        for (long j = 0; j < n; j++) d_bias[item + j] += d_sums[j];
    }
    return cost;
}

// ---- scores and ranks ---------------------------------------------------------------------------------------------------------

constexpr long PANEL = 4 * LANES;

// scores (users x items) = p k' + bias. The items' vectors come in panels of PANEL items: of (width, PANEL) each, the last one
// filled up with zeros.
extern "C" void products(long users, long items, long width, const float* p, const float* panels, const float* bias,
                         float* scores) {
    for (long b = 0; b < users; b++) std::memcpy(scores + b * items, bias, items * sizeof(float));
    std::vector<float> last(users * PANEL);
    for (long j = 0; j < items; j += PANEL) {
        const float* panel = panels + j * width;
        if (items - j >= PANEL) {
            product(users, PANEL, width, p, width, 1, panel, PANEL, scores + j, items);
            continue;
        }
        std::fill(last.begin(), last.end(), 0.0f);
        product(users, PANEL, width, p, width, 1, panel, PANEL, last.data(), PANEL);
        for (long b = 0; b < users; b++)
            for (long t = 0; t < items - j; t++) scores[b * items + j + t] += last[b * PANEL + t];
    }
}

// How many of each row's scores are above and level with `own`; returns whether all scores are finite numbers.
extern "C" int count_ahead(long users, long items, const float* scores, const float* own, int64_t* ahead,
                           int64_t* level) {
    Mask strange{};
    for (long b = 0; b < users; b++) {
        const float* row = scores + b * items;
        const Vec mine = splat(own[b]);
        Mask above{}, equal{};
        long j = 0;
        for (; j + LANES <= items; j += LANES) {
            const Vec x = load(row + j);
            above += x > mine;  // a lane that holds is -1
            equal += x == mine;
            strange |= (x - x) != 0.0f;
        }
        ahead[b] = level[b] = 0;
        for (int l = 0; l < LANES; l++) ahead[b] -= above[l], level[b] -= equal[l];
        for (; j < items; j++) {
            ahead[b] += row[j] > own[b], level[b] += row[j] == own[b];
            strange[0] |= !(row[j] - row[j] == 0.0f);
        }
    }
    for (int l = 0; l < LANES; l++)
        if (strange[l]) return 0;
    return 1;
}

// ---- least squares: one system of equations a row -------------------------------------------------------------------

constexpr long GATHERED = 128;  // pairs whose vectors are held at once: 64 KB at 64 numbers each

// A (width x width) += sum outer x x', b (width,) += sum linear x over `n` vectors x that `gather` writes one by one. Of A
// what is on and above the diagonal alone: the rest is the same.
template <typename Gather>
static void add_up(long n, long width, float* x, float* weighted, float* a, float* b, Gather gather) {
    for (long from = 0; from < n; from += GATHERED) {
        const long m = n - from < GATHERED ? n - from : GATHERED;
        for (long t = 0; t < m; t++) {
            float outer, linear, *own = x + t * width;
            gather(from + t, own, &outer, &linear);
            for (long e = 0; e < width; e += LANES) {
                const Vec v = load(own + e);
                store(weighted + t * width + e, v * splat(outer));
                store(b + e, load(b + e) + v * splat(linear));
            }
        }
        for (long j = 0; j < width; j += LANES)
            product(j + LANES, LANES, m, weighted, 1, width, x + j, width, a + j, width);
    }
}

// Solves A x = b for a symmetric positive definite A by A = U' U, in place: A becomes U above its diagonal, b becomes x.
// Returns false where A is not positive definite.
static bool solve(long width, float* a, float* b) {
    for (long k = 0; k < width; k++) {
        float* row = a + k * width;
        if (!(row[k] > 0)) return false;
        const Vec scale = splat(1 / std::sqrt(row[k]));
        const long from = k / LANES * LANES;
        for (long j = from; j < width; j += LANES) store(row + j, load(row + j) * scale);
        b[k] /= row[k];
        for (long i = k + 1; i < width; i++) {
            const Vec x = splat(row[i]);
            float* below = a + i * width;
            for (long j = i / LANES * LANES; j < width; j += LANES) store(below + j, load(below + j) - x * load(row + j));
            b[i] -= row[i] * b[k];
        }
    }
    for (long k = width - 1; k >= 0; k--) {
        float left = b[k];
        for (long j = k + 1; j < width; j++) left -= a[k * width + j] * b[j];
        b[k] = left / a[k * width + k];
    }
    return true;
}

// Of each of `rows` rows the x that solves
//     (base + diag ridge + sum outer^r f f') x = sum linear^r f
// over its pairs of every behavior r. Columns of behavior r stand at r * each and up, as do their vectors f in `factors`.
// Returns how many rows have no solution.
extern "C" long solve_rows(long rows, long width, const int64_t* starts, const int32_t* columns, const float* factors,
                           long each, const float* outer, const float* linear, const float* base, const float* ridge,
                           float* out) {
    std::vector<float> a(width * width), x(GATHERED * width), weighted(GATHERED * width);
    long unsolved = 0;
    for (long u = 0; u < rows; u++) {
        float* own = out + u * width;
        std::memcpy(a.data(), base, width * width * sizeof(float));
        for (long e = 0; e < width; e++) a[e * width + e] += ridge[u * width + e];
        std::memset(own, 0, width * sizeof(float));
        const int32_t* at = columns + starts[u];
        add_up(starts[u + 1] - starts[u], width, x.data(), weighted.data(), a.data(), own,
               [&](long t, float* to, float* o, float* l) {
                   const long r = at[t] / each;
                   std::memcpy(to, factors + (long)at[t] * width, width * sizeof(float));
                   *o = outer[r], *l = linear[r];
               });
        unsolved += !solve(width, a.data(), own);
    }
    return unsolved;
}

// A (width x width) += sum x x', on and above its diagonal, b (width,) += sum x over pairs, x = p[rows] * q[columns].
extern "C" void pair_products(long n, long width, const int32_t* rows, const int32_t* columns, const float* p,
                              const float* q, float* a, float* b) {
    std::vector<float> x(GATHERED * width), weighted(GATHERED * width);
    add_up(n, width, x.data(), weighted.data(), a, b, [&](long t, float* to, float* o, float* l) {
        const float *u = p + rows[t] * width, *v = q + columns[t] * width;
        for (long e = 0; e < width; e += LANES) store(to + e, load(u + e) * load(v + e));
        *o = *l = 1;
    });
}
