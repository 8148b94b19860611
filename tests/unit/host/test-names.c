/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the host keeps under a name of the guest's: translations, by ASID and
 * by unit.  They outlive the time that a device has the guest's tables, so
 * that the guest's invalidations reach them at any time; and two units that
 * use the same names have nothing in common.
 */
#include "tests/lib/unit/host-smmu.h"

#include <errno.h>

#include "tests/lib/unit/bent.h"
#include "hw/iommu/host/abi/iommufd.h"
#include "hw/iommu/host/abi/vfio.h"

/* The architecture's commands [SMMU 4.3] [SMMU 4.4]. */
#define CFGI_ALL        UINT64_C(0x04)
#define TLBI_NH_ALL     UINT64_C(0x10)
#define TLBI_NH_ASID    UINT64_C(0x11)
#define TLBI_NH_VA      UINT64_C(0x12)
#define TLBI_NH_VAA     UINT64_C(0x13)
#define TLBI_NSNH_ALL   UINT64_C(0x30)
#define ATC_INV         UINT64_C(0x40)
#define SYNC            UINT64_C(0x46)
#define SID(sid)        ((uint64_t)(sid) << 32)
#define ASID(asid)      ((uint64_t)(asid) << 48)

#define ON (SMMUV3_CR0_SMMUEN | SMMUV3_CR0_CMDQEN | SMMUV3_CR0_EVENTQEN | \
            SMMUV3_CR0_ATSCHK)
#define NEW_DATA        (HOST_DATA + 64 * HOST_PAGE)

static void set_cr0(HostSmmu *t, uint32_t cr0)
{
    guest_set_reg32(t->s->regs, SMMUV3_CR0, cr0);
    fixture_run(t->h.f);
}

/* --- Invalidations at any time ------------------------------------------- */

/* Ways to be without the guest's tables for a while. */
typedef enum Pause {
    PAUSE_BYPASS, PAUSE_ABORT, PAUSE_OFF, PAUSE_UNPLUGGED, PAUSES,
} Pause;

static void start_pause(HostSmmu *t, Pause pause)
{
    switch (pause) {
    case PAUSE_BYPASS:
    case PAUSE_ABORT:
        t->s->ste.config = pause == PAUSE_BYPASS ? SMMUV3_BYPASS
                                                 : SMMUV3_ABORT;
        host_smmu_put_ste(t, HOST_SID(0));
        break;
    case PAUSE_OFF:
        set_cr0(t, ON & ~SMMUV3_CR0_SMMUEN);
        break;
    default:
        viommu_detach_host(t->h.f->unit, HOST_SID(0));
        break;
    }
}

static void end_pause(HostSmmu *t, Pause pause, const GuestSte *ste)
{
    GError *error = NULL;

    switch (pause) {
    case PAUSE_BYPASS:
    case PAUSE_ABORT:
        t->s->ste = *ste;
        host_smmu_put_ste(t, HOST_SID(0));
        break;
    case PAUSE_OFF:
        set_cr0(t, ON);
        break;
    default:
        g_assert_true(viommu_attach_host(t->h.f->unit, HOST_SID(0),
                                         t->h.device[0], VIOMMU_NESTING_ON,
                                         &error));
        fixture_run(t->h.f);
        break;
    }
}

static void test_pauses(void)
{
    static const uint64_t commands[][2] = {
        { TLBI_NSNH_ALL, 0 },
        { TLBI_NH_ALL, 0 },
        { TLBI_NH_ASID | ASID(SMMU_TEST_ASID), 0 },
        { TLBI_NH_VA | ASID(SMMU_TEST_ASID), HOST_VA | 1 },
        { TLBI_NH_VAA, HOST_VA },
    };

    for (unsigned pause = 0; pause < PAUSES; pause++) {
        for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
            GuestSte ste;
            HostSmmu t;

            host_smmu_start(&t, 0);
            ste = t.s->ste;
            host_good(&t.h, 0, SM_NONE, HOST_VA, HOST_DATA);
            start_pause(&t, pause);
            host_smmu_map(&t, 0, NEW_DATA);
            host_smmu_command(&t, commands[i][0], commands[i][1]);
            smmu_test_sync(t.s);
            end_pause(&t, pause, &ste);
            host_good(&t.h, 0, SM_NONE, HOST_VA, NEW_DATA);
            host_smmu_end(&t);
        }
    }
}

/* After reset, and after a state was loaded, nothing of before is there, and
 * nobody invalidates it. */
static void test_load(void)
{
    GError *error = NULL;
    GBytes *state;
    HostSmmu t;

    host_smmu_start(&t, 0);
    host_set(&t.h, 0, TD_CONTROL, TD_CONTROL_ATS);
    host_good(&t.h, 0, SM_NONE, HOST_VA, HOST_DATA);
    host_good(&t.h, 0, HOST_SSID, HOST_VA, HOST_DATA);
    state = viommu_save(t.h.f->unit);
    host_smmu_map(&t, 0, NEW_DATA);
    g_assert_true(viommu_load(t.h.f->unit, g_bytes_get_data(state, NULL),
                              g_bytes_get_size(state), &error));
    fixture_run(t.h.f);
    host_good(&t.h, 0, SM_NONE, HOST_VA, NEW_DATA);
    host_good(&t.h, 0, HOST_SSID, HOST_VA, NEW_DATA);

    /* other tables, of the same descriptor, and a reset between */
    viommu_reset(t.h.f->unit);
    fixture_run(t.h.f);
    host_smmu_map(&t, 0, HOST_DATA);
    g_assert_true(viommu_load(t.h.f->unit, g_bytes_get_data(state, NULL),
                              g_bytes_get_size(state), &error));
    fixture_run(t.h.f);
    host_good(&t.h, 0, SM_NONE, HOST_VA, HOST_DATA);
    g_bytes_unref(state);
    host_smmu_end(&t);
}

/* The same of VT-d, nested and shadowed. */
static void test_load_vtd(void)
{
    static const ViommuNesting nesting[] = {
        VIOMMU_NESTING_ON, VIOMMU_NESTING_OFF,
    };

    for (size_t i = 0; i < G_N_ELEMENTS(nesting); i++) {
        GError *error = NULL;
        GBytes *state;
        uint64_t at;
        Host h;

        host_start_of(&h, SPEC_PGTT_FIRST, nesting[i]);
        fixture_run(h.f);
        host_set(&h, 0, TD_CONTROL, TD_CONTROL_ATS);
        host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA);
        host_good(&h, 0, SM_NONE, HOST_VA, HOST_DATA);
        state = viommu_save(h.f->unit);
        at = guest_fs_entry(&h.s->fs, h.s->alloc, HOST_VA, 1, false);
        guest_write64(&h.f->mem, at, NEW_DATA | SM_LEAF);
        g_assert_true(viommu_load(h.f->unit, g_bytes_get_data(state, NULL),
                                  g_bytes_get_size(state), &error));
        fixture_run(h.f);
        host_good(&h, 0, PRI_PASID, HOST_VA, NEW_DATA);
        host_good(&h, 0, SM_NONE, HOST_VA, NEW_DATA);
        g_bytes_unref(state);
        host_end(&h);
    }
}

/* --- Two units ----------------------------------------------------------- */

/* A second unit, with a table for one stream: the same address and ASID. */
typedef struct Second {
    Viommu *unit;
    GuestRegs regs;
    GuestSmmuCommands commands;
    uint64_t strtab, cds;
    GuestTables s1;
} Second;

#define SECOND_DATA     (HOST_DATA + 32 * HOST_PAGE)

static uint64_t second_read(void *opaque, uint64_t offset, unsigned size)
{
    return viommu_mmio_read(opaque, offset, size);
}

static void second_write(void *opaque, uint64_t offset, uint64_t value,
                         unsigned size)
{
    viommu_mmio_write(opaque, offset, value, size);
}

static void second_run(Second *u)
{
    for (unsigned i = 0; i < 50; i++) {
        viommu_run(u->unit);
    }
}

static void second_command(Second *u, uint64_t low, uint64_t high)
{
    guest_smmu_command(&u->commands, low, high);
    guest_smmu_command(&u->commands, SYNC, 0);
    second_run(u);
    g_assert_cmphex(guest_reg32(&u->regs, SMMUV3_GERROR), ==, 0);
}

static void second_start(Second *u, HostSmmu *t, uint32_t sid)
{
    const GuestMem *mem = &t->h.f->mem;
    ViommuSmmuv3Config config;
    GError *error = NULL;
    GuestSte ste = t->s->ste;
    GuestCd cd = t->s->cd;
    uint64_t word[8];
    ViommuRam ram = {
        .addr = t->h.f->ram.base, .size = t->h.f->ram.size,
        .host = t->h.f->ram.host,
    };

    host_smmu_config(&config);
    u->unit = viommu_smmuv3_new(&config, fixture_ops(), t->h.f, &error);
    g_assert_no_error(error);
    viommu_set_ram(u->unit, &ram, 1);
    u->regs = t->h.f->regs;
    u->regs.opaque = u->unit;
    u->regs.read = second_read;
    u->regs.write = second_write;
    u->strtab = guest_alloc_pages(&t->h.f->alloc, 4);
    u->cds = guest_alloc_pages(&t->h.f->alloc, 1);
    g_assert_true(guest_smmu_commands_init(&u->commands, &t->h.f->alloc,
                                           &u->regs, 6));
    g_assert_true(guest_tables_init(&u->s1, &t->h.f->alloc, 12, 48, 0));
    g_assert_true(guest_tables_map(&u->s1, HOST_VA, SECOND_DATA, 3,
                                   SMMUV3_PAGE_S1));
    cd.ttb[0] = u->s1.ttb;
    guest_cd_encode(&cd, word);
    guest_write_words(mem, u->cds, word, 8);
    ste.cd_table = u->cds;
    ste.s1cdmax = 0;
    guest_ste_encode(&ste, word);
    guest_write_words(mem, u->strtab + sid * SMMUV3_STE_SIZE, word, 8);
    guest_set_reg64(&u->regs, SMMUV3_STRTAB_BASE, u->strtab);
    guest_set_reg32(&u->regs, SMMUV3_STRTAB_BASE_CFG, 8);
    guest_set_reg32(&u->regs, SMMUV3_CR2, 2);
    guest_set_reg32(&u->regs, SMMUV3_CR0, ON);
    second_run(u);
}

static void second_attach(Second *u, HostSmmu *t, unsigned i, uint32_t sid)
{
    GError *error = NULL;

    g_assert_true(viommu_attach_host(u->unit, sid, t->h.device[i],
                                     VIOMMU_NESTING_ON, &error));
    host_enable(&t->h, i);
    second_run(u);
}

static void both_good(HostSmmu *t)
{
    host_good(&t->h, 0, SM_NONE, HOST_VA, HOST_DATA);
    host_good(&t->h, 1, SM_NONE, HOST_VA, SECOND_DATA);
    host_good(&t->h, 0, SM_NONE, HOST_VA, HOST_DATA);
}

/* Different StreamIDs, then equal ones. */
static void test_two_units(void)
{
    static const uint32_t sids[] = { HOST_SID(1), HOST_SID(0) };

    for (size_t i = 0; i < G_N_ELEMENTS(sids); i++) {
        GError *error = NULL;
        uint64_t event[4];
        HostSmmu t;
        Second u;

        host_smmu_start(&t, 0);
        second_start(&u, &t, sids[i]);
        g_assert_true(host_open(&t.h, 1, &error));
        second_attach(&u, &t, 1, sids[i]);
        both_good(&t);

        /* what one guest driver says reaches its own unit's devices */
        g_assert_true(guest_tables_map(&u.s1, HOST_VA + HOST_PAGE,
                                       SECOND_DATA + HOST_PAGE, 3,
                                       SMMUV3_PAGE_S1));
        host_good(&t.h, 1, SM_NONE, HOST_VA + HOST_PAGE,
                  SECOND_DATA + HOST_PAGE);
        guest_write64(&t.h.f->mem, guest_tables_entry(
                          &u.s1, HOST_VA + HOST_PAGE, 3), 0);
        second_command(&u, TLBI_NH_VA | ASID(SMMU_TEST_ASID),
                       (HOST_VA + HOST_PAGE) | 1);
        host_blocked(&t.h, 1, SM_NONE, HOST_VA + HOST_PAGE);
        /* and events go to the unit whose device it was */
        host_run(&t.h);
        g_assert_false(smmu_test_event(t.s, event));
        host_blocked(&t.h, 0, SM_NONE, HOST_VA + HOST_PAGE);
        host_run(&t.h);
        g_assert_true(smmu_test_event(t.s, event));
        both_good(&t);

        /* one is reset, one goes: the other does not notice */
        viommu_reset(u.unit);
        second_run(&u);
        host_good(&t.h, 0, SM_NONE, HOST_VA, HOST_DATA);
        viommu_detach_host(u.unit, sids[i]);
        viommu_free(u.unit);
        host_good(&t.h, 0, SM_NONE, HOST_VA, HOST_DATA);
        host_blocked(&t.h, 1, SM_NONE, HOST_VA);
        host_smmu_end(&t);
    }
}

/* A device that moves from one unit to the other, and a host that has no
 * second parent. */
static void test_move(void)
{
    const HostsimFailure failures[] = {
        { .call = HOSTSIM_IOCTL, .request = IOMMUFD_HWPT_ALLOC, .times = 1,
          .error = ENOMEM },
        { .call = HOSTSIM_IOCTL, .request = IOMMUFD_VIOMMU_ALLOC, .times = 1,
          .error = ENOMEM },
    };
    GError *error = NULL;
    HostSmmu t;
    Second u;

    host_smmu_start(&t, 0);
    second_start(&u, &t, HOST_SID(0));
    g_assert_true(host_smmu_attach(&t, 1, &error));
    host_good(&t.h, 1, SM_NONE, HOST_VA, HOST_DATA);
    viommu_detach_host(t.h.f->unit, HOST_SID(1));
    for (size_t i = 0; i < G_N_ELEMENTS(failures); i++) {
        hostsim_fail(t.h.sim, &failures[i]);
        g_assert_false(viommu_attach_host(u.unit, HOST_SID(0), t.h.device[1],
                                          VIOMMU_NESTING_ON, &error));
        g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST);
        g_clear_error(&error);
        hostsim_fail(t.h.sim, NULL);
        host_blocked(&t.h, 1, SM_NONE, HOST_VA);
    }
    for (unsigned i = 0; i < 3; i++) {
        second_attach(&u, &t, 1, HOST_SID(0));
        both_good(&t);
        viommu_detach_host(u.unit, HOST_SID(0));
        host_blocked(&t.h, 1, SM_NONE, HOST_VA);
        g_assert_true(viommu_attach_host(t.h.f->unit, HOST_SID(1),
                                         t.h.device[1], VIOMMU_NESTING_ON,
                                         &error));
        fixture_run(t.h.f);
        host_good(&t.h, 1, SM_NONE, HOST_VA, HOST_DATA);
        viommu_detach_host(t.h.f->unit, HOST_SID(1));
    }
    /* the first one goes, and comes to the second unit */
    viommu_detach_host(t.h.f->unit, HOST_SID(0));
    second_attach(&u, &t, 0, HOST_SID(0));
    host_good(&t.h, 0, SM_NONE, HOST_VA, SECOND_DATA);
    viommu_detach_host(u.unit, HOST_SID(0));
    viommu_free(u.unit);
    host_smmu_end(&t);
}

/* --- Order --------------------------------------------------------------- */

#define OPCODES_MAX 16

typedef struct Seen {
    uint8_t opcode[OPCODES_MAX];
    unsigned n;
} Seen;

static int watch(Bent *b, int fd, unsigned long request, void *arg)
{
    const IommufdHwptInvalidate *args = arg;
    Seen *seen = b->opaque;

    if (request == IOMMUFD_HWPT_INVALIDATE) {
        const uint64_t *entries = (const void *)(uintptr_t)args->data;

        for (unsigned i = 0; i < args->entry_num && seen->n < OPCODES_MAX;
             i++) {
            seen->opcode[seen->n++] = GUINT64_FROM_LE(entries[2 * i]) & 0xff;
        }
    }
    return bent_ioctl(b, fd, request, arg);
}

/* Equal commands go out once, unless something between them empties a cache
 * that theirs is filled from. */
static void test_order(void)
{
    static const uint8_t wanted[] = { 0x40, 0x12, 0x40, 0x06, 0x12 };
    const uint64_t page = HOST_VA | 1;
    ViommuSmmuv3Config config;
    GError *error = NULL;
    HostSmmu t;
    Seen seen;
    Bent b;

    host_smmu_config(&config);
    host_smmu_begin(&t, &config);
    bent_install(&b, &t.h);
    g_assert_true(host_connect(&t.h, &error));
    g_assert_true(host_smmu_attach(&t, 0, &error));
    b.ioctl = watch;
    b.opaque = &seen;
    seen.n = 0;
    host_smmu_later(&t, ATC_INV | SID(HOST_SID(0)), 52);
    host_smmu_later(&t, TLBI_NH_VA | ASID(SMMU_TEST_ASID), page);
    host_smmu_later(&t, ATC_INV | SID(HOST_SID(0)), 52);
    host_smmu_later(&t, ATC_INV | SID(HOST_SID(0)), 52);
    host_smmu_later(&t, TLBI_NH_VA | ASID(SMMU_TEST_ASID), page);
    host_smmu_later(&t, 0x06 | SID(HOST_SID(0)), 0);
    host_smmu_later(&t, TLBI_NH_VA | ASID(SMMU_TEST_ASID), page);
    host_smmu_later(&t, SYNC, 0);
    host_smmu_ring(&t);
    g_assert_cmpmem(seen.opcode, seen.n, wanted, sizeof(wanted));
    host_smmu_end(&t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-names/pauses", test_pauses);
    g_test_add_func("/host-names/load", test_load);
    g_test_add_func("/host-names/load-vtd", test_load_vtd);
    g_test_add_func("/host-names/two-units", test_two_units);
    g_test_add_func("/host-names/move", test_move);
    g_test_add_func("/host-names/order", test_order);
    return g_test_run();
}
