/* SPDX-License-Identifier: BSD-3-Clause */
/* Interrupt remapping and posting, alone and from many threads. */
#include <string.h>

#include "tests/lib/unit/fixture.h"

#define SOURCE  0x0108
#define ENTRIES 256         /* S = 7 */

typedef struct Ir {
    Fixture *f;
    uint64_t table;
} Ir;

static void ir_start(Ir *ir, bool eim)
{
    ViommuVtdConfig config;
    Simple s;

    fixture_config(&config);
    ir->f = fixture_new(&config);
    fixture_simple(ir->f, &s, SOURCE, 1, 4);
    ir->table = guest_alloc_pages(&ir->f->alloc, 1);
    g_assert_true(guest_set_irta(&ir->f->regs, ir->table, 7, eim));
    g_assert_true(guest_command(&ir->f->regs, SPEC_GCMD_IRE, 0));
}

static ViommuMsiResult send(Ir *ir, uint16_t source, uint64_t addr,
                            uint32_t data, ViommuMsi *out)
{
    ViommuMsi in = { .addr = addr, .data = data };

    memset(out, 0xa5, sizeof(*out));
    return viommu_remap_msi(ir->f->unit, source, &in, false, out);
}

/* Blocked for @reason: the record says so, and is then cleared. */
static void assert_blocked(Ir *ir, uint16_t source, uint64_t addr,
                           uint32_t data, unsigned reason, unsigned index)
{
    const GuestRegs *regs = &ir->f->regs;
    ViommuMsi out;
    uint64_t at, hi;
    unsigned fri;

    g_assert_cmpint(send(ir, source, addr, data, &out), ==,
                    VIOMMU_MSI_BLOCKED);
    g_assert_true(guest_reg32(regs, SPEC_FSTS) & SPEC_FSTS_PPF);
    fri = (guest_reg32(regs, SPEC_FSTS) & SPEC_FSTS_FRI) >>
          SPEC_FSTS_FRI_SHIFT;
    at = guest_frcd_offset(regs, fri);
    hi = guest_reg64(regs, at + 8);
    g_assert_cmphex((hi & SPEC_FRCD_HI_FR) >> SPEC_FRCD_HI_FR_SHIFT, ==,
                    reason);
    g_assert_cmphex(hi & SPEC_FRCD_HI_SID, ==, source);
    if (index != UINT_MAX) {
        g_assert_cmphex(guest_reg64(regs, at) >> SPEC_FRCD_LO_INDEX_SHIFT,
                        ==, index);
    }
    guest_set_reg64(regs, at + 8, SPEC_FRCD_HI_F);
    g_assert_false(guest_reg32(regs, SPEC_FSTS) & SPEC_FSTS_PPF);
}

static void flush(Ir *ir)
{
    guest_queue_iec(&ir->f->queue, true, 0, 0);
    fixture_wait(ir->f);
}

static void test_remapped(void)
{
    Ir ir;
    ViommuMsi out;
    GuestIrte irte = {
        .vector = 0x41, .dlm = 1, .dm = true, .rh = true, .dest = 0x12,
        .sid = SOURCE, .svt = SPEC_SVT_SID,
    };

    ir_start(&ir, false);
    guest_irte_set(&ir.f->mem, ir.table, 5, &irte);
    g_assert_cmpint(send(&ir, SOURCE, guest_msi_addr(5, false), 0xdead, &out),
                    ==, VIOMMU_MSI_DELIVER);
    g_assert_cmphex(out.addr, ==, SPEC_MSI_BASE | 0x12 << 12 |
                                  SPEC_MSI_RH | SPEC_MSI_DM);
    g_assert_cmphex(out.data & 0x87ff, ==, 0x141);
    /* with a subhandle: entry 3 + 2 */
    g_assert_cmpint(send(&ir, SOURCE, guest_msi_addr(3, true), 2, &out), ==,
                    VIOMMU_MSI_DELIVER);
    g_assert_cmphex(out.data & SPEC_MSI_DATA_VECTOR, ==, 0x41);
    fixture_free(ir.f);
}

static void test_x2apic(void)
{
    Ir ir;
    ViommuMsi out;
    GuestIrte irte = { .vector = 0x41, .eim = true, .dest = 0x12345678 };

    ir_start(&ir, true);
    guest_irte_set(&ir.f->mem, ir.table, 5, &irte);
    g_assert_cmpint(send(&ir, SOURCE, guest_msi_addr(5, false), 0, &out), ==,
                    VIOMMU_MSI_DELIVER);
    g_assert_cmphex(out.addr & UINT32_MAX, ==, SPEC_MSI_BASE | 0x78 << 12);
    g_assert_cmphex(out.addr >> 40, ==, 0x123456);
    /* the compatibility format has no place there, even if enabled */
    g_assert_true(guest_command(&ir.f->regs, SPEC_GCMD_CFI, 0));
    assert_blocked(&ir, SOURCE, SPEC_MSI_BASE, 0x41, SPEC_FR_IR_COMPAT,
                   UINT_MAX);
    fixture_free(ir.f);
}

static void test_compatibility(void)
{
    Ir ir;
    ViommuMsi out;

    ir_start(&ir, false);
    assert_blocked(&ir, SOURCE, SPEC_MSI_BASE | 0x3000, 0x41,
                   SPEC_FR_IR_COMPAT, UINT_MAX);
    g_assert_true(guest_command(&ir.f->regs, SPEC_GCMD_CFI, 0));
    g_assert_cmpint(send(&ir, SOURCE, SPEC_MSI_BASE | 0x3000, 0x41, &out), ==,
                    VIOMMU_MSI_DELIVER);
    g_assert_cmphex(out.addr, ==, SPEC_MSI_BASE | 0x3000);
    g_assert_cmphex(out.data, ==, 0x41);
    /* remapping off: everything as it is */
    g_assert_true(guest_command(&ir.f->regs, 0, SPEC_GCMD_IRE));
    g_assert_cmpint(send(&ir, SOURCE, guest_msi_addr(9, false), 0x41, &out),
                    ==, VIOMMU_MSI_DELIVER);
    g_assert_cmphex(out.addr, ==, guest_msi_addr(9, false));
    fixture_free(ir.f);
}

static void test_faults(void)
{
    Ir ir;
    ViommuMsi out;
    GuestIrte good = { .vector = 0x41 };
    uint64_t pid;

    ir_start(&ir, false);
    guest_irte_set(&ir.f->mem, ir.table, 5, &good);
    /* reserved bits of the data, with SHV */
    assert_blocked(&ir, SOURCE, guest_msi_addr(5, true), 0x10000,
                   SPEC_FR_IR_RESERVED, UINT_MAX);
    assert_blocked(&ir, SOURCE, guest_msi_addr(ENTRIES, false), 0,
                   SPEC_FR_IR_INDEX, ENTRIES);
    assert_blocked(&ir, SOURCE, guest_msi_addr(0x8005, false), 0,
                   SPEC_FR_IR_INDEX, 0x8005);
    assert_blocked(&ir, SOURCE, guest_msi_addr(ENTRIES - 1, true), 1,
                   SPEC_FR_IR_INDEX, UINT_MAX);
    assert_blocked(&ir, SOURCE, guest_msi_addr(6, false), 0,
                   SPEC_FR_IR_NOT_PRESENT, 6);
    /* FPD: blocked in silence, in an entry that is not present too */
    guest_irte_set_raw(&ir.f->mem, ir.table, 7, SPEC_IRTE_FPD, 0);
    g_assert_cmpint(send(&ir, SOURCE, guest_msi_addr(7, false), 0, &out), ==,
                    VIOMMU_MSI_BLOCKED);
    g_assert_false(guest_reg32(&ir.f->regs, SPEC_FSTS) & SPEC_FSTS_PPF);
    /* each reserved bit of an entry */
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t flag = SPEC_BIT(bit);

        if (flag & SPEC_IRTE_RSVD) {
            guest_irte_set_raw(&ir.f->mem, ir.table, 8, SPEC_IRTE_P | flag, 0);
            flush(&ir);
            assert_blocked(&ir, SOURCE, guest_msi_addr(8, false), 0,
                           SPEC_FR_IR_IRTE_RESERVED, 8);
        }
        if (flag & SPEC_IRTE_HI_RSVD) {
            guest_irte_set_raw(&ir.f->mem, ir.table, 8, SPEC_IRTE_P, flag);
            flush(&ir);
            assert_blocked(&ir, SOURCE, guest_msi_addr(8, false), 0,
                           SPEC_FR_IR_IRTE_RESERVED, 8);
        }
        if (flag & SPEC_IRTE_PRSVD) {
            guest_irte_set_raw(&ir.f->mem, ir.table, 8,
                               SPEC_IRTE_P | SPEC_IRTE_IM | flag, 0);
            flush(&ir);
            assert_blocked(&ir, SOURCE, guest_msi_addr(8, false), 0,
                           SPEC_FR_IR_IRTE_RESERVED, 8);
        }
    }
    /* a validation type that does not exist */
    guest_irte_set_raw(&ir.f->mem, ir.table, 8, SPEC_IRTE_P,
                       UINT64_C(3) << SPEC_IRTE_HI_SVT_SHIFT);
    flush(&ir);
    assert_blocked(&ir, SOURCE, guest_msi_addr(8, false), 0,
                   SPEC_FR_IR_IRTE_RESERVED, 8);
    /* posted-interrupt descriptors: none, malformed */
    guest_irte_set_posted(&ir.f->mem, ir.table, 9, 0x50, FIXTURE_RAM * 2,
                          false, 0);
    assert_blocked(&ir, SOURCE, guest_msi_addr(9, false), 0,
                   SPEC_FR_IR_PID_ACCESS, 9);
    pid = guest_alloc_pages(&ir.f->alloc, 1);
    guest_irte_set_posted(&ir.f->mem, ir.table, 10, 0x50, pid, false, 0);
    guest_write64(&ir.f->mem, pid + SPEC_PID_CONTROL, SPEC_BIT(2));
    assert_blocked(&ir, SOURCE, guest_msi_addr(10, false), 0,
                   SPEC_FR_IR_PID_RESERVED, 10);
    g_assert_cmphex(guest_read64(&ir.f->mem, pid + 8), ==, 0);
    /* the table is not in memory */
    g_assert_true(guest_set_irta(&ir.f->regs, FIXTURE_RAM * 2, 7, false));
    flush(&ir);
    assert_blocked(&ir, SOURCE, guest_msi_addr(5, false), 0,
                   SPEC_FR_IR_ACCESS, 5);
    fixture_free(ir.f);
}

static void test_source_validation(void)
{
    /* sid, sq, svt, source, whether it passes */
    static const struct {
        uint16_t sid;
        uint8_t sq, svt;
        uint16_t source;
        bool ok;
    } cases[] = {
        { 0x0108, 0, SPEC_SVT_SID, 0x0108, true },
        { 0x0108, 0, SPEC_SVT_SID, 0x0109, false },
        { 0x0108, 1, SPEC_SVT_SID, 0x010c, true },      /* not bit 2 */
        { 0x0108, 1, SPEC_SVT_SID, 0x0109, false },
        { 0x0108, 2, SPEC_SVT_SID, 0x010e, true },      /* not bits 2:1 */
        { 0x0108, 2, SPEC_SVT_SID, 0x010f, false },
        { 0x0108, 3, SPEC_SVT_SID, 0x010f, true },      /* not bits 2:0 */
        { 0x0108, 3, SPEC_SVT_SID, 0x0110, false },
        { 0x0204, 0, SPEC_SVT_BUS, 0x0200, true },      /* bus 2 to 4 */
        { 0x0204, 0, SPEC_SVT_BUS, 0x04ff, true },
        { 0x0204, 0, SPEC_SVT_BUS, 0x01ff, false },
        { 0x0204, 0, SPEC_SVT_BUS, 0x0500, false },
        { 0x0108, 0, SPEC_SVT_NONE, 0xffff, true },
    };
    Ir ir;

    ir_start(&ir, false);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        GuestIrte irte = {
            .vector = 0x41, .sid = cases[i].sid, .sq = cases[i].sq,
            .svt = cases[i].svt,
        };
        ViommuMsi out;

        guest_irte_set(&ir.f->mem, ir.table, 5, &irte);
        flush(&ir);
        if (cases[i].ok) {
            g_assert_cmpint(send(&ir, cases[i].source,
                                 guest_msi_addr(5, false), 0, &out), ==,
                            VIOMMU_MSI_DELIVER);
        } else {
            assert_blocked(&ir, cases[i].source, guest_msi_addr(5, false), 0,
                           SPEC_FR_IR_SOURCE, 5);
        }
    }
    fixture_free(ir.f);
}

/* A changed entry counts after the invalidation, by index or global. */
static void test_invalidation(void)
{
    Ir ir;
    ViommuMsi out;
    GuestIrte irte = { .vector = 0 };

    ir_start(&ir, false);
    for (unsigned round = 1; round < 64; round++) {
        unsigned im = (unsigned)g_test_rand_int_range(0, 8);
        unsigned index = (unsigned)g_test_rand_int_range(0, ENTRIES);

        irte.vector = (uint8_t)round;
        guest_irte_set(&ir.f->mem, ir.table, (uint16_t)index, &irte);
        guest_queue_iec(&ir.f->queue, round % 4 == 0,
                        (uint16_t)(index & ~((1u << im) - 1)), im);
        fixture_wait(ir.f);
        g_assert_cmpint(send(&ir, SOURCE,
                             guest_msi_addr((uint16_t)index, false), 0,
                             &out), ==, VIOMMU_MSI_DELIVER);
        g_assert_cmphex(out.data & SPEC_MSI_DATA_VECTOR, ==, round);
    }
    fixture_free(ir.f);
}

/* Without caching mode, an entry that is not present is not remembered. */
static void test_first_entry(void)
{
    Ir ir;
    ViommuMsi out;
    GuestIrte irte = { .vector = 0x41 };

    ir_start(&ir, false);
    assert_blocked(&ir, SOURCE, guest_msi_addr(5, false), 0,
                   SPEC_FR_IR_NOT_PRESENT, 5);
    guest_irte_set(&ir.f->mem, ir.table, 5, &irte);
    g_assert_cmpint(send(&ir, SOURCE, guest_msi_addr(5, false), 0, &out), ==,
                    VIOMMU_MSI_DELIVER);
    fixture_free(ir.f);
}

static void test_posted(void)
{
    Ir ir;
    ViommuMsi out;
    ViommuMsi in = { .addr = guest_msi_addr(5, false) };
    uint64_t pid, control = UINT64_C(0x99) << SPEC_PID_NV_SHIFT |
                            UINT64_C(0x12) << SPEC_PID_XNDST_SHIFT;

    ir_start(&ir, false);
    pid = guest_alloc_pages(&ir.f->alloc, 1) + 3 * SPEC_PID_SIZE;
    guest_write64(&ir.f->mem, pid + SPEC_PID_CONTROL, control);
    guest_irte_set_posted(&ir.f->mem, ir.table, 5, 0xa1, pid, false, SOURCE);
    guest_irte_set_posted(&ir.f->mem, ir.table, 6, 0x22, pid, true, 0);

    /* a probe changes nothing */
    g_assert_cmpint(viommu_remap_msi(ir.f->unit, SOURCE, &in, true, &out), ==,
                    VIOMMU_MSI_POSTED);
    g_assert_cmphex(guest_read64(&ir.f->mem, pid + 16), ==, 0);

    /* the first one notifies */
    g_assert_cmpint(send(&ir, SOURCE, in.addr, 0, &out), ==,
                    VIOMMU_MSI_DELIVER);
    g_assert_cmphex(out.addr, ==, SPEC_MSI_BASE | 0x12 << 12);
    g_assert_cmphex(out.data & 0x87ff, ==, 0x99);
    g_assert_cmphex(guest_read64(&ir.f->mem, pid + 16), ==,
                    SPEC_BIT(0xa1 - 128));
    g_assert_cmphex(guest_read64(&ir.f->mem, pid + SPEC_PID_CONTROL), ==,
                    control | SPEC_PID_ON);
    /* while that is outstanding, the next one only sets its bit */
    g_assert_cmpint(send(&ir, SOURCE, guest_msi_addr(6, false), 0, &out), ==,
                    VIOMMU_MSI_POSTED);
    g_assert_cmphex(guest_read64(&ir.f->mem, pid), ==, SPEC_BIT(0x22));
    /* suppressed: no notification, except an urgent one */
    guest_write64(&ir.f->mem, pid + SPEC_PID_CONTROL, control | SPEC_PID_SN);
    g_assert_cmpint(send(&ir, SOURCE, in.addr, 0, &out), ==,
                    VIOMMU_MSI_POSTED);
    g_assert_cmphex(guest_read64(&ir.f->mem, pid + SPEC_PID_CONTROL), ==,
                    control | SPEC_PID_SN);
    g_assert_cmpint(send(&ir, SOURCE, guest_msi_addr(6, false), 0, &out), ==,
                    VIOMMU_MSI_DELIVER);
    g_assert_cmphex(guest_read64(&ir.f->mem, pid + SPEC_PID_CONTROL), ==,
                    control | SPEC_PID_SN | SPEC_PID_ON);
    assert_blocked(&ir, SOURCE + 1, in.addr, 0, SPEC_FR_IR_SOURCE, 5);
    fixture_free(ir.f);
}

/*
 * A processor that has just taken everything clears ON while a request is
 * noted in the descriptor.  What ON was before the note does not count: this
 * request needs a notification of its own.
 */
static uint64_t racing_pid;
static unsigned racing_writes;

static void clear_on(Fixture *f, uint64_t addr, uint64_t size)
{
    g_assert_cmphex(addr, >=, racing_pid);
    g_assert_cmphex(addr + size, <=, racing_pid + SPEC_PID_SIZE);
    if (racing_writes++ == 0) {
        uint64_t control = guest_read64(&f->mem,
                                        racing_pid + SPEC_PID_CONTROL);

        g_assert_cmphex(guest_read64(&f->mem, racing_pid), ==, SPEC_BIT(0x22));
        guest_write64(&f->mem, racing_pid + SPEC_PID_CONTROL,
                      control & ~SPEC_PID_ON);
    }
}

static void test_posted_race(void)
{
    Ir ir;
    ViommuMsi out;
    uint64_t control = UINT64_C(0x99) << SPEC_PID_NV_SHIFT | SPEC_PID_ON;

    ir_start(&ir, true);
    racing_pid = guest_alloc_pages(&ir.f->alloc, 1);
    racing_writes = 0;
    guest_write64(&ir.f->mem, racing_pid + SPEC_PID_CONTROL, control);
    guest_irte_set_posted(&ir.f->mem, ir.table, 5, 0x22, racing_pid, false, 0);
    ir.f->ram_written = clear_on;
    g_assert_cmpint(send(&ir, SOURCE, guest_msi_addr(5, false), 0, &out), ==,
                    VIOMMU_MSI_DELIVER);
    g_assert_cmphex(out.data & SPEC_MSI_DATA_VECTOR, ==, 0x99);
    g_assert_cmphex(guest_read64(&ir.f->mem, racing_pid + SPEC_PID_CONTROL),
                    ==, control);
    g_assert_cmpuint(racing_writes, ==, 2);
    fixture_free(ir.f);
}

/* --- Posting from many threads, while processors take the interrupts ----- */

#define POSTERS 3

typedef struct Post {
    Ir *ir;
    uint64_t *pir;          /* four words */
    uint64_t *control;
    unsigned rounds;
    int running;            /* posters that are not done; atomic */
    int notified;           /* notifications that nobody has taken; atomic */
    unsigned notifications; /* atomic, from here on */
    unsigned cleared;       /* how often ON was found set and cleared */
    unsigned strangers;     /* vectors that nobody posts */
} Post;

typedef struct Poster {
    Post *post;
    unsigned number;
    GThread *thread;
} Poster;

/* Poster number n has the vectors n, n + 4, n + 8, ... */
static void *poster_main(void *opaque)
{
    Poster *me = opaque;
    Post *p = me->post;

    for (unsigned i = 0; i < p->rounds; i++) {
        uint16_t index = (uint16_t)(me->number + 4 * (i % 64));
        ViommuMsi in = { .addr = guest_msi_addr(index, false) }, out;

        switch (viommu_remap_msi(p->ir->f->unit, SOURCE, &in, false, &out)) {
        case VIOMMU_MSI_DELIVER:
            __atomic_fetch_add(&p->notifications, 1, __ATOMIC_RELAXED);
            __atomic_fetch_add(&p->notified, 1, __ATOMIC_SEQ_CST);
            break;
        case VIOMMU_MSI_POSTED:
            break;
        default:
            g_assert_not_reached();
        }
    }
    __atomic_fetch_sub(&p->running, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

/* What a processor does with a notification: clear ON, then take all. */
static void take(Post *p)
{
    const uint64_t on = GUINT64_TO_LE(SPEC_PID_ON);
    uint64_t old = __atomic_fetch_and(p->control, ~on, __ATOMIC_SEQ_CST);

    if (old & on) {
        __atomic_fetch_add(&p->cleared, 1, __ATOMIC_RELAXED);
    }
    for (unsigned i = 0; i < 4; i++) {
        uint64_t bits = __atomic_exchange_n(&p->pir[i], 0, __ATOMIC_SEQ_CST);

        if (bits & UINT64_C(0x8888888888888888)) {  /* number 3 posts none */
            __atomic_fetch_add(&p->strangers, 1, __ATOMIC_RELAXED);
        }
    }
}

static void *processor_main(void *opaque)
{
    Post *p = opaque;

    for (;;) {
        bool done = __atomic_load_n(&p->running, __ATOMIC_SEQ_CST) == 0;

        if (__atomic_exchange_n(&p->notified, 0, __ATOMIC_SEQ_CST)) {
            take(p);
        } else if (done) {
            return NULL;
        } else {
            g_thread_yield();
        }
    }
}

static void test_posted_threads(void)
{
    Ir ir;
    Post post = { .ir = &ir, .rounds = 20000 * fixture_scale() };
    Poster posters[POSTERS];
    GThread *processor;
    uint64_t pid, control = UINT64_C(0x99) << SPEC_PID_NV_SHIFT;

    ir_start(&ir, true);
    pid = guest_alloc_pages(&ir.f->alloc, 1);
    guest_write64(&ir.f->mem, pid + SPEC_PID_CONTROL, control);
    for (unsigned i = 0; i < ENTRIES; i++) {
        guest_irte_set_posted(&ir.f->mem, ir.table, (uint16_t)i, (uint8_t)i,
                              pid, false, 0);
    }
    post.pir = (uint64_t *)(void *)(ir.f->ram.host + pid);
    post.control = post.pir + 4;
    post.running = POSTERS;
    processor = g_thread_new("processor", processor_main, &post);
    for (unsigned i = 0; i < POSTERS; i++) {
        posters[i] = (Poster) { .post = &post, .number = i };
        posters[i].thread = g_thread_new("poster", poster_main, &posters[i]);
    }
    for (unsigned i = 0; i < POSTERS; i++) {
        g_thread_join(posters[i].thread);
    }
    g_thread_join(processor);
    /*
     * The processor has acted on each notification.  An interrupt that is
     * still in the descriptor came without one: it would be lost.
     */
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmphex(post.pir[i], ==, 0);
    }
    g_assert_cmphex(GUINT64_FROM_LE(*post.control), ==, control);
    g_assert_cmpuint(post.strangers, ==, 0);
    g_assert_cmpuint(post.cleared, >, 0);
    g_assert_cmpuint(post.notifications, >=, post.cleared);
    g_test_message("%u posted, %u notifications", POSTERS * post.rounds,
                   post.notifications);
    fixture_free(ir.f);
}

/* SN is switched at the same time, as at each switch of a virtual processor. */
static void test_suppression_threads(void)
{
    Ir ir;
    Post post = { .ir = &ir, .rounds = 20000 * fixture_scale() };
    Poster posters[POSTERS];
    uint64_t pid;
    const uint64_t sn = GUINT64_TO_LE(SPEC_PID_SN);
    bool suppressed = false;

    ir_start(&ir, true);
    pid = guest_alloc_pages(&ir.f->alloc, 1);
    for (unsigned i = 0; i < ENTRIES; i++) {
        guest_irte_set_posted(&ir.f->mem, ir.table, (uint16_t)i, (uint8_t)i,
                              pid, false, 0);
    }
    post.pir = (uint64_t *)(void *)(ir.f->ram.host + pid);
    post.control = post.pir + 4;
    post.running = POSTERS;
    for (unsigned i = 0; i < POSTERS; i++) {
        posters[i] = (Poster) { .post = &post, .number = i };
        posters[i].thread = g_thread_new("poster", poster_main, &posters[i]);
    }
    while (__atomic_load_n(&post.running, __ATOMIC_SEQ_CST)) {
        uint64_t old;

        if (suppressed) {
            old = __atomic_fetch_and(post.control, ~sn,
                                     __ATOMIC_SEQ_CST);
            /* as Linux: what came while suppressed is looked for */
            take(&post);
        } else {
            old = __atomic_fetch_or(post.control, sn,
                                    __ATOMIC_SEQ_CST);
        }
        /* nobody else may change the bit */
        g_assert_cmpint(suppressed, ==, (old & sn) != 0);
        suppressed = !suppressed;
        if (__atomic_exchange_n(&post.notified, 0, __ATOMIC_SEQ_CST)) {
            take(&post);
        }
    }
    for (unsigned i = 0; i < POSTERS; i++) {
        g_thread_join(posters[i].thread);
    }
    if (__atomic_exchange_n(&post.notified, 0, __ATOMIC_SEQ_CST) ||
        suppressed) {
        take(&post);
    }
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmphex(post.pir[i], ==, 0);
    }
    g_assert_cmpuint(post.strangers, ==, 0);
    fixture_free(ir.f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/interrupts/remapped", test_remapped);
    g_test_add_func("/interrupts/x2apic", test_x2apic);
    g_test_add_func("/interrupts/compatibility", test_compatibility);
    g_test_add_func("/interrupts/faults", test_faults);
    g_test_add_func("/interrupts/source-validation", test_source_validation);
    g_test_add_func("/interrupts/invalidation", test_invalidation);
    g_test_add_func("/interrupts/posted", test_posted);
    g_test_add_func("/interrupts/first-entry", test_first_entry);
    g_test_add_func("/interrupts/posted/race", test_posted_race);
    g_test_add_func("/interrupts/posted/threads", test_posted_threads);
    g_test_add_func("/interrupts/posted/suppression",
                    test_suppression_threads);
    return g_test_run();
}
