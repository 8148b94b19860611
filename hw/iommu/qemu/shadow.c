/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: MAP notifiers.  In caching mode the guest invalidates what
 * it maps, too; after each invalidation the range is looked through, and the
 * notifiers (VFIO) hear of the differences to what they know.  VFIO unmaps
 * only what was mapped as one piece, so what it knows is kept exactly.
 */
#include "qemu/osdep.h"
#include "common.h"
#include "qemu/error-report.h"
#include "qemu/units.h"

/*
 * Bounds on what a guest can make of it: mappings of one function (VFIO's own
 * limit is lower by default), and look-ups of one synchronisation, where
 * tables that refer to themselves would last for ages.
 */
#define SHADOW_MAX   (1u << 20)
#define SHADOW_STEPS (1u << 21)

typedef struct ShadowMapping {
    hwaddr first;
    hwaddr last;
    hwaddr to;
    IOMMUAccessFlags perm;
} ShadowMapping;

/* Mappings are disjoint; whatever overlaps a key is what it asks for. */
static int mapping_compare(const void *a, const void *b, void *unused)
{
    const ShadowMapping *l = a, *r = b;

    return l->last < r->first ? -1 : l->first > r->last ? 1 : 0;
}

void viommu_shadow_start(ViommuSpace *space)
{
    if (!space->shadow) {
        space->shadow = g_tree_new_full(mapping_compare, NULL, g_free,
                                        NULL);
    }
}

void viommu_shadow_stop(ViommuSpace *space)
{
    if (space->shadow) {
        g_tree_destroy(space->shadow);
        space->shadow = NULL;
    }
}

static ShadowMapping *shadow_find(ViommuSpace *space, hwaddr first, hwaddr last)
{
    const ShadowMapping key = { .first = first, .last = last };

    return g_tree_lookup(space->shadow, &key);
}

static void shadow_notify(ViommuSpace *space, const ShadowMapping *m, bool map,
                              const IOMMUNotifier *except)
{
    IOMMUNotifier *n;

    IOMMU_NOTIFIER_FOREACH(n, &space->translated) {
        if (n != except && (n->notifier_flags & IOMMU_NOTIFIER_MAP)) {
            viommu_notify_range(n, map ? IOMMU_NOTIFIER_MAP :
                             IOMMU_NOTIFIER_UNMAP, m->first, m->last, m->to,
                             map ? m->perm : IOMMU_NONE);
        }
    }
}

/* One synchronisation: the range grows with the old mappings that it cuts. */
typedef struct ShadowSync {
    ViommuSpace *space;
    const IOMMUNotifier *except;
    hwaddr at;
    hwaddr last;
    unsigned steps;
} ShadowSync;

/*
 * Remove the mappings in [first, last].  False when one of them began before
 * @first, where the walk has to go on then.
 */
static bool sync_remove(ShadowSync *sync, hwaddr first, hwaddr last)
{
    ShadowMapping *m;

    while ((m = shadow_find(sync->space, first, last))) {
        hwaddr start = m->first;

        shadow_notify(sync->space, m, false, sync->except);
        sync->last = MAX(sync->last, m->last);
        g_tree_remove(sync->space->shadow, m);
        if (start < first) {
            sync->at = start;
            return false;
        }
    }
    return true;
}

static void sync_map(ShadowSync *sync, const ShadowMapping *wanted)
{
    ShadowMapping *m = shadow_find(sync->space, wanted->first, wanted->last);

    if (m && m->first == wanted->first && m->last == wanted->last &&
        m->to == wanted->to && m->perm == wanted->perm) {
        return;
    }
    if (!sync_remove(sync, wanted->first, wanted->last)) {
        return;
    }
    if (g_tree_nnodes(sync->space->shadow) >= SHADOW_MAX) {
        warn_report_once("%s: a device has more than %u mappings; its DMA to "
                         "the others will fail",
                         sync->space->glue->kind->name, SHADOW_MAX);
        return;
    }
    m = g_memdup2(wanted, sizeof(*wanted));
    g_tree_insert(sync->space->shadow, m, m);
    shadow_notify(sync->space, m, true, sync->except);
}

/* Look at sync->at and go on behind it (or before it, for a cut mapping). */
static void sync_step(ShadowSync *sync)
{
    hwaddr limit = 1ull << sync->space->glue->direct_bits;
    hwaddr at = sync->at, size = 0, to = 0, first = at, last = UINT64_MAX;
    IOMMUAccessFlags perm = IOMMU_NONE;
    bool mapped = false;

    if (at < limit && sync->steps > 0) {
        sync->steps--;
        mapped = viommu_space_probe(sync->space, at, &to, &size, &perm) &&
                 size != 0 && size <= GiB;
        if (size != 0) {
            first = at & -size;
            last = first + (size - 1);
        }
    } else if (at < limit) {
        warn_report_once("%s: tables of a device take too long to mirror; "
                         "its DMA will fail in part",
                         sync->space->glue->kind->name);
    }

    if (mapped) {
        const ShadowMapping wanted = {
            .first = first, .last = last, .to = to & -size, .perm = perm,
        };

        sync_map(sync, &wanted);
    } else {
        sync_remove(sync, at, MIN(last, sync->last));
    }
    if (sync->at == at) {
        /* no cut mapping has led back */
        sync->at = last >= sync->last ? sync->last : last + 1;
        if (last >= sync->last) {
            sync->space = NULL;
        }
    }
}

static void sync_range(ViommuSpace *space, hwaddr first, hwaddr last,
                     const IOMMUNotifier *except)
{
    ShadowSync sync = {
        .space = space,
        .except = except,
        .at = first,
        .last = last,
        .steps = SHADOW_STEPS,
    };

    while (sync.space) {
        sync_step(&sync);
    }
}

void viommu_shadow_sync(ViommuSpace *space, hwaddr first, hwaddr last)
{
    sync_range(space, first, last, NULL);
}

static gboolean replay_one(void *key, void *value, void *opaque)
{
    const ShadowMapping *m = value;

    viommu_notify_range(opaque, IOMMU_NOTIFIER_MAP, m->first, m->last, m->to,
                     m->perm);
    return FALSE;
}

/* A new notifier starts from nothing: tell it all that is mapped now. */
void viommu_shadow_replay(IOMMUMemoryRegion *mr, IOMMUNotifier *n)
{
    ViommuSpace *space = container_of(mr, ViommuSpace, translated);

    viommu_notify_range(n, IOMMU_NOTIFIER_UNMAP, n->start, n->end, 0,
                     IOMMU_NONE);
    if (space->shadow && (n->notifier_flags & IOMMU_NOTIFIER_MAP)) {
        sync_range(space, n->start, n->end, n);
        g_tree_foreach(space->shadow, replay_one, n);
    }
}
