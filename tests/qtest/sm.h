/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The board in scalable mode: tables for endpoint 0 without a PASID and
 * with as many PASIDs as a test wants.
 */
#ifndef TESTS_QTEST_SM_H
#define TESTS_QTEST_SM_H

#include "tests/qtest/board.h"
#include "tests/lib/vtd-scalable.h"

#define SM_DOMAIN   0x0123
/** The PASID that has the same tables as requests without one. */
#define SM_PASID    0x1234u
/** Of requests without PASID. */
#define SM_NONE     UINT32_MAX
/** The directory has 2^(SM_PDTS + 7) entries. */
#define SM_PDTS     1u
/** Nested: second stage has the first SM_SPAN bytes of RAM here, in 2 MiB
 *  pages, so that each address in first-stage tables needs it. */
#define SM_BIAS     UINT64_C(0x40000000)
#define SM_SPAN     UINT64_C(0x04000000)
/** A first-stage leaf for everybody. */
#define SM_LEAF     (SPEC_FS_P | SPEC_FS_RW | SPEC_FS_US)

/** Everything that scalable mode has; 8 records, so that none gets lost. */
#define SM_OPTIONS \
    "x-scalable-mode=on,x-flts=on,nested=on,pasid-bits=20," \
    "dirty-tracking=on,extended-access=on,abort-dma=on,fault-records=8"

/** And what endpoints need that have a device-TLB. */
#define SM_ATS_OPTIONS SM_OPTIONS ",device-iotlb=on,pri=on,snoop-control=on"

typedef struct Sm {
    Board b;
    uint64_t ctx[4];
    uint64_t dir;
    unsigned ss_levels;
    uint64_t ss;
    GuestFs fs;
    GuestPasid entry;       /* what sm_put_pasid() writes */
} Sm;

/**
 * Start with these options of the unit.  Tables of type @pgtt (SPEC_PGTT_...)
 * and @levels for requests without PASID and with SM_PASID, a wide queue,
 * translation on.
 */
void sm_start(Sm *s, const char *options, unsigned pgtt, unsigned levels);
void sm_start_with(Sm *s, const char *options, const char *more,
                   unsigned pgtt, unsigned levels);
/** SM_ATS_OPTIONS, and endpoint 0 has its capabilities enabled, and allowed
 *  in its context entry. */
void sm_start_ats(Sm *s, unsigned pgtt);
void sm_end(Sm *s);
/** New, empty tables of another type; everything is invalidated. */
void sm_tables(Sm *s, unsigned pgtt, unsigned levels);

/** Write endpoint 0's context entry, or a PASID's entry, as they are in *s. */
void sm_put_context(Sm *s);
void sm_put_pasid(Sm *s, uint32_t pasid);
/** Invalidate all caches. */
void sm_flush(Sm *s);
/** Drop @size bytes (0 is all) from endpoint 0's device-TLB, of requests with
 *  this PASID or without one.  Push, not ring. */
void sm_drop(Sm *s, uint32_t pasid, uint64_t addr, uint64_t size);
/** RTADDR with this translation table mode. */
void sm_set_mode(Sm *s, unsigned ttm);

/** Map in the first stage, or in the second when that is the only one. */
void sm_map(Sm *s, uint64_t va, uint64_t pa, unsigned leaf);
void sm_map_flags(Sm *s, uint64_t va, uint64_t pa, unsigned leaf,
                  uint64_t flags);
/** Address of the entry of @level in either stage; it must exist. */
uint64_t sm_fs_at(Sm *s, uint64_t va, unsigned level);
uint64_t sm_ss_at(Sm *s, uint64_t addr, unsigned level);

/** From now on endpoint 0's requests have this PASID, with TD_PASID_... */
void sm_use(Sm *s, uint32_t pasid);

/* --- Expectations -------------------------------------------------------- */

/** Reads, and writes, of 8 bytes that reach @pa. */
void sm_good(Sm *s, uint32_t pasid, uint64_t va, uint64_t pa);
void sm_reads(Sm *s, uint32_t pasid, uint64_t va, uint64_t pa);
void sm_writes(Sm *s, uint32_t pasid, uint64_t va, uint64_t pa);
/** A read that reaches one of the two: what a cache may do. */
void sm_either(Sm *s, uint32_t pasid, uint64_t va, uint64_t one,
               uint64_t other);

/** What a record in scalable mode says beside source and address. */
typedef struct SmRecord {
    uint8_t reason;
    bool write, execute, privileged;
    uint8_t at;
} SmRecord;

/** FSTS points at the only record, which says this; then clear it. */
void sm_take_record(Sm *s, uint32_t pasid, uint64_t va, const SmRecord *want);
/** Blocked, with exactly this record. */
void sm_fault(Sm *s, uint32_t pasid, uint64_t va, bool write, uint8_t reason);
/** Blocked without a record. */
void sm_silent(Sm *s, uint32_t pasid, uint64_t va, bool write);

#endif
