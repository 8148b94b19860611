/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An SMMUv3 with queues, one stream and its tables, for tests.
 */
#ifndef TESTS_UNIT_SMMU_H
#define TESTS_UNIT_SMMU_H

#include <hw/iommu/viommu-smmuv3.h>

#include "fixture.h"
#include "tests/lib/smmu-tables.h"

#define SMMU_TEST_SID   0x18u
#define SMMU_TEST_ASID  7
#define SMMU_TEST_VMID  3

typedef struct Smmu {
    Fixture *f;
    GuestAlloc *alloc;
    const GuestRegs *regs;
    GuestSmmuCommands commands;
    uint64_t strtab;            /* linear, 2^8 entries */
    uint64_t cds;
    uint64_t events;
    unsigned events_log2;
    GuestSte ste;
    GuestCd cd;
    GuestTables s1, s2;
} Smmu;

/** Everything that the model has. */
void smmu_test_config(ViommuSmmuv3Config *config);
/** A unit, on, with a stream of kind @config (SMMUV3_S1 and so on); its
 *  tables have 4 KiB pages of 48 and 40 bits and are empty. */
Smmu *smmu_test_new(const ViommuSmmuv3Config *config, unsigned kind);
void smmu_test_free(Smmu *s);

/** Write s->ste or s->cd, and invalidate. */
void smmu_test_put_ste(Smmu *s);
void smmu_test_put_cd(Smmu *s, uint32_t ssid);
/** Map a page of 4 KiB in the stage(s) that the stream has. */
void smmu_test_map(Smmu *s, uint64_t addr, uint64_t to);
void smmu_test_sync(Smmu *s);
/** Make the event queue anew. */
void smmu_test_events(Smmu *s, unsigned log2);
/** Take the next event; false when there is none. */
bool smmu_test_event(Smmu *s, uint64_t word[4]);

ViommuStatus smmu_test_request(Smmu *s, uint32_t ssid, uint64_t addr,
                               unsigned access, ViommuKind kind,
                               ViommuReply *reply);
ViommuStatus smmu_test_dma(Smmu *s, uint64_t addr, unsigned access,
                           ViommuReply *reply);

#endif
