/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands to a unit through its registers and its invalidation queue. */
#include "vtd-tables.h"

#include "vtd-spec.h"

uint32_t guest_reg32(const GuestRegs *regs, uint64_t offset)
{
    return (uint32_t)regs->read(regs->opaque, offset, 4);
}

uint64_t guest_reg64(const GuestRegs *regs, uint64_t offset)
{
    return regs->read(regs->opaque, offset, 8);
}

void guest_set_reg32(const GuestRegs *regs, uint64_t offset, uint32_t value)
{
    regs->write(regs->opaque, offset, value, 4);
}

void guest_set_reg64(const GuestRegs *regs, uint64_t offset, uint64_t value)
{
    regs->write(regs->opaque, offset, value, 8);
}

/* Looks at a status that hardware takes its time to change. */
#define STATUS_TRIES 2000

bool guest_command(const GuestRegs *regs, uint32_t set, uint32_t clear)
{
    /* keep what is on, without repeating one-shot bits [VTD 11.4.4.1] */
    const uint32_t one_shot = SPEC_GCMD_SRTP | SPEC_GCMD_SFL | SPEC_GCMD_WBF |
                              SPEC_GCMD_SIRTP;
    uint32_t now = guest_reg32(regs, SPEC_GSTS) & ~one_shot;
    uint32_t want = (now | set) & ~clear;
    uint32_t shown = set & ~(uint32_t)SPEC_GCMD_WBF, got;
    unsigned tries = STATUS_TRIES;

    guest_set_reg32(regs, SPEC_GCMD, want);
    do {
        got = guest_reg32(regs, SPEC_GSTS);
    } while (((got & shown) != shown || (got & clear)) && --tries);
    return tries > 0;
}

bool guest_set_root(const GuestRegs *regs, uint64_t root)
{
    guest_set_reg64(regs, SPEC_RTADDR, root);
    return guest_command(regs, SPEC_GCMD_SRTP, 0);
}

bool guest_set_irta(const GuestRegs *regs, uint64_t table, unsigned s,
                    bool eime)
{
    guest_set_reg64(regs, SPEC_IRTA,
                    table | s | (eime ? SPEC_IRTA_EIME : 0));
    return guest_command(regs, SPEC_GCMD_SIRTP, 0);
}

uint64_t guest_iva_offset(const GuestRegs *regs)
{
    uint64_t ecap = guest_reg64(regs, SPEC_ECAP);

    return ((ecap & SPEC_ECAP_IRO) >> SPEC_ECAP_IRO_SHIFT) * 16;
}

uint64_t guest_frcd_offset(const GuestRegs *regs, unsigned index)
{
    uint64_t cap = guest_reg64(regs, SPEC_CAP);

    return ((cap & SPEC_CAP_FRO) >> SPEC_CAP_FRO_SHIFT) * 16 +
           (uint64_t)index * SPEC_FRCD_STRIDE;
}

unsigned guest_frcd_count(const GuestRegs *regs)
{
    uint64_t cap = guest_reg64(regs, SPEC_CAP);

    return (unsigned)((cap & SPEC_CAP_NFR) >> SPEC_CAP_NFR_SHIFT) + 1;
}

/* [VTD 11.4.6.1] */
bool guest_ccmd(const GuestRegs *regs, unsigned gran, uint16_t domain,
                uint16_t source, unsigned fm, unsigned *actual)
{
    uint64_t value = SPEC_CCMD_ICC |
                     (uint64_t)gran << SPEC_CCMD_CIRG_SHIFT |
                     (uint64_t)fm << SPEC_CCMD_FM_SHIFT |
                     (uint64_t)source << SPEC_CCMD_SID_SHIFT | domain;

    guest_set_reg64(regs, SPEC_CCMD, value);
    value = guest_reg64(regs, SPEC_CCMD);
    if (actual) {
        *actual = (unsigned)((value & SPEC_CCMD_CAIG) >>
                             SPEC_CCMD_CAIG_SHIFT);
    }
    return !(value & SPEC_CCMD_ICC);
}

/* [VTD 11.4.6.2] */
bool guest_iotlb(const GuestRegs *regs, unsigned gran, uint16_t domain,
                 uint64_t addr, unsigned am, bool ih, unsigned *actual)
{
    uint64_t iva = guest_iva_offset(regs);
    uint64_t value = SPEC_IOTLB_IVT | SPEC_IOTLB_DR | SPEC_IOTLB_DW |
                     (uint64_t)gran << SPEC_IOTLB_IIRG_SHIFT |
                     (uint64_t)domain << SPEC_IOTLB_DID_SHIFT;

    guest_set_reg64(regs, iva + SPEC_IVA_FROM_IRO,
                    (addr & SPEC_IVA_ADDR) | am | (ih ? SPEC_IVA_IH : 0));
    guest_set_reg64(regs, iva + SPEC_IOTLB_FROM_IRO, value);
    value = guest_reg64(regs, iva + SPEC_IOTLB_FROM_IRO);
    if (actual) {
        *actual = (unsigned)((value & SPEC_IOTLB_IAIG) >>
                             SPEC_IOTLB_IAIG_SHIFT);
    }
    return !(value & SPEC_IOTLB_IVT);
}

static bool queue_init(GuestQueue *queue, GuestAlloc *alloc,
                       const GuestRegs *regs, unsigned qs, bool wide)
{
    *queue = (GuestQueue) { .mem = alloc->mem, .regs = *regs, .wide = wide };
    queue->addr = guest_alloc_pages(alloc, (size_t)1 << qs);
    queue->status = guest_alloc_pages(alloc, 1);
    queue->bytes = 4096u << qs;
    if (!queue->addr || !queue->status) {
        return false;
    }
    guest_set_reg64(regs, SPEC_IQT, 0);
    guest_set_reg64(regs, SPEC_IQA,
                    queue->addr | (wide ? SPEC_IQA_DW : 0) | qs);
    return guest_command(regs, SPEC_GCMD_QIE, 0);
}

bool guest_queue_init(GuestQueue *queue, GuestAlloc *alloc,
                      const GuestRegs *regs, unsigned qs)
{
    return queue_init(queue, alloc, regs, qs, false);
}

bool guest_queue_init_wide(GuestQueue *queue, GuestAlloc *alloc,
                           const GuestRegs *regs, unsigned qs)
{
    return queue_init(queue, alloc, regs, qs, true);
}

void guest_queue_push(GuestQueue *queue, uint64_t lo, uint64_t hi)
{
    guest_write64(&queue->mem, queue->addr + queue->tail, lo);
    guest_write64(&queue->mem, queue->addr + queue->tail + 8, hi);
    if (queue->wide) {
        guest_write64(&queue->mem, queue->addr + queue->tail + 16, 0);
        guest_write64(&queue->mem, queue->addr + queue->tail + 24, 0);
    }
    queue->tail = (queue->tail + (queue->wide ? 32 : 16)) % queue->bytes;
}

void guest_queue_ring(GuestQueue *queue)
{
    guest_set_reg64(&queue->regs, SPEC_IQT, queue->tail);
}

bool guest_queue_wait(GuestQueue *queue)
{
    queue->sequence++;
    guest_queue_push(queue,
                     SPEC_INV_WAIT | SPEC_INV_WAIT_SW | SPEC_INV_WAIT_FN |
                         (uint64_t)queue->sequence <<
                             SPEC_INV_WAIT_DATA_SHIFT,
                     queue->status);
    guest_queue_ring(queue);
    return guest_queue_done(queue);
}

bool guest_queue_done(const GuestQueue *queue)
{
    return guest_read32(&queue->mem, queue->status) == queue->sequence;
}

void guest_queue_context(GuestQueue *queue, unsigned gran, uint16_t domain,
                         uint16_t source, unsigned fm)
{
    guest_queue_push(queue,
                     SPEC_INV_CONTEXT | (uint64_t)gran << SPEC_INV_G_SHIFT |
                         (uint64_t)domain << SPEC_INV_DID_SHIFT |
                         (uint64_t)source << SPEC_INV_CTX_SID_SHIFT |
                         (uint64_t)fm << SPEC_INV_CTX_FM_SHIFT,
                     0);
}

void guest_queue_iotlb(GuestQueue *queue, unsigned gran, uint16_t domain,
                       uint64_t addr, unsigned am, bool ih)
{
    guest_queue_push(queue,
                     SPEC_INV_IOTLB | (uint64_t)gran << SPEC_INV_G_SHIFT |
                         SPEC_INV_IOTLB_DR | SPEC_INV_IOTLB_DW |
                         (uint64_t)domain << SPEC_INV_DID_SHIFT,
                     (addr & SPEC_INV_IOTLB_HI_ADDR) | am |
                         (ih ? SPEC_INV_IOTLB_HI_IH : 0));
}

void guest_queue_devtlb(GuestQueue *queue, uint16_t source, uint64_t addr,
                        uint64_t size)
{
    uint64_t hi = addr & SPEC_INV_DEVTLB_HI_ADDR & ~(size - 1);

    /* with S, the lowest zero bit from 12 up tells the size [VTD 6.5.2.5] */
    if (size > 4096) {
        hi |= SPEC_INV_DEVTLB_HI_S | ((size / 2 - 1) & ~UINT64_C(0xfff));
    }
    guest_queue_push(queue,
                     SPEC_INV_DEVTLB |
                         (uint64_t)source << SPEC_INV_DEVTLB_SID_SHIFT,
                     hi);
}

void guest_queue_iec(GuestQueue *queue, bool global, uint16_t index,
                     unsigned im)
{
    uint64_t lo = SPEC_INV_IEC;

    if (!global) {
        lo |= SPEC_INV_IEC_G | (uint64_t)im << SPEC_INV_IEC_IM_SHIFT |
              (uint64_t)index << SPEC_INV_IEC_IIDX_SHIFT;
    }
    guest_queue_push(queue, lo, 0);
}
