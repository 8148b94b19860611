/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Page requests: the PRI queue, and the unit's answers in software's place:
 * Success when the queue is full, so that the endpoint asks again, and
 * Response Failure when the queue is off or broken.
 */
#include "hw/iommu/common/embedder.h"
#include "hw/iommu/smmuv3/lookup.h"

static const SmmuOutQueue pri_queue = {
    .base = SMMU_REG_PRIQ_BASE, .prod = SMMU_REG_PRIQ_PROD,
    .cons = SMMU_REG_PRIQ_CONS, .enable = SMMU_CR0_PRIQEN,
    .abort = SMMU_GERROR_PRIQ_ABT, .words = SMMU_PRIQ_ENTRY_SIZE / 8,
    .overflow_stops = true,
};

/* An entry of the PRI queue [SMMU 8.1] [PCIe 10.4.1]. */
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
    word[1] = viommu_put(req->addr & SMMU_PRIQ_ADDR, SMMU_PRIQ_PRG,
                         req->group);
}

/*
 * The code of the answer when the queue is full, to a request with (*@pasid)
 * or without a PASID.  STE.PPAR says whether the answer to a request with a
 * PASID has it; without a valid stream table entry, the answer is Response
 * Failure and has none [SMMU 8.1].  Not locked.
 */
static ViommuPageResponseCode overflow_answer(SmmuUnit *u, uint32_t source,
                                              bool *pasid)
{
    SmmuContext context;
    SmmuFault fault;
    SmmuEventId id;

    if (!*pasid || !u->cfg.ssid_bits) {
        *pasid = false;
        return VIOMMU_PAGE_SUCCESS;
    }
    viommu_read_lock();
    id = smmu_context(u, source, SMMU_STE_ONLY, &context, &fault);
    viommu_read_unlock();
    *pasid = !id && (context.flags & SMMU_CTX_PPAR);
    return id ? VIOMMU_PAGE_FAILURE : VIOMMU_PAGE_SUCCESS;
}

/* Answer in software's place [SMMU 8.1] [PCIe 10.4.2].  SMMUv3 knows no private
 * data. */
static void answer(SmmuUnit *u, const ViommuPageRequest *req, bool full)
{
    ViommuPageRequest asked = {
        .source = req->source, .pasid = req->pasid, .access = req->access,
        .last = req->last, .group = req->group,
    };
    bool pasid = full && req->last && req->pasid != VIOMMU_NO_PASID;
    ViommuPageResponseCode code = full
                                  ? overflow_answer(u, req->source, &pasid)
                                  : VIOMMU_PAGE_FAILURE;

    if (!pasid) {
        asked.pasid = VIOMMU_NO_PASID;
    }
    viommu_unit_answer_page(&u->common, &asked, code);
}

/* Whether the request is worth an interrupt [SMMU 6.3.36]: with LO, each last
 * one of a group; else the first one in an empty queue.  Locked. */
static bool is_notable(SmmuUnit *u, const ViommuPageRequest *req,
                       SmmuQueued done, bool first)
{
    return *smmu_reg(u, SMMU_REG_PRIQ_CFG2) & SMMU_PRIQ_CFG2_LO
           ? req->last && (done == SMMU_QUEUED || done == SMMU_QUEUE_FULL)
           : first;
}

/* Queue a request or answer it [SMMU 8] [SMMU 7.5]. */
void smmu_page_request(Viommu *unit, const ViommuPageRequest *req,
                       const bool *over)
{
    SmmuUnit *u = smmu_unit(unit);
    SmmuQueued done = SMMU_QUEUE_OFF;
    uint64_t word[2], at = 0;
    bool first = false, raise;

    (void)over;     /* a host with an SMMUv3 has no page requests */
    encode(req, word);
    viommu_read_lock();
    viommu_unit_lock(unit);
    if (*smmu_reg(u, SMMU_REG_CR0) & SMMU_CR0_SMMUEN) {
        done = smmu_queue_append(u, &pri_queue, word, &first, &at);
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
    raise = is_notable(u, req, done, first);
    viommu_read_unlock();
    viommu_unit_unlock(unit);

    if (done == SMMU_QUEUED) {
        viommu_ram_written(unit, at, SMMU_PRIQ_ENTRY_SIZE);
    } else {
        answer(u, req, done == SMMU_QUEUE_FULL);
    }
    if (raise) {
        smmu_irq(u, SMMU_IRQ_OF_PRIQ);
    }
    smmu_raise_irqs(u);
}
