/* SPDX-License-Identifier: BSD-3-Clause */
/* SMMUv3: transactions that wait for software, and for a place in the event
 * queue [SMMU 3.12.2] [SMMU 7.2.1]. */
#include <string.h>

#include "tests/lib/unit/blow.h"
#include "tests/lib/unit/smmu.h"

#define VA  UINT64_C(0x7f1234567000)
#define PA  UINT64_C(0x00345000)

static Smmu *new_stream(void)
{
    ViommuSmmuv3Config config;

    smmu_test_config(&config);
    return smmu_test_new(&config, SMMUV3_S1);
}

/* [SMMU 3.12.2] [SMMU 3.12] [SMMU 4.7.1] [SMMU 5.5] */
static void test_stall(void)
{
    Smmu *s = new_stream();
    ViommuReply reply;
    FixtureResume resume;
    uint64_t word[4];

    s->cd.stall = true;
    smmu_test_put_cd(s, 0);
    g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                    VIOMMU_STALLED);
    g_assert_true(smmu_test_event(s, word));
    g_assert_cmphex(word[0] & 0xff, ==, SMMUV3_F_TRANSLATION);
    g_assert_cmphex(word[1] >> 31 & 1, ==, 1);
    g_assert_cmphex(word[1] & 0xffff, ==, reply.stall_tag);
    smmu_test_map(s, VA, PA);
    /* another stream's, then the right one */
    guest_smmu_command(&s->commands, CMD_RESUME | CMD_RETRY | CMD_SID(0x99),
                  reply.stall_tag);
    smmu_test_sync(s);
    g_assert_cmpuint(s->f->resumes->len, ==, 0);
    /* retried, so that Ab says nothing */
    guest_smmu_command(&s->commands, CMD_RESUME | CMD_RETRY | CMD_ABORT |
                  CMD_SID(SMMU_TEST_SID), reply.stall_tag);
    smmu_test_sync(s);
    g_assert_cmpuint(s->f->resumes->len, ==, 1);
    resume = g_array_index(s->f->resumes, FixtureResume, 0);
    g_assert_cmpuint(resume.source, ==, SMMU_TEST_SID);
    g_assert_cmpuint(resume.tag, ==, reply.stall_tag);
    g_assert_cmpint(resume.action, ==, VIOMMU_RESUME_RETRY);
    g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==, VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, PA);

    /* Disabling the unit ends those that wait. */
    g_assert_cmpint(smmu_test_dma(s, VA + 0x1000, VIOMMU_READ, &reply), ==,
                    VIOMMU_STALLED);
    guest_set_reg32(s->regs, SMMUV3_CR0, SMMUV3_CR0_CMDQEN);
    fixture_run(s->f);
    g_assert_cmpuint(s->f->resumes->len, ==, 2);
    resume = g_array_index(s->f->resumes, FixtureResume, 1);
    g_assert_cmpint(resume.action, ==, VIOMMU_RESUME_ABORT);
    smmu_test_free(s);
}

/* The last transaction that was told to go on. */
static void expect_retry(Smmu *s, unsigned n, uint16_t tag)
{
    FixtureResume resume;

    g_assert_cmpuint(s->f->resumes->len, ==, n);
    resume = g_array_index(s->f->resumes, FixtureResume, n - 1);
    g_assert_cmpuint(resume.tag, ==, tag);
    g_assert_cmpint(resume.action, ==, VIOMMU_RESUME_RETRY);
}

/*
 * A full queue loses events.  A transaction that is to stall waits for a place,
 * and then arrives anew: what has become of the address meanwhile counts, not
 * what its first event would have said [SMMU 7.2.1] [SMMU 7.4].
 */
static void test_event_overflow(void)
{
    Smmu *s = new_stream();
    ViommuReply reply;
    uint64_t word[4];
    unsigned n = 0;

    guest_set_reg32(s->regs, SMMUV3_CR0,
                    SMMUV3_CR0_SMMUEN | SMMUV3_CR0_CMDQEN);
    smmu_test_events(s, 2);
    guest_set_reg32(s->regs, SMMUV3_CR0, SMMUV3_CR0_SMMUEN |
                    SMMUV3_CR0_CMDQEN | SMMUV3_CR0_EVENTQEN);
    for (unsigned i = 0; i < 6; i++) {
        smmu_test_dma(s, VA + i * 0x1000, VIOMMU_READ, &reply);
    }
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_EVENTQ_PROD), ==,
                    0x80000004u);
    s->cd.stall = true;
    smmu_test_put_cd(s, 0);
    g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                    VIOMMU_STALLED);
    g_assert_cmpuint(s->f->resumes->len, ==, 0);
    while (smmu_test_event(s, word)) {
        g_assert_cmphex(word[1] >> 31 & 1, ==, 0);
        fixture_run(s->f);
        n++;
    }
    g_assert_cmpuint(n, ==, 4);
    expect_retry(s, 1, reply.stall_tag);
    g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                    VIOMMU_STALLED);
    g_assert_true(smmu_test_event(s, word));
    g_assert_cmphex(word[1] >> 31 & 1, ==, 1);
    smmu_test_free(s);
}

/* The same when the queue's memory does not answer, until that is
 * acknowledged; or when it is off. */
static void test_event_abort(void)
{
    Smmu *s = new_stream();
    uint32_t cr0 = guest_reg32(s->regs, SMMUV3_CR0);
    ViommuReply reply;

    s->cd.stall = true;
    smmu_test_put_cd(s, 0);
    guest_set_reg64(s->regs, SMMUV3_EVENTQ_BASE, FIXTURE_RAM * 4);
    g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                    VIOMMU_STALLED);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_GERROR), ==,
                    SMMUV3_GERROR_EVENTQ);
    guest_set_reg64(s->regs, SMMUV3_EVENTQ_BASE, s->events);
    fixture_run(s->f);
    g_assert_cmpuint(s->f->resumes->len, ==, 0);
    guest_set_reg32(s->regs, SMMUV3_GERRORN, SMMUV3_GERROR_EVENTQ);
    fixture_run(s->f);
    expect_retry(s, 1, reply.stall_tag);

    guest_set_reg32(s->regs, SMMUV3_CR0, cr0 & ~SMMUV3_CR0_EVENTQEN);
    g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                    VIOMMU_STALLED);
    guest_set_reg32(s->regs, SMMUV3_CR0, cr0);
    fixture_run(s->f);
    expect_retry(s, 2, reply.stall_tag);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_EVENTQ_PROD), ==, 0);
    smmu_test_free(s);
}

/* As many as IDR5 says wait, the next one does not [SMMU 3.12.2] [SMMU 6.3.6]
 * [SMMU 4.7.2]. */
static void test_bounded(void)
{
    Smmu *s = new_stream();
    unsigned max = guest_reg32(s->regs, SMMUV3_IDR5) >> 16;
    ViommuReply reply;

    s->cd.stall = true;
    smmu_test_put_cd(s, 0);
    for (unsigned i = 0; i < max; i++) {
        g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                        VIOMMU_STALLED);
    }
    g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                    VIOMMU_FAULT);
    /* Others' stalls stay; ours all end. */
    guest_smmu_command(&s->commands, CMD_STALL_TERM | CMD_VMID(1), 0);
    smmu_test_sync(s);
    g_assert_cmpuint(s->f->resumes->len, ==, 0);
    guest_smmu_command(&s->commands, CMD_STALL_TERM | CMD_SID(SMMU_TEST_SID),
                       0);
    smmu_test_sync(s);
    g_assert_cmpuint(s->f->resumes->len, ==, max);
    /* And there is room again. */
    g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                    VIOMMU_STALLED);
    fixture_forget(s->f);
    guest_set_reg32(s->regs, SMMUV3_CR0, SMMUV3_CR0_CMDQEN);
    fixture_run(s->f);
    g_assert_cmpuint(s->f->resumes->len, ==, 1);
    smmu_test_free(s);
}

/* --- Decisions that come early ------------------------------------------- */

#define RESUME(tag) \
    (CMD_RESUME | CMD_RETRY | CMD_SID(SMMU_TEST_SID)), (tag)
#define STALL_TERM      (CMD_STALL_TERM | CMD_SID(SMMU_TEST_SID)), 0

static Smmu *new_stalling(void)
{
    Smmu *s = new_stream();

    s->cd.stall = true;
    smmu_test_put_cd(s, 0);
    return s;
}

/* The embedder says "no" so often. */
#define ROUNDS 5

static Smmu *drained_of;

static bool late(Fixture *f)
{
    g_assert_cmpuint(f->resumes->len, ==, 0);
    /* No command waits for the endpoint; CR0ACK does. */
    g_assert_true(guest_smmu_commands_done(&drained_of->commands));
    g_assert_cmphex(guest_reg32(drained_of->regs, SMMUV3_CR0ACK) & 1, ==, 1);
    return f->asked > ROUNDS;
}

static void decide(Smmu *s, unsigned how, uint16_t tag)
{
    switch (how) {
    case 0:
        guest_smmu_command(&s->commands, RESUME(tag));
        break;
    case 1:
        guest_smmu_command(&s->commands, STALL_TERM);
        break;
    default:
        guest_set_reg32(s->regs, SMMUV3_CR0,
                        SMMUV3_CR0_CMDQEN | SMMUV3_CR0_EVENTQEN);
        break;
    }
    viommu_run(s->f->unit);
}

/*
 * Software decides while an access of the embedder's, perhaps the very one that
 * stalls, is still under way: its endpoint is told when that has ended, and no
 * command waits for it [SMMU 4.7.2].
 */
static void test_undrained(void)
{
    for (unsigned how = 0; how < 3; how++) {
        Smmu *s = new_stalling();
        ViommuReply reply;
        FixtureResume resume;

        g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                        VIOMMU_STALLED);
        drained_of = s;
        s->f->asked = 0;
        s->f->drained = late;
        decide(s, how, reply.stall_tag);
        g_assert_cmpuint(s->f->asked, >, ROUNDS);
        s->f->drained = NULL;
        g_assert_cmpuint(s->f->resumes->len, ==, 1);
        resume = g_array_index(s->f->resumes, FixtureResume, 0);
        g_assert_cmpuint(resume.tag, ==, reply.stall_tag);
        g_assert_cmpint(resume.action, ==,
                        how ? VIOMMU_RESUME_ABORT : VIOMMU_RESUME_RETRY);
        smmu_test_free(s);
    }
}

/* A guest on another thread, which decides as soon as it sees the event. */
typedef struct Guest {
    Smmu *s;
    unsigned how;
    GThread *thread;
    int noted;          /* the endpoint knows its tag; atomic */
    int early;          /* it was told before that; atomic */
} Guest;

static Guest *guest_of_test;

static gpointer guest_decides(gpointer opaque)
{
    Guest *g = opaque;
    uint64_t word[4];

    g_assert_true(smmu_test_event(g->s, word));
    g_assert_cmphex(word[1] >> 31 & 1, ==, 1);
    decide(g->s, g->how, word[1] & 0xffff);
    if (g->s->f->resumes->len && !g_atomic_int_get(&g->noted)) {
        g_atomic_int_set(&g->early, 1);
    }
    fixture_run(g->s->f);
    return NULL;
}

static void event_written(Fixture *f, uint64_t addr, uint64_t size)
{
    Guest *g = guest_of_test;

    if (addr >= g->s->events && addr < g->s->events + 4096 && size) {
        f->ram_written = NULL;
        g->thread = g_thread_new("guest", guest_decides, g);
    }
}

/*
 * The same where the endpoint's access is in a DMA section, and the guest sees
 * the event before viommu_translate() has returned.  The section ends some
 * time after the guest could have had its way, were it not for that.
 */
static void test_overtaken(void)
{
    for (unsigned how = 0; how < 3; how++) {
        Guest g = { .s = new_stalling(), .how = how };
        const ViommuRequest req = {
            .source = SMMU_TEST_SID, .pasid = VIOMMU_NO_PASID, .addr = VA,
            .access = VIOMMU_READ,
        };
        ViommuReply reply;

        guest_of_test = &g;
        g.s->f->ram_written = event_written;
        viommu_dma_begin();
        g_assert_cmpint(viommu_translate(g.s->f->unit, &req, &reply), ==,
                        VIOMMU_STALLED);
        g_assert_nonnull(g.thread);
        g_usleep(20000);
        g_atomic_int_set(&g.noted, 1);
        viommu_dma_end();
        g_thread_join(g.thread);
        fixture_run(g.s->f);
        g_assert_cmpint(g.early, ==, 0);
        g_assert_cmpuint(g.s->f->resumes->len, ==, 1);
        smmu_test_free(g.s);
    }
}

/* A tag that is guessed, before an event tells of it, is nobody's
 * [SMMU 4.7.1]. */
static void test_guessed(void)
{
    Smmu *s = new_stalling();
    uint32_t cr0 = guest_reg32(s->regs, SMMUV3_CR0);
    ViommuReply reply;

    guest_set_reg32(s->regs, SMMUV3_CR0, cr0 & ~SMMUV3_CR0_EVENTQEN);
    g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                    VIOMMU_STALLED);
    for (unsigned tag = 0; tag < 70; tag++) {
        guest_smmu_command(&s->commands, RESUME(tag));
        smmu_test_sync(s);
    }
    guest_smmu_command(&s->commands, RESUME(0xffff));
    smmu_test_sync(s);
    g_assert_cmpuint(s->f->resumes->len, ==, 0);
    guest_smmu_command(&s->commands, STALL_TERM);
    smmu_test_sync(s);
    g_assert_cmpuint(s->f->resumes->len, ==, 1);
    smmu_test_free(s);
}

/* --- Transactions on their way when translation is switched off ---------- */

enum { SWITCH_OFF, SWITCH_RESET, SWITCH_BLOCK };

static unsigned what_happens;
static GThread *resetting;

/* The walk reads its table here, and finds nothing; meanwhile, ... */
static int switch_over(Fixture *f, uint64_t addr, void *buf, size_t size)
{
    (void)addr;
    memset(buf, 0, size);
    switch (what_happens) {
    case SWITCH_RESET:
        resetting = blow_reset_begin(f->unit, SMMUV3_CR0);
        break;
    case SWITCH_BLOCK:
        viommu_mmio_write(f->unit, SMMUV3_GBPA,
                          SMMUV3_GBPA_UPDATE | SMMUV3_GBPA_ABORT, 4);
        /* fall through */
    default:
        viommu_mmio_write(f->unit, SMMUV3_CR0,
                          SMMUV3_CR0_CMDQEN | SMMUV3_CR0_EVENTQEN, 4);
        break;
    }
    return 0;
}

/*
 * None becomes stalled after SMMUEN was cleared [SMMU 6.3.9.6].  Transactions
 * that are still on their way end, software is not told of a stall that it
 * could do nothing with, and each tag is free for the next time.
 */
static void test_switched_off(void)
{
    for (unsigned i = 0; i < 3; i++) {
        Smmu *s = new_stream();
        uint32_t cr0 = guest_reg32(s->regs, SMMUV3_CR0);
        unsigned max = guest_reg32(s->regs, SMMUV3_IDR5) >> 16;
        ViommuReply reply;
        uint64_t word[4];

        s->cd.stall = true;
        s->cd.ttb[0] = FIXTURE_RAM * 4;
        smmu_test_put_cd(s, 0);
        what_happens = i;
        s->f->outside_read = switch_over;
        g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                        VIOMMU_FAULT);
        if (i == SWITCH_RESET) {
            g_thread_join(resetting);
        }
        fixture_run(s->f);
        g_assert_cmphex(guest_reg32(s->regs, SMMUV3_CR0ACK) & 1, ==, 0);
        g_assert_cmphex(guest_reg32(s->regs, SMMUV3_EVENTQ_PROD), ==, 0);
        g_assert_cmpuint(s->f->resumes->len, ==, 0);
        s->f->outside_read = NULL;
        if (i == SWITCH_RESET) {
            smmu_test_free(s);
            continue;
        }
        guest_set_reg32(s->regs, SMMUV3_CR0, cr0);
        fixture_run(s->f);
        s->cd.ttb[0] = s->s1.ttb;
        smmu_test_put_cd(s, 0);
        for (unsigned n = 0; n < max; n++) {
            g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                            VIOMMU_STALLED);
            g_assert_true(smmu_test_event(s, word));
        }
        smmu_test_free(s);
    }
}

/* Those that wait end when SMMUEN is cleared, also such as no event tells of,
 * and none of their events comes later [SMMU 3.12.2.2]. */
static void test_waiting_switched_off(void)
{
    Smmu *s = new_stalling();
    uint32_t cr0 = guest_reg32(s->regs, SMMUV3_CR0);
    ViommuReply reply;
    uint64_t word[4];

    g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                    VIOMMU_STALLED);
    g_assert_true(smmu_test_event(s, word));
    guest_set_reg32(s->regs, SMMUV3_CR0, cr0 & ~SMMUV3_CR0_EVENTQEN);
    g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                    VIOMMU_STALLED);
    guest_set_reg32(s->regs, SMMUV3_CR0, SMMUV3_CR0_CMDQEN);
    fixture_run(s->f);
    g_assert_cmpuint(s->f->resumes->len, ==, 2);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmpint(g_array_index(s->f->resumes, FixtureResume, i).action,
                        ==, VIOMMU_RESUME_ABORT);
    }
    guest_set_reg32(s->regs, SMMUV3_CR0, cr0);
    fixture_run(s->f);
    g_assert_false(smmu_test_event(s, word));
    g_assert_cmpuint(s->f->resumes->len, ==, 2);
    smmu_test_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smmu-stalls/resume", test_stall);
    g_test_add_func("/smmu-stalls/event-overflow", test_event_overflow);
    g_test_add_func("/smmu-stalls/event-abort", test_event_abort);
    g_test_add_func("/smmu-stalls/bounded", test_bounded);
    g_test_add_func("/smmu-stalls/undrained", test_undrained);
    g_test_add_func("/smmu-stalls/overtaken", test_overtaken);
    g_test_add_func("/smmu-stalls/guessed", test_guessed);
    g_test_add_func("/smmu-stalls/switched-off", test_switched_off);
    g_test_add_func("/smmu-stalls/waiting-switched-off",
                    test_waiting_switched_off);
    return g_test_run();
}
