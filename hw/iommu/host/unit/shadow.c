/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shadows: what the host has of tables that it cannot walk.  The guest's
 * mappings lead to guest memory; what they lead to is mapped in an address
 * space of the host's, in pieces, which the host unmaps as they were mapped.
 */
#include <errno.h>

#include "hw/iommu/host/unit/memory.h"
#include "hw/iommu/host/unit/shadow.h"

/*
 * How many pieces a guest can have, in all shadows of a host: a number for any
 * guest, and one for each page of 4 KiB that it has.
 */
#define PIECES_MAX      (UINT64_C(1) << 16)
#define PIECES_PER_PAGE 2
#define RANGES_MAX      64

static const ShadowRange nothing = { 1, 0 };

/* --- Life ---------------------------------------------------------------- */

ViommuShadow *viommu_shadow_new(ViommuHostDevice *device, uint32_t pasid)
{
    ViommuShadow *shadow = g_new0(ViommuShadow, 1);

    shadow->device = device;
    shadow->pasid = pasid;
    shadow->pieces = viommu_pieces_new();
    shadow->missing = nothing;
    shadow->ranges = g_array_new(FALSE, FALSE, sizeof(ShadowRange));
    viommu_shadow_note_range(shadow, 0, 0);
    viommu_host_lock(device->host);
    g_ptr_array_add(device->host->shadows, shadow);
    viommu_host_unlock(device->host);
    return shadow;
}

static void forget_pieces(ViommuShadow *shadow)
{
    shadow->device->host->pieces -= viommu_pieces_count(shadow->pieces);
    viommu_pieces_clear(shadow->pieces);
}

void viommu_shadow_free(ViommuShadow *shadow)
{
    ViommuHost *host = shadow->device->host;

    viommu_host_lock(host);
    g_ptr_array_remove_fast(host->shadows, shadow);
    forget_pieces(shadow);
    viommu_host_unlock(host);
    viommu_pieces_free(shadow->pieces);
    g_array_free(shadow->ranges, TRUE);
    g_free(shadow);
}

void viommu_shadow_note_range(ViommuShadow *shadow, uint64_t addr,
                              uint64_t size)
{
    ShadowRange new = { addr, addr + (size - 1) };    /* size 0: 2^64 */

    if (!size || new.last < addr) {
        new = (ShadowRange) { 0, UINT64_MAX };
    }
    for (guint i = 0; i < shadow->ranges->len; i++) {
        ShadowRange *old = &g_array_index(shadow->ranges, ShadowRange, i);

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
        new = (ShadowRange) { 0, UINT64_MAX };
    }
    g_array_append_val(shadow->ranges, new);
}

/* --- What the host does, under its lock ---------------------------------- */

void viommu_shadow_answered(ViommuShadow *shadow, int ret, int *error)
{
    viommu_host_note(shadow->device, ret);
    if (ret && !*error) {
        *error = ret;
    }
}

void viommu_shadow_forget_missing(ViommuShadow *shadow)
{
    shadow->missing = nothing;
}

void viommu_shadow_note_missing(ViommuShadow *shadow, uint64_t first,
                                uint64_t last)
{
    ShadowRange *missing = &shadow->missing;

    if (missing->first > missing->last) {
        *missing = (ShadowRange) { first, last };
    }
    missing->first = MIN(missing->first, first);
    missing->last = MAX(missing->last, last);
}

/* The host keeps what it should not: nothing is safe but to block the device's
 * requests, and to begin anew. */
static void lose(ViommuShadow *shadow)
{
    ViommuHost *host = shadow->device->host;

    shadow->lost = true;
    host->backend->unbind(shadow->device, shadow->pasid);
    host->stats.unbinds++;
    forget_pieces(shadow);
}

/* False: there is no shadow any more. */
static bool unmap(ViommuShadow *shadow, const ViommuPiece *piece, int *error)
{
    ViommuHost *host = shadow->device->host;
    uint64_t size = piece->last - piece->first + 1;
    int ret;

    if (host->dirty && (piece->access & VIOMMU_WRITE)) {
        /* An answer of the host's from before would miss what is written until
         * it is unmapped. */
        viommu_dirty_mark(host, piece->to, size);
    }
    host->stats.shadow_unmaps++;
    ret = host->backend->shadow_unmap(shadow->device, shadow->pasid,
                                      piece->first, size);
    if (ret) {
        viommu_shadow_answered(shadow, ret, error);
        lose(shadow);
        return false;
    }
    viommu_pieces_remove(shadow->pieces, piece->first);
    host->pieces--;
    return true;
}

static bool has_room(const ViommuHost *host)
{
    uint64_t ours = PIECES_MAX + PIECES_PER_PAGE * host->memory_pages;

    return host->pieces < MIN(ours, host->pieces_max);
}

int viommu_shadow_map(ViommuShadow *shadow, const ViommuPiece *piece)
{
    ViommuHost *host = shadow->device->host;
    int ret;

    if (!has_room(host)) {
        return -ENOSPC;
    }
    ret = host->backend->shadow_map(shadow->device, shadow->pasid,
                                    piece->first,
                                    piece->last - piece->first + 1, piece->to,
                                    piece->access);
    if (!ret) {
        host->stats.shadow_maps++;
        viommu_pieces_add(shadow->pieces, piece);
        host->pieces++;
    }
    return ret;
}

/* The part [@first, @last] of @piece, if that is one. */
static void put_back(ViommuShadow *shadow, const ViommuPiece *piece,
                     uint64_t first, uint64_t last, int *error)
{
    const ViommuPiece part = {
        .first = first, .last = last, .access = piece->access,
        .to = piece->to + (first - piece->first),
    };

    viommu_shadow_answered(shadow, viommu_shadow_map(shadow, &part), error);
}

bool viommu_shadow_clear(ViommuShadow *shadow, uint64_t first, uint64_t last,
                         int *error)
{
    ViommuPiece piece;

    /* one round for each piece */
    while (viommu_pieces_find(shadow->pieces, first, last, &piece)) {
        if (!unmap(shadow, &piece, error)) {
            return false;
        }
        if (piece.first < first) {
            put_back(shadow, &piece, piece.first, first - 1, error);
        }
        if (piece.last > last) {
            put_back(shadow, &piece, last + 1, piece.last, error);
        }
    }
    return true;
}

/* --- Guest memory comes and goes ----------------------------------------- */

bool viommu_shadow_lost(ViommuShadow *shadow)
{
    bool lost;

    viommu_host_lock(shadow->device->host);
    lost = shadow->lost;
    viommu_host_unlock(shadow->device->host);
    return lost;
}

static ViommuShadow *nth(const ViommuHost *host, guint i)
{
    return g_ptr_array_index(host->shadows, i);
}

void viommu_shadows_drop_memory(ViommuHost *host, uint64_t addr,
                                uint64_t size)
{
    uint64_t end = addr + (size - 1);
    int error = 0;

    for (guint i = 0; i < host->shadows->len; i++) {
        ViommuShadow *shadow = nth(host, i);
        uint64_t at = 0;
        ViommuPiece piece;

        /* one round for each piece */
        while (viommu_pieces_find(shadow->pieces, at, UINT64_MAX, &piece)) {
            at = piece.last + 1;
            if (piece.to < addr || piece.to > end) {
                continue;
            }
            if (!unmap(shadow, &piece, &error)) {
                break;
            }
            /* The guest's tables lead there still, if it comes back. */
            viommu_shadow_note_missing(shadow, addr, end);
        }
    }
}

void viommu_shadows_note_memory(ViommuHost *host, uint64_t addr, uint64_t size)
{
    for (guint i = 0; i < host->shadows->len; i++) {
        ViommuShadow *shadow = nth(host, i);

        shadow->stale |= shadow->missing.first <= addr + (size - 1) &&
                         shadow->missing.last >= addr;
    }
}

bool viommu_shadows_wait(const ViommuHost *host, const Viommu *unit)
{
    for (guint i = 0; i < host->shadows->len; i++) {
        const ViommuShadow *shadow = nth(host, i);

        if ((!unit || shadow->device->unit == unit) &&
            (shadow->stale || shadow->lost)) {
            return true;
        }
    }
    return false;
}

/* --- Dirty pages --------------------------------------------------------- */

/* Bytes that the host is asked about at once, if one piece is not larger. */
#define ASK_MAX     (UINT64_C(1) << 30)

/* Pieces that follow each other, from @first on: the host is asked about all
 * of them at once. */
typedef struct Group {
    uint64_t first, last;
    bool wanted;            /* a part of them may be written to, and leads
                             * to memory that is asked about */
} Group;

static bool next_group(const ViommuShadow *shadow, uint64_t from,
                       const ShadowRange *wanted, Group *group)
{
    ViommuPiece piece;

    if (!viommu_pieces_find(shadow->pieces, from, UINT64_MAX, &piece)) {
        return false;
    }
    *group = (Group) { piece.first, piece.last, false };
    do {
        group->last = piece.last;
        group->wanted |= (piece.access & VIOMMU_WRITE) &&
                         piece.to <= wanted->last &&
                         piece.to + (piece.last - piece.first) >=
                         wanted->first;
    } while (viommu_pieces_find(shadow->pieces, piece.last + 1, UINT64_MAX,
                                &piece) &&
             piece.first == group->last + 1 &&
             piece.last - group->first < ASK_MAX);
    return true;
}

/* Mark the memory of the group's pieces whose pages have a bit; of all that
 * may be written to, when there are no bits. */
static void mark_group(ViommuShadow *shadow, const Group *group,
                       const uint64_t *bits)
{
    ViommuHost *host = shadow->device->host;
    uint64_t at = group->first;
    ViommuPiece piece;

    while (at <= group->last &&
           viommu_pieces_find(shadow->pieces, at, group->last, &piece)) {
        if (!(piece.access & VIOMMU_WRITE)) {
            /* VFIO says so of all that is pinned */
        } else if (!bits) {
            viommu_dirty_mark(host, piece.to, piece.last - piece.first + 1);
        } else {
            viommu_dirty_mark_bits(host, piece.to,
                                   piece.last - piece.first + 1, bits,
                                   (piece.first - group->first) >>
                                   VIOMMU_DIRTY_SHIFT);
        }
        at = piece.last + 1;
    }
}

static int read_dirty(ViommuShadow *shadow, const ShadowRange *wanted)
{
    const ViommuHostBackend *backend = shadow->device->host->backend;
    Group group = { .last = UINT64_MAX };   /* the first one begins at 0 */

    while (next_group(shadow, group.last + 1, wanted, &group)) {
        uint64_t size = group.last - group.first + 1;
        g_autofree uint64_t *bits = NULL;
        int ret;

        if (!group.wanted) {
            continue;
        }
        bits = g_new0(uint64_t, viommu_dirty_words(size));
        ret = backend->shadow_dirty(shadow->device, shadow->pasid,
                                    group.first, size, bits);
        if (ret) {
            return ret;
        }
        mark_group(shadow, &group, bits);
    }
    return 0;
}

int viommu_shadows_read_dirty(ViommuHost *host, uint64_t addr, uint64_t last)
{
    const ShadowRange wanted = { addr, last };
    int ret = 0;

    for (guint i = 0; i < host->shadows->len && !ret; i++) {
        ret = read_dirty(nth(host, i), &wanted);
    }
    return ret;
}

/* All that a device could write to through it. */
static void mark_all(ViommuShadow *shadow)
{
    const ShadowRange all = { 0, UINT64_MAX };
    Group group = { .last = UINT64_MAX };

    while (next_group(shadow, group.last + 1, &all, &group)) {
        mark_group(shadow, &group, NULL);
    }
}

void viommu_host_retire(ViommuHostDevice *device, uint32_t pasid)
{
    const ShadowRange all = { 0, UINT64_MAX };
    ViommuHost *host = device->host;

    for (guint i = 0; i < host->shadows->len; i++) {
        ViommuShadow *shadow = nth(host, i);

        if (shadow->device != device || shadow->pasid != pasid) {
            continue;
        }
        if (host->dirty && read_dirty(shadow, &all)) {
            mark_all(shadow);
        }
        forget_pieces(shadow);
    }
}
