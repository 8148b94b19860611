/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reset, save and load.  VTD_UNIT_MEMBERS says what each member of a unit is,
 * and all three follow from that.  A stream has
 *
 *   each register, in the table's order
 *   each member of kind STATE
 *   with virtual commands, a bit for each PASID that is given out
 *
 * Caches are not part of it.  Version 1 has neither vcmd_running nor timed_out.
 *
 * A stream may be forged.  Of a register, a load takes only the bits that
 * software or the unit can change.  It derives anew what follows from other
 * values, and refuses a stream whose values still make no sense then.
 */
#include "hw/iommu/vtd/state.h"

#include <string.h>

#include "hw/iommu/common/embedder.h"
#include "hw/iommu/common/life.h"
#include "hw/iommu/common/members.h"
#include "hw/iommu/common/stream.h"
#include "hw/iommu/vtd/faults.h"
#include "hw/iommu/vtd/forward.h"
#include "hw/iommu/vtd/invalidation.h"
#include "hw/iommu/vtd/queue.h"
#include "hw/iommu/vtd/registers.h"
#include "hw/iommu/vtd/virtual_command.h"

#define STREAM_VERSION 2
/* what version 1 lacks, and behind how many words of members */
#define NEW_WORDS 2
#define NEW_BEHIND 3

static const ViommuMember members[] = { VTD_UNIT_MEMBERS(VIOMMU_MEMBER) };

typedef struct VtdUnitListed {
#define AGAIN(type, name, kind) VIOMMU_MEMBER_AGAIN(type, name)
    VTD_UNIT_MEMBERS(AGAIN)
} VtdUnitListed;
#define SAME(type, name, kind) VIOMMU_MEMBER_SAME(type, name)
VTD_UNIT_MEMBERS(SAME)
VIOMMU_MEMBERS_COMPLETE(VtdUnit);

/* Members of kind STATE, in the list's order. */
enum { STATE_ROOT, STATE_IRTA, STATE_NEXT_FRCD, STATE_VCMD_RUNNING,
       STATE_TIMED_OUT, STATE_WORDS };
_Static_assert(8 * STATE_WORDS == 0 VTD_UNIT_MEMBERS(VIOMMU_MEMBER_BYTES),
               "each member of kind STATE has its place in the stream");
_Static_assert(0 == 0 VTD_UNIT_MEMBERS(VIOMMU_MEMBER_UNEVEN), "words");

/*
 * Give the unit the registers @values, the members @state and the PASIDs
 * @pasids, or with NULL those after reset.  @forgotten gets the PASIDs that the
 * guest had.  Locked.
 */
static void replace(VtdUnit *u, const uint64_t *values, const uint64_t *state,
                    const uint64_t *pasids, uint64_t *forgotten)
{
    viommu_unit_replace(&u->common, values);
    viommu_members_replace(u, members, G_N_ELEMENTS(members), state);
    vtd_pasids_forget(u, forgotten);    /* but for those that nobody gets */
    for (size_t i = 0; pasids && i < vtd_pasid_words(&u->cfg); i++) {
        u->pasids[i] |= pasids[i];
    }
    vtd_registers_derive(u);
    /* Commands that were under way are still in the registers. */
    u->common.work.todo |= vtd_work_wanted(u);
}

void vtd_reset(Viommu *unit)
{
    VtdUnit *u = vtd_unit(unit);
    size_t n = vtd_pasid_words(&u->cfg);
    g_autofree uint64_t *forgotten = g_new0(uint64_t, n);

    viommu_unit_lock(unit);
    replace(u, NULL, NULL, NULL, forgotten);
    viommu_unit_unlock(unit);

    vtd_invalidate_all(u);
    viommu_read_drain();
    vtd_host_pasids_gone(u, forgotten, n);
    vtd_host_reset(u, false);
}

/* What must be the same on both sides. */
enum { ID_CAP, ID_ECAP, ID_WIDTHS, ID_WORDS };

static ViommuStream describe(const VtdUnit *u, uint64_t identity[ID_WORDS])
{
    identity[ID_CAP] = u->common.regs.table[VTD_REG_CAP].reset;
    identity[ID_ECAP] = u->common.regs.table[VTD_REG_ECAP].reset;
    identity[ID_WIDTHS] = u->cfg.aw_bits | (uint64_t)u->cfg.haw_bits << 8 |
                          (uint64_t)u->cfg.strict << 16 |
                          (uint64_t)u->cfg.stale_tm << 17;
    return (ViommuStream) {
        .kind = "VIOMVTD", .name = "VT-d", .version = STREAM_VERSION,
        .identity = identity, .identities = ID_WORDS,
        .words = u->common.regs.n + STATE_WORDS + vtd_pasid_words(&u->cfg),
        .new_words = NEW_WORDS, .new_at = u->common.regs.n + NEW_BEHIND,
    };
}

GBytes *vtd_save(Viommu *unit)
{
    VtdUnit *u = vtd_unit(unit);
    uint64_t identity[ID_WORDS];
    ViommuStream stream = describe(u, identity);
    g_autofree uint64_t *word = g_new0(uint64_t, stream.words);
    uint64_t *state = word + u->common.regs.n;

    viommu_unit_lock(unit);
    memcpy(word, u->common.regs.values, u->common.regs.n * sizeof(*word));
    viommu_members_save(u, members, G_N_ELEMENTS(members), state);
    for (size_t i = 0; i < vtd_pasid_words(&u->cfg); i++) {
        state[STATE_WORDS + i] = u->pasids[i];
    }
    viommu_unit_unlock(unit);
    return viommu_stream_save(&stream, word);
}

/* Why neither a guest nor a unit can have brought the registers to these
 * values; NULL when they can. */
static const char *odd_registers(const VtdUnit *u, const uint64_t *values)
{
    if (viommu_get(values[VTD_REG_FSTS], VTD_FSTS_FRI) >=
        u->cfg.fault_records) {
        return "its first fault record does not exist";
    }
    if (viommu_get(values[VTD_REG_IQERCD], VTD_IQERCD_IQEI) >
        VTD_IQEI_TABLE_MODE) {
        return "its queue has an error that does not exist";
    }
    for (size_t i = 0; i < u->cfg.fault_records; i++) {
        if (!vtd_fault_record_valid(&values[u->frcd + 2 * i])) {
            return "a fault record makes no sense";
        }
    }
    return NULL;
}

/* The same for the members.  Bits that a member cannot have are cleared, as
 * viommu_regs_legalise() does with registers. */
static const char *odd_members(const VtdUnit *u, const uint64_t *values,
                               uint64_t *state)
{
    const ViommuReg *table = u->common.regs.table;
    uint64_t response = values[u->vcmd + 1];
    unsigned command;

    state[STATE_ROOT] = vtd_latched_root(u, state[STATE_ROOT] &
                                            table[VTD_REG_RTADDR].writable);
    state[STATE_IRTA] &= table[VTD_REG_IRTA].writable;
    if (state[STATE_NEXT_FRCD] >= u->cfg.fault_records) {
        return "its next fault record does not exist";
    }
    if (state[STATE_TIMED_OUT] > UINT64_C(1) + UINT16_MAX) {
        return "a source that does not exist timed out";
    }
    if (viommu_get(response, VTD_VCRSP_PASID) >> u->cfg.pasid_bits) {
        return "it has given out a PASID that does not exist";
    }
    if (!(response & VTD_VCRSP_IP)) {
        state[STATE_VCMD_RUNNING] = 0;
        return NULL;
    }
    if (!state[STATE_VCMD_RUNNING]) {
        state[STATE_VCMD_RUNNING] = values[u->vcmd];    /* version 1 */
    }
    state[STATE_VCMD_RUNNING] &= table[u->vcmd].writable;
    command = viommu_get(state[STATE_VCMD_RUNNING], VTD_VCMD_COMMAND);
    return command == VTD_VCMD_ALLOCATE || command == VTD_VCMD_FREE
           ? NULL : "a virtual command that does not exist is in progress";
}

bool vtd_load_state(Viommu *unit, const void *data, size_t size,
                    GError **error)
{
    VtdUnit *u = vtd_unit(unit);
    uint64_t identity[ID_WORDS];
    ViommuStream stream = describe(u, identity);
    g_autofree uint64_t *word = viommu_stream_load(&stream, data, size,
                                                   error);
    size_t n = vtd_pasid_words(&u->cfg);
    g_autofree uint64_t *forgotten = g_new0(uint64_t, n);
    uint64_t *state;
    const char *odd;

    if (!word) {
        return false;
    }
    state = word + u->common.regs.n;
    viommu_regs_legalise(&u->common.regs, word);
    odd = odd_registers(u, word);
    if (!odd) {
        odd = odd_members(u, word, state);
    }
    if (odd) {
        return viommu_stream_refuse(&stream, error, odd);
    }

    viommu_unit_lock(unit);
    replace(u, word, state, state + STATE_WORDS, forgotten);
    viommu_unit_unlock(unit);

    vtd_invalidate_all(u);
    vtd_host_pasids_gone(u, forgotten, n);
    vtd_host_reset(u, true);
    viommu_unit_run_later(unit);
    return true;
}
