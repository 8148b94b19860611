/* SPDX-License-Identifier: BSD-3-Clause */
#include "twins.h"

#include <inttypes.h>
#include <string.h>

/* What units write to begins at 0. */
#define LOW_END     (UINT64_C(1) << 20)

static bool drained(Fixture *f)
{
    Twin *twin = f->outside_opaque;

    g_string_append(twin->seen, "drained?\n");
    if (twin->not_drained) {
        twin->not_drained--;
        return false;
    }
    return true;
}

void twins_renew(Fixture *f, FixtureMake *make, const void *config)
{
    GError *error = NULL;

    viommu_free(f->unit);
    f->unit = make(config, fixture_ops(), f, &error);
    g_assert_no_error(error);
    fixture_set_ram(f);
    fixture_forget(f);
    g_atomic_int_set(&f->run_wanted, 0);
}

void twins_init(Twins *t, GRand *rand)
{
    *t = (Twins) { .rand = rand };
}

void twins_add(Twins *t, Fixture *f)
{
    Twin *twin = &t->of[t->n++];

    g_assert_cmpuint(t->n, <=, G_N_ELEMENTS(t->of));
    twin->f = f;
    twin->seen = g_string_new(NULL);
    twin->not_drained = 0;
    f->outside_opaque = twin;
    f->drained = drained;
    g_atomic_int_set(&f->device_silent, 0);
}

void twins_free(Twins *t)
{
    for (unsigned i = 0; i < t->n; i++) {
        g_string_free(t->of[i].seen, TRUE);
        t->of[i].f->drained = NULL;
    }
}

static void note(Twin *twin, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void note(Twin *twin, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_string_append_vprintf(twin->seen, format, args);
    va_end(args);
    g_string_append_c(twin->seen, '\n');
}

static void note_callbacks(Twin *twin)
{
    Fixture *f = twin->f;

    for (guint i = 0; i < f->msis->len; i++) {
        const ViommuMsi *m = &g_array_index(f->msis, ViommuMsi, i);

        note(twin, "message %" PRIx64 " %x", m->addr, m->data);
    }
    for (guint i = 0; i < f->invalidations->len; i++) {
        const ViommuInvalidation *v = &g_array_index(f->invalidations,
                                                     ViommuInvalidation, i);

        note(twin, "invalidate %d source %x %x domain %x pasid %x %d %d "
             "addr %" PRIx64 " %" PRIx64 " index %x %x", v->what, v->source,
             v->source_mask, v->domain, v->pasid, v->global, v->leaf_only,
             v->addr, v->size, v->index, v->count);
    }
    for (guint i = 0; i < f->responses->len; i++) {
        const ViommuPageResponse *r = &g_array_index(f->responses,
                                                     ViommuPageResponse, i);

        note(twin, "response %x pasid %x group %x code %d", r->source,
             r->pasid, r->group, r->code);
    }
    for (guint i = 0; i < f->resumes->len; i++) {
        const FixtureResume *r = &g_array_index(f->resumes, FixtureResume, i);

        note(twin, "resume %x tag %u %d", r->source, r->tag, r->action);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(f->pulses); i++) {
        int pulses = g_atomic_int_get(&f->pulses[i]);

        if (pulses) {
            note(twin, "line %u: %d", i, pulses);
            g_atomic_int_set(&f->pulses[i], 0);
        }
    }
    g_array_set_size(f->msis, 0);
    g_array_set_size(f->invalidations, 0);
    g_array_set_size(f->responses, 0);
    g_array_set_size(f->resumes, 0);
    note(twin, "wants to run: %d", g_atomic_int_get(&f->run_wanted));
}

void twins_forget(Twins *t)
{
    for (unsigned i = 0; i < t->n; i++) {
        note_callbacks(&t->of[i]);
        g_string_truncate(t->of[i].seen, 0);
    }
}

void twins_compare(Twins *t, const char *after)
{
    for (unsigned i = 0; i < t->n; i++) {
        note_callbacks(&t->of[i]);
        if (strcmp(t->of[i].seen->str, t->of[0].seen->str)) {
            g_error("after %s, one unit shows\n%sand the other\n%s", after,
                    t->of[0].seen->str, t->of[i].seen->str);
        }
    }
    for (unsigned i = 0; i < t->n; i++) {
        g_string_truncate(t->of[i].seen, 0);
    }
}

static void compare_memory(const Twin *a, const Twin *b)
{
    const uint8_t *x = a->f->ram.host, *y = b->f->ram.host;
    uint64_t tables = a->f->alloc.next - FIXTURE_TABLES;

    g_assert_cmphex(a->f->alloc.next, ==, b->f->alloc.next);
    g_assert_cmpint(memcmp(x, y, LOW_END), ==, 0);
    g_assert_cmpint(memcmp(x + FIXTURE_TABLES, y + FIXTURE_TABLES, tables),
                    ==, 0);
}

void twins_copy_memory(Twin *to, const Twin *from)
{
    uint8_t *x = to->f->ram.host;
    const uint8_t *y = from->f->ram.host;

    g_assert_cmphex(to->f->alloc.next, ==, from->f->alloc.next);
    memcpy(x, y, LOW_END);
    memcpy(x + FIXTURE_TABLES, y + FIXTURE_TABLES,
           from->f->alloc.next - FIXTURE_TABLES);
}

/* The registers.  Findings, at the end, are counted over a unit's whole life,
 * so that those of a history differ. */
static char *dump(const Twin *twin)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const char *findings;

    viommu_dump(twin->f->unit, text);
    findings = strstr(text->str, "finding ");
    return findings ? g_strndup(text->str, (gsize)(findings - text->str))
                    : g_strdup(text->str);
}

void twins_compare_all(Twins *t)
{
    g_autofree char *first = dump(&t->of[0]);
    GBytes *stream = viommu_save(t->of[0].f->unit);

    for (unsigned i = 1; i < t->n; i++) {
        g_autofree char *text = dump(&t->of[i]);
        GBytes *other = viommu_save(t->of[i].f->unit);

        g_assert_cmpstr(text, ==, first);
        g_assert_true(g_bytes_equal(stream, other));
        g_bytes_unref(other);
        compare_memory(&t->of[0], &t->of[i]);
    }
    g_bytes_unref(stream);
}

/* --- What is done --------------------------------------------------------- */

uint32_t twins_below(Twins *t, uint32_t end)
{
    return (uint32_t)g_rand_int_range(t->rand, 0, (gint32)end);
}

uint64_t twins_word(Twins *t)
{
    return (uint64_t)g_rand_int(t->rand) << 32 | g_rand_int(t->rand);
}

uint64_t twins_page(Twins *t)
{
    return TWINS_SCRATCH + twins_below(t, TWINS_PAGES) * UINT64_C(0x1000);
}

uint64_t twins_value(Twins *t)
{
    switch (twins_below(t, 4)) {
    case 0:
        return twins_page(t) | twins_below(t, 4096);
    case 1:
        return UINT64_C(1) << twins_below(t, 64);
    case 2:
        return twins_below(t, 256);
    default:
        /* beyond RAM */
        return twins_word(t) | UINT64_C(1) << 40;
    }
}

void twins_write(Twins *t, uint64_t offset, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < t->n; i++) {
        viommu_mmio_write(t->of[i].f->unit, offset, value, size);
    }
}

void twins_read(Twins *t, uint64_t offset, unsigned size)
{
    for (unsigned i = 0; i < t->n; i++) {
        note(&t->of[i], "%" PRIx64 ": %" PRIx64, offset,
             viommu_mmio_read(t->of[i].f->unit, offset, size));
    }
}

void twins_ask(Twins *t, const ViommuRequest *req)
{
    for (unsigned i = 0; i < t->n; i++) {
        ViommuReply r;
        ViommuStatus status = fixture_ask(t->of[i].f, req, &r);

        note(&t->of[i], "request %x %" PRIx64 ": %d, %" PRIx64 " %" PRIx64
             " access %x %d%d%d%d%d reason %x tag %x", req->source, req->addr,
             status, r.addr, r.size, r.access, r.snoop, r.interrupt, r.global,
             r.privileged, r.untranslated_only, r.reason,
             status == VIOMMU_STALLED ? r.stall_tag : 0);
    }
}

void twins_msi(Twins *t, uint32_t source, const ViommuMsi *msi)
{
    for (unsigned i = 0; i < t->n; i++) {
        ViommuMsi out = { 0 };
        ViommuMsiResult result = viommu_remap_msi(t->of[i].f->unit, source,
                                                  msi, false, &out);

        note(&t->of[i], "interrupt: %d %" PRIx64 " %x", result, out.addr,
             out.data);
    }
}

void twins_page_request(Twins *t, const ViommuPageRequest *req)
{
    for (unsigned i = 0; i < t->n; i++) {
        viommu_page_request(t->of[i].f->unit, req);
    }
}

static void load(Fixture *f, GBytes *stream)
{
    GError *error = NULL;

    viommu_load(f->unit, g_bytes_get_data(stream, NULL),
                g_bytes_get_size(stream), &error);
    g_assert_no_error(error);
}

void twins_embedder(Twins *t)
{
    unsigned what = twins_below(t, 40), times = twins_below(t, 3);

    for (unsigned i = 0; i < t->n; i++) {
        Fixture *f = t->of[i].f;

        if (what < 30) {
            if (g_atomic_int_compare_and_exchange(&f->run_wanted, 1, 0)) {
                viommu_run(f->unit);
            }
        } else if (what < 33) {
            t->of[i].not_drained = times;
        } else if (what < 36) {
            g_atomic_int_set(&f->device_silent, what == 33);
        } else if (what < 37) {
            viommu_unexpected_completion(f->unit, 0x100 + times);
        } else if (what < 39) {
            GBytes *stream = viommu_save(f->unit);

            load(f, stream);
            g_bytes_unref(stream);
        } else {
            viommu_reset(f->unit);
        }
    }
}
