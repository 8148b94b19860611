/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * After the guest has invalidated some of its tables, they are looked through,
 * and what has changed is mapped or unmapped.  The guest invalidates what it
 * makes present, too (caching mode).
 *
 * A piece is made of neighbours that are found in one look through the tables
 * and lie in one of them: 512 pages of 4 KiB, or of 2 MiB, at most.  What is
 * there already is not taken away to be joined with what comes, since the
 * device may be using it, unless the host has no room for more.  If the guest
 * takes a part of a piece away, the rest of it is missing while the host is
 * called three times at most.
 */
#include <errno.h>

#include "hw/iommu/host/unit/memory.h"
#include "hw/iommu/host/unit/shadow-walk.h"

/* Of one step: look-ups, and how many more may end a piece. */
#define STEPS_MAX       128
#define STEPS_MORE      512

/* Pages that one piece is made of; what is joined later, of whatever pages. */
#define PIECE_PAGES     512
#define JOIN_SIZE       (UINT64_C(2) << 20)

/*
 * Look-ups until all has been looked at, since tables that refer to themselves
 * would last for ages: a number for any guest, and one for each page of 4 KiB
 * that it has.
 */
#define LOOKS_MAX       (UINT64_C(1) << 20)
#define LOOKS_PER_PAGE  4

/* What has been found and not been told to the host yet: neighbours that are
 * to become one piece, or no access, when nothing may be there. */
typedef struct Run {
    bool some;
    ViommuPiece piece;
    uint64_t page;          /* of the guest's */
    uint64_t memory;        /* where the guest memory begins that it is in */
} Run;

typedef struct Walk {
    ViommuShadow *shadow;
    ViommuHost *host;
    uint8_t width;
    uint64_t looks;         /* the bound */
    ShadowRange range;      /* what is left of it */
    Run run;
    bool begun;             /* by the last look */
    int error;              /* the first one that counts */
} Walk;

/* The guest has asked for too much: the rest of it is not mapped. */
static void give_up(Walk *w)
{
    w->shadow->given_up = true;
    viommu_shadow_answered(w->shadow, -ENOSPC, &w->error);
}

/* Would the pages of a piece fare better one by one? */
static bool is_worth_parts(int ret)
{
    return ret != -ENOSPC && ret != -ENOMEM && ret != -ENODEV &&
           ret != -EBADF;
}

/* Could @a, and @b behind it, be one piece? */
static bool fit(const Walk *w, const ViommuPiece *a, const ViommuPiece *b)
{
    return b->first == a->last + 1 && b->access == a->access &&
           b->to - b->first == a->to - a->first &&
           (a->first ^ b->last) < JOIN_SIZE &&
           viommu_host_has_memory(w->host, a->to, b->last - a->first + 1);
}

/* Make one piece of all that is in @piece, which is not there for a moment. */
static int join(Walk *w, const ViommuPiece *piece)
{
    return viommu_shadow_clear(w->shadow, piece->first, piece->last, &w->error)
           ? viommu_shadow_map(w->shadow, piece) : -EIO;
}

/* Map @piece with what is before and behind it.  -ENOSPC: there is nothing. */
static int map_between(Walk *w, const ViommuPiece *piece)
{
    ViommuPiece whole = *piece, other;

    if (piece->first &&
        viommu_pieces_find(w->shadow->pieces, piece->first - 1,
                           piece->first - 1, &other) &&
        fit(w, &other, piece)) {
        whole.first = other.first;
        whole.to = other.to;
    }
    if (viommu_pieces_find(w->shadow->pieces, piece->last + 1,
                           piece->last + 1, &other) &&
        fit(w, &whole, &other)) {
        whole.last = other.last;
    }
    return whole.last - whole.first == piece->last - piece->first
           ? -ENOSPC : join(w, &whole);
}

/* Make as few pieces of what is there as possible. */
static void join_all(Walk *w)
{
    ViommuShadow *shadow = w->shadow;
    ViommuPiece piece, next;
    uint64_t at = 0;

    /* one round for each piece */
    while (!shadow->lost &&
           viommu_pieces_find(shadow->pieces, at, UINT64_MAX, &piece)) {
        unsigned n = 1;

        for (; viommu_pieces_find(shadow->pieces, piece.last + 1,
                                  piece.last + 1, &next) &&
             fit(w, &piece, &next); n++) {
            piece.last = next.last;
        }
        at = piece.last + 1;
        if (n > 1) {
            viommu_shadow_answered(shadow, join(w, &piece), &w->error);
        }
    }
}

/* The host has no room for one more.  Only then, neighbours that came one by
 * one are taken away for a moment, to be one piece; all of them once in a look
 * through the tables. */
static int map_joined(Walk *w, const ViommuPiece *piece)
{
    int ret = map_between(w, piece);

    if (ret == -ENOSPC && !w->shadow->joined) {
        w->shadow->joined = true;
        join_all(w);
        ret = viommu_shadow_map(w->shadow, piece);
    }
    return ret;
}

static void map_run(Walk *w, const Run *run)
{
    const ViommuPiece *piece = &run->piece;
    int ret = viommu_shadow_map(w->shadow, piece);
    ViommuPiece part;

    if (ret == -ENOSPC) {
        ret = map_joined(w, piece);
    }
    if (!ret) {
        return;
    }
    part = *piece;
    if (ret == -ENOSPC) {
        give_up(w);
        return;
    }
    if (!is_worth_parts(ret) || piece->last - piece->first < run->page) {
        viommu_shadow_answered(w->shadow, ret, &w->error);
        return;
    }
    /* at most PIECE_PAGES: something in it is not for the host */
    for (; part.first <= piece->last; part.first = part.last + 1) {
        part.last = MIN(part.first | (run->page - 1), piece->last);
        part.to = piece->to + (part.first - piece->first);
        viommu_shadow_answered(w->shadow, viommu_shadow_map(w->shadow, &part),
                               &w->error);
    }
}

/* Tell the host of the run. */
static void flush(Walk *w)
{
    Run run = w->run;

    w->run.some = false;
    if (!run.some || w->shadow->lost ||
        !viommu_shadow_clear(w->shadow, run.piece.first, run.piece.last,
                             &w->error) ||
        !run.piece.access) {
        return;
    }
    if (!viommu_host_has_memory(w->host, run.piece.to,
                                run.piece.last - run.piece.first + 1)) {
        /* it has gone since */
        w->shadow->stale = true;
        return;
    }
    map_run(w, &run);
}

static bool continues(const Run *run, const Run *next)
{
    const ViommuPiece *a = &run->piece, *b = &next->piece;

    if (!run->some || b->first != a->last + 1 || a->access != b->access) {
        return false;
    }
    return !a->access ||
           (b->to - b->first == a->to - a->first && run->page == next->page &&
            run->memory == next->memory &&
            (a->first ^ b->first) < run->page * PIECE_PAGES);
}

static void add_to_run(Walk *w, const Run *next)
{
    if (continues(&w->run, next)) {
        w->run.piece.last = next->piece.last;
    } else {
        flush(w);
        w->run = *next;
        w->begun = true;
    }
}

/* Nothing may be at [@first, @last]. */
static void put_nothing(Walk *w, uint64_t first, uint64_t last)
{
    const Run next = {
        .some = true, .piece = { .first = first, .last = last },
    };

    add_to_run(w, &next);
}

/* What the guest's page leads to is not there, but may come. */
static void put_missing(Walk *w, uint64_t first, uint64_t last, uint64_t to)
{
    viommu_shadow_note_missing(w->shadow, to, to + (last - first));
    put_nothing(w, first, last);
}

/* One piece of memory, unless it is there. */
static void put(Walk *w, const Run *next)
{
    const ViommuPiece *wanted = &next->piece;
    ViommuPiece old;

    if (viommu_pieces_find(w->shadow->pieces, wanted->first, wanted->last,
                           &old) &&
        old.first <= wanted->first && old.last >= wanted->last &&
        old.to - old.first == wanted->to - wanted->first &&
        old.access == wanted->access) {
        flush(w);
        return;
    }
    add_to_run(w, next);
}

/* What [@first, @last], in a page of the guest's that leads to @to, has of
 * guest memory. */
static void put_memory(Walk *w, uint64_t first, uint64_t last, uint64_t to,
                       uint64_t page, uint8_t access)
{
    /* one round for each range of memory */
    for (;;) {
        uint64_t addr = to, size = last - first + 1;
        const ViommuHostMemory *m = viommu_host_find_memory(w->host, &addr,
                                                            &size);
        Run next;

        if (!m || (addr + (size - 1)) >> VIOMMU_PIECE_TO_BITS) {
            put_missing(w, first, last, to);
            return;
        }
        next = (Run) {
            .some = true, .page = page, .memory = m->addr,
            .piece = {
                .first = first + (addr - to),
                .last = first + (addr - to) + (size - 1),
                .to = addr, .access = access,
            },
        };
        if (next.piece.first > first) {
            put_missing(w, first, next.piece.first - 1, to);
        }
        put(w, &next);
        if (next.piece.last >= last) {
            return;
        }
        first = next.piece.last + 1;
        to = addr + size;
    }
}

/* What the guest's tables say about @addr; 0 access is nothing. */
static uint8_t probe(const Walk *w, uint64_t addr, ViommuReply *reply)
{
    static const uint8_t wanted[] = { VIOMMU_READ, VIOMMU_WRITE };
    const ViommuHostDevice *device = w->shadow->device;
    ViommuRequest req = {
        .source = device->source, .pasid = w->shadow->pasid, .addr = addr,
        .kind = VIOMMU_UNTRANSLATED,
        /* the host lets the device go there unseen */
        .probe = VIOMMU_PROBE_AND_MARK,
    };
    uint8_t access = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(wanted); i++) {
        ViommuReply one;

        req.access = wanted[i];
        if (access & wanted[i]) {
            continue;       /* the answer to a read says so */
        }
        if (viommu_translate(device->unit, &req, &one) == VIOMMU_OK &&
            !one.interrupt) {
            access |= wanted[i] | (one.access & VIOMMU_WRITE);
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
    ViommuReply reply = { 0 };
    uint8_t access = 0;

    if (first <= limit) {
        access = probe(w, first, &reply);
        if (reply.size) {
            last = (first & -reply.size) + (reply.size - 1);
        }
        last = MIN(last, limit);
        to = reply.addr;
    }
    last = MIN(last, w->range.last);
    viommu_host_lock(w->host);
    if (access) {
        put_memory(w, first, last, to, reply.size, access);
    } else {
        put_nothing(w, first, last);
    }
    viommu_host_unlock(w->host);
    w->range.first = last + 1;      /* 0: the end of 64 bits */
}

/* Take away one piece of what is left, or be done with a range. */
static void step_away(Walk *w)
{
    ViommuPiece piece;

    viommu_host_lock(w->host);
    flush(w);
    if (w->shadow->lost ||
        !viommu_pieces_find(w->shadow->pieces, w->range.first, w->range.last,
                            &piece)) {
        w->range.first = 0;
    } else {
        viommu_shadow_clear(w->shadow, MAX(piece.first, w->range.first),
                            MIN(piece.last, w->range.last), &w->error);
    }
    viommu_host_unlock(w->host);
}

/* Returns whether there is something to look at. */
static bool begin(Walk *w)
{
    ViommuShadow *shadow = w->shadow;
    bool lost, stale;

    viommu_host_lock(w->host);
    lost = shadow->lost;
    stale = shadow->stale;
    shadow->stale = false;
    w->looks = LOOKS_MAX + LOOKS_PER_PAGE * w->host->memory_pages;
    if (stale) {
        viommu_shadow_forget_missing(shadow);
    }
    viommu_host_unlock(w->host);
    if (stale) {
        viommu_shadow_note_range(shadow, 0, 0);
    }
    return !lost;
}

/* Returns what viommu_shadow_step() does. */
static int end(Walk *w)
{
    ViommuShadow *shadow = w->shadow;
    bool more, lost;

    viommu_host_lock(w->host);
    flush(w);
    lost = shadow->lost;
    more = shadow->ranges->len || shadow->stale;
    viommu_host_unlock(w->host);
    if (!more) {
        shadow->looks = 0;
        shadow->given_up = shadow->joined = false;
    }
    return w->error ? w->error : lost ? -EIO : more;
}

int viommu_shadow_step(ViommuShadow *shadow, uint8_t width)
{
    GArray *ranges = shadow->ranges;
    Walk w = {
        .shadow = shadow, .host = shadow->device->host, .width = width,
    };
    bool done = false, left;

    if (!begin(&w)) {
        return -EIO;
    }
    for (unsigned i = 0; ranges->len && !done && i < STEPS_MAX + STEPS_MORE;
         i++) {
        guint at = ranges->len - 1;

        w.begun = false;
        w.range = g_array_index(ranges, ShadowRange, at);
        g_array_set_size(ranges, at);
        if (!shadow->given_up && shadow->looks++ >= w.looks) {
            give_up(&w);
        }
        if (shadow->given_up) {
            step_away(&w);
        } else {
            step(&w);
        }
        left = w.range.first && w.range.first <= w.range.last;
        done = i >= STEPS_MAX && (w.begun || !w.run.some);
        if (done && w.begun) {
            /* the next step is to find all of it */
            w.range.first = w.run.piece.first;
            w.run.some = false;
            left = true;
        }
        if (left) {
            g_array_append_val(ranges, w.range);
        }
    }
    return end(&w);
}

