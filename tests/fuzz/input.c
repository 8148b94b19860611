/* SPDX-License-Identifier: BSD-3-Clause */
#include "input.h"

#include <stdio.h>
#include <stdlib.h>

uint64_t fuzz_take(FuzzInput *in, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++) {
        if (in->size) {
            value |= (uint64_t)*in->data << (8 * i);
            in->data++;
            in->size--;
        }
    }
    return value;
}

void fuzz_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}
