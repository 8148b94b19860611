/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the guest switches on, off or over, of both kinds of units: requests go
 * by it at once, and the status that the guest polls for follows when nobody
 * goes by what was before [VTD 11.4.4, 11.4.8] [SMMU 6.3.9, 6.3.15, 6.3.17].
 */
#include "tests/lib/unit/smmu.h"

#include <string.h>

#define SOURCE  0x0120
/* The embedder says "no" so often. */
#define ROUNDS  5

#define GBPA_UPDATE UINT32_C(0x80000000)
#define GBPA_ABORT  UINT32_C(0x00100000)

/* One thing that is switched. */
typedef struct Way {
    const char *name;
    uint64_t offset;        /* of the register, */
    uint32_t set, clear;    /* and what is written there */
    uint64_t status;        /* the register that tells, */
    uint32_t mask, wanted;  /* and what it says at the end */
    bool told;              /* answers may be others */
} Way;

/* In this order: each is something new. */
static const Way vtd_ways[] = {
    { "te-off", SPEC_GCMD, 0, SPEC_GCMD_TE, SPEC_GSTS, SPEC_GSTS_TES, 0,
      true },
    { "root", SPEC_GCMD, SPEC_GCMD_SRTP, 0, SPEC_GSTS, SPEC_GSTS_RTPS,
      SPEC_GSTS_RTPS, true },
    { "te-on", SPEC_GCMD, SPEC_GCMD_TE, 0, SPEC_GSTS, SPEC_GSTS_TES,
      SPEC_GSTS_TES, true },
    { "root-again", SPEC_GCMD, SPEC_GCMD_SRTP, 0, SPEC_GSTS, SPEC_GSTS_RTPS,
      SPEC_GSTS_RTPS, true },
    { "irt", SPEC_GCMD, SPEC_GCMD_SIRTP, 0, SPEC_GSTS, SPEC_GSTS_IRTPS,
      SPEC_GSTS_IRTPS, true },
    { "ire-on", SPEC_GCMD, SPEC_GCMD_IRE, 0, SPEC_GSTS, SPEC_GSTS_IRES,
      SPEC_GSTS_IRES, true },
    { "cfi-on", SPEC_GCMD, SPEC_GCMD_CFI, 0, SPEC_GSTS, SPEC_GSTS_CFIS,
      SPEC_GSTS_CFIS, true },
    { "irt-again", SPEC_GCMD, SPEC_GCMD_SIRTP, 0, SPEC_GSTS,
      SPEC_GSTS_IRTPS, SPEC_GSTS_IRTPS, true },
    { "cfi-off", SPEC_GCMD, 0, SPEC_GCMD_CFI, SPEC_GSTS, SPEC_GSTS_CFIS, 0,
      true },
    { "ire-off", SPEC_GCMD, 0, SPEC_GCMD_IRE, SPEC_GSTS, SPEC_GSTS_IRES, 0,
      true },
    { "epm-on", SPEC_PMEN, SPEC_PMEN_EPM, 0, SPEC_PMEN, SPEC_PMEN_PRS,
      SPEC_PMEN_PRS, true },
    { "epm-off", SPEC_PMEN, 0, SPEC_PMEN_EPM, SPEC_PMEN, SPEC_PMEN_PRS, 0,
      true },
    { "qie-off", SPEC_GCMD, 0, SPEC_GCMD_QIE, SPEC_GSTS, SPEC_GSTS_QIES, 0,
      false },
    { "qie-on", SPEC_GCMD, SPEC_GCMD_QIE, 0, SPEC_GSTS, SPEC_GSTS_QIES,
      SPEC_GSTS_QIES, false },
};

static const Way smmu_ways[] = {
    { "atschk-off", SMMUV3_CR0, 0, SMMUV3_CR0_ATSCHK, SMMUV3_CR0ACK,
      SMMUV3_CR0_ATSCHK, 0, true },
    { "smmuen-off", SMMUV3_CR0, 0, SMMUV3_CR0_SMMUEN, SMMUV3_CR0ACK,
      SMMUV3_CR0_SMMUEN, 0, true },
    { "gbpa-abort", SMMUV3_GBPA, GBPA_UPDATE | GBPA_ABORT, 0, SMMUV3_GBPA,
      GBPA_UPDATE, 0, true },
    { "gbpa-pass", SMMUV3_GBPA, GBPA_UPDATE, GBPA_ABORT, SMMUV3_GBPA,
      GBPA_UPDATE, 0, true },
    { "smmuen-on", SMMUV3_CR0, SMMUV3_CR0_SMMUEN, 0, SMMUV3_CR0ACK,
      SMMUV3_CR0_SMMUEN, SMMUV3_CR0_SMMUEN, true },
    { "atschk-on", SMMUV3_CR0, SMMUV3_CR0_ATSCHK, 0, SMMUV3_CR0ACK,
      SMMUV3_CR0_ATSCHK, SMMUV3_CR0_ATSCHK, true },
    { "eventqen-off", SMMUV3_CR0, 0, SMMUV3_CR0_EVENTQEN, SMMUV3_CR0ACK,
      SMMUV3_CR0_EVENTQEN, 0, false },
    { "priqen-on", SMMUV3_CR0, SMMUV3_CR0_PRIQEN, 0, SMMUV3_CR0ACK,
      SMMUV3_CR0_PRIQEN, SMMUV3_CR0_PRIQEN, false },
    { "cmdqen-off", SMMUV3_CR0, 0, SMMUV3_CR0_CMDQEN, SMMUV3_CR0ACK,
      SMMUV3_CR0_CMDQEN, 0, false },
    { "cmdqen-on", SMMUV3_CR0, SMMUV3_CR0_CMDQEN, 0, SMMUV3_CR0ACK,
      SMMUV3_CR0_CMDQEN, SMMUV3_CR0_CMDQEN, false },
};

/* A kind of unit, that is on. */
typedef struct Kind {
    const Way *ways;
    size_t n;
    Fixture *(*start)(void);
    Fixture *(*another)(void);      /* as after power-on */
} Kind;

static Fixture *vtd_another(void)
{
    ViommuVtdConfig config;

    fixture_config(&config);
    return fixture_new(&config);
}

static Fixture *vtd_start(void)
{
    Fixture *f = vtd_another();
    Simple simple;

    fixture_simple(f, &simple, SOURCE, 1, 4);
    fixture_wait(f);
    guest_set_reg64(&f->regs, SPEC_IRTA, guest_alloc_pages(&f->alloc, 1));
    return f;
}

static Viommu *make_smmu(const void *config, const ViommuOps *ops,
                         void *opaque, GError **error)
{
    return viommu_smmuv3_new(config, ops, opaque, error);
}

static Fixture *smmu_another(void)
{
    ViommuSmmuv3Config config;

    smmu_test_config(&config);
    return fixture_new_of(make_smmu, &config);
}

static Fixture *smmu_start(void)
{
    Smmu *s = smmu_test_new_with(SMMUV3_S1, NULL);
    Fixture *f = s->f;

    g_free(s);
    return f;
}

static const Kind vtd_kind = {
    vtd_ways, G_N_ELEMENTS(vtd_ways), vtd_start, vtd_another,
};
static const Kind smmu_kind = {
    smmu_ways, G_N_ELEMENTS(smmu_ways), smmu_start, smmu_another,
};

/* What the guest knows to be on; it does not read what it polls. */
static uint32_t value_of(Fixture *f, const Way *way)
{
    uint64_t from = way->offset == SPEC_GCMD ? SPEC_GSTS : way->offset;
    uint32_t now = guest_reg32(&f->regs, from);

    if (way->offset == SPEC_GCMD && way->status == SPEC_GSTS) {
        now &= ~(uint32_t)(SPEC_GCMD_SRTP | SPEC_GCMD_SIRTP);
    }
    return (now | way->set) & ~way->clear;
}

static void write_way(Fixture *f, const Way *way)
{
    if (way->status == SPEC_GSTS && (way->set & SPEC_GCMD_QIE)) {
        /* with IQH, which is 0 since it was switched off: an empty queue */
        viommu_mmio_write(f->unit, SPEC_IQT, 0, 8);
    }
    /* not the fixture's own, which would run until the unit is content */
    viommu_mmio_write(f->unit, way->offset, value_of(f, way), 4);
}

static bool done(Fixture *f, const Way *way)
{
    return (guest_reg32(&f->regs, way->status) & way->mask) == way->wanted;
}

static unsigned told(Fixture *f)
{
    unsigned n = 0;

    pthread_mutex_lock(&f->lock);
    for (guint i = 0; i < f->invalidations->len; i++) {
        n += g_array_index(f->invalidations, ViommuInvalidation, i).what ==
             VIOMMU_INV_ALL;
    }
    pthread_mutex_unlock(&f->lock);
    return n;
}

/* --- The embedder's own accesses ------------------------------------------ */

static const Way *current;

static bool slowly(Fixture *f)
{
    g_assert_false(done(f, current));
    return f->asked > ROUNDS;
}

static bool never(Fixture *f)
{
    (void)f;
    return false;
}

static void begin(Fixture *f, const Way *way,
                  bool (*drained)(Fixture *f))
{
    current = way;
    f->drained = drained;
    f->asked = 0;
    fixture_forget(f);
}

static void test_drained(gconstpointer data)
{
    const Kind *kind = data;
    Fixture *f = kind->start();

    for (size_t i = 0; i < kind->n; i++) {
        const Way *way = &kind->ways[i];

        g_test_message("%s", way->name);
        begin(f, way, slowly);
        write_way(f, way);
        fixture_run(f);
        g_assert_true(done(f, way));
        g_assert_cmpuint(f->asked, ==, way->told ? ROUNDS + 1 : 0);
        g_assert_cmpuint(told(f), ==, way->told ? 1 : 0);
        /* and it is over */
        viommu_run(f->unit);
        g_assert_cmpuint(f->asked, ==, way->told ? ROUNDS + 1 : 0);
    }
    fixture_free(f);
}

/* --- DMA sections --------------------------------------------------------- */

typedef struct Writer {
    Fixture *f;
    const Way *way;
} Writer;

static void *writer_main(void *opaque)
{
    const Writer *w = opaque;

    write_way(w->f, w->way);
    return NULL;
}

/* A section is open on this thread, while another processor writes. */
static void test_section(gconstpointer data)
{
    const Kind *kind = data;
    Fixture *f = kind->start();

    for (size_t i = 0; i < kind->n; i++) {
        Writer w = { f, &kind->ways[i] };
        GThread *thread;

        begin(f, w.way, NULL);
        if (w.way->told) {
            viommu_dma_begin();
            thread = g_thread_new("writer", writer_main, &w);
            while (!told(f)) {
                g_usleep(50);
            }
            g_assert_false(done(f, w.way));
            viommu_dma_end();
            g_thread_join(thread);
        } else {
            write_way(f, w.way);
        }
        fixture_run(f);
        g_assert_true(done(f, w.way));
    }
    fixture_free(f);
}

/* An endpoint's own access is the write. */
static void test_inside(gconstpointer data)
{
    const Kind *kind = data;
    Fixture *f = kind->start();

    for (size_t i = 0; i < kind->n; i++) {
        const Way *way = &kind->ways[i];

        begin(f, way, NULL);
        viommu_dma_begin();
        write_way(f, way);
        g_assert_false(done(f, way));
        viommu_dma_end();
        g_assert_cmpint(g_atomic_int_get(&f->run_wanted), ==, 1);
        fixture_run(f);
        g_assert_true(done(f, way));
    }
    fixture_free(f);
}

/* --- Meanwhile ------------------------------------------------------------ */

/* Up to @upto, each is carried out; then that one is under way. */
static Fixture *under_way(const Kind *kind, size_t upto)
{
    Fixture *f = kind->start();

    for (size_t i = 0; i < upto; i++) {
        write_way(f, &kind->ways[i]);
        fixture_run(f);
        g_assert_true(done(f, &kind->ways[i]));
    }
    begin(f, &kind->ways[upto], never);
    write_way(f, current);
    g_assert_true(!current->told || !done(f, current));
    return f;
}

static void test_reset(gconstpointer data)
{
    const Kind *kind = data;

    for (size_t i = 0; i < kind->n; i++) {
        Fixture *f = under_way(kind, i), *fresh = kind->another();
        unsigned asked = f->asked;

        viommu_reset(f->unit);
        fixture_run(f);
        g_assert_cmpuint(f->asked, ==, asked);
        g_assert_cmphex(guest_reg32(&f->regs, current->status), ==,
                        guest_reg32(&fresh->regs, current->status));
        /* the unit goes on from there */
        f->drained = NULL;
        write_way(f, current);
        fixture_run(f);
        g_assert_true(done(f, current));
        fixture_free(f);
        fixture_free(fresh);
    }
}

static bool resets(Fixture *f)
{
    viommu_reset(f->unit);
    return true;
}

/* The reset comes while the embedder is being asked. */
static void test_reset_inside(gconstpointer data)
{
    const Kind *kind = data;
    Fixture *f = kind->start(), *fresh = kind->another();
    uint64_t status;

    begin(f, &kind->ways[0], resets);
    status = current->status;
    write_way(f, current);
    f->drained = NULL;
    fixture_run(f);
    g_assert_cmpuint(f->asked, ==, 1);
    g_assert_cmphex(guest_reg32(&f->regs, status), ==,
                    guest_reg32(&fresh->regs, status));
    fixture_free(f);
    fixture_free(fresh);
}

static void load(Fixture *to, Fixture *from, GBytes *stream)
{
    GError *error = NULL;

    memcpy(to->ram.host, from->ram.host, FIXTURE_RAM);
    g_assert_true(viommu_load(to->unit, g_bytes_get_data(stream, NULL),
                              g_bytes_get_size(stream), &error));
    g_assert_no_error(error);
}

/* The stream says what is under way, and the loaded unit finishes it. */
static void test_load(gconstpointer data)
{
    const Kind *kind = data;

    for (size_t i = 0; i < kind->n; i++) {
        Fixture *f = under_way(kind, i), *g = kind->another();
        GBytes *stream = viommu_save(f->unit);

        begin(g, current, slowly);
        load(g, f, stream);
        g_assert_true(!current->told || !done(g, current));
        fixture_run(g);
        g_assert_true(done(g, current));
        g_assert_cmpuint(g->asked, ==, current->told ? ROUNDS + 1 : 0);
        /* so does the one that was saved */
        f->drained = NULL;
        viommu_run(f->unit);
        g_assert_true(done(f, current));
        g_bytes_unref(stream);
        fixture_free(f);
        fixture_free(g);
    }
}

/* What is under way when another state is loaded, is over. */
static void test_load_over(gconstpointer data)
{
    const Kind *kind = data;
    Fixture *quiet = kind->start();
    GBytes *stream = viommu_save(quiet->unit);

    for (size_t i = 0; i < kind->n; i++) {
        Fixture *f = under_way(kind, i);

        begin(f, current, never);
        load(f, quiet, stream);
        fixture_run(f);
        g_assert_cmpuint(f->asked, ==, 0);
        g_assert_cmphex(guest_reg32(&f->regs, current->status), ==,
                        guest_reg32(&quiet->regs, current->status));
        fixture_free(f);
    }
    g_bytes_unref(stream);
    fixture_free(quiet);
}

/* The guest takes it back before it is through: it never was. */
static bool takes_back(Fixture *f)
{
    const Way *way = current;

    if (f->asked == 1) {
        g_assert_false(done(f, way));
        viommu_mmio_write(f->unit, way->offset,
                          (value_of(f, way) & ~way->set) | way->clear, 4);
    }
    g_assert_false(done(f, way));
    return f->asked > ROUNDS;
}

static void test_taken_back(gconstpointer data)
{
    const Kind *kind = data;

    for (size_t i = 0; i < kind->n; i++) {
        const Way *way = &kind->ways[i];
        Fixture *f;

        if (!way->told || (way->set & (SPEC_GCMD_SRTP | SPEC_GCMD_SIRTP)) ||
            (way->set | way->clear) & ~way->mask & ~SPEC_PMEN_EPM) {
            continue;       /* cannot be taken back */
        }
        f = kind->start();
        for (size_t k = 0; k < i; k++) {
            write_way(f, &kind->ways[k]);
            fixture_run(f);
        }
        begin(f, way, takes_back);
        write_way(f, way);
        fixture_run(f);
        g_assert_false(done(f, way));
        g_assert_cmpuint(f->asked, ==, ROUNDS + 1);
        /* requests were answered both ways */
        g_assert_cmpuint(told(f), ==, 2);
        fixture_free(f);
    }
}

/* Units have nothing to do with each other. */
static void test_two_units(gconstpointer data)
{
    const Kind *kind = data;
    Fixture *f = under_way(kind, 0), *other = kind->start();

    write_way(other, current);
    g_assert_true(done(other, current));
    g_assert_false(done(f, current));
    fixture_free(f);
    fixture_free(other);
}

/* --- One kind's own ------------------------------------------------------- */

/* Requests go by the new state from the write on. */
static bool passes(Fixture *f)
{
    ViommuReply reply;

    g_assert_cmphex(guest_reg32(&f->regs, SPEC_GSTS) & SPEC_GSTS_TES, !=, 0);
    g_assert_cmpint(fixture_translate(f, SOURCE, 0x5000, VIOMMU_READ, &reply),
                    ==, VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, 0x5000);
    return true;
}

static void test_at_once(void)
{
    Fixture *f = vtd_start();

    begin(f, &vtd_ways[0], passes);
    write_way(f, current);
    g_assert_cmpuint(f->asked, ==, 1);
    g_assert_true(done(f, current));
    fixture_free(f);
}

/* Bytes of GCMD, of which the first is a command that is under way when the
 * others come. */
static bool other_bytes(Fixture *f)
{
    if (f->asked == 1) {
        viommu_mmio_write(f->unit, SPEC_GCMD + 2, SPEC_GCMD_CFI >> 16, 1);
    } else if (f->asked == 2) {
        viommu_mmio_write(f->unit, SPEC_GCMD + 3,
                          (SPEC_GCMD_TE | SPEC_GCMD_QIE) >> 24, 1);
    }
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_GSTS), ==,
                    SPEC_GSTS_TES | SPEC_GSTS_QIES);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_GCMD), ==, 0);
    return f->asked > ROUNDS;
}

static void test_bytes(void)
{
    Fixture *f = vtd_start();

    begin(f, &vtd_ways[1], other_bytes);
    viommu_mmio_write(f->unit, SPEC_GCMD + 3,
                      (SPEC_GCMD_TE | SPEC_GCMD_QIE | SPEC_GCMD_SRTP) >> 24,
                      1);
    fixture_run(f);
    g_assert_cmpuint(f->asked, ==, ROUNDS + 1);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_GSTS), ==,
                    SPEC_GSTS_TES | SPEC_GSTS_QIES | SPEC_GSTS_RTPS |
                    SPEC_GSTS_CFIS);
    fixture_free(f);
}

/* What waited in the queue goes on when QIES is set, and not before. */
static bool queue_waits(Fixture *f)
{
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_IQH), ==, 0);
    return f->asked > ROUNDS;
}

static void test_queue_on(void)
{
    Fixture *f = vtd_another();
    GuestQueue *q = &f->queue;

    q->mem = f->mem;
    q->regs = f->regs;
    q->addr = guest_alloc_pages(&f->alloc, 1);
    q->status = guest_alloc_pages(&f->alloc, 1);
    q->bytes = 4096;
    guest_set_reg64(&f->regs, SPEC_IQA, q->addr);
    guest_queue_wait(q);
    g_assert_false(guest_queue_done(q));
    begin(f, &vtd_ways[1], queue_waits);
    viommu_mmio_write(f->unit, SPEC_GCMD, SPEC_GCMD_QIE | SPEC_GCMD_SRTP, 4);
    fixture_run(f);
    g_assert_cmpuint(f->asked, ==, ROUNDS + 1);
    g_assert_true(guest_queue_done(q));
    fixture_free(f);
}

/* A stalled transaction is over before CR0ACK says so. */
static bool stall_waits(Fixture *f)
{
    g_assert_cmphex(guest_reg32(&f->regs, SMMUV3_CR0ACK) & SMMUV3_CR0_SMMUEN,
                    !=, 0);
    return true;
}

static void test_stalls(void)
{
    Smmu *s = smmu_test_new_with(SMMUV3_S1, NULL);
    ViommuReply reply;

    s->cd.stall = true;
    smmu_test_put_cd(s, 0);
    g_assert_cmpint(smmu_test_dma(s, SMMU_TEST_VA, VIOMMU_READ, &reply), ==,
                    VIOMMU_STALLED);
    begin(s->f, &smmu_ways[1], stall_waits);
    write_way(s->f, current);
    g_assert_cmpuint(s->f->asked, ==, 1);
    g_assert_true(done(s->f, current));
    g_assert_cmpuint(s->f->resumes->len, ==, 1);
    smmu_test_free(s);
}

/* A message is on its way while software switches such messages off. */
static void during_message(Fixture *f, const ViommuMsi *msi)
{
    g_assert_cmphex(msi->addr, ==, FIXTURE_RAM);
    guest_set_reg32(&f->regs, SMMUV3_IRQ_CTRL, 0);
    g_assert_cmphex(guest_reg32(&f->regs, SMMUV3_IRQ_CTRLACK), ==, 7);
    f->asked = 1;
}

static void test_irq_ctrl(void)
{
    Smmu *s = smmu_test_new_with(SMMUV3_S1, NULL);
    Fixture *f = s->f;
    ViommuReply reply;

    guest_set_reg64(&f->regs, SMMUV3_EVENTQ_IRQ_CFG0, FIXTURE_RAM);
    f->asked = 0;
    f->msi = during_message;
    smmu_test_dma(s, SMMU_TEST_VA, VIOMMU_READ, &reply);
    g_assert_cmpuint(f->asked, ==, 1);
    g_assert_cmphex(guest_reg32(&f->regs, SMMUV3_IRQ_CTRLACK), ==, 0);
    guest_set_reg32(&f->regs, SMMUV3_IRQ_CTRL, 5);
    g_assert_cmphex(guest_reg32(&f->regs, SMMUV3_IRQ_CTRLACK), ==, 5);
    smmu_test_free(s);
}

/* --- All ------------------------------------------------------------------ */

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*test)(gconstpointer data);
    } tests[] = {
        { "drained", test_drained },
        { "section", test_section },
        { "inside", test_inside },
        { "reset", test_reset },
        { "reset-inside", test_reset_inside },
        { "load", test_load },
        { "load-over", test_load_over },
        { "taken-back", test_taken_back },
        { "two-units", test_two_units },
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *vtd = g_strdup_printf("/switch/vtd/%s",
                                               tests[i].name);
        g_autofree char *smmu = g_strdup_printf("/switch/smmu/%s",
                                                tests[i].name);

        g_test_add_data_func(vtd, &vtd_kind, tests[i].test);
        g_test_add_data_func(smmu, &smmu_kind, tests[i].test);
    }
    g_test_add_func("/switch/vtd/at-once", test_at_once);
    g_test_add_func("/switch/vtd/bytes", test_bytes);
    g_test_add_func("/switch/vtd/queue-on", test_queue_on);
    g_test_add_func("/switch/smmu/stalls", test_stalls);
    g_test_add_func("/switch/smmu/irq-ctrl", test_irq_ctrl);
    return g_test_run();
}
