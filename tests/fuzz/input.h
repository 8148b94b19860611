/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What all fuzz targets share: the bytes of an input, and checks.
 */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

/** Bytes not yet used; zeros when there are none left. */
typedef struct FuzzInput {
    const uint8_t *data;
    size_t size;
} FuzzInput;

uint64_t fuzz_take(FuzzInput *in, unsigned bytes);

#define FUZZ_CHECK(condition) \
    ((condition) ? (void)0 : fuzz_failed(#condition, __FILE__, __LINE__))

void fuzz_failed(const char *condition, const char *file, int line)
    __attribute__((noreturn));

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
