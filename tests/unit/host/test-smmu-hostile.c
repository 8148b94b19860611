/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest that does what it likes with entries, descriptors, commands and
 * registers of an SMMUv3, behind which are host devices: the host never sees
 * anything that it has to refuse, and what is sane works afterwards.  Another
 * one does so while its devices are at work.
 */
#include <pthread.h>

#include "tests/lib/unit/host-smmu.h"

#define CR0_ON      (SMMUV3_CR0_SMMUEN | SMMUV3_CR0_CMDQEN | \
                     SMMUV3_CR0_EVENTQEN)

typedef struct Guest {
    HostSmmu t;
    GRand *rand;
    uint64_t errors;    /* of commands, which the unit has found itself */
} Guest;

static uint32_t draw(Guest *g, uint32_t below)
{
    return g_rand_int(g->rand) % below;
}

static uint64_t word(Guest *g)
{
    uint64_t any = (uint64_t)g_rand_int(g->rand) << 32 | g_rand_int(g->rand);

    switch (draw(g, 4)) {
    case 0:
        return any;
    case 1:
        return any & ((uint64_t)g_rand_int(g->rand) << 32 |
                      g_rand_int(g->rand));
    default:
        return UINT64_C(1) << draw(g, 64);
    }
}

/* Tables that are sane but for some bits. */
static void spoil(Guest *g, uint64_t at, unsigned words)
{
    for (unsigned i = draw(g, 4); i--; ) {
        uint64_t addr = at + draw(g, words) * 8;

        guest_write64(&g->t.h.f->mem, addr,
                      guest_read64(&g->t.h.f->mem, addr) ^ word(g));
    }
}

static void change_tables(Guest *g)
{
    static const unsigned configs[] = {
        SMMUV3_ABORT, SMMUV3_BYPASS, SMMUV3_S1, SMMUV3_S1, SMMUV3_S2,
        SMMUV3_NESTED,
    };
    Smmu *s = g->t.s;
    uint32_t sid = HOST_SID(draw(g, HOST_DEVICES));

    s->ste.config = configs[draw(g, G_N_ELEMENTS(configs))];
    s->ste.s1fmt = draw(g, 4);
    s->ste.s1cdmax = draw(g, 8);
    s->ste.s1dss = draw(g, 4);
    s->ste.s1stalld = draw(g, 2);
    s->ste.eats = draw(g, 4);
    host_smmu_write_ste(&g->t, sid);
    if (draw(g, 2)) {
        spoil(g, s->strtab + sid * SMMUV3_STE_SIZE, 8);
    }
    if (!draw(g, 4)) {
        spoil(g, s->cds + draw(g, 8) * SMMUV3_CD_SIZE, 8);
    }
}

static void give_commands(Guest *g)
{
    static const uint8_t opcodes[] = {
        0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x11, 0x12, 0x13, 0x20,
        0x28, 0x2a, 0x30, 0x40, 0x41, 0x44, 0x45, 0x46, 0x03, 0x12, 0x40,
    };

    for (unsigned n = 1 + draw(g, 40); n--; ) {
        uint64_t low = word(g) & ~UINT64_C(0xff), high = word(g);

        if (draw(g, 2)) {
            low = (low & 0xfffff800) |
                  CMD_SID(HOST_SID(draw(g, HOST_DEVICES)));
        }
        if (draw(g, 2)) {
            high = HOST_VA | (high & 0xf3f);
        }
        host_smmu_later(&g->t, low | opcodes[draw(g, sizeof(opcodes))], high);
    }
    host_smmu_ring(&g->t);
}

/* What is wrong with a command is the unit's own finding. */
static void acknowledge(Guest *g)
{
    const GuestRegs *regs = g->t.s->regs;

    for (unsigned i = 0; i < 100; i++) {
        uint32_t cons = guest_reg32(regs, SMMUV3_CMDQ_CONS);

        if (!((guest_reg32(regs, SMMUV3_GERROR) ^
               guest_reg32(regs, SMMUV3_GERRORN)) & SMMUV3_GERROR_CMDQ)) {
            break;
        }
        g_assert_cmphex(SMMUV3_CONS_ERR(cons), ==, SMMUV3_CERROR_ILL);
        g->errors++;
        /* As a driver does, put something harmless there. */
        guest_write64(&g->t.h.f->mem, g->t.s->commands.base +
                      (cons & ((1u << g->t.s->commands.log2) - 1)) * 16,
                      0x46);
        guest_set_reg32(regs, SMMUV3_GERRORN,
                        guest_reg32(regs, SMMUV3_GERROR));
        fixture_run(g->t.h.f);
    }
    g_assert_true(guest_smmu_commands_done(&g->t.s->commands));
}

static void touch_registers(Guest *g)
{
    const GuestRegs *regs = g->t.s->regs;

    switch (draw(g, 6)) {
    case 0:
        guest_set_reg32(regs, SMMUV3_CR0, CR0_ON ^ SMMUV3_CR0_SMMUEN);
        break;
    case 1:
        guest_set_reg32(regs, SMMUV3_GBPA, SMMUV3_GBPA_UPDATE |
                        (draw(g, 2) ? SMMUV3_GBPA_ABORT : 0));
        break;
    case 2:
        guest_set_reg32(regs, SMMUV3_STRTAB_BASE_CFG, word(g) & 0x307ff);
        break;
    default:
        guest_set_reg32(regs, SMMUV3_STRTAB_BASE_CFG, 8);
        guest_set_reg32(regs, SMMUV3_CR0, CR0_ON);
        break;
    }
    fixture_run(g->t.h.f);
}

static void sane(Guest *g)
{
    const GuestRegs *regs = g->t.s->regs;
    Smmu *s = g->t.s;

    guest_set_reg32(regs, SMMUV3_STRTAB_BASE_CFG, 8);
    guest_set_reg32(regs, SMMUV3_CR0, CR0_ON);
    s->ste = (GuestSte) {
        .config = SMMUV3_S1, .cd_table = s->cds, .s1cdmax = 4,
        .s1dss = S1DSS_SSID0,
    };
    host_smmu_put_ste(&g->t, HOST_SID(0));
    smmu_test_put_cd(s, 0);
    s->cd.asid = SMMU_TEST_ASID + 1;
    smmu_test_put_cd(s, HOST_SSID);
    s->cd.asid = SMMU_TEST_ASID;
    host_smmu_command(&g->t, CMD_CFGI_STE_RANGE, CMD_RANGE_ALL);
    host_smmu_command(&g->t, CMD_NSNH_ALL, 0);
    smmu_test_sync(s);
    host_good(&g->t.h, 0, SM_NONE, HOST_VA, HOST_DATA);
    host_good(&g->t.h, 0, HOST_SSID, HOST_VA, HOST_DATA);
}

static void begin(Guest *g)
{
    GError *error = NULL;

    *g = (Guest) { .rand = g_rand_new_with_seed(g_test_rand_int()) };
    host_smmu_start(&g->t, 0);
    for (unsigned i = 1; i < HOST_DEVICES; i++) {
        g_assert_true(host_smmu_attach(&g->t, i, &error));
    }
    g_assert_no_error(error);
}

static void end(Guest *g)
{
    host_smmu_end(&g->t);
    g_rand_free(g->rand);
}

static void test_tables_and_commands(void)
{
    ViommuHostStats stats;
    Guest g;

    begin(&g);
    for (unsigned i = 0; i < 400 * fixture_scale(); i++) {
        change_tables(&g);
        give_commands(&g);
        acknowledge(&g);
        host_read(&g.t.h, draw(&g, 2), draw(&g, 2) ? SM_NONE : draw(&g, 16),
                  HOST_VA);
        host_run(&g.t.h);
        if (!draw(&g, 8)) {
            touch_registers(&g);
        }
        if (!draw(&g, 50)) {
            sane(&g);
        }
    }
    sane(&g);
    stats = host_stats(&g.t.h);
    g_test_message("%u binds, %u unbinds, %u commands in %u calls, %u events; "
                   "%u commands were bad", (unsigned)stats.binds,
                   (unsigned)stats.unbinds, (unsigned)stats.invalidations,
                   (unsigned)stats.invalidation_calls,
                   (unsigned)stats.faults, (unsigned)g.errors);
    g_assert_cmpuint(stats.errors, ==, 0);
    g_assert_cmpuint(stats.binds, >, 50);
    g_assert_cmpuint(stats.invalidations, >, 500);
    g_assert_cmpuint(g.errors, >, 50);
    end(&g);
}

/* --- While devices are at work ------------------------------------------- */

typedef struct Worker {
    Guest *g;
    unsigned device;
    bool stop;          /* atomic */
    unsigned n;         /* atomic */
} Worker;

enum { WORKERS = 3 };

static bool all_worked(const Worker worker[WORKERS])
{
    for (unsigned i = 0; i < WORKERS; i++) {
        if (__atomic_load_n(&worker[i].n, __ATOMIC_RELAXED) == 0) {
            return false;
        }
    }
    return true;
}

static void *work(void *opaque)
{
    Worker *w = opaque;

    while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
        host_read(&w->g->t.h, w->device, w->n % 2 ? SM_NONE : HOST_SSID,
                  HOST_VA + w->n % 3 * HOST_PAGE);
        __atomic_fetch_add(&w->n, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void *take_reports(void *opaque)
{
    Worker *w = opaque;

    while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
        host_run(&w->g->t.h);
        __atomic_fetch_add(&w->n, 1, __ATOMIC_RELAXED);
        g_usleep(200);
    }
    return NULL;
}

static void test_threads(void)
{
    pthread_t thread[WORKERS];
    Worker worker[WORKERS] = { 0 };
    Guest g;

    begin(&g);
    for (unsigned i = 0; i < WORKERS; i++) {
        worker[i].g = &g;
        worker[i].device = i;
        g_assert_cmpint(pthread_create(&thread[i], NULL,
                                       i < 2 ? work : take_reports,
                                       &worker[i]), ==, 0);
    }
    /* on a busy machine all could be over before a thread has its turn */
    for (unsigned i = 0; i < 150 * fixture_scale() || !all_worked(worker);
         i++) {
        change_tables(&g);
        give_commands(&g);
        acknowledge(&g);
        if (!draw(&g, 8)) {
            touch_registers(&g);
        }
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        __atomic_store_n(&worker[i].stop, true, __ATOMIC_RELEASE);
        pthread_join(thread[i], NULL);
    }
    g_test_message("%u and %u accesses", worker[0].n, worker[1].n);
    sane(&g);
    g_assert_cmpuint(host_stats(&g.t.h).errors, ==, 0);
    end(&g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-smmu-hostile/tables-and-commands",
                    test_tables_and_commands);
    g_test_add_func("/host-smmu-hostile/threads", test_threads);
    return g_test_run();
}
