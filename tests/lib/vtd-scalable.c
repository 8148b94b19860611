/* SPDX-License-Identifier: BSD-3-Clause */
#include "vtd-scalable.h"

#include "vtd-spec.h"

static void write_words(const GuestMem *mem, uint64_t addr,
                        const uint64_t *word, unsigned n)
{
    /* the present bit last */
    guest_write64(mem, addr, 0);
    for (unsigned i = n; i-- > 0;) {
        guest_write64(mem, addr + 8 * i, word[i]);
    }
}

uint64_t guest_sm_context_addr(GuestAlloc *alloc, uint64_t root,
                               uint16_t source)
{
    uint64_t at = root + (source >> 8) * 16 + ((source >> 7) & 1) * 8;
    uint64_t entry = guest_read64(&alloc->mem, at);

    return entry & SPEC_ROOT_P ? (entry & SPEC_ROOT_CTP) +
                                 (source & 0x7f) * SPEC_SM_CTX_SIZE : 0;
}

bool guest_sm_context_set(GuestAlloc *alloc, uint64_t root, uint16_t source,
                          const uint64_t word[4])
{
    uint64_t at = root + (source >> 8) * 16 + ((source >> 7) & 1) * 8;
    uint64_t addr = guest_sm_context_addr(alloc, root, source);

    if (!addr) {
        uint64_t table = guest_alloc_pages(alloc, 1);

        if (!table) {
            return false;
        }
        guest_write64(&alloc->mem, at, table | SPEC_ROOT_P);
        addr = guest_sm_context_addr(alloc, root, source);
    }
    write_words(&alloc->mem, addr, word, 4);
    return true;
}

uint64_t guest_pasid_dir_new(GuestAlloc *alloc, unsigned pdts)
{
    size_t bytes = (size_t)8 << (pdts + 7);

    return guest_alloc_pages(alloc, (bytes + 4095) / 4096);
}

uint64_t guest_pasid_addr(GuestAlloc *alloc, uint64_t dir, uint32_t pasid)
{
    uint64_t at = dir + (pasid / SPEC_PASIDS_PER_TABLE) * 8;
    uint64_t entry = guest_read64(&alloc->mem, at);

    if (!(entry & SPEC_DIR_P)) {
        uint64_t table = guest_alloc_pages(alloc, 1);

        if (!table) {
            return 0;
        }
        entry = table | SPEC_DIR_P;
        guest_write64(&alloc->mem, at, entry);
    }
    return (entry & SPEC_DIR_TABLE) +
           (pasid % SPEC_PASIDS_PER_TABLE) * SPEC_PASID_SIZE;
}

bool guest_pasid_set(GuestAlloc *alloc, uint64_t dir, uint32_t pasid,
                     const GuestPasid *p)
{
    uint64_t addr = guest_pasid_addr(alloc, dir, pasid);
    uint64_t word[8] = {
        SPEC_PASID_P | p->flags0 | p->ss |
            (uint64_t)p->pgtt << SPEC_PASID_PGTT_SHIFT |
            (p->ss_levels ? (uint64_t)(p->ss_levels - 2)
                            << SPEC_PASID_AW_SHIFT : 0),
        p->domain | p->flags1,
        p->fs | p->flags2 |
            (p->fs_levels == 5 ? UINT64_C(1) << SPEC_PASID2_FSPM_SHIFT : 0),
    };

    if (!addr) {
        return false;
    }
    write_words(&alloc->mem, addr, word, 8);
    return true;
}

bool guest_fs_init(GuestFs *fs, GuestAlloc *alloc, unsigned levels,
                   uint64_t bias)
{
    *fs = (GuestFs) { guest_alloc_pages(alloc, 1), levels, bias };
    return fs->table != 0;
}

uint64_t guest_fs_entry(const GuestFs *fs, GuestAlloc *alloc, uint64_t va,
                        unsigned level, bool make)
{
    uint64_t table = fs->table;

    for (unsigned at = fs->levels; ; at--) {
        uint64_t addr = table + ((va >> (12 + 9 * (at - 1))) & 511) * 8;
        uint64_t entry;

        if (at == level) {
            return addr;
        }
        entry = guest_read64(&alloc->mem, addr);
        if (!(entry & SPEC_FS_P)) {
            uint64_t page = make ? guest_alloc_pages(alloc, 1) : 0;

            if (!page) {
                return 0;
            }
            entry = (page + fs->bias) | SPEC_FS_P | SPEC_FS_RW | SPEC_FS_US;
            guest_write64(&alloc->mem, addr, entry);
        } else if (at <= 3 && (entry & SPEC_FS_PS)) {
            return 0;
        }
        table = (entry & SPEC_FS_ADDR) - fs->bias;
    }
}

bool guest_fs_map(const GuestFs *fs, GuestAlloc *alloc, uint64_t va,
                  uint64_t pa, unsigned leaf, uint64_t flags)
{
    uint64_t at = guest_fs_entry(fs, alloc, va, leaf, true);

    if (!at) {
        return false;
    }
    guest_write64(&alloc->mem, at, pa | flags | (leaf > 1 ? SPEC_FS_PS : 0));
    return true;
}

void guest_queue_pasid_cache(GuestQueue *queue, unsigned gran,
                             uint16_t domain, uint32_t pasid)
{
    guest_queue_push(queue,
                     SPEC_INV_PASID_CACHE |
                         (uint64_t)gran << SPEC_INV_G_SHIFT |
                         (uint64_t)domain << SPEC_INV_DID_SHIFT |
                         (uint64_t)pasid << SPEC_INV_PASID_SHIFT,
                     0);
}

void guest_queue_piotlb(GuestQueue *queue, unsigned gran, uint16_t domain,
                        uint32_t pasid, uint64_t addr, unsigned am, bool ih)
{
    guest_queue_push(queue,
                     SPEC_INV_PASID_IOTLB |
                         (uint64_t)gran << SPEC_INV_G_SHIFT |
                         (uint64_t)domain << SPEC_INV_DID_SHIFT |
                         (uint64_t)pasid << SPEC_INV_PASID_SHIFT,
                     gran == SPEC_GRAN_PAGE
                         ? (addr & SPEC_INV_IOTLB_HI_ADDR) | am |
                           (ih ? SPEC_INV_IOTLB_HI_IH : 0) : 0);
}

void guest_queue_pdevtlb(GuestQueue *queue, uint16_t source, uint32_t pasid,
                         bool global, uint64_t addr, uint64_t size)
{
    uint64_t hi = (addr & SPEC_INV_DEVTLB_HI_ADDR & ~(size - 1)) |
                  (global ? SPEC_INV_PDEVTLB_HI_G : 0);

    if (size > 4096) {
        hi |= SPEC_INV_PDEVTLB_HI_S | ((size / 2 - 1) & ~UINT64_C(0xfff));
    }
    guest_queue_push(queue,
                     SPEC_INV_PASID_DEVTLB |
                         (uint64_t)source << SPEC_INV_PDEVTLB_SID_SHIFT |
                         (uint64_t)pasid << SPEC_INV_PASID_SHIFT,
                     hi);
}

void guest_queue_push_wide(GuestQueue *queue, const uint64_t word[4])
{
    uint64_t at = queue->addr + queue->tail;

    guest_queue_push(queue, word[0], word[1]);
    guest_write64(&queue->mem, at + 16, word[2]);
    guest_write64(&queue->mem, at + 24, word[3]);
}

void guest_queue_page_response(GuestQueue *queue, uint16_t source,
                               uint32_t pasid, unsigned group, unsigned code)
{
    uint64_t lo = SPEC_INV_PAGE_RESPONSE |
                  (uint64_t)source << SPEC_INV_PRESP_SID_SHIFT |
                  (uint64_t)code << SPEC_INV_PRESP_CODE_SHIFT;

    if (pasid != UINT32_MAX) {
        lo |= SPEC_INV_PRESP_PP |
              (uint64_t)pasid << SPEC_INV_PRESP_PASID_SHIFT;
    }
    guest_queue_push(queue, lo,
                     SPEC_INV_PRESP_HI_LPIG |
                         (uint64_t)group << SPEC_INV_PRESP_HI_PRGI_SHIFT);
}

void guest_queue_drain(GuestQueue *queue)
{
    queue->sequence++;
    guest_queue_push(queue,
                     SPEC_INV_WAIT | SPEC_INV_WAIT_SW | SPEC_INV_WAIT_FN |
                         SPEC_INV_WAIT_PD |
                         (uint64_t)queue->sequence <<
                             SPEC_INV_WAIT_DATA_SHIFT,
                     queue->status);
}

bool guest_page_queue_init(GuestPageQueue *queue, GuestAlloc *alloc,
                           const GuestRegs *regs, unsigned pqs)
{
    *queue = (GuestPageQueue) { .mem = alloc->mem, .regs = *regs };
    queue->addr = guest_alloc_pages(alloc, (size_t)1 << pqs);
    queue->bytes = 4096u << pqs;
    if (!queue->addr) {
        return false;
    }
    guest_set_reg64(regs, SPEC_PQH, 0);
    guest_set_reg64(regs, SPEC_PQT, 0);
    guest_set_reg64(regs, SPEC_PQA, queue->addr | pqs);
    return guest_reg64(regs, SPEC_PQA) == (queue->addr | pqs);
}

bool guest_page_queue_pop(GuestPageQueue *queue, uint64_t word[4])
{
    uint64_t head = guest_reg64(&queue->regs, SPEC_PQH);

    if (head == guest_reg64(&queue->regs, SPEC_PQT)) {
        return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        word[i] = guest_read64(&queue->mem, queue->addr + head + 8 * i);
    }
    guest_set_reg64(&queue->regs, SPEC_PQH,
                    (head + SPEC_PREQ_SIZE) % queue->bytes);
    return true;
}
