/* SPDX-License-Identifier: BSD-3-Clause */
/* Options, what they make of the ID registers (6.3.1 to 6.3.6), creation. */
#include <string.h>

#include "hw/iommu/common/abi.h"
#include "hw/iommu/smmuv3/unit.h"

static const ViommuAbi config_abi = {
    "ViommuSmmuv3Config", VIOMMU_ABI_FIRST(ViommuSmmuv3Config, iotlb_bits),
    sizeof(ViommuSmmuv3Config),
};

static const ViommuSmmuv3Config defaults = {
    .stage1 = true,
    .sid_bits = 16,
    .oas_bits = 44,
    .bbml = 2,
    .ril = true,
    .iotlb_bits = 16,
};

void viommu_smmuv3_config_init_sized(ViommuSmmuv3Config *config, size_t size)
{
    viommu_abi_give(config, size, &defaults, sizeof(defaults));
}

void (viommu_smmuv3_config_init)(ViommuSmmuv3Config *config)
{
    viommu_smmuv3_config_init_sized(config, config_abi.first);
}

/* IDR5.OAS and CD.IPS, S2PS: 32, 36, 40, 42, 44, 48, 52 bits. */
static const uint8_t size_bits[8] = { 32, 36, 40, 42, 44, 48, 52, 52 };

unsigned smmu_size_bits(unsigned encoded)
{
    return size_bits[encoded & 7];
}

static int encoded_oas(const ViommuSmmuv3Config *cfg)
{
    for (int i = 0; i < 7; i++) {
        if (size_bits[i] == cfg->oas_bits) {
            return i;
        }
    }
    return -1;
}

static bool config_ok(const ViommuSmmuv3Config *cfg, GError **error)
{
    if (!cfg->stage1 && !cfg->stage2) {
        g_set_error_literal(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                            "stage: allowed are 1, 2 and nested");
        return false;
    }
    if (encoded_oas(cfg) < 0) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                    "oas=%u: allowed are 32, 36, 40, 42, 44, 48 and 52",
                    cfg->oas_bits);
        return false;
    }
    if (cfg->pri && !cfg->ats) {
        g_set_error_literal(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                            "pri=on: allowed with ats=on only");
        return false;
    }
    if (cfg->ssid_bits && !cfg->stage1) {
        g_set_error_literal(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                            "ssidsize: allowed with stage=1 or nested only");
        return false;
    }
    if (cfg->hyp && !(cfg->stage1 && cfg->stage2)) {
        g_set_error_literal(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                            "hyp=on: allowed with stage=nested only");
        return false;
    }
    if (cfg->fwb && !cfg->stage2) {
        g_set_error_literal(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                            "fwb=on: allowed with stage=2 or nested only");
        return false;
    }
    return viommu_config_range("sidsize", cfg->sid_bits, 8, 32, error) &&
           viommu_config_range("ssidsize", cfg->ssid_bits, 0, 20, error) &&
           viommu_config_range("httu", cfg->httu, 0, 2, error) &&
           viommu_config_range("bbml", cfg->bbml, 0, 2, error) &&
           viommu_config_range("iotlb-bits", cfg->iotlb_bits, 4, 20, error);
}

/* What the registers' reset values depend on. */
static void set_identity(SmmuUnit *u)
{
    const ViommuSmmuv3Config *cfg = &u->cfg;
    /* (Both sizes of tags, whatever stages there are, as QEMU shows them.) */
    uint64_t idr0 = SMMU_IDR0_COHACC | SMMU_IDR0_ASID16 | SMMU_IDR0_VMID16 |
                    SMMU_IDR0_TERM_MODEL;
    uint64_t idr1 = 0, idr3, idr5;

    idr0 = viommu_put(idr0, SMMU_IDR0_TTF, SMMU_TTF_AARCH64);
    idr0 = viommu_put(idr0, SMMU_IDR0_TTENDIAN, SMMU_TTENDIAN_LITTLE);
    idr0 = viommu_put(idr0, SMMU_IDR0_STALL_MODEL,
                      cfg->stall ? SMMU_STALL_MODEL_BOTH
                                 : SMMU_STALL_MODEL_NONE);
    idr0 = viommu_put(idr0, SMMU_IDR0_ST_LEVEL, 1);
    idr0 = viommu_put(idr0, SMMU_IDR0_HTTU, cfg->httu);
    idr0 |= (cfg->stage1 ? SMMU_IDR0_S1P : 0) |
            (cfg->stage2 ? SMMU_IDR0_S2P : 0) |
            (cfg->atos ? SMMU_IDR0_ATOS : 0) |
            (cfg->ssid_bits ? SMMU_IDR0_CD2L : 0) |
            (cfg->ats ? SMMU_IDR0_ATS : 0) | (cfg->pri ? SMMU_IDR0_PRI : 0) |
            (cfg->msi ? SMMU_IDR0_MSI : 0) | (cfg->hyp ? SMMU_IDR0_HYP : 0);

    idr1 |= cfg->attr_perms_ovr ? SMMU_IDR1_ATTR_PERMS_OVR : 0;
    idr1 = viommu_put(idr1, SMMU_IDR1_SIDSIZE, cfg->sid_bits);
    idr1 = viommu_put(idr1, SMMU_IDR1_SSIDSIZE, cfg->ssid_bits);
    idr1 = viommu_put(idr1, SMMU_IDR1_PRIQS, cfg->pri ? 19 : 0);
    idr1 = viommu_put(idr1, SMMU_IDR1_EVENTQS, 19);
    idr1 = viommu_put(idr1, SMMU_IDR1_CMDQS, 19);

    idr3 = viommu_put(cfg->stage1 ? SMMU_IDR3_HAD : 0, SMMU_IDR3_BBML,
                      cfg->bbml);
    idr3 |= (cfg->ril ? SMMU_IDR3_RIL : 0) |
            (cfg->fwb ? SMMU_IDR3_FWB : 0) |
            (cfg->stage2 ? SMMU_IDR3_XNX : 0);

    idr5 = SMMU_IDR5_GRAN4K | SMMU_IDR5_GRAN16K | SMMU_IDR5_GRAN64K;
    idr5 = viommu_put(idr5, SMMU_IDR5_OAS, encoded_oas(cfg));
    /* 52-bit input addresses come with the 64 KiB granule. */
    idr5 = viommu_put(idr5, SMMU_IDR5_VAX, cfg->oas_bits == 52);
    idr5 = viommu_put(idr5, SMMU_IDR5_STALL_MAX,
                      cfg->stall ? SMMU_STALLS : 0);

    u->common.regs.table[SMMU_REG_IDR0].reset = idr0;
    u->common.regs.table[SMMU_REG_IDR1].reset = idr1;
    u->common.regs.table[SMMU_REG_IDR3].reset = idr3;
    u->common.regs.table[SMMU_REG_IDR5].reset = idr5;
    viommu_regs_reset(&u->common.regs);
}

static void smmu_free(Viommu *unit)
{
    SmmuUnit *u = smmu_unit(unit);

    viommu_tlb_destroy(&u->tlb);
    g_free(u->contexts);
    g_free(u->vmid_gens);
    g_free(u->nested_gens);
    g_free(u->asid_gens);
    viommu_unit_destroy(unit);
    g_free(u);
}

static const ViommuModel smmu_model = {
    .seam = &smmu_seam_model,
    .free = smmu_free,
    .reset = smmu_reset,
    .mmio_size = smmu_mmio_size,
    .mmio_unalias = smmu_mmio_unalias,
    .run = smmu_run,
    .switch_began = smmu_host_switched,
    .switch_settle = smmu_host_switch_settle,
    .translate = smmu_translate,
    .remap_msi = smmu_remap_msi,
    .tables = smmu_tables,
    .page_request = smmu_page_request,
    .unexpected_completion = smmu_unexpected_completion,
    .save = smmu_save,
    .load = smmu_load_state,
};

Viommu *(viommu_smmuv3_new)(const ViommuSmmuv3Config *config,
                            const ViommuOps *ops, void *opaque,
                            GError **error)
{
    return viommu_smmuv3_new_sized(config, config_abi.first, ops,
                                   VIOMMU_ABI_FIRST_OPS, opaque, error);
}

Viommu *viommu_smmuv3_new_sized(const ViommuSmmuv3Config *config,
                                size_t config_size,
                                const ViommuOps *caller_ops, size_t ops_size,
                                void *opaque, GError **error)
{
    ViommuSmmuv3Config cfg = defaults;
    ViommuOps ops;
    SmmuUnit *u;

    if (!viommu_abi_take(&config_abi, &cfg, config, config_size, error) ||
        !viommu_abi_take_ops(&ops, caller_ops, ops_size, error) ||
        !config_ok(&cfg, error)) {
        return NULL;
    }
    u = g_new0(SmmuUnit, 1);
    viommu_unit_init(&u->common, &smmu_model, &ops, opaque);
    u->cfg = cfg;
    smmu_registers_init(u);
    set_identity(u);
    viommu_tlb_init(&u->tlb, cfg.iotlb_bits);
    u->contexts = g_new0(SmmuContextSlot, 1u << SMMU_CONTEXT_BITS);
    u->vmid_gens = g_new0(uint64_t, SMMU_VMIDS + 1);
    u->nested_gens = g_new0(uint64_t, SMMU_VMIDS);
    u->asid_gens = g_new0(uint64_t, SMMU_ASID_GENS);
    smmu_registers_publish(u);
    return &u->common;
}
