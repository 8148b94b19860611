/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a host reports of a device behind an SMMUv3: events of the guest's
 * stage 1, under the guest's StreamID; transactions that wait for the guest;
 * and a storm of those.
 */
#include "hw/iommu/host/abi/iommufd.h"
#include "tests/lib/unit/bent.h"
#include "tests/lib/unit/host-smmu.h"

#define STALLER     HOST_SID(HOST_STALLS)

static unsigned id_of(const uint64_t evt[4])
{
    return EVENT_ID(evt);
}

static void expect_event(HostSmmu *t, unsigned id, uint32_t sid,
                         uint32_t ssid, uint64_t addr, bool read)
{
    uint64_t evt[4];

    host_run(&t->h);
    g_assert_true(smmu_test_event(t->s, evt));
    g_assert_cmphex(id_of(evt), ==, id);
    g_assert_cmphex(evt[0] >> 32, ==, sid);
    g_assert_cmpint(!(evt[0] & EVENT_IN_SSV), ==, ssid == SM_NONE);
    if (ssid != SM_NONE) {
        g_assert_cmphex(EVENT_SSID(evt), ==, ssid);
    }
    if (id >= 0x10) {
        g_assert_cmphex(evt[2], ==, addr);
        g_assert_cmpint(!(evt[1] & EVENT_IN_RNW), ==, !read);
    }
    g_assert_cmphex(evt[1] & EVENT_IN_STALL, ==, 0);
}

/* --- Events -------------------------------------------------------------- */

static void test_events(void)
{
    uint64_t evt[4], addr = HOST_VA + 3 * HOST_PAGE;
    HostSmmu t;

    host_smmu_start(&t, 0);
    host_blocked(&t.h, 0, SM_NONE, addr + 24);
    expect_event(&t, SMMUV3_F_TRANSLATION, HOST_SID(0), SM_NONE, addr + 24,
                 true);
    host_blocked(&t.h, 0, HOST_SSID, addr);
    expect_event(&t, SMMUV3_F_TRANSLATION, HOST_SID(0), HOST_SSID, addr,
                 true);
    host_blocked(&t.h, 0, HOST_SSID + 1, HOST_VA);
    expect_event(&t, SMMUV3_C_BAD_CD, HOST_SID(0), HOST_SSID + 1, 0, true);
    host_blocked(&t.h, 0, 16, HOST_VA);
    host_run(&t.h);
    g_assert_true(smmu_test_event(t.s, evt));
    g_assert_cmphex(id_of(evt), ==, SMMUV3_C_BAD_SUBSTREAMID);

    /* read-only */
    guest_write64(&t.h.f->mem, guest_tables_entry(&t.s->s1, HOST_VA, 3),
                  HOST_DATA | 3 | SMMUV3_PAGE_S1 | SMMUV3_PTE_RDONLY);
    host_smmu_tlbi(&t, 0);
    smmu_test_sync(t.s);
    g_assert_cmpint(host_read(&t.h, 0, SM_NONE, HOST_VA), ==, TD_OK);
    host_set(&t.h, 0, TD_DST, HOST_VA);
    g_assert_cmpint(host_command(&t.h, 0, TD_WRITE), ==, TD_BLOCKED);
    expect_event(&t, SMMUV3_F_PERMISSION, HOST_SID(0), SM_NONE, HOST_VA,
                 false);
    /* without a page of the guest's: stage 2 is none of its business */
    host_smmu_map(&t, 5, FIXTURE_RAM + HOST_PAGE);
    host_blocked(&t.h, 0, SM_NONE, HOST_VA + 5 * HOST_PAGE);
    host_run(&t.h);
    g_assert_false(smmu_test_event(t.s, evt));
    host_smmu_end(&t);
}

/* More than the host keeps: the guest hears that some are lost. */
static void test_lost(void)
{
    unsigned n = 0, lost;
    uint64_t evt[4];
    HostSmmu t;

    host_smmu_start(&t, 0);
    smmu_test_events(t.s, 12);
    for (unsigned i = 0; i < 1500; i++) {
        host_blocked(&t.h, 0, SM_NONE, HOST_VA + (i + 1) * HOST_PAGE);
    }
    host_run(&t.h);
    while (smmu_test_event(t.s, evt)) {
        g_assert_cmphex(evt[2], ==, HOST_VA + ++n * HOST_PAGE);
    }
    lost = host_stats(&t.h).reports_lost;
    g_assert_cmpuint(n, <, 1500);
    g_assert_cmpuint(n + lost, ==, 1500);
    /* the overflow flag */
    g_assert_cmphex((guest_reg32(t.s->regs, SMMUV3_EVENTQ_PROD) ^
                     guest_reg32(t.s->regs, SMMUV3_EVENTQ_CONS)) >> 31, ==,
                    1);
    guest_set_reg32(t.s->regs, SMMUV3_EVENTQ_CONS,
                    guest_reg32(t.s->regs, SMMUV3_EVENTQ_PROD));
    host_blocked(&t.h, 0, SM_NONE, HOST_VA + HOST_PAGE);
    expect_event(&t, SMMUV3_F_TRANSLATION, HOST_SID(0), SM_NONE,
                 HOST_VA + HOST_PAGE, true);
    host_smmu_end(&t);
}

/* Of two devices, each under its own name; and of one that has gone. */
static void test_names(void)
{
    GError *error = NULL;
    uint64_t evt[4];
    HostSmmu t;

    host_smmu_start(&t, 0);
    g_assert_true(host_smmu_attach(&t, 1, &error));
    host_blocked(&t.h, 1, SM_NONE, HOST_VA + HOST_PAGE);
    expect_event(&t, SMMUV3_F_TRANSLATION, HOST_SID(1), SM_NONE,
                 HOST_VA + HOST_PAGE, true);
    host_blocked(&t.h, 0, SM_NONE, HOST_VA + HOST_PAGE);
    expect_event(&t, SMMUV3_F_TRANSLATION, HOST_SID(0), SM_NONE,
                 HOST_VA + HOST_PAGE, true);
    host_blocked(&t.h, 1, SM_NONE, HOST_VA + HOST_PAGE);
    host_close(&t.h, 1);
    host_run(&t.h);
    g_assert_false(smmu_test_event(t.s, evt));
    host_smmu_end(&t);
}

/* --- Transactions that wait ---------------------------------------------- */

static void stall_descriptors(HostSmmu *t)
{
    t->s->cd.stall = true;
    smmu_test_put_cd(t->s, 0);
    t->s->cd.asid = SMMU_TEST_ASID + 1;
    smmu_test_put_cd(t->s, HOST_SSID);
    t->s->cd.asid = SMMU_TEST_ASID;
    host_smmu_command(t, CMD_CFGI_CD_ALL | CMD_SID(STALLER), 0);
    smmu_test_sync(t->s);
}

static void start_stalls(HostSmmu *t)
{
    host_smmu_start(t, HOST_STALLS);
    stall_descriptors(t);
}

/* The device reads, and waits.  Returns the tag of the guest's event. */
static uint16_t wait(HostSmmu *t, uint32_t ssid, uint64_t addr)
{
    uint64_t evt[4];

    g_assert_cmpint(host_read(&t->h, HOST_STALLS, ssid, addr), ==, TD_WAITS);
    host_run(&t->h);
    g_assert_true(smmu_test_event(t->s, evt));
    g_assert_cmphex(id_of(evt), ==, SMMUV3_F_TRANSLATION);
    g_assert_cmphex(evt[0] >> 32, ==, STALLER);
    g_assert_cmpint(!(evt[0] & EVENT_IN_SSV), ==, ssid == SM_NONE);
    g_assert_cmphex(evt[2], ==, addr);
    g_assert_cmphex(evt[1] & EVENT_IN_STALL, ==, EVENT_IN_STALL);
    g_assert_cmphex(evt[1] & EVENT_IN_RNW, ==, EVENT_IN_RNW);
    return EVENT_STAG(evt);
}

static void resume(HostSmmu *t, uint32_t sid, uint16_t tag, uint64_t action)
{
    host_smmu_command(t, CMD_RESUME | CMD_SID(sid) | action, tag);
    smmu_test_sync(t->s);
}

static void test_stall(void)
{
    uint64_t addr = HOST_VA + 2 * HOST_PAGE;
    HostSmmu t;
    uint16_t tag;

    start_stalls(&t);
    host_good(&t.h, HOST_STALLS, SM_NONE, HOST_VA, HOST_DATA);
    tag = wait(&t, SM_NONE, addr);
    /* another stream's, and another tag */
    resume(&t, HOST_SID(0), tag, CMD_RETRY);
    resume(&t, STALLER, tag + 1, CMD_RETRY);
    g_assert_cmpint(host_result(&t.h, HOST_STALLS), ==, TD_WAITS);
    guest_write64(&t.h.f->mem, HOST_DATA + HOST_PAGE, 0x77);
    host_smmu_map(&t, 2, HOST_DATA + HOST_PAGE);
    resume(&t, STALLER, tag, CMD_RETRY);
    g_assert_cmpint(host_result(&t.h, HOST_STALLS), ==, TD_OK);
    g_assert_cmphex(host_get(&t.h, HOST_STALLS, TD_BUFFER), ==, 0x77);

    tag = wait(&t, HOST_SSID, addr + HOST_PAGE);
    resume(&t, STALLER, tag, 0);
    g_assert_cmpint(host_result(&t.h, HOST_STALLS), ==, TD_BLOCKED);
    /* again, which answers nothing */
    resume(&t, STALLER, tag, CMD_RETRY);

    /* retried too early, it asks again */
    tag = wait(&t, HOST_SSID, addr + HOST_PAGE);
    resume(&t, STALLER, tag, CMD_RETRY);
    g_assert_cmpint(host_result(&t.h, HOST_STALLS), ==, TD_WAITS);
    host_run(&t.h);
    host_smmu_command(&t, CMD_STALL_TERM | CMD_SID(STALLER), 0);
    smmu_test_sync(t.s);
    g_assert_cmpint(host_result(&t.h, HOST_STALLS), ==, TD_BLOCKED);
    g_assert_cmpuint(host_stats(&t.h).page_requests, ==,
                     host_stats(&t.h).page_responses);
    g_assert_cmpuint(host_stats(&t.h).page_responses_automatic, ==, 0);
    host_smmu_end(&t);
}

/* What waits when the guest takes its table away, or turns the unit off. */
static void test_ends(void)
{
    uint64_t addr = HOST_VA + 2 * HOST_PAGE;
    HostSmmu t;
    uint16_t tag;
    GuestSte s1;

    start_stalls(&t);
    s1 = t.s->ste;
    s1.eats = EATS_NONE;
    tag = wait(&t, SM_NONE, addr);
    t.s->ste.config = SMMUV3_ABORT;
    host_smmu_put_ste(&t, STALLER);
    g_assert_cmpint(host_result(&t.h, HOST_STALLS), ==, TD_BLOCKED);
    resume(&t, STALLER, tag, CMD_RETRY);
    t.s->ste = s1;
    host_smmu_put_ste(&t, STALLER);
    wait(&t, HOST_SSID, addr);
    guest_set_reg32(t.s->regs, SMMUV3_CR0, SMMUV3_CR0_CMDQEN |
                    SMMUV3_CR0_EVENTQEN);
    g_assert_cmpint(host_result(&t.h, HOST_STALLS), ==, TD_BLOCKED);
    guest_set_reg32(t.s->regs, SMMUV3_CR0, SMMUV3_CR0_CMDQEN |
                    SMMUV3_CR0_EVENTQEN | SMMUV3_CR0_SMMUEN);
    host_good(&t.h, HOST_STALLS, SM_NONE, HOST_VA, HOST_DATA);
    wait(&t, HOST_SSID, addr);
    viommu_reset(t.h.f->unit);
    fixture_run(t.h.f);
    g_assert_cmpint(host_result(&t.h, HOST_STALLS), ==, TD_BLOCKED);
    host_smmu_end(&t);
}

/* --- A report that is overtaken by the end of its table ------------------- */

/* Where the unit reads stream table entries, which is in no RAM. */
#define STREAMS (FIXTURE_RAM + 0x100000)

static HostSmmu *overtaken;
static bool armed;
static int told;
static GThread *ending;

static void *end_table(void *opaque)
{
    HostSmmu *t = opaque;

    t->s->ste.config = SMMUV3_ABORT;
    host_smmu_put_ste(t, STALLER);
    return NULL;
}

/* The unit looks for the fault of a report, in a DMA section: meanwhile, the
 * guest ends the stream. */
static int read_streams(Fixture *f, uint64_t addr, void *buf, size_t size)
{
    memcpy(buf, f->ram.host + overtaken->s->strtab + (addr - STREAMS), size);
    if (armed) {
        armed = false;
        ending = g_thread_new("ending", end_table, overtaken);
        while (!g_atomic_int_get(&told)) {
            g_usleep(50);
        }
    }
    return 0;
}

/* The old table is over before the host has its answer.  The host's own SMMUv3
 * then waits for the DMA section. */
static ssize_t tell_response(Bent *b, int fd, const void *buf, size_t size)
{
    if (size == sizeof(IommufdPageResponse)) {
        g_atomic_int_set(&told, 1);
    }
    return bent_write(b, fd, buf, size);
}

static void test_overtaken(void)
{
    uint64_t addr = HOST_VA + 2 * HOST_PAGE, evt[4];
    ViommuSmmuv3Config config;
    GError *error = NULL;
    HostSmmu t;
    GuestSte s1;
    Bent b;

    host_smmu_config(&config);
    host_smmu_begin(&t, &config);
    overtaken = &t;
    t.h.f->outside_read = read_streams;
    guest_set_reg64(t.s->regs, SMMUV3_STRTAB_BASE, STREAMS);
    bent_install(&b, &t.h);
    b.write = tell_response;
    g_assert_true(host_connect(&t.h, &error));
    g_assert_true(host_smmu_attach(&t, HOST_STALLS, &error));
    g_assert_no_error(error);
    stall_descriptors(&t);
    s1 = t.s->ste;
    s1.eats = EATS_NONE;
    host_smmu_command(&t, CMD_CFGI_STE_RANGE, CMD_RANGE_ALL);
    smmu_test_sync(t.s);

    g_assert_cmpint(host_read(&t.h, HOST_STALLS, HOST_SSID, addr), ==,
                    TD_WAITS);
    g_atomic_int_set(&told, 0);
    armed = true;
    host_run(&t.h);
    g_assert_false(armed);
    g_thread_join(ending);
    /* the transaction has ended, and the guest is not asked about it */
    g_assert_cmpint(host_result(&t.h, HOST_STALLS), ==, TD_BLOCKED);
    host_run(&t.h);
    g_assert_false(smmu_test_event(t.s, evt));

    /* the same one again waits for the guest, and for nobody else */
    t.s->ste = s1;
    host_smmu_put_ste(&t, STALLER);
    resume(&t, STALLER, wait(&t, HOST_SSID, addr), 0);
    g_assert_cmpint(host_result(&t.h, HOST_STALLS), ==, TD_BLOCKED);
    t.h.f->outside_read = NULL;
    host_smmu_end(&t);
}

/* A state knows nothing of what waits in a host. */
static void test_load(void)
{
    GError *error = NULL;
    HostSmmu t;
    uint16_t tag;
    GBytes *state;

    start_stalls(&t);
    tag = wait(&t, HOST_SSID, HOST_VA + 2 * HOST_PAGE);
    state = viommu_save(t.h.f->unit);
    g_assert_cmpint(host_result(&t.h, HOST_STALLS), ==, TD_WAITS);
    g_assert_true(viommu_load(t.h.f->unit, g_bytes_get_data(state, NULL),
                              g_bytes_get_size(state), &error));
    g_assert_no_error(error);
    fixture_run(t.h.f);
    g_assert_cmpint(host_result(&t.h, HOST_STALLS), ==, TD_BLOCKED);
    resume(&t, STALLER, tag, CMD_RETRY);
    g_assert_cmpuint(t.h.f->resumes->len, ==, 0);
    wait(&t, HOST_SSID, HOST_VA + 2 * HOST_PAGE);
    g_bytes_unref(state);
    host_smmu_end(&t);
}

static void test_detached(void)
{
    HostSmmu t;
    uint16_t tag;

    start_stalls(&t);
    tag = wait(&t, HOST_SSID, HOST_VA + 2 * HOST_PAGE);
    viommu_detach_host(t.h.f->unit, STALLER);
    g_assert_cmpint(host_result(&t.h, HOST_STALLS), ==, TD_BLOCKED);
    resume(&t, STALLER, tag, CMD_RETRY);
    host_smmu_end(&t);
}

/* The guest's queue is full: the device waits, and asks anew when there is a
 * place. */
static void test_full_queue(void)
{
    uint64_t evt[4];
    GError *error = NULL;
    unsigned stalls = 0;
    HostSmmu t;

    start_stalls(&t);
    g_assert_true(host_smmu_attach(&t, 0, &error));
    smmu_test_events(t.s, 2);
    t.s->cd.stall = false;
    for (unsigned i = 0; i < 4; i++) {
        host_blocked(&t.h, 0, 16, HOST_VA + i * HOST_PAGE);
    }
    host_run(&t.h);
    g_assert_cmpint(host_read(&t.h, HOST_STALLS, SM_NONE,
                              HOST_VA + 2 * HOST_PAGE), ==, TD_WAITS);
    host_run(&t.h);
    for (unsigned i = 0; i < 5; i++) {
        g_assert_true(smmu_test_event(t.s, evt));
        host_run(&t.h);
        if (evt[1] & EVENT_IN_STALL) {
            resume(&t, STALLER, EVENT_STAG(evt), 0);
            stalls++;
        }
    }
    g_assert_cmpuint(stalls, ==, 1);
    g_assert_cmpint(host_result(&t.h, HOST_STALLS), ==, TD_BLOCKED);
    g_assert_no_error(error);
    host_smmu_end(&t);
}

/* A guest whose unit has no stalls: its descriptors that ask for them are
 * bad, on the host's too, which has. */
static void test_none(void)
{
    ViommuSmmuv3Config config;
    GError *error = NULL;
    HostSmmu t;

    host_smmu_config(&config);
    config.stall = false;
    host_smmu_begin(&t, &config);
    g_assert_true(host_connect(&t.h, &error));
    g_assert_true(host_smmu_attach(&t, HOST_STALLS, &error));
    host_good(&t.h, HOST_STALLS, SM_NONE, HOST_VA, HOST_DATA);
    t.s->cd.stall = true;
    smmu_test_put_cd(t.s, 0);
    host_smmu_command(&t, CMD_CFGI_CD_ALL | CMD_SID(STALLER), 0);
    smmu_test_sync(t.s);
    host_blocked(&t.h, HOST_STALLS, SM_NONE, HOST_VA);
    expect_event(&t, SMMUV3_C_BAD_CD, STALLER, SM_NONE, 0, true);
    host_smmu_end(&t);
}

/* Each waits once or more, and gets one answer for each time. */
static void test_storm(void)
{
    unsigned retries = 0, aborts = 0, total = 3000 * fixture_scale();
    uint32_t seed = g_test_rand_int();
    ViommuHostStats stats;
    HostSmmu t;

    start_stalls(&t);
    for (unsigned i = 0; i < total; i++) {
        uint32_t ssid = i % 2 ? HOST_SSID : SM_NONE;
        uint16_t tag = wait(&t, ssid, HOST_VA + (1 + i % 7) * HOST_PAGE);

        seed = seed * 1664525 + 1013904223;
        while (seed >> 28 == 5) {
            uint64_t evt[4];

            resume(&t, STALLER, tag, CMD_RETRY);
            host_run(&t.h);
            g_assert_true(smmu_test_event(t.s, evt));
            tag = EVENT_STAG(evt);
            retries++;
            seed = seed * 1664525 + 1013904223;
        }
        if (seed >> 31) {
            host_smmu_map(&t, 1 + i % 7, HOST_DATA);
            resume(&t, STALLER, tag, CMD_RETRY);
            g_assert_cmpint(host_result(&t.h, HOST_STALLS), ==, TD_OK);
            host_smmu_map(&t, 1 + i % 7, 0);
            host_smmu_command(&t, CMD_NSNH_ALL, 0);
            smmu_test_sync(t.s);
            retries++;
        } else {
            resume(&t, STALLER, tag, 0);
            g_assert_cmpint(host_result(&t.h, HOST_STALLS), ==, TD_BLOCKED);
            aborts++;
        }
    }
    stats = host_stats(&t.h);
    g_test_message("%u stalls: %u retried, %u ended",
                   (unsigned)stats.page_requests, retries, aborts);
    g_assert_cmpuint(stats.page_requests, ==, retries + aborts);
    g_assert_cmpuint(stats.page_responses, ==, retries + aborts);
    g_assert_cmpuint(stats.page_responses_automatic, ==, 0);
    host_smmu_end(&t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-smmu-faults/events", test_events);
    g_test_add_func("/host-smmu-faults/lost", test_lost);
    g_test_add_func("/host-smmu-faults/names", test_names);
    g_test_add_func("/host-smmu-faults/stall", test_stall);
    g_test_add_func("/host-smmu-faults/ends", test_ends);
    g_test_add_func("/host-smmu-faults/overtaken", test_overtaken);
    g_test_add_func("/host-smmu-faults/load", test_load);
    g_test_add_func("/host-smmu-faults/detached", test_detached);
    g_test_add_func("/host-smmu-faults/full-queue", test_full_queue);
    g_test_add_func("/host-smmu-faults/none", test_none);
    g_test_add_func("/host-smmu-faults/storm", test_storm);
    return g_test_run();
}
