/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The physical SMMUv3's stream table, of two levels with 256 entries for each
 * bus, and devices' context descriptors.
 */
#include <errno.h>

#include "hw/iommu/hostsim/physical/smmu.h"

#define SPLIT       8
#define STREAMS     (1u << SPLIT)
#define STE_WORDS   8
#define STREAM_PAGES    (STREAMS * STE_WORDS * 8 / SIM_PAGE)

#define CD_WORDS    8
#define LEAF_CDS    1024    /* of 64 KiB */
#define LEAF_PAGES  16

static unsigned first_level_entries(const SmmuDriver *smmu)
{
    unsigned bits = IDR1_SIDSIZE(smmu->idr[1]);

    return bits > SPLIT ? 1u << (bits - SPLIT) : 1;
}

static unsigned first_level_pages(const SmmuDriver *smmu)
{
    return MAX(first_level_entries(smmu) * 8 / SIM_PAGE, 1);
}

int smmu_streams_init(Hostsim *sim)
{
    SmmuDriver *smmu = smmu_driver(sim);
    unsigned bits = IDR1_SIDSIZE(smmu->idr[1]);

    smmu->streams = sim_pages_alloc(sim, first_level_pages(smmu));
    if (!smmu->streams) {
        return -ENOMEM;
    }
    viommu_mmio_write(sim->unit, SMMU_STRTAB_BASE, (uintptr_t)smmu->streams,
                      8);
    viommu_mmio_write(sim->unit, SMMU_STRTAB_CFG,
                      STRTAB_2LVL | SPLIT << 6 | bits, 4);
    return 0;
}

static uint64_t *second_level(uint64_t entry)
{
    return sim_user_ptr(entry & STE_S1CTXPTR);
}

void smmu_streams_exit(Hostsim *sim)
{
    SmmuDriver *smmu = smmu_driver(sim);

    for (unsigned i = 0; smmu->streams && i < first_level_entries(smmu); i++) {
        sim_pages_free(sim, second_level(smmu_load(&smmu->streams[i])),
                       STREAM_PAGES);
    }
    sim_pages_free(sim, smmu->streams, first_level_pages(smmu));
}

/* --- Entries ------------------------------------------------------------- */

/** NULL when there is no memory. */
static uint64_t *stream_entry(Hostsim *sim, uint32_t sid)
{
    SmmuDriver *smmu = smmu_driver(sim);
    uint64_t *first = &smmu->streams[sid >> SPLIT], *table;

    if (!smmu_load(first)) {
        table = sim_pages_alloc(sim, STREAM_PAGES);
        if (!table) {
            return NULL;
        }
        for (unsigned i = 0; i < STREAMS; i++) {
            smmu_store(&table[i * STE_WORDS], STE_V | STE_ABORT);
        }
        /* Span is log2 of the entries, plus one */
        smmu_store(first, (uintptr_t)table | (SPLIT + 1));
    }
    return second_level(smmu_load(first)) + sid % STREAMS * STE_WORDS;
}

static void flush_entry(SimDevice *device)
{
    SmmuCmd cmd = { {
        CMD_CFGI_STE | (uint64_t)device->source << CMD_SID_SHIFT, 0,
    } };

    smmu_submit(device->sim, &cmd, 1);
}

void smmu_stream_put(SimDevice *device, const uint64_t word[4])
{
    SmmuDevice *own = smmu_device(device);
    uint64_t *entry = stream_entry(device->sim, device->source);

    if (smmu_load(&entry[0]) != (STE_V | STE_ABORT)) {
        smmu_store(&entry[0], STE_V | STE_ABORT);
        flush_entry(device);
    }
    for (unsigned i = 4; i--; ) {
        own->ste[i] = word[i];
        smmu_store(&entry[i], word[i]);
    }
    flush_entry(device);
}

/* --- Context descriptors ------------------------------------------------- */

/** One more than the highest SubstreamID, in bits. */
static unsigned cd_bits(const SimDevice *device)
{
    return device->pasid_bits;
}

int smmu_stream_add(SimDevice *device)
{
    Hostsim *sim = device->sim;
    SmmuDevice *own = smmu_device(device);
    unsigned bits = cd_bits(device);

    if (device->source >> IDR1_SIDSIZE(smmu_driver(sim)->idr[1])) {
        return -ERANGE;
    }
    own->two_level = bits > 10;
    own->cds_pages = own->two_level ? MAX((8u << (bits - 10)) / SIM_PAGE, 1)
                                    : MAX((CD_WORDS * 8u << bits) / SIM_PAGE,
                                          1);
    /* the entry first: who has descriptors has one */
    if (!stream_entry(sim, device->source)) {
        return -ENOMEM;
    }
    own->cds = sim_pages_alloc(sim, own->cds_pages);
    return own->cds ? 0 : -ENOMEM;
}

void smmu_stream_remove(SimDevice *device)
{
    static const uint64_t abort_entry[4] = { STE_V | STE_ABORT };
    SmmuDevice *own = smmu_device(device);

    if (!own->cds) {
        return;
    }
    smmu_stream_put(device, abort_entry);
    for (unsigned i = 0; own->two_level && i < 1u << (cd_bits(device) - 10);
         i++) {
        sim_pages_free(device->sim,
                       sim_user_ptr(smmu_load(&own->cds[i]) & ~CD_L1_V),
                       LEAF_PAGES);
    }
    sim_pages_free(device->sim, own->cds, own->cds_pages);
    own->cds = NULL;
}

static uint64_t *cd_entry(SimDevice *device, uint32_t ssid)
{
    SmmuDevice *own = smmu_device(device);
    uint64_t *first, *leaf;

    if (!own->two_level) {
        return own->cds + ssid * CD_WORDS;
    }
    first = &own->cds[ssid / LEAF_CDS];
    if (!smmu_load(first)) {
        leaf = sim_pages_alloc(device->sim, LEAF_PAGES);
        if (!leaf) {
            return NULL;
        }
        smmu_store(first, (uintptr_t)leaf | CD_L1_V);
    }
    leaf = sim_user_ptr(smmu_load(first) & ~CD_L1_V);
    return leaf + ssid % LEAF_CDS * CD_WORDS;
}

static void flush_cd(SimDevice *device, uint32_t ssid)
{
    SmmuCmd cmd = { {
        CMD_CFGI_CD | (uint64_t)ssid << CMD_SSID_SHIFT |
        (uint64_t)device->source << CMD_SID_SHIFT, 0,
    } };

    smmu_submit(device->sim, &cmd, 1);
}

int smmu_cd_put(SimDevice *device, uint32_t ssid, const uint64_t word[4])
{
    uint64_t *entry = cd_entry(device, ssid);

    if (!entry) {
        return -ENOMEM;
    }
    if (smmu_load(&entry[0])) {
        smmu_store(&entry[0], 0);
        flush_cd(device, ssid);
    }
    for (unsigned i = 4; i--; ) {
        smmu_store(&entry[i], word[i]);
    }
    flush_cd(device, ssid);
    return 0;
}

void smmu_cds_entry(SimDevice *device, uint64_t word[2])
{
    SmmuDevice *own = smmu_device(device);
    bool stalls = IDR0_STALL(smmu_driver(device->sim)->idr[0]) == 0;

    word[0] = STE_V | STE_S1 | (own->two_level ? STE_S1FMT_64K : 0) |
              (uintptr_t)own->cds |
              (uint64_t)cd_bits(device) << STE_S1CDMAX_SHIFT;
    word[1] = STE_S1C_WB | STE_S1CSH_INNER |
              (stalls && !device->stall ? STE_S1STALLD : 0);
}
