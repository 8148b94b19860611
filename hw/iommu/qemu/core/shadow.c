/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: MAP notifiers.  In caching mode the guest invalidates what
 * it maps, too; after each invalidation the range is looked through, and the
 * notifiers (VFIO) hear of the differences to what they know.  VFIO unmaps
 * only what was mapped as one piece, so what it knows is kept exactly.
 *
 * The looking is put off until the guest waits, so that many invalidations of
 * the same range are one, and done in steps, between which the main loop does
 * its other work.  The guest's wait completes after the last of them.
 */
#include "qemu/osdep.h"
#include "hw/viommu/core/common.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/units.h"

/*
 * Bounds on what a guest can make of it: mappings of one function (VFIO's own
 * limit is lower by default), and looks until all has been looked at, since
 * tables that refer to themselves would last for ages.
 */
#define SHADOW_MAX      (1u << 20)
#define SHADOW_LOOKS    (1u << 21)
/* Apart from each other; more are one. */
#define SHADOW_RANGES   64
/* Of one step, in looks; a change costs the host more. */
#define STEP_COST       4096
#define CHANGE_COST     16

typedef struct ShadowMapping {
    hwaddr first;
    hwaddr last;
    hwaddr to;
    IOMMUAccessFlags perm;
} ShadowMapping;

typedef struct ShadowRange {
    hwaddr first;
    hwaddr last;
} ShadowRange;

struct ViommuShadow {
    GTree *mappings;            /* ShadowMapping, that MAP notifiers know */
    GArray *ranges;             /* ShadowRange: where they may be others */
    unsigned looks;             /* so far, at these */
    bool given_up;              /* only take away what is in them */
};

/* Mappings are disjoint; whatever overlaps a key is what it asks for. */
static int mapping_compare(const void *a, const void *b, void *unused)
{
    const ShadowMapping *l = a, *r = b;

    return l->last < r->first ? -1 : l->first > r->last ? 1 : 0;
}

void viommu_shadow_start(ViommuSpace *space)
{
    if (!space->shadow) {
        space->shadow = g_new0(ViommuShadow, 1);
        space->shadow->mappings = g_tree_new_full(mapping_compare, NULL,
                                                  g_free, NULL);
        space->shadow->ranges = g_array_new(false, false,
                                            sizeof(ShadowRange));
    }
}

void viommu_shadow_stop(ViommuSpace *space)
{
    if (space->shadow) {
        g_tree_destroy(space->shadow->mappings);
        g_array_free(space->shadow->ranges, true);
        g_clear_pointer(&space->shadow, g_free);
    }
}

/* --- What is to be looked at --------------------------------------------- */

static bool touch(const ShadowRange *a, const ShadowRange *b)
{
    return (a->first <= b->last || a->first - 1 == b->last) &&
           (b->first <= a->last || b->first - 1 == a->last);
}

static void add_range(ViommuShadow *shadow, hwaddr first, hwaddr last)
{
    ShadowRange new = { .first = first, .last = last };
    unsigned i = 0;

    /* each round but the last of each range takes one out */
    while (i < shadow->ranges->len) {
        const ShadowRange *old = &g_array_index(shadow->ranges, ShadowRange,
                                                i);

        if (!touch(&new, old)) {
            i++;
            continue;
        }
        new.first = MIN(new.first, old->first);
        new.last = MAX(new.last, old->last);
        g_array_remove_index_fast(shadow->ranges, i);
        i = 0;
    }
    if (shadow->ranges->len == SHADOW_RANGES) {
        g_array_set_size(shadow->ranges, 0);
        new = (ShadowRange) { .last = UINT64_MAX };
    }
    g_array_append_val(shadow->ranges, new);
}

static void sync_bh(void *opaque)
{
    ViommuGlue *glue = opaque;

    if (!viommu_shadows_step(glue)) {
        qemu_bh_schedule(glue->sync);
    }
}

void viommu_shadow_note_range(ViommuSpace *space, hwaddr first, hwaddr last)
{
    ViommuGlue *glue = space->glue;

    add_range(space->shadow, first, last);
    if (!glue->sync) {
        glue->sync = qemu_bh_new(sync_bh, glue);
    }
    /* for who does not wait */
    qemu_bh_schedule(glue->sync);
}

/* --- Changes ------------------------------------------------------------- */

static ShadowMapping *shadow_find(ViommuShadow *shadow, hwaddr first,
                                  hwaddr last)
{
    const ShadowMapping key = { .first = first, .last = last };

    return g_tree_lookup(shadow->mappings, &key);
}

static void shadow_notify(ViommuSpace *space, const ShadowMapping *m, bool map)
{
    IOMMUNotifier *n;

    IOMMU_NOTIFIER_FOREACH(n, &space->translated) {
        if (n->notifier_flags & IOMMU_NOTIFIER_MAP) {
            viommu_notify_range(n, map ? IOMMU_NOTIFIER_MAP :
                                IOMMU_NOTIFIER_UNMAP, m->first, m->last,
                                m->to, map ? m->perm : IOMMU_NONE);
        }
    }
}

/* Remove a mapping.  What of it is outside of [@first, @last] is to be looked
 * at again. */
static void shadow_remove(ViommuSpace *space, ShadowMapping *m, hwaddr first,
                          hwaddr last)
{
    const ShadowMapping old = *m;

    shadow_notify(space, m, false);
    g_tree_remove(space->shadow->mappings, m);
    if (old.first < first) {
        add_range(space->shadow, old.first, first - 1);
    }
    if (old.last > last) {
        add_range(space->shadow, last + 1, old.last);
    }
}

/* Remove the mappings in [@first, @last].  Returns what it costs. */
static unsigned shadow_clear(ViommuSpace *space, hwaddr first, hwaddr last)
{
    unsigned cost = 0;
    ShadowMapping *m;

    while ((m = shadow_find(space->shadow, first, last))) {
        shadow_remove(space, m, first, last);
        cost += CHANGE_COST;
    }
    return cost;
}

static unsigned shadow_put(ViommuSpace *space, const ShadowMapping *wanted)
{
    ViommuShadow *shadow = space->shadow;
    ShadowMapping *m = shadow_find(shadow, wanted->first, wanted->last);
    unsigned cost;

    if (m && m->first == wanted->first && m->last == wanted->last &&
        m->to == wanted->to && m->perm == wanted->perm) {
        return 0;
    }
    cost = shadow_clear(space, wanted->first, wanted->last);
    if (g_tree_nnodes(shadow->mappings) >= SHADOW_MAX) {
        warn_report_once("%s: a device has more than %u mappings; its DMA to "
                         "the others will fail", space->glue->kind->name,
                         SHADOW_MAX);
        return cost;
    }
    m = g_memdup2(wanted, sizeof(*wanted));
    g_tree_insert(shadow->mappings, m, m);
    shadow_notify(space, m, true);
    return cost + CHANGE_COST;
}

/* --- Steps --------------------------------------------------------------- */

/* Look at where @range begins, and put back what is behind that. */
static void look(ViommuSpace *space, const ShadowRange *range, unsigned *cost)
{
    hwaddr limit = 1ull << space->glue->direct_bits;
    hwaddr at = range->first, size = 0, to = 0, first = at, last = UINT64_MAX;
    IOMMUAccessFlags perm = IOMMU_NONE;
    bool mapped = false;

    if (at < limit) {
        mapped = viommu_space_probe(space, at, &to, &size, &perm) &&
                 size != 0 && size <= GiB;
        if (size != 0) {
            first = at & -size;
            last = first + (size - 1);
        }
    }
    /* before pieces of old mappings, which come next */
    if (last < range->last) {
        add_range(space->shadow, last + 1, range->last);
    }
    if (mapped) {
        const ShadowMapping wanted = {
            .first = first, .last = last, .to = to & -size, .perm = perm,
        };

        *cost += 1 + shadow_put(space, &wanted);
    } else {
        *cost += 1 + shadow_clear(space, at, MIN(last, range->last));
    }
}

/* Take away one mapping, if there is any. */
static void take_away(ViommuSpace *space, const ShadowRange *range,
                      unsigned *cost)
{
    ShadowMapping *m = shadow_find(space->shadow, range->first, range->last);

    if (m) {
        add_range(space->shadow, range->first, range->last);
        shadow_remove(space, m, m->first, m->last);
        *cost += CHANGE_COST;
    }
}

/* Of one space, as long as the step lasts. */
static void shadow_step(ViommuSpace *space, unsigned *cost)
{
    ViommuShadow *shadow = space->shadow;

    while (shadow->ranges->len && *cost < STEP_COST) {
        unsigned n = shadow->ranges->len - 1;
        ShadowRange range = g_array_index(shadow->ranges, ShadowRange, n);

        g_array_set_size(shadow->ranges, n);
        if (!shadow->given_up && shadow->looks++ == SHADOW_LOOKS) {
            shadow->given_up = true;
            warn_report_once("%s: tables of a device take too long to "
                             "mirror; its DMA will fail in part",
                             space->glue->kind->name);
        }
        if (shadow->given_up) {
            take_away(space, &range, cost);
        } else {
            look(space, &range, cost);
        }
    }
    if (!shadow->ranges->len) {
        shadow->looks = 0;
        shadow->given_up = false;
    }
}

bool viommu_shadows_step(ViommuGlue *glue)
{
    unsigned cost = 0;
    ViommuSpace *space;
    bool done = true;

    QLIST_FOREACH(space, &glue->notified, next) {
        if (space->shadow) {
            shadow_step(space, &cost);
            done &= !space->shadow->ranges->len;
        }
    }
    return done;
}

/* --- New notifiers ------------------------------------------------------- */

static gboolean replay_one(void *key, void *value, void *opaque)
{
    const ShadowMapping *m = value;

    viommu_notify_range(opaque, IOMMU_NOTIFIER_MAP, m->first, m->last, m->to,
                        m->perm);
    return FALSE;
}

/*
 * A new notifier starts from nothing: tell it what the others know, and soon
 * all that is mapped.
 */
void viommu_shadow_replay(IOMMUMemoryRegion *mr, IOMMUNotifier *n)
{
    ViommuSpace *space = container_of(mr, ViommuSpace, translated);

    viommu_notify_range(n, IOMMU_NOTIFIER_UNMAP, n->start, n->end, 0,
                        IOMMU_NONE);
    if (space->shadow && (n->notifier_flags & IOMMU_NOTIFIER_MAP)) {
        g_tree_foreach(space->shadow->mappings, replay_one, n);
        viommu_shadow_note_range(space, n->start, n->end);
    }
}
