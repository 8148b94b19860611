/* SPDX-License-Identifier: BSD-3-Clause */
#include "smmu-differential.h"

#include <string.h>

#define EVENTS_LOG2 4

unsigned smmu_below(SmmuWorld *w, unsigned n)
{
    return (unsigned)g_rand_int_range(w->rand, 0, (gint32)n);
}

bool smmu_chance(SmmuWorld *w, unsigned percent)
{
    return smmu_below(w, 100) < percent;
}

uint64_t smmu_random(SmmuWorld *w)
{
    return (uint64_t)g_rand_int(w->rand) << 32 | g_rand_int(w->rand);
}

static uint64_t bits_below(unsigned n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* --- Commands --------------------------------------------------------------- */

void smmu_world_command(SmmuWorld *w, uint64_t w0, uint64_t w1)
{
    guest_smmu_command(&w->commands, w0, w1);
}

void smmu_world_sync(SmmuWorld *w)
{
    smmu_world_command(w, 0x46, 0);
    fixture_run(w->f);
    g_assert_true(guest_smmu_commands_done(&w->commands));
}

static uint64_t tag(uint16_t vmid, uint16_t asid)
{
    return (uint64_t)vmid << 32 | (uint64_t)asid << 48;
}

/* All of a VM, in one of several ways. */
static void invalidate_vm(SmmuWorld *w, unsigned vm)
{
    uint64_t vmid = tag(w->vms[vm].vmid, 0);

    if (smmu_chance(w, 30)) {
        smmu_world_command(w, 0x30, 0);             /* NSNH_ALL */
    } else if (w->config.stage2) {
        smmu_world_command(w, 0x28 | vmid, 0);      /* S12_VMALL */
    } else {
        smmu_world_command(w, 0x10, 0);             /* NH_ALL */
    }
}

/* A command by address, with a range that covers @size bytes at @addr. */
static void by_address(SmmuWorld *w, uint64_t w0, uint64_t addr,
                       unsigned granule, uint64_t size)
{
    unsigned tg = granule == 12 ? 1 : granule == 14 ? 2 : 3, scale = 0;
    uint64_t pages = size >> granule;

    if (pages <= 1 && smmu_chance(w, 70)) {
        smmu_world_command(w, w0, addr & ~bits_below(12));
        return;
    }
    addr &= ~(size - 1);
    while (pages > 32) {
        pages /= 2;
        scale++;
    }
    smmu_world_command(w, w0 | (pages - 1) << 12 | (uint64_t)scale << 20,
                       (addr & ~bits_below(12)) | tg << 10);
}

static void invalidate_s1(SmmuWorld *w, const SmmuSpace *s, unsigned granule,
                          uint64_t addr, uint64_t size, bool leaf)
{
    uint64_t vmid = tag(w->config.stage2 ? w->vms[s->vm].vmid : 0, 0);

    /* The architecture's commands have sign-extended addresses. */
    addr = addr >> 55 & 1 ? addr | ~bits_below(56) : addr & bits_below(56);
    switch (smmu_below(w, leaf ? 8 : 6)) {
    case 0:
        invalidate_vm(w, s->vm);
        break;
    case 1:
        smmu_world_command(w, 0x10 | vmid, 0);
        break;
    case 2:
        smmu_world_command(w, 0x11 | vmid | tag(0, s->asid), 0);
        /* Global entries stay. */
        by_address(w, 0x13 | vmid, addr, granule, size);
        break;
    case 3:
        by_address(w, 0x13 | vmid, addr, granule, size);
        break;
    default:
        by_address(w, 0x12 | vmid | tag(0, s->asid), addr, granule, size);
        break;
    }
    smmu_world_sync(w);
}

static void invalidate_s2(SmmuWorld *w, unsigned vm, uint64_t ipa,
                          uint64_t size)
{
    uint64_t vmid = tag(w->vms[vm].vmid, 0);

    if (smmu_chance(w, 30)) {
        invalidate_vm(w, vm);
    } else {
        by_address(w, 0x2a | vmid, ipa, w->vms[vm].s2.granule, size);
        if (w->config.stage1) {
            smmu_world_command(w, 0x10 | vmid, 0);
        }
    }
    smmu_world_sync(w);
}

/* --- Tables ------------------------------------------------------------------ */

static unsigned shift_of(const SmmuTree *t, unsigned level)
{
    return t->granule + (3 - level) * (t->granule - 3);
}

static bool new_tree(SmmuWorld *w, SmmuTree *t, unsigned granule,
                     unsigned input, unsigned start)
{
    uint64_t bytes;

    *t = (SmmuTree) { .granule = granule, .input = input, .start = start };
    bytes = UINT64_C(8) << (input - shift_of(t, start));
    t->base = guest_alloc_pages(&w->f->alloc, (bytes + 4095) / 4096);
    return t->base != 0;
}

static bool in_ram(uint64_t addr)
{
    return addr >= FIXTURE_TABLES && addr < FIXTURE_RAM;
}

/* Where the descriptor of @level is; tables are made on the way, from level
 * *@made on.  0: something else is in the way. */
static uint64_t descriptor(SmmuWorld *w, const SmmuTree *t, uint64_t addr,
                           unsigned level, unsigned *made)
{
    const GuestMem *mem = &w->f->mem;
    uint64_t table = t->base;

    *made = 4;
    for (unsigned at = t->start;; at++) {
        unsigned bits = at == t->start ? t->input - shift_of(t, at)
                                       : t->granule - 3;
        uint64_t where = table +
                         ((addr >> shift_of(t, at)) & bits_below(bits)) * 8;
        uint64_t word;

        if (!in_ram(where)) {
            return 0;
        }
        if (at == level) {
            return where;
        }
        word = guest_read64(mem, where);
        if (!(word & 1)) {
            table = guest_alloc_pages(&w->f->alloc,
                                      (size_t)1 << (t->granule - 12));
            if (!table) {
                return 0;
            }
            guest_write64(mem, where, table | 3);
            *made = MIN(*made, at);
        } else if (!(word & 2)) {
            return 0;
        } else {
            table = word & bits_below(48) & ~bits_below(t->granule);
        }
    }
}

static bool block_ok(const SmmuTree *t, unsigned level)
{
    return level == 3 || level == 2 || (level == 1 && t->granule == 12);
}

/* Attributes of a page; mostly such that it works. */
static uint64_t draw_attributes(SmmuWorld *w, bool s2, bool alone)
{
    uint64_t word = s2 ? SMMUV3_PAGE_S2 : SMMUV3_PAGE_S1;

    if (smmu_chance(w, 40)) {
        word ^= UINT64_C(1) << (6 + smmu_below(w, 2));  /* AP */
    }
    if (smmu_chance(w, 30)) {
        word &= ~SMMUV3_PTE_AF;
    }
    if (smmu_chance(w, 30)) {
        word |= SMMUV3_PTE_DBM;
        word ^= smmu_chance(w, 60) ? 0x80 : 0;
    }
    if (smmu_chance(w, 30)) {
        word |= (uint64_t)smmu_below(w, 4) << 53;       /* XN */
    }
    if (!s2 && alone && smmu_chance(w, 20)) {
        /* Global: of all address spaces of the VM, so of one only. */
        word &= ~SMMUV3_PTE_NG;
    }
    return word | (smmu_random(w) & UINT64_C(0x0780000000000000));
}

static uint64_t draw_output(SmmuWorld *w, const SmmuTree *t, unsigned level,
                            bool nested)
{
    uint64_t to = smmu_chance(w, 80) ? smmu_random(w) & bits_below(32)
                                     : smmu_random(w) & bits_below(48);

    if (nested && smmu_chance(w, 90)) {
        to = w->ipas[smmu_below(w, SMMU_ADDRESSES)];
    }
    return to & bits_below(48) & ~bits_below(shift_of(t, level));
}

static uint64_t draw_table_bits(SmmuWorld *w)
{
    return smmu_chance(w, 30) ? smmu_random(w) & UINT64_C(0x7800000000000000)
                              : 0;
}

/* Descriptors in a contiguous run. */
static unsigned run_log2(const SmmuTree *t, unsigned level)
{
    return t->granule == 12 ? 4 : t->granule == 14 && level == 3 ? 7 : 5;
}

/* What was a run is one no more. */
static void end_run(SmmuWorld *w, const SmmuTree *t, unsigned level,
                    uint64_t where)
{
    unsigned n = 1u << run_log2(t, level);
    uint64_t first = where & ~(n * UINT64_C(8) - 1);

    for (unsigned i = 0; i < n; i++) {
        uint64_t word = guest_read64(&w->f->mem, first + 8 * i);

        guest_write64(&w->f->mem, first + 8 * i, word & ~SMMUV3_PTE_CONT);
    }
}

/* Write a run of contiguous pages around @where. */
static unsigned write_run(SmmuWorld *w, const SmmuTree *t, unsigned level,
                          uint64_t where, uint64_t word)
{
    unsigned log2 = run_log2(t, level);
    uint64_t size = UINT64_C(1) << shift_of(t, level);
    uint64_t first = where & ~((UINT64_C(8) << log2) - 1);
    uint64_t to = word & bits_below(48) & ~bits_below(t->granule);
    uint64_t rest = word & ~(bits_below(48) & ~bits_below(t->granule));

    to &= ~((size << log2) - 1);
    for (unsigned i = 0; i < 1u << log2; i++) {
        guest_write64(&w->f->mem, first + 8 * i,
                      to | rest | SMMUV3_PTE_CONT | SMMUV3_PTE_AF);
        to += size;
    }
    return log2;
}

/* What stands at a place; *@size is the size of what has changed. */
static bool change_descriptor(SmmuWorld *w, const SmmuTree *t, uint64_t addr,
                              bool s2, bool nested, bool alone,
                              uint64_t *size, bool *leaf)
{
    static const uint8_t levels[] = { 3, 3, 3, 3, 3, 2, 2, 1, 0 };
    unsigned level = levels[smmu_below(w, sizeof(levels))], made, log2 = 0;
    uint64_t where, old, word = 0;

    level = MAX(level, t->start);
    where = descriptor(w, t, addr, level, &made);
    if (!where) {
        return false;
    }
    old = guest_read64(&w->f->mem, where);
    *leaf = level == 3 || (old & 3) != 3;
    if (block_ok(t, level) && smmu_chance(w, level == 3 ? 85 : 40)) {
        word = draw_output(w, t, level, nested) | draw_attributes(w, s2, alone) |
               (level == 3 ? 3 : 1);
    } else if ((old & 3) == 3 && level < 3 && smmu_chance(w, 75)) {
        word = (old & bits_below(48)) | draw_table_bits(w);
        *leaf = false;
    } else if (level < 3 && smmu_chance(w, 10)) {
        word = (smmu_random(w) & bits_below(48) & ~bits_below(16)) | 3;
        *leaf = false;
    } else if (smmu_chance(w, 20)) {
        word = smmu_random(w) & ~UINT64_C(1);
    }
    if ((old & 1) && (old & SMMUV3_PTE_CONT) &&
        (level == 3 || !(old & 2))) {
        end_run(w, t, level, where);
        log2 = run_log2(t, level);
    }
    if (block_ok(t, level) && (word & 1) && !(level < 3 && (word & 2)) &&
        /* Stage 2 of the tables' memory is not to be in such a run. */
        w->runs && smmu_chance(w, 10) && (!s2 || level == 3) &&
        (level > t->start ||
         t->input - shift_of(t, level) >= t->granule - 3)) {
        log2 = write_run(w, t, level, where, word);
        *leaf = false;
    } else {
        guest_write64(&w->f->mem, where, word);
    }
    *size = UINT64_C(1) << MIN(shift_of(t, MIN(level, made)) + log2,
                               t->input);
    return true;
}

/* --- Configuration --------------------------------------------------------------- */

static void encode_ste(SmmuWorld *w, const SmmuStream *s, uint64_t word[8])
{
    const SmmuVm *vm = &w->vms[s->vm];
    GuestSte ste = {
        .config = s->config, .cd_table = s->cds, .s1fmt = s->fmt,
        .s1cdmax = s->max, .s1dss = s->dss, .vmid = vm->vmid,
        .s2ttb = vm->s2.base, .s2t0sz = 64 - vm->s2.input,
        .s2tg = vm->s2.granule == 12 ? 0 : vm->s2.granule == 16 ? 1 : 2,
        .s2sl0 = (vm->s2.granule == 12 ? 2 : 3) - vm->s2.start,
        .s2ps = vm->ps, .s2affd = vm->affd, .s2ha = vm->ha, .s2hd = vm->hd,
        .eats = s->eats, .s2record = smmu_chance(w, 80),
        .s2stall = w->config.stall && smmu_chance(w, 20),
        .s1stalld = w->config.stall && smmu_chance(w, 10),
    };

    guest_ste_encode(&ste, word);
    if (smmu_chance(w, 20)) {
        word[1] |= (uint64_t)smmu_below(w, 16) << 48;   /* PRIVCFG, INSTCFG */
    }
}

/* One bit wrong, where it is no address that nobody checks. */
static void damage_ste(SmmuWorld *w, uint64_t word[8])
{
    const uint64_t bits[3] = {
        UINT64_C(0xf80000000000003f), UINT64_C(0x000f0000f0000003),
        w->runs ? UINT64_C(0x07b7000000000000)
                : UINT64_C(0x07b7c0ff00000000),
    };
    unsigned i = smmu_below(w, 3), n;

    do {
        n = smmu_below(w, 64);
    } while (!(bits[i] >> n & 1));
    word[i] ^= UINT64_C(1) << n;
}

static uint16_t odd_tag(SmmuWorld *w)
{
    return (uint16_t)(0x7000 + w->odd++ % 0x8000);
}

static void write_ste(SmmuWorld *w, SmmuStream *s, bool damaged)
{
    uint64_t word[8];

    encode_ste(w, s, word);
    s->odd_vmid = 0;
    if (damaged) {
        damage_ste(w, word);
        s->odd_vmid = odd_tag(w);
        word[2] = (word[2] & ~bits_below(16)) | s->odd_vmid;
    }
    guest_write_words(&w->f->mem, s->where, word, 8);
}

static uint64_t cd_place(SmmuWorld *w, const SmmuStream *s, uint32_t ssid)
{
    unsigned split = s->fmt == 1 ? 6 : 10;
    uint64_t where, l1;

    if (s->max == 0 || s->fmt == 0) {
        return s->cds + ssid * 64;
    }
    where = s->cds + (ssid >> split) * 8;
    l1 = guest_read64(&w->f->mem, where);
    if (!(l1 & 1)) {
        l1 = guest_alloc_pages(&w->f->alloc, s->fmt == 1 ? 1 : 16);
        g_assert_cmphex(l1, !=, 0);
        guest_write64(&w->f->mem, where, l1 | 1);
    }
    return (l1 & ~bits_below(12)) + (ssid & bits_below(split)) * 64;
}

static unsigned tg_of(unsigned granule, unsigned half)
{
    return granule == 12 ? (half ? 2 : 0) :
           granule == 14 ? (half ? 1 : 2) : (half ? 3 : 1);
}

/* The substreams that are used. */
static const uint32_t ssids[SMMU_SSIDS] = { 0, 1, 2, 63, 64, 69 };

static void write_cd(SmmuWorld *w, SmmuStream *s, unsigned index,
                     bool damaged)
{
    uint32_t ssid = ssids[index];
    SmmuSpace *a;
    GuestCd cd = { .asid = 0 };
    uint64_t word[8];

    do {
        a = &w->spaces[smmu_below(w, SMMU_SPACES)];
    } while (a->vm != s->vm);
    cd.asid = a->asid;
    for (unsigned i = 0; i < 2; i++) {
        cd.ttb[i] = a->half[i].base;
        cd.tsz[i] = 64 - a->half[i].input;
        cd.tg[i] = tg_of(a->half[i].granule, i);
        cd.epd[i] = a->epd[i];
    }
    cd.ips = a->ips;
    cd.affd = a->affd;
    cd.ha = a->ha;
    cd.hd = a->hd;
    cd.wxn = a->wxn;
    cd.pan = a->pan;
    cd.stall = w->config.stall && smmu_chance(w, 20);
    cd.record = smmu_chance(w, 80);
    s->odd_asid[index] = 0;
    guest_cd_encode(&cd, word);
    word[0] |= (uint64_t)a->tbi[0] << 38 | (uint64_t)a->tbi[1] << 39;
    word[1] |= (uint64_t)a->had[0] << 1;
    word[2] |= (uint64_t)a->had[1] << 1;
    if (damaged) {
        /* Where pages may be global, only what no TLB keeps. */
        uint64_t bits = s->vm == SMMU_VMS - 1 ? UINT64_C(0x720080008000)
                        : w->runs ? UINT64_C(0x7fff4000c000)
                                  : UINT64_C(0x7fffc0ffc0ff);
        unsigned n;

        s->odd_asid[index] = odd_tag(w);
        word[0] = (word[0] & bits_below(48)) |
                  (uint64_t)s->odd_asid[index] << 48;
        do {
            n = smmu_below(w, 64);
        } while (!(bits >> n & 1));
        word[0] ^= UINT64_C(1) << n;
    }
    guest_write_words(&w->f->mem, cd_place(w, s, ssid), word, 8);
}

static void write_cds(SmmuWorld *w, SmmuStream *s)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(ssids); i++) {
        if (ssids[i] < 1u << s->max && (i == 0 || smmu_chance(w, 80))) {
            write_cd(w, s, i, smmu_chance(w, 5));
        }
    }
}

static void draw_stream(SmmuWorld *w, SmmuStream *s)
{
    memset(s->odd_asid, 0, sizeof(s->odd_asid));
    unsigned kind = smmu_below(w, 20), max = w->config.ssid_bits;
    bool both = w->config.stage1 && w->config.stage2;

    if (kind == 19 && smmu_chance(w, 50)) {
        kind = 0;
    }
    s->vm = w->config.stage2 ? smmu_below(w, SMMU_VMS) : SMMU_VMS - 1;
    s->config = s->vm == SMMU_VMS - 1 ? SMMUV3_S1 :
                both && kind < 12 ? SMMUV3_NESTED : SMMUV3_S2;
    if (!w->config.stage1 && s->config == SMMUV3_S1) {
        s->config = SMMUV3_BYPASS;
    }
    if (kind == 19) {
        s->config = smmu_below(w, 5);
    }
    s->max = MIN(smmu_chance(w, 50) ? 0 : 7, max);
    s->fmt = smmu_below(w, 3);
    s->dss = smmu_below(w, 3);
    s->eats = smmu_chance(w, 40) ? 0 : smmu_below(w, 3);
    if (s->eats == 2 && s->config != SMMUV3_NESTED && smmu_chance(w, 80)) {
        s->eats = 1;
    }
    s->cds = guest_alloc_pages(&w->f->alloc, 2);
    g_assert_cmphex(s->cds, !=, 0);
}

static void invalidate_stream(SmmuWorld *w, const SmmuStream *s)
{
    uint64_t sid = (uint64_t)s->sid << 32;

    switch (smmu_below(w, 3)) {
    case 0:
        smmu_world_command(w, 0x03 | sid, 1);
        break;
    case 1:
        smmu_world_command(w, 0x04 | sid, 31);          /* CFGI_ALL */
        break;
    default:
        smmu_world_command(w, 0x04 | sid, smmu_below(w, 5));
        break;
    }
    smmu_world_sync(w);
}

/* --- Changes -------------------------------------------------------------------------- */

static void change_first(SmmuWorld *w)
{
    SmmuSpace *s = &w->spaces[smmu_below(w, SMMU_SPACES)];
    uint64_t addr = w->addresses[smmu_below(w, SMMU_ADDRESSES)], size;
    const SmmuTree *t = &s->half[addr >> 55 & 1];
    bool leaf;

    w->last = "a descriptor of stage 1";
    addr = addr >> 55 & 1 ? addr | ~bits_below(t->input)
                          : addr & bits_below(t->input);
    if (change_descriptor(w, t, addr, false, s->vm != SMMU_VMS - 1,
                          s->vm == SMMU_VMS - 1 && w->config.stage2, &size,
                          &leaf)) {
        invalidate_s1(w, s, t->granule, addr, size, leaf);
    }
}

static void change_second(SmmuWorld *w)
{
    unsigned vm = smmu_below(w, SMMU_VMS - 1);
    const SmmuTree *t = &w->vms[vm].s2;
    uint64_t ipa = w->ipas[smmu_below(w, SMMU_ADDRESSES)], size;
    bool leaf;

    w->last = "a descriptor of stage 2";
    ipa &= bits_below(t->input);
    if (ipa < FIXTURE_RAM) {
        return;
    }
    if (change_descriptor(w, t, ipa, true, false, false, &size, &leaf)) {
        smmu_world_command(w, 0x04, 31);
        invalidate_s2(w, vm, ipa, size);
    }
}

/* Stage 2 of the memory with stage 1's tables: level 2 blocks. */
static void map_ram(SmmuWorld *w, unsigned vm, bool spoil)
{
    const SmmuTree *t = &w->vms[vm].s2;
    uint64_t size = UINT64_C(1) << shift_of(t, 2);
    unsigned made;

    for (uint64_t at = 0; at < FIXTURE_RAM; at += size) {
        uint64_t word = at | 1 | SMMUV3_PAGE_S2;
        uint64_t where = descriptor(w, t, at, 2, &made);

        if (spoil && smmu_chance(w, 10)) {
            word ^= UINT64_C(1) << (6 + smmu_below(w, 2));
        }
        if (spoil && smmu_chance(w, 20)) {
            word &= ~SMMUV3_PTE_AF;
        }
        if (spoil && smmu_chance(w, 20)) {
            word |= SMMUV3_PTE_DBM;
        }
        if (spoil && smmu_chance(w, 5)) {
            word = 0;
        }
        if (!where) {
            /* A larger block, or no table: away with it. */
            where = t->base;
            word = 0;
        }
        guest_write64(&w->f->mem, where, word);
    }
}

static void change_ram(SmmuWorld *w)
{
    unsigned vm = smmu_below(w, SMMU_VMS - 1);

    w->last = "stage 2 of stage 1's tables";
    map_ram(w, vm, smmu_chance(w, 30));
    invalidate_vm(w, vm);
    /* Context descriptors were read through it. */
    smmu_world_command(w, 0x04, 31);
    smmu_world_sync(w);
}

static void change_stream(SmmuWorld *w)
{
    SmmuStream *s = &w->streams[smmu_below(w, SMMU_STREAMS)];
    unsigned before = s->vm;
    bool damaged = smmu_chance(w, 15), redrawn = smmu_chance(w, 50);

    w->last = damaged ? "a damaged stream table entry" :
              "a stream table entry";
    if (redrawn) {
        draw_stream(w, s);
        write_cds(w, s);
    }
    write_ste(w, s, damaged);
    invalidate_stream(w, s);
    /* A damaged descriptor may have put wrong things under its VMID. */
    if (damaged || redrawn || smmu_chance(w, 30)) {
        invalidate_vm(w, before);
        invalidate_vm(w, s->vm);
        smmu_world_sync(w);
    }
    if (damaged) {
        smmu_world_command(w, 0x30, 0);
        smmu_world_sync(w);
    }
}

static void change_cd(SmmuWorld *w)
{
    SmmuStream *s = &w->streams[smmu_below(w, SMMU_STREAMS)];
    unsigned index = smmu_below(w, SMMU_SSIDS);
    uint32_t ssid = ssids[index];

    w->last = "a context descriptor";
    if (ssid >> s->max) {
        return;
    }
    write_cd(w, s, index, smmu_chance(w, 20));
    if (smmu_chance(w, 50)) {
        smmu_world_command(w, 0x05 | (uint64_t)ssid << 12 |
                           (uint64_t)s->sid << 32, 1);
    } else {
        smmu_world_command(w, 0x06 | (uint64_t)s->sid << 32, 0);
    }
    invalidate_vm(w, s->vm);
    smmu_world_sync(w);
}

static void invalidate_odd(SmmuWorld *w)
{
    unsigned n = w->config.stage1 ? SMMU_SSIDS : 0;

    for (unsigned i = 0; i < SMMU_STREAMS; i++) {
        const SmmuStream *s = &w->streams[i];
        uint16_t vmid = w->vms[s->vm].vmid;

        if (s->odd_vmid && w->config.stage2) {
            smmu_world_command(w, 0x28 | tag(s->odd_vmid, 0), 0);
        }
        for (unsigned k = 0; k < n; k++) {
            if (s->odd_asid[k]) {
                smmu_world_command(w, 0x11 | tag(vmid, s->odd_asid[k]), 0);
            }
        }
    }
    smmu_world_sync(w);
}

static void change(SmmuWorld *w)
{
    unsigned kind = smmu_below(w, 100);

    /* Stage 1's tables are mostly found. */
    if (w->config.stage2 && w->step % 8 == 0) {
        kind = 75;
    }
    if (w->f->alloc.end - w->f->alloc.next < (UINT64_C(1) << 20)) {
        return;
    }
    if (kind < 50) {
        if (w->config.stage1) {
            change_first(w);
        }
    } else if (kind < 75) {
        if (w->config.stage2) {
            change_second(w);
        }
    } else if (kind < 80) {
        if (w->config.stage2) {
            change_ram(w);
        }
    } else if (kind < 92) {
        change_stream(w);
    } else if (w->config.stage1) {
        change_cd(w);
    }
}

void smmu_world_change(SmmuWorld *w)
{
    change(w);
    invalidate_odd(w);
}

/* --- A world ---------------------------------------------------------------------------- */

static bool ref_read(void *opaque, uint64_t addr, void *buf, size_t size)
{
    SmmuWorld *w = opaque;

    if (addr >= FIXTURE_RAM || FIXTURE_RAM - addr < size) {
        return false;
    }
    memcpy(buf, (const uint8_t *)w->f->ram.host + addr, size);
    return true;
}

static void draw_config(SmmuWorld *w)
{
    static const uint8_t sizes[] = { 36, 40, 42, 44, 48, 52 };
    ViommuSmmuv3Config *c = &w->config;
    unsigned kind = smmu_below(w, 5);

    viommu_smmuv3_config_init(c);
    c->stage1 = kind != 1;
    c->stage2 = kind != 0;
    c->sid_bits = (uint8_t)(8 + smmu_below(w, 9));
    c->ssid_bits = c->stage1 ? (uint8_t)(smmu_below(w, 3) * 7) : 0;
    c->oas_bits = sizes[smmu_below(w, sizeof(sizes))];
    c->ats = smmu_chance(w, 70);
    c->stall = smmu_chance(w, 50);
    c->httu = (uint8_t)smmu_below(w, 3);
    c->ril = true;
    c->iotlb_bits = (uint8_t)(4 + smmu_below(w, 6));
}

static unsigned encoded_size(unsigned bits)
{
    static const uint8_t sizes[] = { 32, 36, 40, 42, 44, 48, 52 };
    unsigned code = 0;

    while (code < 6 && sizes[code + 1] <= bits) {
        code++;
    }
    return code;
}

static void draw_vm(SmmuWorld *w, SmmuVm *vm, unsigned i)
{
    static const uint8_t granules[] = { 12, 14, 16 };
    unsigned oas = w->config.oas_bits, granule, input, start, stride;

    /* A table of stage 1 must have a place below the input size. */
    granule = granules[smmu_below(w, 3)];
    stride = granule - 3;
    input = 32 + smmu_below(w, MIN(oas, 48u) - 32 + 1);
    if (granule == 16 && oas == 52 && smmu_chance(w, 30)) {
        input = 52;
    }
    start = 3;
    while ((3 - start + 1) * stride + granule < input) {
        start--;
    }
    /* Fewer levels where start tables may stand side by side; more than two
     * levels down there is no block that maps all RAM. */
    if (start < 2 && input <= (3 - start) * stride + granule + 4) {
        start++;
    }
    if (start == (granule == 12 ? 0u : 1u) && oas <= 42) {
        granule = 12;
        input = 32;
        start = 1;
    }
    *vm = (SmmuVm) {
        .vmid = (uint16_t)(w->config.stage2 ? 0x100 * i + 3 : 0),
        .ps = encoded_size(oas), .affd = smmu_chance(w, 20),
    };
    vm->ha = w->config.httu && smmu_chance(w, 60);
    vm->hd = w->config.httu == 2 && smmu_chance(w, 60);
    g_assert_true(new_tree(w, &vm->s2, granule, input, start));
    map_ram(w, i, false);
}

static void draw_space(SmmuWorld *w, SmmuSpace *s, unsigned i)
{
    static const uint8_t granules[] = { 12, 14, 16 };

    *s = (SmmuSpace) {
        .vm = w->config.stage2 ? i % SMMU_VMS : SMMU_VMS - 1,
        .asid = (uint16_t)(7 + 0x101 * i),
        .ips = encoded_size(w->config.oas_bits),
        .affd = smmu_chance(w, 20), .wxn = smmu_chance(w, 30),
        .pan = smmu_chance(w, 30),
        .ha = w->config.httu && smmu_chance(w, 60),
        .hd = w->config.httu == 2 && smmu_chance(w, 60),
    };
    for (unsigned k = 0; k < 2; k++) {
        unsigned granule = granules[smmu_below(w, 3)], start = 3;
        unsigned input = smmu_chance(w, 60) ? 48 : 30 + smmu_below(w, 19);

        if (granule == 16 && w->config.oas_bits == 52 && smmu_chance(w, 30)) {
            input = 52;
        }
        while ((3 - start + 1) * (granule - 3) + granule < input) {
            start--;
        }
        s->epd[k] = smmu_chance(w, 15);
        s->had[k] = smmu_chance(w, 30);
        s->tbi[k] = smmu_chance(w, 40);
        g_assert_true(new_tree(w, &s->half[k], granule, input, start));
    }
}

static void draw_addresses(SmmuWorld *w)
{
    for (unsigned i = 0; i < SMMU_ADDRESSES; i++) {
        /* Neighbours, in few tables. */
        uint64_t addr = (uint64_t)smmu_below(w, 2) << 29 |
                        (uint64_t)smmu_below(w, 3) << 21 |
                        (uint64_t)smmu_below(w, 20) << 12;

        w->ipas[i] = (addr + FIXTURE_RAM) | (uint64_t)smmu_below(w, 2) << 31;
        if (smmu_chance(w, 10)) {
            w->ipas[i] |= UINT64_C(1) << (32 + smmu_below(w, 20));
        }
        if (smmu_chance(w, 30)) {
            addr |= UINT64_C(1) << (30 + smmu_below(w, 18));
        }
        if (i % 3 == 2) {
            addr |= UINT64_C(0xffff800000000000);
        }
        w->addresses[i] = addr;
    }
}

static void make_stream_table(SmmuWorld *w)
{
    static const uint8_t splits[] = { 6, 8, 10 };
    const GuestMem *mem = &w->f->mem;
    unsigned split = splits[smmu_below(w, 3)], log2 = w->config.sid_bits;
    bool two = smmu_chance(w, 60);
    uint64_t base;

    if (!two) {
        log2 = MIN(log2, 8u);
        base = guest_alloc_pages(&w->f->alloc, 4);
    } else {
        base = guest_alloc_pages(&w->f->alloc, 1u << 4);
    }
    for (unsigned i = 0; i < SMMU_STREAMS; i++) {
        SmmuStream *s = &w->streams[i];
        uint32_t sid = i < 3 ? i : smmu_below(w, 1u << log2) & ~7u;

        s->sid = (sid & ~7u) | i;
        if (two) {
            uint64_t at = base + (s->sid >> split) * 8;
            uint64_t l1 = guest_read64(mem, at);

            if (!l1) {
                l1 = guest_alloc_pages(&w->f->alloc, 1u << (split - 6)) |
                     (split + 1);
                guest_write64(mem, at, l1);
            }
            s->where = (l1 & ~bits_below(6)) +
                       (s->sid & bits_below(split)) * 64;
        } else {
            s->where = base + s->sid * 64;
        }
    }
    guest_set_reg64(&w->f->regs, SMMUV3_STRTAB_BASE, base);
    guest_set_reg32(&w->f->regs, SMMUV3_STRTAB_BASE_CFG,
                    log2 | split << 6 | (two ? 1u << 16 : 0));
    w->ref.strtab_base = base;
    w->ref.strtab_cfg = log2 | split << 6 | (two ? 1u << 16 : 0);
}

static Viommu *make(const void *config, const ViommuOps *ops, void *opaque,
                    GError **error)
{
    return viommu_smmuv3_new(config, ops, opaque, error);
}

static void enable(SmmuWorld *w)
{
    const GuestRegs *regs = &w->f->regs;
    uint32_t cr0 = SMMUV3_CR0_SMMUEN | SMMUV3_CR0_CMDQEN |
                   SMMUV3_CR0_EVENTQEN;

    if (w->config.ats && smmu_chance(w, 80)) {
        cr0 |= SMMUV3_CR0_ATSCHK;
    }
    w->events = guest_alloc_pages(&w->f->alloc, 1);
    guest_set_reg64(regs, SMMUV3_EVENTQ_BASE, w->events | EVENTS_LOG2);
    w->ref.cr2 = smmu_chance(w, 80) ? 2 : 0;
    guest_set_reg32(regs, SMMUV3_CR2, w->ref.cr2);
    g_assert_true(guest_smmu_commands_init(&w->commands, &w->f->alloc, regs,
                                           6));
    guest_set_reg32(regs, SMMUV3_CR0, cr0);
    w->ref.cr0 = cr0;
    w->ref.idr0 = guest_reg32(regs, SMMUV3_IDR0);
    w->ref.idr1 = guest_reg32(regs, SMMUV3_IDR1);
    w->ref.idr3 = guest_reg32(regs, SMMUV3_IDR3);
    w->ref.idr5 = guest_reg32(regs, SMMUV3_IDR5);
    w->ref.gbpa = guest_reg32(regs, SMMUV3_GBPA);
}

static void populate(SmmuWorld *w, const SmmuTree *t, uint64_t addr,
                     bool s2, bool nested)
{
    unsigned level = smmu_chance(w, 85) ? 3 : 2, made;
    uint64_t where = descriptor(w, t, addr & bits_below(t->input), level,
                                &made);

    if (where && smmu_chance(w, 85)) {
        guest_write64(&w->f->mem, where,
                      (draw_output(w, t, level, nested) & bits_below(32)) |
                      (s2 ? SMMUV3_PAGE_S2 : SMMUV3_PAGE_S1) |
                      (level == 3 ? 3 : 1));
    }
}

/* Something to begin with, before the unit is on. */
static void populate_all(SmmuWorld *w)
{
    for (unsigned i = 0; i < SMMU_ADDRESSES; i++) {
        for (unsigned k = 0; k < SMMU_SPACES; k++) {
            const SmmuSpace *s = &w->spaces[k];

            populate(w, &s->half[w->addresses[i] >> 55 & 1], w->addresses[i],
                     false, s->vm != SMMU_VMS - 1);
        }
        for (unsigned k = 0; k + 1 < SMMU_VMS; k++) {
            populate(w, &w->vms[k].s2, w->ipas[i], true, false);
        }
    }
}

void smmu_world_init(SmmuWorld *w, guint32 seed)
{
    memset(w, 0, sizeof(*w));
    w->rand = g_rand_new_with_seed(seed);
    w->last = "start";
    draw_config(w);
    w->runs = smmu_chance(w, 50);
    w->f = fixture_new_of(make, &w->config);
    w->ref.read = ref_read;
    w->ref.opaque = w;
    draw_addresses(w);
    make_stream_table(w);
    for (unsigned i = 0; i < SMMU_VMS; i++) {
        draw_vm(w, &w->vms[i], i);
    }
    for (unsigned i = 0; i < SMMU_SPACES; i++) {
        draw_space(w, &w->spaces[i], i);
    }
    populate_all(w);
    for (unsigned i = 0; i < SMMU_STREAMS; i++) {
        draw_stream(w, &w->streams[i]);
        write_cds(w, &w->streams[i]);
        write_ste(w, &w->streams[i], false);
    }
    enable(w);
}

void smmu_world_free(SmmuWorld *w)
{
    fixture_free(w->f);
    g_rand_free(w->rand);
}
