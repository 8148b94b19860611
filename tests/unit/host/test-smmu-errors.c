/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each call of the host fails in each way, at each place of a whole life of
 * two devices behind an SMMUv3: the guest's CMD_SYNC says so, the other device
 * goes on, and nothing is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "tests/lib/unit/host-lives.h"
#include "tests/lib/unit/host-smmu.h"
#include "hw/iommu/host/abi/iommufd.h"
#include "hw/iommu/host/abi/vfio.h"


/* A CMD_SYNC that ends, after errors, of which there is but one kind.
 * Returns how many there were. */
static unsigned count_errors(HostSmmu *t)
{
    const GuestRegs *regs = t->s->regs;
    unsigned n = 0;

    guest_smmu_command(&t->s->commands, CMD_SYNC, 0);
    fixture_run(t->h.f);
    while ((guest_reg32(regs, SMMUV3_GERROR) ^
            guest_reg32(regs, SMMUV3_GERRORN)) & SMMUV3_GERROR_CMDQ) {
        uint32_t cons = guest_reg32(regs, SMMUV3_CMDQ_CONS);

        g_assert_cmphex(SMMUV3_CONS_ERR(cons), ==, SMMUV3_CERROR_ATC);
        g_assert_cmpuint(++n, <, 8);
        guest_set_reg32(regs, SMMUV3_GERRORN,
                        guest_reg32(regs, SMMUV3_GERROR));
        fixture_run(t->h.f);
    }
    g_assert_true(guest_smmu_commands_done(&t->s->commands));
    return n;
}

/* --- What a guest does --------------------------------------------------- */

static void settle(void *guest)
{
    count_errors(guest);
}

static void change_entry(HostSmmu *t, unsigned config)
{
    t->s->ste.config = config;
    host_smmu_write_ste(t, HOST_SID(0));
    host_smmu_command(t, CMD_CFGI_STE | CMD_SID(HOST_SID(0)), CMD_LEAF);
    settle(t);
}

/* What a guest does with its device: each kind of entry, and commands. */
static void live(void *guest)
{
    HostSmmu *t = guest;

    change_entry(t, SMMUV3_BYPASS);
    change_entry(t, SMMUV3_S1);
    host_smmu_map(t, 1, HOST_DATA);
    host_smmu_tlbi(t, 1);
    host_smmu_command(t, CMD_ATC_INV | CMD_SID(HOST_SID(0)), HOST_VA);
    settle(t);
    host_smmu_command(t, CMD_CFGI_CD | CMD_SID(HOST_SID(0)) |
                      CMD_SSID(HOST_SSID), CMD_LEAF);
    host_smmu_command(t, CMD_NH_ASID | CMD_ASID(8), 0);
    settle(t);
    change_entry(t, SMMUV3_ABORT);
    change_entry(t, SMMUV3_S1);
}

/* All that a guest can do when it has lost trust in its device. */
static void recover(void *guest)
{
    HostSmmu *t = guest;

    host_smmu_command(t, CMD_CFGI_STE_RANGE, CMD_RANGE_ALL);
    host_smmu_command(t, CMD_NSNH_ALL, 0);
    settle(t);
    host_smmu_command(t, CMD_NSNH_ALL, 0);
    g_assert_cmpuint(count_errors(t), ==, 0);
}

static void *begin(Host **h)
{
    HostSmmu *t = g_new0(HostSmmu, 1);
    ViommuSmmuv3Config config;

    host_smmu_config(&config);
    host_smmu_begin(t, &config);
    *h = &t->h;
    return t;
}

static void end(void *guest)
{
    host_smmu_end(guest);
    g_free(guest);
}

static const unsigned long requests[] = {
    IOMMUFD_IOAS_ALLOC, IOMMUFD_IOAS_MAP, IOMMUFD_OPTION,
    IOMMUFD_GET_HW_INFO, IOMMUFD_HWPT_ALLOC, IOMMUFD_HWPT_INVALIDATE,
    IOMMUFD_FAULT_QUEUE_ALLOC, IOMMUFD_VIOMMU_ALLOC, IOMMUFD_VDEVICE_ALLOC,
    IOMMUFD_VEVENTQ_ALLOC, IOMMUFD_DESTROY, VFIO_ABI_DEVICE_BIND_IOMMUFD,
    VFIO_ABI_DEVICE_ATTACH_PT, VFIO_ABI_DEVICE_DETACH_PT,
};

static const HostLives lives = {
    .requests = requests, .n_requests = G_N_ELEMENTS(requests),
    .source = { HOST_SID(0), HOST_SID(1) }, .pasid = HOST_SSID,
    .begin = begin, .settle = settle, .live = live, .recover = recover,
    .end = end,
};

/* --- Queues of reports --------------------------------------------------- */

/* One read fails: the fault queue's (@after 0), or the event queue's, in which
 * something is.  Translation goes on. */
static void fail_read(unsigned after, int error)
{
    const HostsimFailure failure = {
        .call = HOSTSIM_READ, .after = after, .times = 1, .error = error,
    };
    uint64_t evt[4];
    HostLife l;
    HostSmmu *t;

    host_life_begin(&l, &lives);
    g_assert_true(host_connect(l.h, NULL));
    host_life_attach(&l, 0);
    host_enable(l.h, 0);
    host_blocked(l.h, 0, SM_NONE, HOST_VA + HOST_PAGE);
    hostsim_fail(l.h->sim, &failure);
    for (unsigned i = 0; i < 4; i++) {
        viommu_host_run(l.h->host);
    }
    hostsim_fail(l.h->sim, NULL);
    t = l.guest;
    g_assert_cmpint(smmu_test_event(t->s, evt), ==,
                    after == 0 || host_error_passes(error));
    host_life_check(&l, 0);
    host_life_end(&l);
}

static void test_events(void)
{
    for (size_t e = 0; e < HOST_ERRORS; e++) {
        fail_read(0, host_errors[e]);
        fail_read(1, host_errors[e]);
    }
    fail_read(0, 0);
    fail_read(1, 0);
}

/* It fails for long: nobody waits for it, and what is in it comes later. */
static void test_long_failure(void)
{
    static const HostsimFailure failure = {
        .call = HOSTSIM_READ, .error = EIO,
    };
    uint64_t evt[4];
    HostSmmu t;

    host_smmu_start(&t, 0);
    for (unsigned i = 0; i < 2; i++) {
        host_blocked(&t.h, 0, SM_NONE, HOST_VA + HOST_PAGE);
        host_run_failing(&t.h, &failure);
        g_assert_true(smmu_test_event(t.s, evt));
        g_assert_false(smmu_test_event(t.s, evt));
    }
    host_smmu_end(&t);
}

/* --- Refused commands ---------------------------------------------------- */

/* The device's name vanishes from the host: only a vDEVICE can be destroyed
 * while all is in use. */
static void destroy_vdevice(Host *h, int iommu)
{
    for (uint32_t id = 1; id < 20; id++) {
        IommufdDestroy destroy = { .size = sizeof(destroy), .id = id };

        if (!h->sys->ioctl(h->sys->opaque, iommu, IOMMUFD_DESTROY,
                           &destroy)) {
            return;
        }
    }
    g_assert_not_reached();
}

/* With device 0, and an iommufd that is the test's. */
static int start_with_descriptor(HostSmmu *t)
{
    ViommuSmmuv3Config config;
    GError *error = NULL;
    int iommu;

    host_smmu_config(&config);
    host_smmu_begin(t, &config);
    iommu = t->h.sys->open(t->h.sys->opaque, "/dev/iommu", O_RDWR);
    t->h.host = viommu_host_iommufd_new(t->h.sys, iommu, &error);
    g_assert_no_error(error);
    g_assert_cmpint(viommu_host_map(t->h.host, t->h.f->ram.base,
                                    t->h.f->ram.size, t->h.f->ram.host,
                                    false), ==, 0);
    g_assert_true(host_smmu_attach(t, 0, &error));
    return iommu;
}

static void end_with_descriptor(HostSmmu *t, int iommu)
{
    for (unsigned i = 0; i < HOST_DEVICES; i++) {
        host_close(&t->h, i);
    }
    g_clear_pointer(&t->h.host, viommu_host_free);
    t->h.sys->close(t->h.sys->opaque, iommu);
    host_smmu_end(t);
}

/* Commands before and behind a refused one are carried out, although Linux
 * counts some as done that it has not sent. */
static void test_refused(void)
{
    HostSmmu t;
    int iommu = start_with_descriptor(&t);

    for (unsigned i = 1; i < 3; i++) {
        host_smmu_map(&t, i, HOST_DATA);
    }
    for (unsigned i = 0; i < 3; i++) {
        host_good(&t.h, 0, SM_NONE, HOST_VA + i * HOST_PAGE, HOST_DATA);
        host_smmu_map(&t, i, HOST_DATA + (i + 1) * HOST_PAGE);
    }
    destroy_vdevice(&t.h, iommu);
    for (unsigned i = 0; i < 3; i++) {
        if (i == 2) {
            host_smmu_later(&t, CMD_CFGI_CD_ALL | CMD_SID(HOST_SID(0)), 0);
        }
        host_smmu_later(&t, CMD_NH_VA | CMD_ASID(SMMU_TEST_ASID),
                        (HOST_VA + i * HOST_PAGE) | 1);
    }
    host_smmu_ring(&t);
    g_assert_cmpuint(count_errors(&t), ==, 1);
    for (unsigned i = 0; i < 3; i++) {
        host_good(&t.h, 0, SM_NONE, HOST_VA + i * HOST_PAGE,
                  HOST_DATA + (i + 1) * HOST_PAGE);
    }
    host_smmu_tlbi(&t, 0);
    g_assert_cmpuint(count_errors(&t), ==, 0);
    end_with_descriptor(&t, iommu);
}

/* Two devices that cannot share a parent, for the kernel says so: a command
 * that one vIOMMU refuses, the other has carried out, and what is behind it. */
static void test_two_parents(void)
{
    const HostsimFailure failure = {
        .call = HOSTSIM_IOCTL, .request = VFIO_ABI_DEVICE_ATTACH_PT,
        .times = 1, .error = EINVAL,
    };
    GError *error = NULL;
    uint64_t calls;
    HostSmmu t;
    int iommu;

    iommu = start_with_descriptor(&t);
    hostsim_fail(t.h.sim, &failure);
    g_assert_true(host_open(&t.h, 1, &error));
    hostsim_fail(t.h.sim, &failure);
    g_assert_true(viommu_attach_host(t.h.f->unit, HOST_SID(1), t.h.device[1],
                                     VIOMMU_NESTING_ON, &error));
    host_enable(&t.h, 1);
    fixture_run(t.h.f);
    hostsim_fail(t.h.sim, NULL);
    for (unsigned i = 0; i < 2; i++) {
        host_good(&t.h, i, SM_NONE, HOST_VA, HOST_DATA);
    }
    calls = host_stats(&t.h).invalidation_calls;
    host_smmu_command(&t, CMD_NSNH_ALL, 0);
    g_assert_cmpuint(host_stats(&t.h).invalidation_calls, ==, calls + 2);
    /* whichever has the lower ID */
    destroy_vdevice(&t.h, iommu);
    host_smmu_map(&t, 0, HOST_DATA + HOST_PAGE);
    host_smmu_later(&t, CMD_CFGI_CD_ALL | CMD_SID(HOST_SID(0)), 0);
    host_smmu_later(&t, CMD_CFGI_CD_ALL | CMD_SID(HOST_SID(1)), 0);
    host_smmu_later(&t, CMD_NH_VA | CMD_ASID(SMMU_TEST_ASID),
                    HOST_VA | CMD_LEAF);
    host_smmu_ring(&t);
    g_assert_cmpuint(count_errors(&t), ==, 1);
    for (unsigned i = 0; i < 2; i++) {
        host_good(&t.h, i, SM_NONE, HOST_VA, HOST_DATA + HOST_PAGE);
    }
    end_with_descriptor(&t, iommu);
}

/* The device is pulled out. */
static void test_removed(void)
{
    HostLife l;

    host_life_begin(&l, &lives);
    g_assert_true(host_connect(l.h, NULL));
    host_life_attach(&l, 0);
    host_life_attach(&l, 1);
    hostsim_remove_device(l.h->sim, "0000:01:00.0");
    change_entry(l.guest, SMMUV3_ABORT);
    g_assert_true(viommu_host_device_gone(l.h->device[0]));
    host_smmu_tlbi(l.guest, 0);
    settle(l.guest);
    host_life_check(&l, 1);
    host_life_end(&l);
}

/* --- Refused at start ---------------------------------------------------- */

typedef struct Refused {
    const char *what;       /* in the message */
    void (*change)(ViommuSmmuv3Config *unit, HostsimConfig *sim);
    ViommuNesting nesting;
} Refused;

static void stage2(ViommuSmmuv3Config *unit, HostsimConfig *sim)
{
    (void)sim;
    unit->stage2 = true;
}

static void only_stage2(ViommuSmmuv3Config *unit, HostsimConfig *sim)
{
    (void)sim;
    unit->stage2 = true;
    unit->stage1 = false;
    unit->ssid_bits = 0;
}

static void overrides(ViommuSmmuv3Config *unit, HostsimConfig *sim)
{
    (void)sim;
    unit->attr_perms_ovr = true;
}

static void other_host(ViommuSmmuv3Config *unit, HostsimConfig *sim)
{
    (void)unit;
    hostsim_config_init(sim, HOSTSIM_VTD);
}

static void no_ats(ViommuSmmuv3Config *unit, HostsimConfig *sim)
{
    (void)unit;
    sim->smmu.ats = sim->smmu.pri = false;
}

static void no_stall(ViommuSmmuv3Config *unit, HostsimConfig *sim)
{
    (void)unit;
    sim->smmu.stall = false;
}

static void no_httu(ViommuSmmuv3Config *unit, HostsimConfig *sim)
{
    (void)unit;
    sim->smmu.httu = 1;
}

static void no_ril(ViommuSmmuv3Config *unit, HostsimConfig *sim)
{
    (void)unit;
    sim->smmu.ril = false;
}

static void less_bbml(ViommuSmmuv3Config *unit, HostsimConfig *sim)
{
    (void)unit;
    sim->smmu.bbml = 1;
}

static void few_substreams(ViommuSmmuv3Config *unit, HostsimConfig *sim)
{
    (void)unit;
    sim->smmu.ssid_bits = 9;
}

static void wide(ViommuSmmuv3Config *unit, HostsimConfig *sim)
{
    (void)sim;
    unit->oas_bits = 52;
}

static void one_stage(ViommuSmmuv3Config *unit, HostsimConfig *sim)
{
    (void)unit;
    sim->smmu.stage2 = false;
}

static void nothing(ViommuSmmuv3Config *unit, HostsimConfig *sim)
{
    (void)unit;
    (void)sim;
}

static const Refused cases[] = {
    { "need stage=1", stage2, VIOMMU_NESTING_AUTO },
    { "need stage=1", only_stage2, VIOMMU_NESTING_AUTO },
    { "need attr-perms-ovr=off", overrides, VIOMMU_NESTING_AUTO },
    { "needs an SMMUv3", other_host, VIOMMU_NESTING_AUTO },
    { "IDR0.ATS", no_ats, VIOMMU_NESTING_AUTO },
    { "IDR0.STALL_MODEL", no_stall, VIOMMU_NESTING_AUTO },
    { "IDR0.HTTU", no_httu, VIOMMU_NESTING_AUTO },
    { "IDR3.RIL", no_ril, VIOMMU_NESTING_AUTO },
    { "IDR3.BBML", less_bbml, VIOMMU_NESTING_AUTO },
    { "IDR1.SSIDSIZE", few_substreams, VIOMMU_NESTING_AUTO },
    { "IDR5.OAS", wide, VIOMMU_NESTING_ON },
    { "vIOMMUs", one_stage, VIOMMU_NESTING_AUTO },
    { "need nesting", nothing, VIOMMU_NESTING_OFF },
};

static void test_start(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        ViommuSmmuv3Config config;
        HostsimConfig sim;
        GError *error = NULL;
        Smmu *s;
        Host h;

        host_smmu_config(&config);
        hostsim_config_init(&sim, HOSTSIM_SMMUV3);
        cases[i].change(&config, &sim);
        host_start_sim(&h, &sim);
        s = smmu_test_new(&config, config.stage1 ? SMMUV3_S1 : SMMUV3_S2);
        h.f = s->f;
        g_assert_true(host_connect(&h, &error));
        g_assert_true(host_open(&h, 0, &error));
        g_assert_false(viommu_attach_host(h.f->unit, HOST_SID(0),
                                          h.device[0], cases[i].nesting,
                                          &error));
        g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST);
        if (!strstr(error->message, cases[i].what)) {
            g_error("case %zu says: %s", i, error->message);
        }
        g_clear_error(&error);
        host_end(&h);
        smmu_test_free(s);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    host_lives_add("/host-smmu-errors", &lives);
    g_test_add_func("/host-smmu-errors/events", test_events);
    g_test_add_func("/host-smmu-errors/long-failure", test_long_failure);
    g_test_add_func("/host-smmu-errors/refused", test_refused);
    g_test_add_func("/host-smmu-errors/two-parents", test_two_parents);
    g_test_add_func("/host-smmu-errors/removed", test_removed);
    g_test_add_func("/host-smmu-errors/start", test_start);
    return g_test_run();
}
