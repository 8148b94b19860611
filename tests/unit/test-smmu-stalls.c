/* SPDX-License-Identifier: BSD-3-Clause */
/* SMMUv3: transactions that wait for software, and for a place in the event
 * queue (3.12.2, 7.2.1). */
#include "smmu.h"

#define VA  UINT64_C(0x7f1234567000)
#define PA  UINT64_C(0x00345000)

static Smmu *new_stream(void)
{
    ViommuSmmuv3Config config;

    smmu_test_config(&config);
    return smmu_test_new(&config, SMMUV3_S1);
}

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
    guest_smmu_command(&s->commands, 0x44 | 1 << 12 | 0x99ull << 32,
                  reply.stall_tag);
    smmu_test_sync(s);
    g_assert_cmpuint(s->f->resumes->len, ==, 0);
    /* retried, so that Ab says nothing */
    guest_smmu_command(&s->commands, 0x44 | 3 << 12 |
                  (uint64_t)SMMU_TEST_SID << 32, reply.stall_tag);
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
 * A full queue loses events.  A transaction that is to stall waits for a
 * place, and then arrives anew: what has become of the address meanwhile
 * counts, not what its first event would have said.
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

/* As many as IDR5 says wait, the next one does not. */
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
    guest_smmu_command(&s->commands, 0x45 | 1ull << 32, 0);
    smmu_test_sync(s);
    g_assert_cmpuint(s->f->resumes->len, ==, 0);
    guest_smmu_command(&s->commands, 0x45 | (uint64_t)SMMU_TEST_SID << 32, 0);
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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smmu-stalls/resume", test_stall);
    g_test_add_func("/smmu-stalls/event-overflow", test_event_overflow);
    g_test_add_func("/smmu-stalls/event-abort", test_event_abort);
    g_test_add_func("/smmu-stalls/bounded", test_bounded);
    return g_test_run();
}
