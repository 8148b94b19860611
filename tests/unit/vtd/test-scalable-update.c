/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Accessed and dirty bits of first-stage entries where setting them does not
 * go as planned [VTD 3.6.2].
 */
#include "tests/lib/unit/scalable.h"

#include <string.h>

#define PASID   0x1234u
#define VA      UINT64_C(0x7f0000400000)
#define PA      UINT64_C(0x200000)
/* a second-stage table beside RAM */
#define SLOW    UINT64_C(0x100000000000)

/* Tables in read-only memory: who needs a bit set gets a fault. */
static void test_readonly(void)
{
    ViommuVtdConfig config;
    ViommuRam ram[3];
    Scalable *s;
    uint64_t page;

    scalable_config(&config);
    s = scalable_new(&config, SPEC_PGTT_FIRST, 4, PASID);
    scalable_map(s, VA, PA, 1);
    scalable_map(s, VA + 0x1000, PA, 1);
    scalable_ok(s, PASID, VA, SM_R, PA);
    scalable_ok(s, PASID, VA + 0x1000, SM_W, PA);
    page = guest_fs_entry(&s->fs, s->alloc, VA, 1, false) & ~UINT64_C(0xfff);
    ram[0] = (ViommuRam) { .addr = 0, .size = page, .host = s->f->ram.host };
    ram[1] = (ViommuRam) { .addr = page, .size = 4096, .readonly = true,
                           .host = s->f->ram.host + page };
    ram[2] = (ViommuRam) { .addr = page + 4096,
                           .size = FIXTURE_RAM - page - 4096,
                           .host = s->f->ram.host + page + 4096 };
    g_assert_cmpint(viommu_set_ram(s->f->unit, ram, 3), ==, 0);
    scalable_flush(s);
    /* what has its bits is fine */
    scalable_ok(s, PASID, VA, SM_R, PA);
    scalable_ok(s, PASID, VA + 0x1000, SM_R | SM_W, PA);
    scalable_fault(s, PASID, VA, SM_W, SPEC_FR_SM_FS_UPDATE);
    scalable_fault(s, PASID, VA, SM_W, SPEC_FR_SM_FS_UPDATE);
    scalable_ok(s, PASID, VA, SM_R, PA);
    scalable_free(s);
}

/* Software changes the leaf between the unit's look at it and its update. */
typedef struct Race {
    Scalable *s;
    uint64_t leaf, word;    /* what is written there, once */
    unsigned times;
} Race;

static int racing_read(Fixture *f, uint64_t addr, void *buf, size_t size)
{
    Race *r = f->outside_opaque;
    uint64_t page = ((addr - SLOW) / 8) << 12 | SPEC_SS_R | SPEC_SS_W;

    if (addr < SLOW || addr >= SLOW + 4096) {
        return -1;
    }
    g_assert_cmpuint(size, ==, 8);
    page += (PA + SM_BIAS) & ~UINT64_C(0x1fffff);
    page -= SM_BIAS;
    page = GUINT64_TO_LE(page);
    memcpy(buf, &page, size);
    if (r->times) {
        r->times--;
        guest_write64(&f->mem, r->leaf, r->word + (r->times << 12));
    }
    return 0;
}

static void race_start(Race *r, uint64_t word, unsigned times)
{
    ViommuVtdConfig config;
    Scalable *s;
    uint64_t at;

    scalable_config(&config);
    s = scalable_new(&config, SPEC_PGTT_NESTED, 4, PASID);
    scalable_map(s, VA, PA, 1);
    at = guest_ss_entry(s->alloc, s->ss, 4, PA + SM_BIAS, 2);
    guest_write64(&s->f->mem, at, SLOW | SPEC_SS_R | SPEC_SS_W);
    s->f->outside_read = racing_read;
    s->f->outside_opaque = r;
    *r = (Race) {
        .s = s, .leaf = guest_fs_entry(&s->fs, s->alloc, VA, 1, false),
        .word = word, .times = times,
    };
    scalable_flush(s);
}

/* The walk begins again, and what it finds then counts. */
static void test_changed(void)
{
    const uint64_t leaf = SM_LEAF | (PA + SM_BIAS);
    Race r;

    race_start(&r, 0, 0);
    scalable_ok(r.s, PASID, VA, SM_W, PA);
    scalable_free(r.s);

    race_start(&r, leaf + 0x5000, 1);
    scalable_ok(r.s, PASID, VA + 8, SM_W, PA + 0x5008);
    g_assert_cmphex(scalable_fs_word(r.s, VA, 1), ==,
                    (leaf + 0x5000) | SPEC_FS_A | SPEC_FS_D);
    scalable_free(r.s);

    /* bits that a processor sets meanwhile, and software's own */
    race_start(&r, leaf | SPEC_FS_A, 1);
    scalable_ok(r.s, PASID, VA, SM_W, PA);
    scalable_free(r.s);
    race_start(&r, leaf | SPEC_BIT(9), 1);
    scalable_ok(r.s, PASID, VA, SM_W, PA);
    g_assert_cmphex(scalable_fs_word(r.s, VA, 1), ==,
                    leaf | SPEC_BIT(9) | SPEC_FS_A | SPEC_FS_D);
    scalable_free(r.s);

    race_start(&r, SM_LEAF & ~SPEC_FS_RW, 1);
    r.word |= PA + SM_BIAS;
    scalable_fault(r.s, PASID, VA, SM_W, SPEC_FR_SM_WRITE);
    scalable_free(r.s);
    race_start(&r, 0, 1);
    scalable_fault(r.s, PASID, VA, SM_R, SPEC_FR_SM_FS_P);
    g_assert_cmphex(scalable_fs_word(r.s, VA, 1), ==, 0);
    scalable_free(r.s);
}

/* An entry that never keeps still is given up, and nothing hangs. */
static void test_restless(void)
{
    Race r;

    race_start(&r, SM_LEAF | (PA + SM_BIAS), 400);
    scalable_fault(r.s, PASID, VA, SM_W, SPEC_FR_SM_FS_UPDATE);
    r.times = 0;
    guest_write64(&r.s->f->mem, r.leaf, SM_LEAF | (PA + SM_BIAS));
    scalable_ok(r.s, PASID, VA, SM_W, PA);
    scalable_free(r.s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sm-update/readonly", test_readonly);
    g_test_add_func("/sm-update/changed", test_changed);
    g_test_add_func("/sm-update/restless", test_restless);
    return g_test_run();
}
