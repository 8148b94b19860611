/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reset, save and load.  SMMU_UNIT_MEMBERS says what each member of a unit is,
 * and all three follow from that.  A stream has
 *
 *   each register, in the table's order
 *   the transactions that wait
 *   each member of kind STATE
 *
 * Caches are not part of it.  Version 1 has no members.
 *
 * A stream need not come from a unit.  Of a register, only bits that software
 * or the unit can change are taken from it; members that follow from others
 * are made from these; a state that still makes no sense is refused.
 */
#include <string.h>

#include "hw/iommu/common/embedder.h"
#include "hw/iommu/common/life.h"
#include "hw/iommu/common/members.h"
#include "hw/iommu/common/stream.h"
#include "hw/iommu/smmuv3/forward.h"
#include "hw/iommu/smmuv3/stall.h"

#define STREAM_VERSION 2

static const ViommuMember members[] = { SMMU_UNIT_MEMBERS(VIOMMU_MEMBER) };

typedef struct SmmuUnitListed {
#define AGAIN(type, name, kind) VIOMMU_MEMBER_AGAIN(type, name)
    SMMU_UNIT_MEMBERS(AGAIN)
} SmmuUnitListed;
#define SAME(type, name, kind) VIOMMU_MEMBER_SAME(type, name)
SMMU_UNIT_MEMBERS(SAME)
VIOMMU_MEMBERS_COMPLETE(SmmuUnit);

/* Members of kind STATE, in the list's order. */
enum { STATE_ATC_TIMEOUT, STATE_IRQS, STATE_WORDS };
_Static_assert(8 * STATE_WORDS == 0 SMMU_UNIT_MEMBERS(VIOMMU_MEMBER_BYTES),
               "each member of kind STATE has its place in the stream");
_Static_assert(0 == 0 SMMU_UNIT_MEMBERS(VIOMMU_MEMBER_UNEVEN), "words");

/* Where the parts are in a stream, and its length, in words. */
enum { STALLS_AT = SMMU_REGS,
       STATE_AT = STALLS_AT + SMMU_STALLS * SMMU_STALL_WORDS,
       ALL_WORDS = STATE_AT + STATE_WORDS };

/* Everything is as @words say, or with NULL as after reset.  Locked. */
static void replace(SmmuUnit *u, const uint64_t *words)
{
    viommu_unit_replace(&u->common, words);
    viommu_members_replace(u, members, G_N_ELEMENTS(members),
                           words ? words + STATE_AT : NULL);
    smmu_registers_derive(u);
    smmu_stalls_replace(u, words ? words + STALLS_AT : NULL);
    /* The registers still say which commands were under way. */
    u->common.work.todo |= smmu_work_wanted(u);
}

/* [SMMU 3.11] */
void smmu_reset(Viommu *unit)
{
    SmmuUnit *u = smmu_unit(unit);

    viommu_unit_lock(unit);
    replace(u, NULL);
    viommu_unit_unlock(unit);

    smmu_invalidate_all(u);
    viommu_read_drain();
    smmu_host_reset(u, false);
}

/* The ID registers must be the same where a state is saved and loaded. */
enum { IDENTITIES = 6 };

static ViommuStream describe(const SmmuUnit *u, uint64_t identity[IDENTITIES])
{
    for (unsigned i = 0; i < IDENTITIES; i++) {
        identity[i] = u->common.regs.table[SMMU_REG_IDR0 + i].reset;
    }
    return (ViommuStream) {
        .kind = "VIOMSMM", .name = "SMMUv3", .version = STREAM_VERSION,
        .identity = identity, .identities = IDENTITIES,
        .words = ALL_WORDS, .new_words = STATE_WORDS, .new_at = STATE_AT,
    };
}

GBytes *smmu_save(Viommu *unit)
{
    SmmuUnit *u = smmu_unit(unit);
    uint64_t identity[IDENTITIES];
    ViommuStream stream = describe(u, identity);
    g_autofree uint64_t *words = g_new0(uint64_t, ALL_WORDS);

    viommu_unit_lock(unit);
    memcpy(words, u->common.regs.values, SMMU_REGS * sizeof(*words));
    smmu_stalls_save(u, words + STALLS_AT);
    viommu_members_save(u, members, G_N_ELEMENTS(members), words + STATE_AT);
    viommu_unit_unlock(unit);
    return viommu_stream_save(&stream, words);
}

/* What in a state no guest and no unit can have brought about, or NULL. */
static const char *odd_state(const SmmuUnit *u, const uint64_t *words)
{
    const uint64_t *state = words + STATE_AT;

    if (viommu_get(words[SMMU_REG_CMDQ_CONS], SMMU_CMDQ_CONS_ERR) >
        SMMU_CERROR_ATC_INV_SYNC) {
        return "its queue has an error that does not exist";
    }
    if (!smmu_stalls_valid(u, words + STALLS_AT)) {
        return "a transaction that waits makes no sense";
    }
    if (state[STATE_ATC_TIMEOUT] > 1) {
        return "its time-out is neither there nor not";
    }
    if (state[STATE_IRQS] >> (SMMU_IRQ_OF_GERROR + 1)) {
        return "an interrupt that does not exist is to be raised";
    }
    return NULL;
}

bool smmu_load_state(Viommu *unit, const void *data, size_t size,
                     GError **error)
{
    SmmuUnit *u = smmu_unit(unit);
    uint64_t identity[IDENTITIES];
    ViommuStream stream = describe(u, identity);
    g_autofree uint64_t *words = viommu_stream_load(&stream, data, size,
                                                    error);
    const char *odd;

    if (!words) {
        return false;
    }
    viommu_regs_legalise(&u->common.regs, words);
    odd = odd_state(u, words);
    if (odd) {
        return viommu_stream_refuse(&stream, error, odd);
    }
    viommu_unit_lock(unit);
    replace(u, words);
    viommu_unit_unlock(unit);

    smmu_invalidate_all(u);
    smmu_host_reset(u, true);
    viommu_unit_run_later(unit);
    return true;
}
