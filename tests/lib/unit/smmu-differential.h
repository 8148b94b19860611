/* SPDX-License-Identifier: BSD-3-Clause */
/* The random world of test-smmu-differential: what it is, and how it
 * changes. */
#ifndef TESTS_LIB_UNIT_SMMU_DIFFERENTIAL_H
#define TESTS_LIB_UNIT_SMMU_DIFFERENTIAL_H

#include <hw/iommu/viommu-smmuv3.h>

#include "fixture.h"
#include "keeper.h"
#include "tests/lib/smmu-ref.h"
#include "tests/lib/smmu-tables.h"

#define SMMU_VMS        3       /* the last one has no stage 2 */
#define SMMU_SPACES     5
#define SMMU_STREAMS    6
#define SMMU_ADDRESSES  16
#define SMMU_SSIDS      6       /* that are used */

/** Tables of either stage. */
typedef struct SmmuTree {
    uint64_t base;
    unsigned granule, input, start;
} SmmuTree;

typedef struct SmmuVm {
    uint16_t vmid;
    SmmuTree s2;
    unsigned ps;
    bool affd, ha, hd, ptw, fwb;
} SmmuVm;

/** What a context descriptor leads to; of one VM and ASID. */
typedef struct SmmuSpace {
    unsigned vm;
    uint16_t asid;
    SmmuTree half[2];
    bool epd[2], had[2], tbi[2];
    unsigned ips;
    bool affd, ha, hd, wxn, pan;
} SmmuSpace;

typedef struct SmmuStream {
    uint32_t sid;
    unsigned vm;
    unsigned config, fmt, max, dss, eats;
    bool el2;                   /* stage 1 of EL2 */
    uint64_t cds;
    uint64_t where;             /* of the STE */
    /*
     * What is the same under one VMID or ASID, the architecture says, must
     * be the same in all entries.  A damaged one gets tags of its own; 0:
     * none.
     */
    uint16_t odd_vmid, odd_asid[SMMU_SSIDS];
} SmmuStream;

typedef struct SmmuWorld {
    Fixture *f;
    GRand *rand;
    ViommuSmmuv3Config config;
    SmmuRef ref;
    GuestSmmuCommands commands;
    uint64_t events;
    SmmuVm vms[SMMU_VMS];
    SmmuSpace spaces[SMMU_SPACES];
    SmmuStream streams[SMMU_STREAMS];
    uint64_t addresses[SMMU_ADDRESSES];     /* of either half */
    uint64_t ipas[SMMU_ADDRESSES];
    bool runs;                  /* there are contiguous runs */
    unsigned odd;               /* odd tags given out */
    unsigned step;
    const char *last;           /* what was done last */
    uint64_t compared, granted, faulted, stalled;
    Keeper keeper;
    SmmuRefRequest kept[KEEPER_ENTRIES];
} SmmuWorld;

/** A number below @n, which is not 0. */
unsigned smmu_below(SmmuWorld *w, unsigned n);
/** True in @percent of 100 cases. */
bool smmu_chance(SmmuWorld *w, unsigned percent);
uint64_t smmu_random(SmmuWorld *w);

/** Bits n - 1 to 0. */
uint64_t smmu_bits(unsigned n);
/** Of a command. */
uint64_t smmu_tag(uint16_t vmid, uint16_t asid);

/* Tables; a descriptor's address is 0 when something is in the way, and
 * *@made the level from which on tables were made. */
bool smmu_tree_new(SmmuWorld *w, SmmuTree *t, unsigned granule,
                   unsigned input, unsigned start);
unsigned smmu_tree_shift(const SmmuTree *t, unsigned level);
uint64_t smmu_tree_descriptor(SmmuWorld *w, const SmmuTree *t, uint64_t addr,
                              unsigned level, unsigned *made);
/** Change a descriptor on the way to @addr; *@size is the size of what has
 *  changed, *@leaf whether only a page has.  False: nothing has. */
bool smmu_change_descriptor(SmmuWorld *w, const SmmuTree *t, uint64_t addr,
                            bool s2, bool nested, bool alone, uint64_t *size,
                            bool *leaf);
uint64_t smmu_draw_output(SmmuWorld *w, const SmmuTree *t, unsigned level,
                          bool nested);
/** Stage 2 of the memory with stage 1's tables. */
void smmu_map_ram(SmmuWorld *w, unsigned vm, bool spoil);

/* Configuration. */
extern const uint32_t smmu_ssids[SMMU_SSIDS];
void smmu_draw_stream(SmmuWorld *w, SmmuStream *s);
void smmu_write_ste(SmmuWorld *w, SmmuStream *s, bool damaged);
void smmu_write_cd(SmmuWorld *w, SmmuStream *s, unsigned index,
                   bool damaged);
void smmu_write_cds(SmmuWorld *w, SmmuStream *s);

void smmu_world_init(SmmuWorld *w, guint32 seed);
void smmu_world_free(SmmuWorld *w);
/** Change something, and invalidate what the architecture asks for. */
void smmu_world_change(SmmuWorld *w);
void smmu_world_sync(SmmuWorld *w);
void smmu_world_command(SmmuWorld *w, uint64_t w0, uint64_t w1);

#endif
