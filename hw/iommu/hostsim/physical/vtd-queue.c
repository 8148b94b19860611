/* SPDX-License-Identifier: BSD-3-Clause */
/* The physical VT-d's queues: invalidations, fault records, page requests. */
#include <errno.h>
#include <string.h>

#include "hw/iommu/hostsim/physical/vtd.h"

/* Where the unit's own messages go; the data tells which one it is. */
#define MESSAGE_ADDR 0xfee00000u
#define MESSAGE_FAULT 0x31u
#define MESSAGE_PAGE_REQUEST 0x32u

/* A full queue takes fewer rounds of viommu_run() than this. */
#define RUNS_MAX 100000

static uint64_t read_reg(Hostsim *sim, unsigned offset, unsigned size)
{
    return viommu_mmio_read(sim->unit, offset, size);
}

static void write_reg(Hostsim *sim, unsigned offset, uint64_t value,
                      unsigned size)
{
    viommu_mmio_write(sim->unit, offset, value, size);
}

int vtd_queues_init(Hostsim *sim)
{
    VtdDriver *vtd = vtd_driver(sim);

    vtd->queue = sim_pages_alloc(sim, 1);
    vtd->status = sim_pages_alloc(sim, 1);
    vtd->page_queue = sim_pages_alloc(sim, VTD_PAGE_QUEUE_PAGES);
    if (!vtd->queue || !vtd->status || !vtd->page_queue) {
        return -ENOMEM;
    }
    write_reg(sim, DMAR_FEDATA, MESSAGE_FAULT, 4);
    write_reg(sim, DMAR_FEADDR, MESSAGE_ADDR, 4);
    write_reg(sim, DMAR_FECTL, 0, 4);
    write_reg(sim, DMAR_IQT, 0, 8);
    /* log2 of the pages is 0 */
    write_reg(sim, DMAR_IQA, (uintptr_t)vtd->queue | IQA_WIDE, 8);
    write_reg(sim, DMAR_GCMD, GCMD_QIE, 4);
    if (vtd->ecap & ECAP_PRS) {
        write_reg(sim, DMAR_PQH, 0, 8);
        write_reg(sim, DMAR_PQT, 0, 8);
        write_reg(sim, DMAR_PQA, (uintptr_t)vtd->page_queue | 3, 8);
        write_reg(sim, DMAR_PEDATA, MESSAGE_PAGE_REQUEST, 4);
        write_reg(sim, DMAR_PEADDR, MESSAGE_ADDR, 4);
        write_reg(sim, DMAR_PECTL, 0, 4);
    }
    return 0;
}

void vtd_queues_exit(Hostsim *sim)
{
    VtdDriver *vtd = vtd_driver(sim);

    sim_pages_free(sim, vtd->queue, 1);
    sim_pages_free(sim, vtd->status, 1);
    sim_pages_free(sim, vtd->page_queue, VTD_PAGE_QUEUE_PAGES);
}

/* --- Invalidations ------------------------------------------------------- */

static void put(VtdDriver *vtd, const VtdDesc *desc)
{
    uint64_t *at = (uint64_t *)(void *)(vtd->queue + vtd->tail * 32);

    for (unsigned i = 0; i < 4; i++) {
        at[i] = GUINT64_TO_LE(desc->word[i]);
    }
    vtd->tail = (vtd->tail + 1) % VTD_QUEUE_ENTRIES;
}

/** What the queue has to complain about; it goes on then. */
static int check(Hostsim *sim)
{
    uint32_t fsts = read_reg(sim, DMAR_FSTS, 4);

    if (fsts & FSTS_ITE) {
        write_reg(sim, DMAR_FSTS, FSTS_ITE, 4);
        return -ETIMEDOUT;
    }
    if (fsts & FSTS_IQE) {
        return -EIO;
    }
    return 0;
}

static bool completed(const VtdDriver *vtd)
{
    return __atomic_load_n(vtd->status, __ATOMIC_ACQUIRE) ==
           GUINT32_TO_LE(vtd->sequence);
}

/** Less than the queue has room for, behind what has completed before. */
static int submit_part(Hostsim *sim, const VtdDesc *descs, unsigned n)
{
    VtdDriver *vtd = vtd_driver(sim);
    VtdDesc wait = { { DESC_WAIT | DESC_WAIT_WRITE |
                       (uint64_t)++vtd->sequence << 32,
                       (uintptr_t)vtd->status } };
    int ret = 0;

    for (unsigned i = 0; i < n; i++) {
        put(vtd, &descs[i]);
    }
    put(vtd, &wait);
    write_reg(sim, DMAR_IQT, vtd->tail * 32, 8);
    for (unsigned i = 0; i < RUNS_MAX; i++) {
        int error = check(sim);

        if (error == -ETIMEDOUT) {
            /* what was behind it has been given up: ask once more */
            ret = error;
            if (!completed(vtd)) {
                put(vtd, &wait);
                write_reg(sim, DMAR_IQT, vtd->tail * 32, 8);
            }
        } else if (error) {
            return error;
        }
        if (completed(vtd)) {
            return ret;
        }
        viommu_run(sim->unit);
    }
    return -EIO;
}

int vtd_submit(Hostsim *sim, const VtdDesc *descs, unsigned n)
{
    int ret = 0;

    while (n) {
        unsigned part = MIN(n, VTD_QUEUE_ENTRIES / 2);
        int error = submit_part(sim, descs, part);

        ret = ret ? ret : error;
        descs += part;
        n -= part;
    }
    return ret;
}

/* --- Faults -------------------------------------------------------------- */

static void take_faults(Hostsim *sim)
{
    VtdDriver *vtd = vtd_driver(sim);
    unsigned n = CAP_NFR(vtd->cap);

    for (unsigned i = 0; i < n; i++) {
        unsigned at = CAP_FRO(vtd->cap) + i * 16;
        uint64_t low = read_reg(sim, at, 8), high = read_reg(sim, at + 8, 8);
        SimFault fault = {
            .source = FRCD_SOURCE(high),
            .pasid = high & FRCD_HAS_PASID ? FRCD_PASID(high)
                                           : VIOMMU_NO_PASID,
            .addr = low & ~UINT64_C(0xfff),
            .access = high & FRCD_READ ? VIOMMU_READ : VIOMMU_WRITE,
            .reason = FRCD_REASON(high),
        };

        if (high & FRCD_F) {
            write_reg(sim, at + 12, FRCD_F >> 32, 4);
            sim_dma_fault(sim, &fault);
        }
    }
    write_reg(sim, DMAR_FSTS, FSTS_PFO, 4);
}

/* --- Page requests ------------------------------------------------------- */

static void take_request(Hostsim *sim, const uint64_t word[4])
{
    ViommuPageRequest req = {
        .source = (uint16_t)(word[0] >> 16),
        .pasid = word[0] & PREQ_PP ? word[0] >> 32 & 0xfffff
                                   : VIOMMU_NO_PASID,
        .addr = word[1] & ~UINT64_C(0xfff),
        .access = (word[1] & PREQ_READ ? VIOMMU_READ : 0) |
                  (word[1] & PREQ_WRITE ? VIOMMU_WRITE : 0) |
                  (word[0] & PREQ_EXE ? VIOMMU_EXEC : 0) |
                  (word[0] & PREQ_PRIV ? VIOMMU_PRIV : 0),
        .last = word[1] & PREQ_LAST,
        .group = word[1] >> 3 & 0x1ff,
        .has_private_data = word[0] & PREQ_PDP,
        .private_data = { word[2], word[3] },
    };

    sim_page_request(sim, &req);
}

static void take_requests(Hostsim *sim)
{
    VtdDriver *vtd = vtd_driver(sim);
    uint64_t mask = VTD_PAGE_QUEUE_PAGES * SIM_PAGE - 1, head, tail;

    /* new ones from here on raise the event again */
    write_reg(sim, DMAR_PRS, PRS_PPR, 4);
    head = read_reg(sim, DMAR_PQH, 8) & mask;
    tail = read_reg(sim, DMAR_PQT, 8) & mask;
    while (head != tail) {
        uint64_t word[4];

        for (unsigned i = 0; i < 4; i++) {
            memcpy(&word[i], vtd->page_queue + head + i * 8, 8);
            word[i] = GUINT64_FROM_LE(word[i]);
        }
        head = (head + 32) & mask;
        take_request(sim, word);
    }
    write_reg(sim, DMAR_PQH, head, 8);
    /* overflow: the queue has been emptied, so that it may go on */
    if (read_reg(sim, DMAR_PRS, 4) & PRS_PRO) {
        write_reg(sim, DMAR_PRS, PRS_PRO, 4);
    }
}

void vtd_interrupt(Hostsim *sim)
{
    VtdDriver *vtd = vtd_driver(sim);

    if (read_reg(sim, DMAR_FSTS, 4) & (FSTS_PPF | FSTS_PFO)) {
        take_faults(sim);
    }
    if ((vtd->ecap & ECAP_PRS) &&
        (read_reg(sim, DMAR_PRS, 4) & (PRS_PPR | PRS_PRO))) {
        take_requests(sim);
    }
}
