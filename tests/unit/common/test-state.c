/* SPDX-License-Identifier: BSD-3-Clause */
/* Save and load: round trips, and streams that must be refused whole. */
#include <string.h>

#include "tests/lib/unit/fixture.h"

#define SOURCE 0x0108

/* A unit with something in each group of registers. */
static Fixture *busy_unit(ViommuVtdConfig *config, Simple *s)
{
    Fixture *f = fixture_new(config);
    GuestIrte irte = { .vector = 0x55, .dest = 3, .eim = true };
    uint64_t irt;
    ViommuReply reply;

    guest_set_reg32(&f->regs, SPEC_FEADDR, SPEC_MSI_BASE);
    guest_set_reg32(&f->regs, SPEC_FEDATA, 0x31);
    guest_set_reg32(&f->regs, SPEC_FEUADDR, 0x100);
    guest_set_reg32(&f->regs, SPEC_IEADDR, SPEC_MSI_BASE);
    guest_set_reg32(&f->regs, SPEC_IEDATA, 0x32);
    guest_set_reg32(&f->regs, SPEC_PLMBASE, 0x200000);
    guest_set_reg32(&f->regs, SPEC_PLMLIMIT, 0x200000);
    fixture_simple(f, s, SOURCE, 5, 4);
    g_assert_true(guest_ss_map(&f->alloc, s->table, 4, 0x1000, 0x5000, 1,
                               SPEC_SS_R | SPEC_SS_W));
    irt = guest_alloc_pages(&f->alloc, 1);
    guest_irte_set(&f->mem, irt, 7, &irte);
    g_assert_true(guest_set_irta(&f->regs, irt, 7, true));
    g_assert_true(guest_command(&f->regs, SPEC_GCMD_IRE, 0));
    /* latched pointers are not what the registers say now */
    guest_set_reg64(&f->regs, SPEC_RTADDR, 0x123000);
    guest_set_reg64(&f->regs, SPEC_IRTA, 0x124000);
    /* two faults; the event is masked, so it is pending */
    fixture_translate(f, SOURCE, 0x3000, VIOMMU_READ, &reply);
    fixture_translate(f, SOURCE + 1, 0x4000, VIOMMU_WRITE, &reply);
    g_assert_true(guest_reg32(&f->regs, SPEC_FECTL) & SPEC_ECTL_IP);
    return f;
}

static void assert_works(Fixture *f)
{
    ViommuReply reply;
    ViommuMsi in = { .addr = guest_msi_addr(7, false) }, out;

    g_assert_cmpint(fixture_translate(f, SOURCE, 0x1010, VIOMMU_WRITE,
                                      &reply), ==, VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, 0x5010);
    g_assert_cmpint(viommu_remap_msi(f->unit, SOURCE, &in, false, &out), ==,
                    VIOMMU_MSI_DELIVER);
    g_assert_cmphex(out.data & SPEC_MSI_DATA_VECTOR, ==, 0x55);
}

static char *dump(Viommu *unit)
{
    GString *text = g_string_new(NULL);

    viommu_dump(unit, text);
    return g_string_free(text, FALSE);
}

/* Everything that a guest can see, and the stream, as they were. */
static void assert_unchanged(Viommu *unit, const char *text, GBytes *stream)
{
    char *now = dump(unit);
    GBytes *saved = viommu_save(unit);

    g_assert_cmpstr(now, ==, text);
    g_assert_true(g_bytes_equal(saved, stream));
    g_bytes_unref(saved);
    g_free(now);
}

static void assert_refused(Viommu *unit, const void *data, size_t size,
                           const char *text, GBytes *stream)
{
    GError *error = NULL;

    g_assert_false(viommu_load(unit, data, size, &error));
    g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_STREAM);
    g_assert_null(strchr(error->message, '\n'));
    g_clear_error(&error);
    assert_unchanged(unit, text, stream);
}

static void test_round_trip(void)
{
    ViommuVtdConfig config;
    Simple s;
    Fixture *f, *g;
    GBytes *stream, *again;
    GError *error = NULL;
    char *before, *after;
    ViommuReply reply;

    fixture_config(&config);
    f = busy_unit(&config, &s);
    before = dump(f->unit);
    stream = viommu_save(f->unit);
    again = viommu_save(f->unit);
    g_assert_true(g_bytes_equal(stream, again));
    g_bytes_unref(again);

    /* into another unit over the same memory */
    g = fixture_new(&config);
    memcpy(g->ram.host, f->ram.host, FIXTURE_RAM);
    /* what it has translated so far is forgotten */
    fixture_translate(g, SOURCE, 0x1010, VIOMMU_READ, &reply);
    g_assert_cmphex(reply.addr, ==, 0x1010);
    g_assert_true(viommu_load(g->unit, g_bytes_get_data(stream, NULL),
                              g_bytes_get_size(stream), &error));
    g_assert_no_error(error);
    fixture_run(g);
    after = dump(g->unit);
    g_assert_cmpstr(before, ==, after);
    again = viommu_save(g->unit);
    g_assert_true(g_bytes_equal(stream, again));
    assert_works(g);
    assert_works(f);
    /* the queue goes on where it stood */
    g->queue = f->queue;
    g->queue.mem = g->mem;
    g->queue.regs = g->regs;
    fixture_wait(g);
    /* so do the fault records: the third one is next */
    fixture_translate(g, SOURCE + 2, 0x4000, VIOMMU_WRITE, &reply);
    g_assert_cmphex(guest_reg64(&g->regs, guest_frcd_offset(&g->regs, 2) + 8) &
                        (SPEC_FRCD_HI_F | SPEC_FRCD_HI_SID), ==,
                    SPEC_FRCD_HI_F | (SOURCE + 2));
    /* and the pending event comes when it is unmasked */
    fixture_forget(g);
    guest_set_reg32(&g->regs, SPEC_FECTL, 0);
    g_assert_cmpuint(fixture_msis(g), ==, 1);
    g_assert_cmphex(fixture_msi(g, 0).data, ==, 0x31);
    g_assert_cmphex(fixture_msi(g, 0).addr, ==,
                    SPEC_MSI_BASE | UINT64_C(0x100) << 32);
    g_free(before);
    g_free(after);
    g_bytes_unref(stream);
    g_bytes_unref(again);
    fixture_free(f);
    fixture_free(g);
}

/* A queue that was stopped by an error, and a protected region, survive. */
static void test_round_trip_errors(void)
{
    ViommuVtdConfig config;
    Simple s;
    Fixture *f, *g;
    GBytes *stream;
    GError *error = NULL;
    ViommuReply reply;

    fixture_config(&config);
    f = busy_unit(&config, &s);
    guest_queue_push(&f->queue, 0xf, 0);    /* no such type */
    guest_queue_ring(&f->queue);
    g_assert_true(guest_reg32(&f->regs, SPEC_FSTS) & SPEC_FSTS_IQE);
    g_assert_true(guest_command(&f->regs, 0, SPEC_GCMD_TE));
    guest_set_reg32(&f->regs, SPEC_PMEN, SPEC_PMEN_EPM);
    g_assert_cmpint(fixture_translate(f, SOURCE, 0x200000, VIOMMU_READ,
                                      &reply), ==, VIOMMU_FAULT);
    stream = viommu_save(f->unit);

    g = fixture_new(&config);
    memcpy(g->ram.host, f->ram.host, FIXTURE_RAM);
    g_assert_true(viommu_load(g->unit, g_bytes_get_data(stream, NULL),
                              g_bytes_get_size(stream), &error));
    fixture_run(g);
    g_assert_true(guest_reg32(&g->regs, SPEC_PMEN) & SPEC_PMEN_PRS);
    g_assert_cmpint(fixture_translate(g, SOURCE, 0x200000, VIOMMU_READ,
                                      &reply), ==, VIOMMU_FAULT);
    g_assert_cmpint(fixture_translate(g, SOURCE, 0x800000, VIOMMU_READ,
                                      &reply), ==, VIOMMU_OK);
    /* the guest repairs the descriptor and goes on */
    g->queue = f->queue;
    g->queue.mem = g->mem;
    g->queue.regs = g->regs;
    g->queue.tail = (uint32_t)guest_reg64(&g->regs, SPEC_IQH);
    guest_queue_iotlb(&g->queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    guest_set_reg32(&g->regs, SPEC_FSTS, SPEC_FSTS_IQE);
    fixture_wait(g);
    g_bytes_unref(stream);
    fixture_free(f);
    fixture_free(g);
}

static void test_truncated(void)
{
    ViommuVtdConfig config;
    Simple s;
    Fixture *f, *g;
    GBytes *stream, *old;
    const uint8_t *data;
    gsize size;
    char *text;

    fixture_config(&config);
    f = busy_unit(&config, &s);
    stream = viommu_save(f->unit);
    data = g_bytes_get_data(stream, &size);
    g = fixture_new(&config);
    guest_set_reg32(&g->regs, SPEC_FEDATA, 0x77);
    text = dump(g->unit);
    old = viommu_save(g->unit);
    for (gsize n = 0; n < size; n++) {
        /* in a block of its own, so that a sanitizer sees an over-read */
        uint8_t *part = g_memdup2(data, n);

        assert_refused(g->unit, part, n, text, old);
        g_free(part);
    }
    /* and with something behind its end */
    for (gsize n = 1; n < 20; n++) {
        uint8_t *more = g_malloc0(size + n);

        memcpy(more, data, size);
        assert_refused(g->unit, more, size + n, text, old);
        g_free(more);
    }
    g_assert_false(viommu_load(g->unit, data, 3, NULL));
    g_assert_cmpuint(fixture_msis(g), ==, 0);
    g_free(text);
    g_bytes_unref(old);
    g_bytes_unref(stream);
    fixture_free(f);
    fixture_free(g);
}

static void test_bit_flips(void)
{
    ViommuVtdConfig config;
    Simple s;
    Fixture *f, *g;
    GBytes *stream, *old;
    uint8_t *data;
    gsize size;
    char *text;

    fixture_config(&config);
    config.fault_records = 2;
    f = busy_unit(&config, &s);
    stream = viommu_save(f->unit);
    data = g_memdup2(g_bytes_get_data(stream, &size),
                     g_bytes_get_size(stream));
    g = fixture_new(&config);
    text = dump(g->unit);
    old = viommu_save(g->unit);
    for (gsize i = 0; i < size * 8; i++) {
        data[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_refused(g->unit, data, size, text, old);
        data[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    g_assert_true(viommu_load(g->unit, data, size, NULL));
    g_free(data);
    g_free(text);
    g_bytes_unref(old);
    g_bytes_unref(stream);
    fixture_free(f);
    fixture_free(g);
}

/*
 * The stream begins with 8 bytes that say what it is and a 32-bit version,
 * and ends with a SHA-256 of what comes before.
 */
static void test_newer(void)
{
    ViommuVtdConfig config;
    Simple s;
    Fixture *f;
    GBytes *stream;
    uint8_t *data;
    gsize size, n = 32;
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    GError *error = NULL;
    char *text;

    fixture_config(&config);
    f = busy_unit(&config, &s);
    text = dump(f->unit);
    stream = viommu_save(f->unit);
    data = g_memdup2(g_bytes_get_data(stream, &size),
                     g_bytes_get_size(stream));
    g_assert_cmpuint(size, >, 12 + 32);
    data[8]++;
    g_checksum_update(sum, data, (gssize)size - 32);
    g_checksum_get_digest(sum, data + size - 32, &n);
    g_assert_false(viommu_load(f->unit, data, size, &error));
    g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_STREAM);
    g_assert_nonnull(strstr(error->message, "version"));
    g_clear_error(&error);
    assert_unchanged(f->unit, text, stream);
    g_checksum_free(sum);
    g_free(data);
    g_free(text);
    g_bytes_unref(stream);
    fixture_free(f);
}

#define OTHER(name, statement)              \
    static void name(ViommuVtdConfig *c)    \
    {                                       \
        statement;                          \
    }

OTHER(other_aw, c->aw_bits = 39)
OTHER(other_haw, c->haw_bits = 45)
OTHER(other_records, c->fault_records = 9)
OTHER(other_cm, c->caching_mode = true)
OTHER(other_translation, c->dma_translation = false)
OTHER(other_drain, c->dma_drain = !c->dma_drain)
OTHER(other_pt, c->pass_through = !c->pass_through)
OTHER(other_sc, c->snoop_control = !c->snoop_control)
OTHER(other_dt, c->device_iotlb = false)
OTHER(other_ir, c->interrupt_remapping = false;
      c->extended_interrupt_mode = false; c->posted_interrupts = false)
OTHER(other_eim, c->extended_interrupt_mode = false)
OTHER(other_pi, c->posted_interrupts = false)
OTHER(other_pmr, c->protected_memory = false)
OTHER(other_esrtps, c->enhanced_set_pointer = true)

static void test_other_configuration(void)
{
    static void (*const changes[])(ViommuVtdConfig *) = {
        other_aw, other_haw, other_records, other_cm, other_translation,
        other_drain, other_pt, other_sc, other_dt, other_ir, other_eim,
        other_pi, other_pmr, other_esrtps,
    };
    ViommuVtdConfig config;
    Simple s;
    Fixture *f;
    GBytes *stream;

    fixture_config(&config);
    f = busy_unit(&config, &s);
    stream = viommu_save(f->unit);
    for (unsigned i = 0; i < G_N_ELEMENTS(changes); i++) {
        Fixture *g;
        GBytes *old;
        char *text;

        fixture_config(&config);
        changes[i](&config);
        g = fixture_new(&config);
        text = dump(g->unit);
        old = viommu_save(g->unit);
        assert_refused(g->unit, g_bytes_get_data(stream, NULL),
                       g_bytes_get_size(stream), text, old);
        g_free(text);
        g_bytes_unref(old);
        fixture_free(g);
    }
    /* the size of a cache is nobody's business */
    {
        Fixture *g;
        GError *error = NULL;

        fixture_config(&config);
        config.iotlb_bits++;
        g = fixture_new(&config);
        g_assert_true(viommu_load(g->unit, g_bytes_get_data(stream, NULL),
                                  g_bytes_get_size(stream), &error));
        g_assert_no_error(error);
        fixture_free(g);
    }
    g_bytes_unref(stream);
    fixture_free(f);
}

static void test_random_bytes(void)
{
    ViommuVtdConfig config;
    Fixture *f;
    char *text;
    GBytes *old;

    fixture_config(&config);
    f = fixture_new(&config);
    text = dump(f->unit);
    old = viommu_save(f->unit);
    for (unsigned i = 0; i < 200; i++) {
        gsize size = (gsize)g_test_rand_int_range(0, 4096);
        uint8_t *data = g_malloc(size + 1);

        for (gsize k = 0; k < size; k++) {
            data[k] = (uint8_t)g_test_rand_int();
        }
        assert_refused(f->unit, data, size, text, old);
        g_free(data);
    }
    g_free(text);
    g_bytes_unref(old);
    fixture_free(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/state/round-trip", test_round_trip);
    g_test_add_func("/state/round-trip-errors", test_round_trip_errors);
    g_test_add_func("/state/truncated", test_truncated);
    g_test_add_func("/state/bit-flips", test_bit_flips);
    g_test_add_func("/state/newer", test_newer);
    g_test_add_func("/state/other-configuration", test_other_configuration);
    g_test_add_func("/state/random-bytes", test_random_bytes);
    return g_test_run();
}
