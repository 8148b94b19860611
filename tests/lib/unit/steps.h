/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A race with one side held: this thread runs an instruction at a time, and at
 * a chosen one something happens, as if another processor did it there.
 */
#ifndef TESTS_LIB_UNIT_STEPS_H
#define TESTS_LIB_UNIT_STEPS_H

#include <stdbool.h>

/** Whether that can be done here: x86-64, and no ThreadSanitizer. */
bool steps_possible(void);

/**
 * Call @act; before its instruction number @step (from 1), call @at, inside
 * a signal handler.  Returns whether @act was that long.
 */
bool steps_run(void (*act)(void *opaque), void (*at)(void *opaque),
               void *opaque, unsigned step);

#endif
