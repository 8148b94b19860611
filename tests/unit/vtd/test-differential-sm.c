/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * As test-differential, for scalable mode: first-stage, second-stage and
 * nested translation with and without PASID, and what a request leaves in the
 * tables: accessed and dirty bits.  Between a change and its invalidation, the
 * answer is the old or the new one.
 *
 * VIOMMU_TEST_SCALE multiplies the number of worlds; VIOMMU_TEST_WORLD=seed
 * runs the one that a failure has named.
 */
#include <inttypes.h>
#include <string.h>

#include "tests/lib/unit/differential-sm.h"

#define STEPS 500

const uint32_t sm_pasids[SM_SLOTS] = {
    0, 1, 0x3f, 0x40, 0x123, 0x1fc1, 0x7ffe, 0x7fff,
};

/* --- Comparing ----------------------------------------------------------- */

static bool ref_read(void *opaque, uint64_t addr, void *buf, size_t size)
{
    SmWorld *w = opaque;

    if (addr >= w->f->ram.size || w->f->ram.size - addr < size) {
        return false;
    }
    w->f->mem.read(w->f->mem.opaque, addr, buf, size);
    return true;
}

static ViommuStatus ask(SmWorld *w, const SmRequest *r, bool probe,
                        ViommuReply *reply)
{
    ViommuRequest req = {
        .source = r->source, .pasid = r->pasid, .addr = r->addr,
        .access = (uint8_t)r->access, .kind = VIOMMU_UNTRANSLATED,
        .probe = !probe ? 0 : r->mark ? VIOMMU_PROBE_AND_MARK : VIOMMU_PROBE,
    };
    ViommuStatus status;

    memset(reply, 0xa5, sizeof(*reply));
    viommu_dma_begin();
    status = viommu_translate(w->f->unit, &req, reply);
    viommu_dma_end();
    return status;
}

static void refer(SmWorld *w, const SmRequest *r, VtdRefAnswer *answer)
{
    vtd_ref_request(&w->ref, r->source, r->pasid, r->addr, r->access, answer);
}

static void mismatch(SmWorld *w, const char *what, const SmRequest *r,
                     const VtdRefAnswer *ref, ViommuStatus status,
                     const ViommuReply *reply)
{
    GString *text = g_string_new(NULL);
    ViommuReply fresh;
    ViommuStatus fresh_status;

    for (unsigned i = 0; i < ref->touches; i++) {
        const VtdRefTouch *t = &ref->touch[i];

        g_string_append_printf(text, "#  %#" PRIx64 ": %#" PRIx64 " may %#"
                               PRIx64 " must %#" PRIx64 " if written %#"
                               PRIx64 " via %d\n", t->addr,
                               guest_read64(&w->f->mem, t->addr), t->may,
                               t->must, t->if_written, t->via);
    }
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned k = 0; k < 64; k++) {
            if (ref->reasons[i] & SPEC_BIT(k)) {
                g_string_append_printf(text, "# reason %#x is right\n",
                                       i * 64 + k);
            }
        }
    }
    /* with empty caches: is it the caches or the walk that is wrong? */
    sm_flush(w);
    fresh_status = ask(w, r, true, &fresh);
    g_error("%s: source %04x pasid %#x address %#" PRIx64 " access %u probe %d"
            " (seed %u, step %u, after %s; aw %u haw %u cm %d iotlb %u)\n"
            "# expected: ok %d address %#" PRIx64 " access %u page %#" PRIx64
            " snoop %d interrupt %d fpd %d dirty %d\n"
            "# answered: status %d address %#" PRIx64 " access %u size %#"
            PRIx64 " reason %#x snoop %d interrupt %d\n"
            "# with empty caches: status %d address %#" PRIx64 " access %u"
            " reason %#x\n%s",
            what, r->source, r->pasid, r->addr, r->access, r->probe, w->seed,
            w->step, w->last, w->config.aw_bits, w->ref.haw_bits,
            w->config.caching_mode, w->config.iotlb_bits,
            ref->ok, ref->addr, ref->access, ref->page, ref->snoop,
            ref->interrupt, ref->fpd, ref->dirty,
            status, reply->addr, reply->access, reply->size, reply->reason,
            reply->snoop, reply->interrupt, fresh_status, fresh.addr,
            fresh.access, fresh.reason, text->str);
}

/* The answer claims to hold for reply->size bytes: ask for others. */
static void compare_range(SmWorld *w, const SmRequest *r,
                          const VtdRefAnswer *ref, ViommuStatus status,
                          const ViommuReply *reply)
{
    uint64_t mask = reply->size - 1;    /* size 0 gives all ones */
    uint64_t base = r->addr & ~mask;
    uint64_t probes[4] = { base, base + mask, base + (sm_rand64(w) & mask),
                           SPEC_MSI_BASE };

    for (unsigned i = 0; i < G_N_ELEMENTS(probes); i++) {
        SmRequest at = *r;
        VtdRefAnswer other;

        if ((probes[i] & ~mask) != base) {
            continue;
        }
        at.addr = probes[i];
        refer(w, &at, &other);
        if (other.interrupt && status != VIOMMU_OK) {
            continue;
        }
        if (other.ok != (status == VIOMMU_OK) ||
            other.interrupt != ref->interrupt ||
            (other.ok && other.addr - ref->addr != probes[i] - r->addr) ||
            (other.ok && other.access != ref->access)) {
            mismatch(w, "the size covers an address with another answer", r,
                     ref, status, reply);
        }
    }
}

static void check_record(SmWorld *w, const SmRequest *r,
                         const VtdRefAnswer *ref, const ViommuReply *reply)
{
    const GuestRegs *regs = &w->f->regs;
    uint32_t fsts = guest_reg32(regs, SPEC_FSTS);
    uint64_t at, lo, hi, want;
    bool recorded = (fsts & SPEC_FSTS_PPF) != 0;

    if (recorded != (!r->probe && !ref->fpd && !ref->protected_memory)) {
        mismatch(w, recorded ? "recorded" : "not recorded", r, ref,
                 VIOMMU_FAULT, reply);
    }
    if (!recorded) {
        return;
    }
    at = guest_frcd_offset(regs, (fsts & SPEC_FSTS_FRI) >>
                                 SPEC_FSTS_FRI_SHIFT);
    lo = guest_reg64(regs, at);
    hi = guest_reg64(regs, at + 8);
    want = SPEC_FRCD_HI_F | r->source |
           (uint64_t)reply->reason << SPEC_FRCD_HI_FR_SHIFT;
    if (r->pasid != VIOMMU_NO_PASID) {
        want |= SPEC_FRCD_HI_PP | (uint64_t)r->pasid << 40;
        want |= r->access & VIOMMU_EXEC ? SPEC_FRCD_HI_EXE : 0;
        want |= r->access & VIOMMU_PRIV ? SPEC_FRCD_HI_PRIV : 0;
    }
    if ((r->access & 3) != 3) {
        want |= r->access & VIOMMU_WRITE ? 0 : SPEC_FRCD_HI_T1;
    } else {
        want |= hi & SPEC_FRCD_HI_T1;
    }
    if (hi != want || lo != (r->addr & SPEC_FRCD_LO_FI)) {
        g_printerr("# record: %#" PRIx64 " %#" PRIx64 ", want %#" PRIx64 "\n",
                   hi, lo, want);
        mismatch(w, "another fault is recorded", r, ref, VIOMMU_FAULT, reply);
    }
    guest_set_reg64(regs, at + 8, SPEC_FRCD_HI_F);
}

static void clear_records(SmWorld *w)
{
    const GuestRegs *regs = &w->f->regs;

    for (unsigned i = 0; i < w->config.fault_records; i++) {
        guest_set_reg64(regs, guest_frcd_offset(regs, i) + 8, SPEC_FRCD_HI_F);
    }
}

/* Which bits the entry at touch @i may and must have now. */
static void entry_rules(const VtdRefAnswer *ref, const uint64_t *before,
                        const uint64_t *now, unsigned i, uint64_t *may,
                        uint64_t *must)
{
    *may = *must = 0;
    /* an entry may stand at several places */
    for (unsigned k = 0; k < ref->touches; k++) {
        const VtdRefTouch *t = &ref->touch[k];
        int via = t->via;

        if (t->addr == ref->touch[i].addr) {
            *may |= t->may;
            *must |= t->must;
        }
        if (via >= 0 && ref->touch[via].addr == ref->touch[i].addr &&
            now[k] != before[k]) {
            *may |= ref->touch[via].if_written;
            *must |= ref->touch[via].if_written;
        }
    }
}

static void check_tables(SmWorld *w, const SmRequest *r,
                         const VtdRefAnswer *ref, const uint64_t *before,
                         ViommuStatus status, const ViommuReply *reply)
{
    uint64_t now[VTD_REF_TOUCHES], may, must;

    for (unsigned i = 0; i < ref->touches; i++) {
        now[i] = guest_read64(&w->f->mem, ref->touch[i].addr);
    }
    for (unsigned i = 0; i < ref->touches; i++) {
        entry_rules(ref, before, now, i, &may, &must);
        if (r->probe && !r->mark) {
            may = must = 0;
        }
        if ((now[i] & ~before[i] & ~may) || (before[i] & ~now[i]) ||
            (must & ~now[i])) {
            g_printerr("# entry %u: %#" PRIx64 " was %#" PRIx64 ", may %#"
                       PRIx64 ", must %#" PRIx64 "\n", i, now[i], before[i],
                       may, must);
            mismatch(w, "accessed or dirty bits", r, ref, status, reply);
        }
    }
    for (unsigned k = 0; k < w->written->len; k++) {
        uint64_t addr = g_array_index(w->written, uint64_t, k);
        unsigned i;

        for (i = 0; i < ref->touches && ref->touch[i].addr != addr; i++) {
        }
        if (i == ref->touches) {
            g_printerr("# written: %#" PRIx64 "\n", addr);
            mismatch(w, "something else was written", r, ref, status, reply);
        }
    }
}

/* A walk would set bits in root, context or PASID tables: let it be. */
static bool harmful(const VtdRefAnswer *ref)
{
    for (unsigned i = 0; i < ref->touches; i++) {
        if (ref->touch[i].addr < FIXTURE_TABLES) {
            return true;
        }
    }
    return false;
}

/* The request itself may have set the bits, by writing to a table that
 * stands in the same page of the second stage. */
static bool dirty_now(SmWorld *w, const SmRequest *r)
{
    VtdRefAnswer now;

    refer(w, r, &now);
    return now.dirty;
}

static void check_answer(SmWorld *w, const SmRequest *r,
                         const VtdRefAnswer *ref, ViommuStatus status,
                         const ViommuReply *reply)
{
    if (ref->ok != (status == VIOMMU_OK) ||
        (reply->size & (reply->size - 1))) {
        mismatch(w, "result", r, ref, status, reply);
    }
    if (ref->ok) {
        /* a probe is no write, so it need not be promised one */
        unsigned want = r->probe && !r->mark ? VIOMMU_READ : 3;

        w->granted++;
        if (reply->addr != ref->addr || reply->interrupt || reply->reason ||
            (r->access & ~reply->access & want) ||
            (reply->access & 7 & ~ref->access) ||
            (ref->translated && !ref->snoop_open &&
             reply->snoop != ref->snoop)) {
            mismatch(w, "translation", r, ref, status, reply);
        }
        if (!(r->access & VIOMMU_WRITE) && (reply->access & VIOMMU_WRITE) &&
            !ref->dirty && !dirty_now(w, r)) {
            mismatch(w, "writes are granted without a dirty bit", r, ref,
                     status, reply);
        }
        return;
    }
    w->faulted++;
    if (reply->access || (reply->size && reply->size < 4096) ||
        (!ref->protected_memory && !vtd_ref_allows(ref, reply->reason))) {
        mismatch(w, "fault", r, ref, status, reply);
    }
    if (reply->reason < G_N_ELEMENTS(w->by_reason)) {
        w->by_reason[reply->reason]++;
    }
    check_record(w, r, ref, reply);
}

static void compare(SmWorld *w, const SmRequest *r)
{
    VtdRefAnswer ref;
    ViommuReply reply;
    ViommuStatus status;
    uint64_t before[VTD_REF_TOUCHES];

    refer(w, r, &ref);
    if (harmful(&ref) || ref.unspecified) {
        return;
    }
    if (r->probe && !r->mark && vtd_ref_allows(&ref, SPEC_FR_SM_FS_WRITE)) {
        return;         /* a probe has no bits to set: either is right */
    }
    for (unsigned i = 0; i < ref.touches; i++) {
        before[i] = guest_read64(&w->f->mem, ref.touch[i].addr);
    }
    g_array_set_size(w->written, 0);
    status = ask(w, r, r->probe, &reply);
    if (ref.interrupt) {
        if (r->access == VIOMMU_WRITE &&
            (status != VIOMMU_OK || !reply.interrupt)) {
            mismatch(w, "interrupt range", r, &ref, status, &reply);
        }
        /* a read there may record what it likes: start clean */
        clear_records(w);
        return;
    }
    w->compared++;
    check_answer(w, r, &ref, status, &reply);
    check_tables(w, r, &ref, before, status, &reply);
    compare_range(w, r, &ref, status, &reply);
    if (status == VIOMMU_OK && (!r->probe || r->mark)) {
        const ViommuRequest req = {
            .source = r->source, .pasid = r->pasid, .addr = r->addr,
            .access = (uint8_t)r->access,
        };

        keeper_keep(&w->keeper, &req, &reply);
    }
}

/* What somebody keeps is what the tables say. */
static void compare_kept(SmWorld *w)
{
    const KeeperEntry *e;

    for (unsigned i = 0; (e = keeper_next(&w->keeper, &i)); i++) {
        const SmRequest r = {
            .source = (uint16_t)e->req.source, .pasid = e->req.pasid,
            .addr = e->req.addr, .access = e->req.access, .probe = true,
        };
        VtdRefAnswer ref;

        refer(w, &r, &ref);
        if (!harmful(&ref) && !ref.unspecified &&
            (!ref.ok || ref.addr != e->reply.addr)) {
            mismatch(w, "kept in spite of an invalidation", &r, &ref,
                     VIOMMU_OK, &e->reply);
        }
    }
}

void sm_draw_request(SmWorld *w, SmRequest *r)
{
    static const unsigned accesses[] = { 1, 2, 1, 2, 3 };

    *r = (SmRequest) {
        .source = w->sources[sm_below(w, SM_SOURCES)].id,
        .pasid = VIOMMU_NO_PASID,
        .addr = w->addresses[sm_below(w, SM_ADDRESSES)],
        .access = accesses[sm_below(w, G_N_ELEMENTS(accesses))],
        .probe = sm_chance(w, 20), .mark = sm_chance(w, 50),
    };
    r->addr += sm_chance(w, 85) ? sm_below(w, 4096)
                                : sm_rand64(w) % 0x400000;
    if (sm_chance(w, w->config.pasid_bits ? 80 : 2)) {
        r->pasid = sm_pasids[sm_below(w, SM_SLOTS)];
        if (w->config.pasid_bits > 15 && sm_chance(w, 2)) {
            r->pasid |= 1u << (15 + sm_below(w, 5));
        }
        r->access |= sm_chance(w, 20) ? VIOMMU_PRIV : 0;
        r->access |= (r->access & VIOMMU_READ) && sm_chance(w, 15)
                         ? VIOMMU_EXEC : 0;
    }
}

void sm_compare(SmWorld *w, unsigned n)
{
    while (n--) {
        SmRequest r;

        sm_draw_request(w, &r);
        compare(w, &r);
        /* once more, from what the first one left in the caches */
        if (sm_chance(w, 20)) {
            r.probe = false;
            r.access = 1 + sm_below(w, 3);
            compare(w, &r);
        }
    }
}

/* --- Old or new ---------------------------------------------------------- */

void sm_before(SmWorld *w)
{
    w->olds = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(w->old); i++) {
        SmOld *old = &w->old[w->olds];
        VtdRefAnswer ref;

        sm_draw_request(w, &old->req);
        refer(w, &old->req, &ref);
        if (!harmful(&ref) && !ref.interrupt) {
            old->ok = ref.ok;
            old->addr = ref.addr;
            w->olds++;
        }
    }
}

void sm_between(SmWorld *w)
{
    for (unsigned i = 0; i < w->olds; i++) {
        SmOld *old = &w->old[i];
        VtdRefAnswer ref;
        ViommuReply reply;
        ViommuStatus status;

        refer(w, &old->req, &ref);
        if (harmful(&ref) || ref.unspecified ||
            vtd_ref_allows(&ref, SPEC_FR_SM_FS_WRITE)) {
            continue;
        }
        status = ask(w, &old->req, sm_chance(w, 30), &reply);
        clear_records(w);
        /* more than one look at the changed entry: any mixture is right */
        if (w->aliased) {
            continue;
        }
        if (!(ref.ok == (status == VIOMMU_OK) &&
              (!ref.ok || ref.addr == reply.addr)) &&
            !(old->ok == (status == VIOMMU_OK) &&
              (!old->ok || old->addr == reply.addr))) {
            g_printerr("# old: ok %d address %#" PRIx64 "\n", old->ok,
                       old->addr);
            mismatch(w, "neither old nor new", &old->req, &ref, status,
                     &reply);
        }
    }
    w->olds = 0;
}

/* --- Worlds -------------------------------------------------------------- */

static void draw_addresses(SmWorld *w)
{
    for (unsigned i = 0; i < SM_ADDRESSES; i++) {
        uint64_t addr = random_page(w->rand, w->config.aw_bits);

        if (sm_chance(w, 50)) {
            addr &= (UINT64_C(1) << 39) - 1;
        }
        if (sm_chance(w, 10)) {     /* the upper half */
            addr |= ~UINT64_C(0) << (sm_chance(w, 70) ? 47 : 56);
        }
        w->addresses[i] = addr;
    }
    random_near_interrupts(w->addresses);
}

static void draw_config(SmWorld *w, bool caching_mode)
{
    static const uint8_t pasid_bits[] = { 20, 20, 15, 0 };
    ViommuVtdConfig *c = &w->config;

    fixture_config(c);
    c->aw_bits = (uint8_t)(39 + 9 * sm_below(w, 3));
    c->haw_bits = (uint8_t)(sm_chance(w, 50) ? 39 + sm_below(w, 14) : 0);
    c->fault_records = sm_chance(w, 50) ? 1 : 4;
    c->caching_mode = caching_mode;
    c->pass_through = sm_chance(w, 80);
    c->snoop_control = sm_chance(w, 50);
    c->device_iotlb = sm_chance(w, 50);
    c->dma_drain = true;
    c->enhanced_set_pointer = sm_chance(w, 30);
    c->iotlb_bits = (uint8_t)(4 + sm_below(w, 8));
    c->scalable_mode = true;
    c->first_stage = sm_chance(w, 85);
    c->nested = c->first_stage && c->aw_bits > 39 && sm_chance(w, 80);
    c->pasid_bits = pasid_bits[sm_below(w, 4)];
    c->fs1gp = sm_chance(w, 70);
    c->dirty_tracking = (!c->first_stage || c->nested) && sm_chance(w, 70);
    c->extended_access = c->first_stage && sm_chance(w, 50);
    c->rid_priv = sm_chance(w, 60);
    c->strict = sm_chance(w, 40);
}

static void on_written(Fixture *f, uint64_t addr, uint64_t size)
{
    SmWorld *w = f->outside_opaque;

    (void)size;
    g_array_append_val(w->written, addr);
}

static void world_run(guint32 seed, bool caching_mode, SmWorld *total)
{
    static const uint16_t ids[SM_SOURCES] = { 0x0008, 0x0080, 0x01ff, 0xff10 };
    SmWorld world = { .rand = g_rand_new_with_seed(seed), .last = "start",
                      .seed = seed };
    SmWorld *w = &world;

    draw_config(w, caching_mode);
    w->f = fixture_new(&w->config);
    keeper_start(&w->keeper, w->f);
    w->f->outside_opaque = w;
    w->f->ram_written = on_written;
    w->written = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    w->ref = (VtdRef) {
        .read = ref_read,
        .opaque = w,
        .cap = guest_reg64(&w->f->regs, SPEC_CAP),
        .ecap = guest_reg64(&w->f->regs, SPEC_ECAP),
        .strict = w->config.strict,
        .haw_bits = w->config.haw_bits ? w->config.haw_bits
                                       : MIN(w->config.aw_bits, 52u),
    };
    draw_addresses(w);
    for (unsigned i = 0; i < SM_SOURCES; i++) {
        w->sources[i] = (SmSource) { .id = ids[i] };
    }
    guest_alloc_init(&w->config_alloc, &w->f->mem, 1 << 20, 15 << 20);
    g_assert_true(guest_queue_init_wide(&w->f->queue, &w->config_alloc,
                                        &w->f->regs, 0));
    w->config_first = w->config_alloc.next;
    sm_reprogram(w);
    g_assert_true(guest_command(&w->f->regs, SPEC_GCMD_TE, 0));
    w->ref.gsts = guest_reg32(&w->f->regs, SPEC_GSTS);

    for (w->step = 0; w->step < STEPS; w->step++) {
        unsigned n = 1 + sm_below(w, 3);

        while (n--) {
            sm_change(w);
        }
        compare_kept(w);
        sm_compare(w, 12);
    }
    total->granted += w->granted;
    total->faulted += w->faulted;
    for (unsigned i = 0; i < G_N_ELEMENTS(w->by_reason); i++) {
        total->by_reason[i] += w->by_reason[i];
    }
    total->keeper.kept += w->keeper.kept;
    total->keeper.compared += w->keeper.compared;
    g_array_unref(w->written);
    fixture_free(w->f);
    g_rand_free(w->rand);
}

static void test_worlds(const void *data)
{
    bool caching_mode = GPOINTER_TO_INT(data) != 0;
    unsigned n = 40 * fixture_scale();
    const char *one = g_getenv("VIOMMU_TEST_WORLD");
    SmWorld total = { 0 };
    GString *reasons = g_string_new(NULL);

    if (one) {
        world_run((guint32)g_ascii_strtoull(one, NULL, 10), caching_mode,
                  &total);
        n = 0;
    }
    for (unsigned i = 0; i < n; i++) {
        world_run((guint32)g_test_rand_int(), caching_mode, &total);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(total.by_reason); i++) {
        if (total.by_reason[i]) {
            g_string_append_printf(reasons, " %#x:%" PRIu64, i,
                                   total.by_reason[i]);
        }
    }
    g_test_message("%u worlds: %" PRIu64 " translations and %" PRIu64
                   " faults are as the reference has them; reasons:%s",
                   n, total.granted, total.faulted, reasons->str);
    g_string_free(reasons, TRUE);
    /* worlds in which nothing works test nothing */
    g_assert_cmpuint(total.granted, >, (total.granted + total.faulted) / 10);
    g_assert_cmpuint(total.faulted, >, total.granted / 50);
    /* nor do those that keep nothing beyond an invalidation */
    g_assert_cmpuint(total.keeper.compared, >, total.keeper.kept / 5);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/differential-sm/plain", GINT_TO_POINTER(0),
                         test_worlds);
    g_test_add_data_func("/differential-sm/caching-mode", GINT_TO_POINTER(1),
                         test_worlds);
    return g_test_run();
}
