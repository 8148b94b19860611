/* SPDX-License-Identifier: BSD-3-Clause */
#include "smmu-differential.h"

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

uint64_t smmu_bits(unsigned n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* --- Commands --------------------------------------------------------- */

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

uint64_t smmu_tag(uint16_t vmid, uint16_t asid)
{
    return (uint64_t)vmid << 32 | (uint64_t)asid << 48;
}

/* Everything, with what EL2 has. */
static void invalidate_all(SmmuWorld *w)
{
    smmu_world_command(w, 0x30, 0);                 /* NSNH_ALL */
    if (w->config.hyp) {
        smmu_world_command(w, 0x20, 0);             /* EL2_ALL */
    }
}

/* All of a VM, in one of several ways. */
static void invalidate_vm(SmmuWorld *w, unsigned vm)
{
    uint64_t vmid = smmu_tag(w->vms[vm].vmid, 0);

    if (vm == SMMU_VMS - 1 && w->config.hyp) {
        smmu_world_command(w, 0x20, 0);             /* EL2_ALL */
    }
    if (smmu_chance(w, 30)) {
        smmu_world_command(w, 0x30, 0);             /* NSNH_ALL */
    } else if (w->config.stage2) {
        smmu_world_command(w, 0x28 | vmid, 0);      /* S12_VMALL */
    } else {
        smmu_world_command(w, 0x10, 0);             /* NH_ALL */
    }
}

/* A command by address, with a range that covers @size bytes at @addr, of
 * which bit 0 is Leaf. */
static void by_address(SmmuWorld *w, uint64_t w0, uint64_t addr,
                       unsigned granule, uint64_t size)
{
    unsigned tg = granule == 12 ? 1 : granule == 14 ? 2 : 3, scale = 0;
    uint64_t pages = size >> granule, leaf = addr & 1;

    if (pages <= 1 && smmu_chance(w, 70)) {
        smmu_world_command(w, w0, (addr & ~smmu_bits(12)) | leaf);
        return;
    }
    addr &= ~(size - 1);
    while (pages > 32) {
        pages /= 2;
        scale++;
    }
    smmu_world_command(w, w0 | (pages - 1) << 12 | (uint64_t)scale << 20,
                       (addr & ~smmu_bits(12)) | tg << 10 | leaf);
}

/* The same tables are EL2's for streams that say so. */
static void invalidate_el2(SmmuWorld *w, const SmmuSpace *s, unsigned granule,
                           uint64_t addr, uint64_t size)
{
    bool e2h = w->ref.cr2 & 1;

    switch (smmu_below(w, 4)) {
    case 0:
        smmu_world_command(w, 0x20, 0);
        break;
    case 1:
        if (e2h) {
            smmu_world_command(w, 0x21 | smmu_tag(0, s->asid), 0);
            by_address(w, 0x23, addr, granule, size);
            break;
        }
        /* fall through */
    default:
        /* Without E2H the ASID says nothing. */
        by_address(w, 0x22 | smmu_tag(0, e2h ? s->asid : smmu_below(w, 9)),
                   addr, granule, size);
        break;
    }
}

static void invalidate_s1(SmmuWorld *w, const SmmuSpace *s, unsigned granule,
                          uint64_t addr, uint64_t size, bool leaf)
{
    uint64_t vmid = smmu_tag(w->config.stage2 ? w->vms[s->vm].vmid : 0, 0);

    /* The architecture's commands have sign-extended addresses. */
    addr = addr >> 55 & 1 ? addr | ~smmu_bits(56) : addr & smmu_bits(56);
    addr = (addr & ~UINT64_C(1)) | (leaf && smmu_chance(w, 50));
    if (w->config.hyp && s->vm == SMMU_VMS - 1) {
        invalidate_el2(w, s, granule, addr, size);
    }
    switch (smmu_below(w, leaf ? 8 : 6)) {
    case 0:
        invalidate_vm(w, s->vm);
        break;
    case 1:
        smmu_world_command(w, 0x10 | vmid, 0);
        break;
    case 2:
        smmu_world_command(w, 0x11 | vmid | smmu_tag(0, s->asid), 0);
        /* Global entries stay. */
        by_address(w, 0x13 | vmid, addr, granule, size);
        break;
    case 3:
        by_address(w, 0x13 | vmid, addr, granule, size);
        break;
    default:
        by_address(w, 0x12 | vmid | smmu_tag(0, s->asid), addr, granule, size);
        break;
    }
    smmu_world_sync(w);
}

static void invalidate_s2(SmmuWorld *w, unsigned vm, uint64_t ipa,
                          uint64_t size, bool leaf)
{
    uint64_t vmid = smmu_tag(w->vms[vm].vmid, 0);

    ipa = (ipa & ~UINT64_C(1)) | (leaf && smmu_chance(w, 50));

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

/* --- Tables ----------------------------------------------------------- */

unsigned smmu_tree_shift(const SmmuTree *t, unsigned level)
{
    return t->granule + (3 - level) * (t->granule - 3);
}

bool smmu_tree_new(SmmuWorld *w, SmmuTree *t, unsigned granule,
                     unsigned input, unsigned start)
{
    uint64_t bytes;

    *t = (SmmuTree) { .granule = granule, .input = input, .start = start };
    bytes = UINT64_C(8) << (input - smmu_tree_shift(t, start));
    t->base = guest_alloc_pages(&w->f->alloc, (bytes + 4095) / 4096);
    return t->base != 0;
}

static bool in_ram(uint64_t addr)
{
    return addr >= FIXTURE_TABLES && addr < FIXTURE_RAM;
}

/* Where the descriptor of @level is; tables are made on the way, from level
 * *@made on.  0: something else is in the way. */
uint64_t smmu_tree_descriptor(SmmuWorld *w, const SmmuTree *t, uint64_t addr,
                           unsigned level, unsigned *made)
{
    const GuestMem *mem = &w->f->mem;
    uint64_t table = t->base;

    *made = 4;
    for (unsigned at = t->start;; at++) {
        unsigned bits = at == t->start ? t->input - smmu_tree_shift(t, at)
                                       : t->granule - 3;
        uint64_t where = table +
                         (addr >> smmu_tree_shift(t, at) & smmu_bits(bits)) *
                         8;
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
            table = word & smmu_bits(48) & ~smmu_bits(t->granule);
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

uint64_t smmu_draw_output(SmmuWorld *w, const SmmuTree *t, unsigned level,
                            bool nested)
{
    uint64_t to = smmu_chance(w, 80) ? smmu_random(w) & smmu_bits(32)
                                     : smmu_random(w) & smmu_bits(48);

    if (nested && smmu_chance(w, 90)) {
        to = w->ipas[smmu_below(w, SMMU_ADDRESSES)];
    }
    return to & smmu_bits(48) & ~smmu_bits(smmu_tree_shift(t, level));
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
    uint64_t size = UINT64_C(1) << smmu_tree_shift(t, level);
    uint64_t first = where & ~((UINT64_C(8) << log2) - 1);
    uint64_t to = word & smmu_bits(48) & ~smmu_bits(t->granule);
    uint64_t rest = word & ~(smmu_bits(48) & ~smmu_bits(t->granule));

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
    where = smmu_tree_descriptor(w, t, addr, level, &made);
    if (!where) {
        return false;
    }
    old = guest_read64(&w->f->mem, where);
    *leaf = level == 3 || (old & 3) != 3;
    if (block_ok(t, level) && smmu_chance(w, level == 3 ? 85 : 40)) {
        word = smmu_draw_output(w, t, level, nested) |
               draw_attributes(w, s2, alone) | (level == 3 ? 3 : 1);
    } else if ((old & 3) == 3 && level < 3 && smmu_chance(w, 75)) {
        word = (old & smmu_bits(48)) | draw_table_bits(w);
        *leaf = false;
    } else if (level < 3 && smmu_chance(w, 10)) {
        word = (smmu_random(w) & smmu_bits(48) & ~smmu_bits(16)) | 3;
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
         t->input - smmu_tree_shift(t, level) >= t->granule - 3)) {
        log2 = write_run(w, t, level, where, word);
        *leaf = false;
    } else {
        guest_write64(&w->f->mem, where, word);
    }
    *size = UINT64_C(1) << MIN(smmu_tree_shift(t, MIN(level, made)) + log2,
                               t->input);
    return true;
}

/* --- Changes ---------------------------------------------------------- */

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

static void change_first(SmmuWorld *w)
{
    SmmuSpace *s = &w->spaces[smmu_below(w, SMMU_SPACES)];
    uint64_t addr = w->addresses[smmu_below(w, SMMU_ADDRESSES)], size;
    const SmmuTree *t = &s->half[addr >> 55 & 1];
    bool leaf;

    w->last = "a descriptor of stage 1";
    addr = addr >> 55 & 1 ? addr | ~smmu_bits(t->input)
                          : addr & smmu_bits(t->input);
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
    ipa &= smmu_bits(t->input);
    if (ipa < FIXTURE_RAM) {
        return;
    }
    if (change_descriptor(w, t, ipa, true, false, false, &size, &leaf)) {
        smmu_world_command(w, 0x04, 31);
        invalidate_s2(w, vm, ipa, size, leaf);
    }
}

/* Stage 2 of the memory with stage 1's tables: level 2 blocks. */
void smmu_map_ram(SmmuWorld *w, unsigned vm, bool spoil)
{
    const SmmuTree *t = &w->vms[vm].s2;
    uint64_t size = UINT64_C(1) << smmu_tree_shift(t, 2);
    unsigned made;

    for (uint64_t at = 0; at < FIXTURE_RAM; at += size) {
        uint64_t word = at | 1 | SMMUV3_PAGE_S2;
        uint64_t where = smmu_tree_descriptor(w, t, at, 2, &made);

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
    smmu_map_ram(w, vm, smmu_chance(w, 30));
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
        smmu_draw_stream(w, s);
        smmu_write_cds(w, s);
    }
    smmu_write_ste(w, s, damaged);
    invalidate_stream(w, s);
    /* A damaged descriptor may have put wrong things under its VMID. */
    if (damaged || redrawn || smmu_chance(w, 30)) {
        invalidate_vm(w, before);
        invalidate_vm(w, s->vm);
        smmu_world_sync(w);
    }
    if (damaged) {
        invalidate_all(w);
        smmu_world_sync(w);
    }
}

static void change_cd(SmmuWorld *w)
{
    SmmuStream *s = &w->streams[smmu_below(w, SMMU_STREAMS)];
    unsigned index = smmu_below(w, SMMU_SSIDS);
    uint32_t ssid = smmu_ssids[index];

    w->last = "a context descriptor";
    if (ssid >> s->max) {
        return;
    }
    smmu_write_cd(w, s, index, smmu_chance(w, 20));
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
            smmu_world_command(w, 0x28 | smmu_tag(s->odd_vmid, 0), 0);
        }
        for (unsigned k = 0; k < n; k++) {
            if (s->odd_asid[k]) {
                /* NH_ALL: global entries would outlive their ASID. */
                smmu_world_command(w, 0x10 | smmu_tag(vmid, 0), 0);
                if (w->config.hyp) {
                    smmu_world_command(w, 0x20, 0);
                }
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

static bool has_odd(const SmmuWorld *w)
{
    bool odd = false;

    for (unsigned i = 0; i < SMMU_STREAMS; i++) {
        odd |= w->streams[i].odd_vmid != 0;
        for (unsigned k = 0; k < SMMU_SSIDS; k++) {
            odd |= w->streams[i].odd_asid[k] != 0;
        }
    }
    return odd;
}

void smmu_world_change(SmmuWorld *w)
{
    bool odd = has_odd(w);

    change(w);
    if (odd) {
        /* An odd tag that is given up now may come back later. */
        invalidate_all(w);
    }
    invalidate_odd(w);
}

