/* SPDX-License-Identifier: BSD-3-Clause */
/* The world of test-smmu-differential: how it changes, and invalidates. */
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
    smmu_world_command(w, CMD_SYNC, 0);
    fixture_run(w->f);
    g_assert_true(guest_smmu_commands_done(&w->commands));
}

uint64_t smmu_tag(uint16_t vmid, uint16_t asid)
{
    return CMD_VMID(vmid) | CMD_ASID(asid);
}

/* Everything, with what EL2 has. */
static void invalidate_all(SmmuWorld *w)
{
    smmu_world_command(w, CMD_NSNH_ALL, 0);                 /* NSNH_ALL */
    if (w->config.hyp) {
        smmu_world_command(w, CMD_EL2_ALL, 0);             /* EL2_ALL */
    }
}

/* All of a VM, in one of several ways. */
static void invalidate_vm(SmmuWorld *w, unsigned vm)
{
    uint64_t vmid = smmu_tag(w->vms[vm].vmid, 0);

    if (vm == SMMU_VMS - 1 && w->config.hyp) {
        smmu_world_command(w, CMD_EL2_ALL, 0);             /* EL2_ALL */
    }
    if (smmu_chance(w, 30)) {
        smmu_world_command(w, CMD_NSNH_ALL, 0);             /* NSNH_ALL */
    } else if (w->config.stage2) {
        smmu_world_command(w, CMD_S12_VMALL | vmid, 0);      /* S12_VMALL */
    } else {
        smmu_world_command(w, CMD_NH_ALL, 0);             /* NH_ALL */
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
    /* A range of one page must name its level (TTL). */
    leaf |= pages == 1 ? CMD_TTL(3) : 0;
    addr &= ~(size - 1);
    while (pages > 32) {
        pages /= 2;
        scale++;
    }
    smmu_world_command(w, w0 | CMD_NUM(pages - 1) | CMD_SCALE(scale),
                       (addr & ~smmu_bits(12)) | CMD_TG(tg) | leaf);
}

/* The same tables are EL2's for streams that say so. */
static void invalidate_el2(SmmuWorld *w, const SmmuSpace *s, unsigned granule,
                           uint64_t addr, uint64_t size)
{
    bool e2h = w->ref.cr2 & 1;

    switch (smmu_below(w, 4)) {
    case 0:
        smmu_world_command(w, CMD_EL2_ALL, 0);
        break;
    case 1:
        if (e2h) {
            smmu_world_command(w, CMD_EL2_ASID | smmu_tag(0, s->asid), 0);
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
        smmu_world_command(w, CMD_NH_ALL | vmid, 0);
        break;
    case 2:
        smmu_world_command(w, CMD_NH_ASID | vmid | smmu_tag(0, s->asid), 0);
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
            smmu_world_command(w, CMD_NH_ALL | vmid, 0);
        }
    }
    smmu_world_sync(w);
}

/* --- Changes ---------------------------------------------------------- */

static void invalidate_stream(SmmuWorld *w, const SmmuStream *s)
{
    uint64_t sid = CMD_SID(s->sid);

    switch (smmu_below(w, 3)) {
    case 0:
        smmu_world_command(w, CMD_CFGI_STE | sid, CMD_LEAF);
        break;
    case 1:
        smmu_world_command(w, CMD_CFGI_STE_RANGE | sid, CMD_RANGE_ALL);
        break;
    default:
        smmu_world_command(w, CMD_CFGI_STE_RANGE | sid, smmu_below(w, 5));
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
    if (smmu_change_descriptor(w, t, addr, false, s->vm != SMMU_VMS - 1,
                               s->vm == SMMU_VMS - 1 && w->config.stage2,
                               &size, &leaf)) {
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
    if (smmu_change_descriptor(w, t, ipa, true, false, false, &size, &leaf)) {
        smmu_world_command(w, CMD_CFGI_STE_RANGE, CMD_RANGE_ALL);
        invalidate_s2(w, vm, ipa, size, leaf);
    }
}

static void change_ram(SmmuWorld *w)
{
    unsigned vm = smmu_below(w, SMMU_VMS - 1);

    w->last = "stage 2 of stage 1's tables";
    smmu_map_ram(w, vm, smmu_chance(w, 30));
    invalidate_vm(w, vm);
    /* Context descriptors were read through it. */
    smmu_world_command(w, CMD_CFGI_STE_RANGE, CMD_RANGE_ALL);
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
        smmu_world_command(w, CMD_CFGI_CD | CMD_SSID(ssid) |
                           CMD_SID(s->sid), 1);
    } else {
        smmu_world_command(w, CMD_CFGI_CD_ALL | CMD_SID(s->sid), 0);
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
            smmu_world_command(w, CMD_S12_VMALL | smmu_tag(s->odd_vmid, 0), 0);
        }
        for (unsigned k = 0; k < n; k++) {
            if (s->odd_asid[k]) {
                /* NH_ALL: global entries would outlive their ASID. */
                smmu_world_command(w, CMD_NH_ALL | smmu_tag(vmid, 0), 0);
                if (w->config.hyp) {
                    smmu_world_command(w, CMD_EL2_ALL, 0);
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

