/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Translation is switched while devices of the host are behind the unit: its
 * status says so when they are bound to what is now, or gone
 * [VTD 11.4.4] [SMMU 6.3.9].
 */
#include <errno.h>

#include "tests/lib/unit/bent.h"
#include "tests/lib/unit/host-smmu.h"
#include "hw/iommu/host/abi/vfio.h"

/* Not mapped by the guest's tables. */
#define UNMAPPED    (HOST_DATA + 4 * HOST_PAGE)

/* --- A host that a test stands in front of -------------------------------- */

/* What happens before a device is bound to a table; an errno. */
static int (*on_attach)(void);
static unsigned attaches;
static Bent bent;
static Host *shared;

static int attach(Bent *b, int fd, unsigned long request, void *arg)
{
    if (request == VFIO_ABI_DEVICE_ATTACH_PT && on_attach) {
        int error = on_attach();

        attaches++;
        if (error) {
            return -error;
        }
    }
    return bent_ioctl(b, fd, request, arg);
}

static void begin(Host *h)
{
    bent.ioctl = attach;
    on_attach = NULL;
    attaches = 0;
    shared = h;
}

static void start(Host *h)
{
    bent_start(h, &bent);
    begin(h);
    fixture_run(h->f);
    host_good(h, 0, SM_NONE, HOST_VA, HOST_DATA);
}

static bool translates(Host *h)
{
    return guest_reg32(&h->f->regs, SPEC_GSTS) & SPEC_GSTS_TES;
}

/* --- Tests ----------------------------------------------------------------- */

static bool expected;

static int status_is_old(void)
{
    g_assert_cmpint(translates(shared), ==, expected);
    return 0;
}

static void test_bound_before(void)
{
    Host h;

    start(&h);
    on_attach = status_is_old;
    expected = true;
    g_assert_true(guest_command(&h.f->regs, 0, SPEC_GCMD_TE));
    g_assert_cmpuint(attaches, >, 0);
    host_good(&h, 0, SM_NONE, UNMAPPED, UNMAPPED);

    attaches = 0;
    expected = false;
    g_assert_true(guest_command(&h.f->regs, SPEC_GCMD_TE, 0));
    g_assert_cmpuint(attaches, >, 0);
    host_blocked(&h, 0, SM_NONE, UNMAPPED);
    host_good(&h, 0, SM_NONE, HOST_VA, HOST_DATA);
    on_attach = NULL;
    host_end(&h);
}

/* Another device is being plugged, in a call of the host that takes long. */
static int inside, release;

static int takes_long(void)
{
    if (!g_atomic_int_get(&inside)) {
        g_atomic_int_set(&inside, 1);
        while (!g_atomic_int_get(&release)) {
            g_usleep(50);
        }
    }
    return 0;
}

static void *plug_thread(void *opaque)
{
    Host *h = opaque;
    GError *error = NULL;

    g_assert_true(viommu_attach_host(h->f->unit, SM_SOURCE + 8, h->device[1],
                                     VIOMMU_NESTING_ON, &error));
    g_assert_no_error(error);
    return NULL;
}

static void test_host_is_slow(void)
{
    Host h;
    GError *error = NULL;
    GThread *thread;

    start(&h);
    g_assert_true(host_open(&h, 1, &error));
    g_assert_true(guest_command(&h.f->regs, 0, SPEC_GCMD_TE));
    host_good(&h, 0, SM_NONE, UNMAPPED, UNMAPPED);

    inside = release = 0;
    on_attach = takes_long;
    thread = g_thread_new("plug", plug_thread, &h);
    while (!g_atomic_int_get(&inside)) {
        g_usleep(50);
    }
    viommu_mmio_write(h.f->unit, SPEC_GCMD, SPEC_GCMD_TE | SPEC_GCMD_QIE, 4);
    /* the device is where it was, so nothing else is said */
    g_assert_cmpint(host_read(&h, 0, SM_NONE, UNMAPPED), ==, TD_OK);
    g_assert_false(translates(&h));
    g_atomic_int_set(&release, 1);
    g_thread_join(thread);
    fixture_run(h.f);
    g_assert_true(translates(&h));
    host_blocked(&h, 0, SM_NONE, UNMAPPED);
    host_good(&h, 0, SM_NONE, HOST_VA, HOST_DATA);
    on_attach = NULL;
    host_end(&h);
}

/* The host refuses: the status comes, and the next wait reports the device. */
static int refuses(void)
{
    return EINVAL;
}

static void test_host_refuses(void)
{
    Host h;
    const GuestRegs *regs;

    start(&h);
    regs = &h.f->regs;
    g_assert_true(guest_command(regs, 0, SPEC_GCMD_TE));
    host_good(&h, 0, SM_NONE, UNMAPPED, UNMAPPED);
    on_attach = refuses;
    g_assert_true(guest_command(regs, SPEC_GCMD_TE, 0));
    g_assert_cmpint(host_read(&h, 0, SM_NONE, UNMAPPED), !=, TD_OK);
    on_attach = NULL;

    g_assert_false(guest_queue_wait(h.s->queue));
    g_assert_cmphex(guest_reg32(regs, SPEC_FSTS) & SPEC_FSTS_ITE, !=, 0);
    g_assert_cmphex(guest_reg64(regs, SPEC_IQERCD) >> 32 & 0xffff, ==,
                    SM_SOURCE);
    guest_set_reg32(regs, SPEC_FSTS, SPEC_FSTS_ITE);
    guest_queue_context(h.s->queue, SPEC_GRAN_GLOBAL, 0, 0, 0);
    fixture_wait(h.f);
    host_good(&h, 0, SM_NONE, HOST_VA, HOST_DATA);
    host_end(&h);
}

/* The guest is saved before the host has been told: the device of the loaded
 * unit is bound before the status says so. */
static void test_load(void)
{
    Host h;
    GBytes *stream;
    GError *error = NULL;

    start(&h);
    g_assert_true(guest_command(&h.f->regs, 0, SPEC_GCMD_TE));
    viommu_dma_begin();
    viommu_mmio_write(h.f->unit, SPEC_GCMD, SPEC_GCMD_TE | SPEC_GCMD_QIE, 4);
    viommu_dma_end();
    stream = viommu_save(h.f->unit);
    g_assert_true(viommu_load(h.f->unit, g_bytes_get_data(stream, NULL),
                              g_bytes_get_size(stream), &error));
    g_bytes_unref(stream);
    g_assert_false(translates(&h));
    attaches = 0;
    expected = false;
    on_attach = status_is_old;
    fixture_run(h.f);
    g_assert_true(translates(&h));
    g_assert_cmpuint(attaches, >, 0);
    host_blocked(&h, 0, SM_NONE, UNMAPPED);
    on_attach = NULL;
    host_end(&h);
}

/* --- SMMUv3 ---------------------------------------------------------------- */

static int ack_is_old(void)
{
    uint32_t ack = guest_reg32(&shared->f->regs, SMMUV3_CR0ACK);

    g_assert_cmpint(ack & SMMUV3_CR0_SMMUEN, ==, expected);
    return 0;
}

static void test_smmu(void)
{
    ViommuSmmuv3Config config;
    GError *error = NULL;
    HostSmmu t;
    uint32_t cr0;

    host_smmu_config(&config);
    host_smmu_begin(&t, &config);
    bent_install(&bent, &t.h);
    begin(&t.h);
    g_assert_true(host_connect(&t.h, &error));
    g_assert_true(host_smmu_attach(&t, 0, &error));
    g_assert_no_error(error);
    host_enable(&t.h, 0);
    host_good(&t.h, 0, SM_NONE, HOST_VA, HOST_DATA);
    cr0 = guest_reg32(t.s->regs, SMMUV3_CR0);

    on_attach = ack_is_old;
    expected = true;
    guest_set_reg32(t.s->regs, SMMUV3_CR0, cr0 & ~SMMUV3_CR0_SMMUEN);
    g_assert_cmphex(guest_reg32(t.s->regs, SMMUV3_CR0ACK), ==,
                    cr0 & ~SMMUV3_CR0_SMMUEN);
    g_assert_cmpuint(attaches, >, 0);
    host_good(&t.h, 0, SM_NONE, UNMAPPED, UNMAPPED);

    attaches = 0;
    expected = false;
    guest_set_reg32(t.s->regs, SMMUV3_CR0, cr0);
    g_assert_cmphex(guest_reg32(t.s->regs, SMMUV3_CR0ACK), ==, cr0);
    g_assert_cmpuint(attaches, >, 0);
    host_blocked(&t.h, 0, SM_NONE, UNMAPPED);
    host_good(&t.h, 0, SM_NONE, HOST_VA, HOST_DATA);
    on_attach = NULL;
    host_smmu_end(&t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-switch/bound-before", test_bound_before);
    g_test_add_func("/host-switch/host-is-slow", test_host_is_slow);
    g_test_add_func("/host-switch/host-refuses", test_host_refuses);
    g_test_add_func("/host-switch/load", test_load);
    g_test_add_func("/host-switch/smmu", test_smmu);
    return g_test_run();
}
