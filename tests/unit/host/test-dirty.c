/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which guest memory a host device has written to, by whatever tables: all of
 * it is told, once, at its guest-physical address, and nothing gets lost when
 * tables, devices or parts of them go.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "hw/iommu/host/abi/iommufd.h"
#include "tests/lib/unit/type1.h"

#define LARGE   (UINT64_C(2) << 20)
#define IOVA    UINT64_C(0x1240000000)
/* guest memory beside the unit's RAM, with a gap before it */
#define MORE    (FIXTURE_RAM + 8 * LARGE)

static uint64_t bitmap[FIXTURE_RAM * 2 / 4096 / 64];

static int get(Host *h, uint64_t addr, uint64_t size, uint64_t page_size)
{
    memset(bitmap, 0, sizeof(bitmap));
    return viommu_host_get_dirty(h->host, addr, size, page_size, bitmap);
}

static bool bit(uint64_t n)
{
    return bitmap[n / 64] >> n % 64 & 1;
}

/* All that is dirty of memory up to MORE's end are @n pages of 4 KiB from @addr
 * on. */
static void only(Host *h, uint64_t addr, unsigned n)
{
    uint64_t found = 0;

    g_assert_cmpint(get(h, 0, FIXTURE_RAM * 2, 4096), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(bitmap); i++) {
        found += (unsigned)__builtin_popcountll(bitmap[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        g_assert_true(bit(addr / 4096 + i));
    }
    g_assert_cmpuint(found, ==, n);
}

static unsigned write_to(Host *h, unsigned i, uint32_t pasid, uint64_t addr)
{
    host_set(h, i, TD_PASID, pasid == SM_NONE ? 0 : TD_PASID_ENABLE | pasid);
    host_set(h, i, TD_DST, addr);
    host_set(h, i, TD_LENGTH, 8);
    return host_command(h, i, TD_WRITE);
}

static void track(Host *h, bool on)
{
    g_assert_cmpint(viommu_host_set_dirty_tracking(h->host, on), ==, 0);
}

static void piotlb(Host *h, uint64_t addr)
{
    guest_queue_piotlb(h->s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, PRI_PASID, addr,
                       0, false);
    guest_queue_piotlb(h->s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, 0, addr, 0,
                       false);
    fixture_wait(h->f);
}

/* A shadow of two pages: HOST_VA leads to HOST_DATA, the next one to the page
 * before that. */
static void start(Host *h)
{
    host_start_of(h, SPEC_PGTT_FIRST, VIOMMU_NESTING_OFF);
    scalable_map(h->s, HOST_VA + HOST_PAGE, HOST_DATA - HOST_PAGE, 1);
    piotlb(h, HOST_VA + HOST_PAGE);
    track(h, true);
}

static void pasid_entry(Host *h, uint32_t pasid)
{
    guest_queue_pasid_cache(h->s->queue, SPEC_INV_PASID_GRAN_PASID, SM_DOMAIN,
                            pasid);
    fixture_wait(h->f);
}

static void no_entry(Host *h, uint32_t pasid)
{
    guest_write64(&h->f->mem, guest_pasid_addr(h->s->alloc, h->s->dir, pasid),
                  0);
    pasid_entry(h, pasid);
}

static void test_shadow(void)
{
    uint64_t page = HOST_DATA / 4096;
    Host h;

    start(&h);
    only(&h, 0, 0);
    g_assert_cmpint(write_to(&h, 0, PRI_PASID, HOST_VA), ==, TD_OK);
    only(&h, HOST_DATA, 1);
    only(&h, 0, 0);
    /* without a PASID, by another shadow of the same tables */
    g_assert_cmpint(write_to(&h, 0, SM_NONE, HOST_VA + HOST_PAGE), ==, TD_OK);
    only(&h, HOST_DATA - HOST_PAGE, 1);
    g_assert_cmpint(host_read(&h, 0, PRI_PASID, HOST_VA), ==, TD_OK);
    only(&h, 0, 0);

    /* who asks for a part, leaves the rest; who asks in larger pages, gets
     * one bit for all of one */
    g_assert_cmpint(write_to(&h, 0, PRI_PASID, HOST_VA), ==, TD_OK);
    g_assert_cmpint(write_to(&h, 0, SM_NONE, HOST_VA + HOST_PAGE), ==, TD_OK);
    g_assert_cmpint(get(&h, HOST_DATA, HOST_PAGE, 4096), ==, 0);
    g_assert_cmphex(bitmap[0], ==, 1);
    only(&h, HOST_DATA - HOST_PAGE, 1);
    g_assert_cmpint(write_to(&h, 0, PRI_PASID, HOST_VA), ==, TD_OK);
    g_assert_cmpint(write_to(&h, 0, SM_NONE, HOST_VA + HOST_PAGE), ==, TD_OK);
    g_assert_cmpint(get(&h, HOST_DATA - 3 * HOST_PAGE, 16 * HOST_PAGE, 8192),
                    ==, 0);
    g_assert_cmphex(bitmap[0], ==, 2);
    only(&h, 0, 0);
    g_assert_cmpint(write_to(&h, 0, PRI_PASID, HOST_VA), ==, TD_OK);
    g_assert_cmpint(get(&h, 0, FIXTURE_RAM, LARGE), ==, 0);
    g_assert_true(bit(page / 512));

    /* bits of before are not told when it is turned on again */
    g_assert_cmpint(write_to(&h, 0, PRI_PASID, HOST_VA), ==, TD_OK);
    track(&h, false);
    g_assert_cmpint(get(&h, 0, FIXTURE_RAM, 4096), ==, -EINVAL);
    track(&h, true);
    only(&h, 0, 0);
    host_end(&h);
}

static void test_arguments(void)
{
    Host h;

    start(&h);
    g_assert_cmpint(get(&h, 0, 0, 4096), ==, -EINVAL);
    g_assert_cmpint(get(&h, 0, FIXTURE_RAM, 0), ==, -EINVAL);
    g_assert_cmpint(get(&h, 0, FIXTURE_RAM, 2048), ==, -EINVAL);
    g_assert_cmpint(get(&h, 0, FIXTURE_RAM, 4097), ==, -EINVAL);
    g_assert_cmpint(get(&h, 8, FIXTURE_RAM, 4096), ==, -EINVAL);
    g_assert_cmpint(get(&h, 0, FIXTURE_RAM + 8, 4096), ==, -EINVAL);
    g_assert_cmpint(get(&h, -HOST_PAGE, 2 * HOST_PAGE, 4096), ==, -EINVAL);
    g_assert_cmpint(get(&h, 0, UINT64_C(1) << 52, 4096), ==, -EOVERFLOW);
    host_end(&h);
}

/* A page that the guest unmaps, and what is cut off by that. */
static void test_unmapped(void)
{
    Host h;

    start(&h);
    g_assert_cmpint(write_to(&h, 0, PRI_PASID, HOST_VA), ==, TD_OK);
    guest_write64(&h.f->mem, guest_fs_entry(&h.s->fs, h.s->alloc, HOST_VA, 1,
                                            false), 0);
    piotlb(&h, HOST_VA);
    host_blocked(&h, 0, PRI_PASID, HOST_VA);
    only(&h, HOST_DATA, 1);
    only(&h, 0, 0);
    host_end(&h);
}

/* The same of a large page, one of whose small ones goes.  What the device
 * wrote until the host forgot it, nobody can tell any more: all of it
 * counts. */
static void test_cut(void)
{
    Host h;

    host_start_of(&h, SPEC_PGTT_SECOND, VIOMMU_NESTING_AUTO);
    no_entry(&h, PRI_PASID);
    scalable_map(h.s, IOVA, HOST_DATA, 2);
    guest_queue_iotlb(h.s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, IOVA, 9, false);
    fixture_wait(h.f);
    track(&h, true);
    g_assert_cmpint(write_to(&h, 0, SM_NONE, IOVA + 5 * HOST_PAGE), ==, TD_OK);
    guest_write64(&h.f->mem, guest_ss_entry(h.s->alloc, h.s->ss,
                                            h.s->ss_levels, IOVA, 2), 0);
    guest_queue_iotlb(h.s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, IOVA, 0, false);
    fixture_wait(h.f);
    only(&h, HOST_DATA, 512);
    /* what is left is noted in turn; the host's pages are small now */
    g_assert_cmpint(write_to(&h, 0, SM_NONE, IOVA + 5 * HOST_PAGE), ==, TD_OK);
    only(&h, HOST_DATA + 5 * HOST_PAGE, 1);
    host_end(&h);
}

typedef void Leave(Host *h);

static void leave_blocked(Host *h)
{
    no_entry(h, PRI_PASID);
}

static void leave_direct(Host *h)
{
    h->s->entry.pgtt = SPEC_PGTT_PASS;
    scalable_put_pasid(h->s, PRI_PASID);
    pasid_entry(h, PRI_PASID);
}

static void leave_other_tables(Host *h)
{
    h->s->entry.fs = guest_alloc_pages(h->s->alloc, 1);
    scalable_put_pasid(h->s, PRI_PASID);
    pasid_entry(h, PRI_PASID);
}

static void leave_off(Host *h)
{
    g_assert_true(guest_command(&h->f->regs, 0, SPEC_GCMD_TE));
}

static void leave_reset(Host *h)
{
    viommu_reset(h->f->unit);
    fixture_run(h->f);
}

static void leave_detached(Host *h)
{
    viommu_detach_host(h->f->unit, SM_SOURCE);
}

static void leave_unplugged(Host *h)
{
    host_close(h, 0);
}

static void leave_pulled(Host *h)
{
    hostsim_remove_device(h->sim, "0000:01:00.0");
    host_close(h, 0);
}

static Leave *const leaves[] = {
    leave_blocked, leave_direct, leave_other_tables, leave_off, leave_reset,
    leave_detached, leave_unplugged, leave_pulled,
};

/* Whatever becomes of the tables, or of the device. */
static void test_leaves(void)
{
    static const ViommuNesting nesting[] = {
        VIOMMU_NESTING_OFF, VIOMMU_NESTING_ON,
    };

    for (size_t n = 0; n < G_N_ELEMENTS(nesting); n++) {
        for (size_t i = 0; i < G_N_ELEMENTS(leaves); i++) {
            Host h;

            host_start_of(&h, SPEC_PGTT_FIRST, nesting[n]);
            track(&h, true);
            g_assert_cmpint(write_to(&h, 0, PRI_PASID, HOST_VA), ==, TD_OK);
            leaves[i](&h);
            g_assert_cmpint(get(&h, 0, FIXTURE_RAM, LARGE), ==, 0);
            g_test_message("nesting %zu, leave %zu", n, i);
            /* hardware that walks the guest's tables writes to them, too */
            bitmap[0] &= (UINT64_C(1) << FIXTURE_TABLES / LARGE) - 1;
            g_assert_cmphex(bitmap[0], ==,
                            UINT64_C(1) << HOST_DATA / LARGE);
            g_assert_cmpint(get(&h, 0, FIXTURE_RAM, LARGE), ==, 0);
            g_assert_cmphex(bitmap[0], ==, 0);
            host_end(&h);
        }
    }
}

/* The host does not say what was written to tables that go: all that they led
 * to counts. */
static void test_leave_failing(void)
{
    const HostsimFailure failure = {
        .call = HOSTSIM_IOCTL, .request = IOMMUFD_HWPT_GET_DIRTY_BITMAP,
        .times = 1, .error = ENOMEM,
    };
    Host h;

    start(&h);
    hostsim_fail(h.sim, &failure);
    no_entry(&h, PRI_PASID);
    only(&h, HOST_DATA - HOST_PAGE, 2);
    host_end(&h);
}

/* A failure when it is asked for costs nothing but the call. */
static void test_failing(void)
{
    for (unsigned i = 0; i < 3; i++) {
        const HostsimFailure failure = {
            .call = HOSTSIM_IOCTL, .request = IOMMUFD_HWPT_GET_DIRTY_BITMAP,
            .after = i, .times = 1, .error = ENOMEM,
        };
        Host h;

        start(&h);
        g_assert_cmpint(write_to(&h, 0, PRI_PASID, HOST_VA), ==, TD_OK);
        g_assert_cmpint(write_to(&h, 0, SM_NONE, HOST_VA + HOST_PAGE), ==,
                        TD_OK);
        hostsim_fail(h.sim, &failure);
        /* the parent, and two shadows */
        g_assert_cmpint(get(&h, 0, FIXTURE_RAM, 4096), ==, -ENOMEM);
        only(&h, HOST_DATA - HOST_PAGE, 2);
        host_end(&h);
    }
}

/* All or none. */
static void test_switch_failing(void)
{
    for (unsigned i = 0; i < 3; i++) {
        const HostsimFailure failure = {
            .call = HOSTSIM_IOCTL, .request = IOMMUFD_HWPT_SET_DIRTY_TRACKING,
            .after = i, .times = 1, .error = EIO,
        };
        Host h;

        start(&h);
        track(&h, false);
        hostsim_fail(h.sim, &failure);
        g_assert_cmpint(viommu_host_set_dirty_tracking(h.host, true), ==,
                        -EIO);
        g_assert_cmpint(get(&h, 0, FIXTURE_RAM, 4096), ==, -EINVAL);
        track(&h, true);
        g_assert_cmpint(write_to(&h, 0, PRI_PASID, HOST_VA), ==, TD_OK);
        only(&h, HOST_DATA, 1);
        host_end(&h);
    }
}

/* Tables, devices and memory that come later. */
static void test_later(void)
{
    uint8_t *memory = mmap(NULL, LARGE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    Host h;

    g_assert_true(memory != MAP_FAILED);
    start(&h);
    no_entry(&h, PRI_PASID);
    scalable_put_pasid(h.s, PRI_PASID);
    pasid_entry(&h, PRI_PASID);
    g_assert_cmpint(write_to(&h, 0, PRI_PASID, HOST_VA), ==, TD_OK);
    only(&h, HOST_DATA, 1);

    g_assert_true(host_open(&h, 1, NULL));
    host_enable(&h, 1);
    g_assert_cmpint(viommu_host_device_pass_through(h.device[1]), ==, 0);
    g_assert_cmpint(viommu_host_map(h.host, MORE, LARGE, memory, false), ==,
                    0);
    g_assert_cmpint(write_to(&h, 1, SM_NONE, MORE + HOST_PAGE), ==, TD_OK);
    g_assert_cmpint(get(&h, 0, FIXTURE_RAM * 2, LARGE), ==, 0);
    g_assert_cmphex(bitmap[0], ==, UINT64_C(1) << MORE / LARGE);
    /* memory that goes takes what is known of it along */
    g_assert_cmpint(write_to(&h, 1, SM_NONE, MORE + HOST_PAGE), ==, TD_OK);
    g_assert_cmpint(viommu_host_unmap(h.host, MORE, LARGE), ==, 0);
    only(&h, 0, 0);
    host_end(&h);
    munmap(memory, LARGE);
}

/* Gaps, and memory that devices do not reach, end nothing. */
static void test_gaps(void)
{
    uint8_t *memory = mmap(NULL, 2 * LARGE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static const ViommuNesting nesting[] = {
        VIOMMU_NESTING_OFF, VIOMMU_NESTING_ON,
    };

    g_assert_true(memory != MAP_FAILED);
    for (size_t n = 0; n < G_N_ELEMENTS(nesting); n++) {
        Host h;

        host_start_of(&h, SPEC_PGTT_FIRST, nesting[n]);
        g_assert_cmpint(viommu_host_map(h.host, FIXTURE_RAM + LARGE, LARGE,
                                        memory, true), ==, 0);
        g_assert_cmpint(viommu_host_map(h.host, MORE, LARGE, memory + LARGE,
                                        false), ==, 0);
        scalable_map(h.s, HOST_VA + HOST_PAGE, MORE + HOST_PAGE, 1);
        piotlb(&h, HOST_VA + HOST_PAGE);
        track(&h, true);
        g_assert_cmpint(write_to(&h, 0, PRI_PASID, HOST_VA + HOST_PAGE), ==,
                        TD_OK);
        /* from the gap on, and over it */
        g_assert_cmpint(get(&h, FIXTURE_RAM, FIXTURE_RAM, LARGE), ==, 0);
        g_assert_cmphex(bitmap[0], ==, UINT64_C(1) << (MORE - FIXTURE_RAM) /
                        LARGE);
        g_assert_cmpint(write_to(&h, 0, PRI_PASID, HOST_VA + HOST_PAGE), ==,
                        TD_OK);
        g_assert_cmpint(get(&h, 0, FIXTURE_RAM * 2, LARGE), ==, 0);
        g_assert_cmphex(bitmap[0] >> FIXTURE_RAM / LARGE, ==,
                        UINT64_C(1) << (MORE - FIXTURE_RAM) / LARGE);
        host_end(&h);
    }
    munmap(memory, 2 * LARGE);
}

/* A host that cannot: an error, whatever the tables. */
static void test_unable(void)
{
    ViommuVtdConfig config;
    GError *error = NULL;
    HostsimConfig sim;
    Host h;

    hostsim_config_init(&sim, HOSTSIM_VTD);
    sim.vtd.dirty_tracking = false;
    host_start_sim(&h, &sim);
    host_config(&config);
    host_start_guest(&h, &config, SPEC_PGTT_FIRST);
    g_assert_true(host_connect(&h, &error) && host_open(&h, 0, &error));
    g_assert_true(viommu_attach_host(h.f->unit, SM_SOURCE, h.device[0],
                                     VIOMMU_NESTING_OFF, &error));
    host_enable(&h, 0);
    host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA);
    g_assert_cmpint(viommu_host_set_dirty_tracking(h.host, true), ==,
                    -EOPNOTSUPP);
    g_assert_cmpint(get(&h, 0, FIXTURE_RAM, 4096), ==, -EINVAL);
    track(&h, false);
    host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA);
    host_end(&h);
}

/* --- A container: its kernel knows what a device can reach, not more ------ */

static void test_container(void)
{
    Type1 t;
    Host *h = &t.h;

    type1_start_shadowed(&t);
    track(h, true);
    h->s->entry.pgtt = SPEC_PGTT_SECOND;
    scalable_put_pasid(h->s, 0);
    type1_pasid_cache(&t, 0);
    /* until now, it could reach everything */
    only(h, 0, FIXTURE_RAM / 4096);
    only(h, 0, 0);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_true(guest_ss_map(h->s->alloc, h->s->ss, h->s->ss_levels,
                                   IOVA + i * HOST_PAGE,
                                   HOST_DATA + i * HOST_PAGE, 1,
                                   SPEC_SS_R | (i == 2 ? 0 : SPEC_SS_W)));
    }
    guest_queue_iotlb(h->s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0, false);
    fixture_wait(h->f);
    g_assert_cmpint(write_to(h, 0, SM_NONE, IOVA), ==, TD_OK);
    only(h, HOST_DATA, 2);
    only(h, HOST_DATA, 2);
    /* it cannot any more: once */
    guest_write64(&h->f->mem, guest_ss_entry(h->s->alloc, h->s->ss,
                                             h->s->ss_levels, IOVA, 1), 0);
    guest_queue_iotlb(h->s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0, false);
    fixture_wait(h->f);
    only(h, HOST_DATA, 2);
    only(h, HOST_DATA + HOST_PAGE, 1);
    no_entry(h, 0);
    only(h, HOST_DATA + HOST_PAGE, 1);
    only(h, 0, 0);
    type1_end(&t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-dirty/shadow", test_shadow);
    g_test_add_func("/host-dirty/arguments", test_arguments);
    g_test_add_func("/host-dirty/unmapped", test_unmapped);
    g_test_add_func("/host-dirty/cut", test_cut);
    g_test_add_func("/host-dirty/leaves", test_leaves);
    g_test_add_func("/host-dirty/leave-failing", test_leave_failing);
    g_test_add_func("/host-dirty/failing", test_failing);
    g_test_add_func("/host-dirty/switch-failing", test_switch_failing);
    g_test_add_func("/host-dirty/later", test_later);
    g_test_add_func("/host-dirty/gaps", test_gaps);
    g_test_add_func("/host-dirty/unable", test_unable);
    g_test_add_func("/host-dirty/container", test_container);
    return g_test_run();
}
