/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a guest's SMMUv3 driver does, for tests: stream tables, context
 * descriptors, translation tables, commands.  See vtd-tables.h for memory.
 */
#ifndef TESTS_LIB_SMMU_TABLES_H
#define TESTS_LIB_SMMU_TABLES_H

#include "tests/lib/smmu-spec.h"
#include "tests/lib/vtd-tables.h"

/** Members of a stream table entry; zeroes are what tests do not mind. */
typedef struct GuestSte {
    unsigned config;
    /* stage 1 */
    uint64_t cd_table;
    unsigned s1fmt, s1cdmax, s1dss;
    bool s1stalld;
    /* stage 2 */
    uint64_t s2ttb;
    unsigned s2t0sz, s2sl0, s2tg, s2ps;
    uint16_t vmid;
    bool s2stall, s2record, s2affd, s2ha, s2hd, s2ptw, s2fwb;
    unsigned eats;
    bool ppar;
} GuestSte;

void guest_ste_encode(const GuestSte *ste, uint64_t word[8]);

typedef struct GuestCd {
    uint64_t ttb[2];
    unsigned tsz[2], tg[2];
    bool epd[2];
    unsigned ips;
    uint16_t asid;
    bool stall, record, affd, ha, hd, wxn, pan, tbi0;
} GuestCd;

void guest_cd_encode(const GuestCd *cd, uint64_t word[8]);
void guest_write_words(const GuestMem *mem, uint64_t addr,
                       const uint64_t *words, unsigned n);

/** Translation tables of one base. */
typedef struct GuestTables {
    GuestAlloc *alloc;
    uint64_t ttb;
    unsigned granule;           /* log2: 12, 14, 16 */
    unsigned bits;              /* of the input */
    unsigned start;             /* level */
} GuestTables;

/** Empty tables.  With @concatenated, 2^@concatenated start tables side by
 *  side, of a level lower. */
bool guest_tables_init(GuestTables *t, GuestAlloc *alloc, unsigned granule,
                       unsigned bits, unsigned concatenated);
/** The descriptor of @level for @addr; makes tables; 0 is no room. */
uint64_t guest_tables_entry(GuestTables *t, uint64_t addr, unsigned level);
/** Map one page or block of @level (3 is a page). */
bool guest_tables_map(GuestTables *t, uint64_t addr, uint64_t to,
                      unsigned level, uint64_t attributes);

/** The command queue. */
typedef struct GuestSmmuCommands {
    const GuestMem *mem;
    const GuestRegs *regs;
    uint64_t base;
    unsigned log2;
    uint32_t prod;              /* with those that were not announced yet */
} GuestSmmuCommands;

bool guest_smmu_commands_init(GuestSmmuCommands *q, GuestAlloc *alloc,
                         const GuestRegs *regs, unsigned log2);
void guest_smmu_command(GuestSmmuCommands *q, uint64_t w0, uint64_t w1);
/** The same in two steps: write commands, then announce them all. */
void guest_smmu_push(GuestSmmuCommands *q, uint64_t w0, uint64_t w1);
void guest_smmu_ring(GuestSmmuCommands *q);
/** Whether all commands have been consumed. */
bool guest_smmu_commands_done(const GuestSmmuCommands *q);

#endif
