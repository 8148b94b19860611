/* SPDX-License-Identifier: BSD-3-Clause */
/* Options, and the creation of a unit. */
#include "hw/iommu/common/life.h"
#include "hw/iommu/common/abi.h"
#include "hw/iommu/vtd/capabilities.h"
#include "hw/iommu/vtd/forward.h"
#include "hw/iommu/vtd/interrupt.h"
#include "hw/iommu/vtd/page_request.h"
#include "hw/iommu/vtd/queue.h"
#include "hw/iommu/vtd/registers.h"
#include "hw/iommu/vtd/state.h"
#include "hw/iommu/vtd/translate.h"
#include "hw/iommu/vtd/virtual_command.h"

/* log2 of the entries of the caches that are not for translations. */
#define CONTEXT_BITS 12
#define IRTE_BITS    12

static const ViommuAbi config_abi = {
    "ViommuVtdConfig", VIOMMU_ABI_FIRST(ViommuVtdConfig, iotlb_bits),
    sizeof(ViommuVtdConfig),
};

static const ViommuVtdConfig defaults = {
    .aw_bits = 48,
    .fault_records = 1,
    .dma_translation = true,
    .dma_drain = true,
    .pass_through = true,
    .interrupt_remapping = true,
    .fs1gp = true,
    .iotlb_bits = 16,
};

void viommu_vtd_config_init_sized(ViommuVtdConfig *config, size_t size)
{
    viommu_abi_give(config, size, &defaults, sizeof(defaults));
}

void (viommu_vtd_config_init)(ViommuVtdConfig *config)
{
    viommu_vtd_config_init_sized(config, config_abi.first);
}

/* An error if @option is @set without @have; @needed is the option that brings
 * @have. */
static bool needs(const char *needed, bool have, const char *option, bool set,
                  GError **error)
{
    if (!set || have) {
        return true;
    }
    g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                "%s: allowed with %s only", option, needed);
    return false;
}

static bool config_ok(const ViommuVtdConfig *cfg, GError **error)
{
    if (cfg->aw_bits != 39 && cfg->aw_bits != 48 && cfg->aw_bits != 57) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                    "aw-bits=%u: allowed are 39, 48 and 57", cfg->aw_bits);
        return false;
    }
    /*
     * Software that nests takes a number of levels that both stages have.
     * First stages have four or five levels [VTD 3.6].
     */
    if (cfg->nested && cfg->aw_bits == 39) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                    "aw-bits=39: with nested=on, allowed are 48 and 57");
        return false;
    }
    return needs("x-scalable-mode=on", cfg->scalable_mode, "x-flts/fsts=on",
                 cfg->first_stage, error) &&
           /* Software that sees FSTS would switch the first stage on. */
           needs("dma-translation=on", cfg->dma_translation,
                 "x-flts/fsts=on", cfg->first_stage, error) &&
           needs("x-scalable-mode=on", cfg->scalable_mode,
                 "x-pasid-mode/pasid-bits", cfg->pasid_bits, error) &&
           needs("x-scalable-mode=on", cfg->scalable_mode,
                 "dirty-tracking=on", cfg->dirty_tracking, error) &&
           needs("x-flts/fsts=off or nested=on",
                 !cfg->first_stage || cfg->nested, "dirty-tracking=on",
                 cfg->dirty_tracking, error) &&
           needs("x-flts/fsts=on", cfg->first_stage, "nested=on", cfg->nested,
                 error) &&
           needs("x-flts/fsts=on", cfg->first_stage, "extended-access=on",
                 cfg->extended_access, error) &&
           needs("x-scalable-mode=on", cfg->scalable_mode, "pri=on",
                 cfg->page_requests, error) &&
           needs("device-iotlb=on", cfg->device_iotlb, "pri=on",
                 cfg->page_requests, error) &&
           needs("pasid-bits", cfg->pasid_bits, "virtual-commands=on",
                 cfg->virtual_commands, error) &&
           needs("x-scalable-mode=on", cfg->scalable_mode, "memory-types=on",
                 cfg->memory_types, error) &&
           needs("pasid-bits", cfg->pasid_bits, "rid-pasid=on",
                 cfg->rid_pasid, error) &&
           needs("x-scalable-mode=on", cfg->scalable_mode, "rid-priv=on",
                 cfg->rid_priv, error) &&
           needs("dma-drain=on", cfg->dma_drain, "x-scalable-mode=on",
                 cfg->scalable_mode, error) &&
           viommu_config_range("pasid-bits", cfg->pasid_bits, 0, 20, error) &&
           viommu_config_range("haw-bits", cfg->haw_bits, 32, 52, error) &&
           viommu_config_range("fault-records", cfg->fault_records, 1, 256,
                               error) &&
           viommu_config_range("iotlb-bits", cfg->iotlb_bits, 4, 20, error) &&
           needs("intremap=on", cfg->interrupt_remapping, "eim=on",
                 cfg->extended_interrupt_mode, error) &&
           needs("intremap=on", cfg->interrupt_remapping,
                 "posted-interrupts=on", cfg->posted_interrupts, error);
}

static void vtd_free(Viommu *unit)
{
    VtdUnit *u = vtd_unit(unit);

    viommu_cache_destroy(&u->contexts);
    viommu_tlb_destroy(&u->tlb);
    viommu_cache_destroy(&u->irtes);
    g_free(u->iotlb_gens);
    g_free(u->nested_gens);
    g_free(u->pasid_gens);
    g_free(u->pasids);
    viommu_unit_destroy(unit);
    g_free(u);
}

static const ViommuModel vtd_model = {
    .forward = &vtd_forward_model,
    .free = vtd_free,
    .reset = vtd_reset,
    .mmio_size = vtd_mmio_size,
    .run = vtd_run,
    .switch_began = vtd_host_switched,
    .switch_settle = vtd_host_switch_settle,
    .translate = vtd_translate,
    .remap_msi = vtd_remap_msi,
    .tables = vtd_tables,
    .page_request = vtd_page_request,
    .unexpected_completion = vtd_unexpected_completion,
    .save = vtd_save,
    .load = vtd_load_state,
};

Viommu *(viommu_vtd_new)(const ViommuVtdConfig *config, const ViommuOps *ops,
                         void *opaque, GError **error)
{
    return viommu_vtd_new_sized(config, config_abi.first, ops,
                                VIOMMU_ABI_FIRST_OPS, opaque, error);
}

Viommu *viommu_vtd_new_sized(const ViommuVtdConfig *config,
                             size_t config_size, const ViommuOps *caller_ops,
                             size_t ops_size, void *opaque, GError **error)
{
    ViommuVtdConfig cfg = defaults;
    ViommuOps ops;
    VtdUnit *u;

    if (!viommu_abi_take(&config_abi, &cfg, config, config_size, error) ||
        !viommu_abi_take_ops(&ops, caller_ops, ops_size, error)) {
        return NULL;
    }
    if (!cfg.haw_bits) {
        cfg.haw_bits = MIN(cfg.aw_bits, 52);
    }
    if (!config_ok(&cfg, error)) {
        return NULL;
    }

    u = g_new0(VtdUnit, 1);
    viommu_unit_init(&u->common, &vtd_model, &ops, opaque);
    u->cfg = cfg;
    vtd_registers_init(u, vtd_capabilities(&cfg),
                       vtd_extended_capabilities(&cfg));
    viommu_cache_init(&u->contexts, CONTEXT_BITS);
    viommu_tlb_init(&u->tlb, cfg.iotlb_bits);
    viommu_cache_init(&u->irtes, IRTE_BITS);
    u->iotlb_gens = g_new0(uint64_t, VTD_DOMAINS);
    u->nested_gens = g_new0(uint64_t, VTD_DOMAINS);
    u->pasid_gens = g_new0(uint64_t, VTD_PASID_GENS);
    u->pasids = g_new0(uint64_t, vtd_pasid_words(&cfg));
    vtd_pasids_reset(u);
    return &u->common;
}
