/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3 and an embedder with accesses outside of DMA sections: no CMD_SYNC
 * completes while they go on, and no invalidation is forgotten.
 */
#include "tests/lib/unit/smmu.h"

/* The embedder says "no" so often. */
#define ROUNDS      5
/* Where a CMD_SYNC writes its message. */
#define AT          UINT64_C(0x5000)
#define MESSAGE     UINT64_C(0x12345678)

static Smmu *shared;

static Smmu *start(void)
{
    ViommuSmmuv3Config config;

    smmu_test_config(&config);
    shared = smmu_test_new(&config, SMMUV3_S1);
    shared->f->asked = 0;
    fixture_forget(shared->f);
    return shared;
}

static unsigned invalidations(Smmu *s)
{
    unsigned n = s->f->invalidations->len;

    g_array_set_size(s->f->invalidations, 0);
    return n;
}

static uint32_t consumed(const Smmu *s)
{
    return guest_reg32(s->regs, SMMUV3_CMDQ_CONS);
}

static bool late(Fixture *f)
{
    g_assert_false(guest_smmu_commands_done(&shared->commands));
    g_assert_cmphex(guest_read64(&f->mem, AT), ==, 0);
    g_assert_cmpint(g_atomic_int_get(&f->pulses[2]), ==, 0);
    g_assert_cmphex(guest_reg32(shared->regs, SMMUV3_GERROR) &
                    SMMUV3_GERROR_CMDQ, ==, 0);
    return f->asked > ROUNDS;
}

/* [SMMU 4.7.3] */
static void test_sync(void)
{
    Smmu *s = start();

    smmu_test_sync(s);
    /* nothing was invalidated */
    g_assert_cmpuint(s->f->asked, ==, 0);

    guest_write64(&s->f->mem, AT, 0);
    invalidations(s);
    s->f->drained = late;
    guest_smmu_command(&s->commands, CMD_NSNH_ALL, 0);
    g_assert_true(guest_smmu_commands_done(&s->commands));
    g_assert_cmpuint(s->f->asked, ==, 0);
    guest_smmu_command(&s->commands, CMD_SYNC_IRQ | CMD_MSI_DATA(MESSAGE), AT);
    g_assert_true(guest_smmu_commands_done(&s->commands));
    g_assert_cmphex(guest_read64(&s->f->mem, AT), ==, MESSAGE);
    g_assert_cmpuint(s->f->asked, ==, ROUNDS + 1);
    g_assert_cmpuint(invalidations(s), ==, 1);
    /* once is enough */
    smmu_test_sync(s);
    g_assert_cmpuint(s->f->asked, ==, ROUNDS + 1);
    smmu_test_free(s);
}

/* The wire, too, is raised once, at the end. */
static void test_wire(void)
{
    Smmu *s = start();

    guest_write64(&s->f->mem, AT, 0);
    s->f->drained = late;
    guest_smmu_command(&s->commands, CMD_NSNH_ALL, 0);
    guest_smmu_command(&s->commands, CMD_SYNC_IRQ, 0);
    g_assert_true(guest_smmu_commands_done(&s->commands));
    g_assert_cmpuint(s->f->asked, ==, ROUNDS + 1);
    g_assert_cmpint(g_atomic_int_get(&s->f->pulses[2]), ==, 1);
    smmu_test_free(s);
}

/* Commands behind it, which come meanwhile, wait as well. */
static bool another(Fixture *f)
{
    if (f->asked == 1) {
        guest_smmu_command(&shared->commands, CMD_NSNH_ALL, 0);
    }
    g_assert_cmpuint(f->invalidations->len, ==, 1);
    return late(f);
}

static void test_order(void)
{
    Smmu *s = start();

    guest_write64(&s->f->mem, AT, 0);
    invalidations(s);
    s->f->drained = another;
    guest_smmu_command(&s->commands, CMD_NSNH_ALL, 0);
    guest_smmu_command(&s->commands, CMD_SYNC, 0);
    g_assert_true(guest_smmu_commands_done(&s->commands));
    g_assert_cmpuint(s->f->asked, ==, ROUNDS + 1);
    g_assert_cmpuint(invalidations(s), ==, 2);
    smmu_test_free(s);
}

/* A device-TLB that does not answer is told when the rest is over, once
 * [SMMU 4.7.3] [SMMU 4.5.1]. */
static void test_timeout(void)
{
    Smmu *s = start();
    uint32_t before;

    guest_write64(&s->f->mem, AT, 0);
    s->f->drained = late;
    g_atomic_int_set(&s->f->device_silent, 1);
    guest_smmu_command(&s->commands,
                       CMD_ATC_INV | CMD_SID(SMMU_TEST_SID), 0);
    before = consumed(s);
    guest_smmu_command(&s->commands, CMD_SYNC, 0);
    g_assert_cmpuint(s->f->asked, ==, ROUNDS + 1);
    g_assert_cmphex(consumed(s), ==, before | SMMUV3_CERROR_ATC << 24);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_GERROR) & SMMUV3_GERROR_CMDQ,
                    !=, 0);
    guest_set_reg32(s->regs, SMMUV3_GERRORN,
                    guest_reg32(s->regs, SMMUV3_GERROR));
    g_assert_true(guest_smmu_commands_done(&s->commands));
    smmu_test_free(s);
}

/* The queue is switched off while a CMD_SYNC is put off: CR0ACK follows when
 * what was invalidated is used no more. */
static bool off(Fixture *f)
{
    if (f->asked == 1) {
        guest_set_reg32(shared->regs, SMMUV3_CR0, SMMUV3_CR0_SMMUEN);
    }
    g_assert_cmphex(guest_reg32(shared->regs, SMMUV3_CR0ACK) &
                    SMMUV3_CR0_CMDQEN, !=, 0);
    return f->asked > ROUNDS;
}

static void test_switched_off(void)
{
    Smmu *s = start();
    uint32_t before;

    s->f->drained = off;
    guest_smmu_command(&s->commands, CMD_NSNH_ALL, 0);
    before = consumed(s);
    guest_smmu_command(&s->commands, CMD_SYNC, 0);
    g_assert_cmpuint(s->f->asked, ==, ROUNDS + 1);
    g_assert_cmphex(consumed(s), ==, before);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_CR0ACK), ==,
                    SMMUV3_CR0_SMMUEN);
    s->f->drained = NULL;
    guest_set_reg32(s->regs, SMMUV3_CR0,
                    SMMUV3_CR0_SMMUEN | SMMUV3_CR0_CMDQEN);
    g_assert_true(guest_smmu_commands_done(&s->commands));
    smmu_test_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smmu-drained/sync", test_sync);
    g_test_add_func("/smmu-drained/wire", test_wire);
    g_test_add_func("/smmu-drained/order", test_order);
    g_test_add_func("/smmu-drained/timeout", test_timeout);
    g_test_add_func("/smmu-drained/switched-off", test_switched_off);
    return g_test_run();
}
