/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Page requests (8): the PRI queue, and what the unit answers in software's
 * place: Success when the queue is full, so that the endpoint asks again;
 * Response Failure when nobody takes requests.
 */
#include "hw/iommu/smmuv3/unit.h"

static const SmmuOutQueue pri_queue = {
    SMMU_REG_PRIQ_BASE, SMMU_REG_PRIQ_PROD, SMMU_REG_PRIQ_CONS,
    SMMU_CR0_PRIQEN, SMMU_GERROR_PRIQ_ABT, SMMU_PRIQ_ENTRY_SIZE / 8,
};

static void encode(const ViommuPageRequest *req, uint64_t word[2])
{
    word[0] = viommu_put(0, SMMU_PRIQ_SID, req->source) |
              (req->access & VIOMMU_READ ? SMMU_PRIQ_READ : 0) |
              (req->access & VIOMMU_WRITE ? SMMU_PRIQ_WRITE : 0) |
              (req->access & VIOMMU_EXEC ? SMMU_PRIQ_EXEC : 0) |
              (req->access & VIOMMU_PRIV ? SMMU_PRIQ_PRIV : 0) |
              (req->last ? SMMU_PRIQ_LAST : 0);
    if (req->pasid != VIOMMU_NO_PASID) {
        word[0] = viommu_put(word[0] | SMMU_PRIQ_SSV, SMMU_PRIQ_SSID,
                             req->pasid);
    }
    word[1] = viommu_put(req->addr & viommu_bits(63, 12), SMMU_PRIQ_PRG,
                         req->group);
}

/*
 * Whether the unit's own responses have the request's PASID (STE.PPAR, 8.1).
 * Without a valid entry they have none.  Not locked.
 */
static bool answers_with_pasid(SmmuUnit *u, uint32_t source)
{
    SmmuContext context;
    SmmuFault fault;
    SmmuEventId id;

    if (!(viommu_acquire(&u->cr0) & SMMU_CR0_SMMUEN)) {
        return false;
    }
    viommu_read_lock();
    id = smmu_context(u, source, SMMU_STE_ONLY, &context, &fault);
    viommu_read_unlock();
    return !id && (context.flags & SMMU_CTX_PPAR);
}

/* SMMUv3 knows no private data. */
static void answer(SmmuUnit *u, const ViommuPageRequest *req,
                   ViommuPageResponseCode code)
{
    ViommuPageRequest asked = {
        .source = req->source, .pasid = req->pasid, .access = req->access,
        .last = req->last, .group = req->group,
    };

    if (req->last && !answers_with_pasid(u, req->source)) {
        asked.pasid = VIOMMU_NO_PASID;
    }
    viommu_unit_answer_page(&u->common, &asked, code);
}

void smmu_page_request(Viommu *unit, const ViommuPageRequest *req)
{
    SmmuUnit *u = smmu_unit(unit);
    SmmuQueued done = SMMU_QUEUE_OFF;
    uint64_t word[2], at = 0;
    bool raise = false;

    encode(req, word);
    viommu_read_lock();
    viommu_unit_lock(unit);
    if (*smmu_reg(u, SMMU_REG_CR0) & SMMU_CR0_SMMUEN) {
        bool over = (*smmu_reg(u, SMMU_REG_PRIQ_PROD) ^
                     *smmu_reg(u, SMMU_REG_PRIQ_CONS)) & SMMU_QUEUE_OVERFLOW;

        done = over ? SMMU_QUEUE_FULL
                    : smmu_queue_append(u, &pri_queue, word, &raise, &at);
    }
    switch (done) {
    case SMMU_QUEUE_FULL:
        smmu_queue_overflow(u, &pri_queue);
        break;
    case SMMU_QUEUE_ABORTED:
        smmu_gerror(u, SMMU_GERROR_PRIQ_ABT);
        break;
    default:
        break;
    }
    viommu_read_unlock();
    viommu_unit_unlock(unit);

    if (done == SMMU_QUEUED) {
        viommu_ram_written(unit, at, SMMU_PRIQ_ENTRY_SIZE);
        /* The last of a group, too, is an event of its own (3.18.1). */
        if (raise || req->last) {
            smmu_irq(u, SMMU_IRQ_OF_PRIQ);
        }
        return;
    }
    answer(u, req, done == SMMU_QUEUE_FULL ? VIOMMU_PAGE_SUCCESS
                                           : VIOMMU_PAGE_FAILURE);
    smmu_raise_irqs(u);
}
