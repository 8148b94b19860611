/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "hw/iommu/common/sorted.h"
#include "hw/iommu/hostsim/kernel/ram.h"

/* Room for the kernel's own pages; only what is used costs memory. */
#define ARENA_SIZE (UINT64_C(1) << 30)

/* A free list for each power of two of pages. */
#define ORDERS 10

typedef struct Pin {
    uint64_t first, last;
    bool write;
} Pin;

struct SimRam {
    uint8_t *arena;
    uint64_t arena_next;        /* offset of what was never used */
    GSList *free[ORDERS];
    uint64_t used;              /* pages */

    GArray *pins;               /* Pin, as they came */
    uint64_t pinned;            /* bytes */
    /* What the pins cover, sorted and disjoint: written with both locks
     * held, read with either. */
    pthread_rwlock_t lock;
    GArray *ranges;             /* ViommuRam; the last one is the arena */
};

SimRam *sim_ram_new(Hostsim *sim)
{
    SimRam *ram = sim_alloc(sim, sizeof(*ram));

    if (!ram) {
        return NULL;
    }
    ram->arena = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (ram->arena == MAP_FAILED) {
        g_free(ram);
        return NULL;
    }
    pthread_rwlock_init(&ram->lock, NULL);
    ram->pins = g_array_new(FALSE, FALSE, sizeof(Pin));
    ram->ranges = g_array_new(FALSE, FALSE, sizeof(ViommuRam));
    return ram;
}

void sim_ram_free(SimRam *ram)
{
    if (!ram) {
        return;
    }
    munmap(ram->arena, ARENA_SIZE);
    for (unsigned i = 0; i < ORDERS; i++) {
        g_slist_free(ram->free[i]);
    }
    g_array_unref(ram->pins);
    g_array_unref(ram->ranges);
    pthread_rwlock_destroy(&ram->lock);
    g_free(ram);
}

/* --- The kernel's memory ------------------------------------------------- */

bool sim_may_allocate(Hostsim *sim, size_t size)
{
    const HostsimConfig *config = &sim->config;

    return sim->putting_back || !config->may_allocate ||
           config->may_allocate(config->opaque, size, false);
}

bool sim_may_report(Hostsim *sim, size_t size)
{
    const HostsimConfig *config = &sim->config;

    return !config->may_allocate ||
           config->may_allocate(config->opaque, size, true);
}

void *sim_alloc(Hostsim *sim, size_t size)
{
    return sim_may_allocate(sim, size) ? g_malloc0(size) : NULL;
}

void sim_put_back_begin(Hostsim *sim)
{
    sim->putting_back++;
}

void sim_put_back_end(Hostsim *sim)
{
    sim->putting_back--;
}

/* --- The kernel's own pages ---------------------------------------------- */

static unsigned order_of(unsigned n)
{
    unsigned order = 0;

    while ((1u << order) < n) {
        order++;
    }
    return order;
}

void *sim_pages_alloc(Hostsim *sim, unsigned n)
{
    SimRam *ram = sim->ram;
    unsigned order = order_of(n);
    uint64_t size, start;
    void *pages;

    if (order >= ORDERS ||
        !sim_may_allocate(sim, (size_t)SIM_PAGE << order) ||
        ram->used + (UINT64_C(1) << order) > sim->config.page_limit) {
        return NULL;
    }
    size = (uint64_t)SIM_PAGE << order;
    if (ram->free[order]) {
        pages = ram->free[order]->data;
        ram->free[order] = g_slist_delete_link(ram->free[order],
                                               ram->free[order]);
        memset(pages, 0, size);
    } else {
        start = (uintptr_t)ram->arena + ram->arena_next;
        start = (start + size - 1) & ~(size - 1);
        if (start - (uintptr_t)ram->arena + size > ARENA_SIZE) {
            return NULL;
        }
        ram->arena_next = start - (uintptr_t)ram->arena + size;
        pages = sim_user_ptr(start);
    }
    ram->used += UINT64_C(1) << order;
    return pages;
}

void sim_pages_free(Hostsim *sim, void *pages, unsigned n)
{
    SimRam *ram = sim->ram;
    unsigned order = order_of(n);

    if (pages) {
        ram->free[order] = g_slist_prepend(ram->free[order], pages);
        ram->used -= UINT64_C(1) << order;
    }
}

uint64_t sim_pages_used(Hostsim *sim)
{
    return sim->ram->used;
}

/* --- Pins ---------------------------------------------------------------- */

/* Where a pin begins or ends. */
typedef struct Edge {
    uint64_t at;
    int delta[2];       /* pins, and those that may be written */
} Edge;

static gint compare_edges(gconstpointer a, gconstpointer b)
{
    const Edge *x = a, *y = b;

    return x->at < y->at ? -1 : x->at > y->at;
}

static void add_range(GArray *ranges, uint64_t first, uint64_t end,
                      bool write)
{
    ViommuRam ram = {
        .addr = first, .size = end - first, .host = sim_user_ptr(first),
        .readonly = !write,
    };
    ViommuRam *last = ranges->len ?
        &g_array_index(ranges, ViommuRam, ranges->len - 1) : NULL;

    if (last && last->addr + last->size == first && last->readonly == !write) {
        last->size += ram.size;
    } else {
        g_array_append_val(ranges, ram);
    }
}

void sim_ram_publish(Hostsim *sim)
{
    SimRam *ram = sim->ram;
    GArray *edges = g_array_new(FALSE, FALSE, sizeof(Edge));
    GArray *ranges = g_array_new(FALSE, FALSE, sizeof(ViommuRam)), *old;
    ViommuRam arena = {
        .addr = (uintptr_t)ram->arena, .size = ARENA_SIZE, .host = ram->arena,
    };
    int pins = 0, writable = 0;

    for (guint i = 0; i < ram->pins->len; i++) {
        const Pin *pin = &g_array_index(ram->pins, Pin, i);
        Edge edge = { pin->first, { 1, pin->write } };

        g_array_append_val(edges, edge);
        edge = (Edge) { pin->last + 1, { -1, -pin->write } };
        g_array_append_val(edges, edge);
    }
    g_array_sort(edges, compare_edges);
    for (guint i = 0; i < edges->len; i++) {
        const Edge *edge = &g_array_index(edges, Edge, i);

        pins += edge->delta[0];
        writable += edge->delta[1];
        if (pins && i + 1 < edges->len && edge[1].at != edge->at) {
            add_range(ranges, edge->at, edge[1].at, writable);
        }
    }
    g_array_unref(edges);
    g_array_append_val(ranges, arena);

    pthread_rwlock_wrlock(&ram->lock);
    old = ram->ranges;
    ram->ranges = ranges;
    pthread_rwlock_unlock(&ram->lock);
    viommu_set_ram(sim->unit, (const ViommuRam *)(void *)ranges->data,
                   ranges->len);
    g_array_unref(old);
}

/** Have the pages, as pinning would. */
static int populate(void *memory, uint64_t size, bool write)
{
    if (!madvise(memory, size, write ? MADV_POPULATE_WRITE
                                     : MADV_POPULATE_READ)) {
        return 0;
    }
    return errno == ENOMEM || errno == EFAULT || errno == EINVAL ? -EFAULT
                                                                 : -errno;
}

int sim_pin(Hostsim *sim, void *memory, uint64_t size, bool write)
{
    SimRam *ram = sim->ram;
    uint64_t first = (uintptr_t)memory;
    Pin pin = { first, first + size - 1, write };
    int ret;

    if (size > sim->config.pin_limit - MIN(ram->pinned,
                                           sim->config.pin_limit)) {
        return -ENOMEM;
    }
    if (!sim_may_allocate(sim, sizeof(pin))) {
        return -ENOMEM;
    }
    ret = populate(memory, size, write);
    if (ret) {
        return ret;
    }
    ram->pinned += size;
    g_array_append_val(ram->pins, pin);
    sim_ram_publish(sim);
    return 0;
}

void sim_unpin(Hostsim *sim, void *memory, uint64_t size, bool write)
{
    SimRam *ram = sim->ram;
    uint64_t first = (uintptr_t)memory;

    for (guint i = 0; i < ram->pins->len; i++) {
        const Pin *pin = &g_array_index(ram->pins, Pin, i);

        if (pin->first == first && pin->last == first + size - 1 &&
            pin->write == write) {
            g_array_remove_index_fast(ram->pins, i);
            ram->pinned -= size;
            sim_ram_publish(sim);
            return;
        }
    }
}

uint64_t sim_pinned(Hostsim *sim)
{
    return sim->ram->pinned;
}

/* --- DMA ----------------------------------------------------------------- */

static bool ends_before(const void *ranges, size_t i, uint64_t addr)
{
    const ViommuRam *r = &g_array_index((const GArray *)ranges, ViommuRam, i);

    return r->addr + (r->size - 1) < addr;
}

static const ViommuRam *find(const GArray *ranges, uint64_t addr)
{
    /* not the arena: no endpoint has business there */
    size_t n = ranges->len ? ranges->len - 1 : 0;
    size_t at = viommu_sorted_position(ranges, n, addr, ends_before);
    const ViommuRam *r = at < n ? &g_array_index(ranges, ViommuRam, at) : NULL;

    return r && r->addr <= addr ? r : NULL;
}

bool sim_ram_access(Hostsim *sim, uint64_t addr, void *buf, size_t size,
                    bool write)
{
    SimRam *ram = sim->ram;
    const ViommuRam *r;
    bool ok;

    pthread_rwlock_rdlock(&ram->lock);
    r = find(ram->ranges, addr);
    ok = r && r->size - (addr - r->addr) >= size && !(write && r->readonly);
    if (ok) {
        void *memory = sim_user_ptr(addr);

        memcpy(write ? memory : buf, write ? buf : memory, size);
    }
    pthread_rwlock_unlock(&ram->lock);
    return ok;
}
