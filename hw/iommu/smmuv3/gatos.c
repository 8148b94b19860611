/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Address translation operations: software asks for a translation through the
 * registers GATOS_....  An operation records no event, stalls nothing, and
 * marks no page.
 */
#include "hw/iommu/common/embedder.h"
#include "hw/iommu/common/work.h"
#include "hw/iommu/smmuv3/lookup.h"

enum { ATOS_S1 = 1, ATOS_S2 = 2, ATOS_BOTH = 3 };

static uint64_t failed(unsigned code)
{
    return viommu_put(SMMU_PAR_FAULT, SMMU_PAR_FAULTCODE, code);
}

/*
 * How GATOS_PAR reports a fault to an operation of @type [SMMU 9.1.4].  An
 * operation of stage 1 alone is not told of stage 2: where stage 2 refuses the
 * address of a descriptor, the descriptor could not be fetched.
 */
static uint64_t failed_by(const SmmuFault *fault, unsigned type)
{
    uint64_t par;

    if (!fault->s2) {
        return failed(fault->id);
    }
    if (type == ATOS_S1) {
        return failed(fault->class == SMMU_CLASS_CD ? SMMU_F_CD_FETCH
                                                    : SMMU_F_WALK_EABT);
    }
    /* REASON: 0 is stage 1, or configuration; 1 to 3 stage 2, by class */
    par = viommu_put(failed(fault->id), SMMU_PAR_REASON, fault->class + 1);
    return type == ATOS_BOTH && fault->id != SMMU_F_WALK_EABT
           ? par | (fault->ipa & SMMU_PAR_ADDR) : par;
}

/* GATOS_PAR of a success [SMMU 6.3.40].  The attributes are always the same:
 * DMA is coherent, whatever the tables say. */
static uint64_t succeeded(uint64_t addr, const SmmuMapping *m)
{
    uint64_t page = m->page | (addr & viommu_bits(m->shift - 1, 0));

    page &= SMMU_PAR_ADDR;
    page = viommu_put(page, SMMU_PAR_ATTR, SMMU_PAR_ATTR_WB);
    page = viommu_put(page, SMMU_PAR_SH, SMMU_PAR_SH_INNER);
    if (m->shift > 12) {
        /* The lowest bit of the address that is set tells the size: it is
         * half of that. */
        page &= ~viommu_bits(m->shift - 1, 0);
        page |= UINT64_C(1) << (m->shift - 1) | SMMU_PAR_SIZE;
    }
    return page;
}

/* 0, or the error of an operation that the unit or the stream cannot serve
 * [SMMU 9.1.3]; *@c is what the stream table entry says. */
static uint64_t refused(SmmuUnit *u, uint64_t sid_word, unsigned type,
                        SmmuContext *c)
{
    const uint32_t wanted = (type & ATOS_S1 ? SMMU_CTX_S1 : 0) |
                            (type & ATOS_S2 ? SMMU_CTX_S2 : 0);
    SmmuFault fault = { 0 };
    SmmuEventId id;

    if (!(viommu_acquire(&u->cr0) & SMMU_CR0_SMMUEN)) {
        return failed(SMMU_PAR_INTERNAL_ERR);
    }
    if (!type || ((type & ATOS_S1) && !u->cfg.stage1) ||
        ((type & ATOS_S2) && !u->cfg.stage2) ||
        (type == ATOS_S2 && (sid_word & SMMU_GATOS_SSID_VALID))) {
        return failed(SMMU_PAR_INV_REQ);
    }
    id = smmu_context(u, viommu_get(sid_word, SMMU_GATOS_SID), SMMU_STE_ONLY,
                      c, &fault);
    if (id) {
        return failed(id);
    }
    return wanted & ~c->flags ? failed(SMMU_PAR_INV_STAGE) : 0;
}

/* GATOS_PAR of an operation [SMMU 9.1] [SMMU 6.3.38] [SMMU 6.3.39]. */
static uint64_t translate(SmmuUnit *u, uint64_t sid_word, uint64_t addr_word)
{
    unsigned type = viommu_get(addr_word, SMMU_GATOS_ADDR_TYPE);
    uint32_t ssid = sid_word & SMMU_GATOS_SSID_VALID
                    ? viommu_get(sid_word, SMMU_GATOS_SSID)
                    : VIOMMU_NO_PASID;
    uint64_t addr = addr_word & SMMU_GATOS_ADDR, error;
    uint8_t access = (!(addr_word & SMMU_GATOS_ADDR_RNW) ? VIOMMU_WRITE :
                      addr_word & SMMU_GATOS_ADDR_IND ? VIOMMU_EXEC
                                                      : VIOMMU_READ) |
                     (addr_word & SMMU_GATOS_ADDR_PNU ? VIOMMU_PRIV : 0);
    const SmmuWanted wanted = smmu_wanted(access, true);
    SmmuFault fault = { 0 };
    SmmuMapping m = { .page = addr, .shift = 12 };
    SmmuContext c;
    SmmuTags tags;
    bool ok;

    error = refused(u, sid_word, type, &c);
    if (error) {
        return error;
    }
    if (type == ATOS_S2) {
        c.flags &= ~(uint32_t)SMMU_CTX_S1;
    } else if (smmu_context(u, viommu_get(sid_word, SMMU_GATOS_SID), ssid, &c,
                            &fault)) {
        return failed_by(&fault, type);
    }
    if (type == ATOS_S1 && !(c.flags & SMMU_CTX_S1)) {
        /* S1DSS says that stage 1 is bypassed [SMMU 5.2]. */
        return addr >> u->cfg.oas_bits ? failed(SMMU_F_ADDR_SIZE)
                                       : succeeded(addr, &m);
    }
    if (type == ATOS_S1) {
        ok = smmu_walk_first(u, &c, addr, &wanted, &m, &fault);
    } else {
        tags = smmu_tags(u, &c);
        ok = smmu_walk(u, &c, &tags, addr, &wanted, &m, &fault);
    }
    return ok ? succeeded(addr, &m) : failed_by(&fault, type);
}

void smmu_gatos_run(SmmuUnit *u)
{
    uint64_t sid, addr, par;

    viommu_unit_lock(&u->common);
    sid = *smmu_reg(u, SMMU_REG_GATOS_SID);
    addr = *smmu_reg(u, SMMU_REG_GATOS_ADDR);
    viommu_unit_unlock(&u->common);

    viommu_read_lock();
    par = translate(u, sid, addr);
    viommu_read_unlock();

    viommu_unit_lock(&u->common);
    if (viommu_work_wanted(&u->common)) {
        *smmu_reg(u, SMMU_REG_GATOS_PAR) = par;
        *smmu_reg(u, SMMU_REG_GATOS_CTRL) &= ~SMMU_GATOS_RUN;
    }
    viommu_unit_unlock(&u->common);
}
