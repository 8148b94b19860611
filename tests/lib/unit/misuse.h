/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Public functions, called inside a DMA section: each is either allowed there, or
 * names itself and stops.
 */
#ifndef TESTS_LIB_UNIT_MISUSE_H
#define TESTS_LIB_UNIT_MISUSE_H

#include <glib.h>
#include <stddef.h>

typedef struct Call {
    const char *name;
    void (*call)(void *world);
} Call;

typedef struct Calls {
    const char *prefix;     /* of tests */
    void *(*start)(void);   /* the world, outside of a section */
    void (*end)(void *world);
    const Call *stopped;
    size_t n_stopped;
    const Call *allowed;
    size_t n_allowed;
} Calls;

/** PREFIX/inside/NAME for each function that stops, and PREFIX/allowed for all
 *  others.  @calls stays. */
void misuse_add(const Calls *calls);

#endif
