/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What each invalidation removes from the caches [VTD 6.5].
 *
 * A broad invalidation advances a generation, which voids all stamps that were
 * made before.  A page-selective one removes the keys that can hold the pages.
 * Where these are many, it voids the whole domain instead: an invalidation may
 * remove more than it names.
 */
#include "hw/iommu/vtd/invalidation.h"

#include "hw/iommu/common/embedder.h"
#include "hw/iommu/vtd/forward.h"
#include "hw/iommu/vtd/tags.h"

/* log2 of the pages above which a domain's generation is the cheaper way. */
#define PAGES_BITS 9
/* likewise for interrupt remapping entries */
#define IRTES_BITS 6

void vtd_forget_translations(VtdUnit *u)
{
    viommu_tlb_advance(&u->tlb);
    viommu_cache_void(&u->contexts, &u->context_gen);
    viommu_advance(&u->iotlb_gen);
}

void vtd_forget_irtes(VtdUnit *u)
{
    viommu_cache_void(&u->irtes, &u->irte_gen);
}

void vtd_invalidate_all(VtdUnit *u)
{
    ViommuInvalidation inv = viommu_everything(VIOMMU_INV_ALL);

    vtd_forget_translations(u);
    vtd_forget_irtes(u);
    viommu_unit_invalidate(&u->common, &inv);
}

/* The function bits of a source-id that FM masks [VTD 6.5.2.1]. */
static uint16_t function_bits(unsigned fm)
{
    static const uint16_t bits[4] = { 0, 4, 6, 7 };

    return bits[fm & 3];
}

/* Contexts: all, those of a domain, or those of devices [VTD 6.5.2.1]. */
void vtd_invalidate_context(VtdUnit *u, unsigned granularity, uint16_t did,
                            uint16_t source, unsigned function_mask)
{
    ViommuInvalidation inv = viommu_everything(VIOMMU_INV_CONTEXT);
    uint16_t bits = function_bits(function_mask);

    switch (granularity) {
    case VTD_GRAN_DEVICE:
        inv.source = source & ~bits;
        inv.source_mask = bits;
        if (u->cfg.scalable_mode) {
            /* There may be any number of PASIDs behind the entry. */
            viommu_cache_void(&u->contexts, &u->context_gen);
            break;
        }
        viommu_cache_advance(&u->contexts);
        for (unsigned f = 0; f < 8; f++) {
            if (!(f & ~bits)) {
                viommu_cache_remove(&u->contexts, (source & ~bits) | f,
                                    VIOMMU_NO_PASID);
            }
        }
        /* Who found the entry until now sees another epoch; translate.c. */
        viommu_cache_advance(&u->contexts);
        break;
    default:
        /* A domain, too: context entries are few and quickly read again. */
        if (granularity == VTD_GRAN_DOMAIN) {
            inv.domain = did;
        }
        viommu_cache_void(&u->contexts, &u->context_gen);
        break;
    }
    vtd_host_note_contexts(u, granularity != VTD_GRAN_DEVICE, source, bits);
    viommu_unit_invalidate(&u->common, &inv);
}

/* At most 2^PAGES_BITS pages, and with @tables the levels above. */
static void remove_pages(VtdUnit *u, uint64_t key, uint64_t addr,
                         uint64_t size, bool tables)
{
    if (tables) {
        viommu_tlb_remove_tables(&u->tlb, key, addr, size);
    }
    viommu_tlb_remove(&u->tlb, key, addr, size);
}

/*
 * Translations: all, those of a domain, or those of pages, which the second
 * stage's addresses name [VTD 6.5.2.3].  These addresses do not find a nested
 * translation, so that all nested ones of the domain go.
 */
void vtd_invalidate_iotlb(VtdUnit *u, unsigned granularity, uint16_t did,
                          uint64_t addr, unsigned am, bool leaf_only)
{
    ViommuInvalidation inv = {
        .what = VIOMMU_INV_IOTLB, .source = VIOMMU_ANY, .domain = did,
        .pasid = VIOMMU_NO_PASID,
    };

    viommu_tlb_advance(&u->tlb);
    switch (granularity) {
    case VTD_GRAN_DOMAIN:
        viommu_advance(&u->iotlb_gens[did]);
        break;
    case VTD_GRAN_PAGES:
        inv.size = VTD_PAGE_SIZE << am;
        inv.addr = addr & ~(inv.size - 1);
        inv.leaf_only = leaf_only;
        inv.stage = VIOMMU_STAGE_2;
        if (am > PAGES_BITS) {
            viommu_advance(&u->iotlb_gens[did]);
        } else {
            remove_pages(u, did, inv.addr, inv.size, !leaf_only);
        }
        viommu_advance(&u->nested_gens[did]);
        break;
    default:
        inv.domain = VIOMMU_ANY;
        viommu_advance(&u->iotlb_gen);
        break;
    }
    vtd_host_note_iotlb(u, &inv, granularity == VTD_GRAN_PAGES);
    viommu_unit_invalidate(&u->common, &inv);
}

/*
 * PASID entries [VTD 6.5.2.2].  The context cache finds an entry by source and
 * PASID; a domain, or a PASID alone, does not find it, so that all go.
 */
void vtd_invalidate_pasid_cache(VtdUnit *u, unsigned granularity,
                                uint32_t pasid)
{
    ViommuInvalidation inv = viommu_everything(VIOMMU_INV_CONTEXT);

    viommu_cache_void(&u->contexts, &u->context_gen);
    vtd_host_note_pasid(u, granularity != VTD_PASID_GRAN_PASID, pasid);
    viommu_unit_invalidate(&u->common, &inv);
}

/* First-stage and nested translations of a PASID: all, or those of pages
 * [VTD 6.5.2.4]. */
void vtd_invalidate_piotlb(VtdUnit *u, uint16_t did, uint32_t pasid,
                           bool paged, uint64_t addr, unsigned am,
                           bool leaf_only)
{
    ViommuInvalidation inv = {
        .what = VIOMMU_INV_IOTLB, .source = VIOMMU_ANY, .domain = did,
        .pasid = pasid, .leaf_only = leaf_only, .stage = VIOMMU_STAGE_1,
    };

    viommu_tlb_advance(&u->tlb);
    if (paged) {
        /* An address mask beyond 2^63 bytes is all there is. */
        inv.size = am < 64 - VTD_PAGE_SHIFT ? VTD_PAGE_SIZE << am : 0;
        inv.addr = addr & ~(inv.size - 1);
    }
    if (paged && am <= PAGES_BITS) {
        remove_pages(u, vtd_pasid_key(did, pasid), inv.addr, inv.size,
                     !leaf_only);
    } else {
        viommu_advance(vtd_pasid_gen(u, did, pasid));
    }
    vtd_host_note_piotlb(u, &inv);
    viommu_unit_invalidate(&u->common, &inv);
}

/* Interrupt remapping entries: all, or some by index [VTD 6.5.2.7]. */
void vtd_invalidate_irtes(VtdUnit *u, bool indexed, uint32_t index,
                          unsigned mask_bits)
{
    ViommuInvalidation inv = viommu_everything(VIOMMU_INV_INTERRUPT);

    if (indexed && mask_bits <= 16) {
        inv.count = 1u << mask_bits;
        inv.index = index & ~(inv.count - 1);
    }
    if (inv.count && mask_bits <= IRTES_BITS) {
        viommu_cache_advance(&u->irtes);
        for (uint32_t i = 0; i < inv.count; i++) {
            viommu_cache_remove(&u->irtes, inv.index + i, 0);
        }
    } else {
        viommu_cache_void(&u->irtes, &u->irte_gen);
    }
    viommu_unit_invalidate(&u->common, &inv);
}
