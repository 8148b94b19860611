/* SPDX-License-Identifier: BSD-3-Clause */
/* The public functions of viommu.h. */
#include <errno.h>

#include "hw/iommu/common/abi.h"
#include "hw/iommu/common/embedder.h"
#include "hw/iommu/common/ram.h"

GQuark viommu_error_quark(void)
{
    return g_quark_from_static_string("viommu-error-quark");
}

void viommu_free(Viommu *unit)
{
    viommu_outside_sections(__func__);
    if (unit) {
        if (unit->hooks) {
            unit->hooks->free(unit);
        }
        unit->model->free(unit);
    }
}

void viommu_reset(Viommu *unit)
{
    viommu_outside_sections(__func__);
    unit->model->reset(unit);
}

int viommu_set_ram(Viommu *unit, const ViommuRam *ram, size_t n)
{
    ViommuRamMap *map = viommu_ram_map_new(ram, n);
    ViommuRamMap *old;

    viommu_outside_sections(__func__);
    if (!map) {
        return -EINVAL;
    }
    pthread_mutex_lock(&unit->ram_lock);
    old = __atomic_exchange_n(&unit->ram, map, __ATOMIC_ACQ_REL);
    viommu_read_drain();
    viommu_ram_map_free(old);
    pthread_mutex_unlock(&unit->ram_lock);
    return 0;
}

uint64_t viommu_mmio_size(const Viommu *unit)
{
    return unit->model->mmio_size(unit);
}

static uint64_t unaliased(const Viommu *unit, uint64_t offset)
{
    return unit->model->mmio_unalias ? unit->model->mmio_unalias(offset)
                                     : offset;
}

uint64_t viommu_mmio_read(Viommu *unit, uint64_t offset, unsigned size)
{
    uint64_t value = 0;
    bool hit = false;

    if (size >= 1 && size <= 8 && offset < viommu_mmio_size(unit)) {
        viommu_unit_lock(unit);
        value = viommu_regs_read(&unit->regs, unaliased(unit, offset), size,
                                 &hit);
        viommu_unit_unlock(unit);
    }
    if (!hit) {
        viommu_count(&unit->stats.bad_accesses);
    }
    return value;
}

void viommu_mmio_write(Viommu *unit, uint64_t offset, uint64_t value,
                       unsigned size)
{
    bool hit = false, wanted = false;

    if (size >= 1 && size <= 8 && offset < viommu_mmio_size(unit)) {
        viommu_unit_lock(unit);
        hit = viommu_regs_write(&unit->regs, unit, unaliased(unit, offset),
                                value, size);
        wanted = unit->work.todo;
        viommu_unit_unlock(unit);
    }
    if (!hit) {
        viommu_count(&unit->stats.bad_accesses);
    }
    if (!wanted) {
        return;
    }
    if (viommu_read_held()) {
        /* An endpoint wrote this: draining would wait for itself. */
        viommu_unit_run_later(unit);
    } else {
        unit->model->run(unit);
    }
}

void viommu_run(Viommu *unit)
{
    viommu_outside_sections(__func__);
    unit->model->run(unit);
}

void viommu_dma_begin(void)
{
    viommu_read_lock();
}

void viommu_dma_end(void)
{
#ifndef NDEBUG
    if (!viommu_read_held()) {
        g_error("viommu_dma_end(): no DMA section has begun on this thread");
    }
#endif
    viommu_read_unlock();
}

ViommuStatus viommu_translate(Viommu *unit, const ViommuRequest *req,
                              ViommuReply *reply)
{
    return unit->model->translate(unit, req, reply);
}

ViommuMsiResult viommu_remap_msi(Viommu *unit, uint32_t source,
                                 const ViommuMsi *in, bool probe,
                                 ViommuMsi *out)
{
    return unit->model->remap_msi(unit, source, false, in, probe, out);
}

ViommuMsiResult viommu_remap_ioapic_msi(Viommu *unit, uint32_t source,
                                        const ViommuMsi *in, bool probe,
                                        ViommuMsi *out)
{
    return unit->model->remap_msi(unit, source, true, in, probe, out);
}

bool viommu_source_domain(Viommu *unit, uint32_t source, uint32_t *domain)
{
    ViommuTables tables;

    if (!unit->model->tables(unit, source, VIOMMU_NO_PASID, &tables)) {
        return false;
    }
    *domain = tables.domain;
    return true;
}

/* Of tables that have changed.  The size is left as it is, or made whole. */
static bool tables_concern(const ViommuInvalidation *inv,
                           const ViommuTables *tables, uint64_t *size)
{
    if (inv->domain != VIOMMU_ANY && inv->domain != tables->domain) {
        return false;
    }
    switch (inv->stage) {
    case VIOMMU_STAGE_1:
        if (tables->aliases) {
            *size = 0;
        } else if (*size) {
            *size = MAX(*size, tables->cut);
        }
        return tables->stage1 && (inv->pasid == VIOMMU_NO_PASID ||
                                  inv->pasid == tables->pasid);
    case VIOMMU_STAGE_2:
        if (tables->stage1) {
            *size = 0;
        }
        return tables->stage2;
    default:
        return true;
    }
}

bool viommu_invalidation_concerns(Viommu *unit, const ViommuInvalidation *inv,
                                  uint32_t source, uint32_t pasid,
                                  uint64_t *addr, uint64_t *size)
{
    ViommuTables tables;

    *addr = 0;
    *size = 0;
    switch (inv->what) {
    case VIOMMU_INV_ALL:
        return true;
    case VIOMMU_INV_CONTEXT:
        return inv->source == VIOMMU_ANY ||
               !((inv->source ^ source) & ~inv->source_mask);
    case VIOMMU_INV_IOTLB:
        *size = inv->size;
        if (!unit->model->tables(unit, source, pasid, &tables) ||
            !tables_concern(inv, &tables, size)) {
            return false;
        }
        break;
    case VIOMMU_INV_DEVTLB:
        if (inv->source != source || !(inv->global || inv->pasid == pasid)) {
            return false;
        }
        *size = inv->size;
        break;
    default:
        return false;
    }
    *addr = *size ? inv->addr & -*size : 0;
    return true;
}

void viommu_page_request(Viommu *unit, const ViommuPageRequest *req)
{
    viommu_unit_page_request(unit, req, NULL);
}

void viommu_unexpected_completion(Viommu *unit, uint32_t source)
{
    unit->model->unexpected_completion(unit, source);
}

GBytes *viommu_save(Viommu *unit)
{
    return unit->model->save(unit);
}

bool viommu_load(Viommu *unit, const void *data, size_t size, GError **error)
{
    viommu_outside_sections(__func__);
    return unit->model->load(unit, data, size, error);
}

void viommu_get_stats_sized(Viommu *unit, ViommuStats *stats, size_t size)
{
    const uint64_t *from = (const uint64_t *)&unit->stats;
    uint64_t own[sizeof(ViommuStats) / sizeof(*from)];

    for (size_t i = 0; i < G_N_ELEMENTS(own); i++) {
        own[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    }
    viommu_abi_give(stats, size, own, sizeof(own));
}

void (viommu_get_stats)(Viommu *unit, ViommuStats *stats)
{
    viommu_get_stats_sized(unit, stats,
                           VIOMMU_ABI_FIRST(ViommuStats,
                                            page_responses_automatic));
}

const char *viommu_finding_name(ViommuFinding finding)
{
    static const char *const names[VIOMMU_FINDINGS] = {
        [VIOMMU_FINDING_IOAPIC_SOURCE] = "ioapic-source",
        [VIOMMU_FINDING_WIDE_DESTINATION] = "wide-destination",
        [VIOMMU_FINDING_PAGE_SNOOP] = "page-snoop",
    };

    return (unsigned)finding < VIOMMU_FINDINGS ? names[finding] : NULL;
}

uint64_t viommu_finding_count(Viommu *unit, ViommuFinding finding)
{
    return (unsigned)finding < VIOMMU_FINDINGS
           ? __atomic_load_n(&unit->findings[finding], __ATOMIC_RELAXED) : 0;
}

void viommu_dump(Viommu *unit, GString *out)
{
    viommu_unit_lock(unit);
    viommu_regs_dump(&unit->regs, out);
    viommu_unit_unlock(unit);
    for (unsigned i = 0; i < VIOMMU_FINDINGS; i++) {
        uint64_t count = viommu_finding_count(unit, i);

        if (count) {
            g_string_append_printf(out, "finding %s %" G_GUINT64_FORMAT "\n",
                                   viommu_finding_name(i), count);
        }
    }
}
