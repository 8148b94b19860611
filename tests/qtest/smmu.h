/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The machine that the SMMUv3 tests run on: Arm's "virt" with an SMMUv3, the
 * sink and one or more viommu-testdev.
 */
#ifndef TESTS_QTEST_SMMU_H
#define TESTS_QTEST_SMMU_H

#include "tests/lib/qtest.h"
#include "tests/lib/smmu-tables.h"
#include "tests/lib/testdev.h"

/** Where virt has its SMMU, RAM, and PCI. */
#define SMMU_UNIT       0x09050000u
#define SMMU_RAM        0x40000000u
#define SMMU_RAM_SIZE   0x10000000u
#define SMMU_ECAM_HIGH  UINT64_C(0x4010000000)
#define SMMU_ECAM_LOW   0x3f000000u
#define SMMU_PCI_MMIO   0x10000000u
/** Nothing answers there. */
#define SMMU_HOLE       UINT64_C(0x70000000)
/** Interrupt messages: the GICv2m doorbell, which no RAM hides. */
#define SMMU_DOORBELL   0x08020040u
/** What the sink takes from endpoints. */
#define SMMU_MESSAGES   0xfee00000u

#define SMMU_ASID       7
#define SMMU_VMID       3

/** Wired interrupts: SPI 74 and so on. */
enum { LINE_EVENTQ, LINE_PRIQ, LINE_SYNC, LINE_GERROR };

typedef struct SmmuBoard {
    QTest *q;
    PciBus bus;
    Testdev dev;            /* endpoint number 0 */
    uint32_t sid;           /* its StreamID */
    GuestMem mem;
    GuestRegs regs;
    GuestAlloc alloc;
    GuestSmmuCommands commands;
    uint64_t strtab;        /* linear, 2^8 entries */
    uint64_t cds;           /* linear, room for 2^8 */
    uint64_t events, priq;
    unsigned events_log2, priq_log2;
    GuestSte ste;
    GuestCd cd;
    GuestTables s1, s2;
} SmmuBoard;

/** Start with these properties of the SMMU ("" or "stage=2,ats=on"), and
 *  further options; when they begin with a comma, what follows it up to the
 *  first space belongs to endpoint 0.  All registers are as after reset. */
void smmu_start(SmmuBoard *b, const char *unit, const char *more);
/** The same with queues, and a stream of kind @config (SMMUV3_S1 and so on)
 *  whose tables are empty; translation on.  Nested: stage 2 has RAM's
 *  addresses for themselves. */
void smmu_start_stream(SmmuBoard *b, const char *unit, const char *more,
                       unsigned config);
void smmu_end(SmmuBoard *b);

uint32_t smmu_reg(SmmuBoard *b, uint64_t offset);
uint64_t smmu_reg64(SmmuBoard *b, uint64_t offset);
void smmu_set(SmmuBoard *b, uint64_t offset, uint32_t value);
void smmu_set64(SmmuBoard *b, uint64_t offset, uint64_t value);
uint64_t smmu_get64(SmmuBoard *b, uint64_t addr);
void smmu_put64(SmmuBoard *b, uint64_t addr, uint64_t value);
uint64_t smmu_pages(SmmuBoard *b, unsigned pages);

/** Make the event or the PRI queue anew, switched on. */
void smmu_events(SmmuBoard *b, unsigned log2);
void smmu_priq(SmmuBoard *b, unsigned log2);

/** One command, and a CMD_SYNC that must be reached. */
void smmu_command(SmmuBoard *b, uint64_t w0, uint64_t w1);
void smmu_sync(SmmuBoard *b);
/** Write b->ste, or b->cd for a SubstreamID, and invalidate. */
void smmu_put_ste(SmmuBoard *b);
void smmu_put_cd(SmmuBoard *b, unsigned ssid);
/** Map a page of 4 KiB; of a nested stream in stage 1. */
void smmu_map(SmmuBoard *b, uint64_t addr, uint64_t to);

/* --- Expectations -------------------------------------------------------- */

/** 8-byte DMA by endpoint 0 that must work and reach @pa. */
void smmu_dma_good(SmmuBoard *b, uint64_t addr, uint64_t pa);
void smmu_dma_reads(SmmuBoard *b, uint64_t addr, uint64_t pa);
/** DMA that must be blocked; says nothing about events. */
void smmu_dma_blocked(SmmuBoard *b, uint64_t addr, bool write);
/** DMA that must be blocked, with this event and no other. */
void smmu_dma_fault(SmmuBoard *b, uint64_t addr, bool write, unsigned id,
                    uint64_t word[4]);

/** Take the next event; false when there is none. */
bool smmu_event(SmmuBoard *b, uint64_t word[4]);
/** The same, for one that a host has to tell of first. */
bool smmu_await_event(SmmuBoard *b, uint64_t word[4]);
/** The next page request of the PRI queue. */
bool smmu_page_request(SmmuBoard *b, uint64_t word[2]);

/** The next message of the sink is this wired interrupt. */
void smmu_expect_line(SmmuBoard *b, unsigned line);
/** The next two are this message of the SMMU's and this interrupt, in either
 *  order. */
void smmu_expect_msi(SmmuBoard *b, uint64_t addr, uint32_t data,
                     unsigned line);

#endif
