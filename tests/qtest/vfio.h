/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A board in scalable mode whose endpoint is a device of the host.
 */
#ifndef TESTS_QTEST_VFIO_H
#define TESTS_QTEST_VFIO_H

#include "tests/qtest/passed.h"

#define VA          PASSED_VA
#define OPTIONS     SM_ATS_OPTIONS ",caching-mode=on"
#define NESTED      OPTIONS ",nesting=on"

/** passed_start() with these options of QEMU's unit; nesting= goes to where the
 *  machine has it. */
void vfio_start(Sm *s, const char *options, unsigned pgtt);
/** The end; the host has refused nothing, where the machine tells that. */
void vfio_end(Sm *s);
/** A counter that viommu-machine has. */
uint64_t vfio_usage(Sm *s, const char *name);

/** What vfio-tables.c has, and vfio-type1.c. */
void vfio_add_table_tests(void);
void vfio_add_type1_tests(void);

#endif
