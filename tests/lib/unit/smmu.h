/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An SMMUv3 with queues, one stream and its tables, for tests.
 */
#ifndef TESTS_LIB_UNIT_SMMU_H
#define TESTS_LIB_UNIT_SMMU_H

#include <hw/iommu/viommu-smmuv3.h>

#include "fixture.h"
#include "tests/lib/smmu-tables.h"

#define SMMU_TEST_SID   0x18u
#define SMMU_TEST_ASID  7
#define SMMU_TEST_VMID  3
#define SMMU_TEST_VA    UINT64_C(0x7f1234567000)

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
/** The same with smmu_test_config() as @change, or NULL, leaves it. */
Smmu *smmu_test_new_with(unsigned kind, void (*change)(ViommuSmmuv3Config *));
void smmu_test_free(Smmu *s);

/** Write s->ste or s->cd, and invalidate. */
void smmu_test_put_ste(Smmu *s);
void smmu_test_put_cd(Smmu *s, uint32_t ssid);
/** Where the stream's entry is. */
uint64_t smmu_test_ste_at(const Smmu *s);
/** Change bits of a word of memory, as configuration, and invalidate. */
void smmu_test_change(Smmu *s, uint64_t at, uint64_t mask, uint64_t value);
/** Invalidate all configuration. */
void smmu_test_forget(Smmu *s);
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
/** A read of SMMU_TEST_VA is refused: its event, whole; 0 is none. */
void smmu_test_refused(Smmu *s, uint32_t ssid, ViommuKind kind, unsigned id,
                       uint64_t word[4]);
ViommuStatus smmu_test_dma(Smmu *s, uint64_t addr, unsigned access,
                           ViommuReply *reply);

#endif
