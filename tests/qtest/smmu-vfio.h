/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A board with an SMMUv3 that has an emulated endpoint (number 0) and two of
 * the host's behind it, the second of which has a device-TLB.
 */
#ifndef TESTS_QTEST_SMMU_VFIO_H
#define TESTS_QTEST_SMMU_VFIO_H

#include "tests/qtest/smmu.h"
#include "tests/qtest/vfio-host.h"

#define VA          UINT64_C(0x12340000)
#define PAGE        UINT64_C(0x1000)
#define MACHINE     "-machine virt,iommu=smmuv3 -m 256M "

/** The unit's properties. */
const char *smmu_vfio_unit(void);
/** With first-stage tables, which are empty, and endpoint 1 chosen; @options
 *  are further ones of the machine, behind a space. */
void smmu_vfio_start(SmmuBoard *b, const char *options);
/** Endpoint @nth is the one that is meant from here on. */
void smmu_vfio_choose(SmmuBoard *b, unsigned nth);
/** The same; its stream has the tables. */
void smmu_vfio_take(SmmuBoard *b, unsigned nth);

/** What smmu-vfio-random.c and smmu-vfio-qemu.c have. */
void smmu_vfio_add_random_tests(void);
void smmu_vfio_add_qemu_tests(void);

#endif
