/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver of the physical VT-d, in scalable mode: each device has a PASID
 * directory from the beginning; requests without PASID use PASID 0.  Paging
 * domains are second-stage tables, nested ones the caller's first stage on
 * top of them.  Each domain has an ID of its own.
 */
#include <errno.h>

#include "hw/iommu/host/abi/iommufd.h"
#include "hw/iommu/host/abi/vsva.h"
#include "hw/iommu/hostsim/physical/vtd.h"

typedef struct VtdDevice {
    uint64_t *directory;
    unsigned directory_pages;
    unsigned pdts;
    bool present;               /* it has a context entry */
} VtdDevice;

static void store64(uint64_t *at, uint64_t value)
{
    __atomic_store_n(at, GUINT64_TO_LE(value), __ATOMIC_RELEASE);
}

static uint64_t load64(const uint64_t *at)
{
    return GUINT64_FROM_LE(__atomic_load_n(at, __ATOMIC_ACQUIRE));
}

/* --- The unit ------------------------------------------------------------ */

static const ViommuOps unit_ops = {
    .send_msi = sim_unit_msi,
    .devtlb_invalidate = sim_unit_devtlb,
    .page_response = sim_unit_page_response,
    .run_later = sim_unit_run_later,
};

static bool vtd_init(Hostsim *sim, GError **error)
{
    VtdDriver *vtd;

    sim->unit = viommu_vtd_new(&sim->config.vtd, &unit_ops, sim, error);
    if (!sim->unit) {
        return false;
    }
    sim_ram_publish(sim);
    vtd = sim_alloc(sim, sizeof(*vtd));
    if (!vtd) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                    "no memory for the physical IOMMU's driver");
        return false;
    }
    sim->driver = vtd;
    vtd->dids = g_new0(uint32_t, VTD_DIDS / 32);
    vtd->dids[0] = 1;           /* not for domains, with caching mode */
    vtd->cap = viommu_mmio_read(sim->unit, DMAR_CAP, 8);
    vtd->ecap = viommu_mmio_read(sim->unit, DMAR_ECAP, 8);
    if (!(vtd->ecap & ECAP_SMTS) || !(vtd->ecap & ECAP_SSTS)) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                    "the physical IOMMU needs x-scalable-mode=on and "
                    "second-stage tables (nested=on, or x-flts=off)");
        return false;
    }
    vtd->root = sim_pages_alloc(sim, 1);
    if (!vtd->root || vtd_queues_init(sim)) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                    "no memory for the physical IOMMU's tables");
        return false;
    }
    viommu_mmio_write(sim->unit, DMAR_RTADDR,
                      (uintptr_t)vtd->root | RTADDR_SCALABLE, 8);
    viommu_mmio_write(sim->unit, DMAR_GCMD, GCMD_QIE | GCMD_SRTP, 4);
    viommu_mmio_write(sim->unit, DMAR_GCMD, GCMD_QIE | GCMD_TE, 4);
    return true;
}

static void vtd_exit(Hostsim *sim)
{
    VtdDriver *vtd = sim->driver;

    if (vtd) {
        for (unsigned i = 0; vtd->root && i < 512; i++) {
            sim_pages_free(sim, sim_user_ptr(load64(&vtd->root[i]) &
                                             ~UINT64_C(0xfff)), 1);
        }
        vtd_queues_exit(sim);
        sim_pages_free(sim, vtd->root, 1);
        g_free(vtd->dids);
        g_free(vtd);
        sim->driver = NULL;
    }
    viommu_free(sim->unit);
    sim->unit = NULL;
}

/* --- Devices ------------------------------------------------------------- */

/** The device's context entry, of four words. */
static uint64_t *context_entry(Hostsim *sim, uint32_t source)
{
    VtdDriver *vtd = vtd_driver(sim);
    unsigned devfn = source & 0xff;
    uint64_t *root = &vtd->root[(source >> 8 & 0xff) * 2 + devfn / 128];
    uint64_t *table;

    if (!(load64(root) & 1)) {
        table = sim_pages_alloc(sim, 1);
        if (!table) {
            return NULL;
        }
        store64(root, (uintptr_t)table | 1);
    }
    table = sim_user_ptr(load64(root) & ~UINT64_C(0xfff));
    return table + devfn % 128 * 4;
}

static void flush_context(Hostsim *sim, uint32_t source)
{
    VtdDesc descs[] = {
        { { DESC_CONTEXT | DESC_DEVICE | (uint64_t)(uint16_t)source << 32 } },
        { { DESC_PASID | DESC_PASID_ALL } },
        { { DESC_IOTLB | DESC_GLOBAL } },
    };

    vtd_submit(sim, descs, G_N_ELEMENTS(descs));
}

static int vtd_device_add(SimDevice *device)
{
    Hostsim *sim = device->sim;
    VtdDriver *vtd = vtd_driver(sim);
    unsigned unit_bits = vtd->ecap & ECAP_PASID ? ECAP_PSS(vtd->ecap) + 1 : 0;
    uint64_t *context;
    unsigned entry_bits;
    VtdDevice *own = sim_alloc(sim, sizeof(*own));

    if (!own) {
        return -ENOMEM;
    }
    device->phys = own;
    context = context_entry(sim, device->source);
    device->pasid_bits = MIN(device->testdev.pasid_bits, unit_bits);
    device->ats = device->testdev.ats && (vtd->ecap & ECAP_DT);
    device->ats_enabled = device->ats;
    device->stall = false;
    device->pri = device->testdev.pri && device->ats &&
                  (vtd->ecap & ECAP_PRS);
    /* 2^(7 + pdts) directory entries, each for 64 PASIDs */
    entry_bits = device->pasid_bits > 6 ? device->pasid_bits - 6 : 0;
    own->pdts = entry_bits > 7 ? entry_bits - 7 : 0;
    own->directory_pages = MAX((8u << (7 + own->pdts)) / SIM_PAGE, 1);
    own->directory = sim_pages_alloc(sim, own->directory_pages);
    if (!context || !own->directory) {
        return -ENOMEM;
    }
    store64(&context[1], 0);
    store64(&context[0], (uintptr_t)own->directory |
            (uint64_t)own->pdts << CONTEXT_PDTS_SHIFT |
            (device->ats ? CONTEXT_DTE : 0) |
            (device->pri ? CONTEXT_PRE : 0) |
            (device->pasid_bits ? CONTEXT_PASIDE : 0) | CONTEXT_P);
    own->present = true;
    flush_context(sim, device->source);
    return 0;
}

static void vtd_device_remove(SimDevice *device)
{
    Hostsim *sim = device->sim;
    VtdDevice *own = device->phys;

    /* without a directory, it has no entry, and perhaps no table for one */
    if (own->directory && own->present) {
        store64(context_entry(sim, device->source), 0);
        flush_context(sim, device->source);
    }
    if (own->directory) {
        for (unsigned i = 0; i < 128u << own->pdts; i++) {
            sim_pages_free(sim, sim_user_ptr(load64(&own->directory[i]) &
                                             ~UINT64_C(0xfff)), 1);
        }
        sim_pages_free(sim, own->directory, own->directory_pages);
    }
    g_free(own);
    device->phys = NULL;
}

/** The PASID's entry, of eight words; NULL when there is no memory. */
static uint64_t *pasid_entry(SimDevice *device, uint32_t pasid)
{
    VtdDevice *own = device->phys;
    uint64_t *dir = &own->directory[pasid / 64], *table;

    if (!(load64(dir) & 1)) {
        table = sim_pages_alloc(device->sim, 1);
        if (!table) {
            return NULL;
        }
        store64(dir, (uintptr_t)table | 1);
    }
    table = sim_user_ptr(load64(dir) & ~UINT64_C(0xfff));
    return table + pasid % 64 * 8;
}

static int vtd_hw_info(SimDevice *device, uint32_t *type, void *data,
                       uint32_t *size)
{
    VtdDriver *vtd = vtd_driver(device->sim);
    IommufdHwInfoVtd *info = data;

    if (*type && *type != IOMMUFD_HW_INFO_INTEL_VTD) {
        return -EOPNOTSUPP;
    }
    *info = (IommufdHwInfoVtd) {
        .flags = IOMMUFD_HW_INFO_VTD_ERRATA_772415,
        .cap_reg = vtd->cap,
        .ecap_reg = vtd->ecap,
    };
    *size = sizeof(*info);
    *type = IOMMUFD_HW_INFO_INTEL_VTD;
    return 0;
}

static bool vtd_can_track_dirty(Hostsim *sim)
{
    return vtd_driver(sim)->ecap & ECAP_SSADS;
}

/* --- Domains ------------------------------------------------------------- */

static uint64_t ss_page(uint64_t addr, unsigned level, unsigned access)
{
    return addr | (access & VIOMMU_READ ? SS_R : 0) |
           (access & VIOMMU_WRITE ? SS_W : 0) | (level > 1 ? SS_PS : 0);
}

static uint64_t ss_table(uint64_t addr)
{
    return addr | SS_R | SS_W;
}

static bool ss_present(uint64_t entry)
{
    return entry & (SS_R | SS_W);
}

static bool ss_is_page(uint64_t entry, unsigned level)
{
    (void)level;
    return entry & SS_PS;
}

static const SimTableFormat ss_format = {
    .page = ss_page,
    .table = ss_table,
    .present = ss_present,
    .is_page = ss_is_page,
    .addr_mask = SS_ADDR,
    .dirty = SS_D,
};

static int new_domain(Hostsim *sim, SimDomain *parent, VtdDomain **domain)
{
    VtdDriver *vtd = vtd_driver(sim);
    VtdDomain *d;
    unsigned did = 0;

    while (did < VTD_DIDS && (vtd->dids[did / 32] >> did % 32 & 1)) {
        did++;
    }
    if (did == VTD_DIDS) {
        return -ENOSPC;
    }
    d = sim_alloc(sim, sizeof(*d));
    if (!d) {
        return -ENOMEM;
    }
    vtd->dids[did / 32] |= 1u << did % 32;
    d->did = did;
    sim_domain_init(&d->base, sim, parent);
    *domain = d;
    return 0;
}

static void vtd_domain_free(SimDomain *domain)
{
    VtdDomain *d = vtd_domain(domain);
    VtdDriver *vtd = vtd_driver(domain->sim);

    sim_table_free(&d->table);
    vtd->dids[d->did / 32] &= ~(1u << d->did % 32);
    sim_domain_done(domain);
    g_free(d);
}

static int vtd_domain_new(Hostsim *sim, unsigned flags, SimDomain **domain)
{
    VtdDriver *vtd = vtd_driver(sim);
    unsigned sagaw = CAP_SAGAW(vtd->cap), levels = 3;
    VtdDomain *d;
    int ret;

    if (((flags & SIM_DOMAIN_NEST_PARENT) && !(vtd->ecap & ECAP_NEST)) ||
        ((flags & SIM_DOMAIN_DIRTY) && !(vtd->ecap & ECAP_SSADS))) {
        return -EOPNOTSUPP;
    }
    while (levels < 5 && (sagaw >> (levels - 1) & 1)) {
        levels++;
    }
    ret = new_domain(sim, NULL, &d);
    if (ret) {
        return ret;
    }
    d->base.flags = flags;
    ret = sim_table_init(&d->table, sim, &ss_format, levels);
    if (ret) {
        vtd_domain_free(&d->base);
        return ret;
    }
    d->table.page_levels = CAP_SSLPS(vtd->cap) & 2 ? 3
                           : CAP_SSLPS(vtd->cap) & 1 ? 2 : 1;
    d->base.last = (UINT64_C(1) << (12 + 9 * levels)) - 1;
    *domain = &d->base;
    return 0;
}

static int vtd_map(SimDomain *domain, uint64_t iova, void *memory,
                   uint64_t size, unsigned access)
{
    VtdDomain *d = vtd_domain(domain);
    int ret;

    if ((domain->flags & SIM_DOMAIN_NEST_PARENT) && !(access & VIOMMU_WRITE)) {
        return -EINVAL;         /* erratum 772415, as Linux tells of it */
    }
    ret = sim_table_map(&d->table, iova, (uintptr_t)memory, size, access);
    if (!ret && (vtd_driver(domain->sim)->cap & CAP_CM)) {
        vtd_flush_range(d, iova, iova + size - 1, true);
    }
    return ret;
}

static void vtd_unmap(SimDomain *domain, uint64_t iova, uint64_t size)
{
    VtdDomain *d = vtd_domain(domain);
    GSList *empty = NULL;

    sim_table_unmap(&d->table, iova, size, &empty);
    vtd_flush_range(d, iova, iova + size - 1, false);
    sim_table_collect(&d->table, empty);
}

static void vtd_small_pages(SimDomain *domain)
{
    vtd_domain(domain)->table.page_levels = 1;
}

/** PCD, PWT and EMT are taken, but an entry of revision 4.1 has no place for
 *  them (9.6). */
static int take_vsva(const VtdDriver *vtd, const VsvaBindData *data,
                     IommufdHwptVtdS1 *s1, uint64_t *memory_types)
{
    uint64_t flags = data->vtd.flags;

    *s1 = (IommufdHwptVtdS1) {
        .flags = (flags & VSVA_VTD_SRE ? IOMMUFD_VTD_S1_SRE : 0) |
                 (flags & VSVA_VTD_EAFE ? IOMMUFD_VTD_S1_EAFE : 0),
        .pgtbl_addr = data->gpgd,
        .addr_width = data->addr_width,
    };
    if (!(flags & (VSVA_VTD_PCD | VSVA_VTD_PWT | VSVA_VTD_EMTE |
                   VSVA_VTD_CD))) {
        return 0;
    }
    *memory_types = (flags & VSVA_VTD_EMTE ? PASID_EMTE : 0) |
                    (flags & VSVA_VTD_CD ? PASID_CD : 0) |
                    (uint64_t)data->vtd.pat << PASID_PAT_SHIFT;
    return vtd->ecap & ECAP_MTS ? 0 : -EINVAL;
}

static int vtd_nested_new(SimDevice *device, SimDomain *parent,
                          SimViommu *viommu, unsigned flags,
                          const SimUserData *data, SimDomain **domain)
{
    uint64_t memory_types = 0;
    IommufdHwptVtdS1 s1;
    VtdDomain *d;
    int ret;

    (void)viommu;
    if (!(vtd_driver(device->sim)->ecap & ECAP_NEST)) {
        return -EOPNOTSUPP;
    }
    switch (data->type) {
    case IOMMUFD_HWPT_DATA_VTD_S1:
        ret = sim_copy_data(&s1, sizeof(s1), sizeof(s1), data->user,
                              data->size);
        break;
    case SIM_DATA_VSVA:
        ret = take_vsva(vtd_driver(device->sim), data->user, &s1,
                        &memory_types);
        break;
    default:
        return -EOPNOTSUPP;
    }
    if (!ret) {
        ret = new_domain(device->sim, parent, &d);
    }
    if (ret) {
        return ret;
    }
    d->base.flags = flags;
    d->s1 = s1;
    d->memory_types = memory_types;
    *domain = &d->base;
    return 0;
}

/* --- Attachments --------------------------------------------------------- */

/** What the second stage of an entry says. */
static uint64_t entry_second_stage(const VtdDomain *d)
{
    return (uintptr_t)d->table.root |
           (uint64_t)(d->table.levels - 2) << PASID_AW_SHIFT |
           (d->tracking ? PASID_SSADE : 0) | PASID_P;
}

static int check_s1(const VtdDriver *vtd, const IommufdHwptVtdS1 *s1)
{
    bool wide = s1->addr_width == 57;

    if ((s1->addr_width != 48 && !wide) ||
        (wide && !(vtd->cap & CAP_FS5LP)) ||
        ((s1->flags & IOMMUFD_VTD_S1_SRE) && !(vtd->ecap & ECAP_SRS)) ||
        ((s1->flags & IOMMUFD_VTD_S1_EAFE) && !(vtd->ecap & ECAP_EAFS))) {
        return -EINVAL;
    }
    return 0;
}

static void entry_words(const VtdDriver *vtd, const VtdDomain *d,
                        uint64_t word[3])
{
    const IommufdHwptVtdS1 *s1 = &d->s1;

    word[1] = d->did | (vtd->ecap & ECAP_SMPWCS ? PASID_PWSNP : 0);
    word[2] = 0;
    if (!d->base.parent) {
        word[0] = entry_second_stage(d) | PASID_PGTT_SECOND;
        return;
    }
    word[0] = entry_second_stage(vtd_domain(d->base.parent)) |
              PASID_PGTT_NESTED;
    word[1] |= d->memory_types;
    word[2] = (s1->pgtbl_addr & ~UINT64_C(0xfff)) |
              (s1->flags & IOMMUFD_VTD_S1_SRE ? PASID_SRE : 0) |
              (s1->flags & IOMMUFD_VTD_S1_WPE ? PASID_WPE : 0) |
              (s1->flags & IOMMUFD_VTD_S1_EAFE ? PASID_EAFE : 0) |
              (s1->addr_width == 57 ? PASID_FSPM_5 : 0);
}

static int vtd_attach(SimDevice *device, uint32_t pasid, SimDomain *domain)
{
    VtdDriver *vtd = vtd_driver(device->sim);
    SimDomain *old = sim_domain_of(device, pasid);
    uint64_t *entry, word[3];
    int ret;

    if (!domain && !old) {
        return 0;
    }
    if (domain && !sim_may_allocate(device->sim, sizeof(SimAttachment))) {
        return -ENOMEM;
    }
    entry = pasid_entry(device, vtd_table_pasid(pasid));
    if (!entry) {
        return -ENOMEM;
    }
    if (domain && domain->parent) {
        ret = check_s1(vtd, &vtd_domain(domain)->s1);
        if (ret) {
            return ret;
        }
    }
    if (old) {
        store64(&entry[0], 0);
        vtd_flush_entry(device, pasid, vtd_domain(old));
    }
    if (domain) {
        entry_words(vtd, vtd_domain(domain), word);
        store64(&entry[2], word[2]);
        store64(&entry[1], word[1]);
        store64(&entry[0], word[0]);
    }
    sim_domain_attached(device, pasid, domain);
    if (domain && (vtd->cap & CAP_CM)) {
        /* caching mode: absent entries may have been cached */
        vtd_flush_absent(device, pasid, vtd_domain(domain));
    }
    return 0;
}

/* --- Dirty pages --------------------------------------------------------- */

/** The entries of all who walk @d's tables. */
static void set_tracking(VtdDomain *d, bool on)
{
    for (guint i = 0; i < d->base.attached->len; i++) {
        const SimAttachment *a = &g_array_index(d->base.attached,
                                                SimAttachment, i);
        uint64_t *entry = pasid_entry(a->device, vtd_table_pasid(a->pasid));
        uint64_t word = load64(entry) & ~PASID_SSADE;

        store64(entry, word | (on ? PASID_SSADE : 0));
        vtd_flush_entry(a->device, a->pasid, d);
    }
}

static int vtd_set_dirty(SimDomain *domain, bool on)
{
    VtdDomain *d = vtd_domain(domain);

    if (d->tracking == on) {
        return 0;
    }
    d->tracking = on;
    set_tracking(d, on);
    for (guint i = 0; i < domain->children->len; i++) {
        set_tracking(g_ptr_array_index(domain->children, i), on);
    }
    return 0;
}

static void vtd_read_dirty(SimDomain *domain, uint64_t iova, uint64_t size,
                           bool clear, SimDirtyFunc *func, void *opaque)
{
    VtdDomain *d = vtd_domain(domain);

    if (sim_table_dirty(&d->table, iova, size, clear, func, opaque)) {
        vtd_flush_range(d, iova, iova + size - 1, false);
    }
}

/* --- Page responses ------------------------------------------------------ */

static void vtd_page_response(SimDevice *device,
                              const ViommuPageResponse *response)
{
    bool pasid = response->pasid != VIOMMU_NO_PASID;
    VtdDesc desc = { {
        DESC_RESPONSE | (uint64_t)(uint16_t)device->source << 16 |
        (uint64_t)(response->code & 0xf) << 12 |
        (pasid ? 1u << 4 | (uint64_t)response->pasid << 32 : 0) |
        (response->has_private_data ? 1u << 5 : 0),
        (uint64_t)(response->group & 0x1ff) << 3 | 1u << 2,
        response->has_private_data ? response->private_data[0] : 0,
        response->has_private_data ? response->private_data[1] : 0,
    } };

    vtd_submit(device->sim, &desc, 1);
}

const SimPhysOps sim_phys_vtd = {
    .name = "VT-d",
    .init = vtd_init,
    .exit = vtd_exit,
    .device_add = vtd_device_add,
    .device_remove = vtd_device_remove,
    /* interrupt messages are not DMA (3.14) */
    .msi_first = UINT64_C(0xfee00000),
    .msi_last = UINT64_C(0xfeefffff),
    .hw_info = vtd_hw_info,
    .can_track_dirty = vtd_can_track_dirty,
    .domain_new = vtd_domain_new,
    .domain_free = vtd_domain_free,
    .map = vtd_map,
    .unmap = vtd_unmap,
    .small_pages = vtd_small_pages,
    .set_dirty = vtd_set_dirty,
    .read_dirty = vtd_read_dirty,
    .nested_new = vtd_nested_new,
    .invalidate = vtd_invalidate,
    .attach = vtd_attach,
    .page_response = vtd_page_response,
    .interrupt = vtd_interrupt,
};
