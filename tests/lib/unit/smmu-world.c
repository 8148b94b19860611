/* SPDX-License-Identifier: BSD-3-Clause */
/* The world of test-smmu-differential: its making and its configuration. */
#include <string.h>

#include "smmu-differential.h"

#define EVENTS_LOG2 4

/* --- Configuration ---------------------------------------------------- */

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
        .s2ptw = vm->ptw, .s2fwb = vm->fwb,
        .eats = s->eats, .s2record = smmu_chance(w, 80),
        .s2stall = w->config.stall && smmu_chance(w, 20),
        .s1stalld = w->config.stall && smmu_chance(w, 10),
    };

    guest_ste_encode(&ste, word);
    if (s->el2) {
        word[1] |= FIELD_PUT(STRW_EL2, STE_STRW);
    } else if ((!w->config.hyp || s->config != SMMUV3_S1) &&
               smmu_chance(w, 20)) {
        word[1] |= FIELD_PUT(smmu_below(w, 4), STE_STRW);   /* ignored */
    }
    if (smmu_chance(w, 20)) {
        word[1] |= (uint64_t)smmu_below(w, 16) << 48;   /* PRIVCFG, INSTCFG */
    }
}

/* One bit wrong, where it is no address that nobody checks. */
static void damage_ste(SmmuWorld *w, uint64_t word[8])
{
    const uint64_t bits[3] = {
        UINT64_C(0xf80000000000003f),
        /* EL2 alone knows one address space, and has one. */
        w->config.hyp && !(w->ref.cr2 & 1) ? UINT64_C(0x000f000070000003)
                                           : UINT64_C(0x000f0000f0000003),
        /* Not S2T0SZ and so on: see smmu_write_cd(). */
        UINT64_C(0x07b7000000000000),
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

void smmu_write_ste(SmmuWorld *w, SmmuStream *s, bool damaged)
{
    uint64_t word[8];

    encode_ste(w, s, word);
    s->odd_vmid = 0;
    if (damaged) {
        if (!s->el2) {
            /* It may have been ignored. */
            word[1] &= ~FIELD_MASK(STE_STRW);
        }
        damage_ste(w, word);
        s->odd_vmid = odd_tag(w);
        word[2] = (word[2] & ~smmu_bits(16)) | s->odd_vmid;
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
    return (l1 & ~smmu_bits(12)) + (ssid & smmu_bits(split)) * 64;
}

static unsigned tg_of(unsigned granule, unsigned half)
{
    return granule == 12 ? (half ? 2 : 0) :
           granule == 14 ? (half ? 1 : 2) : (half ? 3 : 1);
}

/* The substreams that are used. */
const uint32_t smmu_ssids[SMMU_SSIDS] = { 0, 1, 2, 63, 64, 69 };

void smmu_write_cd(SmmuWorld *w, SmmuStream *s, unsigned index,
                     bool damaged)
{
    uint32_t ssid = smmu_ssids[index];
    SmmuSpace *a;
    GuestCd cd = { .asid = 0 };
    uint64_t word[8];

    do {
        a = &w->spaces[smmu_below(w, SMMU_SPACES)];
    } while (a->vm != s->vm);
    if (s->el2 && !(w->ref.cr2 & 1)) {
        a = &w->spaces[w->config.stage2 ? SMMU_VMS - 1 : 0];
    }
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
    word[0] |= FIELD_PUT(a->tbi[0], CD_TBI0) | FIELD_PUT(a->tbi[1], CD_TBI1);
    if (smmu_chance(w, 30)) {
        word[0] |= UINT64_C(1) << 37;           /* UWXN */
    }
    word[1] |= (uint64_t)a->had[0] << 1;
    word[2] |= (uint64_t)a->had[1] << 1;
    if (damaged) {
        /*
         * Where pages may be global, only what no TLB keeps.  And nothing
         * that makes legal tables of other memory, such as T0SZ: what is read
         * from stage 2's as if it were stage 1's may be global, and what the
         * queues have changes without an invalidation.
         */
        uint64_t bits = s->vm == SMMU_VMS - 1 ? UINT64_C(0x720080008000)
                                              : UINT64_C(0x7fffc000c000);
        unsigned n;

        s->odd_asid[index] = odd_tag(w);
        word[0] = (word[0] & smmu_bits(48)) |
                  FIELD_PUT(s->odd_asid[index], CD_ASID);
        do {
            n = smmu_below(w, 64);
        } while (!(bits >> n & 1));
        word[0] ^= UINT64_C(1) << n;
    }
    guest_write_words(&w->f->mem, cd_place(w, s, ssid), word, 8);
}

void smmu_write_cds(SmmuWorld *w, SmmuStream *s)
{
    for (unsigned i = 0; i < SMMU_SSIDS; i++) {
        if (smmu_ssids[i] < 1u << s->max && (i == 0 || smmu_chance(w, 80))) {
            smmu_write_cd(w, s, i, smmu_chance(w, 5));
        }
    }
}

void smmu_draw_stream(SmmuWorld *w, SmmuStream *s)
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
    s->el2 = w->config.hyp && s->config == SMMUV3_S1 && smmu_chance(w, 50);
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

/* --- A world ---------------------------------------------------------- */

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
    c->hyp = c->stage1 && c->stage2 && smmu_chance(w, 50);
    c->attr_perms_ovr = smmu_chance(w, 70);
    c->fwb = c->stage2 && smmu_chance(w, 50);
    w->ref.cr2 = c->hyp && smmu_chance(w, 50);      /* E2H */
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
    vm->ptw = smmu_chance(w, 60);
    vm->fwb = smmu_chance(w, 50);       /* ignored where it is not there */
    g_assert_true(smmu_tree_new(w, &vm->s2, granule, input, start));
    smmu_map_ram(w, i, false);
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
        g_assert_true(smmu_tree_new(w, &s->half[k], granule, input, start));
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
    unsigned format = two;
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
            s->where = (l1 & ~smmu_bits(6)) +
                       (s->sid & smmu_bits(split)) * 64;
        } else {
            s->where = base + s->sid * 64;
        }
    }
    if (!two && smmu_chance(w, 20)) {
        format = 2 + smmu_below(w, 2);          /* reserved: linear */
    }
    if (split == 6 && smmu_chance(w, 30)) {
        split = 11 + smmu_below(w, 21);         /* reserved: as 6 */
    }
    w->ref.strtab_base = base;
    w->ref.strtab_cfg = log2 | FIELD_PUT(split, STRTAB_SPLIT) |
                        FIELD_PUT(format, STRTAB_FMT);
    guest_set_reg64(&w->f->regs, SMMUV3_STRTAB_BASE, base);
    guest_set_reg32(&w->f->regs, SMMUV3_STRTAB_BASE_CFG, w->ref.strtab_cfg);
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
    w->ref.cr2 |= smmu_chance(w, 80) ? 2 : 0;
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
    uint64_t where = smmu_tree_descriptor(w, t, addr & smmu_bits(t->input),
                                          level, &made);

    if (where && smmu_chance(w, 85)) {
        guest_write64(&w->f->mem, where,
                      (smmu_draw_output(w, t, level, nested) & smmu_bits(32)) |
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
    keeper_start(&w->keeper, w->f);
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
        smmu_draw_stream(w, &w->streams[i]);
        smmu_write_cds(w, &w->streams[i]);
        smmu_write_ste(w, &w->streams[i], false);
    }
    enable(w);
}

void smmu_world_free(SmmuWorld *w)
{
    fixture_free(w->f);
    g_rand_free(w->rand);
}
