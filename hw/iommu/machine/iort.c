/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The IORT of virt: the table that tells software where the SMMUv3 is.  As on
 * q35, nobody puts it into memory; -machine dump-iort shows it.
 */
#include "hw/iommu/machine/board.h"

/* GSIVs of the unit's wires: SPI 74 and so on. */
#define SMMU_GSIV    (32 + 74)
#define REQUESTER_IDS 0x10000

bool board_make_iort(Board *board, const DeviceOptions *options,
                     GError **error)
{
    const ViommuSmmuv3Config *config = &options->smmu;
    const ViommuIortMapping all = { .count = REQUESTER_IDS };
    /* There is no ITS: messages, the unit's too, go where they are sent. */
    const ViommuIortSmmu smmu = {
        .base = BOARD_SMMU_BASE,
        .coherent = true,
        .httu = config->httu,
        .event_gsiv = SMMU_GSIV + VIOMMU_SMMUV3_LINE_EVENTQ,
        .pri_gsiv = SMMU_GSIV + VIOMMU_SMMUV3_LINE_PRIQ,
        .sync_gsiv = SMMU_GSIV + VIOMMU_SMMUV3_LINE_CMD_SYNC,
        .gerror_gsiv = SMMU_GSIV + VIOMMU_SMMUV3_LINE_GERROR,
        .streams = REQUESTER_IDS,
    };
    const ViommuIortRoot root = {
        .ats = config->ats,
        .pri = config->pri,
        .pasid = config->ssid_bits,
        .pasid_bits = config->ssid_bits,
        .mappings = &all,
        .n_mappings = 1,
    };
    const ViommuIort iort = {
        .header = board_acpi_header,
        .smmus = &smmu,
        .n_smmus = 1,
        .roots = &root,
        .n_roots = 1,
    };

    board->table = viommu_iort_build(&iort, error);
    return board->table != NULL;
}
