#ifndef METERTAP_BYTE_MASKS_H
#define METERTAP_BYTE_MASKS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

// What Swift's SIMD types cannot say: which of 64 bytes something holds for, as the bits of a number, the first byte
// lowest. The compiler makes of it what the processor has for that, such as `pmovmskb`. `bytes` must point to 64 bytes.

typedef uint8_t metertap_block __attribute__((ext_vector_type(64)));
typedef int8_t metertap_signed_block __attribute__((ext_vector_type(64)));
typedef uint8_t metertap_half_block __attribute__((ext_vector_type(32)));
typedef bool metertap_half_flags __attribute__((ext_vector_type(32)));
typedef bool metertap_flags __attribute__((ext_vector_type(64)));

#define METERTAP_BITS(condition)                                                                                       \
    ({                                                                                                                 \
        metertap_flags flags = __builtin_convertvector((condition), metertap_flags);                                   \
        uint64_t bits;                                                                                                 \
        memcpy(&bits, &flags, sizeof bits);                                                                            \
        bits;                                                                                                          \
    })

/// Which bytes are equal to `byte`.
static inline uint64_t metertap_equal(const uint8_t *bytes, uint8_t byte) {
    metertap_block block;
    memcpy(&block, bytes, sizeof block);
    return METERTAP_BITS(block == byte);
}

/// Which bytes are quotation marks, backslashes, control characters or not ASCII.
static inline uint64_t metertap_string_stops(const uint8_t *bytes) {
    metertap_signed_block block;
    memcpy(&block, bytes, sizeof block);
    return METERTAP_BITS((block == '"') | (block == '\\') | (block < 0x20));
}

/// Which bytes are no digits.
static inline uint64_t metertap_not_digits(const uint8_t *bytes) {
    metertap_block block;
    memcpy(&block, bytes, sizeof block);
    return METERTAP_BITS((block < '0') | (block > '9'));
}

/// Which of 32 bytes differ from those of `other`.
static inline uint32_t metertap_differences(const uint8_t *bytes, metertap_half_block other) {
    metertap_half_block block;
    memcpy(&block, bytes, sizeof block);
    metertap_half_flags equal = __builtin_convertvector(block == other, metertap_half_flags);
    uint32_t bits;
    memcpy(&bits, &equal, sizeof bits);
    return ~bits;
}

/// Whether one of 80 bytes is equal to `byte`.
static inline bool metertap_any_of_80(const uint8_t *bytes, uint8_t byte) {
    typedef uint8_t part __attribute__((ext_vector_type(16)));
    typedef bool flags __attribute__((ext_vector_type(16)));
    part parts[5];
    memcpy(parts, bytes, sizeof parts);
    part equal = (part)(parts[0] == byte) | (part)(parts[1] == byte) | (part)(parts[2] == byte)
        | (part)(parts[3] == byte) | (part)(parts[4] == byte);
    flags any = __builtin_convertvector(equal != 0, flags);
    uint16_t bits;
    memcpy(&bits, &any, sizeof bits);
    return bits != 0;
}

#endif
