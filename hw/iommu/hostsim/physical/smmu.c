/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver of the physical SMMUv3: its life, and what devices' requests are
 * behind.
 *
 *   domain      stream table entry     context descriptors
 *   -------------------------------------------------------
 *   none        abort                  -
 *   S1          stage 1                ours: 0 and PASIDs
 *   PASIDs only stage 1, S1DSS=0       ours: PASIDs
 *   S2          stage 2                -
 *   nested      both, abort, bypass    the user's
 */
#include <errno.h>

#include "hw/iommu/hostsim/physical/smmu.h"

/* --- The unit ------------------------------------------------------------ */

static const ViommuOps unit_ops = {
    .send_msi = sim_unit_msi,
    .devtlb_invalidate = sim_unit_devtlb,
    .page_response = sim_unit_page_response,
    .stall_resume = sim_unit_stall_resume,
    .run_later = sim_unit_run_later,
};

static bool smmu_init(Hostsim *sim, GError **error)
{
    static const SmmuCmd forget[] = {
        { { CMD_CFGI_ALL, CMD_RANGE_ALL } }, { { CMD_TLBI_NSNH_ALL, 0 } },
    };
    SmmuDriver *smmu;

    sim->unit = viommu_smmuv3_new(&sim->config.smmu, &unit_ops, sim, error);
    if (!sim->unit) {
        return false;
    }
    sim_ram_publish(sim);
    smmu = sim_alloc(sim, sizeof(*smmu));
    if (!smmu) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                    "no memory for the physical IOMMU's driver");
        return false;
    }
    sim->driver = smmu;
    smmu->asids = g_new0(uint32_t, SMMU_IDS / 32);
    smmu->vmids = g_new0(uint32_t, SMMU_IDS / 32);
    for (unsigned i = 0; i < G_N_ELEMENTS(smmu->idr); i++) {
        smmu->idr[i] = viommu_mmio_read(sim->unit, SMMU_IDR(i), 4);
    }
    if (IDR5_OAS(smmu->idr[5]) < 5 || IDR1_SIDSIZE(smmu->idr[1]) > 20) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                    "the physical IOMMU needs oas=48 or more, and sidsize=20 "
                    "or less");
        return false;
    }
    if (smmu_streams_init(sim) || smmu_queues_init(sim) ||
        smmu_submit(sim, forget, G_N_ELEMENTS(forget))) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                    "no memory for the physical IOMMU's tables");
        return false;
    }
    viommu_mmio_write(sim->unit, SMMU_CR2, CR2_RECINVSID | CR2_PTM, 4);
    viommu_mmio_write(sim->unit, SMMU_CR0,
                      CR0_CMDQEN | CR0_EVTQEN | CR0_SMMUEN, 4);
    return true;
}

static void smmu_exit(Hostsim *sim)
{
    SmmuDriver *smmu = sim->driver;

    if (smmu) {
        smmu_streams_exit(sim);
        smmu_queues_exit(sim);
        g_free(smmu->asids);
        g_free(smmu->vmids);
        g_free(smmu);
        sim->driver = NULL;
    }
    viommu_free(sim->unit);
    sim->unit = NULL;
}

static int smmu_device_add(SimDevice *device)
{
    const SmmuDriver *smmu = smmu_driver(device->sim);
    SmmuDevice *own = sim_alloc(device->sim, sizeof(*own));

    if (!own) {
        return -ENOMEM;
    }
    device->phys = own;
    own->device = device;
    device->pasid_bits = MIN(device->testdev.pasid_bits,
                             IDR1_SSIDSIZE(smmu->idr[1]));
    device->ats = device->testdev.ats && (smmu->idr[0] & IDR0_ATS);
    /* Linux has no page requests here, but transactions that wait. */
    device->pri = false;
    device->stall = device->stall && IDR0_STALL(smmu->idr[0]) == 0;
    return smmu_stream_add(device);
}

static void smmu_device_remove(SimDevice *device)
{
    if (device->phys) {
        smmu_stream_remove(device);
        g_free(device->phys);
        device->phys = NULL;
    }
}

static int smmu_hw_info(SimDevice *device, uint32_t *type, void *data,
                        uint32_t *size)
{
    const SmmuDriver *smmu = smmu_driver(device->sim);
    IommufdHwInfoSmmuv3 *info = data;

    if (*type && *type != IOMMUFD_HW_INFO_ARM_SMMUV3) {
        return -EOPNOTSUPP;
    }
    *info = (IommufdHwInfoSmmuv3) {
        .iidr = viommu_mmio_read(device->sim->unit, SMMU_IIDR, 4),
        .aidr = viommu_mmio_read(device->sim->unit, SMMU_AIDR, 4),
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(smmu->idr); i++) {
        info->idr[i] = smmu->idr[i];
    }
    *size = sizeof(*info);
    *type = IOMMUFD_HW_INFO_ARM_SMMUV3;
    return 0;
}

static bool smmu_can_track_dirty(Hostsim *sim)
{
    return IDR0_HTTU(smmu_driver(sim)->idr[0]) == 2;
}

/* --- Attachments --------------------------------------------------------- */

static uint64_t output_size(const SimDevice *device)
{
    return IDR5_OAS(smmu_driver(device->sim)->idr[5]);
}

static void second_stage(const SimDevice *device, const SmmuDomain *d,
                         uint64_t word[4])
{
    /* 48 bits, from level 0 */
    word[2] = d->id | UINT64_C(16) << STE_S2T0SZ_SHIFT |
              UINT64_C(2) << STE_S2SL0_SHIFT | STE_S2_WB | STE_S2SH_INNER |
              output_size(device) << STE_S2PS_SHIFT | STE_S2AA64 |
              STE_S2PTW | STE_S2R | (device->stall ? STE_S2S : 0);
    word[3] = (uintptr_t)d->table.root;
}

/** Other PASIDs that have domains. */
static bool has_pasids(const SimDevice *device)
{
    guint n = g_hash_table_size(device->domains);

    return n - (g_hash_table_contains(device->domains, GUINT_TO_POINTER(
                                          VIOMMU_NO_PASID)) ? 1 : 0);
}

static void put_entry(SimDevice *device, SmmuDomain *d, bool pasids)
{
    uint64_t word[4] = { STE_V | STE_ABORT };
    bool ats = device->ats;

    switch (d ? d->kind : SMMU_DOMAIN_S1) {
    case SMMU_DOMAIN_S1:
        if (d || pasids) {
            smmu_cds_entry(device, word);
            word[1] |= d ? STE_S1DSS_SSID0 : 0;
        } else {
            ats = false;
        }
        break;
    case SMMU_DOMAIN_S2:
        word[0] = STE_V | STE_S2;
        second_stage(device, d, word);
        break;
    default:
        if (d->ste[0] & STE_V && STE_CONFIG(d->ste[0]) >= 4) {
            second_stage(device, smmu_domain(d->base.parent), word);
            word[0] = STE_V | STE_S2;
        }
        if ((d->ste[0] & (STE_V | STE_CONFIG_MASK)) == (STE_V | STE_S1)) {
            word[0] = (d->ste[0] & ~STE_CONFIG_MASK) | STE_NESTED;
            word[1] = d->ste[1] | STE_MEV;
            ats = ats && d->ats;
        }
        ats = ats && word[0] != (STE_V | STE_ABORT);
        break;
    }
    if (!ats && device->ats) {
        sim_endpoint_enable_ats(device, false);
    }
    word[1] |= ats ? STE_EATS_FULL : 0;
    smmu_stream_put(device, word);
    if (ats) {
        sim_endpoint_enable_ats(device, true);
    }
}

static void first_stage(const SimDevice *device, const SmmuDomain *d,
                        uint64_t word[4])
{
    word[0] = 16 | CD_WB | CD_SH_INNER | CD_EPD1 | CD_V |
              output_size(device) << CD_IPS_SHIFT | CD_AA64 | CD_R | CD_A |
              CD_ASET | (device->stall ? CD_S : 0) |
              (d->base.flags & SIM_DOMAIN_DIRTY ? CD_HA | CD_HD : 0) |
              (uint64_t)d->id << CD_ASID_SHIFT;
    word[1] = (uintptr_t)d->table.root;
    word[2] = 0;
    word[3] = MAIR_NORMAL;
}

/** May the device's requests with @pasid be behind @d?  Puts a context
 *  descriptor in its place. */
static int prepare(SimDevice *device, uint32_t pasid, const SmmuDomain *d)
{
    const SimDomain *rid = sim_domain_of(device, VIOMMU_NO_PASID);
    SmmuDevice *own = smmu_device(device);
    uint64_t word[4] = { 0 };

    if (d->kind != SMMU_DOMAIN_S1) {
        if (pasid != VIOMMU_NO_PASID) {
            return -EINVAL;
        }
        if (has_pasids(device)) {
            return -EBUSY;
        }
        /* Without a name nothing of a stage 1 could be told or invalidated. */
        return d->kind == SMMU_DOMAIN_NESTED && own->viommu != d->viommu &&
               STE_CONFIG(d->ste[0]) != 0 && STE_CONFIG(d->ste[0]) != 4
               ? -ENOENT : 0;
    }
    if (pasid != VIOMMU_NO_PASID && rid &&
        smmu_domain((SimDomain *)rid)->kind != SMMU_DOMAIN_S1) {
        return -EINVAL;
    }
    first_stage(device, d, word);
    return smmu_cd_put(device, pasid == VIOMMU_NO_PASID ? 0 : pasid, word);
}

static int smmu_attach(SimDevice *device, uint32_t pasid, SimDomain *domain)
{
    static const uint64_t none[4];
    SmmuDomain *d = domain ? smmu_domain(domain) : NULL;
    SimDomain *old = sim_domain_of(device, pasid);
    SmmuDevice *own = smmu_device(device);
    int ret = 0;

    if (d) {
        ret = sim_may_allocate(device->sim, sizeof(SimAttachment))
              ? prepare(device, pasid, d) : -ENOMEM;
    }
    if (ret) {
        return ret;
    }
    if (old && !(d && d->kind == SMMU_DOMAIN_S1) &&
        smmu_domain(old)->kind == SMMU_DOMAIN_S1) {
        smmu_cd_put(device, pasid == VIOMMU_NO_PASID ? 0 : pasid, none);
    }
    sim_domain_attached(device, pasid, domain);
    if (pasid == VIOMMU_NO_PASID) {
        own->vmaster = d && d->kind == SMMU_DOMAIN_NESTED &&
                       own->viommu == d->viommu ? d->viommu : NULL;
        own->vmaster_vsid = own->vsid;
        put_entry(device, d, has_pasids(device));
    } else {
        SimDomain *rid = sim_domain_of(device, VIOMMU_NO_PASID);

        put_entry(device, rid ? smmu_domain(rid) : NULL, has_pasids(device));
    }
    if (old) {
        smmu_flush_attachment(device, pasid, smmu_domain(old));
    }
    return 0;
}

const SimPhysOps sim_phys_smmu = {
    .name = "SMMUv3",
    .init = smmu_init,
    .exit = smmu_exit,
    .device_add = smmu_device_add,
    .device_remove = smmu_device_remove,
    /* where Linux lets user space have messages translated to */
    .msi_first = UINT64_C(0x08000000),
    .msi_last = UINT64_C(0x080fffff),
    .msi_translated = true,
    .user_pasid_tables = true,
    .hw_info = smmu_hw_info,
    .can_track_dirty = smmu_can_track_dirty,
    .domain_new = smmu_domain_new,
    .domain_free = smmu_domain_free,
    .map = smmu_map,
    .unmap = smmu_unmap,
    .small_pages = smmu_small_pages,
    .set_dirty = smmu_set_dirty,
    .read_dirty = smmu_read_dirty,
    .nested_new = smmu_nested_new,
    .attach = smmu_attach,
    .page_response = smmu_page_response,
    .interrupt = smmu_interrupt,
    .viommu_type = IOMMUFD_VIOMMU_ARM_SMMUV3,
    .viommu_new = smmu_viommu_new,
    .viommu_free = smmu_viommu_free,
    .viommu_invalidate = smmu_viommu_invalidate,
    .vdevice_add = smmu_vdevice_add,
    .vdevice_remove = smmu_vdevice_remove,
};
