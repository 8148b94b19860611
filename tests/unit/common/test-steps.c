/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What software changes at any moment of a request: an entry by one exchange
 * of 16 bytes, of which no half is obeyed, and the address of a table, after
 * which nothing of the old one is found.
 */
#include <inttypes.h>
#include <string.h>

#include "tests/lib/unit/scalable.h"
#include "tests/lib/unit/steps.h"

#define SOURCE  0x0108
#define IOVA    UINT64_C(0x5000)
#define OLD     UINT64_C(0x205000)
#define NEW     UINT64_C(0x208000)
#define INDEX   5
/* A posted interrupt descriptor, from 4 GiB on. */
#define PID     UINT64_C(0x300000)
/* No request has as many instructions. */
#define STEPS_MAX 16384u
/* So many on each side of the one that reads what changes are looked at. */
#define NEAR 40u
/* A page outside of RAM, read by a callback. */
#define OUTSIDE (FIXTURE_RAM * 2)

typedef struct Scene {
    Fixture *f;
    Scalable *sm;
    bool probe;
    uint64_t entry[2][8];       /* what software exchanges */
    unsigned words;
    uint64_t *at;               /* where, or NULL: outside, ... */
    uint64_t outside[512];
    unsigned reads;             /* ... with so many reads so far */
    void (*change)(struct Scene *s);
    void (*request)(void *opaque);
    uint64_t result;
    uint64_t first, second;     /* before the change, and after it */
} Scene;

static uint64_t *host_of(Scene *s, uint64_t addr)
{
    return (uint64_t *)(void *)((uint8_t *)s->f->ram.host + addr);
}

static void change(void *opaque)
{
    Scene *s = opaque;

    s->change(s);
}

/* --- Requests -------------------------------------------------------------- */

enum { BLOCKED = 1, POSTED, DELIVERED = 0x100 };

static void interrupt(void *opaque)
{
    Scene *s = opaque;
    const ViommuMsi in = { .addr = guest_msi_addr(INDEX, false) };
    ViommuMsi out = { 0 };

    switch (viommu_remap_msi(s->f->unit, SOURCE, &in, s->probe, &out)) {
    case VIOMMU_MSI_BLOCKED:
        s->result = BLOCKED;
        break;
    case VIOMMU_MSI_POSTED:
        s->result = POSTED;
        break;
    default:
        s->result = DELIVERED | (out.data & SPEC_MSI_DATA_VECTOR);
        break;
    }
}

/* Where it goes, and in which domain. */
static void dma(void *opaque)
{
    Scene *s = opaque;
    const ViommuRequest req = {
        .source = s->sm ? SM_SOURCE : SOURCE, .pasid = VIOMMU_NO_PASID,
        .addr = IOVA, .access = VIOMMU_READ, .probe = s->probe,
    };
    ViommuReply reply;
    uint32_t domain;

    s->result = BLOCKED;
    if (viommu_translate(s->f->unit, &req, &reply) == VIOMMU_OK &&
        viommu_source_domain(s->f->unit, req.source, &domain)) {
        s->result = reply.addr | domain;
    }
}

/* --- Scenes ---------------------------------------------------------------- */

static int outside_read(Fixture *f, uint64_t addr, void *buf, size_t size)
{
    Scene *s = f->outside_opaque;

    memcpy(buf, (uint8_t *)s->outside + (addr - OUTSIDE), size);
    s->reads++;
    if (s->change) {
        s->change(s);
    }
    return 0;
}

static Scene *scene_new(bool enhanced)
{
    Scene *s = g_new0(Scene, 1);
    ViommuVtdConfig config;
    Simple simple;

    fixture_config(&config);
    config.enhanced_set_pointer = enhanced;
    s->f = fixture_new(&config);
    fixture_simple(s->f, &simple, SOURCE, 1, 4);
    g_assert_true(guest_ss_map(&s->f->alloc, simple.table, 4, IOVA, OLD, 1,
                               SPEC_SS_R));
    s->f->outside_read = outside_read;
    s->f->outside_opaque = s;
    return s;
}

static void scene_free(Scene *s)
{
    if (s->sm) {
        scalable_free(s->sm);
    } else {
        fixture_free(s->f);
    }
    g_free(s);
}

static void forget(Scene *s)
{
    GuestQueue *queue = s->sm ? s->sm->queue : &s->f->queue;

    guest_queue_iec(queue, true, 0, 0);
    guest_queue_context(queue, SPEC_GRAN_GLOBAL, 0, 0, 0);
    if (s->sm) {
        guest_queue_pasid_cache(queue, SPEC_INV_PASID_GRAN_GLOBAL, 0, 0);
    }
    guest_queue_iotlb(queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    guest_queue_ring(queue);    /* nobody else is there to be waited for */
}

/*
 * The change comes at each instruction near the one that reads what it
 * changes: before that, the request's result is the second one, and behind it
 * the first.  @check is called after each.
 */
static void each_step(Scene *s, void (*prepare)(Scene *s),
                      void (*check)(Scene *s, unsigned step))
{
    unsigned low = 1, high = STEPS_MAX;

    if (!steps_possible()) {
        g_test_skip("needs to run single instructions");
        return;
    }
    while (high - low > 1) {
        unsigned middle = low + (high - low) / 2;

        prepare(s);
        if (steps_run(s->request, change, s, middle) &&
            s->result == s->second) {
            low = middle;
        } else {
            high = middle;
        }
    }
    g_assert_cmpuint(low, >, 1);
    g_assert_cmpuint(high, <, STEPS_MAX);
    for (unsigned i = low > NEAR ? low - NEAR : 1; i < high + NEAR; i++) {
        prepare(s);
        if (!steps_run(s->request, change, s, i)) {
            break;
        }
        if (s->result != s->first && s->result != s->second) {
            g_error("at step %u: %#" PRIx64, i, s->result);
        }
        if (check) {
            check(s, i);
        }
    }
}

/* --- An entry -------------------------------------------------------------- */

static void put(Scene *s, unsigned which)
{
    uint64_t *to = s->at ? s->at : s->outside + INDEX * 2;

    memcpy(to, s->entry[which], s->words * 8);
}

static void exchange(Scene *s)
{
    put(s, 1);
}

static void put_first(Scene *s)
{
    put(s, 0);
    forget(s);
}

/* The entry becomes the second one while a request reads it. */
static void exchange_each_step(Scene *s, void (*request)(void *opaque))
{
    s->request = request;
    s->change = exchange;
    put(s, 1);
    forget(s);
    request(s);
    s->second = s->result;
    put_first(s);
    request(s);
    s->first = s->result;
    g_assert_cmphex(s->first, !=, BLOCKED);
    g_assert_cmphex(s->second, !=, BLOCKED);
    g_assert_cmphex(s->first, !=, s->second);
    each_step(s, put_first, NULL);
}

static void use_irte(Scene *s, uint64_t table)
{
    const GuestIrte irte = { .vector = 0x41, .dest = 1 };
    uint64_t at = guest_alloc_pages(&s->f->alloc, 1);

    guest_irte_set(&s->f->mem, at, INDEX, &irte);
    memcpy(s->entry[0], host_of(s, at + INDEX * 16), 16);
    /* bits 63:32 of its address stand in the upper half */
    guest_irte_set_posted(&s->f->mem, at, INDEX, 0x42,
                          (UINT64_C(1) << 32) + PID, false, 0);
    memcpy(s->entry[1], host_of(s, at + INDEX * 16), 16);
    s->words = 2;
    s->at = table == OUTSIDE ? NULL : host_of(s, at + INDEX * 16);
    g_assert_true(guest_set_irta(&s->f->regs, table == OUTSIDE ? table : at,
                                 7, false));
    g_assert_true(guest_command(&s->f->regs, SPEC_GCMD_IRE, 0));
}

/* A descriptor that the guest has; what half an entry names is not one. */
static void add_high_ram(Scene *s, void *high)
{
    const ViommuRam ram[2] = {
        { .addr = 0, .size = FIXTURE_RAM, .host = s->f->ram.host },
        { .addr = UINT64_C(1) << 32, .size = FIXTURE_RAM, .host = high },
    };

    /* notifications are suppressed */
    ((uint64_t *)high)[PID / 8 + 4] = SPEC_PID_SN;
    g_assert_cmpint(viommu_set_ram(s->f->unit, ram, 2), ==, 0);
}

static void test_irte(gconstpointer data)
{
    Scene *s = scene_new(false);
    void *high = g_malloc0(FIXTURE_RAM);

    s->probe = GPOINTER_TO_UINT(data);
    add_high_ram(s, high);
    use_irte(s, 0);
    exchange_each_step(s, interrupt);
    for (unsigned i = 0; i < 8; i++) {
        g_assert_cmphex(host_of(s, PID)[i], ==, 0);
    }
    scene_free(s);
    g_free(high);
}

/* RAM of the embedder's that is aligned to 8 bytes only. */
static void test_irte_unaligned(void)
{
    Scene *s = scene_new(false);
    ViommuRam ram[2] = {
        { .addr = 0, .size = FIXTURE_RAM, .host = s->f->ram.host },
        { .addr = UINT64_C(1) << 32, .size = 4096 },
    };
    uint64_t *block = g_malloc0(4096 + 32);
    uint64_t *page = (uintptr_t)block & 15 ? block : block + 1;

    ram[1].host = page;
    g_assert_cmpint(viommu_set_ram(s->f->unit, ram, 2), ==, 0);
    s->probe = true;
    use_irte(s, 0);
    s->at = page + INDEX * 2;
    g_assert_true(guest_set_irta(&s->f->regs, UINT64_C(1) << 32, 7, false));
    exchange_each_step(s, interrupt);
    scene_free(s);
    g_free(block);
}

/* Somebody does not stop: there is an answer, and it is not one half. */
static void test_irte_storm(void)
{
    Scene *s = scene_new(false);

    s->probe = true;
    use_irte(s, OUTSIDE);
    s->change = NULL;
    put(s, 0);
    interrupt(s);
    g_assert_cmphex(s->result, ==, DELIVERED | 0x41);
    g_assert_cmpuint(s->reads, ==, 1);
    /* one read of the whole entry, whatever comes behind it */
    s->change = exchange;
    interrupt(s);
    g_assert_cmphex(s->result, ==, DELIVERED | 0x41);
    g_assert_cmpuint(s->reads, ==, 2);
    interrupt(s);
    g_assert_cmphex(s->result, ==, POSTED);
    g_assert_cmpuint(s->reads, ==, 3);
    scene_free(s);
}

/* Another table, of fewer levels, for another domain. */
static void test_context(void)
{
    Scene *s = scene_new(false);
    GuestAlloc *alloc = &s->f->alloc;
    uint64_t root = guest_root_new(alloc), table = guest_ss_new(alloc);
    GuestContext ctx = { .levels = 3, .domain = 2, .table = table };
    uint64_t at;

    g_assert_true(guest_ss_map(alloc, table, 3, IOVA, NEW, 1, SPEC_SS_R));
    g_assert_true(guest_context_set(alloc, root, SOURCE, &ctx));
    at = guest_read64(&s->f->mem, root + (SOURCE >> 8) * 16) &
         ~UINT64_C(0xfff);
    memcpy(s->entry[1], host_of(s, at + (SOURCE & 0xff) * 16), 16);
    root = guest_reg64(&s->f->regs, SPEC_RTADDR) & ~UINT64_C(0xfff);
    at = guest_read64(&s->f->mem, root + (SOURCE >> 8) * 16) &
         ~UINT64_C(0xfff);
    s->at = host_of(s, at + (SOURCE & 0xff) * 16);
    memcpy(s->entry[0], s->at, 16);
    s->words = 2;
    exchange_each_step(s, dma);
    scene_free(s);
}

/* The part of a PASID table entry with its second stage and its domain. */
static void test_pasid(void)
{
    Scene *s = g_new0(Scene, 1);
    ViommuVtdConfig config;
    uint64_t other;

    scalable_config(&config);
    s->sm = scalable_new(&config, SPEC_PGTT_SECOND, 4, 0x1234);
    s->f = s->sm->f;
    scalable_map(s->sm, IOVA, OLD, 1);
    s->at = host_of(s, guest_pasid_addr(s->sm->alloc, s->sm->dir, 0));
    memcpy(s->entry[0], s->at, 16);
    other = guest_ss_new(s->sm->alloc);
    g_assert_true(guest_ss_map(s->sm->alloc, other, 4, IOVA, NEW, 1,
                               SPEC_SS_R));
    s->entry[1][0] = s->entry[0][0] ^ s->sm->ss ^ other;
    s->entry[1][1] = s->entry[0][1] ^ 0x7;
    s->words = 2;
    exchange_each_step(s, dma);
    scene_free(s);
}

/* --- A table's address ------------------------------------------------------ */

/* As another processor's write, and with ESIRTPS or ESRTPS that is all. */
static void set_pointer(Scene *s, uint64_t offset, uint64_t value,
                        uint32_t command)
{
    uint32_t on = SPEC_GCMD_TE | SPEC_GCMD_QIE | SPEC_GCMD_IRE;

    viommu_dma_begin();         /* the drain is put off */
    viommu_mmio_write(s->f->unit, offset, value, 8);
    viommu_mmio_write(s->f->unit, SPEC_GCMD, on | command, 4);
    viommu_dma_end();
}

static void new_irta(Scene *s)
{
    set_pointer(s, SPEC_IRTA, s->entry[1][0], SPEC_GCMD_SIRTP);
}

static void new_root(Scene *s)
{
    set_pointer(s, SPEC_RTADDR, s->entry[1][0], SPEC_GCMD_SRTP);
}

static void set_first(Scene *s)
{
    uint64_t second = s->entry[1][0];

    s->entry[1][0] = s->entry[0][0];
    s->change(s);
    s->entry[1][0] = second;
}

/* Nothing of the old table has stayed. */
static void again(Scene *s, unsigned step)
{
    s->request(s);
    if (s->result != s->second) {
        g_error("after step %u: %#" PRIx64, step, s->result);
    }
}

static void test_irta(void)
{
    Scene *s = scene_new(true);
    GuestIrte irte = { .dest = 1 };

    for (unsigned i = 0; i < 2; i++) {
        s->entry[i][0] = guest_alloc_pages(&s->f->alloc, 1);
        irte.vector = 0x41 + i;
        guest_irte_set(&s->f->mem, s->entry[i][0], INDEX, &irte);
        s->entry[i][0] |= 7;
    }
    g_assert_true(guest_command(&s->f->regs, SPEC_GCMD_IRE, 0));
    s->change = new_irta;
    s->request = interrupt;
    s->first = DELIVERED | 0x41;
    s->second = DELIVERED | 0x42;
    each_step(s, set_first, again);
    scene_free(s);
}

static void test_root(void)
{
    Scene *s = scene_new(true);
    GuestAlloc *alloc = &s->f->alloc;

    for (unsigned i = 0; i < 2; i++) {
        GuestContext ctx = {
            .levels = 4, .domain = 1, .table = guest_ss_new(alloc),
        };

        g_assert_true(guest_ss_map(alloc, ctx.table, 4, IOVA, i ? NEW : OLD,
                                   1, SPEC_SS_R));
        s->entry[i][0] = guest_root_new(alloc);
        g_assert_true(guest_context_set(alloc, s->entry[i][0], SOURCE,
                                        &ctx));
    }
    g_assert_true(guest_command(&s->f->regs, SPEC_GCMD_IRE, 0));
    s->change = new_root;
    s->request = dma;
    s->first = OLD | 1;
    s->second = NEW | 1;
    each_step(s, set_first, again);
    scene_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/steps/irte", GUINT_TO_POINTER(0), test_irte);
    g_test_add_data_func("/steps/irte/probe", GUINT_TO_POINTER(1), test_irte);
    g_test_add_func("/steps/irte/unaligned", test_irte_unaligned);
    g_test_add_func("/steps/irte/outside", test_irte_storm);
    g_test_add_func("/steps/context", test_context);
    g_test_add_func("/steps/pasid", test_pasid);
    g_test_add_func("/steps/irta", test_irta);
    g_test_add_func("/steps/root", test_root);
    return g_test_run();
}
