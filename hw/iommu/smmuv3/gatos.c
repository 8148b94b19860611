/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Address translation operations (9): software asks for a translation through
 * registers.  Nothing is recorded, stalled or marked.
 */
#include "hw/iommu/smmuv3/unit.h"

enum { ATOS_S1 = 1, ATOS_S2 = 2, ATOS_BOTH = 3 };

static uint64_t failed(SmmuEventId id, const SmmuFault *fault)
{
    uint64_t par = SMMU_PAR_FAULT;

    par = viommu_put(par, SMMU_PAR_FAULTCODE, id);
    /* REASON: 0 stage 1, or configuration; 1 to 3 stage 2, by class */
    par = viommu_put(par, SMMU_PAR_REASON,
                     fault->s2 ? fault->class + 1 : 0);
    return fault->s2 ? par | (fault->ipa & viommu_bits(51, 12)) : par;
}

static uint64_t succeeded(uint64_t addr, const SmmuMapping *m)
{
    uint64_t page = m->page | (addr & viommu_bits(m->shift - 1, 0));

    page &= viommu_bits(51, 12);
    if (m->shift > 12) {
        /* The lowest one above zeroes tells the size (6.3.40). */
        page &= ~viommu_bits(m->shift - 1, 0);
        page |= UINT64_C(1) << (m->shift - 1) | SMMU_PAR_SIZE;
    }
    return page;
}

static uint64_t translate(SmmuUnit *u, uint64_t sid_word, uint64_t addr_word)
{
    unsigned type = viommu_get(addr_word, SMMU_GATOS_ADDR_TYPE);
    uint32_t ssid = sid_word & SMMU_GATOS_SSID_VALID
                    ? viommu_get(sid_word, SMMU_GATOS_SSID)
                    : VIOMMU_NO_PASID;
    uint64_t addr = addr_word & viommu_bits(63, 12);
    SmmuWanted wanted = {
        .access = (!(addr_word & SMMU_GATOS_ADDR_RNW) ? VIOMMU_WRITE :
                   addr_word & SMMU_GATOS_ADDR_IND ? VIOMMU_EXEC
                                                   : VIOMMU_READ) |
                  (addr_word & SMMU_GATOS_ADDR_PNU ? VIOMMU_PRIV : 0),
        .probe = true,
    };
    SmmuFault fault = { 0 };
    SmmuContext c;
    SmmuMapping m;
    SmmuTags tags;
    SmmuEventId id;

    if (!(viommu_acquire(&u->cr0) & SMMU_CR0_SMMUEN) || !type) {
        return failed(SMMU_F_STREAM_DISABLED, &fault);
    }
    id = smmu_context(u, viommu_get(sid_word, SMMU_GATOS_SID), ssid, &c,
                      &fault);
    if (id) {
        return failed(id, &fault);
    }
    if (c.flags & SMMU_CTX_ABORT) {
        return failed(SMMU_F_STREAM_DISABLED, &fault);
    }
    c.flags &= ~((type & ATOS_S1 ? 0 : (uint32_t)SMMU_CTX_S1) |
                 (type & ATOS_S2 ? 0 : (uint32_t)SMMU_CTX_S2));
    if (!(c.flags & (SMMU_CTX_S1 | SMMU_CTX_S2))) {
        m = (SmmuMapping) { .page = addr, .shift = 12 };
        return succeeded(addr, &m);
    }
    tags = smmu_tags(u, &c);
    if (!smmu_walk(u, &c, &tags, addr, &wanted, &m, &fault)) {
        return failed(fault.id, &fault);
    }
    return succeeded(addr, &m);
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
    *smmu_reg(u, SMMU_REG_GATOS_PAR) = par;
    *smmu_reg(u, SMMU_REG_GATOS_CTRL) &= ~SMMU_GATOS_RUN;
    viommu_unit_unlock(&u->common);
}
