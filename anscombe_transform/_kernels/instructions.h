/* The vector instructions that the loops may use, by number in ascending order, and lookups by those that compilers do
   not find.

   A wheel is compiled for the oldest processors. AVX2_LOOP marks functions that are compiled for newer ones, together
   with all that they call. They add, divide and round in the same order, so their results are the same. */

#include <stddef.h>
#include <stdint.h>

/* Not on Windows, where GCC does not align the stack for vectors of this size. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(_WIN32)

#include <immintrin.h>

enum { BASELINE, AVX2, AVX512_VBMI, LOOKUP_IN_REGISTERS = AVX512_VBMI };

static const char* const INSTRUCTION_NAMES[] = {"baseline", "AVX2", "AVX-512 VBMI"};

#define AVX2_LOOP __attribute__((target("avx2"), flatten))
#define AVX512_VBMI_LOOP __attribute__((target("avx512f,avx512bw,avx512vbmi")))

static inline int best_instructions(void) {
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2")) return BASELINE;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw")) return AVX2;
    return __builtin_cpu_supports("avx512vbmi") ? AVX512_VBMI : AVX2;
}

/* One byte of each of 256 items. */
typedef struct { __m512i quarters[4]; } byte_plane;

AVX512_VBMI_LOOP static inline byte_plane plane_of(const uint8_t* items, size_t item_size, size_t byte) {
    uint8_t bytes[256];
    byte_plane plane;
    for (size_t i = 0; i < 256; i++) bytes[i] = items[i * item_size + byte];
    for (size_t i = 0; i < 4; i++) plane.quarters[i] = _mm512_loadu_si512(bytes + 64 * i);
    return plane;
}

AVX512_VBMI_LOOP static inline __m512i items_of(const byte_plane* plane, __m512i indices) {
    const __m512i* q = plane->quarters;
    __m512i low = _mm512_permutex2var_epi8(q[0], indices, q[1]);
    __m512i high = _mm512_permutex2var_epi8(q[2], indices, q[3]);
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(indices), low, high);
}

AVX512_VBMI_LOOP static inline size_t lookup_8_bits(const uint8_t* indices, const uint8_t* items, uint8_t* out, size_t n) {
    const byte_plane plane = plane_of(items, 1, 0);
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        _mm512_storeu_si512(out + i, items_of(&plane, _mm512_loadu_si512(indices + i)));
    }
    return i;
}

AVX512_VBMI_LOOP static inline size_t lookup_16_bits(const uint8_t* indices, const uint16_t* items, uint16_t* out, size_t n) {
    const byte_plane first = plane_of((const uint8_t*)items, 2, 0), second = plane_of((const uint8_t*)items, 2, 1);
    /* Unpacking interleaves within quarters of a register: each gets the two eighths that belong there. */
    const __m512i order = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        __m512i ordered = _mm512_permutexvar_epi64(order, _mm512_loadu_si512(indices + i));
        __m512i a = items_of(&first, ordered), b = items_of(&second, ordered);
        _mm512_storeu_si512(out + i, _mm512_unpacklo_epi8(a, b));
        _mm512_storeu_si512(out + i + 32, _mm512_unpackhi_epi8(a, b));
    }
    return i;
}

#else

#define AVX2_LOOP

#if defined(__aarch64__) && defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

#include <arm_neon.h>

/* All of these processors have NEON. */
enum { BASELINE, NEON, AVX2, LOOKUP_IN_REGISTERS = NEON };

static const char* const INSTRUCTION_NAMES[] = {"baseline", "NEON"};

static inline int best_instructions(void) { return NEON; }

/* One byte of each of 256 items: half of all registers. */
typedef struct { uint8x16x4_t quarters[4]; } byte_plane;

static inline byte_plane plane_of(const uint8_t* items, size_t item_size, size_t byte) {
    uint8_t bytes[256];
    byte_plane plane;
    for (size_t i = 0; i < 256; i++) bytes[i] = items[i * item_size + byte];
    for (size_t i = 0; i < 16; i++) plane.quarters[i / 4].val[i % 4] = vld1q_u8(bytes + 16 * i);
    return plane;
}

static inline uint8x16_t items_of(const byte_plane* plane, uint8x16_t indices) {
    uint8x16_t found = vqtbl4q_u8(plane->quarters[0], indices);
    for (size_t i = 1; i < 4; i++) {
        /* Only indices below 64 are looked up, and others keep what they have. */
        found = vqtbx4q_u8(found, plane->quarters[i], vsubq_u8(indices, vdupq_n_u8((uint8_t)(64 * i))));
    }
    return found;
}

static inline size_t lookup_8_bits(const uint8_t* indices, const uint8_t* items, uint8_t* out, size_t n) {
    const byte_plane plane = plane_of(items, 1, 0);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) vst1q_u8(out + i, items_of(&plane, vld1q_u8(indices + i)));
    return i;
}

static inline size_t lookup_16_bits(const uint8_t* indices, const uint16_t* items, uint16_t* out, size_t n) {
    const byte_plane first = plane_of((const uint8_t*)items, 2, 0), second = plane_of((const uint8_t*)items, 2, 1);
    uint8_t found[1024];
    size_t i = 0;
    while (i + 16 <= n) {
        size_t size = n - i < sizeof found ? (n - i) & ~(size_t)15 : sizeof found;
        for (size_t j = 0; j < size; j += 16) vst1q_u8(found + j, items_of(&first, vld1q_u8(indices + i + j)));
        for (size_t j = 0; j < size; j += 16) {
            uint8x16x2_t both = {{vld1q_u8(found + j), items_of(&second, vld1q_u8(indices + i + j))}};
            vst2q_u8((uint8_t*)(out + i + j), both);
        }
        i += size;
    }
    return i;
}

#else

enum { BASELINE, AVX2, LOOKUP_IN_REGISTERS };

static const char* const INSTRUCTION_NAMES[] = {"baseline"};

static inline int best_instructions(void) { return BASELINE; }

static inline size_t lookup_8_bits(const uint8_t* indices, const uint8_t* items, uint8_t* out, size_t n) {
    return (void)indices, (void)items, (void)out, (void)n, 0;
}

static inline size_t lookup_16_bits(const uint8_t* indices, const uint16_t* items, uint16_t* out, size_t n) {
    return (void)indices, (void)items, (void)out, (void)n, 0;
}

#endif

#endif
