/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: MAP notifiers.  In caching mode the guest invalidates what
 * it maps, too; after each invalidation the range is looked through, and the
 * notifiers (VFIO) hear of the differences to what they know.  VFIO unmaps
 * only what was mapped as one piece, so what it knows is kept exactly.
 */
#include "qemu/osdep.h"
#include "glue.h"
#include "qemu/error-report.h"
#include "qemu/units.h"

/*
 * Bounds on what a guest can make of it: mappings of one function (VFIO's own
 * limit is lower by default), and look-ups of one synchronisation, where
 * tables that refer to themselves would last for ages.
 */
#define VTD_SHADOW_MAX   (1u << 20)
#define VTD_SHADOW_STEPS (1u << 21)

typedef struct VtdMapping {
    hwaddr first;
    hwaddr last;
    hwaddr to;
    IOMMUAccessFlags perm;
} VtdMapping;

/* Mappings are disjoint; whatever overlaps a key is what it asks for. */
static int vtd_mapping_compare(const void *a, const void *b, void *unused)
{
    const VtdMapping *l = a, *r = b;

    return l->last < r->first ? -1 : l->first > r->last ? 1 : 0;
}

void vtd_shadow_start(VtdSpace *space)
{
    if (!space->shadow) {
        space->shadow = g_tree_new_full(vtd_mapping_compare, NULL, g_free,
                                        NULL);
    }
}

void vtd_shadow_stop(VtdSpace *space)
{
    if (space->shadow) {
        g_tree_destroy(space->shadow);
        space->shadow = NULL;
    }
}

static VtdMapping *vtd_shadow_find(VtdSpace *space, hwaddr first, hwaddr last)
{
    const VtdMapping key = { .first = first, .last = last };

    return g_tree_lookup(space->shadow, &key);
}

static void vtd_shadow_notify(VtdSpace *space, const VtdMapping *m, bool map,
                              const IOMMUNotifier *except)
{
    IOMMUNotifier *n;

    IOMMU_NOTIFIER_FOREACH(n, &space->translated) {
        if (n != except && (n->notifier_flags & IOMMU_NOTIFIER_MAP)) {
            vtd_notify_range(n, map ? IOMMU_NOTIFIER_MAP :
                             IOMMU_NOTIFIER_UNMAP, m->first, m->last, m->to,
                             map ? m->perm : IOMMU_NONE);
        }
    }
}

/* One synchronisation: the range grows with the old mappings that it cuts. */
typedef struct VtdSync {
    VtdSpace *space;
    const IOMMUNotifier *except;
    hwaddr at;
    hwaddr last;
    unsigned steps;
} VtdSync;

/*
 * Remove the mappings in [first, last].  False when one of them began before
 * @first, where the walk has to go on then.
 */
static bool vtd_sync_remove(VtdSync *sync, hwaddr first, hwaddr last)
{
    VtdMapping *m;

    while ((m = vtd_shadow_find(sync->space, first, last))) {
        hwaddr start = m->first;

        vtd_shadow_notify(sync->space, m, false, sync->except);
        sync->last = MAX(sync->last, m->last);
        g_tree_remove(sync->space->shadow, m);
        if (start < first) {
            sync->at = start;
            return false;
        }
    }
    return true;
}

static void vtd_sync_map(VtdSync *sync, const VtdMapping *wanted)
{
    VtdMapping *m = vtd_shadow_find(sync->space, wanted->first, wanted->last);

    if (m && m->first == wanted->first && m->last == wanted->last &&
        m->to == wanted->to && m->perm == wanted->perm) {
        return;
    }
    if (!vtd_sync_remove(sync, wanted->first, wanted->last)) {
        return;
    }
    if (g_tree_nnodes(sync->space->shadow) >= VTD_SHADOW_MAX) {
        warn_report_once("intel-iommu: a device has more than %u mappings; "
                         "its DMA to the others will fail", VTD_SHADOW_MAX);
        return;
    }
    m = g_memdup2(wanted, sizeof(*wanted));
    g_tree_insert(sync->space->shadow, m, m);
    vtd_shadow_notify(sync->space, m, true, sync->except);
}

/* Look at sync->at and go on behind it (or before it, for a cut mapping). */
static void vtd_sync_step(VtdSync *sync)
{
    hwaddr limit = 1ull << sync->space->iommu->aw_bits;
    hwaddr at = sync->at, size = 0, to = 0, first = at, last = UINT64_MAX;
    IOMMUAccessFlags perm = IOMMU_NONE;
    bool mapped = false;

    if (at < limit && sync->steps > 0) {
        sync->steps--;
        mapped = vtd_space_probe(sync->space, at, &to, &size, &perm) &&
                 size != 0 && size <= GiB;
        if (size != 0) {
            first = at & -size;
            last = first + (size - 1);
        }
    } else if (at < limit) {
        warn_report_once("intel-iommu: tables of a device take too long to "
                         "mirror; its DMA will fail in part");
    }

    if (mapped) {
        const VtdMapping wanted = {
            .first = first, .last = last, .to = to & -size, .perm = perm,
        };

        vtd_sync_map(sync, &wanted);
    } else {
        vtd_sync_remove(sync, at, MIN(last, sync->last));
    }
    if (sync->at == at) {
        /* no cut mapping has led back */
        sync->at = last >= sync->last ? sync->last : last + 1;
        if (last >= sync->last) {
            sync->space = NULL;
        }
    }
}

static void vtd_sync(VtdSpace *space, hwaddr first, hwaddr last,
                     const IOMMUNotifier *except)
{
    VtdSync sync = {
        .space = space,
        .except = except,
        .at = first,
        .last = last,
        .steps = VTD_SHADOW_STEPS,
    };

    while (sync.space) {
        vtd_sync_step(&sync);
    }
}

void vtd_shadow_sync(VtdSpace *space, hwaddr first, hwaddr last)
{
    vtd_sync(space, first, last, NULL);
}

static gboolean vtd_replay_one(void *key, void *value, void *opaque)
{
    const VtdMapping *m = value;

    vtd_notify_range(opaque, IOMMU_NOTIFIER_MAP, m->first, m->last, m->to,
                     m->perm);
    return FALSE;
}

/* A new notifier starts from nothing: tell it all that is mapped now. */
void vtd_shadow_replay(IOMMUMemoryRegion *mr, IOMMUNotifier *n)
{
    VtdSpace *space = container_of(mr, VtdSpace, translated);

    vtd_notify_range(n, IOMMU_NOTIFIER_UNMAP, n->start, n->end, 0,
                     IOMMU_NONE);
    if (space->shadow && (n->notifier_flags & IOMMU_NOTIFIER_MAP)) {
        vtd_sync(space, n->start, n->end, n);
        g_tree_foreach(space->shadow, vtd_replay_one, n);
    }
}
