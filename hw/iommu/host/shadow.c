/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables that the host cannot walk: after the guest has invalidated some of
 * them, they are looked through, and what has changed is mapped or unmapped in
 * an address space of the host's.  The guest invalidates what it makes
 * present, too (caching mode).
 *
 * The host unmaps only what was mapped as one piece, so that what it has is
 * kept exactly: the pieces of guest memory that the guest's mappings lead to.
 */
#include <errno.h>

#include "hw/iommu/host/seam.h"

/*
 * Bounds on what a guest can make of it: pieces (VFIO's own limit is the
 * same), and look-ups until all has been looked at, since tables that refer to
 * themselves would last for ages.
 */
#define PIECES_MAX      (1u << 16)
#define LOOKS_MAX       (1u << 20)
#define RANGES_MAX      64
#define STEPS_MAX       256         /* look-ups of one step */

typedef struct Piece {
    uint64_t first, last;
    uint64_t to;
    uint8_t access;
} Piece;

typedef struct Range {
    uint64_t first, last;
} Range;

struct ViommuShadow {
    GTree *pieces;          /* disjoint, by address */
    GArray *ranges;         /* Range: what may be others */
    unsigned looks;         /* at them so far */
    bool given_up;          /* only take away what is in them */
};

/* Whatever overlaps a key is what it asks for. */
static gint compare(gconstpointer a, gconstpointer b, gpointer opaque)
{
    const Piece *l = a, *r = b;

    (void)opaque;
    return l->last < r->first ? -1 : l->first > r->last;
}

ViommuShadow *viommu_shadow_new(void)
{
    ViommuShadow *shadow = g_new0(ViommuShadow, 1);

    shadow->pieces = g_tree_new_full(compare, NULL, g_free, NULL);
    shadow->ranges = g_array_new(FALSE, FALSE, sizeof(Range));
    return shadow;
}

void viommu_shadow_free(ViommuShadow *shadow)
{
    g_tree_destroy(shadow->pieces);
    g_array_free(shadow->ranges, TRUE);
    g_free(shadow);
}

void viommu_shadow_add(ViommuShadow *shadow, uint64_t addr, uint64_t size)
{
    Range new = { addr, addr + (size - 1) };    /* size 0: 2^64 */

    if (!size || new.last < addr) {
        new = (Range) { 0, UINT64_MAX };
    }
    for (guint i = 0; i < shadow->ranges->len; i++) {
        Range *old = &g_array_index(shadow->ranges, Range, i);

        if (new.first >= old->first && new.last <= old->last) {
            return;
        }
        if (old->last != UINT64_MAX && new.first == old->last + 1) {
            old->last = new.last;
            return;
        }
    }
    if (shadow->ranges->len >= RANGES_MAX) {
        g_array_set_size(shadow->ranges, 0);
        new = (Range) { 0, UINT64_MAX };
    }
    g_array_append_val(shadow->ranges, new);
}

/* One step on its way through a range. */
typedef struct Walk {
    ViommuShadow *shadow;
    ViommuHostDevice *device;
    uint32_t pasid;
    uint8_t width;
    Range range;            /* what is left of it */
    int error;              /* the first one that counts */
} Walk;

static Piece *overlapping(const Walk *w, uint64_t first, uint64_t last)
{
    const Piece key = { .first = first, .last = last };

    return g_tree_lookup(w->shadow->pieces, &key);
}

static void note(Walk *w, int ret)
{
    viommu_host_note(w->device, ret);
    if (ret && !w->error) {
        w->error = ret;
    }
}

/* Remove what overlaps [@first, @last]; what that cuts is looked at again. */
static void clear(Walk *w, uint64_t first, uint64_t last)
{
    ViommuHost *host = w->device->host;
    Piece *piece;

    while ((piece = overlapping(w, first, last))) {
        Range cut = { piece->first, piece->last };

        host->stats.shadow_unmaps++;
        note(w, host->backend->shadow_unmap(w->device, w->pasid, piece->first,
                                            piece->last - piece->first + 1));
        g_tree_remove(w->shadow->pieces, piece);
        if (cut.first < first) {
            viommu_shadow_add(w->shadow, cut.first, first - cut.first);
        }
        if (cut.last > last) {
            viommu_shadow_add(w->shadow, last + 1, cut.last - last);
        }
    }
}

/* The guest has asked for too much: the rest of it is not mapped. */
static void give_up(Walk *w)
{
    w->shadow->given_up = true;
    note(w, -ENOSPC);
}

/* Map one piece of memory, unless it is there. */
static void put(Walk *w, const Piece *wanted)
{
    ViommuHost *host = w->device->host;
    const Piece *old = overlapping(w, wanted->first, wanted->last);
    Piece *new;
    int ret;

    if (old && old->first <= wanted->first && old->last >= wanted->last &&
        old->to - old->first == wanted->to - wanted->first &&
        old->access == wanted->access) {
        return;
    }
    clear(w, wanted->first, wanted->last);
    if (g_tree_nnodes(w->shadow->pieces) >= (gint)PIECES_MAX) {
        give_up(w);
        return;
    }
    ret = host->backend->shadow_map(w->device, w->pasid, wanted->first,
                                    wanted->last - wanted->first + 1,
                                    wanted->to, wanted->access);
    if (ret) {
        note(w, ret);
        return;
    }
    host->stats.shadow_maps++;
    new = g_memdup2(wanted, sizeof(*wanted));
    g_tree_insert(w->shadow->pieces, new, new);
}

/* What [@first, @last], which leads to @to, has of guest memory. */
static void put_memory(Walk *w, uint64_t first, uint64_t last, uint64_t to,
                       uint8_t access)
{
    uint64_t size = last - first + 1, addr = to;

    /* one round for each range of memory */
    while (size && viommu_host_find_memory(w->device->host, &addr, &size)) {
        const Piece piece = {
            .first = first + (addr - to),
            .last = first + (addr - to) + (size - 1),
            .to = addr, .access = access,
        };

        if (piece.first > first) {
            clear(w, first, piece.first - 1);
        }
        put(w, &piece);
        if (piece.last >= last) {
            return;
        }
        first = piece.last + 1;
        to = addr = piece.to + size;
        size = last - first + 1;
    }
    clear(w, first, last);
}

/* What the guest's tables say about @addr; 0 access is nothing. */
static uint8_t probe(const Walk *w, uint64_t addr, ViommuReply *reply)
{
    static const uint8_t wanted[] = { VIOMMU_READ, VIOMMU_WRITE };
    ViommuRequest req = {
        .source = w->device->source, .pasid = w->pasid, .addr = addr,
        .kind = VIOMMU_UNTRANSLATED, .probe = true,
    };
    uint8_t access = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(wanted); i++) {
        ViommuReply one;

        req.access = wanted[i];
        if (viommu_translate(w->device->unit, &req, &one) == VIOMMU_OK &&
            !one.interrupt) {
            access |= wanted[i];
            *reply = one;
        } else if (!access) {
            *reply = one;
        }
    }
    return access;
}

/* Look at where the range begins, and go on behind that. */
static void step(Walk *w)
{
    uint64_t limit = UINT64_MAX >> (64 - w->width);
    uint64_t first = w->range.first, last = UINT64_MAX, to = 0;
    uint8_t access = 0;
    ViommuReply reply;

    if (first <= limit) {
        access = probe(w, first, &reply);
        if (reply.size) {
            last = (first & -reply.size) + (reply.size - 1);
        }
        last = MIN(last, limit);
        to = reply.addr;
    }
    last = MIN(last, w->range.last);
    pthread_mutex_lock(&w->device->host->lock);
    if (access) {
        put_memory(w, first, last, to, access);
    } else {
        clear(w, first, last);
    }
    pthread_mutex_unlock(&w->device->host->lock);
    w->range.first = last + 1;      /* 0: the end of 64 bits */
}

/* Take away one piece of what is left, or be done with a range. */
static void step_away(Walk *w)
{
    const Piece *piece;

    pthread_mutex_lock(&w->device->host->lock);
    piece = overlapping(w, w->range.first, w->range.last);
    if (piece) {
        clear(w, piece->first, piece->last);
    } else {
        w->range.first = 0;
    }
    pthread_mutex_unlock(&w->device->host->lock);
}

int viommu_shadow_step(ViommuShadow *shadow, ViommuHostDevice *device,
                       uint32_t pasid, uint8_t width)
{
    Walk w = {
        .shadow = shadow, .device = device, .pasid = pasid, .width = width,
    };

    for (unsigned i = 0; i < STEPS_MAX && shadow->ranges->len; i++) {
        guint at = shadow->ranges->len - 1;

        w.range = g_array_index(shadow->ranges, Range, at);
        g_array_set_size(shadow->ranges, at);
        if (!shadow->given_up && shadow->looks++ == LOOKS_MAX) {
            give_up(&w);
        }
        if (shadow->given_up) {
            step_away(&w);
        } else {
            step(&w);
        }
        if (w.range.first && w.range.first <= w.range.last) {
            g_array_append_val(shadow->ranges, w.range);
        }
    }
    if (!shadow->ranges->len) {
        shadow->looks = 0;
        shadow->given_up = false;
    }
    return w.error ? w.error : shadow->ranges->len > 0;
}
