/* SPDX-License-Identifier: BSD-3-Clause */
/* Options, and the creation of a unit. */
#include "hw/iommu/common/life.h"
#include "hw/iommu/common/abi.h"
#include "hw/iommu/smmuv3/forward.h"
#include "hw/iommu/smmuv3/lookup.h"

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

/* Whether the options go together. */
static bool config_ok(const ViommuSmmuv3Config *cfg, GError **error)
{
    if (!cfg->stage1 && !cfg->stage2) {
        g_set_error_literal(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                            "stage: allowed are 1, 2 and nested");
        return false;
    }
    if (smmu_encoded_size(cfg->oas_bits) < 0) {
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
    .forward = &smmu_forward_model,
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
    smmu_capabilities_init(u);
    viommu_tlb_init(&u->tlb, cfg.iotlb_bits);
    u->contexts = g_new0(SmmuContextSlot, 1u << SMMU_CONTEXT_BITS);
    u->vmid_gens = g_new0(uint64_t, SMMU_VMIDS + 1);
    u->nested_gens = g_new0(uint64_t, SMMU_VMIDS);
    u->asid_gens = g_new0(uint64_t, SMMU_ASID_GENS);
    smmu_registers_publish(u);
    return &u->common;
}
