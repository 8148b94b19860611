/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command queue, and whatever else is put off until no lock is held.  One
 * thread at a time works (common/work.c).
 */
#include "hw/iommu/common/embedder.h"
#include "hw/iommu/common/queue.h"
#include "hw/iommu/host/unit/forward.h"
#include "hw/iommu/smmuv3/forward.h"
#include "hw/iommu/smmuv3/stall.h"

/* --- Commands; called unlocked ------------------------------------------- */

/* CMD_CFGI_...: a range of 31 or more is all streams [SMMU 4.3]. */
static SmmuCommandError do_config(SmmuUnit *u, unsigned opcode,
                                  const uint64_t d[2])
{
    uint32_t sid = viommu_get(d[0], SMMU_CMD_SID), mask = 0;
    unsigned range = viommu_get(d[1], SMMU_CMD_RANGE);

    if ((opcode == SMMU_CMD_CFGI_CD || opcode == SMMU_CMD_CFGI_CD_ALL) &&
        !u->cfg.stage1) {
        return SMMU_CERROR_ILL;
    }
    if (opcode == SMMU_CMD_CFGI_STE_RANGE) {
        if (range >= 31) {
            sid = VIOMMU_ANY;
        } else {
            mask = (2u << range) - 1;
            sid &= ~mask;
        }
    }
    smmu_invalidate_config(u, sid, mask);
    smmu_host_note_config(u, d, sid, mask);
    u->common.work.undrained = true;
    return SMMU_CERROR_NONE;
}

/* The range of a TLBI by address [SMMU 4.4.1].  False: it is reserved. */
static bool range_of(const SmmuUnit *u, const uint64_t d[2], SmmuTlbi *t)
{
    static const uint8_t granules[4] = { 12, 12, 14, 16 };
    unsigned tg = viommu_get(d[1], SMMU_CMD_TG);
    uint64_t num = viommu_get(d[0], SMMU_CMD_NUM) + 1;
    unsigned scale = viommu_get(d[0], SMMU_CMD_SCALE);
    unsigned ttl = viommu_get(d[1], SMMU_CMD_TTL);

    t->by_addr = true;
    t->leaf = d[1] & SMMU_CMD_LEAF;
    t->addr = d[1] & SMMU_CMD_ADDR;
    t->size = 1u << 12;
    if (!u->cfg.ril || !tg) {
        return true;
    }
    if (!scale && num == 1 && (!ttl || (granules[tg] == 14 && ttl == 1))) {
        /* One page without a level (TTL) is reserved: TG alone says nothing.
         * So is level 1 with pages of 16 KiB, which have no such blocks. */
        return false;
    }
    if (scale || num > 1) {
        t->num = num - 1;
        t->scale = scale;
        t->tg = tg;
    }
    t->size = num << scale;
    /* A range beyond the end of the addresses ends there. */
    t->size = t->size >> (63 - granules[tg]) ? UINT64_C(1) << 63
                                             : t->size << granules[tg];
    t->addr &= ~viommu_bits(granules[tg] - 1, 0);
    if (t->size - 1 > UINT64_MAX - t->addr) {
        t->size = -t->addr;
    }
    return true;
}

/* CMD_TLBI_... [SMMU 4.4.2] [SMMU 4.4.3] [SMMU 4.4.4].  False: the unit does
 * not have it. */
static bool decode_tlbi(const SmmuUnit *u, unsigned opcode,
                        const uint64_t d[2], SmmuTlbi *t)
{
    bool legal = u->cfg.stage1;

    *t = (SmmuTlbi) {
        .by_vmid = true,
        .vmid = u->cfg.stage2 ? viommu_get(d[0], SMMU_CMD_VMID) : 0,
        .asid = viommu_get(d[0], SMMU_CMD_ASID),
    };
    if (opcode >= SMMU_CMD_TLBI_EL2_ALL && opcode <= SMMU_CMD_TLBI_EL2_VAA) {
        legal = u->cfg.hyp;
        t->el2 = true;
        t->vmid = 0;
        if (!(viommu_acquire(&u->cr2) & SMMU_CR2_E2H)) {
            /* EL2 without E2H has no ASIDs. */
            t->asid = 0;
        }
    }
    switch (opcode) {
    case SMMU_CMD_TLBI_NH_ALL:
    case SMMU_CMD_TLBI_EL2_ALL:
        break;
    case SMMU_CMD_TLBI_NH_ASID:
    case SMMU_CMD_TLBI_EL2_ASID:
        t->by_asid = true;
        break;
    case SMMU_CMD_TLBI_NH_VA:
    case SMMU_CMD_TLBI_EL2_VA:
        t->by_asid = true;
        legal &= range_of(u, d, t);
        break;
    case SMMU_CMD_TLBI_NH_VAA:
    case SMMU_CMD_TLBI_EL2_VAA:
        legal &= range_of(u, d, t);
        break;
    case SMMU_CMD_TLBI_S12_VMALL:
        t->stage2 = true;
        legal = u->cfg.stage2;
        break;
    case SMMU_CMD_TLBI_S2_IPA:
        t->stage2 = true;
        legal = u->cfg.stage2 && range_of(u, d, t);
        break;
    case SMMU_CMD_TLBI_NSNH_ALL:
        t->by_vmid = false;
        legal = true;
        break;
    default:
        /* EL3 and the secure side are not there. */
        legal = false;
        break;
    }
    return legal;
}

static SmmuCommandError do_tlbi(SmmuUnit *u, unsigned opcode,
                                const uint64_t d[2])
{
    SmmuTlbi t;

    if (!decode_tlbi(u, opcode, d, &t)) {
        return SMMU_CERROR_ILL;
    }
    smmu_invalidate_tlb(u, &t);
    smmu_host_note_tlbi(u, &t);
    u->common.work.undrained = true;
    return SMMU_CERROR_NONE;
}

/* Commands to endpoints are ignored while SMMUEN is clear [SMMU 4.5]. */
static bool is_on(const SmmuUnit *u)
{
    return viommu_acquire(&u->cr0) & SMMU_CR0_SMMUEN;
}

/* CMD_ATC_INV [SMMU 4.5.1] */
static SmmuCommandError do_atc_inv(SmmuUnit *u, const uint64_t d[2])
{
    unsigned log2 = viommu_get(d[1], SMMU_CMD_ATC_SIZE);
    ViommuInvalidation inv = {
        .what = VIOMMU_INV_DEVTLB,
        .source = viommu_get(d[0], SMMU_CMD_SID),
        .domain = VIOMMU_ANY,
        .pasid = d[0] & SMMU_CMD_SSV ? viommu_get(d[0], SMMU_CMD_SSID)
                                     : VIOMMU_NO_PASID,
        .global = (d[0] & SMMU_CMD_SSV) && (d[0] & SMMU_CMD_GLOBAL),
    };

    if (!u->cfg.ats) {
        return SMMU_CERROR_ILL;
    }
    if (!is_on(u)) {
        return SMMU_CERROR_NONE;
    }
    if (log2 < SMMU_ATC_SIZE_ALL) {
        inv.size = UINT64_C(1) << (12 + log2);
        inv.addr = d[1] & SMMU_CMD_ADDR & ~(inv.size - 1);
    }
    if (!smmu_host_note_atc_inv(u, d) &&
        !viommu_unit_invalidate(&u->common, &inv)) {
        smmu_endpoint_silent(u);
    }
    u->common.work.undrained = true;
    return SMMU_CERROR_NONE;
}

/* CMD_PRI_RESP [SMMU 4.5.2] [PCIe 10.4.2] */
static SmmuCommandError do_pri_resp(SmmuUnit *u, const uint64_t d[2])
{
    static const uint8_t codes[4] = {
        VIOMMU_PAGE_FAILURE, VIOMMU_PAGE_INVALID, VIOMMU_PAGE_SUCCESS,
    };
    unsigned code = viommu_get(d[1], SMMU_CMD_PRI_RESP_CODE);
    ViommuPageResponse response = {
        .source = viommu_get(d[0], SMMU_CMD_SID),
        .pasid = d[0] & SMMU_CMD_SSV ? viommu_get(d[0], SMMU_CMD_SSID)
                                     : VIOMMU_NO_PASID,
        .group = viommu_get(d[1], SMMU_CMD_PRG),
        .code = codes[code],
    };

    if (!u->cfg.pri || code > SMMU_PRI_SUCCESS) {
        return SMMU_CERROR_ILL;
    }
    if (!is_on(u)) {
        return SMMU_CERROR_NONE;
    }
    viommu_unit_page_response(&u->common, &response);
    return SMMU_CERROR_NONE;
}

/* CMD_RESUME, CMD_STALL_TERM [SMMU 4.7.1] [SMMU 4.7.2] */
static SmmuCommandError do_resume(SmmuUnit *u, unsigned opcode,
                                  const uint64_t d[2])
{
    uint32_t sid = viommu_get(d[0], SMMU_CMD_SID);
    /* A transaction that does not go on ends with an abort, as IDR0.TERM_MODEL
     * says, whatever Ab says. */
    ViommuResume action = d[0] & SMMU_CMD_RETRY ? VIOMMU_RESUME_RETRY
                                                : VIOMMU_RESUME_ABORT;

    if (!u->cfg.stall || (d[0] & SMMU_CMD_SSEC)) {
        return SMMU_CERROR_ILL;
    }
    if (opcode == SMMU_CMD_STALL_TERM) {
        viommu_unit_lock(&u->common);
        smmu_stall_terminate(u, sid);
        viommu_unit_unlock(&u->common);
    } else {
        smmu_stall_resume(u, sid, viommu_get(d[1], SMMU_CMD_STAG), action);
    }
    return SMMU_CERROR_NONE;
}

/*
 * A CMD_SYNC completes when all earlier commands are complete, and each DMA
 * section has ended that may use what they have invalidated [SMMU 4.7.3].
 */
static SmmuCommandError do_sync(const uint64_t d[2])
{
    return viommu_get(d[0], SMMU_CMD_CS) > SMMU_CS_SEV ? SMMU_CERROR_ILL
                                                       : SMMU_CERROR_NONE;
}

/* They have ended.  An endpoint that did not answer is an error of the
 * CMD_SYNC, once. */
static int waited(Viommu *unit, const ViommuCommand *command)
{
    SmmuUnit *u = smmu_unit(unit);
    bool timeout = false;

    (void)command;
    viommu_unit_lock(unit);
    if (viommu_work_wanted(unit)) {
        timeout = u->atc_timeout;
        u->atc_timeout = false;
    }
    viommu_unit_unlock(unit);
    return timeout ? SMMU_CERROR_ATC_INV_SYNC : SMMU_CERROR_NONE;
}

/* The signal of a CMD_SYNC [SMMU 4.7.3] [SMMU 3.18].  It comes after CONS, so
 * that software which sees it sees the command consumed. */
static void signal_sync(SmmuUnit *u, const uint64_t d[2])
{
    uint64_t addr = d[1] & SMMU_MSI_ADDR;

    if (viommu_get(d[0], SMMU_CMD_CS) != SMMU_CS_IRQ) {
        return;
    }
    if (u->cfg.msi && addr) {
        smmu_send_msi(u, addr, viommu_get(d[0], SMMU_CMD_MSI_DATA),
                      SMMU_GERROR_MSI_CMDQ);
    }
    smmu_irq(u, SMMU_IRQ_OF_SYNC);
}

/* One command; CERROR_ILL for those that the unit does not have
 * [SMMU 4.1] [SMMU 7.1]. */
static int execute(Viommu *unit, const ViommuCommand *command)
{
    SmmuUnit *u = smmu_unit(unit);
    const uint64_t *d = command->word;
    unsigned opcode = viommu_get(d[0], SMMU_CMD_OPCODE);

    switch (opcode) {
    case SMMU_CMD_PREFETCH_CONFIG:
    case SMMU_CMD_PREFETCH_ADDR:
        /* A hint, which is not taken [SMMU 4.2].  SSec must be clear, as the
         * stream belongs to the non-secure side. */
        return d[0] & SMMU_CMD_SSEC ? SMMU_CERROR_ILL : SMMU_CERROR_NONE;
    case SMMU_CMD_CFGI_STE:
    case SMMU_CMD_CFGI_STE_RANGE:
    case SMMU_CMD_CFGI_CD:
    case SMMU_CMD_CFGI_CD_ALL:
        return d[0] & SMMU_CMD_SSEC ? SMMU_CERROR_ILL
                                    : do_config(u, opcode, d);
    case SMMU_CMD_ATC_INV:
        return do_atc_inv(u, d);
    case SMMU_CMD_PRI_RESP:
        return do_pri_resp(u, d);
    case SMMU_CMD_RESUME:
    case SMMU_CMD_STALL_TERM:
        return do_resume(u, opcode, d);
    case SMMU_CMD_SYNC:
        return do_sync(d);
    default:
        return do_tlbi(u, opcode, d);
    }
}

/* --- The queue ----------------------------------------------------------- */

/* The queue stops at the command that CONS points to, until software
 * acknowledges the error [SMMU 7.1]. */
static void stop(Viommu *unit, const ViommuCommand *command, int error)
{
    SmmuUnit *u = smmu_unit(unit);
    uint64_t *cons = smmu_reg(u, SMMU_REG_CMDQ_CONS);

    (void)command;
    viommu_count(&unit->stats.command_errors);
    *cons = viommu_put(*cons, SMMU_CMDQ_CONS_ERR, error);
    smmu_gerror(u, SMMU_GERROR_CMDQ);
}

static bool waits(const ViommuCommand *command)
{
    return viommu_get(command->word[0], SMMU_CMD_OPCODE) == SMMU_CMD_SYNC;
}

/* [SMMU 3.5.1] [SMMU 4.8] */
static bool next(Viommu *unit, ViommuCommand *command)
{
    SmmuUnit *u = smmu_unit(unit);
    uint64_t base = *smmu_reg(u, SMMU_REG_CMDQ_BASE);
    unsigned log2 = MIN(viommu_get(base, SMMU_QUEUE_LOG2SIZE),
                        SMMU_QUEUE_LOG2_MAX);
    uint64_t mask = (UINT64_C(2) << log2) - 1;
    uint64_t cons = *smmu_reg(u, SMMU_REG_CMDQ_CONS) & mask;
    uint64_t prod = *smmu_reg(u, SMMU_REG_CMDQ_PROD) & mask;

    if (!(*smmu_reg(u, SMMU_REG_CR0) & *smmu_reg(u, SMMU_REG_CR0ACK) &
          SMMU_CR0_CMDQEN) || cons == prod ||
        ((*smmu_reg(u, SMMU_REG_GERROR) ^ *smmu_reg(u, SMMU_REG_GERRORN)) &
         SMMU_GERROR_CMDQ)) {
        return false;
    }
    base &= SMMU_QUEUE_ADDR & ~(((uint64_t)SMMU_CMD_SIZE << log2) - 1);
    command->at = base + (cons & (mask >> 1)) * SMMU_CMD_SIZE;
    command->words = SMMU_CMD_SIZE / sizeof(command->word[0]);
    command->next = (cons + 1) & mask;
    return true;
}

static bool settle(Viommu *unit)
{
    return smmu_host_settle(smmu_unit(unit));
}

static void consume(Viommu *unit, const ViommuCommand *command)
{
    SmmuUnit *u = smmu_unit(unit);

    *smmu_reg(u, SMMU_REG_CMDQ_CONS) = command->next;
    if (waits(command)) {
        viommu_unit_unlock(unit);
        signal_sync(u, command->word);
        viommu_unit_lock(unit);
    }
}

static const ViommuCommandQueue queue = {
    .next = next,
    .waits = waits,
    .settle = settle,
    .execute = execute,
    .waited = waited,
    .consume = consume,
    .stop = stop,
    .unreadable = SMMU_CERROR_ABT,
};

static void step(Viommu *unit, unsigned todo)
{
    ViommuCommandState state = VIOMMU_COMMAND_IDLE;
    SmmuUnit *u = smmu_unit(unit);

    switch (todo) {
    case SMMU_WORK_SWITCH:
        state = viommu_work_switched(unit);
        if (state == VIOMMU_COMMAND_DONE) {
            smmu_switched(u);
        }
        break;
    case SMMU_WORK_GATOS:
        viommu_unit_unlock(unit);
        smmu_gatos_run(u);
        viommu_unit_lock(unit);
        break;
    case SMMU_WORK_STALLS:
        viommu_unit_unlock(unit);
        smmu_stalls_choose(u);
        viommu_unit_lock(unit);
        break;
    case SMMU_WORK_QUEUE:
        state = viommu_queue_step(unit, &queue);
        break;
    case SMMU_WORK_RESUME:
        viommu_unit_unlock(unit);
        smmu_stalls_tell(u);
        viommu_unit_lock(unit);
        break;
    case SMMU_WORK_HOST:
        viommu_unit_unlock(unit);
        smmu_host_settle(u);
        viommu_unit_lock(unit);
        break;
    }
    if (state == VIOMMU_COMMAND_DRAINING ||
        (state == VIOMMU_COMMAND_DONE && todo == SMMU_WORK_QUEUE)) {
        unit->work.todo |= todo;
    }
    if (viommu_forward_busy(unit)) {
        /* In a step after the queue's, unless a CMD_SYNC comes first. */
        unit->work.todo |= SMMU_WORK_HOST;
    }
}

unsigned smmu_work_wanted(SmmuUnit *u)
{
    return (*smmu_reg(u, SMMU_REG_CR0) & SMMU_CR0_CMDQEN ? SMMU_WORK_QUEUE
                                                         : 0) |
           (*smmu_reg(u, SMMU_REG_GATOS_CTRL) & SMMU_GATOS_RUN
            ? SMMU_WORK_GATOS : 0) | SMMU_WORK_STALLS;
}

void smmu_run(Viommu *unit)
{
    viommu_work_run(unit, step);
    smmu_raise_irqs(smmu_unit(unit));
}

/* SMMUv3 has no event for a completion that nobody waits for. */
void smmu_unexpected_completion(Viommu *unit, uint32_t source)
{
    (void)source;
    viommu_count(&unit->stats.command_errors);
}
