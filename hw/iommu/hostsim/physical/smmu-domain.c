/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The physical SMMUv3's paging domains.  As in Linux, a parent of nested ones
 * is second-stage tables, and all others are first-stage tables.
 */
#include <errno.h>

#include "hw/iommu/hostsim/physical/smmu.h"

/* Four levels of 4 KiB pages. */
#define LEVELS  4

/* Pages above which all addresses go. */
#define PAGES_MAX 64

/* --- Tables -------------------------------------------------------------- */

static uint64_t leaf(uint64_t addr, unsigned level)
{
    return addr | PTE_VALID | (level > 1 ? 0 : PTE_TABLE) | PTE_SH_INNER |
           PTE_AF;
}

static uint64_t s1_page(uint64_t addr, unsigned level, unsigned access)
{
    /* what can be written can be read */
    return leaf(addr, level) | PTE_S1_USER | PTE_S1_NG |
           (access & VIOMMU_WRITE ? 0 : PTE_S1_READONLY);
}

/** A write makes a clean page writable. */
static uint64_t s1_dirty_page(uint64_t addr, unsigned level, unsigned access)
{
    return s1_page(addr, level, access) |
           (access & VIOMMU_WRITE ? PTE_DBM | PTE_S1_READONLY : 0);
}

static uint64_t s2_page(uint64_t addr, unsigned level, unsigned access)
{
    return leaf(addr, level) | PTE_S2_NORMAL |
           (access & VIOMMU_READ ? PTE_S2_READ : 0) |
           (access & VIOMMU_WRITE ? PTE_S2_WRITE : 0);
}

static uint64_t next_table(uint64_t addr)
{
    return addr | PTE_VALID | PTE_TABLE;
}

static bool present(uint64_t entry)
{
    return entry & PTE_VALID;
}

static bool is_page(uint64_t entry, unsigned level)
{
    (void)level;
    return !(entry & PTE_TABLE);
}

static const SimTableFormat s1_format = {
    .page = s1_page, .table = next_table, .present = present,
    .is_page = is_page, .addr_mask = PTE_ADDR,
};
static const SimTableFormat s1_dirty_format = {
    .page = s1_dirty_page, .table = next_table, .present = present,
    .is_page = is_page, .addr_mask = PTE_ADDR,
    .dirty = PTE_DBM, .clean = PTE_S1_READONLY,
};
static const SimTableFormat s2_format = {
    .page = s2_page, .table = next_table, .present = present,
    .is_page = is_page, .addr_mask = PTE_ADDR,
};

/* --- Domains ------------------------------------------------------------- */

static uint32_t *ids_of(const SmmuDomain *d)
{
    SmmuDriver *smmu = smmu_driver(d->base.sim);

    return d->kind == SMMU_DOMAIN_S2 ? smmu->vmids : smmu->asids;
}

static int take_id(SmmuDomain *d)
{
    uint32_t *ids = ids_of(d);

    /* VMID 0 is of what has no second stage */
    for (unsigned id = 1; id < SMMU_IDS; id++) {
        if (!(ids[id / 32] >> id % 32 & 1)) {
            ids[id / 32] |= 1u << id % 32;
            d->id = id;
            return 0;
        }
    }
    return -ENOSPC;
}

/** Which stage, as Linux chooses.  -EOPNOTSUPP. */
static int choose(const SmmuDriver *smmu, unsigned flags, SmmuKind *kind)
{
    uint32_t both = IDR0_S1P | IDR0_S2P;

    if (flags == SIM_DOMAIN_NEST_PARENT) {
        *kind = SMMU_DOMAIN_S2;
        return (smmu->idr[0] & both) == both ? 0 : -EOPNOTSUPP;
    }
    *kind = SMMU_DOMAIN_S1;
    if (smmu->idr[0] & IDR0_S1P) {
        return flags & SIM_DOMAIN_NEST_PARENT ? -EOPNOTSUPP : 0;
    }
    *kind = SMMU_DOMAIN_S2;
    return flags ? -EOPNOTSUPP : 0;
}

int smmu_domain_new(Hostsim *sim, unsigned flags, SimDomain **domain)
{
    const SimTableFormat *format = &s2_format;
    SmmuDomain *d;
    SmmuKind kind;
    int ret = choose(smmu_driver(sim), flags, &kind);

    if (ret) {
        return ret;
    }
    if (kind == SMMU_DOMAIN_S1) {
        format = flags & SIM_DOMAIN_DIRTY ? &s1_dirty_format : &s1_format;
    }
    d = sim_alloc(sim, sizeof(*d));
    if (!d) {
        return -ENOMEM;
    }
    sim_domain_init(&d->base, sim, NULL);
    d->kind = kind;
    d->base.flags = flags;
    d->base.last = (UINT64_C(1) << 48) - 1;
    ret = sim_table_init(&d->table, sim, format, LEVELS);
    if (!ret) {
        ret = take_id(d);
    }
    if (ret) {
        smmu_domain_free(&d->base);
        return ret;
    }
    *domain = &d->base;
    return 0;
}

/* --- Caches -------------------------------------------------------------- */

typedef struct Batch {
    Hostsim *sim;
    GArray *commands;
} Batch;

static void batch_begin(Batch *b, Hostsim *sim)
{
    b->sim = sim;
    b->commands = g_array_new(FALSE, FALSE, sizeof(SmmuCmd));
}

static void batch_add(Batch *b, uint64_t low, uint64_t high)
{
    SmmuCmd cmd = { { low, high } };

    g_array_append_val(b->commands, cmd);
}

static void batch_end(Batch *b)
{
    smmu_submit(b->sim, (const SmmuCmd *)(void *)b->commands->data,
                b->commands->len);
    g_array_unref(b->commands);
}

static void add_atc(Batch *b, const SimAttachment *a, uint64_t addr,
                    unsigned order)
{
    uint64_t low = CMD_ATC_INV | (uint64_t)a->device->source << CMD_SID_SHIFT;

    if (!a->device->ats || !a->device->ats_enabled) {
        return;
    }
    if (a->pasid != VIOMMU_NO_PASID) {
        low |= CMD_SSV | (uint64_t)a->pasid << CMD_SSID_SHIFT;
    }
    order = MIN(order, CMD_ATC_SIZE_ALL);
    addr &= order < CMD_ATC_SIZE_ALL ? ~((UINT64_C(0x1000) << order) - 1) : 0;
    batch_add(b, low, addr | order);
}

/** All that a device may have kept, with any PASID. */
static void add_atc_all(Batch *b, const SimDevice *device)
{
    uint64_t low = CMD_ATC_INV | (uint64_t)device->source << CMD_SID_SHIFT;

    if (device->ats && device->ats_enabled) {
        batch_add(b, low, CMD_ATC_SIZE_ALL);
        if (device->pasid_bits) {
            batch_add(b, low | CMD_SSV | CMD_GLOBAL, CMD_ATC_SIZE_ALL);
        }
    }
}

static void add_tlbi_all(Batch *b, const SmmuDomain *d)
{
    if (d->kind == SMMU_DOMAIN_S1) {
        batch_add(b, CMD_TLBI_NH_ASID | (uint64_t)d->id << CMD_ASID_SHIFT, 0);
    } else {
        batch_add(b, CMD_TLBI_S12_VMALL | (uint64_t)d->id << CMD_VMID_SHIFT,
                  0);
    }
}

static void add_tlbi(Batch *b, const SmmuDomain *d, uint64_t first,
                     uint64_t last)
{
    if (d->base.children->len || (last - first) / SIM_PAGE >= PAGES_MAX) {
        /* which of the nested ones' addresses, cannot be told */
        add_tlbi_all(b, d);
        return;
    }
    for (uint64_t addr = first; addr < last; addr += SIM_PAGE) {
        if (d->kind == SMMU_DOMAIN_S1) {
            batch_add(b, CMD_TLBI_NH_VA | (uint64_t)d->id << CMD_ASID_SHIFT,
                      addr);
        } else {
            batch_add(b, CMD_TLBI_S2_IPA | (uint64_t)d->id << CMD_VMID_SHIFT,
                      addr);
        }
    }
}

static void flush_range(SmmuDomain *d, uint64_t first, uint64_t last)
{
    Batch b;

    batch_begin(&b, d->base.sim);
    add_tlbi(&b, d, first, last);
    for (guint i = 0; i < d->base.attached->len; i++) {
        add_atc(&b, &g_array_index(d->base.attached, SimAttachment, i), first,
                sim_range_order(first, last));
    }
    for (guint i = 0; i < d->base.children->len; i++) {
        const SimDomain *child = g_ptr_array_index(d->base.children, i);

        for (guint k = 0; k < child->attached->len; k++) {
            add_atc_all(&b, g_array_index(child->attached, SimAttachment,
                                          k).device);
        }
    }
    batch_end(&b);
}

/*
 * What the IOTLB has under the old domain's name stays, as in Linux, until the
 * domain ends.  A nested one has the name of its parent, which may go on.
 */
void smmu_flush_attachment(SimDevice *device, uint32_t pasid, SmmuDomain *old)
{
    const SimAttachment a = { device, pasid };
    Batch b;

    batch_begin(&b, device->sim);
    if (old->kind == SMMU_DOMAIN_NESTED) {
        add_atc_all(&b, device);
    } else {
        add_atc(&b, &a, 0, CMD_ATC_SIZE_ALL);
    }
    batch_end(&b);
}

/** Before its tables and its name are used for something else. */
static void flush_domain(SmmuDomain *d)
{
    Batch b;

    batch_begin(&b, d->base.sim);
    add_tlbi_all(&b, d);
    batch_end(&b);
}

void smmu_domain_free(SimDomain *domain)
{
    SmmuDomain *d = smmu_domain(domain);

    if (d->id) {
        flush_domain(d);
    }
    sim_table_free(&d->table);
    if (d->id) {
        ids_of(d)[d->id / 32] &= ~(1u << d->id % 32);
    }
    sim_domain_done(domain);
    g_free(d);
}

/* --- What is mapped ------------------------------------------------------ */

int smmu_map(SimDomain *domain, uint64_t iova, void *memory, uint64_t size,
             unsigned access)
{
    return sim_table_map(&smmu_domain(domain)->table, iova,
                         (uintptr_t)memory, size, access);
}

void smmu_unmap(SimDomain *domain, uint64_t iova, uint64_t size)
{
    SmmuDomain *d = smmu_domain(domain);
    GSList *empty = NULL;

    sim_table_unmap(&d->table, iova, size, &empty);
    flush_range(d, iova, iova + size - 1);
    sim_table_collect(&d->table, empty);
}

void smmu_small_pages(SimDomain *domain)
{
    smmu_domain(domain)->table.page_levels = 1;
}

/* It is always on; who turns it on has the bits read and cleared before. */
int smmu_set_dirty(SimDomain *domain, bool on)
{
    (void)domain;
    (void)on;
    return 0;
}

void smmu_read_dirty(SimDomain *domain, uint64_t iova, uint64_t size,
                     bool clear, SimDirtyFunc *func, void *opaque)
{
    SmmuDomain *d = smmu_domain(domain);

    if (sim_table_dirty(&d->table, iova, size, clear, func, opaque)) {
        flush_range(d, iova, iova + size - 1);
    }
}
