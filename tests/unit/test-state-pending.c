/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is under way when a unit is saved, loaded or reset: what the guest is
 * still to hear of goes on in the unit that takes the state, and nothing of the
 * one that was there does.
 */
#include <string.h>

#include "scalable.h"
#include "smmu.h"
#include "stream.h"

#define SOURCE  0x0120
#define DOMAIN  7
#define VA      UINT64_C(0x7f1234567000)
#define MEV     (UINT64_C(1) << 19)     /* second word of an entry */

typedef enum Fate { RESET, LOAD, FATES } Fate;

/* What a unit meets in the middle of something. */
typedef struct Blow {
    Fate fate;
    TestStream stream;
    unsigned struck;
} Blow;

static void strike(Blow *blow, Viommu *unit)
{
    blow->struck++;
    if (blow->fate == RESET) {
        viommu_reset(unit);
    } else {
        test_stream_must_load(&blow->stream, unit);
    }
}

static bool never(Fixture *f)
{
    (void)f;
    return false;
}

static bool always(Fixture *f)
{
    (void)f;
    return true;
}

/* The next time that it is asked for. */
static bool strike_when_asked(Fixture *f)
{
    Blow *blow = f->outside_opaque;

    f->drained = always;
    strike(blow, f->unit);
    return true;
}

/* --- VT-d ----------------------------------------------------------------- */

static Fixture *vtd_start(void)
{
    ViommuVtdConfig config;
    Simple simple;
    Fixture *f;

    fixture_config(&config);
    f = fixture_new(&config);
    fixture_simple(f, &simple, SOURCE, DOMAIN, 4);
    fixture_wait(f);
    return f;
}

static unsigned invalidations(Fixture *f, ViommuInvalidationType what)
{
    unsigned n = 0;

    for (guint i = 0; i < f->invalidations->len; i++) {
        n += g_array_index(f->invalidations, ViommuInvalidation, i).what ==
             what;
    }
    g_array_set_size(f->invalidations, 0);
    return n;
}

static void enable_queue(Fixture *f)
{
    g_assert_true(guest_command(&f->regs, 0, SPEC_GCMD_QIE));
    guest_set_reg64(&f->regs, SPEC_IQT, 0);
    guest_set_reg64(&f->regs, SPEC_IQA, f->queue.addr);
    f->queue.tail = 0;
    g_assert_true(guest_command(&f->regs, SPEC_GCMD_QIE, 0));
}

/* A command that waits is not taken for the same one of another life. */
static void test_registers(gconstpointer opaque)
{
    Fixture *f = vtd_start();
    Blow blow = { .fate = GPOINTER_TO_UINT(opaque) };

    test_stream_save(&blow.stream, f->unit);
    f->drained = never;
    /* not through f->regs, which would run the unit until it is done */
    viommu_mmio_write(f->unit, SPEC_CCMD, SPEC_CCMD_ICC |
                      (uint64_t)SPEC_GRAN_GLOBAL << SPEC_CCMD_CIRG_SHIFT, 8);
    viommu_mmio_write(f->unit, 0xf8, SPEC_IOTLB_IVT |
                      (uint64_t)SPEC_GRAN_GLOBAL << SPEC_IOTLB_IIRG_SHIFT, 8);
    viommu_run(f->unit);
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_CCMD) & SPEC_CCMD_ICC, !=, 0);
    g_assert_cmphex(guest_reg64(&f->regs, 0xf8) & SPEC_IOTLB_IVT, !=, 0);
    strike(&blow, f->unit);
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_CCMD), ==, 0);
    g_assert_cmphex(guest_reg64(&f->regs, 0xf8), ==, 0);
    f->drained = always;
    fixture_run(f);
    invalidations(f, VIOMMU_INV_ALL);
    g_assert_true(guest_ccmd(&f->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, NULL));
    g_assert_cmpuint(invalidations(f, VIOMMU_INV_CONTEXT), ==, 1);
    g_assert_true(guest_iotlb(&f->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, false,
                              NULL));
    g_assert_cmpuint(invalidations(f, VIOMMU_INV_IOTLB), ==, 1);
    test_stream_free(&blow.stream);
    fixture_free(f);
}

/* One that is carried out at this moment says nothing in the new life. */
static void test_struck_command(gconstpointer opaque)
{
    Blow blow = { .fate = GPOINTER_TO_UINT(opaque) };
    Fixture *f = vtd_start();

    test_stream_save(&blow.stream, f->unit);
    f->outside_opaque = &blow;
    f->drained = strike_when_asked;
    guest_set_reg64(&f->regs, SPEC_CCMD, SPEC_CCMD_ICC |
                    (uint64_t)SPEC_GRAN_GLOBAL << SPEC_CCMD_CIRG_SHIFT);
    g_assert_cmpuint(blow.struck, ==, 1);
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_CCMD), ==, 0);

    f->drained = strike_when_asked;
    guest_set_reg64(&f->regs, 0xf8, SPEC_IOTLB_IVT |
                    (uint64_t)SPEC_GRAN_GLOBAL << SPEC_IOTLB_IIRG_SHIFT);
    g_assert_cmpuint(blow.struck, ==, 2);
    g_assert_cmphex(guest_reg64(&f->regs, 0xf8), ==, 0);

    /* a wait of the old queue does not write into the new life's memory */
    enable_queue(f);
    f->drained = strike_when_asked;
    guest_queue_iotlb(&f->queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    g_assert_false(guest_queue_wait(&f->queue));
    g_assert_cmpuint(blow.struck, ==, 3);
    test_stream_free(&blow.stream);
    fixture_free(f);
}

static bool silent_and_strike(Fixture *f, const ViommuInvalidation *inv)
{
    (void)inv;
    strike(f->outside_opaque, f->unit);
    return false;
}

/* Nor does an endpoint that was asked in the life before. */
static void test_struck_endpoint(gconstpointer opaque)
{
    Blow blow = { .fate = GPOINTER_TO_UINT(opaque) };
    Fixture *f = vtd_start();

    test_stream_save(&blow.stream, f->unit);
    f->outside_opaque = &blow;
    f->devtlb = silent_and_strike;
    guest_queue_devtlb(&f->queue, SOURCE, 0x1000, 0x1000);
    guest_queue_ring(&f->queue);
    g_assert_cmpuint(blow.struck, ==, 1);
    f->devtlb = NULL;
    enable_queue(f);
    fixture_wait(f);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_FSTS), ==, 0);
    test_stream_free(&blow.stream);
    fixture_free(f);
}

/* The guest learns at its next wait that an endpoint did not answer. */
static void test_timeout(gconstpointer opaque)
{
    Blow blow = { .fate = GPOINTER_TO_UINT(opaque) };
    Fixture *f = vtd_start(), *g = vtd_start();

    g_atomic_int_set(&f->device_silent, 1);
    guest_queue_devtlb(&f->queue, SOURCE, 0x1000, 0x1000);
    guest_queue_ring(&f->queue);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_FSTS), ==, 0);
    test_stream_save(&blow.stream, f->unit);
    memcpy(g->ram.host, f->ram.host, FIXTURE_RAM);
    if (blow.fate == LOAD) {
        test_stream_must_load(&blow.stream, g->unit);
        fixture_run(g);
        g->queue.tail = f->queue.tail;
        g_assert_false(guest_queue_wait(&g->queue));
        g_assert_cmphex(guest_reg32(&g->regs, SPEC_FSTS), ==, SPEC_FSTS_ITE);
        g_assert_cmphex((guest_reg64(&g->regs, SPEC_IQERCD) &
                         SPEC_IQERCD_ITESID) >> SPEC_IQERCD_ITESID_SHIFT, ==,
                        SOURCE);
        guest_set_reg32(&g->regs, SPEC_FSTS, SPEC_FSTS_ITE);
        fixture_wait(g);
    } else {
        viommu_reset(f->unit);
        enable_queue(f);
        fixture_wait(f);
    }
    test_stream_free(&blow.stream);
    fixture_free(f);
    fixture_free(g);
}

/* Everything was forgotten, so the next wait is for everybody. */
static void test_drained(gconstpointer opaque)
{
    Blow blow = { .fate = GPOINTER_TO_UINT(opaque) };
    Fixture *f = vtd_start();

    test_stream_save(&blow.stream, f->unit);
    strike(&blow, f->unit);
    f->drained = never;
    if (blow.fate == RESET) {
        viommu_mmio_write(f->unit, SPEC_IQA, f->queue.addr, 8);
        viommu_mmio_write(f->unit, SPEC_GCMD, SPEC_GCMD_QIE, 4);
        f->queue.tail = 0;
    }
    guest_queue_push(&f->queue, SPEC_INV_WAIT | SPEC_INV_WAIT_SW |
                     UINT64_C(5) << SPEC_INV_WAIT_DATA_SHIFT, 0x3000);
    viommu_mmio_write(f->unit, SPEC_IQT, f->queue.tail, 8);
    for (unsigned i = 0; i < 3; i++) {
        viommu_run(f->unit);
        g_assert_cmphex(guest_read32(&f->mem, 0x3000), ==, 0);
    }
    f->drained = always;
    viommu_run(f->unit);
    g_assert_cmphex(guest_read32(&f->mem, 0x3000), ==, 5);
    test_stream_free(&blow.stream);
    fixture_free(f);
}

/* --- Virtual commands ------------------------------------------------------ */

/* Words of a stream, from its end: PASIDs, then members of the unit. */
#define PASID_WORDS     4u
#define WORD_TIMED_OUT(s)   ((s)->words - PASID_WORDS - 1)
#define WORD_RUNNING(s)     ((s)->words - PASID_WORDS - 2)

/* Which register's word differs between two streams. */
static unsigned word_that_changes(Fixture *f, uint64_t offset, uint64_t value)
{
    TestStream before, after;
    unsigned found = UINT_MAX;

    test_stream_save(&before, f->unit);
    guest_set_reg64(&f->regs, offset, value);
    test_stream_save(&after, f->unit);
    for (unsigned i = 0; i < before.words; i++) {
        if (test_stream_word(&before, i) != test_stream_word(&after, i)) {
            g_assert_cmpuint(found, ==, UINT_MAX);
            found = i;
        }
    }
    test_stream_free(&before);
    test_stream_free(&after);
    g_assert_cmpuint(found, !=, UINT_MAX);
    return found;
}

/*
 * A command that is in progress goes on, although software has written another
 * one into the register meanwhile; version 1 knew only the register.
 */
static void test_virtual_command(void)
{
    ViommuVtdConfig config;
    TestStream s;
    Fixture *f;
    unsigned at;

    fixture_config(&config);
    config.scalable_mode = true;
    config.pasid_bits = 8;
    config.virtual_commands = true;
    f = fixture_new(&config);
    at = word_that_changes(f, SPEC_VCMD, UINT64_C(9) << 16);
    for (unsigned version = 1; version <= 2; version++) {
        uint64_t response;

        viommu_reset(f->unit);
        test_stream_save(&s, f->unit);
        test_stream_set(&s, at + 1, SPEC_VCRSP_IP);
        test_stream_set(&s, version == 1 ? at : WORD_RUNNING(&s),
                        SPEC_VCMD_ALLOCATE);
        if (version == 1) {
            test_stream_age(&s, WORD_RUNNING(&s), 2);
        }
        test_stream_must_load(&s, f->unit);
        g_assert_cmphex(guest_reg64(&f->regs, SPEC_VCRSP), ==, SPEC_VCRSP_IP);
        fixture_run(f);
        response = guest_reg64(&f->regs, SPEC_VCRSP);
        g_assert_cmphex(response & ~SPEC_VCRSP_PASID, ==, 0);
        g_assert_cmphex(response & SPEC_VCRSP_PASID, !=, 0);
        test_stream_free(&s);
    }
    viommu_reset(f->unit);
    test_stream_save(&s, f->unit);
    /* no such command can be in progress */
    test_stream_set(&s, at + 1, SPEC_VCRSP_IP);
    g_assert_false(test_stream_load(&s, f->unit));
    test_stream_set(&s, WORD_RUNNING(&s), 7);
    g_assert_false(test_stream_load(&s, f->unit));
    /* nor can a PASID be given out, or a source time out, that is too large */
    test_stream_set(&s, at + 1, UINT64_C(256) << SPEC_VCRSP_PASID_SHIFT);
    g_assert_false(test_stream_load(&s, f->unit));
    test_stream_set(&s, at + 1, 0);
    test_stream_set(&s, WORD_TIMED_OUT(&s), 65537);
    g_assert_false(test_stream_load(&s, f->unit));
    test_stream_set(&s, WORD_TIMED_OUT(&s), 65536);
    g_assert_true(test_stream_load(&s, f->unit));
    test_stream_free(&s);
    fixture_free(f);
}

/* What the version before has written is taken. */
static void test_version_1(void)
{
    Fixture *f = vtd_start();
    Smmu *s = smmu_test_new_with(SMMUV3_S1, NULL);
    g_autofree char *vtd = test_dump(f->unit), *smmu = test_dump(s->f->unit);
    TestStream stream;
    char *after;

    test_stream_save(&stream, f->unit);
    test_stream_age(&stream, stream.words - 2, 2);
    viommu_reset(f->unit);
    test_stream_must_load(&stream, f->unit);
    after = test_dump(f->unit);
    g_assert_cmpstr(vtd, ==, after);
    g_free(after);
    fixture_wait(f);
    test_stream_free(&stream);

    test_stream_save(&stream, s->f->unit);
    test_stream_age(&stream, stream.words - 2, 2);
    viommu_reset(s->f->unit);
    test_stream_must_load(&stream, s->f->unit);
    after = test_dump(s->f->unit);
    g_assert_cmpstr(smmu, ==, after);
    g_free(after);
    smmu_test_sync(s);
    test_stream_free(&stream);
    fixture_free(f);
    smmu_test_free(s);
}

/* --- SMMUv3 --------------------------------------------------------------- */

/* As a guest does after reset; what it has in memory is as it was. */
static void smmu_enable(Smmu *s)
{
    s->commands.prod = 0;
    guest_set_reg64(s->regs, SMMUV3_CMDQ_BASE,
                    s->commands.base | s->commands.log2);
    guest_set_reg64(s->regs, SMMUV3_EVENTQ_BASE, s->events | s->events_log2);
    guest_set_reg64(s->regs, SMMUV3_STRTAB_BASE, s->strtab);
    guest_set_reg32(s->regs, SMMUV3_STRTAB_BASE_CFG, 8);
    guest_set_reg32(s->regs, SMMUV3_IRQ_CTRL, 7);
    guest_set_reg32(s->regs, SMMUV3_CR0, 0x1f);
}

static Smmu *smmu_twin(const Smmu *s)
{
    Smmu *t = smmu_test_new_with(s->ste.config, NULL);

    memcpy(t->f->ram.host, s->f->ram.host, FIXTURE_RAM);
    t->commands.prod = s->commands.prod;
    return t;
}

static uint32_t command_error(const Smmu *s)
{
    return (guest_reg32(s->regs, SMMUV3_GERROR) ^
            guest_reg32(s->regs, SMMUV3_GERRORN)) & SMMUV3_GERROR_CMDQ
           ? guest_reg32(s->regs, SMMUV3_CMDQ_CONS) >> 24 & 0x7f : 0;
}

static void test_smmu_timeout(gconstpointer opaque)
{
    Blow blow = { .fate = GPOINTER_TO_UINT(opaque) };
    Smmu *s = smmu_test_new_with(SMMUV3_S1, NULL), *t;

    g_atomic_int_set(&s->f->device_silent, 1);
    guest_smmu_command(&s->commands, 0x40 | (uint64_t)SMMU_TEST_SID << 32,
                       52);
    g_assert_cmpuint(command_error(s), ==, 0);
    test_stream_save(&blow.stream, s->f->unit);
    t = smmu_twin(s);
    if (blow.fate == LOAD) {
        test_stream_must_load(&blow.stream, t->f->unit);
        guest_smmu_command(&t->commands, 0x46, 0);
        g_assert_cmpuint(command_error(t), ==, SMMUV3_CERROR_ATC);
        guest_set_reg32(t->regs, SMMUV3_GERRORN,
                        guest_reg32(t->regs, SMMUV3_GERROR));
        g_assert_true(guest_smmu_commands_done(&t->commands));
    } else {
        viommu_reset(s->f->unit);
        smmu_enable(s);
        smmu_test_sync(s);
    }
    test_stream_free(&blow.stream);
    smmu_test_free(s);
    smmu_test_free(t);
}

static void test_smmu_struck_endpoint(gconstpointer opaque)
{
    Blow blow = { .fate = GPOINTER_TO_UINT(opaque) };
    Smmu *s = smmu_test_new_with(SMMUV3_S1, NULL);

    guest_set_reg32(s->regs, SMMUV3_CR0, 0);
    test_stream_save(&blow.stream, s->f->unit);
    smmu_enable(s);
    s->f->outside_opaque = &blow;
    s->f->devtlb = silent_and_strike;
    guest_smmu_command(&s->commands, 0x40 | (uint64_t)SMMU_TEST_SID << 32,
                       52);
    g_assert_cmpuint(blow.struck, ==, 1);
    s->f->devtlb = NULL;
    guest_set_reg32(s->regs, SMMUV3_CMDQ_PROD, 0);
    guest_set_reg32(s->regs, SMMUV3_CMDQ_CONS, 0);
    smmu_enable(s);
    smmu_test_sync(s);
    test_stream_free(&blow.stream);
    smmu_test_free(s);
}

/* Software's decision has not reached the endpoint yet. */
static void test_smmu_decision(void)
{
    Smmu *s = smmu_test_new_with(SMMUV3_S1, NULL), *t;
    FixtureResume resume;
    TestStream stream;
    ViommuReply reply;

    s->cd.stall = true;
    smmu_test_put_cd(s, 0);
    g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                    VIOMMU_STALLED);
    /* inside of an access, the rest is for later */
    viommu_dma_begin();
    viommu_mmio_write(s->f->unit, SMMUV3_CR0, SMMUV3_CR0_CMDQEN, 4);
    viommu_dma_end();
    g_assert_cmpuint(s->f->resumes->len, ==, 0);
    test_stream_save(&stream, s->f->unit);
    t = smmu_twin(s);
    test_stream_must_load(&stream, t->f->unit);
    fixture_run(t->f);
    g_assert_cmpuint(t->f->resumes->len, ==, 1);
    resume = g_array_index(t->f->resumes, FixtureResume, 0);
    g_assert_cmpuint(resume.tag, ==, reply.stall_tag);
    g_assert_cmpuint(resume.source, ==, SMMU_TEST_SID);
    g_assert_cmpint(resume.action, ==, VIOMMU_RESUME_ABORT);
    test_stream_free(&stream);
    smmu_test_free(s);
    smmu_test_free(t);
}

/* An interrupt that another thread was about to raise. */
static void test_smmu_interrupt(void)
{
    Smmu *s = smmu_test_new_with(SMMUV3_S1, NULL);
    unsigned before;
    TestStream stream;

    test_stream_save(&stream, s->f->unit);
    before = (unsigned)g_atomic_int_get(&s->f->pulses[0]);
    test_stream_set(&stream, stream.words - 1, 1);
    test_stream_must_load(&stream, s->f->unit);
    fixture_run(s->f);
    g_assert_cmpint(g_atomic_int_get(&s->f->pulses[0]), ==, before + 1);
    test_stream_set(&stream, stream.words - 1, 16);
    g_assert_false(test_stream_load(&stream, s->f->unit));
    test_stream_free(&stream);
    smmu_test_free(s);
}

/* --- Merged events --------------------------------------------------------- */

static Smmu *merging(void)
{
    Smmu *s = smmu_test_new_with(SMMUV3_S1, NULL);

    smmu_test_change(s, smmu_test_ste_at(s) + 8, MEV, MEV);
    return s;
}

static uint32_t produced(Smmu *s)
{
    return guest_reg32(s->regs, SMMUV3_EVENTQ_PROD);
}

static void refuse_one(Smmu *s, uint64_t addr, unsigned events)
{
    uint32_t before = produced(s);
    ViommuReply reply;

    g_assert_cmpint(smmu_test_dma(s, addr, VIOMMU_READ, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_cmpuint(produced(s) - before, ==, events);
}

/* The event is the newest of the unit, and not one of the queue. */
static void test_merge_other_life(gconstpointer opaque)
{
    Blow blow = { .fate = GPOINTER_TO_UINT(opaque) };
    Smmu *s = merging();

    refuse_one(s, VA + 0x1000, 1);
    test_stream_save(&blow.stream, s->f->unit);
    refuse_one(s, VA, 1);
    refuse_one(s, VA, 0);
    strike(&blow, s->f->unit);
    if (blow.fate == RESET) {
        smmu_enable(s);
        guest_set_reg32(s->regs, SMMUV3_EVENTQ_PROD, 3);
        guest_set_reg32(s->regs, SMMUV3_EVENTQ_CONS, 2);
    }
    refuse_one(s, VA, 1);
    refuse_one(s, VA, 0);
    test_stream_free(&blow.stream);
    smmu_test_free(s);
}

static void test_merge_taken(void)
{
    Smmu *s = merging();
    uint64_t word[4];
    uint32_t cons;

    refuse_one(s, VA, 1);
    refuse_one(s, VA + 8, 0);
    /* taken: and not less so when software goes back, or when the index has
     * bits that the queue has not */
    g_assert_true(smmu_test_event(s, word));
    cons = guest_reg32(s->regs, SMMUV3_EVENTQ_CONS);
    guest_set_reg32(s->regs, SMMUV3_EVENTQ_CONS, cons - 1);
    refuse_one(s, VA, 1);
    guest_set_reg32(s->regs, SMMUV3_EVENTQ_CONS, produced(s) | 0x4000);
    refuse_one(s, VA, 1);
    refuse_one(s, VA, 0);
    guest_set_reg32(s->regs, SMMUV3_EVENTQ_CONS, produced(s));
    refuse_one(s, VA, 1);
    refuse_one(s, VA, 0);
    /* the queue is another one, or stands elsewhere */
    guest_set_reg64(s->regs, SMMUV3_EVENTQ_BASE,
                    (s->events + 0x1000) | s->events_log2);
    refuse_one(s, VA, 1);
    refuse_one(s, VA, 0);
    guest_set_reg32(s->regs, SMMUV3_EVENTQ_PROD, produced(s));
    refuse_one(s, VA, 1);
    refuse_one(s, VA, 0);
    guest_set_reg32(s->regs, SMMUV3_CR0, 0x1b);
    guest_set_reg32(s->regs, SMMUV3_CR0, 0x1f);
    refuse_one(s, VA, 1);
    refuse_one(s, VA, 0);
    smmu_test_free(s);
}

typedef struct Case {
    const char *name;
    void (*run)(gconstpointer fate);
} Case;

int main(int argc, char **argv)
{
    static const Case cases[] = {
        { "registers", test_registers },
        { "struck-command", test_struck_command },
        { "struck-endpoint", test_struck_endpoint },
        { "time-out", test_timeout },
        { "drained", test_drained },
        { "smmu-time-out", test_smmu_timeout },
        { "smmu-struck-endpoint", test_smmu_struck_endpoint },
        { "merge-other-life", test_merge_other_life },
    };
    static const char *const fates[FATES] = { "reset", "load" };

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        for (unsigned fate = 0; fate < FATES; fate++) {
            g_autofree char *name = g_strdup_printf("/state-pending/%s/%s",
                                                    cases[i].name,
                                                    fates[fate]);

            g_test_add_data_func(name, GUINT_TO_POINTER(fate), cases[i].run);
        }
    }
    g_test_add_func("/state-pending/virtual-command", test_virtual_command);
    g_test_add_func("/state-pending/version-1", test_version_1);
    g_test_add_func("/state-pending/smmu-decision", test_smmu_decision);
    g_test_add_func("/state-pending/smmu-interrupt", test_smmu_interrupt);
    g_test_add_func("/state-pending/merge-taken", test_merge_taken);
    return g_test_run();
}
