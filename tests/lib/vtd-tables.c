/* SPDX-License-Identifier: BSD-3-Clause */
/* Guest memory, and DMA and interrupt remapping tables in it. */
#include "vtd-tables.h"

#include <string.h>

#include "vtd-spec.h"

#define PAGE 4096u

/* --- Guest memory -------------------------------------------------------- */

static bool ram_holds(const GuestRam *ram, uint64_t addr, size_t size)
{
    return addr >= ram->base && addr - ram->base <= ram->size &&
           size <= ram->size - (addr - ram->base);
}

/*
 * The unit may read an entry on another thread at this moment, so aligned
 * words go in one piece, as a processor writes them.
 */
static void ram_read(void *opaque, uint64_t addr, void *buf, size_t size)
{
    const GuestRam *ram = opaque;
    const uint8_t *from;
    uint8_t *to = buf;

    if (!ram_holds(ram, addr, size)) {
        memset(buf, 0, size);
        return;
    }
    from = ram->host + (addr - ram->base);
    while (size >= 8 && ((uintptr_t)from & 7) == 0) {
        uint64_t word = __atomic_load_n((const uint64_t *)(const void *)from,
                                        __ATOMIC_ACQUIRE);
        memcpy(to, &word, 8);
        from += 8;
        to += 8;
        size -= 8;
    }
    while (size >= 4 && ((uintptr_t)from & 3) == 0) {
        uint32_t word = __atomic_load_n((const uint32_t *)(const void *)from,
                                        __ATOMIC_ACQUIRE);
        memcpy(to, &word, 4);
        from += 4;
        to += 4;
        size -= 4;
    }
    memcpy(to, from, size);
}

static void ram_write(void *opaque, uint64_t addr, const void *buf,
                      size_t size)
{
    const GuestRam *ram = opaque;
    const uint8_t *from = buf;
    uint8_t *to;

    if (!ram_holds(ram, addr, size)) {
        return;
    }
    to = ram->host + (addr - ram->base);
    while (size >= 8 && ((uintptr_t)to & 7) == 0) {
        uint64_t word;

        memcpy(&word, from, 8);
        __atomic_store_n((uint64_t *)(void *)to, word, __ATOMIC_RELEASE);
        from += 8;
        to += 8;
        size -= 8;
    }
    while (size >= 4 && ((uintptr_t)to & 3) == 0) {
        uint32_t word;

        memcpy(&word, from, 4);
        __atomic_store_n((uint32_t *)(void *)to, word, __ATOMIC_RELEASE);
        from += 4;
        to += 4;
        size -= 4;
    }
    memcpy(to, from, size);
}

GuestMem guest_mem_from_ram(GuestRam *ram)
{
    return (GuestMem) { ram_read, ram_write, ram };
}

static uint64_t le_get(const uint8_t *bytes, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

static void le_put(uint8_t *bytes, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

uint64_t guest_read64(const GuestMem *mem, uint64_t addr)
{
    uint8_t bytes[8];

    mem->read(mem->opaque, addr, bytes, sizeof(bytes));
    return le_get(bytes, 8);
}

void guest_write64(const GuestMem *mem, uint64_t addr, uint64_t value)
{
    uint8_t bytes[8];

    le_put(bytes, 8, value);
    mem->write(mem->opaque, addr, bytes, sizeof(bytes));
}

uint32_t guest_read32(const GuestMem *mem, uint64_t addr)
{
    uint8_t bytes[4];

    mem->read(mem->opaque, addr, bytes, sizeof(bytes));
    return (uint32_t)le_get(bytes, 4);
}

void guest_write32(const GuestMem *mem, uint64_t addr, uint32_t value)
{
    uint8_t bytes[4];

    le_put(bytes, 4, value);
    mem->write(mem->opaque, addr, bytes, sizeof(bytes));
}

void guest_zero(const GuestMem *mem, uint64_t addr, size_t size)
{
    static const uint8_t zeros[PAGE];

    while (size > 0) {
        size_t part = size < PAGE ? size : PAGE;

        mem->write(mem->opaque, addr, zeros, part);
        addr += part;
        size -= part;
    }
}

void guest_alloc_init(GuestAlloc *alloc, const GuestMem *mem, uint64_t base,
                      uint64_t size)
{
    alloc->mem = *mem;
    alloc->next = (base + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    alloc->end = base + size;
    if (alloc->next == 0) {
        alloc->next = PAGE;     /* 0 means "none" */
    }
}

uint64_t guest_alloc_pages(GuestAlloc *alloc, size_t pages)
{
    uint64_t align = PAGE;
    uint64_t addr;

    while (align < pages * (uint64_t)PAGE) {
        align *= 2;
    }
    addr = (alloc->next + align - 1) & ~(align - 1);
    if (addr > alloc->end || alloc->end - addr < pages * (uint64_t)PAGE) {
        return 0;
    }
    alloc->next = addr + pages * PAGE;
    guest_zero(&alloc->mem, addr, pages * PAGE);
    return addr;
}

/* --- Root and context tables --------------------------------------------- */

uint64_t guest_root_new(GuestAlloc *alloc)
{
    return guest_alloc_pages(alloc, 1);
}

uint64_t guest_context_addr(GuestAlloc *alloc, uint64_t root, uint16_t source)
{
    uint64_t entry = guest_read64(&alloc->mem, root + (source >> 8) * 16);

    if (!(entry & SPEC_ROOT_P)) {
        return 0;
    }
    return (entry & SPEC_ROOT_CTP) + (source & 0xff) * 16;
}

bool guest_context_set_raw(GuestAlloc *alloc, uint64_t root, uint16_t source,
                           uint64_t lo, uint64_t hi)
{
    uint64_t addr = guest_context_addr(alloc, root, source);

    if (!addr) {
        uint64_t table = guest_alloc_pages(alloc, 1);

        if (!table) {
            return false;
        }
        guest_write64(&alloc->mem, root + (source >> 8) * 16 + 8, 0);
        guest_write64(&alloc->mem, root + (source >> 8) * 16,
                      table | SPEC_ROOT_P);
        addr = table + (source & 0xff) * 16;
    }
    /* never present with the other half of an earlier entry */
    guest_write64(&alloc->mem, addr, 0);
    guest_write64(&alloc->mem, addr + 8, hi);
    guest_write64(&alloc->mem, addr, lo);
    return true;
}

bool guest_context_set(GuestAlloc *alloc, uint64_t root, uint16_t source,
                       const GuestContext *ctx)
{
    uint64_t aw = ctx->levels ? ctx->levels - 2u : ctx->aw;

    return guest_context_set_raw(
        alloc, root, source,
        SPEC_CTX_P | (ctx->fpd ? SPEC_CTX_FPD : 0) |
            (uint64_t)ctx->tt << SPEC_CTX_TT_SHIFT | ctx->table,
        aw | (uint64_t)ctx->domain << SPEC_CTX_HI_DID_SHIFT);
}

bool guest_context_clear(GuestAlloc *alloc, uint64_t root, uint16_t source)
{
    uint64_t addr = guest_context_addr(alloc, root, source);

    if (!addr) {
        return false;
    }
    guest_write64(&alloc->mem, addr, 0);
    guest_write64(&alloc->mem, addr + 8, 0);
    return true;
}

/* --- Second-stage tables ------------------------------------------------- */

uint64_t guest_ss_new(GuestAlloc *alloc)
{
    return guest_alloc_pages(alloc, 1);
}

static uint64_t ss_entry(GuestAlloc *alloc, uint64_t table, unsigned levels,
                         uint64_t iova, unsigned level, bool make)
{
    for (unsigned at = levels; at >= 1; at--) {
        uint64_t addr = table + ((iova >> (12 + 9 * (at - 1))) & 511) * 8;
        uint64_t entry;

        if (at == level) {
            return addr;
        }
        entry = guest_read64(&alloc->mem, addr);
        if (!(entry & (SPEC_SS_R | SPEC_SS_W))) {
            if (!make) {
                return 0;
            }
            table = guest_alloc_pages(alloc, 1);
            if (!table) {
                return 0;
            }
            guest_write64(&alloc->mem, addr,
                          table | SPEC_SS_R | SPEC_SS_W);
        } else if (entry & SPEC_SS_PS) {
            return 0;
        } else {
            table = entry & SPEC_SS_ADDR;
        }
    }
    return 0;
}

uint64_t guest_ss_entry(GuestAlloc *alloc, uint64_t table, unsigned levels,
                        uint64_t iova, unsigned level)
{
    return ss_entry(alloc, table, levels, iova, level, false);
}

uint64_t guest_ss_entry_make(GuestAlloc *alloc, uint64_t table,
                             unsigned levels, uint64_t iova, unsigned level)
{
    return ss_entry(alloc, table, levels, iova, level, true);
}

bool guest_ss_map(GuestAlloc *alloc, uint64_t table, unsigned levels,
                  uint64_t iova, uint64_t pa, unsigned leaf, uint64_t flags)
{
    uint64_t addr = ss_entry(alloc, table, levels, iova, leaf, true);

    if (!addr) {
        return false;
    }
    guest_write64(&alloc->mem, addr,
                  pa | flags | (leaf > 1 ? SPEC_SS_PS : 0));
    return true;
}

bool guest_ss_map_range(GuestAlloc *alloc, uint64_t table, unsigned levels,
                        uint64_t iova, uint64_t pa, uint64_t size,
                        uint64_t flags)
{
    for (uint64_t at = 0; at < size; at += PAGE) {
        if (!guest_ss_map(alloc, table, levels, iova + at, pa + at, 1,
                          flags)) {
            return false;
        }
    }
    return true;
}

bool guest_ss_unmap(GuestAlloc *alloc, uint64_t table, unsigned levels,
                    uint64_t iova, unsigned leaf)
{
    uint64_t addr = ss_entry(alloc, table, levels, iova, leaf, false);

    if (!addr) {
        return false;
    }
    guest_write64(&alloc->mem, addr, 0);
    return true;
}

/* --- Interrupt remapping ------------------------------------------------- */

void guest_irte_set_raw(const GuestMem *mem, uint64_t table, uint16_t index,
                        uint64_t lo, uint64_t hi)
{
    uint64_t addr = table + index * UINT64_C(16);

    guest_write64(mem, addr, 0);
    guest_write64(mem, addr + 8, hi);
    guest_write64(mem, addr, lo);
}

void guest_irte_set(const GuestMem *mem, uint64_t table, uint16_t index,
                    const GuestIrte *irte)
{
    uint64_t lo = SPEC_IRTE_P;

    lo |= irte->fpd ? SPEC_IRTE_FPD : 0;
    lo |= irte->dm ? SPEC_IRTE_DM : 0;
    lo |= irte->rh ? SPEC_IRTE_RH : 0;
    lo |= irte->tm ? SPEC_IRTE_TM : 0;
    lo |= (uint64_t)irte->dlm << SPEC_IRTE_DLM_SHIFT;
    lo |= (uint64_t)irte->vector << SPEC_IRTE_V_SHIFT;
    lo |= (uint64_t)irte->dest <<
          (irte->eim ? SPEC_IRTE_DST_SHIFT : SPEC_IRTE_XDST_SHIFT);
    guest_irte_set_raw(mem, table, index, lo,
                       irte->sid |
                           (uint64_t)irte->sq << SPEC_IRTE_HI_SQ_SHIFT |
                           (uint64_t)irte->svt << SPEC_IRTE_HI_SVT_SHIFT);
}

void guest_irte_set_posted(const GuestMem *mem, uint64_t table,
                           uint16_t index, uint8_t vector, uint64_t pid,
                           bool urgent, uint16_t source)
{
    uint64_t lo = SPEC_IRTE_P | SPEC_IRTE_IM;
    uint64_t hi = pid & SPEC_IRTE_HI_PDAH;

    lo |= urgent ? SPEC_IRTE_URG : 0;
    lo |= (uint64_t)vector << SPEC_IRTE_V_SHIFT;
    lo |= ((pid & UINT32_MAX) >> 6) << SPEC_IRTE_PDAL_SHIFT;
    if (source) {
        hi |= source | (uint64_t)SPEC_SVT_SID << SPEC_IRTE_HI_SVT_SHIFT;
    }
    guest_irte_set_raw(mem, table, index, lo, hi);
}

void guest_irte_clear(const GuestMem *mem, uint64_t table, uint16_t index)
{
    guest_irte_set_raw(mem, table, index, 0, 0);
}

uint64_t guest_msi_addr(uint16_t index, bool shv)
{
    return SPEC_MSI_BASE |
           (uint64_t)(index & 0x7fff) << SPEC_MSI_HANDLE_SHIFT |
           (index & 0x8000 ? SPEC_MSI_HANDLE_15 : 0) |
           SPEC_MSI_REMAPPABLE | (shv ? SPEC_MSI_SHV : 0);
}
