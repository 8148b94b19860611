/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Page requests [VTD 7.4]: the queue, and the answers that the unit gives in
 * software's place.
 *
 * The queue is empty when head and tail are equal, and full with one entry
 * free.  A request that finds it full is lost and sets PRS.PRO; while PRO is
 * set, all requests are lost.  An endpoint waits for an answer to the last
 * request of its group.  If that request does not get into the queue, the unit
 * answers it [VTD 7.4.1], with a response code of [PCIe 10.4.2]:
 *
 *   Success            the queue is full: the endpoint tries its access, and
 *                      asks again if the page is still missing
 *   Invalid Request    this source, or this PASID, has no page requests
 *   Response Failure   the tables, or the queue's memory, are broken
 */
#include "hw/iommu/vtd/page_request.h"

#include "hw/iommu/common/embedder.h"
#include "hw/iommu/vtd/faults.h"
#include "hw/iommu/vtd/scalable.h"

#define PRS_CONDITIONS (VTD_PRS_PPR | VTD_PRS_PRO)

/* While one condition is set, the other raises no event: software looks at
 * both [VTD 7.5]. */
static void prs_set(VtdUnit *u, uint64_t bit)
{
    uint64_t *prs = vtd_reg(u, VTD_REG_PRS);
    bool quiet = !(*prs & PRS_CONDITIONS);

    *prs |= bit;
    if (quiet) {
        vtd_event_raise(u, &vtd_event_page_request);
    }
}

/* Software that clears both conditions takes a pending event back
 * [VTD 11.4.11.5]. */
void vtd_page_requests_seen(VtdUnit *u)
{
    if (!(*vtd_reg(u, VTD_REG_PRS) & PRS_CONDITIONS)) {
        *vtd_reg(u, VTD_REG_PECTL) &= ~VTD_EVENT_IP;
    }
}

/* The page request descriptor [VTD 7.4.1]. */
static void encode(const ViommuPageRequest *req, uint64_t word[4])
{
    word[0] = viommu_put(VTD_PREQ_TYPE, VTD_PREQ_SID, req->source);
    if (req->pasid != VIOMMU_NO_PASID) {
        word[0] = viommu_put(word[0], VTD_PREQ_PASID, req->pasid) |
                  VTD_PREQ_PP |
                  (req->access & VIOMMU_EXEC ? VTD_PREQ_EXE : 0) |
                  (req->access & VIOMMU_PRIV ? VTD_PREQ_PRIV : 0);
    }
    word[1] = viommu_put(req->addr & ~(VTD_PAGE_SIZE - 1), VTD_PREQ_GROUP,
                         req->group) |
              (req->access & VIOMMU_READ ? VTD_PREQ_READ : 0) |
              (req->access & VIOMMU_WRITE ? VTD_PREQ_WRITE : 0) |
              (req->last ? VTD_PREQ_LAST : 0);
    word[2] = word[3] = 0;
    if (req->has_private_data) {
        word[0] |= VTD_PREQ_PDP;
        word[2] = req->private_data[0];
        word[3] = req->private_data[1];
    }
}

/* What became of a page request. */
typedef struct Arrival {
    bool queued;
    bool over;              /* nobody waits for an answer any more */
    uint64_t at;            /* when queued: the descriptor's address */
    ViommuPageResponseCode code;    /* when not: the unit's answer */
    VtdReason reason;
    bool fpd;
} Arrival;

/*
 * Put the request into the queue [VTD 7.4.1].  Software has no bit to enable
 * the queue; it writes its address [VTD 11.4.11.3], so that address 0 means
 * that there is none.  Head and tail wrap at the size that PQA tells, whatever
 * software has written to them.  Locked, and in a read-side section.
 */
static void enqueue(VtdUnit *u, const ViommuPageRequest *req, Arrival *a)
{
    uint64_t pqa = *vtd_reg(u, VTD_REG_PQA);
    uint64_t base = pqa & ~(VTD_PAGE_SIZE - 1);
    uint64_t last = (VTD_PAGE_SIZE << viommu_get(pqa, VTD_PQA_PQS)) - 1;
    uint64_t head = *vtd_reg(u, VTD_REG_PQH) & last;
    uint64_t tail = *vtd_reg(u, VTD_REG_PQT) & last;
    uint64_t next = (tail + VTD_PQ_ENTRY_SIZE) & last, word[4];

    if (!base) {
        return;
    }
    if ((*vtd_reg(u, VTD_REG_PRS) & VTD_PRS_PRO) || next == head) {
        prs_set(u, VTD_PRS_PRO);
        a->code = VIOMMU_PAGE_SUCCESS;
        return;
    }
    encode(req, word);
    if (viommu_ram_store64(&u->common, base + tail, word, 4)) {
        /* The queue does not lie in RAM: where the unit's registers are, for
         * example. */
        a->code = VIOMMU_PAGE_FAILURE;
        return;
    }
    a->queued = true;
    a->at = base + tail;
    *vtd_reg(u, VTD_REG_PQT) = next;
    prs_set(u, VTD_PRS_PPR);
}

/* Whether the unit looks at page requests now.  If not, it answers them, and
 * records no fault [VTD 7.4.1]. */
static bool served(VtdUnit *u)
{
    return u->cfg.page_requests &&
           (viommu_acquire(&u->enabled) & VTD_GCMD_TE) &&
           vtd_table_mode(u) != VTD_TTM_ABORT;
}

/* The unit's answer to a request with a fault [VTD 7.4.1]. */
static ViommuPageResponseCode code_of(VtdReason reason)
{
    switch (reason) {
    case VTD_FR_LEGACY_PAGE_REQUEST:
    case VTD_FR_SM_PASIDE_CLEAR:
    case VTD_FR_SM_PASID_TOO_LARGE:
    case VTD_FR_SM_PRE_CLEAR:
        return VIOMMU_PAGE_INVALID;
    default:
        return VIOMMU_PAGE_FAILURE;
    }
}

/* Record the fault, unless FPD of an entry forbids it [VTD 7.1.3]. */
static void report(VtdUnit *u, const ViommuPageRequest *req, const Arrival *a)
{
    VtdFault fault = {
        .reason = a->reason,
        .source = req->source,
        .page_request = true,
        .execute = req->access & VIOMMU_EXEC,
        .privileged = req->access & VIOMMU_PRIV,
        .pasid = req->pasid,
        .info = req->addr & ~(VTD_PAGE_SIZE - 1),
    };

    viommu_count(&u->common.stats.faults);
    if (!a->fpd) {
        vtd_fault_report(u, &fault);
    }
}

/* A page request, from its arrival to the queue or to an answer [VTD 7.4.1]. */
void vtd_page_request(Viommu *unit, const ViommuPageRequest *req,
                      const bool *over)
{
    VtdUnit *u = vtd_unit(unit);
    Arrival a = { .code = VIOMMU_PAGE_INVALID };

    /*
     * One section holds the look at the context entry and the write to the
     * queue: software that clears PRE, invalidates and waits gets no request
     * after the wait.
     */
    viommu_read_lock();
    if (!served(u)) {
        viommu_read_unlock();
        viommu_unit_answer_page(unit, req, a.code);
        return;
    }
    a.reason = vtd_page_request_context(u, req->source, req->pasid, &a.fpd);
    if (a.reason) {
        viommu_read_unlock();
        report(u, req, &a);
        viommu_unit_answer_page(unit, req, code_of(a.reason));
        return;
    }
    viommu_unit_lock(unit);
    a.over = viommu_is_over(over);
    if (!a.over) {
        enqueue(u, req, &a);
    }
    viommu_read_unlock();
    viommu_unit_unlock(unit);       /* sends the event */

    if (a.queued) {
        viommu_ram_written(unit, a.at, VTD_PQ_ENTRY_SIZE);
    } else if (!a.over) {
        viommu_unit_answer_page(unit, req, a.code);
    }
}
