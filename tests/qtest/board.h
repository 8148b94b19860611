/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The machine that the VT-d tests run on: a Q35 board with one remapping
 * unit, the interrupt sink and one or more viommu-testdev.
 */
#ifndef TESTS_QTEST_BOARD_H
#define TESTS_QTEST_BOARD_H

#include "tests/lib/qtest.h"
#include "tests/lib/testdev.h"
#include "tests/lib/vtd-spec.h"
#include "tests/lib/vtd-tables.h"

/** Where a Q35 board has its unit. */
#define BOARD_UNIT   0xfed90000u
/** Further units follow. */
#define BOARD_STRIDE 0x2000u
/** RAM is [0, BOARD_RAM); nothing answers at BOARD_HOLE. */
#define BOARD_RAM    0x10000000u
#define BOARD_HOLE   UINT64_C(0x70000000)
/** The domain that board_translate() uses. */
#define BOARD_DOMAIN 5

#define BOARD_RW (SPEC_SS_R | SPEC_SS_W)

typedef struct Board {
    QTest *q;
    uint64_t unit;      /* where its registers are */
    PciBus bus;
    Testdev dev;        /* endpoint number 0 */
    uint16_t source;    /* its source-id */
    GuestMem mem;
    GuestRegs regs;
    GuestAlloc alloc;
    GuestQueue queue;
    uint64_t root;
    uint64_t table;     /* of endpoint 0 */
    unsigned levels;
    uint64_t irt;
} Board;

/** Start with these options of intel-iommu ("" or "caching-mode=on,pt=off"),
 *  and further options of the machine; when they begin with a comma, what
 *  follows it up to the first space belongs to endpoint 0. */
void board_start(Board *b, const char *unit);
void board_start_with(Board *b, const char *unit, const char *more);
/** Endpoint 0 of boards that are started from now on is of this type: one that
 *  looks like viommu-testdev, which it is at first. */
void board_set_endpoint(const char *type);
void board_end(Board *b);
/** Let @b be the same machine as @first, seen from unit number @index and from
 *  endpoint number @nth.  Only @first is ended. */
void board_further(Board *b, Board *first, unsigned index, unsigned nth);

/** Reset, and wait until the unit shows it.  RAM stays as it is. */
void board_reset(Board *b);

uint32_t board_reg32(Board *b, uint64_t offset);
uint64_t board_reg64(Board *b, uint64_t offset);
void board_set32(Board *b, uint64_t offset, uint32_t value);
void board_set64(Board *b, uint64_t offset, uint64_t value);

/** guest_command() that must succeed. */
void board_command(Board *b, uint32_t set, uint32_t clear);

/** @pages zeroed pages of RAM. */
uint64_t board_pages(Board *b, unsigned pages);
uint64_t board_get64(Board *b, uint64_t addr);
void board_put64(Board *b, uint64_t addr, uint64_t value);

/** A root table with an empty table of @levels for endpoint 0, domain
 *  BOARD_DOMAIN; translation on. */
void board_translate(Board *b, unsigned levels);
/** Write endpoint 0's context entry (no invalidation). */
void board_context(Board *b, uint64_t lo, uint64_t hi);
/** The words that board_translate() put there. */
uint64_t board_context_lo(Board *b);
uint64_t board_context_hi(Board *b);
/** Map one 4 KiB page for endpoint 0; tables are made. */
void board_map(Board *b, uint64_t iova, uint64_t pa, uint64_t flags);
/** Map a page of level @leaf. */
void board_map_leaf(Board *b, uint64_t iova, uint64_t pa, unsigned leaf,
                    uint64_t flags);
/** Address of the entry of @level for @iova, which must exist. */
uint64_t board_entry(Board *b, uint64_t iova, unsigned level);

/** Invalidate everything through the registers. */
void board_flush(Board *b);

/** Enable the queue with 2^@qs pages. */
void board_queue(Board *b, unsigned qs);
/** Push a wait with status, ring, and wait for its status. */
void board_sync(Board *b);

/** An interrupt table of 2^(@s + 1) entries; remapping on. */
void board_remap(Board *b, unsigned s, bool eime);

/* --- Expectations -------------------------------------------------------- */

/** 8-byte DMA by endpoint 0 that must work and reach @pa. */
void board_dma_good(Board *b, uint64_t iova, uint64_t pa);
/** Read only (for pages without write permission). */
void board_dma_reads(Board *b, uint64_t iova, uint64_t pa);
void board_dma_writes(Board *b, uint64_t iova, uint64_t pa);
/** DMA that must be blocked; says nothing about records. */
void board_dma_blocked(Board *b, uint64_t iova, bool write);
/** DMA that must be blocked with this reason, with exactly one record; the
 *  record is checked and cleared. */
void board_dma_fault(Board *b, uint64_t iova, bool write, uint8_t reason);

/** A fault record. */
typedef struct Fault {
    bool valid;
    uint64_t info;      /* FI in place */
    uint16_t source;
    uint8_t reason;
    bool read;          /* T1 */
    uint8_t at;
    uint64_t rest;      /* bits that are zero for requests without PASID */
} Fault;

Fault board_fault(Board *b, unsigned record);
void board_clear_fault(Board *b, unsigned record);
/** No record is valid, and FSTS says so. */
void board_no_fault(Board *b);
/** FSTS shows a pending fault; the record it points at is returned after
 *  clearing it. */
Fault board_take_fault(Board *b);

/** The unit has sent one message, @addr and @data, and nothing else came. */
void board_expect_event(Board *b, uint64_t addr, uint32_t data);

#endif
