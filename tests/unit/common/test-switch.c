/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the guest switches on, off or over, of both kinds of units: requests go
 * by it at once, and the status that the guest polls for follows when nobody
 * goes by what was before [VTD 11.4.4] [VTD 11.4.8] [SMMU 6.3.9] [SMMU 6.3.15]
 * [SMMU 6.3.17].
 */
#include "tests/lib/unit/switch.h"

/* --- The embedder's own accesses ------------------------------------------ */

static void test_drained(gconstpointer data)
{
    const SwitchKind *kind = data;
    Fixture *f = kind->start();

    for (size_t i = 0; i < kind->n; i++) {
        const SwitchWay *way = &kind->ways[i];

        g_test_message("%s", way->name);
        switch_begin(f, way, switch_slowly);
        switch_write(f, way);
        fixture_run(f);
        g_assert_true(switch_done(f, way));
        g_assert_cmpuint(f->asked, ==, way->told ? SWITCH_ROUNDS + 1 : 0);
        g_assert_cmpuint(switch_told(f), ==, way->told ? 1 : 0);
        /* and it is over */
        viommu_run(f->unit);
        g_assert_cmpuint(f->asked, ==, way->told ? SWITCH_ROUNDS + 1 : 0);
    }
    fixture_free(f);
}

/* --- DMA sections --------------------------------------------------------- */

typedef struct Writer {
    Fixture *f;
    const SwitchWay *way;
} Writer;

static void *writer_main(void *opaque)
{
    const Writer *w = opaque;

    switch_write(w->f, w->way);
    return NULL;
}

/* A section is open on this thread, while another processor writes. */
static void test_section(gconstpointer data)
{
    const SwitchKind *kind = data;
    Fixture *f = kind->start();

    for (size_t i = 0; i < kind->n; i++) {
        Writer w = { f, &kind->ways[i] };
        GThread *thread;

        switch_begin(f, w.way, NULL);
        if (w.way->told) {
            viommu_dma_begin();
            thread = g_thread_new("writer", writer_main, &w);
            while (!switch_told(f)) {
                g_usleep(50);
            }
            g_assert_false(switch_done(f, w.way));
            viommu_dma_end();
            g_thread_join(thread);
        } else {
            switch_write(f, w.way);
        }
        fixture_run(f);
        g_assert_true(switch_done(f, w.way));
    }
    fixture_free(f);
}

/* An endpoint's own access is the write. */
static void test_inside(gconstpointer data)
{
    const SwitchKind *kind = data;
    Fixture *f = kind->start();

    for (size_t i = 0; i < kind->n; i++) {
        const SwitchWay *way = &kind->ways[i];

        switch_begin(f, way, NULL);
        viommu_dma_begin();
        switch_write(f, way);
        g_assert_false(switch_done(f, way));
        viommu_dma_end();
        g_assert_cmpint(g_atomic_int_get(&f->run_wanted), ==, 1);
        fixture_run(f);
        g_assert_true(switch_done(f, way));
    }
    fixture_free(f);
}

/* --- Taken back ----------------------------------------------------------- */

/* The guest takes it back before it is through: it never was. */
static bool takes_back(Fixture *f)
{
    const SwitchWay *way = switch_current;

    if (f->asked == 1) {
        g_assert_false(switch_done(f, way));
        viommu_mmio_write(f->unit, way->offset,
                          (switch_value(f, way) & ~way->set) | way->clear, 4);
    }
    g_assert_false(switch_done(f, way));
    return f->asked > SWITCH_ROUNDS;
}

static void test_taken_back(gconstpointer data)
{
    const SwitchKind *kind = data;

    for (size_t i = 0; i < kind->n; i++) {
        const SwitchWay *way = &kind->ways[i];
        Fixture *f;

        if (!way->told || (way->set & (SPEC_GCMD_SRTP | SPEC_GCMD_SIRTP)) ||
            (way->set | way->clear) & ~way->mask & ~SPEC_PMEN_EPM) {
            continue;       /* cannot be taken back */
        }
        f = kind->start();
        for (size_t k = 0; k < i; k++) {
            switch_write(f, &kind->ways[k]);
            fixture_run(f);
        }
        switch_begin(f, way, takes_back);
        switch_write(f, way);
        fixture_run(f);
        g_assert_false(switch_done(f, way));
        g_assert_cmpuint(f->asked, ==, SWITCH_ROUNDS + 1);
        /* requests were answered both ways */
        g_assert_cmpuint(switch_told(f), ==, 2);
        fixture_free(f);
    }
}

/* Units have nothing to do with each other. */
static void test_two_units(gconstpointer data)
{
    const SwitchKind *kind = data;
    Fixture *f = switch_under_way(kind, 0), *other = kind->start();

    switch_write(other, switch_current);
    g_assert_true(switch_done(other, switch_current));
    g_assert_false(switch_done(f, switch_current));
    fixture_free(f);
    fixture_free(other);
}

/* --- One kind's own ------------------------------------------------------- */

/* Requests go by the new state from the write on. */
static bool passes(Fixture *f)
{
    ViommuReply reply;

    g_assert_cmphex(guest_reg32(&f->regs, SPEC_GSTS) & SPEC_GSTS_TES, !=, 0);
    g_assert_cmpint(fixture_translate(f, SWITCH_SOURCE, 0x5000, VIOMMU_READ,
                                      &reply), ==, VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, 0x5000);
    return true;
}

static void test_at_once(void)
{
    Fixture *f = switch_vtd.start();

    switch_begin(f, &switch_vtd.ways[0], passes);
    switch_write(f, switch_current);
    g_assert_cmpuint(f->asked, ==, 1);
    g_assert_true(switch_done(f, switch_current));
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
    return f->asked > SWITCH_ROUNDS;
}

static void test_bytes(void)
{
    Fixture *f = switch_vtd.start();

    switch_begin(f, &switch_vtd.ways[1], other_bytes);
    viommu_mmio_write(f->unit, SPEC_GCMD + 3,
                      (SPEC_GCMD_TE | SPEC_GCMD_QIE | SPEC_GCMD_SRTP) >> 24,
                      1);
    fixture_run(f);
    g_assert_cmpuint(f->asked, ==, SWITCH_ROUNDS + 1);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_GSTS), ==,
                    SPEC_GSTS_TES | SPEC_GSTS_QIES | SPEC_GSTS_RTPS |
                    SPEC_GSTS_CFIS);
    fixture_free(f);
}

/* What waited in the queue goes on when QIES is set, and not before. */
static bool queue_waits(Fixture *f)
{
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_IQH), ==, 0);
    return f->asked > SWITCH_ROUNDS;
}

static void test_queue_on(void)
{
    Fixture *f = switch_vtd.another();
    GuestQueue *q = &f->queue;

    q->mem = f->mem;
    q->regs = f->regs;
    q->addr = guest_alloc_pages(&f->alloc, 1);
    q->status = guest_alloc_pages(&f->alloc, 1);
    q->bytes = 4096;
    guest_set_reg64(&f->regs, SPEC_IQA, q->addr);
    guest_queue_wait(q);
    g_assert_false(guest_queue_done(q));
    switch_begin(f, &switch_vtd.ways[1], queue_waits);
    viommu_mmio_write(f->unit, SPEC_GCMD, SPEC_GCMD_QIE | SPEC_GCMD_SRTP, 4);
    fixture_run(f);
    g_assert_cmpuint(f->asked, ==, SWITCH_ROUNDS + 1);
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
    switch_begin(s->f, &switch_smmu.ways[1], stall_waits);
    switch_write(s->f, switch_current);
    g_assert_cmpuint(s->f->asked, ==, 1);
    g_assert_true(switch_done(s->f, switch_current));
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
        { "taken-back", test_taken_back },
        { "two-units", test_two_units },
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *vtd = g_strdup_printf("/switch/vtd/%s",
                                               tests[i].name);
        g_autofree char *smmu = g_strdup_printf("/switch/smmu/%s",
                                                tests[i].name);

        g_test_add_data_func(vtd, &switch_vtd, tests[i].test);
        g_test_add_data_func(smmu, &switch_smmu, tests[i].test);
    }
    g_test_add_func("/switch/vtd/at-once", test_at_once);
    g_test_add_func("/switch/vtd/bytes", test_bytes);
    g_test_add_func("/switch/vtd/queue-on", test_queue_on);
    g_test_add_func("/switch/smmu/stalls", test_stalls);
    g_test_add_func("/switch/smmu/irq-ctrl", test_irq_ctrl);
    return g_test_run();
}
