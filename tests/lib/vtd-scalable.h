/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scalable-mode tables and commands, as a guest's driver writes them.  As in
 * vtd-tables.h, what does not fit or does not exist gives 0 or false.
 */
#ifndef TESTS_LIB_VTD_SCALABLE_H
#define TESTS_LIB_VTD_SCALABLE_H

#include "vtd-tables.h"

/** A context entry: four words.  Makes the context table when needed. */
bool guest_sm_context_set(GuestAlloc *alloc, uint64_t root, uint16_t source,
                          const uint64_t word[4]);
/** Where it is; 0 when there is no context table. */
uint64_t guest_sm_context_addr(GuestAlloc *alloc, uint64_t root,
                               uint16_t source);

/** An empty directory of 2^(@pdts + 7) entries. */
uint64_t guest_pasid_dir_new(GuestAlloc *alloc, unsigned pdts);
/** Address of @pasid's entry; makes its table when needed. */
uint64_t guest_pasid_addr(GuestAlloc *alloc, uint64_t dir, uint32_t pasid);

/** Members of a PASID table entry. */
typedef struct GuestPasid {
    uint8_t pgtt;           /* SPEC_PGTT_... */
    uint16_t domain;
    uint64_t ss;            /* top second-stage table */
    uint8_t ss_levels;
    uint64_t fs;            /* top first-stage table, as the entry has it */
    uint8_t fs_levels;      /* 4 or 5 */
    uint64_t flags0, flags1, flags2;    /* SPEC_PASID_..., PASID1, PASID2 */
} GuestPasid;

bool guest_pasid_set(GuestAlloc *alloc, uint64_t dir, uint32_t pasid,
                     const GuestPasid *entry);

/** First-stage tables.  @bias is what is added to the address of a table
 *  before it is written into an entry (nested: where stage 2 has it). */
typedef struct GuestFs {
    uint64_t table;         /* where it really is */
    unsigned levels;
    uint64_t bias;
} GuestFs;

bool guest_fs_init(GuestFs *fs, GuestAlloc *alloc, unsigned levels,
                   uint64_t bias);
/** Address of the entry of @level for @va; 0 when a table is missing, with
 *  @make only when there is no room. */
uint64_t guest_fs_entry(const GuestFs *fs, GuestAlloc *alloc, uint64_t va,
                        unsigned level, bool make);
/** Map a page at level @leaf (1, 2, 3); @flags are SPEC_FS_... */
bool guest_fs_map(const GuestFs *fs, GuestAlloc *alloc, uint64_t va,
                  uint64_t pa, unsigned leaf, uint64_t flags);

void guest_queue_pasid_cache(GuestQueue *queue, unsigned gran,
                             uint16_t domain, uint32_t pasid);
/** SPEC_GRAN_DOMAIN: all of the PASID; SPEC_GRAN_PAGE: 2^@am pages. */
void guest_queue_piotlb(GuestQueue *queue, unsigned gran, uint16_t domain,
                        uint32_t pasid, uint64_t addr, unsigned am, bool ih);
/** @global: for each PASID. */
void guest_queue_pdevtlb(GuestQueue *queue, uint16_t source, uint32_t pasid,
                         bool global, uint64_t addr, uint64_t size);
/** Four words as they are. */
void guest_queue_push_wide(GuestQueue *queue, const uint64_t word[4]);
/** Page group response for the last of a group; @pasid UINT32_MAX for none,
 *  @code SPEC_PRESP_... */
void guest_queue_page_response(GuestQueue *queue, uint16_t source,
                               uint32_t pasid, unsigned group, unsigned code);
/** A wait that also drains page requests; push, not ring.  See
 *  guest_queue_done(). */
void guest_queue_drain(GuestQueue *queue);

/** The page request queue. */
typedef struct GuestPageQueue {
    GuestMem mem;
    GuestRegs regs;
    uint64_t addr;
    uint32_t bytes;
} GuestPageQueue;

/** Allocate a queue of 2^@pqs pages and tell the unit. */
bool guest_page_queue_init(GuestPageQueue *queue, GuestAlloc *alloc,
                           const GuestRegs *regs, unsigned pqs);
/** Take the next descriptor out; false when the queue is empty. */
bool guest_page_queue_pop(GuestPageQueue *queue, uint64_t word[4]);

#endif
