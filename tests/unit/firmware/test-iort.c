/* SPDX-License-Identifier: BSD-3-Clause */
/* The IORT: what iasl reads in it, and what is refused. */
#include <string.h>

#include <hw/iommu/viommu-firmware.h>

#include "tests/lib/unit/iasl.h"

typedef struct Table {
    ViommuIort iort;
    ViommuIortSmmu smmus[2];
    ViommuIortRoot roots[2];
    ViommuIortMapping mappings[3];
    ViommuIortReserved reserved[2];
    ViommuIortStreams streams[2];
} Table;

/* A unit in front of bus 0 to 0x7f; the rest goes to the ITS. */
static void table_init(Table *t)
{
    *t = (Table) {
        .smmus[0] = {
            .base = 0x9050000, .coherent = true, .httu = 2, .event_gsiv = 106,
            .pri_gsiv = 107, .sync_gsiv = 108, .gerror_gsiv = 109,
            .streams = 0x10000,
        },
        .roots[0] = { .ats = true, .pri = true, .pasid = true,
                      .pasid_bits = 16 },
        .mappings[0] = { .input_base = 0, .count = 0x8000,
                         .output_base = 0, .to = 0 },
        .mappings[1] = { .input_base = 0x8000, .count = 0x8000,
                         .output_base = 0x8000, .to = VIOMMU_IORT_ITS },
        .iort = {
            .header = { .oem_id = "VIOMMU", .oem_table_id = "TEST",
                        .creator_id = "ABCD" },
            .its = true, .n_smmus = 1, .n_roots = 1,
        },
    };
    t->iort.smmus = t->smmus;
    t->iort.roots = t->roots;
    t->roots[0].mappings = t->mappings;
    t->roots[0].n_mappings = 2;
}

static uint64_t get(const GByteArray *out, size_t at, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)out->data[at + i] << (8 * i);
    }
    return value;
}

/* The table of @t, which is a good one. */
static GByteArray *build(const Table *t)
{
    GError *error = NULL;
    GByteArray *out = viommu_iort_build(&t->iort, &error);

    g_assert_no_error(error);
    g_assert_cmphex(table_sum(out), ==, 0);
    return out;
}

static void test_bytes(void)
{
    GByteArray *out;
    Table t;

    table_init(&t);
    out = build(&t);
    g_assert_cmpmem(out->data, 4, "IORT", 4);
    /* header, ITS group, unit with one mapping, root complex with two */
    g_assert_cmpuint(out->len, ==, 48 + 24 + (68 + 20) + (40 + 2 * 20));
    g_assert_cmpuint(get(out, 4, 4), ==, out->len);
    g_assert_cmpuint(get(out, 36, 4), ==, 3);
    g_assert_cmpuint(get(out, 40, 4), ==, 48);
    /* the unit: type, base, COHACC, interrupts */
    g_assert_cmpuint(out->data[72], ==, 4);
    g_assert_cmphex(get(out, 72 + 16, 8), ==, 0x9050000);
    g_assert_cmphex(get(out, 72 + 24, 4), ==, 1 | 2 << 1);
    g_assert_cmpuint(get(out, 72 + 44, 4), ==, 106);
    g_assert_cmpuint(get(out, 72 + 48, 4), ==, 107);
    g_assert_cmpuint(get(out, 72 + 52, 4), ==, 109);
    g_assert_cmpuint(get(out, 72 + 56, 4), ==, 108);
    /* its mapping: all StreamIDs to the ITS group */
    g_assert_cmphex(get(out, 72 + 68 + 4, 4), ==, 0xffff);
    g_assert_cmphex(get(out, 72 + 68 + 12, 4), ==, 48);
    /* the root complex: ATS, PRI, PASID; 16 bits */
    g_assert_cmpuint(out->data[160], ==, 2);
    g_assert_cmphex(get(out, 160 + 24, 4), ==, 7);
    g_assert_cmpuint(get(out, 160 + 33, 2), ==, 16);
    /* its mappings: to the unit, to the ITS group */
    g_assert_cmphex(get(out, 160 + 40 + 4, 4), ==, 0x7fff);
    g_assert_cmphex(get(out, 160 + 40 + 12, 4), ==, 72);
    g_assert_cmphex(get(out, 160 + 60, 4), ==, 0x8000);
    g_assert_cmphex(get(out, 160 + 60 + 12, 4), ==, 48);
    g_byte_array_unref(out);
}

static void refused(const Table *t, const char *what)
{
    GError *error = NULL;

    g_assert_null(viommu_iort_build(&t->iort, &error));
    g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG);
    g_assert_nonnull(strstr(error->message, what));
    g_error_free(error);
}

static void test_refused(void)
{
    Table t;

    table_init(&t);
    t.smmus[0].base = 0x9051000;
    refused(&t, "0x9051000");
    table_init(&t);
    t.smmus[0].httu = 3;
    refused(&t, "httu 3");
    table_init(&t);
    t.smmus[0].streams = 0x10001;
    refused(&t, "65537 streams");
    table_init(&t);
    t.smmus[0].streams = 0;
    refused(&t, "0 streams");
    table_init(&t);
    t.roots[0].pasid_bits = 21;
    refused(&t, "21 bits");
    table_init(&t);
    t.roots[0].pasid = false;
    refused(&t, "16 bits");
    table_init(&t);
    t.mappings[0].to = 1;
    refused(&t, "mapping 0: there is no such unit");
    table_init(&t);
    t.iort.its = false;
    refused(&t, "mapping 1: there is no such unit");
    table_init(&t);
    t.mappings[1].input_base = 0x7fff;
    refused(&t, "0 and 1 overlap");
    table_init(&t);
    t.mappings[0].count = 0;
    refused(&t, "mapping 0: 0 IDs");
    table_init(&t);
    t.mappings[1].input_base = 0xffff8001;
    refused(&t, "0xffff8001");
    table_init(&t);
    t.iort.header.oem_id = "TOOLONG";
    refused(&t, "TOOLONG");
    /* 1 + 65535 / 20: more than a node's length can say */
    table_init(&t);
    t.roots[0].n_mappings = 3400;
    refused(&t, "3400 mappings");
}

/* Two units, two segments, no ITS: nodes find each other. */
static void test_several(void)
{
    GByteArray *out;
    Table t;

    table_init(&t);
    t.iort.its = false;
    t.smmus[1] = t.smmus[0];
    t.smmus[1].base = 0x9070000;
    t.iort.n_smmus = 2;
    t.mappings[1].to = 1;
    t.roots[1] = t.roots[0];
    t.roots[1].segment = 1;
    t.mappings[2] = (ViommuIortMapping) { .count = 1, .output_base = 7,
                                          .to = 1 };
    t.roots[1].mappings = &t.mappings[2];
    t.roots[1].n_mappings = 1;
    t.iort.n_roots = 2;
    out = build(&t);
    g_assert_cmpuint(out->len, ==, 48 + 2 * 68 + (40 + 2 * 20) + (40 + 20));
    /* no mapping of its own */
    g_assert_cmpuint(get(out, 48 + 8, 4), ==, 0);
    g_assert_cmphex(get(out, 184 + 40 + 12, 4), ==, 48);
    g_assert_cmphex(get(out, 184 + 60 + 12, 4), ==, 48 + 68);
    g_assert_cmphex(get(out, 264 + 28, 4), ==, 1);
    g_assert_cmphex(get(out, 264 + 40 + 8, 4), ==, 7);
    g_assert_cmphex(get(out, 264 + 40 + 12, 4), ==, 48 + 68);
    g_byte_array_unref(out);
}

/* A segment that is behind no unit, where there is no ITS, is told of. */
static void test_bypassing(void)
{
    GByteArray *out;
    Table t;

    table_init(&t);
    t.iort.its = false;
    t.roots[0].n_mappings = 0;
    out = build(&t);
    g_assert_cmpuint(out->len, ==, 48 + 68 + 40);
    g_assert_cmpuint(get(out, 36, 4), ==, 2);
    g_assert_cmpuint(get(out, 116, 1), ==, 2);
    g_assert_cmpuint(get(out, 116 + 1, 2), ==, 40);
    g_assert_cmphex(get(out, 116 + 8, 8), ==, 0);
    g_byte_array_unref(out);
}

/* The second unit sends messages of its own, with DeviceID 5. */
static void with_msi(Table *t)
{
    table_init(t);
    t->smmus[1] = t->smmus[0];
    t->smmus[1].base = 0xc000000;
    t->smmus[1].msi = true;
    t->smmus[1].device_id = 5;
    t->iort.n_smmus = 2;
    t->mappings[1].to = 1;
}

static void test_msi(void)
{
    GByteArray *out;
    Table t;

    with_msi(&t);
    out = build(&t);
    g_assert_cmpuint(out->len, ==,
                     48 + 24 + (68 + 20) + (68 + 2 * 20) + (40 + 2 * 20));
    /* E.e: revision 6, the node's is 5, "DeviceID mapping index valid" */
    g_assert_cmpuint(out->data[8], ==, 6);
    g_assert_cmpuint(out->data[72 + 3], ==, 4);
    g_assert_cmphex(get(out, 72 + 24, 4) & 1 << 4, ==, 0);
    g_assert_cmpuint(out->data[160 + 3], ==, 5);
    g_assert_cmphex(get(out, 160 + 24, 4), ==, 1 | 2 << 1 | 1 << 4);
    g_assert_cmpuint(get(out, 160 + 8, 4), ==, 2);
    g_assert_cmpuint(get(out, 160 + 64, 4), ==, 1);
    /* the mapping with that index: one, to the ITS group, "single" */
    g_assert_cmpuint(get(out, 160 + 88 + 4, 4), ==, 0);
    g_assert_cmpuint(get(out, 160 + 88 + 8, 4), ==, 5);
    g_assert_cmpuint(get(out, 160 + 88 + 12, 4), ==, 48);
    g_assert_cmpuint(get(out, 160 + 88 + 16, 4), ==, 1);
    /* the root complex finds both units */
    g_assert_cmphex(get(out, 268 + 40 + 12, 4), ==, 72);
    g_assert_cmphex(get(out, 268 + 60 + 12, 4), ==, 160);
    g_byte_array_unref(out);

    t.mappings[1].to = 0;
    t.iort.its = false;
    refused(&t, "SMMUv3 1: messages of its own need an ITS");
}

/* A megabyte that all streams of both units leave in place, and another one
 * for a single stream. */
static void with_reserved(Table *t)
{
    table_init(t);
    t->smmus[1] = t->smmus[0];
    t->smmus[1].base = 0xc000000;
    t->iort.n_smmus = 2;
    t->streams[0] = (ViommuIortStreams) { .smmu = 0, .count = 0x8000 };
    t->streams[1] = (ViommuIortStreams) { 1, 0x8008, 1 };
    t->reserved[0] = (ViommuIortReserved) {
        .base = 0x8000000, .size = 0x100000, .streams = t->streams,
        .n_streams = 2,
    };
    t->reserved[1] = (ViommuIortReserved) {
        .base = 0xffffffffffff0000, .size = 0x10000,
        .streams = &t->streams[1], .n_streams = 1,
    };
    t->iort.reserved = t->reserved;
    t->iort.n_reserved = 2;
}

static void test_reserved(void)
{
    const unsigned at = 48 + 24 + 2 * (68 + 20) + (40 + 2 * 20);
    GByteArray *out;
    Table t;

    with_reserved(&t);
    out = build(&t);
    g_assert_cmpuint(out->len, ==, at + (28 + 2 * 20 + 20) + (28 + 20 + 20));
    /* E.d: revision 5; the nodes stand behind the others */
    g_assert_cmpuint(out->data[8], ==, 5);
    g_assert_cmpuint(get(out, 36, 4), ==, 6);
    g_assert_cmpuint(out->data[at], ==, 6);
    g_assert_cmpuint(get(out, at + 1, 2), ==, 28 + 2 * 20 + 20);
    g_assert_cmpuint(out->data[at + 3], ==, 3);
    g_assert_cmpuint(get(out, at + 4, 4), ==, 4);
    g_assert_cmpuint(get(out, at + 8, 4), ==, 2);
    g_assert_cmpuint(get(out, at + 12, 4), ==, 28);
    /* remapping permitted, no privilege, device memory; one descriptor */
    g_assert_cmphex(get(out, at + 16, 4), ==, 1);
    g_assert_cmpuint(get(out, at + 20, 4), ==, 1);
    g_assert_cmpuint(get(out, at + 24, 4), ==, 28 + 2 * 20);
    /* streams: how many minus one, which, of whom */
    g_assert_cmphex(get(out, at + 28 + 4, 4), ==, 0x7fff);
    g_assert_cmphex(get(out, at + 28 + 8, 4), ==, 0);
    g_assert_cmpuint(get(out, at + 28 + 12, 4), ==, 72);
    g_assert_cmphex(get(out, at + 48 + 4, 4), ==, 0);
    g_assert_cmphex(get(out, at + 48 + 8, 4), ==, 0x8008);
    g_assert_cmpuint(get(out, at + 48 + 12, 4), ==, 72 + 88);
    g_assert_cmphex(get(out, at + 68, 8), ==, 0x8000000);
    g_assert_cmphex(get(out, at + 76, 8), ==, 0x100000);
    g_assert_cmphex(get(out, at + 88 + 48, 8), ==, 0xffffffffffff0000);
    g_assert_cmphex(get(out, at + 88 + 56, 8), ==, 0x10000);
    g_byte_array_unref(out);

    /* with messages of a unit's, E.e's table has both */
    t.smmus[1].msi = true;
    out = build(&t);
    g_assert_cmpuint(out->data[8], ==, 6);
    g_byte_array_unref(out);
}

static void test_reserved_refused(void)
{
    static const struct {
        uint64_t base, size;
        const char *says;
    } ranges[] = {
        { 0x8001000, 0x100000, "range 0: 0x100000 bytes at 0x8001000" },
        { 0x8000000, 0x8000, "0x8000 bytes" },
        { 0x8000000, 0, "0x0 bytes" },
        { 0xffffffffffff0000, 0x20000, "0x20000 bytes" },
    };
    static const struct {
        ViommuIortStreams streams;
        const char *says;
    } streams[] = {
        { { 2, 0, 1 }, "of SMMUv3 2" },
        { { 0, 0, 0 }, "0 streams" },
        { { 0, 1, 0x10000 }, "65536 streams from 0x1" },
        { { 0, 0xfffffff0, 0x20 }, "32 streams from 0xfffffff0" },
        { { 0, 0, 0x10001 }, "65537 streams" },
    };
    Table t;

    for (unsigned i = 0; i < G_N_ELEMENTS(ranges); i++) {
        with_reserved(&t);
        t.reserved[0].base = ranges[i].base;
        t.reserved[0].size = ranges[i].size;
        refused(&t, ranges[i].says);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(streams); i++) {
        with_reserved(&t);
        t.streams[0] = streams[i].streams;
        refused(&t, streams[i].says);
    }
    with_reserved(&t);
    t.reserved[0].n_streams = 0;
    refused(&t, "0 ranges of streams");
    with_reserved(&t);
    t.reserved[0].n_streams = 3300;
    refused(&t, "3300 ranges of streams");
}

/* What iasl calls them; the list is in the order of the table. */
static const char *const msi_fields[] = {
    "Revision : 06", "Node Count : 00000004", "Revision : 04",
    "Mapping Count : 00000001", "Revision : 05", "Mapping Count : 00000002",
    "Base Address : 000000000C000000", "Device ID Mapping Index : 00000001",
    "ID Count : 0000FFFF", "ID Count : 00000000", "Output Base : 00000005",
    "Output Reference : 00000030", "Single Mapping : 1",
    "Output Reference : 00000048", "Output Reference : 000000A0",
};

static const char *const fields[] = {
    "Signature : \"IORT\"", "Node Count : 00000003", "Type : 00",
    "Type : 04", "Base Address : 0000000009050000", "COHACC Override : 1",
    "Event GSIV : 0000006A", "PRI GSIV : 0000006B", "GERR GSIV : 0000006D",
    "Sync GSIV : 0000006C", "ID Count : 0000FFFF",
    "Output Reference : 00000030", "Type : 02", "ATS Attribute : 00000007",
    "ID Count : 00007FFF", "Output Reference : 00000048",
    "Input base : 00008000", "Output Reference : 00000030",
};

static const char *const reserved_nodes[] = {
    "Revision : 05", "Node Count : 00000006", "Type : 06", "Length : 0058",
    "Revision : 03", "Mapping Count : 00000002", "Mapping Offset : 0000001C",
};

/* of an iasl from 2021 on */
static const char *const reserved_fields[] = {
    "Remapping Permitted : 1", "Access Privileged : 0",
    "Access Attributes : 00", "Number of RMR Descriptors : 00000001",
    "RMR Descriptor Offset : 00000044",
    "Base Address of RMR : 0000000008000000",
    "Length of RMR : 0000000000100000", "ID Count : 00007FFF",
    "Output Reference : 00000048", "ID Count : 00000000",
    "Output Base : 00008008", "Output Reference : 000000A0", "Type : 06",
    "Base Address of RMR : FFFFFFFFFFFF0000",
};

/* It need not know @word, nor then what is @wanted. */
static void iasl_shows(const Table *t, const char *word,
                       const char *const *wanted, unsigned n)
{
    GByteArray *out = build(t);
    g_autofree char *listing = NULL;
    const char *at;

    listing = iasl_listing(out);
    g_byte_array_unref(out);
    if (!listing) {
        g_test_skip("iasl is not installed");
        return;
    }
    if (word && !strstr(listing, word)) {
        return;
    }
    at = listing;
    for (unsigned i = 0; i < n; i++) {
        at = strstr(at, wanted[i]);
        if (!at) {
            g_error("iasl shows no '%s' there:\n%s", wanted[i], listing);
        }
        at++;
    }
}

static void test_iasl(void)
{
    Table t;

    table_init(&t);
    iasl_shows(&t, NULL, fields, G_N_ELEMENTS(fields));
    with_msi(&t);
    iasl_shows(&t, NULL, msi_fields, G_N_ELEMENTS(msi_fields));
    with_reserved(&t);
    iasl_shows(&t, NULL, reserved_nodes, G_N_ELEMENTS(reserved_nodes));
    iasl_shows(&t, "RMR Descriptors", reserved_fields,
               G_N_ELEMENTS(reserved_fields));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/iort/bytes", test_bytes);
    g_test_add_func("/iort/several", test_several);
    g_test_add_func("/iort/bypassing", test_bypassing);
    g_test_add_func("/iort/msi", test_msi);
    g_test_add_func("/iort/reserved", test_reserved);
    g_test_add_func("/iort/refused", test_refused);
    g_test_add_func("/iort/reserved-refused", test_reserved_refused);
    g_test_add_func("/iort/iasl", test_iasl);
    return g_test_run();
}
