/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a guest's VT-d driver does, for tests: tables in guest memory, and
 * commands through registers and the invalidation queue.
 *
 * Guest memory and registers are reached through callbacks, so the same code
 * serves a process that holds the memory, a machine behind a qtest socket,
 * a fuzzer and a benchmark.  Nothing here asserts: what does not fit or does
 * not exist gives 0 or false, and the callers decide.
 */
#ifndef TESTS_LIB_VTD_TABLES_H
#define TESTS_LIB_VTD_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- Guest memory -------------------------------------------------------- */

/** How to reach guest-physical memory.  Aligned 8-byte accesses are atomic. */
typedef struct GuestMem {
    void (*read)(void *opaque, uint64_t addr, void *buf, size_t size);
    void (*write)(void *opaque, uint64_t addr, const void *buf, size_t size);
    void *opaque;
} GuestMem;

/** Memory of this process at guest-physical @base; accesses beside it read
 *  as zero and are not written. */
typedef struct GuestRam {
    uint64_t base;
    uint64_t size;
    uint8_t *host;
} GuestRam;

/** The callbacks for *@ram, which must live as long as the result is used. */
GuestMem guest_mem_from_ram(GuestRam *ram);

uint64_t guest_read64(const GuestMem *mem, uint64_t addr);
void guest_write64(const GuestMem *mem, uint64_t addr, uint64_t value);
uint32_t guest_read32(const GuestMem *mem, uint64_t addr);
void guest_write32(const GuestMem *mem, uint64_t addr, uint32_t value);
void guest_zero(const GuestMem *mem, uint64_t addr, size_t size);

/** Pages of 4096 bytes from @next up to @end; nothing is given back. */
typedef struct GuestAlloc {
    GuestMem mem;
    uint64_t next;
    uint64_t end;
} GuestAlloc;

void guest_alloc_init(GuestAlloc *alloc, const GuestMem *mem, uint64_t base,
                      uint64_t size);
/** @pages zeroed pages, aligned to their size rounded up to a power of two;
 *  0 when there is no room. */
uint64_t guest_alloc_pages(GuestAlloc *alloc, size_t pages);

/* --- DMA remapping tables ------------------------------------------------ */

/** Members of a context entry. */
typedef struct GuestContext {
    uint8_t tt;             /* SPEC_TT_... */
    bool fpd;
    uint64_t table;         /* top second-stage table */
    uint8_t levels;         /* 3, 4 or 5; or 0 for aw as it is */
    uint8_t aw;             /* SPEC_AW_..., when levels is 0 */
    uint16_t domain;
} GuestContext;

/** An empty root table; 0 when there is no room. */
uint64_t guest_root_new(GuestAlloc *alloc);
/** Where @source's context entry is; 0 when its bus has no context table. */
uint64_t guest_context_addr(GuestAlloc *alloc, uint64_t root, uint16_t source);
/** Write @source's context entry as two words; makes the bus's context table
 *  when needed. */
bool guest_context_set_raw(GuestAlloc *alloc, uint64_t root, uint16_t source,
                           uint64_t lo, uint64_t hi);
bool guest_context_set(GuestAlloc *alloc, uint64_t root, uint16_t source,
                       const GuestContext *ctx);
/** Make @source's context entry not present. */
bool guest_context_clear(GuestAlloc *alloc, uint64_t root, uint16_t source);

/**
 * Second-stage tables.  @levels is 3, 4 or 5; @leaf is the level that maps the
 * page: 1 for 4 KiB, 2 for 2 MiB, 3 for 1 GiB.  Tables on the way are made
 * with read and write allowed.
 */
uint64_t guest_ss_new(GuestAlloc *alloc);
/** Address of the entry of @level for @iova, or 0 when a table before it is
 *  missing or a larger page is mapped there. */
uint64_t guest_ss_entry(GuestAlloc *alloc, uint64_t table, unsigned levels,
                        uint64_t iova, unsigned level);
/** As guest_ss_entry(), but makes the tables that are missing; false (0) when
 *  there is no room or a larger page is mapped there. */
uint64_t guest_ss_entry_make(GuestAlloc *alloc, uint64_t table,
                             unsigned levels, uint64_t iova, unsigned level);
/** Map one page; @flags are SPEC_SS_R and so on (not PS).  A table that stood
 *  at the entry is forgotten. */
bool guest_ss_map(GuestAlloc *alloc, uint64_t table, unsigned levels,
                  uint64_t iova, uint64_t pa, unsigned leaf, uint64_t flags);
/** Map @size bytes with 4 KiB pages. */
bool guest_ss_map_range(GuestAlloc *alloc, uint64_t table, unsigned levels,
                        uint64_t iova, uint64_t pa, uint64_t size,
                        uint64_t flags);
/** Clear the entry of level @leaf for @iova. */
bool guest_ss_unmap(GuestAlloc *alloc, uint64_t table, unsigned levels,
                    uint64_t iova, unsigned leaf);

/* --- Interrupt remapping ------------------------------------------------- */

/** Members of an entry in remapped format. */
typedef struct GuestIrte {
    bool fpd;
    bool dm, rh, tm;
    uint8_t dlm;
    uint8_t vector;
    bool eim;               /* where the destination stands */
    uint32_t dest;
    uint16_t sid;
    uint8_t sq, svt;
} GuestIrte;

void guest_irte_set_raw(const GuestMem *mem, uint64_t table, uint16_t index,
                        uint64_t lo, uint64_t hi);
void guest_irte_set(const GuestMem *mem, uint64_t table, uint16_t index,
                    const GuestIrte *irte);
/** An entry in posted format; @source 0 means no source validation. */
void guest_irte_set_posted(const GuestMem *mem, uint64_t table,
                           uint16_t index, uint8_t vector, uint64_t pid,
                           bool urgent, uint16_t source);
void guest_irte_clear(const GuestMem *mem, uint64_t table, uint16_t index);
/** Address of a remappable interrupt request for @index. */
uint64_t guest_msi_addr(uint16_t index, bool shv);

/* --- Registers and the invalidation queue -------------------------------- */

/** How to reach a unit's register window. */
typedef struct GuestRegs {
    uint64_t (*read)(void *opaque, uint64_t offset, unsigned size);
    void (*write)(void *opaque, uint64_t offset, uint64_t value,
                  unsigned size);
    void *opaque;
} GuestRegs;

uint32_t guest_reg32(const GuestRegs *regs, uint64_t offset);
uint64_t guest_reg64(const GuestRegs *regs, uint64_t offset);
void guest_set_reg32(const GuestRegs *regs, uint64_t offset, uint32_t value);
void guest_set_reg64(const GuestRegs *regs, uint64_t offset, uint64_t value);

/**
 * Give a command: @set and @clear of SPEC_GCMD_...; one-shot bits that stand
 * in GSTS are left out as the specification demands.  Returns true when GSTS
 * shows what was asked.
 */
bool guest_command(const GuestRegs *regs, uint32_t set, uint32_t clear);
/** RTADDR and SRTP. */
bool guest_set_root(const GuestRegs *regs, uint64_t root);
/** IRTA and SIRTP; 2^(@s + 1) entries. */
bool guest_set_irta(const GuestRegs *regs, uint64_t table, unsigned s,
                    bool eime);
/** Offset of the IVA register (IOTLB stands 8 behind it), of a fault record. */
uint64_t guest_iva_offset(const GuestRegs *regs);
uint64_t guest_frcd_offset(const GuestRegs *regs, unsigned index);
unsigned guest_frcd_count(const GuestRegs *regs);

/** Register-based invalidation; true when the unit reports it as done, with
 *  *actual (may be NULL) the granularity that it says was used. */
bool guest_ccmd(const GuestRegs *regs, unsigned gran, uint16_t domain,
                uint16_t source, unsigned fm, unsigned *actual);
bool guest_iotlb(const GuestRegs *regs, unsigned gran, uint16_t domain,
                 uint64_t addr, unsigned am, bool ih, unsigned *actual);

/** The invalidation queue. */
typedef struct GuestQueue {
    GuestMem mem;
    GuestRegs regs;
    uint64_t addr;
    uint32_t bytes;
    uint32_t tail;
    uint64_t status;        /* where waits write */
    uint32_t sequence;
    bool wide;              /* 256-bit descriptors */
} GuestQueue;

/** Allocate a queue of 2^@qs pages and a status word; tell the unit, and
 *  enable it. */
bool guest_queue_init(GuestQueue *queue, GuestAlloc *alloc,
                      const GuestRegs *regs, unsigned qs);
/** The same with 256-bit descriptors. */
bool guest_queue_init_wide(GuestQueue *queue, GuestAlloc *alloc,
                           const GuestRegs *regs, unsigned qs);
/** Write a descriptor into the next slot; the unit sees it after
 *  guest_queue_ring(). */
void guest_queue_push(GuestQueue *queue, uint64_t lo, uint64_t hi);
/** Write the tail register. */
void guest_queue_ring(GuestQueue *queue);
/** Push a wait with a status write of a new number, ring; true when the
 *  number arrived by the time the register write returned.  For a unit that
 *  works in the background, poll guest_queue_done() after false. */
bool guest_queue_wait(GuestQueue *queue);
bool guest_queue_done(const GuestQueue *queue);

/** Descriptors; push, not ring. */
void guest_queue_context(GuestQueue *queue, unsigned gran, uint16_t domain,
                         uint16_t source, unsigned fm);
void guest_queue_iotlb(GuestQueue *queue, unsigned gran, uint16_t domain,
                       uint64_t addr, unsigned am, bool ih);
void guest_queue_devtlb(GuestQueue *queue, uint16_t source, uint64_t addr,
                        uint64_t size);
/** @im: log2 of the number of entries; @global ignores @index. */
void guest_queue_iec(GuestQueue *queue, bool global, uint16_t index,
                     unsigned im);

#endif
