/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The unit reads these tables at any time and sets bits in them: entries are
 * written as a whole.  Recursion is as deep as the tables, five at most.
 */
#include <errno.h>

#include "hw/iommu/hostsim/physical/pagetable.h"

#define ENTRIES 512

static unsigned level_shift(unsigned level)
{
    return 12 + 9 * (level - 1);
}

static uint64_t level_size(unsigned level)
{
    return UINT64_C(1) << level_shift(level);
}

static unsigned level_index(uint64_t iova, unsigned level)
{
    return (iova >> level_shift(level)) % ENTRIES;
}

static uint64_t load(const uint64_t *entry)
{
    return GUINT64_FROM_LE(__atomic_load_n(entry, __ATOMIC_ACQUIRE));
}

static void store(uint64_t *entry, uint64_t value)
{
    __atomic_store_n(entry, GUINT64_TO_LE(value), __ATOMIC_RELEASE);
}

static uint64_t *next_table(const SimTable *t, uint64_t entry)
{
    return sim_user_ptr(entry & t->format->addr_mask);
}

static bool is_page(const SimTable *t, uint64_t entry, unsigned level)
{
    return level == 1 || t->format->is_page(entry, level);
}

int sim_table_init(SimTable *table, Hostsim *sim,
                   const SimTableFormat *format, unsigned levels)
{
    *table = (SimTable) {
        .sim = sim, .format = format, .levels = levels, .page_levels = 3,
        .root = sim_pages_alloc(sim, 1),
    };
    return table->root ? 0 : -ENOMEM;
}

static void free_level(SimTable *t, uint64_t *table, unsigned level)
{
    for (unsigned i = 0; level > 1 && i < ENTRIES; i++) {
        uint64_t entry = load(&table[i]);

        if (t->format->present(entry) && !is_page(t, entry, level)) {
            free_level(t, next_table(t, entry), level - 1);
        }
    }
    sim_pages_free(t->sim, table, 1);
}

void sim_table_free(SimTable *table)
{
    if (table->root) {
        free_level(table, table->root, table->levels);
        table->root = NULL;
    }
}

/* --- Map and unmap ------------------------------------------------------- */

/** The part of [iova, iova + size) that one entry of @level stands for. */
static uint64_t part_size(uint64_t iova, uint64_t size, unsigned level)
{
    uint64_t rest = level_size(level) - (iova & (level_size(level) - 1));

    return MIN(rest, size);
}

static int map_level(SimTable *t, uint64_t *table, unsigned level,
                     uint64_t iova, uint64_t addr, uint64_t size,
                     unsigned access)
{
    while (size) {
        uint64_t *entry = &table[level_index(iova, level)], value;
        uint64_t part = part_size(iova, size, level), *next;
        int ret;

        value = load(entry);
        if (!t->format->present(value) && level <= t->page_levels &&
            part == level_size(level) && !(addr & (part - 1))) {
            store(entry, t->format->page(addr, level, access));
        } else {
            if (!t->format->present(value)) {
                next = sim_pages_alloc(t->sim, 1);
                if (!next) {
                    return -ENOMEM;
                }
                store(entry, t->format->table((uintptr_t)next));
            } else {
                next = next_table(t, value);
            }
            ret = map_level(t, next, level - 1, iova, addr, part, access);
            if (ret) {
                return ret;
            }
        }
        iova += part;
        addr += part;
        size -= part;
    }
    return 0;
}

static bool is_empty(const SimTable *t, const uint64_t *table)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        if (t->format->present(load(&table[i]))) {
            return false;
        }
    }
    return true;
}

static void unmap_level(SimTable *t, uint64_t *table, unsigned level,
                        uint64_t iova, uint64_t size, GSList **empty)
{
    while (size) {
        uint64_t *entry = &table[level_index(iova, level)];
        uint64_t value = load(entry), part = part_size(iova, size, level);

        if (!t->format->present(value)) {
            /* nothing to do */
        } else if (is_page(t, value, level)) {
            store(entry, 0);
        } else {
            uint64_t *next = next_table(t, value);

            unmap_level(t, next, level - 1, iova, part, empty);
            if (is_empty(t, next)) {
                store(entry, 0);
                *empty = g_slist_prepend(*empty, next);
            }
        }
        iova += part;
        size -= part;
    }
}

int sim_table_map(SimTable *table, uint64_t iova, uint64_t addr,
                  uint64_t size, unsigned access)
{
    int ret = map_level(table, table->root, table->levels, iova, addr, size,
                        access);

    if (ret) {
        GSList *empty = NULL;

        /* nothing of it was there before, so no cache knows it */
        sim_table_unmap(table, iova, size, &empty);
        sim_table_collect(table, empty);
    }
    return ret;
}

void sim_table_unmap(SimTable *table, uint64_t iova, uint64_t size,
                     GSList **empty)
{
    unmap_level(table, table->root, table->levels, iova, size, empty);
}

void sim_table_collect(SimTable *table, GSList *empty)
{
    for (GSList *i = empty; i; i = i->next) {
        sim_pages_free(table->sim, i->data, 1);
    }
    g_slist_free(empty);
}

/* --- Dirty pages, and one page ------------------------------------------- */

typedef struct Dirty {
    SimTable *table;
    bool clear, cleared;
    SimDirtyFunc *func;
    void *opaque;
} Dirty;

static void dirty_level(Dirty *d, uint64_t *table, unsigned level,
                        uint64_t iova, uint64_t size)
{
    const SimTableFormat *format = d->table->format;

    while (size) {
        uint64_t *entry = &table[level_index(iova, level)];
        uint64_t value = load(entry), part = part_size(iova, size, level);

        if (!format->present(value)) {
            /* nothing to do */
        } else if (!is_page(d->table, value, level)) {
            dirty_level(d, next_table(d->table, value), level - 1, iova,
                        part);
        } else if ((value & format->dirty) && !(value & format->clean)) {
            if (d->clear && format->clean) {
                __atomic_fetch_or(entry, GUINT64_TO_LE(format->clean),
                                  __ATOMIC_ACQ_REL);
            } else if (d->clear) {
                __atomic_fetch_and(entry, ~GUINT64_TO_LE(format->dirty),
                                   __ATOMIC_ACQ_REL);
            }
            d->cleared |= d->clear;
            if (d->func) {
                d->func(d->opaque, iova, part);
            }
        }
        iova += part;
        size -= part;
    }
}

bool sim_table_dirty(SimTable *table, uint64_t iova, uint64_t size,
                     bool clear, SimDirtyFunc *func, void *opaque)
{
    Dirty d = { table, clear, false, func, opaque };

    dirty_level(&d, table->root, table->levels, iova, size);
    return d.cleared;
}

bool sim_table_lookup(const SimTable *table, uint64_t iova, uint64_t *addr,
                      uint64_t *size)
{
    const uint64_t *at = table->root;

    for (unsigned level = table->levels; level; level--) {
        uint64_t entry = load(&at[level_index(iova, level)]);
        uint64_t mask = level_size(level) - 1;

        if (!table->format->present(entry)) {
            return false;
        }
        if (is_page(table, entry, level)) {
            *addr = (entry & table->format->addr_mask & ~mask) |
                    (iova & mask);
            *size = mask + 1 - (iova & mask);
            return true;
        }
        at = next_table(table, entry);
    }
    return false;
}
