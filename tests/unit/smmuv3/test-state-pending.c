/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is under way when an SMMUv3 is saved, loaded or reset: what the guest
 * and its endpoints are still to hear of goes on in the unit that takes the
 * state, and nothing of the one that was there does.
 */
#include <string.h>

#include "tests/lib/unit/blow.h"
#include "tests/lib/unit/smmu.h"

#define VA      UINT64_C(0x7f1234567000)
#define MEV     FIELD_MASK(STE_MEV)     /* second word of an entry */

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
           ? SMMUV3_CONS_ERR(guest_reg32(s->regs, SMMUV3_CMDQ_CONS)) : 0;
}

static void test_timeout(gconstpointer opaque)
{
    Blow blow = { .fate = GPOINTER_TO_UINT(opaque) };
    Smmu *s = smmu_test_new_with(SMMUV3_S1, NULL), *t;

    g_atomic_int_set(&s->f->device_silent, 1);
    guest_smmu_command(&s->commands, CMD_ATC_INV | CMD_SID(SMMU_TEST_SID),
                       52);
    g_assert_cmpuint(command_error(s), ==, 0);
    test_stream_save(&blow.stream, s->f->unit);
    t = smmu_twin(s);
    if (blow.fate == LOAD) {
        test_stream_must_load(&blow.stream, t->f->unit);
        guest_smmu_command(&t->commands, CMD_SYNC, 0);
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

static void test_struck_endpoint(gconstpointer opaque)
{
    Blow blow = { .fate = GPOINTER_TO_UINT(opaque) };
    Smmu *s = smmu_test_new_with(SMMUV3_S1, NULL);

    guest_set_reg32(s->regs, SMMUV3_CR0, 0);
    test_stream_save(&blow.stream, s->f->unit);
    smmu_enable(s);
    s->f->outside_opaque = &blow;
    s->f->devtlb = blow_in_endpoint;
    guest_smmu_command(&s->commands, CMD_ATC_INV | CMD_SID(SMMU_TEST_SID),
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

/* An address translation operation whose stream's entry is not in RAM. */
static GThread *resetting;

static int reset_in_read(Fixture *f, uint64_t addr, void *buf, size_t size)
{
    (void)addr;
    memset(buf, 0, size);
    f->outside_read = NULL;
    resetting = blow_reset_begin(f->unit, SMMUV3_CR0);
    return 0;
}

static void test_struck_operation(void)
{
    Smmu *s = smmu_test_new_with(SMMUV3_S1, NULL);

    guest_set_reg64(s->regs, SMMUV3_STRTAB_BASE, UINT64_C(0x80000000));
    smmu_test_forget(s);
    s->f->outside_read = reset_in_read;
    guest_set_reg64(s->regs, SMMUV3_GATOS_SID, SMMU_TEST_SID);
    guest_set_reg64(s->regs, SMMUV3_GATOS_ADDR, VA | GATOS_TYPE(1));
    guest_set_reg32(s->regs, SMMUV3_GATOS_CTRL, 1);
    g_assert_null(s->f->outside_read);
    g_thread_join(resetting);
    g_assert_cmphex(guest_reg64(s->regs, SMMUV3_GATOS_PAR), ==, 0);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_GATOS_CTRL), ==, 0);
    smmu_test_free(s);
}

/* Software's decision has not reached the endpoint yet. */
static void test_decision(void)
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
static void test_interrupt(void)
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

/* --- Merged events -------------------------------------------------------- */

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
    blow_strike(&blow, s->f->unit);
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

static void test_version_1(void)
{
    Smmu *s = smmu_test_new_with(SMMUV3_S1, NULL);
    g_autofree char *before = test_dump(s->f->unit), *after = NULL;
    TestStream stream;

    test_stream_save(&stream, s->f->unit);
    test_stream_age(&stream, stream.words - 2, 2);
    viommu_reset(s->f->unit);
    test_stream_must_load(&stream, s->f->unit);
    after = test_dump(s->f->unit);
    g_assert_cmpstr(before, ==, after);
    smmu_test_sync(s);
    test_stream_free(&stream);
    smmu_test_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    blow_add("smmu-state-pending", "time-out", test_timeout);
    blow_add("smmu-state-pending", "struck-endpoint", test_struck_endpoint);
    blow_add("smmu-state-pending", "merge-other-life", test_merge_other_life);
    g_test_add_func("/smmu-state-pending/struck-operation",
                    test_struck_operation);
    g_test_add_func("/smmu-state-pending/decision", test_decision);
    g_test_add_func("/smmu-state-pending/interrupt", test_interrupt);
    g_test_add_func("/smmu-state-pending/merge-taken", test_merge_taken);
    g_test_add_func("/smmu-state-pending/version-1", test_version_1);
    return g_test_run();
}
