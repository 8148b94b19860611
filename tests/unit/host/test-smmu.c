/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host device behind an SMMUv3: the guest's tables, and its commands, go
 * through the host's user API to the physical SMMUv3; the data are compared.
 */
#include <errno.h>
#include <string.h>

#include "tests/lib/unit/host-smmu.h"
#include "hw/iommu/host/abi/iommufd.h"

#define CMD_NH_VA      UINT64_C(0x12)

#define OTHER_DATA      (HOST_DATA + 8 * HOST_PAGE)

static void good(HostSmmu *t, uint32_t pasid, uint64_t to)
{
    host_good(&t->h, 0, pasid, HOST_VA, to);
}

static void blocked(HostSmmu *t, uint32_t pasid)
{
    host_blocked(&t->h, 0, pasid, HOST_VA);
}

static uint64_t calls(HostSmmu *t)
{
    return host_stats(&t->h).invalidation_calls;
}

/* --- Tables -------------------------------------------------------------- */

static void test_entries(void)
{
    uint64_t before;
    HostSmmu t;
    GuestSte s1;

    host_smmu_start(&t, 0);
    s1 = t.s->ste;
    g_assert_true(viommu_host_device_nested(t.h.device[0]));
    good(&t, SM_NONE, HOST_DATA);
    good(&t, HOST_SSID, HOST_DATA);
    host_blocked(&t.h, 0, HOST_SSID + 1, HOST_VA);
    host_blocked(&t.h, 0, SM_NONE, HOST_VA + HOST_PAGE);

    t.s->ste.config = SMMUV3_BYPASS;
    host_smmu_put_ste(&t, HOST_SID(0));
    host_good(&t.h, 0, SM_NONE, HOST_DATA, HOST_DATA);
    blocked(&t, SM_NONE);
    blocked(&t, HOST_SSID);
    /* the host keeps translations, but no descriptors of a stream without */
    before = calls(&t);
    host_smmu_command(&t, CMD_CFGI_CD_ALL | CMD_SID(HOST_SID(0)), 0);
    smmu_test_sync(t.s);
    g_assert_cmpuint(calls(&t), ==, before);
    host_smmu_command(&t, CMD_NSNH_ALL, 0);
    smmu_test_sync(t.s);
    g_assert_cmpuint(calls(&t), ==, before + 1);

    t.s->ste.config = SMMUV3_ABORT;
    host_smmu_put_ste(&t, HOST_SID(0));
    host_blocked(&t.h, 0, SM_NONE, HOST_DATA);
    g_assert_cmpuint(host_usage(&t.h).bound, ==, 0);

    t.s->ste = s1;
    host_smmu_put_ste(&t, HOST_SID(0));
    good(&t, SM_NONE, HOST_DATA);

    /* an entry that is broken: S1CDMax */
    t.s->ste.s1cdmax = 20;
    host_smmu_put_ste(&t, HOST_SID(0));
    blocked(&t, SM_NONE);
    /* and one that is none */
    t.s->ste = s1;
    host_smmu_write_ste(&t, HOST_SID(0));
    guest_write64(&t.h.f->mem, t.s->strtab + HOST_SID(0) * SMMUV3_STE_SIZE,
                  0);
    host_smmu_command(&t, CMD_CFGI_STE_RANGE, 31);
    smmu_test_sync(t.s);
    blocked(&t, SM_NONE);
    host_smmu_write_ste(&t, HOST_SID(0));
    host_smmu_command(&t, CMD_CFGI_STE_RANGE | CMD_SID(HOST_SID(0) & ~7u), 2);
    smmu_test_sync(t.s);
    good(&t, SM_NONE, HOST_DATA);
    host_smmu_end(&t);
}

/* Substreams without a table for those without (S1DSS), as each of the
 * values has it. */
static void test_default_substream(void)
{
    HostSmmu t;

    host_smmu_start(&t, 0);
    t.s->ste.s1dss = S1DSS_TERMINATE;
    host_smmu_put_ste(&t, HOST_SID(0));
    blocked(&t, SM_NONE);
    good(&t, HOST_SSID, HOST_DATA);
    t.s->ste.s1dss = S1DSS_BYPASS;
    host_smmu_put_ste(&t, HOST_SID(0));
    host_good(&t.h, 0, SM_NONE, HOST_DATA, HOST_DATA);
    good(&t, HOST_SSID, HOST_DATA);
    host_smmu_end(&t);
}

/* Fields that the guest may set, but mean nothing to a stage 1. */
static void test_ignored_fields(void)
{
    HostSmmu t;
    uint64_t at;

    host_smmu_start(&t, 0);
    at = t.s->strtab + HOST_SID(0) * SMMUV3_STE_SIZE;
    /* S1Fmt 3 and MEV, SHCFG, MTCFG; VMID and more of stage 2 */
    t.s->ste.s1cdmax = 0;
    t.s->ste.s1fmt = 3;
    host_smmu_write_ste(&t, HOST_SID(0));
    guest_write64(&t.h.f->mem, at + 8, guest_read64(&t.h.f->mem, at + 8) |
                  UINT64_C(0x0000301f02080000) | UINT64_C(3) << 30);
    guest_write64(&t.h.f->mem, at + 16, UINT64_MAX);
    guest_write64(&t.h.f->mem, at + 24, UINT64_MAX);
    host_smmu_command(&t, CMD_CFGI_STE | CMD_SID(HOST_SID(0)), CMD_LEAF);
    smmu_test_sync(t.s);
    good(&t, SM_NONE, HOST_DATA);
    blocked(&t, HOST_SSID);
    host_smmu_end(&t);
}

/* Off: GBPA says; and what happens to what was bound. */
static void test_off(void)
{
    HostSmmu t;
    const GuestRegs *regs;

    host_smmu_start(&t, 0);
    regs = t.s->regs;
    good(&t, SM_NONE, HOST_DATA);
    guest_set_reg32(regs, SMMUV3_CR0, SMMUV3_CR0_CMDQEN |
                    SMMUV3_CR0_EVENTQEN);
    host_good(&t.h, 0, SM_NONE, HOST_DATA, HOST_DATA);
    blocked(&t, SM_NONE);
    guest_set_reg32(regs, SMMUV3_GBPA, 0x80100000u);
    host_blocked(&t.h, 0, SM_NONE, HOST_DATA);
    g_assert_cmpuint(host_usage(&t.h).bound, ==, 0);
    guest_set_reg32(regs, SMMUV3_CR0, SMMUV3_CR0_SMMUEN |
                    SMMUV3_CR0_CMDQEN | SMMUV3_CR0_EVENTQEN);
    good(&t, SM_NONE, HOST_DATA);
    good(&t, HOST_SSID, HOST_DATA);

    viommu_reset(t.h.f->unit);
    fixture_run(t.h.f);
    host_good(&t.h, 0, SM_NONE, HOST_DATA, HOST_DATA);
    blocked(&t, HOST_SSID);
    host_smmu_end(&t);
}

/* A state is loaded, and with it the guest's memory is another one: the same
 * entry, but tables that lead elsewhere, of which the guest says nothing. */
static void test_load_tables(void)
{
    GError *error = NULL;
    GBytes *state;
    HostSmmu t;

    host_smmu_start(&t, 0);
    good(&t, SM_NONE, HOST_DATA);
    state = viommu_save(t.h.f->unit);
    host_smmu_map(&t, 0, HOST_DATA + HOST_PAGE);
    g_assert_true(viommu_load(t.h.f->unit, g_bytes_get_data(state, NULL),
                              g_bytes_get_size(state), &error));
    g_assert_no_error(error);
    fixture_run(t.h.f);
    good(&t, SM_NONE, HOST_DATA + HOST_PAGE);
    g_bytes_unref(state);
    host_smmu_end(&t);
}

static void test_load(void)
{
    GError *error = NULL;
    HostSmmu t;
    GBytes *on, *off;

    host_smmu_start(&t, 0);
    on = viommu_save(t.h.f->unit);
    viommu_reset(t.h.f->unit);
    off = viommu_save(t.h.f->unit);
    g_assert_true(viommu_load(t.h.f->unit, g_bytes_get_data(on, NULL),
                              g_bytes_get_size(on), &error));
    fixture_run(t.h.f);
    good(&t, SM_NONE, HOST_DATA);
    g_assert_true(viommu_load(t.h.f->unit, g_bytes_get_data(off, NULL),
                              g_bytes_get_size(off), &error));
    fixture_run(t.h.f);
    blocked(&t, SM_NONE);
    g_assert_no_error(error);
    g_bytes_unref(on);
    g_bytes_unref(off);
    host_smmu_end(&t);
}

/* --- Commands ------------------------------------------------------------ */

/* The page leads elsewhere after the command, and not before a CMD_SYNC. */
static void expect_seen(HostSmmu *t, uint32_t pasid, uint64_t low,
                        uint64_t high)
{
    static unsigned turn;
    uint64_t to = ++turn % 2 ? OTHER_DATA : HOST_DATA;
    uint64_t before = calls(t);

    g_assert_cmpint(host_read(&t->h, 0, pasid, HOST_VA), ==, TD_OK);
    host_smmu_map(t, 0, to);
    host_smmu_command(t, low, high);
    smmu_test_sync(t->s);
    host_good(&t->h, 0, pasid, HOST_VA, to);
    g_assert_cmpuint(calls(t), ==, before + 1);
}

static void test_tlbi(void)
{
    /* 16 pages of 4 KiB, and many more of 64 KiB */
    const uint64_t range = CMD_NUM(15), wide = CMD_NUM(31) | CMD_SCALE(30);
    HostSmmu t;

    host_smmu_start(&t, 0);
    expect_seen(&t, SM_NONE, CMD_NSNH_ALL, 0);
    expect_seen(&t, SM_NONE, CMD_NH_ALL, 0);
    expect_seen(&t, SM_NONE, CMD_NH_ALL | CMD_SID(0x4321), 0);
    expect_seen(&t, SM_NONE, CMD_NH_ASID | CMD_ASID(SMMU_TEST_ASID), 0);
    expect_seen(&t, SM_NONE, CMD_NH_VA | CMD_ASID(SMMU_TEST_ASID), HOST_VA);
    expect_seen(&t, SM_NONE, CMD_NH_VA | CMD_ASID(SMMU_TEST_ASID), HOST_VA | 1);
    expect_seen(&t, SM_NONE, CMD_NH_VAA, HOST_VA | 1);
    expect_seen(&t, SM_NONE, CMD_NH_VA | CMD_ASID(SMMU_TEST_ASID) | range,
                (HOST_VA - 8 * HOST_PAGE) | CMD_LEAF | CMD_TG_4K);
    expect_seen(&t, SM_NONE, CMD_NH_VA | CMD_ASID(SMMU_TEST_ASID) | range,
                (HOST_VA - 8 * HOST_PAGE) | CMD_LEAF | CMD_TG_4K |
                    CMD_TTL(3));
    expect_seen(&t, SM_NONE, CMD_NH_VA | CMD_ASID(SMMU_TEST_ASID),
                HOST_VA | CMD_LEAF | CMD_TG_4K | CMD_TTL(3));
    expect_seen(&t, SM_NONE, CMD_NH_VAA | wide, CMD_TG(3));
    /* a reserved bit above SCALE, which means nothing here */
    expect_seen(&t, SM_NONE, CMD_NH_VAA | CMD_SCALE(63), CMD_TG_4K);
    expect_seen(&t, HOST_SSID, CMD_NH_ASID | CMD_ASID(SMMU_TEST_ASID + 1), 0);
    expect_seen(&t, HOST_SSID, CMD_NH_VA | CMD_ASID(SMMU_TEST_ASID + 1),
                HOST_VA | 1);
    host_smmu_end(&t);
}

/* Without ranges, their fields mean nothing. */
static void test_tlbi_without_ranges(void)
{
    ViommuSmmuv3Config config;
    GError *error = NULL;
    HostSmmu t;

    host_smmu_config(&config);
    config.ril = false;
    host_smmu_begin(&t, &config);
    g_assert_true(host_connect(&t.h, &error));
    g_assert_true(host_smmu_attach(&t, 0, &error));
    expect_seen(&t, SM_NONE, CMD_NH_VA | CMD_ASID(SMMU_TEST_ASID) |
                CMD_NUM(15) | CMD_SCALE(60),
                HOST_VA | CMD_LEAF | CMD_TTL(3) | CMD_TG(3));
    host_smmu_end(&t);
}

static void test_descriptors(void)
{
    HostSmmu t;
    uint64_t word[8];

    host_smmu_start(&t, 0);
    t.s->cd.asid = 77;
    smmu_test_put_cd(t.s, HOST_SSID + 1);
    host_good(&t.h, 0, HOST_SSID + 1, HOST_VA, HOST_DATA);

    memset(word, 0, sizeof(word));
    guest_write_words(&t.h.f->mem, t.s->cds + (HOST_SSID + 1) *
                      SMMUV3_CD_SIZE, word, 8);
    host_smmu_command(&t, CMD_CFGI_CD | CMD_SID(HOST_SID(0)) |
                      CMD_SSID(HOST_SSID + 1), CMD_LEAF);
    smmu_test_sync(t.s);
    host_blocked(&t.h, 0, HOST_SSID + 1, HOST_VA);

    guest_write_words(&t.h.f->mem, t.s->cds + HOST_SSID * SMMUV3_CD_SIZE,
                      word, 8);
    host_smmu_command(&t, CMD_CFGI_CD_ALL | CMD_SID(HOST_SID(0)), 0);
    smmu_test_sync(t.s);
    blocked(&t, HOST_SSID);

    /* The entry is the same, but CMD_CFGI_STE is of its descriptors, too. */
    good(&t, SM_NONE, HOST_DATA);
    guest_write_words(&t.h.f->mem, t.s->cds, word, 8);
    good(&t, SM_NONE, HOST_DATA);   /* as it was cached */
    host_smmu_command(&t, CMD_CFGI_STE | CMD_SID(HOST_SID(0)), CMD_LEAF);
    smmu_test_sync(t.s);
    blocked(&t, SM_NONE);
    host_smmu_end(&t);
}

/* Commands of @n pages, and @sync; all of them at once. */
static void kick(HostSmmu *t, unsigned n, bool sync)
{
    for (unsigned i = 0; i < n; i++) {
        host_smmu_later(t, CMD_NH_VA | CMD_ASID(SMMU_TEST_ASID),
                        HOST_VA + i * HOST_PAGE);
    }
    if (sync) {
        host_smmu_later(t, CMD_SYNC, 0);
    }
    host_smmu_ring(t);
    g_assert_true(guest_smmu_commands_done(&t->s->commands));
}

/* One call of the host for a batch: at its CMD_SYNC, or at its end. */
static void test_batches(void)
{
    ViommuHostStats before, after;
    HostSmmu t;

    host_smmu_start(&t, 0);
    before = host_stats(&t.h);
    kick(&t, 40, true);
    after = host_stats(&t.h);
    g_assert_cmpuint(after.invalidation_calls - before.invalidation_calls, ==,
                     1);
    g_assert_cmpuint(after.invalidations - before.invalidations, ==, 40);
    g_assert_cmpuint(hostsim_ioctls(t.h.sim, IOMMUFD_HWPT_INVALIDATE), ==,
                     after.invalidation_calls);

    /* no CMD_SYNC at all, in one kick */
    kick(&t, 40, false);
    before = after;
    after = host_stats(&t.h);
    g_assert_cmpuint(after.invalidation_calls - before.invalidation_calls, ==,
                     1);
    g_assert_cmpuint(after.invalidations - before.invalidations, ==, 40);

    g_test_message("%u entries in %u calls; %u binds",
                   (unsigned)after.invalidations,
                   (unsigned)after.invalidation_calls,
                   (unsigned)after.binds);
    host_smmu_end(&t);
}

/* More than are gathered. */
static void test_many(void)
{
    uint64_t base, before;
    HostSmmu t;

    host_smmu_start(&t, 0);
    g_assert_cmpint(host_read(&t.h, 0, SM_NONE, HOST_VA), ==, TD_OK);
    host_smmu_map(&t, 0, OTHER_DATA);
    base = guest_alloc_pages(t.s->alloc, 4);
    guest_set_reg32(t.s->regs, SMMUV3_CR0, SMMUV3_CR0_SMMUEN |
                    SMMUV3_CR0_EVENTQEN);
    guest_set_reg64(t.s->regs, SMMUV3_CMDQ_BASE, base | 10);
    guest_set_reg32(t.s->regs, SMMUV3_CMDQ_PROD, 0);
    guest_set_reg32(t.s->regs, SMMUV3_CMDQ_CONS, 0);
    for (unsigned i = 0; i < 1000; i++) {
        guest_write64(&t.h.f->mem, base + i * 16,
                      CMD_NH_VA | CMD_ASID(SMMU_TEST_ASID));
        guest_write64(&t.h.f->mem, base + i * 16 + 8,
                      HOST_VA + (999 - i) * HOST_PAGE);
    }
    guest_write64(&t.h.f->mem, base + 1000 * 16, CMD_SYNC);
    guest_write64(&t.h.f->mem, base + 1000 * 16 + 8, 0);
    before = calls(&t);
    guest_set_reg32(t.s->regs, SMMUV3_CR0, SMMUV3_CR0_SMMUEN |
                    SMMUV3_CR0_EVENTQEN | SMMUV3_CR0_CMDQEN);
    guest_set_reg32(t.s->regs, SMMUV3_CMDQ_PROD, 1001);
    fixture_run(t.h.f);
    g_assert_cmpuint(guest_reg32(t.s->regs, SMMUV3_CMDQ_CONS), ==, 1001);
    g_assert_cmpuint(calls(&t) - before, <=, 8);
    good(&t, SM_NONE, OTHER_DATA);
    host_smmu_end(&t);
}

/* The host's calls, watched. */
static struct {
    HostSmmu t;
    ViommuSyscalls calls;
    const ViommuSyscalls *real;
    unsigned seen;
} watch;

static int watch_ioctl(void *opaque, int fd, unsigned long request,
                       void *arg)
{
    if (request == IOMMUFD_HWPT_INVALIDATE) {
        /* The CMD_SYNC, which is the last one, is still there. */
        g_assert_false(guest_smmu_commands_done(&watch.t.s->commands));
        watch.seen++;
    }
    return watch.real->ioctl(opaque, fd, request, arg);
}

/* A CMD_SYNC is complete when the host has acknowledged. */
static void test_order(void)
{
    ViommuSmmuv3Config config;
    GError *error = NULL;

    host_smmu_config(&config);
    host_smmu_begin(&watch.t, &config);
    watch.real = watch.t.h.sys;
    watch.calls = *watch.real;
    watch.t.h.sys = &watch.calls;
    g_assert_true(host_connect(&watch.t.h, &error));
    g_assert_true(host_smmu_attach(&watch.t, 0, &error));
    watch.calls.ioctl = watch_ioctl;
    for (unsigned i = 0; i < 5; i++) {
        kick(&watch.t, 1 + i * 10, true);
        g_assert_cmpuint(watch.seen, ==, i + 1);
    }
    host_smmu_end(&watch.t);
}

/* --- Device-TLBs --------------------------------------------------------- */

static void test_ats(void)
{
    uint64_t before;
    HostSmmu t;

    host_smmu_start(&t, 0);
    host_set(&t.h, 0, TD_CONTROL, TD_CONTROL_ATS);
    good(&t, SM_NONE, HOST_DATA);
    good(&t, HOST_SSID, HOST_DATA);
    g_assert_cmpuint(host_get(&t.h, 0, TD_ATC_ENTRIES), ==, 2);
    host_smmu_map(&t, 0, OTHER_DATA);
    host_smmu_command(&t, CMD_NSNH_ALL, 0);
    host_smmu_command(&t, CMD_ATC_INV | CMD_SID(HOST_SID(0)), HOST_VA);
    smmu_test_sync(t.s);
    good(&t, SM_NONE, OTHER_DATA);
    g_assert_cmpuint(host_get(&t.h, 0, TD_ATC_INVALIDATIONS), >, 0);
    /* that of the substream has not been invalidated */
    host_smmu_command(&t, CMD_ATC_INV | CMD_SID(HOST_SID(0)) | CMD_SSV |
                      CMD_SSID(HOST_SSID), CMD_ATC_ALL);
    smmu_test_sync(t.s);
    good(&t, HOST_SSID, OTHER_DATA);
    host_smmu_command(&t, CMD_ATC_INV | CMD_SID(HOST_SID(0)) | CMD_SSV |
                      CMD_GLOBAL,
                      63);
    smmu_test_sync(t.s);
    /* none of the host's */
    fixture_forget(t.h.f);
    before = calls(&t);
    host_smmu_command(&t, CMD_ATC_INV | CMD_SID(0x99), HOST_VA);
    smmu_test_sync(t.s);
    g_assert_cmpuint(calls(&t), ==, before);
    g_assert_cmpuint(t.h.f->invalidations->len, ==, 1);
    host_smmu_end(&t);
}

/* --- Devices ------------------------------------------------------------- */

static void test_two_devices(void)
{
    GError *error = NULL;
    ViommuReply reply;
    uint64_t before;
    HostSmmu t;

    host_smmu_start(&t, 0);
    g_assert_true(host_smmu_attach(&t, 1, &error));
    host_good(&t.h, 0, SM_NONE, HOST_VA, HOST_DATA);
    host_good(&t.h, 1, HOST_SSID, HOST_VA, HOST_DATA);
    host_smmu_map(&t, 0, OTHER_DATA);
    before = calls(&t);
    host_smmu_command(&t, CMD_NH_ALL, 0);
    smmu_test_sync(t.s);
    /* one vIOMMU has both */
    g_assert_cmpuint(calls(&t) - before, ==, 1);
    host_good(&t.h, 0, SM_NONE, HOST_VA, OTHER_DATA);
    host_good(&t.h, 1, HOST_SSID, HOST_VA, OTHER_DATA);

    /* one goes, another comes in its place, and an emulated one stays */
    viommu_detach_host(t.h.f->unit, HOST_SID(0));
    host_blocked(&t.h, 0, SM_NONE, HOST_VA);
    host_close(&t.h, 1);
    g_assert_true(viommu_attach_host(t.h.f->unit, HOST_SID(1), t.h.device[0],
                                     VIOMMU_NESTING_ON, &error));
    host_good(&t.h, 0, SM_NONE, HOST_VA, OTHER_DATA);
    /* it has its new name in the host, too */
    host_smmu_command(&t, CMD_CFGI_CD_ALL | CMD_SID(HOST_SID(1)), 0);
    smmu_test_sync(t.s);
    g_assert_cmpuint(host_stats(&t.h).errors, ==, 0);
    g_assert_cmpint(smmu_test_dma(t.s, HOST_VA, VIOMMU_READ, &reply), ==,
                    VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, OTHER_DATA);
    g_assert_no_error(error);
    host_smmu_end(&t);
}

/* A stage 2 below the guest's tables notes no writes, in Linux. */
static void test_dirty(void)
{
    HostSmmu t;

    host_smmu_start(&t, 0);
    g_assert_cmpint(viommu_host_set_dirty_tracking(t.h.host, true), ==,
                    -EOPNOTSUPP);
    g_assert_cmpint(viommu_host_set_dirty_tracking(t.h.host, false), ==, 0);
    good(&t, SM_NONE, HOST_DATA);
    host_smmu_end(&t);
}

/* The unit goes before the device. */
static void test_unit_first(void)
{
    GError *error = NULL;
    HostSmmu t;

    host_smmu_start(&t, 0);
    viommu_free(t.h.f->unit);
    t.h.f->unit = NULL;
    g_assert_cmpuint(host_usage(&t.h).bound, ==, 0);
    host_blocked(&t.h, 0, SM_NONE, HOST_VA);
    g_assert_no_error(error);
    host_smmu_end(&t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-smmu/entries", test_entries);
    g_test_add_func("/host-smmu/default-substream", test_default_substream);
    g_test_add_func("/host-smmu/ignored-fields", test_ignored_fields);
    g_test_add_func("/host-smmu/off", test_off);
    g_test_add_func("/host-smmu/load", test_load);
    g_test_add_func("/host-smmu/load-tables", test_load_tables);
    g_test_add_func("/host-smmu/tlbi", test_tlbi);
    g_test_add_func("/host-smmu/tlbi-without-ranges",
                    test_tlbi_without_ranges);
    g_test_add_func("/host-smmu/descriptors", test_descriptors);
    g_test_add_func("/host-smmu/batches", test_batches);
    g_test_add_func("/host-smmu/many", test_many);
    g_test_add_func("/host-smmu/order", test_order);
    g_test_add_func("/host-smmu/ats", test_ats);
    g_test_add_func("/host-smmu/two-devices", test_two_devices);
    g_test_add_func("/host-smmu/dirty", test_dirty);
    g_test_add_func("/host-smmu/unit-first", test_unit_first);
    return g_test_run();
}
