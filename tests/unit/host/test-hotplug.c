/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest memory that comes and goes while host devices' tables lead to it:
 * shadows let go of it before it is unmapped, and have what comes in its place.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "hw/iommu/host/abi/iommufd.h"
#include "hw/iommu/host/abi/vfio.h"
#include "tests/lib/unit/type1.h"

#define SIZE    (UINT64_C(4) << 20)
#define AT      FIXTURE_RAM
#define VA      (HOST_VA + HOST_PAGE)

static uint8_t *dimm(const char *name)
{
    uint8_t *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    g_assert_true(memory != MAP_FAILED);
    for (uint64_t at = 0; at < SIZE; at += HOST_PAGE) {
        memcpy(memory + at, name, 8);
    }
    return memory;
}

static int plug(Host *h, void *memory)
{
    return viommu_host_map(h->host, AT, SIZE, memory, false);
}

static int unplug(Host *h)
{
    return viommu_host_unmap(h->host, AT, SIZE);
}

static void reads_of(Host *h, unsigned i, uint32_t pasid, uint64_t addr,
                     const char *name)
{
    uint64_t value;

    g_assert_cmpint(host_read(h, i, pasid, addr), ==, TD_OK);
    value = GUINT64_TO_LE(host_get(h, i, TD_BUFFER));
    g_assert_cmpint(memcmp(&value, name, 8), ==, 0);
}

/* VA leads there. */
static void lead_there(Host *h)
{
    scalable_map(h->s, VA, AT, 1);
    guest_queue_piotlb(h->s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, PRI_PASID, 0,
                       0, false);
    guest_queue_piotlb(h->s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0, 0,
                       false);
    fixture_wait(h->f);
}

static void test_shadow(void)
{
    uint8_t *old = dimm("OLD-DIMM"), *new = dimm("NEW-DIMM");
    HostsimUsage before;
    Host h;

    host_start_of(&h, SPEC_PGTT_FIRST, VIOMMU_NESTING_OFF);
    before = host_usage(&h);
    g_assert_cmpint(plug(&h, old), ==, 0);
    lead_there(&h);
    reads_of(&h, 0, PRI_PASID, VA, "OLD-DIMM");
    reads_of(&h, 0, SM_NONE, VA, "OLD-DIMM");
    g_assert_cmpint(unplug(&h), ==, 0);
    host_blocked(&h, 0, PRI_PASID, VA);
    host_blocked(&h, 0, SM_NONE, VA);
    g_assert_cmpuint(host_usage(&h).pinned, ==, before.pinned);
    host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA);
    /* at the same address, without a word of the guest's */
    g_assert_cmpint(plug(&h, new), ==, 0);
    reads_of(&h, 0, PRI_PASID, VA, "NEW-DIMM");
    reads_of(&h, 0, SM_NONE, VA, "NEW-DIMM");
    /* as read-only memory, which no device reaches */
    g_assert_cmpint(unplug(&h), ==, 0);
    g_assert_cmpint(viommu_host_map(h.host, AT, SIZE, old, true), ==, 0);
    host_blocked(&h, 0, PRI_PASID, VA);
    g_assert_cmpint(unplug(&h), ==, 0);
    g_assert_cmpint(plug(&h, old), ==, 0);
    reads_of(&h, 0, PRI_PASID, VA, "OLD-DIMM");
    host_end(&h);
    munmap(old, SIZE);
    munmap(new, SIZE);
}

/* The guest's tables led there before there was anything. */
static void test_comes_late(void)
{
    uint8_t *memory = dimm("NEW-DIMM");
    ViommuHostStats before;
    Host h;

    host_start_of(&h, SPEC_PGTT_FIRST, VIOMMU_NESTING_OFF);
    lead_there(&h);
    host_blocked(&h, 0, PRI_PASID, VA);
    g_assert_cmpint(plug(&h, memory), ==, 0);
    reads_of(&h, 0, PRI_PASID, VA, "NEW-DIMM");
    /* other memory is no reason to do anything */
    before = host_stats(&h);
    g_assert_cmpint(viommu_host_map(h.host, AT + SIZE, SIZE, memory, false),
                    ==, 0);
    g_assert_cmpuint(host_stats(&h).shadow_maps, ==, before.shadow_maps);
    g_assert_cmpuint(host_stats(&h).calls, ==, before.calls + 1);
    host_end(&h);
    munmap(memory, SIZE);
}

/* Nested and direct tables reach the parent, which is all that there is. */
static void test_nested(void)
{
    uint8_t *old = dimm("OLD-DIMM"), *new = dimm("NEW-DIMM");
    Host h;

    host_start(&h);
    g_assert_cmpint(plug(&h, old), ==, 0);
    lead_there(&h);
    reads_of(&h, 0, PRI_PASID, VA, "OLD-DIMM");
    g_assert_cmpint(unplug(&h), ==, 0);
    host_blocked(&h, 0, PRI_PASID, VA);
    g_assert_cmpint(plug(&h, new), ==, 0);
    reads_of(&h, 0, PRI_PASID, VA, "NEW-DIMM");
    host_end(&h);
    munmap(old, SIZE);
    munmap(new, SIZE);
}

/* Two devices behind the unit, one behind another unit, and one that has left
 * its shadow: none has the memory any more. */
static void test_several(void)
{
    uint8_t *old = dimm("OLD-DIMM"), *new = dimm("NEW-DIMM");
    ViommuVtdConfig config;
    GError *error = NULL;
    Scalable *s2;
    Host h;

    host_start_of(&h, SPEC_PGTT_FIRST, VIOMMU_NESTING_OFF);
    host_config(&config);
    s2 = scalable_new(&config, SPEC_PGTT_FIRST, 4, PRI_PASID);
    scalable_map(s2, VA, AT, 1);
    scalable_flush(s2);
    g_assert_cmpint(plug(&h, old), ==, 0);
    lead_there(&h);
    g_assert_true(host_open(&h, 1, &error) && host_open(&h, 2, &error));
    g_assert_true(viommu_attach_host(s2->f->unit, SM_SOURCE, h.device[1],
                                     VIOMMU_NESTING_OFF, &error));
    g_assert_true(viommu_attach_host(s2->f->unit, SM_SOURCE + 8, h.device[2],
                                     VIOMMU_NESTING_OFF, &error));
    host_enable(&h, 1);
    host_enable(&h, 2);
    reads_of(&h, 0, PRI_PASID, VA, "OLD-DIMM");
    reads_of(&h, 1, PRI_PASID, VA, "OLD-DIMM");
    g_assert_true(guest_command(&s2->f->regs, 0, SPEC_GCMD_TE));
    g_assert_cmpint(unplug(&h), ==, 0);
    host_blocked(&h, 0, PRI_PASID, VA);
    host_blocked(&h, 1, SM_NONE, AT);
    g_assert_cmpint(plug(&h, new), ==, 0);
    reads_of(&h, 0, PRI_PASID, VA, "NEW-DIMM");
    reads_of(&h, 1, SM_NONE, AT, "NEW-DIMM");
    g_assert_true(guest_command(&s2->f->regs, SPEC_GCMD_TE, 0));
    reads_of(&h, 1, PRI_PASID, VA, "NEW-DIMM");
    g_assert_cmpint(unplug(&h), ==, 0);
    host_blocked(&h, 1, PRI_PASID, VA);
    g_assert_cmpint(plug(&h, old), ==, 0);
    reads_of(&h, 1, PRI_PASID, VA, "OLD-DIMM");
    /* with a new state of the unit's */
    g_assert_cmpint(unplug(&h), ==, 0);
    viommu_reset(s2->f->unit);
    fixture_run(s2->f);
    g_assert_cmpint(plug(&h, new), ==, 0);
    host_close(&h, 1);
    host_close(&h, 2);
    scalable_free(s2);
    reads_of(&h, 0, PRI_PASID, VA, "NEW-DIMM");
    host_end(&h);
    munmap(old, SIZE);
    munmap(new, SIZE);
}

/* While the unit is at it: what is there already goes, and what has not been
 * looked at never comes. */
static void test_meanwhile(void)
{
    uint8_t *memory = dimm("OLD-DIMM");
    const unsigned n = (unsigned)(SIZE / HOST_PAGE), tables = 34;
    ViommuHostStats stats;
    Host h;

    host_start_of(&h, SPEC_PGTT_FIRST, VIOMMU_NESTING_OFF);
    g_assert_cmpint(plug(&h, memory), ==, 0);
    for (unsigned i = 0; i < tables * n; i++) {
        /* not one next to the other */
        scalable_map(h.s, VA + i * HOST_PAGE, AT + i * 5 % n * HOST_PAGE, 1);
    }
    stats = host_stats(&h);
    guest_queue_piotlb(h.s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, PRI_PASID, 0, 0,
                       false);
    /* the tail, without what the fixture does then */
    viommu_mmio_write(h.f->unit, SPEC_IQT, h.s->queue->tail, 8);
    g_assert_cmpuint(host_stats(&h).shadow_maps, >=, stats.shadow_maps + n);
    g_assert_cmpuint(host_stats(&h).shadow_maps, <,
                     stats.shadow_maps + tables * n);
    g_assert_cmpint(unplug(&h), ==, 0);
    host_blocked(&h, 0, PRI_PASID, VA);
    fixture_wait(h.f);
    for (unsigned i = 0; i < tables * n; i += 501) {
        host_blocked(&h, 0, PRI_PASID, VA + i * HOST_PAGE);
    }
    g_assert_cmpint(plug(&h, memory), ==, 0);
    fixture_run(h.f);
    for (unsigned i = 0; i < tables * n; i += 501) {
        reads_of(&h, 0, PRI_PASID, VA + i * HOST_PAGE, "OLD-DIMM");
    }
    host_end(&h);
    munmap(memory, SIZE);
}

/* The host does not unmap: what is right stays, or the device is blocked. */
static void test_failing(void)
{
    for (unsigned i = 0; i < 3; i++) {
        /* a piece of either shadow, or the memory */
        const HostsimFailure failure = {
            .call = HOSTSIM_IOCTL, .request = IOMMUFD_IOAS_UNMAP, .after = i,
            .times = 1, .error = EIO,
        };
        uint8_t *old = dimm("OLD-DIMM"), *new = dimm("NEW-DIMM");
        Host h;

        host_start_of(&h, SPEC_PGTT_FIRST, VIOMMU_NESTING_OFF);
        g_assert_cmpint(plug(&h, old), ==, 0);
        lead_there(&h);
        hostsim_fail(h.sim, &failure);
        if (i < 2) {
            /* the shadow is made anew, without it */
            g_assert_cmpint(unplug(&h), ==, 0);
            host_blocked(&h, 0, PRI_PASID, VA);
            host_blocked(&h, 0, SM_NONE, VA);
            g_assert_cmpint(plug(&h, new), ==, 0);
            reads_of(&h, 0, PRI_PASID, VA, "NEW-DIMM");
            reads_of(&h, 0, SM_NONE, VA, "NEW-DIMM");
            /* the guest is told that something was wrong */
            g_assert_cmphex(guest_reg32(&h.f->regs, SPEC_FSTS) & 0x7f, ==, 0);
        } else {
            /* it is there as before */
            g_assert_cmpint(unplug(&h), ==, -EIO);
            reads_of(&h, 0, PRI_PASID, VA, "OLD-DIMM");
            g_assert_cmpint(unplug(&h), ==, 0);
            host_blocked(&h, 0, PRI_PASID, VA);
        }
        host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA);
        host_end(&h);
        munmap(old, SIZE);
        munmap(new, SIZE);
    }
}

/* The guest takes a page away, and the host does not: the guest hears of it,
 * and the device does not reach the page. */
static void test_guest_unmap_failing(void)
{
    const HostsimFailure failure = {
        .call = HOSTSIM_IOCTL, .request = IOMMUFD_IOAS_UNMAP, .times = 1,
        .error = EIO,
    };
    Host h;

    host_start_of(&h, SPEC_PGTT_FIRST, VIOMMU_NESTING_OFF);
    guest_write64(&h.f->mem, guest_fs_entry(&h.s->fs, h.s->alloc, HOST_VA, 1,
                                            false), 0);
    hostsim_fail(h.sim, &failure);
    guest_queue_piotlb(h.s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, PRI_PASID,
                       HOST_VA, 0, false);
    guest_queue_push_wide(h.s->queue, (uint64_t[4]) { SPEC_INV_WAIT });
    guest_queue_ring(h.s->queue);
    fixture_run(h.f);
    g_assert_cmphex(guest_reg32(&h.f->regs, SPEC_FSTS) & 0xff, ==,
                    SPEC_FSTS_ITE);
    host_blocked(&h, 0, PRI_PASID, HOST_VA);
    guest_set_reg32(&h.f->regs, SPEC_FSTS, SPEC_FSTS_ITE);
    fixture_run(h.f);
    host_blocked(&h, 0, PRI_PASID, HOST_VA);
    /* the other shadow of the same table, of which nothing was said */
    g_assert_cmpint(host_read(&h, 0, SM_NONE, HOST_VA), ==, TD_OK);
    /* and it works */
    scalable_map(h.s, HOST_VA, HOST_DATA, 1);
    guest_queue_piotlb(h.s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, PRI_PASID,
                       HOST_VA, 0, false);
    fixture_wait(h.f);
    host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA);
    host_end(&h);
}

/* A state is loaded, and with it the guest's memory is another one: the same
 * entries, but tables that lead elsewhere, of which the guest says nothing. */
static void test_load(void)
{
    static const ViommuNesting nesting[] = {
        VIOMMU_NESTING_OFF, VIOMMU_NESTING_ON,
    };

    for (size_t i = 0; i < G_N_ELEMENTS(nesting); i++) {
        GError *error = NULL;
        GBytes *state;
        gsize size;
        const void *data;
        uint64_t at;
        Host h;

        host_start_of(&h, SPEC_PGTT_FIRST, nesting[i]);
        host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA);
        host_good(&h, 0, SM_NONE, HOST_VA, HOST_DATA);
        state = viommu_save(h.f->unit);
        data = g_bytes_get_data(state, &size);
        at = guest_fs_entry(&h.s->fs, h.s->alloc, HOST_VA, 1, false);
        guest_write64(&h.f->mem, at,
                      guest_read64(&h.f->mem, at) + HOST_PAGE);
        g_assert_true(viommu_load(h.f->unit, data, size, &error));
        g_assert_no_error(error);
        fixture_run(h.f);
        host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA + HOST_PAGE);
        host_good(&h, 0, SM_NONE, HOST_VA, HOST_DATA + HOST_PAGE);
        g_bytes_unref(state);
        host_end(&h);
    }
}

static void test_container(void)
{
    uint8_t *old = dimm("OLD-DIMM"), *new = dimm("NEW-DIMM");
    const HostsimFailure failure = {
        .call = HOSTSIM_IOCTL, .request = VFIO_ABI_UNMAP_DMA, .times = 1,
        .error = EIO,
    };
    Type1 t;
    Host *h = &t.h;

    type1_start_shadowed(&t);
    g_assert_cmpint(plug(h, old), ==, 0);
    /* passed through: a failure leaves it there, to be unmapped again */
    reads_of(h, 0, SM_NONE, AT, "OLD-DIMM");
    hostsim_fail(h->sim, &failure);
    g_assert_cmpint(unplug(h), ==, -EIO);
    reads_of(h, 0, SM_NONE, AT, "OLD-DIMM");
    g_assert_cmpint(unplug(h), ==, 0);
    host_blocked(h, 0, SM_NONE, AT);
    /* shadowed */
    g_assert_cmpint(plug(h, old), ==, 0);
    scalable_map(h->s, VA, AT, 1);
    scalable_put_pasid(h->s, 0);
    type1_pasid_cache(&t, 0);
    reads_of(h, 0, SM_NONE, VA, "OLD-DIMM");
    g_assert_cmpint(unplug(h), ==, 0);
    host_blocked(h, 0, SM_NONE, VA);
    g_assert_cmpint(plug(h, new), ==, 0);
    reads_of(h, 0, SM_NONE, VA, "NEW-DIMM");
    /* the host does not unmap the piece */
    hostsim_fail(h->sim, &failure);
    g_assert_cmpint(unplug(h), ==, 0);
    host_blocked(h, 0, SM_NONE, VA);
    g_assert_cmpint(plug(h, old), ==, 0);
    reads_of(h, 0, SM_NONE, VA, "OLD-DIMM");
    type1_end(&t);
    munmap(old, SIZE);
    munmap(new, SIZE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-hotplug/shadow", test_shadow);
    g_test_add_func("/host-hotplug/comes-late", test_comes_late);
    g_test_add_func("/host-hotplug/nested", test_nested);
    g_test_add_func("/host-hotplug/several", test_several);
    g_test_add_func("/host-hotplug/meanwhile", test_meanwhile);
    g_test_add_func("/host-hotplug/failing", test_failing);
    g_test_add_func("/host-hotplug/guest-unmap-failing",
                    test_guest_unmap_failing);
    g_test_add_func("/host-hotplug/load", test_load);
    g_test_add_func("/host-hotplug/container", test_container);
    return g_test_run();
}
